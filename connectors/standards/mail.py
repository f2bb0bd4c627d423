"""A mailbox over IMAP: header fields by PEEK, newest first, resumable; expunges seen with QRESYNC or by comparing UIDs."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from time import monotonic

from connectors import mime
from connectors.imap_beside import Ahead, Helped
from connectors.imap_fetched import arrival_of, stamp
from connectors.imap_reading import Messages, Packed, Read, Reading
from connectors.imap_wire import Response
from connectors.optional import Packing, Portion
from connectors.port import Changes, Cursor, CursorExpired, Feed, Look, Made, PortError, Saved, Skipped, Witness
from connectors.standards.drafts import Drafts
from connectors.standards.fetch import Headers, searched, sequence_set, uids_of, vanished
from connectors.standards.folders import Folder, listed, readable
from connectors.standards.mail_server import Server
from connectors.standards.opened import Opened
from connectors.standards.session import Session
from rules.facts import MessageMetadata
from rules.suggestions import Draft, Hold, Invite

PAGE, LARGEST = 1000, 3000
"""Messages of a page: of a first read they get larger as long as they come quickly, for each page costs a commit."""
QUICK = 2.0
"""Seconds in which a page has to come for the next to be larger."""
_TASTE = 50
"""Messages read before the others are listed, so that first names come at once."""
_NOTHING = (1 << 62, 0)
"""The mark before anything is read."""
FIELDS = " ".join(field for field in mime.FIELDS if field != "Received").upper().encode()
_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a cursor holds: where the folder stood, and how far a first read has come."""

    validity: int
    next_uid: int
    modseq: int = 0
    mark: tuple[int, int] | None = None
    """Arrival (epoch seconds) and UID of the oldest message read in an unfinished first read; None when it is finished."""
    uids: str = ""
    """All UIDs known where the server cannot report expunges (no QRESYNC), as a sequence-set."""

    def cursor(self) -> Cursor:
        """Write it down."""
        return Cursor(json.dumps([self.validity, self.next_uid, self.modseq, self.mark, self.uids]))

    @classmethod
    def read(cls, cursor: Cursor) -> Place:
        """Read it back."""
        validity, next_uid, modseq, mark, uids = json.loads(cursor)
        return cls(validity=validity, next_uid=next_uid, modseq=modseq, mark=(mark[0], mark[1]) if mark else None, uids=uids)


