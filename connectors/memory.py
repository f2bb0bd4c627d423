"""The reference connector: it keeps every promise of the port over a provider in memory, and nothing else.

Read it beside port.py: what the other connectors do in their provider's words is here in its plainest form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Generic

from connectors.account import Account
from connectors.memory_provider import Item, Provider, Shelf, Thing
from connectors.port import (
    Changes,
    Cursor,
    CursorExpired,
    Edited,
    Feed,
    Gone,
    Look,
    Moved,
    Saved,
    Sent,
    Unclear,
    Untouched,
    Witness,
)
from rules.facts import Address, Attendee, CalendarEvent, MessageMetadata
from rules.suggestions import Draft, Hold, Invite

FOLDERS = (Feed(id="inbox", name="Inbox", role="\\Inbox"), Feed(id="sent", name="Sent", role="\\Sent"))
CALENDARS = (Feed(id="main", name="Calendar", role="primary"),)
DRAFTS = "drafts"
SETTINGS: Mapping[str, str] = {}
"""A provider in memory has nothing to set."""
EVER = datetime.min.replace(tzinfo=UTC)


def _instant(fact: MessageMetadata | CalendarEvent) -> datetime:
    """Say when it was, for an order of newest first."""
    at: datetime | date = fact.sent_at if isinstance(fact, MessageMetadata) else fact.start
    return at if isinstance(at, datetime) else datetime(at.year, at.month, at.day, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A cursor taken apart: a position in the log, and how far a first read has come."""

    epoch: int
    position: int
    read_to: tuple[str, str] | None = None
    """Instant and remote id of the last item of an unfinished first read."""

    def text(self) -> Cursor:
        return Cursor(" ".join([str(self.epoch), str(self.position), *(self.read_to or ())]))

    @staticmethod
    def parse(cursor: Cursor) -> _Place:
        epoch, position, *rest = cursor.split(" ", 3)
        return _Place(epoch=int(epoch), position=int(position), read_to=(rest[0], rest[1]) if rest else None)


