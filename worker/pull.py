"""Pull: one slice of one account, page by page from the provider into the store, until it is read up or the time is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any, cast

import structlog

from connectors.optional import Expecting, Packs, ReadAhead, SideBySide
from connectors.port import (
    AuthorizationExpired,
    Calendar,
    Changes,
    Connection,
    Cursor,
    CursorExpired,
    Feed,
    Mailbox,
    PortError,
    RateLimited,
    Rejected,
    Skipped,
    Unavailable,
)
from worker.pulled import SHORTEST, Pulled, backoff
from worker.store import accounts, feeds, judging, messages
from worker.store.accounts import StoredAccount
from worker.store.engine import StoreError
from worker.store.feeds import EVER, Overtaken, StoredFeed
from worker.store.left_out import Kind
from worker.store.mapping import plain
from worker.store.rebuild import rebuild
from worker.store.store import Store
from worker.store.uncollected import taken, uncollected
from worker.turns import Reader, take_turns

Budget = Callable[[], bool]
"""Tells whether there is time for another page; asked after every commit."""
PARTLY = timedelta(minutes=10)
"""How long to wait where only some of an account cannot be read."""
FRESH = timedelta(minutes=10)
"""A feed without news is noted as read at most this often."""

log = structlog.get_logger()


def pull(
    store: Store, connection: Connection, account: StoredAccount, now: datetime, *, budget: Budget, kept_since: datetime = EVER
) -> Pulled:
    """Read what is new in one account into the store. Never raises one of the port's five errors."""
    slice_ = _Slice(store=store, account=account, now=now, budget=budget, kept_since=kept_since)
    try:
        slice_.begin()
        if isinstance(connection, Expecting):
            connection.expect({each.id: Cursor(each.cursor) for each in slice_.feeds if each.cursor})
        slice_.learn(connection)
        slice_.read("calendar", connection.calendar)  # quickly read, and most decisions need it
        slice_.read("mail", connection.mailbox)
    except PortError as error:
        return slice_.ended_by(error)
    finally:
        slice_.judge()
    if slice_.troubles:
        return slice_.ended_by(slice_.troubles[0])
    return slice_.pulled