class ImapMailbox:
    """Mail of one IMAP account; satisfies `connectors.port.Mailbox`."""

    def __init__(self, server: Server, *, folders: Sequence[str], overrides: dict[str, str], installation: str = "") -> None:
        self._server, self._installation = server, installation
        self._chosen = frozenset(folders)
        self._overrides = overrides
        self._open: Session | None = None
        self._folders: tuple[Folder, ...] = ()
        self._help: Helped | None = None

    def feeds(self) -> Sequence[Feed]:
        """List the folders that are history; one LIST-STATUS where the server can."""
        return [folder.feed() for folder in readable(self.folders(), self._chosen)]

    @contextmanager
    def packing(self, by: Packing) -> Iterator[None]:
        """Until the end, have what a first read reports packed, in a second process where there is much of it."""
        with closing(Helped(by)) as helped:
            self._help = helped
            try:
                yield
            finally:
                self._help = None

    def changes(self, feed: Feed, since: Cursor | None) -> Iterator[Changes[MessageMetadata]]:
        """Yield the first read newest first, or what came and went since; a new UIDVALIDITY is a CursorExpired."""
        place = Place.read(since) if since is not None else None
        known = place.validity if place is not None else None
        opened, answers = self._session().open_with(feed.id, self._questions(place), f"opening {feed.name}", validity=known)
        place = place or self._beginning(opened)
        if place.mark is not None:
            pages = self._backfill(feed, place, opened.exists)
            yield from pages if since is None else (replace(page, hint="") for page in pages)  # what was read before may have gone
        else:
            yield from self._since(feed, place, opened, answers)

    def witness(self) -> Witness:
        """Say where Drafts stands."""
        return self._drafts().witness()

    def save_draft(self, draft: Draft, since: Witness) -> Made:
        """Save it unsent, or adopt what an earlier attempt made."""
        return self._drafts().save(draft, since)

    def find(self, action: Draft | Hold | Invite) -> Saved | None:
        """Take up a draft that lies there, and make none."""
        return self._drafts().find(action) if isinstance(action, Draft) else None

    def look(self, saved: Saved) -> Look:
        """Say what became of it."""
        return self._drafts().look(saved)

    def withdraw(self, saved: Saved) -> Look:
        """Remove it if it is Untouched."""
        return self._drafts().withdraw(saved)

    def marks(self, since: datetime) -> Sequence[str]:
        """Name the other installations that have put drafts here since."""
        return self._drafts().marks(since)

    def folders(self) -> tuple[Folder, ...]:
        """List every folder with its role."""
        self._folders = listed(self._session(), overrides=self._overrides)
        return self._folders

    def drafts_place(self) -> str:
        """Say where drafts will go. Raises Rejected where the folder cannot be written to."""
        return self._drafts().place()

    def is_alive(self) -> bool:
        """Tell whether the connection still answers, which is made where there is none; answers nobody waited for are dropped."""
        try:
            return self._session().is_alive()
        except PortError:
            return False

    def close(self) -> None:
        """Let go of the connection."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _session(self) -> Session:
        if self._open is None:
            self._open = Session(self._server)
        return self._open

    def _drafts(self) -> Drafts:
        session = self._session()
        if not any(folder.role == "\\Drafts" for folder in self._folders):  # the last draft may have made it
            self._folders = listed(session, overrides=self._overrides)
        return Drafts(session, self._folders, self._installation, self._overrides.get("\\Drafts", ""))

    def _has_qresync(self) -> bool:
        return "QRESYNC" in self._session().capabilities

    def _all_uids(self) -> list[int]:
        return searched(self._session().command(b"UID SEARCH ALL", "listing messages"))

    def _beginning(self, opened: Opened) -> Place:
        """Fix what the first read has to cover: all that is there now; later arrivals belong to the next round."""
        modseq = opened.modseq if self._has_qresync() else 0
        uids = "" if modseq else sequence_set(self._all_uids()).decode()
        return Place(validity=opened.validity, next_uid=opened.next_uid, modseq=modseq, mark=_NOTHING, uids=uids)

    def _backfill(self, feed: Feed, place: Place, exists: int) -> Iterator[Changes[MessageMetadata]]:
        """Read everything older than the mark, newest arrivals first, page by page; a taste of the newest UIDs comes at once."""
        helped, reading, headers = self._help, _reading(feed, place), self._headers(feed, place)
        if helped is not None:
            helped.prepare(exists)
        is_tasted = place.mark == _NOTHING and place.next_uid > PAGE
        found, skipped = headers.some(range(place.next_uid - _TASTE, place.next_uid)) if is_tasted else ((), ())
        arrivals = headers.arrivals(place.next_uid)
        if is_tasted:
            yield Changes(upserted=tuple(found), skipped=tuple(skipped), cursor=place.cursor())
        before = None if place.mark is None else stamp(*place.mark)
        todo = array("Q", (one for one in arrivals() if before is None or one < before))
        uids = array("q", (arrival_of(one)[1] for one in todo))
        if helped is not None:
            helped.prepare(len(uids))
        ahead = helped.ahead(reading) if helped is not None else Ahead(reading)
        try:
            unpack = helped.unpack if helped is not None else _as_read
            yield from _pages(len(todo), headers.fetch(uids, ahead), unpack, partial(_down_to, place, todo))
        finally:
            ahead.forgotten()

    def _questions(self, place: Place | None) -> list[bytes]:
        """Ask, as the folder is opened, what was expunged since (RFC 7162 3.2.6) and what has come, where the server can tell."""
        if place is None or place.mark is not None or not place.modseq or not self._has_qresync():
            return []
        vanished = b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d VANISHED)" % place.modseq
        return [vanished, b"UID SEARCH UID %d:*" % place.next_uid]

    def _since(self, feed: Feed, place: Place, opened: Opened, answers: Sequence[Response]) -> Iterator[Changes[MessageMetadata]]:
        """Report what was expunged, at last with the first page of what has arrived, which begins with the lowest UID."""
        before, has_qresync = set(uids_of(place.uids)), self._has_qresync()
        if place.modseq and has_qresync:
            gone, there, known = vanished(answers), searched(answers), ""
        elif place.modseq and not place.uids:
            raise CursorExpired(f"The server tells of {feed.name} no more what has gone.")
        else:
            there = self._all_uids()
            gone, known = sorted(before.difference(there)), sequence_set(there).decode()
        fresh = array("q", (uid for uid in there if uid >= place.next_uid or not (has_qresync or uid in before)))
        next_uid = max([opened.next_uid, place.next_uid, *(uid + 1 for uid in fresh[-1:])])
        done = replace(place, next_uid=next_uid, modseq=opened.modseq if has_qresync else 0, uids=known)
        pages = _pages(len(fresh), self._headers(feed, place).fetch(fresh), _as_read, partial(_up_to, done, fresh))
        removed = tuple(f"{place.validity}:{uid}" for uid in gone)
        while len(removed) > LARGEST:  # told again should the round break off: nothing is read up to yet
            yield Changes(removed=removed[:LARGEST], cursor=place.cursor())
            removed = removed[LARGEST:]
        yield replace(next(pages), removed=removed)
        yield from pages

    def _headers(self, feed: Feed, place: Place) -> Headers:
        def reopen() -> Session:
            self.close()
            session = self._session()
            if session.open(feed.id).validity != place.validity:
                message = f"{feed.name} was rebuilt by the server."
                raise CursorExpired(message)
            return session

        return Headers(self._session, reopen, FIELDS, _reading(feed, place))


def _reading(feed: Feed, place: Place) -> Reading:
    return Reading(validity=place.validity, role=feed.role)


def _pages(
    left: int,
    read: Iterator[tuple[Sequence[int], Read]],
    unpack: Callable[[Sequence[Portion]], Sequence[MessageMetadata]],
    at: Callable[[int], tuple[Place, datetime | None]],
) -> Iterator[Changes[MessageMetadata]]:
    """Put what is read of so many messages together to pages; what ends the reading ends the last one early.

    `at`: where a cursor stands, and what is covered, with so many left.
    """
    if not left:
        yield _page((), (), 0, *at(0))
    paged = left
    size, begun = PAGE, monotonic()
    count, portions = 0, list[Portion]()
    skipped: list[Skipped] = []
    trouble: PortError | None = None
    while left and trouble is None:
        try:
            batch, (found, poisoned) = next(read)
        except PortError as error:
            trouble = error
        else:
            left -= len(batch)
            skipped += poisoned
            portions.append(_portion(found))
            count += len(batch)  # found or not: there may be nothing to be found for long
            del found
        if (left and trouble is None and count < size) or left == paged:
            continue
        messages, portions = unpack(portions), []  # what was packed is not held while the page is stored
        yield _page(messages, skipped, left, *at(left))
        del messages
        count, skipped, paged = 0, [], left
        size, begun = min(2 * size, LARGEST) if monotonic() - begun < QUICK else PAGE, monotonic()
    if trouble is not None:
        raise trouble


def _page(
    upserted: Sequence[MessageMetadata], skipped: Sequence[Skipped], left: int, place: Place, covered: datetime | None
) -> Changes[MessageMetadata]:
    at, is_last = place.cursor(), not left
    return Changes(upserted=upserted, skipped=tuple(skipped), cursor=at, remaining=left, covered_since=covered, is_last=is_last)


def _down_to(place: Place, todo: Sequence[int], left: int) -> tuple[Place, datetime | None]:
    """Say how far a first read has come with so many of its stamps left."""
    oldest = arrival_of(todo[-left - 1]) if left else None
    return replace(place, mark=oldest), datetime.fromtimestamp(oldest[0], UTC) if oldest else _BEGINNING


def _up_to(done: Place, fresh: Sequence[int], left: int) -> tuple[Place, datetime | None]:
    """Say how far arrivals have been read with so many of the fresh UIDs left: all are known, and read up to the next one."""
    return (replace(done, next_uid=fresh[-left]), None) if left else (done, _BEGINNING)


def _portion(found: Messages) -> Portion:
    return found.packed if isinstance(found, Packed) else found


def _as_read(portions: Sequence[Portion]) -> tuple[MessageMetadata, ...]:
    """Put messages together that nobody has packed."""
    return tuple(each for portion in portions if not isinstance(portion, bytes) for each in portion)
