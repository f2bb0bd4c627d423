"""The watchers: a thread for each account whose provider can push; every push is only a hint to pull now."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, suppress
from datetime import datetime, timedelta
from time import monotonic
from typing import Final
from uuid import uuid4

import structlog

from connectors.port import Connection, PortError, RateLimited, Watcher
from worker.actors import Nudges
from worker.heartbeat import LASTING, beating
from worker.store import accounts, leases
from worker.store.engine import StoreError
from worker.store.store import Store

LOOK_ROUND: Final = timedelta(seconds=30)
"""How often accounts that are new, or whose watcher ended, are taken up."""
LONGEST: Final = timedelta(hours=1)
"""So long at most an account whose watcher fails again and again is left alone: servers count sign-ins; it is polled meanwhile."""
LISTEN: Final = timedelta(minutes=2)
"""One wait."""

log = structlog.get_logger()


class Watch:
    """Holds one watcher for each active account that has a push channel; by lease, so that of many processes one does."""

    def __init__(
        self, store: Store, clock: Callable[[], datetime], open_connection: Callable[[str], Connection], nudges: Nudges
    ) -> None:
        self._store = store
        self._clock = clock
        self._open_connection = open_connection
        self._nudges = nudges
        self._holder = uuid4().hex
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._open: dict[str, Watcher | None] = {}
        self._mute: set[str] = set()
        """Accounts whose provider has no push channel: the poll serves them."""
        self._leases: dict[str, leases.Lease] = {}
        self._failed: dict[str, tuple[int, float]] = {}
        """How often in a row the watcher of an account has, and until when, by the monotonic clock, it is left alone."""

    def run(self) -> None:
        """Take up accounts until stopped."""
        while not self._stopping.is_set():
            try:
                self._look_round()
            except Exception:
                log.exception("looking round failed", action="watch")
            self._stopping.wait(LOOK_ROUND.total_seconds())

    def stop(self) -> None:
        """End `run` and every wait soon, and let others watch at once: whoever starts next."""
        self._stopping.set()
        with self._lock:
            watchers = [watcher for watcher in self._open.values() if watcher is not None]
            held = list(self._leases)
        for watcher in watchers:
            watcher.close()
        for account in held:
            self._release(account)

    def _look_round(self) -> None:
        with self._store.read() as db:
            active = [account.id for account in accounts.accounts(db) if account.state == "active"]
        with self._lock:
            self._failed = {account: failed for account, failed in self._failed.items() if account in active}
        for account in active:
            with self._lock:
                is_known = account in self._open or account in self._mute or self._failed.get(account, (0, 0.0))[1] > monotonic()
                if not is_known:
                    self._open[account] = None
            if not is_known:
                threading.Thread(target=self._watch, args=(account,), name=f"watch {account}", daemon=True).start()

    def _watch(self, account: str) -> None:
        try:
            if self._renew(account):
                self._listen(account)
        except PortError as error:
            log.warning("watcher failed", action="watch", account=account, error=type(error).__name__)
            self._leave_alone(account, error.retry_after if isinstance(error, RateLimited) else timedelta())
        except Exception:
            log.exception("watcher failed", action="watch", account=account)
            self._leave_alone(account)
        finally:
            self._release(account)
            with self._lock:
                self._open.pop(account, None)

    def _leave_alone(self, account: str, least: timedelta = timedelta()) -> None:
        """Wait about twice as long after each failure as after the one before; after the first not at all."""
        with self._lock:
            failures = self._failed.get(account, (0, 0.0))[0]
            wait = max(least, min(LOOK_ROUND * ((1 << min(failures, 10)) - 1), LONGEST))
            self._failed[account] = failures + 1, monotonic() + wait.total_seconds()

    def _listen(self, account: str) -> None:
        with closing(self._open_connection(account)) as connection:
            watcher = connection.watcher()
            with self._lock:
                if watcher is None:
                    self._mute.add(account)
                    return
                self._open[account] = watcher
            with closing(watcher):
                while not self._stopping.is_set() and self._renew(account):
                    with self._keeping(account):
                        self._hear(account, watcher)
                    with self._lock:
                        self._failed.pop(account, None)

    def _hear(self, account: str, watcher: Watcher) -> None:
        """Pass news on for a while: who pulls now is not to wait for the lease of this watcher to be written."""
        begun = monotonic()
        while monotonic() - begun < LISTEN.total_seconds() and watcher.wait(LISTEN) and not self._stopping.is_set():
            self._nudges.nudge("pull", account)

    def _keeping(self, account: str) -> AbstractContextManager[None]:
        held = self._leases[account]
        return beating(self._store, lambda db, at: leases.renew(db, held, at, LASTING), self._clock())

    def _renew(self, account: str) -> bool:
        with self._store.write(is_lasting=False) as db:
            lease = leases.acquire(db, f"watch:{account}", self._holder, self._clock(), LASTING)
        if lease is not None:
            self._leases[account] = lease
        return lease is not None

    def _release(self, account: str) -> None:
        lease = self._leases.pop(account, None)
        if lease is not None:
            with suppress(StoreError), self._store.write() as db:
                leases.release(db, lease)