@dataclass(slots=True, kw_only=True)
class _Slice:
    """The work on one account while it lasts."""

    store: Store
    account: StoredAccount
    now: datetime
    budget: Budget
    kept_since: datetime
    pulled: Pulled = field(default_factory=Pulled)
    troubles: list[PortError] = field(default_factory=list)
    """What kept single feeds from being read; the others are."""
    feeds: list[StoredFeed] = field(default_factory=list)
    """Where each was left before the slice."""
    is_behind: bool = False
    """Whether first reads, of this slice or before it, have put off whom to judge."""
    is_any_well: bool = False
    """Whether any feed was read, or had no news."""
    _failures: int = 0
    """Of feeds in a row."""
    _is_kind_well: bool = False
    """Whether any feed of the kind that is read now was."""
    _keys: frozenset[str] = frozenset()

    def begin(self) -> None:
        """Read, at once, what the slice goes by: nobody else reads this account meanwhile."""
        with self.store.read() as db:
            self.feeds = feeds.stored_feeds(db, self.account.owner, self.account.id)
            self._keys = accounts.owner_keys(db, self.account.owner).keys
            self.is_behind = judging.is_behind(db, self.account.owner)

    def learn(self, connection: Connection) -> None:
        """Take over the owner's addresses the provider knows; who wrote to whom depends on them."""
        found = connection.addresses()
        if not accounts.keys_of(found) <= self._keys:
            with self.store.write() as db:
                if accounts.learn(db, self.account.id, found):
                    rebuild(db, self.account.owner, self.now, accounts.owner_zone(db, self.account.owner))

    def judge(self) -> None:
        """Judge whom first reads have put off, also those of a slice that was cut off."""
        while self.is_behind:
            with self.store.write(is_lasting=False) as db:
                self.is_behind = judging.catch_up(db, self.account.owner, accounts.owner_keys(db, self.account.owner), self.now)

    def read(self, kind: Kind, source: Mailbox | Calendar | None) -> None:
        """Read the feeds of one kind; where that cannot be, the other kind, which may have a server of its own, is read all the same."""
        self._failures, self._is_kind_well = 0, False
        try:
            if source is not None:
                self._read_all(kind, source)
        except (Unavailable, Rejected) as error:
            if error not in self.troubles:
                self.troubles.append(error)

    def _read_all(self, kind: Kind, source: Mailbox | Calendar) -> None:
        """Read those first that are nearly read up, a long first read with the time that is left, and last what failed last time."""
        found = {each.id: each for each in source.feeds()}
        stored = self._known(kind, list(found.values()))
        listed = list(found)
        oldest = sorted(
            stored, key=lambda each: (bool(each.error), _is_beginning(each), str(each.last_ok_at), listed.index(each.id))
        )
        changed = (each for each in oldest if not self._is_unchanged(each, found[each.id]))
        readers = (self._read_feed(source, found[each.id], each) for each in changed)
        first_reads = [(found[each.id], each.cursor) for each in oldest if _is_beginning(each)]
        with self._packing(source, first_reads) if first_reads else nullcontext():
            is_done = take_turns(readers, source.at_once if isinstance(source, SideBySide) else 1, self.budget)
        if not is_done:
            self.pulled = replace(self.pulled, is_done=False)

    def _packing(self, source: object, first_reads: Sequence[tuple[Feed, Cursor | None]]) -> AbstractContextManager[None]:
        """Have mail packed where it is read; where what becomes of it changes meanwhile, the store does it again."""
        if not isinstance(source, Packs):
            return nullcontext()
        with self.store.read() as db:
            return source.packing(messages.packing_of(db, self.account.owner), first_reads)

    def _known(self, kind: Kind, found: Sequence[Feed]) -> list[StoredFeed]:
        """Take over the provider's list of feeds, which seldom needs writing."""
        stored = [each for each in self.feeds if each.kind == kind]
        if {(each.id, each.name, each.role) for each in stored} == {(each.id, plain(each.name), each.role) for each in found}:
            return stored
        with self.store.write(is_lasting=False) as db:
            return feeds.sync_feeds(db, self.account.id, self.account.owner, kind, found, self.now)

    def _is_unchanged(self, stored: StoredFeed, found: Feed) -> bool:
        """Tell by the change mark that there is nothing to ask for."""
        if not found.hint or stored.hint != found.hint or stored.is_rereading:
            return False
        self.is_any_well = self._is_kind_well = True
        if not stored.error and (stored.last_ok_at is None or stored.last_ok_at <= self.now - FRESH):
            with self.store.write(is_lasting=False) as db:
                feeds.confirm(db, stored, self.now)
        return True

    def _read_feed(self, source: Mailbox | Calendar, found: Feed, stored: StoredFeed) -> Reader:
        """Read one feed; what is wrong with it alone is noted and keeps no other from being read."""
        try:
            yield from self._read_pages(source, found, stored)
            self._failures, self.is_any_well, self._is_kind_well = 0, True, True
        except Overtaken:
            log.info("another reader was faster", action="pull", account=self.account.id)
        except (AuthorizationExpired, RateLimited):
            raise
        except Rejected as error:
            with self.store.write() as db:
                feeds.refuse(db, stored, error.told(), found.hint)
        except PortError as error:
            self._note(stored, error)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - one poison feed never stops an account
            log.warning("a feed cannot be read", action="pull", account=self.account.id, error=type(error).__name__)
            self._note(stored, Unavailable(f"“{found.name}” cannot be read ({type(error).__name__})."))

    def _note(self, stored: StoredFeed, error: PortError) -> None:
        with self.store.write() as db:
            feeds.note_error(db, stored, error.told())
        self.troubles.append(error)
        self._failures += 1
        if self._failures > 1 and not self._is_kind_well:
            raise error  # two, and none is well: it is the provider, not the feed

    def _read_pages(self, source: Mailbox | Calendar, found: Feed, stored: StoredFeed) -> Reader:
        """Read a feed on from its cursor; one the provider no longer knows means everything again, and a sweep."""
        begun = self._begun(stored) if stored.cursor is None and not stored.is_rereading else stored
        try:
            yield from self._commit_pages(source, found, begun)
        except CursorExpired as error:
            if begun.cursor is None:
                raise Unavailable(str(error), remedy=error.remedy) from error
            with self.store.read() as db:
                begun = next(
                    each
                    for each in feeds.stored_feeds(db, stored.owner, stored.account)
                    if (each.kind, each.id) == (stored.kind, stored.id)
                )
            yield from self._read_again(source, found, self._begun(begun))

    def _read_again(self, source: Mailbox | Calendar, found: Feed, begun: StoredFeed) -> Reader:
        try:
            yield from self._commit_pages(source, found, begun)
        except CursorExpired as error:
            raise Unavailable(str(error), remedy=error.remedy) from error

    def _begun(self, stored: StoredFeed) -> StoredFeed:
        with self.store.write(is_lasting=False) as db:
            return feeds.begin_full_read(db, stored)

    def _commit_pages(self, source: Mailbox | Calendar, found: Feed, stored: StoredFeed) -> Reader:
        """Commit page after page, with a pause for others after each and before the first."""
        with closing(cast("Any", source.changes(found, stored.cursor))) as pages:
            is_there = pages.is_there if isinstance(pages, ReadAhead) else lambda: True
            yield is_there
            for page in taken(cast("Iterator[Changes[Any]]", pages)):
                stored, is_last = self._commit(stored, page, found.hint), page.is_last
                del page  # thousands of facts, not to be held while the next are read
                if is_last:
                    return
                if not self.budget():
                    break
                yield is_there
        self.pulled = replace(self.pulled, is_done=False)

    def _commit(self, stored: StoredFeed, page: Changes[Any], hint: str) -> StoredFeed:
        try:
            after = self._commit_whole(stored, page, hint)
        except (StoreError, Overtaken):
            raise
        except Exception:  # noqa: BLE001 - one poison fact never stops a feed: without it the page is committed
            page = self._without_poison(stored, page)
            after = self._commit_whole(stored, page, hint)
        self.pulled = replace(
            self.pulled,
            pages=self.pulled.pages + 1,
            upserted=self.pulled.upserted + len(page.upserted),
            removed=self.pulled.removed + len(page.removed),
            skipped=self.pulled.skipped + len(page.skipped),
        )
        return after

    def _commit_whole(self, stored: StoredFeed, page: Changes[Any], hint: str) -> StoredFeed:
        self.is_behind |= stored.is_rereading
        with uncollected(), self.store.write(is_lasting=False) as db:
            late, since = stored.is_rereading, self.kept_since
            return feeds.commit_page(db, stored, page, self.now, hint=hint, is_judged_later=late, kept_since=since)

    def _without_poison(self, stored: StoredFeed, page: Changes[Any]) -> Changes[Any]:
        tried = [(each, self._is_good(stored, page, each)) for each in page.upserted]
        good = tuple(each for each, is_good in tried if is_good)
        skipped = tuple(Skipped(remote_id=each.remote_id, reason="it cannot be stored") for each, is_good in tried if not is_good)
        return replace(page, upserted=good, skipped=page.skipped + skipped)

    def _is_good(self, stored: StoredFeed, page: Changes[Any], fact: object) -> bool:
        """Try one fact in a transaction that is taken back."""
        try:
            with self.store.rehearse() as db:
                feeds.commit_page(db, stored, replace(page, upserted=(fact,), removed=(), skipped=(), is_last=False), self.now)
        except (StoreError, Overtaken):
            raise
        except Exception:  # noqa: BLE001 - that is the question
            return False
        return True

    def ended_by(self, error: PortError) -> Pulled:
        """Note what ended the slice on the account: whether, and when, to look again."""
        after: datetime | None = None
        with self.store.write() as db:
            match error:
                case AuthorizationExpired():
                    accounts.pause(db, self.account.id, str(error), error.remedy)
                case RateLimited(retry_after=wait, is_paced=True):
                    return replace(self.pulled, is_done=False, held_back=wait)
                case RateLimited(retry_after=wait):
                    after = self.now + wait + min(wait, SHORTEST) * SystemRandom().uniform(0.0, 0.2)
                    accounts.failed(db, self.account.id, str(error), error.remedy, after)
                case _ if self.is_any_well:
                    after = self.now + PARTLY
                    accounts.failed_partly(db, self.account.id, str(error), error.remedy, after)
                case _:
                    after = self.now + backoff(self.account.attempts)
                    accounts.failed(db, self.account.id, str(error), error.remedy, after)
        return replace(self.pulled, is_done=False, error=str(error), next_attempt_at=after)


def _is_beginning(stored: StoredFeed) -> bool:
    return stored.is_rereading or stored.cursor is None
