"""Lines: of several processes one at a time has a working connection to an account, and keeps it unused only while it works alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import uuid4

import structlog
from sqlalchemy import Connection

from worker.heartbeat import EVERY, LASTING
from worker.store import leases
from worker.store.engine import StoreError
from worker.store.store import Store

FIRST: Final = "work"
"""The lease of the process that would work alone if there were no other."""
BESIDE: Final = "work beside"
"""Runs for as long as any other works too."""
LOOK: Final = timedelta(seconds=1)
"""How often one that works alone looks whether it still does: whoever has come waits for that."""

log = structlog.get_logger()


class Lines:
    """The lines one process holds, by leases that last as long as it lives. Safe to share between threads.

    One that works alone needs the database for none it has kept. Another that begins is seen within a second; until then
    what is kept here it cannot have.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._holder = uuid4().hex
        self._held: dict[str, leases.Lease] = {}
        self._is_alone = False
        self._lock = threading.RLock()
        self._end: Callable[[], None] | None = None
        self._is_closed = False
        self._met: Callable[[], None] = lambda: None

    def on_meeting(self, met: Callable[[], None]) -> None:
        """Have this called, every few seconds, as long as others work too: what is not in use is to be left."""
        self._met = met

    def is_alone(self) -> bool:
        """Tell whether no other process was seen to work."""
        return self._is_alone

    def has_company(self) -> bool:
        """Tell whether another process was seen to work while this one does."""
        return self._end is not None and not self._is_alone

    def has(self, account: str) -> bool:
        """Tell whether the account's line is held here; one that was not renewed in time is not."""
        held = self._held.get(account)
        return held is not None and held.until > self._clock()

    def take(self, account: str) -> bool:
        """Take the account's line, unless another process has it. Raises StoreError."""
        self._begin()
        with self._store.write(is_lasting=False) as db:
            lease = leases.acquire(db, f"line:{account}", self._holder, self._clock(), LASTING)
        if lease is not None:
            self._held[account] = lease
        return lease is not None

    def leave(self, account: str) -> None:
        """Let others have the account's line, where it is held here; a database that is away lets it run out."""
        with self._lock:
            held = self._held.pop(account, None)
        if held is not None:
            with suppress(StoreError), self._store.write(is_lasting=False) as db:
                leases.release(db, held)

    def close(self) -> None:
        """Leave all lines, and work no more."""
        with self._lock:
            end, self._end, self._is_closed = self._end, lambda: None, True
        if end is None:
            return
        end()
        for account in list(self._held):
            self.leave(account)
        with suppress(StoreError), self._store.write(is_lasting=False) as db:
            if (first := leases.acquire(db, FIRST, self._holder, self._clock(), LASTING)) is not None:
                leases.release(db, first)

    def _begin(self) -> None:
        """Be seen by others from the first line on: whoever needs none is in nobody's way."""
        with self._lock:
            if self._end is None:
                self._beat()
                beats = self._store.beats
                ends = beats.add(self._beat, EVERY.total_seconds()), beats.add(self._look, LOOK.total_seconds())
                self._end = partial(_call_all, ends)

    def _look(self) -> bool:
        if not self._is_alone:
            return True
        try:
            with self._store.read() as db:
                has_come = leases.is_running(db, BESIDE, self._clock(), LASTING)
        except Exception:  # noqa: BLE001 - the next beat tells of it; looking goes on
            return True
        return self._beat() if has_come else True

    def _beat(self) -> bool:
        try:
            with self._store.write(is_lasting=False) as db:
                is_complete = self._renewed(db, self._clock())
        except Exception as error:  # noqa: BLE001 - whatever it is, lines that are renewed no more would go to others in use
            log.warning("lines not renewed", action="lease", error=type(error).__name__)
            return True
        if not (self._is_alone and is_complete):
            self._met()
        return True

    def _renewed(self, db: Connection, now: datetime) -> bool:
        """Hold on to the lines, and see who else works; False where a line has gone to another, as after a standstill."""
        if self._is_closed:  # since this beat began
            return True
        is_first = leases.acquire(db, FIRST, self._holder, now, LASTING) is not None
        if not is_first:
            leases.swap(db, BESIDE, now + LASTING)
        self._is_alone = is_first and not leases.is_running(db, BESIDE, now, LASTING)
        renewed = [(account, held, leases.renew(db, held, now, LASTING)) for account, held in list(self._held.items())]
        with self._lock:
            for account, held, longer in renewed:
                if self._held.get(account) is not held:
                    continue  # left, or taken anew, meanwhile
                if longer is None:
                    del self._held[account]
                else:
                    self._held[account] = longer
        return all(longer is not None for _, _, longer in renewed)


def _call_all(calls: Iterable[Callable[[], None]]) -> None:
    for call in calls:
        call()