class _Side(Generic[Thing]):
    """What a mailbox and a calendar have in common."""

    def __init__(self, provider: Provider, shelf: Shelf[Thing], feeds: tuple[Feed, ...]) -> None:
        self._provider = provider
        self._shelf: Shelf[Thing] = shelf
        self._feeds = feeds

    def feeds(self) -> Sequence[Feed]:
        """List the feeds; the hint is the position of their last change."""
        with self._provider.changed:
            self._provider.gate()
            return [replace(feed, hint=f"{self._provider.epoch} {self._last_change(feed)}") for feed in self._feeds]

    def _last_change(self, feed: Feed) -> int:
        positions = range(len(self._shelf.log), 0, -1)
        return next((at for at in positions if self._shelf.log[at - 1].feed == feed.id), 0)

    def changes(self, feed: Feed, since: Cursor | None) -> Iterator[Changes[Thing]]:
        """Yield pages; each is made when it is asked for, so that nothing is read ahead of what was committed."""
        cursor = since
        while True:
            with self._provider.changed:
                page = self._page(feed, cursor)
            yield page
            if page.is_last:
                return
            cursor = page.cursor

    def _page(self, feed: Feed, since: Cursor | None) -> Changes[Thing]:
        self._provider.gate()
        here = _Place(epoch=self._provider.epoch, position=len(self._shelf.log))
        if since is None:
            return self._first_read(feed, replace(here, read_to=("~", "")))
        place = _Place.parse(since)
        if place.epoch != here.epoch or place.position > here.position:
            raise CursorExpired("The provider no longer knows where this feed was left")
        return self._first_read(feed, place) if place.read_to else self._later(feed, place)

    def _first_read(self, feed: Feed, place: _Place) -> Changes[Thing]:
        """Report the next page of a read from newest to oldest, by its sort key: changes meanwhile shift nothing."""
        keyed = sorted(
            ((_instant(item.fact).isoformat(), remote_id) for remote_id, item in self._shelf.items.items() if item.feed == feed.id),
            reverse=True,
        )
        left = [key for key in keyed if place.read_to is None or key < place.read_to]
        page, rest = left[: self._provider.page_size], left[self._provider.page_size :]
        facts = [self._shelf.items[remote_id].fact for _, remote_id in page]
        return Changes(
            upserted=tuple(facts),
            cursor=replace(place, read_to=page[-1] if rest else None).text(),
            remaining=len(rest),
            covered_since=_instant(facts[-1]) if rest else EVER,
            is_last=not rest,
        )

    def _later(self, feed: Feed, place: _Place) -> Changes[Thing]:
        entries = self._shelf.log[place.position : place.position + self._provider.page_size]
        end = place.position + len(entries)
        touched = dict.fromkeys(entry.remote_id for entry in entries if entry.feed == feed.id)
        here = {remote_id: item.fact for remote_id, item in self._shelf.items.items() if item.feed == feed.id}
        uids = {_series(fact) for remote_id, fact in here.items() if remote_id in touched}
        return Changes(
            upserted=tuple(fact for remote_id, fact in here.items() if remote_id in touched or _series(fact) in uids - {""}),
            removed=tuple(remote_id for remote_id in touched if remote_id not in here),
            cursor=replace(place, position=end).text(),
            remaining=len(self._shelf.log) - end,
            is_last=end == len(self._shelf.log),
        )

    def witness(self) -> Witness:
        """Say how long the log is."""
        with self._provider.changed:
            self._provider.gate()
            return Witness(str(len(self._shelf.log)))

    def _save(self, feed: str, fact: Thing, marker: str, since: Witness) -> Saved | Gone | Unclear:
        with self._provider.changed:
            self._provider.gate()
            later = self._shelf.log[int(since or 0) :]
            if later and self._provider.is_lagging:
                return Unclear(retry_after=timedelta(seconds=60))
            made_as = next((entry.remote_id for entry in later if entry.marker == marker), None)
            if made_as is not None:
                made = self._shelf.items.get(made_as)
                return Gone() if made is None else self._saved(made_as, made, is_adopted=True)
            item = self._shelf.put(feed, fact, marker=marker, is_made=True)
            self._provider.gate(is_stored=True)
            return self._saved(fact.remote_id, item, is_adopted=False)

    @staticmethod
    def _saved(remote_id: str, item: Item[Thing], *, is_adopted: bool) -> Saved:
        return Saved(remote_id=remote_id, version=str(item.made_version), place=item.feed, is_adopted=is_adopted)

    def look(self, saved: Saved) -> Look:
        """Compare versions, and where they differ say what the owner did."""
        with self._provider.changed:
            self._provider.gate()
            return self._look(saved)

    def _look(self, saved: Saved) -> Look:
        item = self._shelf.items.get(saved.remote_id)
        if item is None:
            return Gone()
        return Untouched() if str(item.version) == saved.version else _difference(item)

    def withdraw(self, saved: Saved) -> Look:
        """Remove it if it is Untouched and nobody was invited."""
        with self._provider.changed:
            self._provider.gate()
            was = self._look(saved)
            item = self._shelf.items.get(saved.remote_id)
            if isinstance(was, Untouched) and item is not None and not _has_guests(item.fact):
                self._shelf.remove(saved.remote_id)
            return was


def _series(fact: MessageMetadata | CalendarEvent) -> str:
    """Name what must be reported together: all events of one UID; a message stands alone."""
    return fact.uid if isinstance(fact, CalendarEvent) else ""


def _has_guests(fact: MessageMetadata | CalendarEvent) -> bool:
    return isinstance(fact, CalendarEvent) and bool(fact.attendees)


