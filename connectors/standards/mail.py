"""A mailbox over IMAP: header fields by PEEK, newest first, resumable; expunges seen with QRESYNC or by comparing UIDs."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial

from connectors import mime
from connectors.imap_beside import Helped
from connectors.imap_reading import Reading
from connectors.imap_wire import Response
from connectors.optional import Packing
from connectors.port import Changes, Cursor, CursorExpired, Feed, Look, Made, PortError, Saved, Witness
from connectors.standards import paging
from connectors.standards.arrivals import Arrivals
from connectors.standards.drafts import Drafts
from connectors.standards.fetch import Headers, searched, sequence_set, uids_of, vanished
from connectors.standards.first_read import FirstRead
from connectors.standards.folders import Folder, listed, readable
from connectors.standards.mail_server import Server
from connectors.standards.opened import Opened
from connectors.standards.paging import NOTHING, Place, Size, as_read, pages, taste, up_to
from connectors.standards.refusals import translated
from connectors.standards.session import Session
from rules.facts import MessageMetadata
from rules.suggestions import Draft, Hold, Invite

FIELDS = " ".join(field for field in mime.FIELDS if field != "Received").upper().encode()


class ImapMailbox:
    """Mail of one IMAP account; satisfies `connectors.port.Mailbox`."""

    def __init__(self, server: Server, *, folders: Sequence[str], overrides: dict[str, str], installation: str = "") -> None:
        self._server, self._installation = server, installation
        self._chosen = frozenset(folders)
        self._overrides = overrides
        self._open: Session | None = None
        self._folders: tuple[Folder, ...] = ()
        self._help: Helped | None = None
        self._arrivals, self._size = Arrivals(), Size()
        self._to_come: deque[tuple[Feed, Cursor | None]] = deque()
        self._early: FirstRead | None = None

    def feeds(self) -> Sequence[Feed]:
        """List the folders that are history; one LIST-STATUS where the server can."""
        return [folder.feed() for folder in readable(self.folders(), self._chosen)]

    @contextmanager
    def packing(self, by: Packing, first_reads: Sequence[tuple[Feed, Cursor | None]] = ()) -> Iterator[None]:
        """Until the end, have what a first read reports packed, in a second process where there is much of it."""
        with closing(Helped(by)) as helped:
            self._help, self._size, self._to_come = helped, Size(), deque(first_reads)
            first = {feed.id for feed, _ in first_reads}
            try:
                helped.prepare(max((folder.status.get("MESSAGES", 0) for folder in self._folders if folder.id in first), default=0))
                yield
            finally:
                self._help = None
                self._to_come.clear()
                if self._early is not None:
                    self._early = None
                    self.close()  # it is full of answers that nobody waits for

    def changes(self, feed: Feed, since: Cursor | None) -> Iterator[Changes[MessageMetadata]]:
        """Yield the first read newest first, or what came and went since; a new UIDVALIDITY is a CursorExpired."""
        first_read = self._begun_early(feed, since)
        if first_read is None:
            opened, answers = self._opened(feed, since)
            place = Place.read(since) if since is not None else self._beginning(opened)
            if place.mark is None:
                yield from self._since(feed, place, opened, answers)
                return
            first_read = self._backfill(feed, since, place, opened)
        yield from first_read if since is None else (replace(page, hint="") for page in first_read)  # what was read may have gone

    def _begun_early(self, feed: Feed, since: Cursor | None) -> Iterator[Changes[MessageMetadata]] | None:
        """Take the first read that was begun before it was asked for, if it is the one that is."""
        early = self._early
        if early is not None and early.is_for(feed, since):
            self._early = None
            try:
                if not early.is_begun:
                    early.begin(self._help, is_early=True)
            except PortError:  # it is asked for anew, and tells then
                self.close()
                return None
            return early.pages(self._size)
        self._let_go()
        self._to_come = deque(each for each in self._to_come if each[0].id != feed.id)
        return None

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
        there = [] if modseq and opened.next_uid else self._all_uids()
        uids = "" if modseq else sequence_set(there).decode()
        next_uid = opened.next_uid or max(there, default=0) + 1  # the server need not say (RFC 3501 6.3.1)
        return Place(validity=opened.validity, next_uid=next_uid, modseq=modseq, mark=NOTHING, uids=uids)

    def _opened(self, feed: Feed, since: Cursor | None) -> tuple[Opened, Sequence[Response]]:
        place = Place.read(since) if since is not None else None
        known = place.validity if place is not None else None
        return self._session().open_with(feed.id, self._questions(place), f"opening {feed.name}", validity=known)

    def _backfill(self, feed: Feed, since: Cursor | None, place: Place, opened: Opened) -> Iterator[Changes[MessageMetadata]]:
        """Read everything older than the mark, newest arrivals first, page by page; a taste of the newest UIDs comes at once."""
        headers = self._headers(feed, place)
        if self._help is not None:
            self._help.prepare(opened.exists)
        newest = taste(place)
        found, _ = headers.some(newest) if newest else ((), ())  # what is set aside is read, and told of, again
        first_read = FirstRead(feed, since, place, headers, self._arrivals.ask(headers, place, opened))
        if newest:
            yield Changes(upserted=tuple(found), cursor=place.cursor())
        first_read.begin(self._help)
        yield from first_read.pages(self._size)

    def _follow(self) -> None:
        """Begin the first read that comes next while the last of this one is read and stored: nobody waits between them."""
        try:
            if self._early is None and self._to_come and self._help is not None:
                feed, since = self._to_come.popleft()
                opened, _ = self._opened(feed, since)
                place = Place.read(since) if since is not None else self._beginning(opened)
                self._help.prepare(opened.exists)
                headers = self._headers(feed, place)
                self._early = FirstRead(feed, since, place, headers, self._arrivals.ask(headers, place, opened))
            elif self._early is not None and not self._early.is_begun and self._is_answered():
                self._early.begin(self._help, is_early=True)
            if self._early is not None:
                self._early.go_on()
        except PortError:  # it is told when that folder is asked for
            self._to_come.clear()
            self._let_go()
            self.close()

    def _is_answered(self) -> bool:
        with translated("listing messages"):
            return self._session().is_waiting()

    def _let_go(self) -> None:
        """Forget what was begun early: something else is asked for."""
        if self._early is not None:
            early, self._early = self._early, None
            self._to_come.clear()
            early.forget()
            self.close()

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
        read = pages(len(fresh), self._headers(feed, place).fetch(fresh), as_read, partial(up_to, done, fresh), Size())
        removed = tuple(f"{place.validity}:{uid}" for uid in gone)
        while len(removed) > paging.LARGEST:  # told again should the round break off: nothing is read up to yet
            yield Changes(removed=removed[: paging.LARGEST], cursor=place.cursor())
            removed = removed[paging.LARGEST :]
        yield replace(next(read), removed=removed)
        yield from read

    def _headers(self, feed: Feed, place: Place) -> Headers:
        def reopen() -> Session:
            self._let_go()
            self.close()
            session = self._session()
            if session.open(feed.id).validity != place.validity:
                message = f"{feed.name} was rebuilt by the server."
                raise CursorExpired(message)
            return session

        return Headers(self._session, reopen, FIELDS, Reading(validity=place.validity, role=feed.role), self._follow)
