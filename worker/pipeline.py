"""The product, top to bottom: pull what happened, decide what to do about it, deliver it. Read this file first.

Each verb does one bounded piece of work for one account or owner, may be called at any time, by anybody, twice at once,
and leaves the database so that the next call goes on from there. Nothing else writes to mailboxes and calendars.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import uuid4

import structlog
from sqlalchemy import Connection as Transaction

from connectors.optional import Metered, Schedules, Span
from connectors.port import AuthorizationExpired, Connection, PortError, RateLimited, Rejected
from rules.engine import Keep, Withdraw, still_wanted
from rules.network import Network, Owner
from rules.placing import another_slot
from rules.rulebook import Rulebook
from rules.slots import Slot
from rules.suggestions import Draft
from rules.wording import Wording
from worker import decide as deciding
from worker import deliver as delivering
from worker import giving_way, telling
from worker import pull as pulling
from worker.heartbeat import LASTING, beating
from worker.polling import next_look
from worker.pulled import Pulled, backoff
from worker.store import accounts, feeds, installations, leases, looking, network, outbox, standing
from worker.store.accounts import StoredAccount
from worker.store.due import STALE
from worker.store.engine import StoreError
from worker.store.entry import Entry
from worker.store.store import Store

SLICE: Final = timedelta(seconds=60)
"""One pull works no longer than this before others get their turn."""
SHORT: Final = timedelta(seconds=15)
"""So long where another process may wait for that."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """The three verbs over one store; everything they need is passed in."""

    store: Store
    clock: Callable[[], datetime]
    open_connection: Callable[[str], Connection]
    """Opens an account by its id; raises the port's errors."""
    owner: Callable[[str], Owner]
    rulebook: Callable[[str], Rulebook]
    wording: Wording
    poll: timedelta = timedelta(minutes=2)
    """How soon an account that has been read up is looked at again."""
    enrol: Callable[[], None] = lambda: None
    """Notes what the config says of persons seen by now: who is a key person, and who is to be left alone."""
    retain: Callable[[str], object] = lambda _: None
    """Lets go of what an owner keeps no longer, once a day, before it is decided: no suggestion is made of what then goes."""
    kept_since: Callable[[str], datetime] = lambda _: feeds.EVER
    """Since when an owner keeps mail and meetings: what is older is left out where it is read."""
    sweep: Callable[[str], object] = lambda _: None
    """Does an owner's nightly work: calibration, the people of the month; does nothing the rest of the day."""
    alarm: Callable[[str, telling.News], bool | None] = lambda _owner, _news: None
    """Tells an owner by desktop or webhook; None where neither is configured."""
    is_stopping: Callable[[], bool] = lambda: False
    has_company: Callable[[], bool] = lambda: False
    """Tells whether other processes work too, and may wait for the connection a slice is read over."""
    passing: Callable[[delivering.Point], None] = lambda _: None

    # Pull

    def pull(self, account_id: str, slice_: timedelta = SLICE) -> bool:
        """Read one slice of an account into the store; True where there is more to read now."""
        is_more = self._read(account_id, slice_)
        self.tell(account_id.partition("/")[0])
        return is_more

    def _read(self, account_id: str, slice_: timedelta) -> bool:
        """Read a slice, or leave word for whoever is reading now: what came meanwhile may lie behind them already."""
        now = self.clock()
        with self.store.write(is_lasting=False) as db:
            account = accounts.get(db, account_id)
            if account.state != "active":
                return False
            lease = leases.acquire(db, f"pull:{account_id}", uuid4().hex, now, LASTING)
            if lease is None:
                accounts.claim_nudge(db, account_id, now, timedelta(0))
                return False
            accounts.clear_nudge(db, account_id)
        pulled, patience = None, None
        try:
            with beating(self.store, lambda db, at: leases.renew(db, lease, at, LASTING), now):
                pulled, patience = self._slice(account, slice_)
        finally:
            is_nudged = self._end_pull(account, lease, pulled, patience)
        if pulled is None:
            return is_nudged
        if pulled.upserted:
            self.enrol()
        return is_nudged or (not pulled.is_done and not pulled.error and pulled.held_back is None)

    def _slice(self, account: StoredAccount, slice_: timedelta) -> tuple[Pulled | None, timedelta | None]:
        """Read a slice, and say how long its provider wants to be left alone; None where it cannot be opened."""
        connection = self._opened(account)
        if connection is None:
            return None, None
        begun = self.clock()

        def has_time() -> bool:
            passed = self.clock() - begun
            return passed < slice_ and not self.is_stopping() and not (passed >= SHORT and self.has_company())

        with closing(connection):
            pulled = pulling.pull(
                self.store,
                connection,
                account,
                begun,
                budget=has_time,
                kept_since=self.kept_since(account.owner),
            )
        return pulled, connection.patience if isinstance(connection, Metered) else None

    def _end_pull(self, account: StoredAccount, lease: leases.Lease, pulled: Pulled | None, patience: timedelta | None) -> bool:
        """Give the lease back with what was found noted, at once; True where somebody has asked for a pull meanwhile."""
        with self.store.write(is_lasting=False) as db:
            if pulled is not None:
                self._note_pull(db, account, pulled, patience)
            leases.release(db, lease)
            return accounts.clear_nudge(db, account.id)

    def _note_pull(self, db: Transaction, account: StoredAccount, pulled: Pulled, patience: timedelta | None) -> None:
        """Have what lies in mailbox and calendar looked at again where something new may have made it pointless."""
        is_new, now = bool(pulled.upserted or pulled.removed), self.clock()
        tell = log.info if is_new or pulled.error else log.debug
        tell("pulled", action="pull", account=account.id, upserted=pulled.upserted, removed=pulled.removed)
        if is_new:
            looking.look_again(db, account.owner, now)
        if not pulled.error and pulled.is_done:
            then = next_look(account, self.owner(account.owner), now, is_new=is_new, poll=self.poll, patience=patience)
            accounts.succeeded(db, account.id, now, then)
        if pulled.held_back is not None:
            accounts.held_back(db, account.id, now + pulled.held_back)
        if pulled.upserted and (other := installations.newer_than_ours(db, account.id, now)):
            accounts.pause(db, account.id, other, installations.REMEDY)

    # Decide

    def decide(self, owner_name: str) -> int:
        """Plan what is due for an owner; says how many suggestions are new."""
        self.retain(owner_name)
        decided = deciding.decide(
            self.store,
            self.owner(owner_name),
            self.rulebook(owner_name),
            self.clock(),
            holder=uuid4().hex,
            wording=self.wording,
            ask=partial(self.busy, owner_name),
        )
        self.tell(owner_name)
        self.sweep(owner_name)
        log.info("decided", action="decide", owner=owner_name, reviewed=decided.reviewed, planned=len(decided.planned))
        return len(decided.planned)

    def busy(self, owner_name: str, addresses: Sequence[str], start: datetime, end: datetime) -> Mapping[str, Sequence[Span]]:
        """Ask the owner's accounts when colleagues are busy, until one can tell; what stands in the way is unknown."""
        with self.store.read() as db:
            able = deciding.places_of(db, owner_name)["calendar"]
        for account_id in able:
            with suppress(PortError), closing(self.open_connection(account_id)) as connection:
                if isinstance(connection, Schedules) and (found := connection.busy(addresses, start, end)):
                    return found
        return {}

    # Deliver

    def deliver(self, account_id: str) -> int:
        """Deliver what is due in an account and look after what was delivered; says how many suggestions changed state."""
        now = self.clock()
        with self.store.read() as db:
            account = accounts.get(db, account_id)
            due = outbox.due(db, account_id, now) if account.state == "active" else []
        if (account.attempts and account.next_attempt_at > now) or (
            account.last_ok_at is not None and account.last_ok_at <= now - STALE
        ):
            return 0
        connection = self._opened(account) if due else None
        if connection is None:
            return 0
        with closing(connection):
            if any(entry.state != "delivered" for entry in due) and self._gives_way(account, connection):
                return 0
            desk = self._desk(account, connection)
            away = set[bool]()  # of its mail server and its calendar server one may be well
            for entry in due:
                is_mail = isinstance(entry.action, Draft)
                if self.is_stopping():
                    break
                if is_mail not in away and not self._attended(desk, account, entry):
                    away.add(is_mail)
        return self._changed(due)

    def _gives_way(self, account: StoredAccount, connection: Connection) -> bool:
        try:
            return giving_way.to_later(self.store, account.id, connection.mailbox, self.clock())
        except PortError as error:
            self._note_failure(account, error)
            return True

    def _attended(self, desk: delivering.Desk, account: StoredAccount, entry: Entry) -> bool:
        """Take one suggestion one step on; False where its server is in no state for another."""
        try:
            delivering.attend(desk, entry)
        except Rejected as error:
            self._put_off(entry, error.told())
        except PortError as error:
            self._note_failure(account, error)
            return False
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - one poison suggestion never stops the others
            log.error("suggestion failed", action="deliver", key=entry.key, error=type(error).__name__)  # noqa: TRY400 - a trace may quote
            self._put_off(entry, f"It failed for a reason that is a mistake of ours ({type(error).__name__})")
        return True

    def _put_off(self, entry: Entry, error: str) -> None:
        with self.store.write() as db:
            outbox.postpone(db, entry, self.clock() + delivering.backoff(entry), error, self.clock())

    def _changed(self, before: list[Entry]) -> int:
        with self.store.read() as db:
            after = [outbox.read(db, entry.key) for entry in before]
        changed = [new for old, new in zip(before, after, strict=True) if new is not None and new.state != old.state]
        for entry in changed:
            log.info("suggestion changed", action="deliver", key=entry.key, state=entry.state, reason=entry.close_reason)
        return len(changed)

    def _desk(self, account: StoredAccount, connection: Connection) -> delivering.Desk:
        owner, rulebook = self.owner(account.owner), self.rulebook(account.owner)

        def wanted(entry: Entry) -> Keep | Withdraw:
            now = self.clock()
            with self.store.read() as db:
                if standing.is_fresh(db, entry, now):
                    return Keep()
            seen, people = self._around(owner, entry, now)
            about = replace(entry.suggestion, person_id=people[0], companions=tuple(people[1:]))
            return still_wanted(about, seen, rulebook, now)

        def next_slot(entry: Entry) -> Slot | None:
            now = self.clock()
            seen, _ = self._around(owner, entry, now)
            return another_slot(entry.suggestion, seen, rulebook, now)

        return delivering.Desk(
            store=self.store, connection=connection, clock=self.clock, wanted=wanted, next_slot=next_slot, passing=self.passing
        )

    def _around(self, owner: Owner, entry: Entry, now: datetime) -> tuple[Network, list[str]]:
        """Load what rules may know about the persons of a suggestion, whoever has their addresses today."""
        with self.store.read() as db:
            people = standing.people_of(db, entry)
            return network.load(db, owner, now, person_ids=people), people

    # Tell

    def tell(self, owner_name: str) -> int:
        """Tell an owner of accounts that have paused, once; says of how many."""
        told = telling.Telling(
            store=self.store,
            clock=self.clock,
            open_connection=self.open_connection,
            owner=self.owner(owner_name),
            wording=self.wording,
            alarm=partial(self.alarm, owner_name),
        )
        return told.tell()

    # What all three need

    def _opened(self, account: StoredAccount) -> Connection | None:
        """Open an account; what stands in the way is noted on it."""
        try:
            return self.open_connection(account.id)
        except PortError as error:
            self._note_failure(account, error)
            return None

    def _note_failure(self, account: StoredAccount, error: PortError) -> None:
        now = self.clock()
        log.warning("account failed", action="account", account=account.id, error=type(error).__name__)
        with self.store.write() as db:
            match error:
                case AuthorizationExpired() | Rejected():
                    accounts.pause(db, account.id, str(error), error.remedy)
                case RateLimited(is_paced=True, retry_after=wait):
                    accounts.held_back(db, account.id, now + wait)
                case RateLimited(retry_after=wait):
                    accounts.failed(db, account.id, str(error), error.remedy, now + wait)
                case _:
                    accounts.failed(db, account.id, str(error), error.remedy, now + backoff(account.attempts))
        self.tell(account.owner)
