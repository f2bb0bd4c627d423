"""Gmail: history forward from a stored id, a first read newest first in batches, drafts under a token of their own."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from connectors.google.drafts import Drafts
from connectors.google.lanes import WAVE
from connectors.google.reading import Profile, Reading
from connectors.google.transport import Json
from connectors.port import Changes, Cursor, Feed, Look, Made, Saved, Witness
from rules.facts import Address, MessageMetadata
from rules.suggestions import Draft

READ: Final = WAVE
"""Messages read between two commits."""
WINDOW: Final = timedelta(days=548)
"""How far back a first read goes: eighteen months."""
SURE: Final = timedelta(days=7)
"""How far back must have been read before it is said how much the window still holds."""
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_ALL: Final = "mail"
_TELLING: Final = frozenset({"SENT", "DRAFT", "SPAM", "TRASH"})
"""Labels that change what a message means; others come and go unread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a cursor holds: a history id, and while a first read goes on, the list page, its last message read, and how many.

    And, at any time, what has been passed by and is still to be read.
    """

    history: str
    page: str | None = None
    """None = the first read is finished; "" = its first page."""
    after: str = ""
    done: int = 0
    owed: tuple[str, ...] = ()
    """What Google throttled inside a batch: it is asked for first the next time."""

    def cursor(self) -> Cursor:
        """Write it down; history ids stay text, they need not fit 64 bits."""
        return Cursor(json.dumps([self.history, self.page, self.after, self.done, *self.owed]))

    @classmethod
    def read(cls, cursor: Cursor) -> Place:
        """Read it back."""
        history, page, after, done, *owed = json.loads(cursor)
        return cls(history=history, page=page, after=after, done=done, owed=tuple(owed))


class GmailMailbox:
    """Mail of one Google account; satisfies `connectors.port.Mailbox`."""

    def __init__(self, reading: Reading, drafts: Drafts) -> None:
        self._reading, self._drafts = reading, drafts
        self._fresh: Profile | None = None
        """A profile asked for a moment ago and not used yet: a poll costs one request."""
        self._total = 0

    def addresses(self) -> Sequence[Address]:
        """Say whose mailbox it is."""
        self._fresh = self._reading.profile()
        return [Address(email=self._fresh.email)]

    def feeds(self) -> Sequence[Feed]:
        """Gmail is one feed: all mail but spam and trash. Its history id says with one unit whether anything changed."""
        return [Feed(id=_ALL, name="Gmail", role="\\All", hint=self._profile().history)]

    def changes(self, feed: Feed, since: Cursor | None) -> Iterator[Changes[MessageMetadata]]:
        """Yield the first read newest first, or what history tells since the stored id."""
        place = Place.read(since) if since is not None else Place(history=feed.hint or self._profile().history, page="")
        place = yield from self._settled(place)
        yield from self._backfill(place) if place.page is not None else self._since(place)

    def witness(self) -> Witness:
        """Say where the mailbox stands: its history id, and when that was."""
        history, now = self._profile().history, self._reading.server_time
        return Witness(json.dumps([history, now.isoformat() if now else ""]))

    def save_draft(self, draft: Draft, since: Witness) -> Made:
        """Save it unsent, or adopt what an earlier attempt made."""
        return self._drafts.save(draft, since)

    def look(self, saved: Saved) -> Look:
        """Say what became of it."""
        return self._drafts.look(saved)

    def withdraw(self, saved: Saved) -> Look:
        """Remove it if it is Untouched."""
        return self._drafts.withdraw(saved)

    def _profile(self) -> Profile:
        found, self._fresh = self._fresh or self._reading.profile(), None
        self._total = found.total
        return found

    def _settled(self, place: Place) -> Generator[Changes[MessageMetadata], None, Place]:
        """Read what is owed. Raises RateLimited."""
        while place.owed:
            paid = self._reading.afford(min(len(place.owed), READ))
            batch = self._reading.headers(place.owed[:paid])
            place = replace(place, owed=batch.owed + place.owed[paid:])
            yield Changes(upserted=batch.facts, skipped=batch.skipped, cursor=place.cursor())
            if batch.held_back is not None:
                raise batch.held_back
        return place

    def _backfill(self, place: Place) -> Iterator[Changes[MessageMetadata]]:
        """List newest first and read wave by wave, until the window's end; every wave is a page of its own."""
        total = self._total or self._reading.profile().total
        began = self._reading.server_time or _BEGINNING + WINDOW
        horizon = began - WINDOW
        while place.page is not None:
            listed, following = self._reading.listing(place.page)
            ids = listed[listed.index(place.after) + 1 :] if place.after in listed else listed
            while True:
                paid = self._reading.afford(min(len(ids), READ)) if ids else 0
                now, ids = ids[:paid], ids[paid:]
                batch = self._reading.headers(now)
                is_over = (not ids and following is None) or (batch.newest is not None and batch.newest < horizon)
                place = replace(_next(place, now, following, is_page_done=not ids, is_over=is_over), owed=batch.owed)
                is_last = is_over and not batch.owed
                yield Changes(
                    upserted=batch.facts,
                    skipped=batch.skipped,
                    cursor=place.cursor(),
                    remaining=len(batch.owed) if is_over else _left(place.done, len(now), total, batch.newest, began),
                    covered_since=_BEGINNING if is_last else None if batch.owed else batch.newest,
                    is_last=is_last,
                )
                if batch.held_back is not None:
                    raise batch.held_back
                if is_over:
                    return
                if not ids:
                    break

    def _since(self, place: Place) -> Iterator[Changes[MessageMetadata]]:
        """Follow history forward; each part commits with the id of its last entry, the last part with the newest id."""
        page: str | None = None
        while True:
            answer = self._reading.history(place.history, page)
            page = answer.get("nextPageToken")
            newest = Place(history=str(answer.get("historyId", place.history)))
            entries = list(answer.get("history", ()))
            seen: set[str] = set()
            while True:
                part, entries = self._affordable(entries, seen)
                is_last = not entries and page is None
                after = newest if is_last else Place(history=str(part[-1].get("id", "")) if part else place.history)
                if part or is_last:
                    yield from self._told(part, seen, after, is_last=is_last)
                if not entries:
                    break
            if page is None:
                return

    def _affordable(self, entries: list[Json], seen: set[str]) -> tuple[list[Json], list[Json]]:
        """Split off as many entries as one wave, paid for, can follow up."""
        wanted = set[str]()
        for entry in entries:
            wanted |= _news(entry) - seen
        paid = self._reading.afford(min(len(wanted), READ)) if wanted else 0
        reading = set[str]()
        for at, entry in enumerate(entries):
            more = reading | (_news(entry) - seen)
            if len(more) > paid and at:
                return entries[:at], entries[at:]
            reading = more
        return entries, []

    def _told(self, part: list[Json], seen: set[str], after: Place, *, is_last: bool) -> Iterator[Changes[MessageMetadata]]:
        changed: dict[str, None] = {}
        removed: dict[str, None] = {}
        for entry in part:
            changed.update(dict.fromkeys(sorted(_news(entry) - seen)))
            removed.update(dict.fromkeys(gone["message"]["id"] for gone in entry.get("messagesDeleted", ())))
        ids = [one for one in changed if one not in removed]
        read = self._reading.headers(ids)
        seen |= set(ids)
        is_last = is_last and not read.owed
        yield Changes(
            upserted=read.facts,
            removed=tuple(removed),
            skipped=read.skipped,
            cursor=replace(after, owed=read.owed).cursor(),
            remaining=0 if is_last else None,
            covered_since=_BEGINNING if is_last else None,
            is_last=is_last,
        )
        if read.held_back is not None:
            raise read.held_back


def _left(done: int, just: int, total: int, newest: datetime | None, began: datetime) -> int:
    """Guess how many messages the window still holds, by how dense those before the newest of the wave lie: mail reaches back further."""
    there = max(total - done, 1)
    if newest is None or began - newest < SURE:
        return there
    return max(min(there, round((done - just) * (WINDOW / (began - newest))) - done), 1)


def _next(place: Place, read: list[str], following: str | None, *, is_page_done: bool, is_over: bool) -> Place:
    if is_over:
        return Place(history=place.history)
    done = place.done + len(read)
    if is_page_done:
        return replace(place, page=following, after="", done=done)
    return replace(place, after=read[-1] if read else place.after, done=done)


def _news(entry: Json) -> set[str]:
    """Name what one history entry says to read again: what came, or means something else now; autosaved drafts are no news."""
    found: set[str] = set()
    for added in entry.get("messagesAdded", ()):
        if "DRAFT" not in added["message"].get("labelIds", ()):
            found.add(added["message"]["id"])
    for kind in ("labelsAdded", "labelsRemoved"):
        for change in entry.get(kind, ()):
            if _TELLING & set(change.get("labelIds", ())):
                found.add(change["message"]["id"])
    return found