def _difference(item: Item[Thing]) -> Look:
    """Name what the owner did to an object of ours."""
    fact, made = item.fact, item.made
    if isinstance(fact, MessageMetadata):
        if fact.is_sent:
            return Sent()
        is_same = isinstance(made, MessageMetadata) and replace(fact, labels=made.labels) == made
        return Moved() if is_same and item.feed != DRAFTS else Edited()
    is_same = isinstance(made, CalendarEvent) and replace(fact, start=made.start, end=made.end) == made
    if is_same and isinstance(fact.start, datetime) and isinstance(fact.end, datetime):
        return Moved(start=fact.start, end=fact.end)
    return Edited()


class Mailbox(_Side[MessageMetadata]):
    """The port's Mailbox over a provider in memory."""

    def save_draft(self, draft: Draft, since: Witness) -> Saved | Gone | Unclear:
        """Save it unsent under its Message-ID, by which a later attempt finds it."""
        fact = MessageMetadata(
            remote_id=self._shelf.fresh_id("draft"),
            message_id=draft.message_id,
            sent_at=draft.date,
            from_=(draft.from_,),
            to=draft.to,
            cc=draft.cc,
            recipients=len(draft.to) + len(draft.cc),
            subject=draft.subject,
            in_reply_to=(draft.in_reply_to,) if draft.in_reply_to else (),
            references=draft.references,
            thread_id=draft.thread_id,
            labels=frozenset({"\\Drafts"}),
        )
        return self._save(DRAFTS, fact, draft.message_id, since)


class Calendar(_Side[CalendarEvent]):
    """The port's Calendar over a provider in memory."""

    def save_hold(self, hold: Hold | Invite, since: Witness) -> Saved | Gone | Unclear:
        """Put it into the calendar under its key; only an Invite has attendees."""
        guests = hold.attendees if isinstance(hold, Invite) else ()
        fact = CalendarEvent(
            remote_id=f"hold.{hold.key}",
            uid=f"{hold.key}@memory.invalid",
            start=hold.start,
            end=hold.end,
            summary=hold.title,
            organizer=hold.organizer if isinstance(hold, Invite) else None,
            attendees=tuple(Attendee(address=guest, response="needs-action") for guest in guests),
            attendee_count=len(guests),
            is_transparent=isinstance(hold, Hold) and not hold.is_tentative,
            status="tentative" if isinstance(hold, Hold) and hold.is_tentative else "confirmed",
            visibility="private" if isinstance(hold, Hold) else "public",
            rekindle_key=hold.key,
        )
        return self._save("main", fact, hold.key, since)


class Watcher:
    """Wakes when anything changes at the provider."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._seen = self._position()
        self._is_closed = False

    def _position(self) -> int:
        return len(self._provider.mail.log) + len(self._provider.calendar.log)

    def wait(self, timeout: timedelta) -> bool:
        """Sleep until the log of either side grows."""
        with self._provider.changed:
            self._provider.changed.wait_for(lambda: self._is_closed or self._position() != self._seen, timeout.total_seconds())
            is_changed = self._position() != self._seen
            self._seen = self._position()
            return is_changed

    def close(self) -> None:
        """End the wait of another thread."""
        with self._provider.changed:
            self._is_closed = True
            self._provider.changed.notify_all()


class Connection:
    """The port's Connection over a provider in memory."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self.mailbox = Mailbox(provider, provider.mail, FOLDERS)
        self.calendar = Calendar(provider, provider.calendar, CALENDARS)

    def addresses(self) -> Sequence[Address]:
        """List the addresses the provider was made with."""
        with self._provider.changed:
            self._provider.gate()
            return self._provider.addresses

    def watcher(self) -> Watcher:
        """Watch both sides."""
        return Watcher(self._provider)

    def close(self) -> None:
        """Nothing is held open."""


def open(account: Account) -> Connection:  # noqa: A001 - what every provider package is opened with
    """Open a provider of one's own, empty; whoever needs a shared one makes a Provider and opens Connections to it."""
    return Connection(Provider(addresses=account.addresses))
