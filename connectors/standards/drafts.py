"""Drafts over IMAP: APPEND once, find it again by its Message-ID, and never touch what the owner has touched.

The server has no key of its own for a draft, and check-then-APPEND is a race: the worker's lease keeps others away, the
witness (UIDVALIDITY + UIDNEXT of Drafts) tells after a crash what was added meanwhile, and a sweep keeps the lowest UID.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from connectors.compose import compose
from connectors.port import CursorExpired, Edited, Gone, Look, Moved, Rejected, Saved, Sent, Untouched, Witness
from connectors.standards.fetch import searched, sequence_set
from connectors.standards.folders import Folder, own_prefix
from connectors.standards.opened import Opened
from connectors.standards.present import IDENTITY, Present, gist, has_edited, present
from connectors.standards.session import Session, quoted, shown
from rules.suggestions import Draft

KEYWORD = "$RekindleDraft"
MARK = "$Rekindle."
"""Begins the keyword that says which installation made a draft; no recipient ever sees a keyword."""
_MARK_LENGTH = 40
"""Dovecot cuts no keyword of up to 50 characters."""
_MARKED = re.compile(re.escape(MARK) + r"(\d{8}T\d{6}Z)\.([0-9a-f]+)", re.IGNORECASE)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_APPENDUID = re.compile(rb"\[APPENDUID (\d+) (\d+)\]", re.IGNORECASE)
_NOWHERE = '{"v": 0, "n": 0}'  # there was no such folder yet, or nobody knows where it stood


class Drafts:
    """The Drafts folder of one account."""

    def __init__(self, session: Session, folders: Sequence[Folder], installation: str, wanted: str = "") -> None:
        """`wanted`: the wire name the owner gave it; it is made where it is not there, as is any where there is none."""
        self._session = session
        self._folders = folders
        self._keywords = [KEYWORD, *([(MARK + installation)[:_MARK_LENGTH]] if installation else [])]
        found = next((folder.id for folder in folders if folder.role == "\\Drafts"), None)
        self._wanted = wanted
        self.folder = found or wanted or "Drafts"
        self._is_missing = found is None

    def place(self) -> str:
        """Say where drafts will go, in the owner's words. Raises Rejected for a folder that is read-only."""
        if self._is_missing:
            return f"drafts go into “{shown(self.folder)}”, which is made with the first"
        self._session.open(self.folder, is_writing=True)
        if b"[READ-ONLY]" in self._session.answer.upper():
            raise Rejected(f"“{shown(self.folder)}” is read-only.", remedy='Say drafts = "NAME" in config.')
        return f"drafts go into “{shown(self.folder)}”, which can be written to"

    def witness(self) -> Witness:
        """Say where Drafts stands: UIDVALIDITY and UIDNEXT; zeros where the folder does not exist yet."""
        if self._is_missing:
            return Witness(_NOWHERE)
        opened = self._session.opened_lately(self.folder)
        if opened is not None and opened.next_uid:
            return Witness(json.dumps({"v": opened.validity, "n": opened.next_uid}))
        try:
            return Witness(json.dumps(self._status()))
        except CursorExpired:  # it went since the folders were listed
            return Witness(_NOWHERE)

    def _status(self) -> dict[str, int]:
        """Ask where Drafts stands; 0 = the server does not say."""
        said = self._session.command(b"STATUS " + quoted(self.folder) + b" (UIDVALIDITY UIDNEXT)", "asking about Drafts")
        status = b"".join(b"".join(response) for response in said)
        numbers = {word: int(value) for word, value in re.findall(rb"(UIDVALIDITY|UIDNEXT) (\d+)", status)}
        return {"v": numbers.get(b"UIDVALIDITY", 0), "n": numbers.get(b"UIDNEXT", 0)}

    def marks(self, since: datetime) -> Sequence[str]:
        """Name the other installations that have put drafts here since; one keyword each, and some servers change its case."""
        if self._is_missing:
            return ()
        own = {keyword.lower() for keyword in self._keywords}
        others = [word for word in self._session.open(self.folder).keywords if word.lower() not in own]
        found = {word: match for word in others if (match := _MARKED.fullmatch(word))}
        return [f"{one[1].upper()}.{one[2].lower()}" for word, one in found.items() if self._is_used(word, since)]

    def _is_used(self, keyword: str, since: datetime) -> bool:
        day = f"{since:%d}-{_MONTHS[since.month - 1]}-{since:%Y}"
        return bool(self._uids(f"UID SEARCH UNDELETED KEYWORD {keyword} SINCE {day}".encode()))

    def find(self, draft: Draft) -> Saved | None:
        """Take the draft up where it lies in Drafts; one that was moved, sent or thrown away is the owner's."""
        if self._is_missing:
            return None
        opened, found = self._open_with(draft.message_id)
        adopted = self._adopted(opened, found, draft, json.loads(_NOWHERE))
        return adopted if isinstance(adopted, Saved) else None

    def save(self, draft: Draft, since: Witness) -> Saved | Sent | Moved | Edited | Gone:
        """Adopt what an attempt after the witness made, accept what the owner did with it, else APPEND."""
        opened, found = self._entered(draft.message_id)
        stands = json.loads(since or _NOWHERE)
        made = self._adopted(opened, found, draft, stands) or self._fate(opened, found, draft, stands)
        if made is not None:
            return made
        answer = self._appended(compose(draft), self._flags(opened))
        match = _APPENDUID.search(answer)
        before = opened.next_uid
        opened, found = self._open_with(draft.message_id)
        found = found or self._with(draft.message_id, self._added(before))
        if alive := _alive(found):
            return self._kept(opened, alive, draft, is_adopted=False)
        if match is None and not found:
            raise Rejected("The mail server took the draft and does not show it.", remedy="Look into the Drafts folder.")
        return Gone()

    def look(self, saved: Saved) -> Look:
        """Compare by UIDVALIDITY, UID and size; find out what became of a draft that is not there any more."""
        validity, uid, size, whom, message_id = saved.version.split(" ", 4)
        try:
            opened = self._session.open(saved.place)
        except CursorExpired:  # the folder has gone
            return self._elsewhere(message_id, but=saved.place)
        if opened.validity == int(validity):
            here = next(iter(self._present(b"UID FETCH " + uid.encode() + b" " + IDENTITY)), None)
            if here is not None and not here.is_deleted:
                return Untouched() if here.size == int(size) and here.message_id == message_id else Edited()
        if same := _alive(self._all_with(message_id)):
            return Untouched() if opened.validity != int(validity) and same[0].size == int(size) else Edited()
        if opened.validity == int(validity) and has_edited(self._added(int(uid) + 1), whom):
            return Edited()
        return self._elsewhere(message_id)

    def withdraw(self, saved: Saved) -> Look:
        """Remove it if Untouched: UID EXPUNGE of just ours; without UIDPLUS flag it and leave expunging to the owner's client."""
        seen = self.look(saved)
        if not isinstance(seen, Untouched):
            return seen
        opened = self._session.open(saved.place, is_writing=True)
        validity, uid, size, _, message_id = saved.version.split(" ", 4)
        is_same = opened.validity == int(validity)
        here = self._present(b"UID FETCH " + uid.encode() + b" " + IDENTITY) if is_same else []  # a search may lag behind
        found = [*here, *self._all_with(message_id)]
        ours = next((one for one in _alive(found) if one.size == int(size)), None)
        self._remove(sorted({one.uid for one in found if ours is not None and one.is_like(ours)}))
        return seen

    def _create(self) -> None:
        """Make the folder, among the owner's own where they have not named one; somebody may have been faster."""
        if self._is_missing and not self._wanted:
            self.folder = own_prefix(self._session) + self.folder
        try:
            self._session.command(b"CREATE " + quoted(self.folder), "making a Drafts folder")
        except Rejected as error:
            if "EXISTS" not in str(error).upper():
                raise
        self._is_missing = False

    def _entered(self, message_id: str) -> tuple[Opened, list[Present]]:
        """Open Drafts, which is made where it is missing, and find a Message-ID in it."""
        if self._is_missing:
            self._create()
        try:
            return self._open_with(message_id)
        except CursorExpired:  # it went since the folders were listed
            self._create()
            return self._open_with(message_id)

    def _appended(self, content: bytes, flags: Sequence[str]) -> bytes:
        try:
            return self._session.append(self.folder, content, flags)
        except CursorExpired:  # TRYCREATE (RFC 9051 6.3.12): nothing was added
            self._create()
            return self._session.append(self.folder, content, flags)

    def _finds(self, folder: Folder, message_id: str) -> bool:
        """Tell whether a message lies in a folder; one that has gone holds none.

        Raises Rejected where it is Sent or Trash that may not be looked into: what became of a draft cannot be told then.
        """
        try:
            self._session.open(folder.id)
        except CursorExpired:
            return False
        except Rejected:
            if folder.role in ("\\Sent", "\\Trash"):
                raise
            return False
        return bool(self._all_with(message_id))

    def _flags(self, opened: Opened) -> list[str]:
        return ["\\Draft", "\\Seen", *(self._keywords if opened.takes_keywords else [])]

    def _adopted(self, opened: Opened, found: Sequence[Present], draft: Draft, before: dict[str, int]) -> Saved | Edited | None:
        """Take up what an earlier attempt made, or leave what its owner made of it under its name; None where none is there.

        To edit is to add anew and remove: where nothing has gone since the witness it is ours, in whatever size the server
        keeps it. Where nobody knows how Drafts stood, it is ours in the size we wrote.
        """
        alive, content = _alive(found), compose(draft)
        if not alive:
            return None
        first = alive[0]
        if first is not found[0] or not first.is_headed_as(draft, content):
            return Edited()
        if before["v"] == opened.validity and 0 < before["n"] <= first.uid:
            between = first.uid - before["n"]
            is_ours = not between or sum(one.uid < first.uid for one in self._added(before["n"])) == between
        else:
            is_ours = first.size == len(content)
        return self._kept(opened, alive, draft, is_adopted=True) if is_ours else Edited()

    def _kept(self, opened: Opened, alive: Sequence[Present], draft: Draft, *, is_adopted: bool) -> Saved:
        """Keep the lowest UID of several, remove those just like it, and describe the one that stays."""
        first = alive[0]
        self._remove([one.uid for one in alive[1:] if one.is_like(first)])  # any other is the owner's own version
        version = f"{opened.validity} {first.uid} {first.size} {gist(draft.to)} {draft.message_id}"
        return Saved(remote_id=f"{opened.validity}:{first.uid}", version=version, place=self.folder, is_adopted=is_adopted)

    def _fate(
        self, opened: Opened, deleted: Sequence[Present], draft: Draft, before: dict[str, int]
    ) -> Saved | Sent | Moved | Edited | Gone | None:
        """Say what became of a draft an earlier attempt made and no search finds in Drafts; None where none was made.

        Where something was added since the witness, it may lie there and the search lag behind; or elsewhere; or a UID given
        out since is empty again: then whether it was ours cannot be known, and not creating is the safe side.
        """
        is_same = bool(before["n"] and opened.next_uid) and opened.validity == before["v"]
        if is_same and opened.next_uid == before["n"] and not deleted:
            return None
        added = [one for one in self._added(before["n"]) if one.uid < opened.next_uid] if is_same else []
        found = deleted or self._with(draft.message_id, added)
        if (adopted := self._adopted(opened, found, draft, before)) is not None:
            return adopted
        if not isinstance(elsewhere := self._elsewhere(draft.message_id), Gone):
            return elsewhere
        is_removed = bool(found) or self._is_in_trash(draft.message_id)
        if not is_removed and (not is_same or len(added) == opened.next_uid - before["n"]):
            return None
        return Edited() if has_edited(added, gist(draft.to)) else Gone(is_sure=is_removed)

    def _added(self, first: int) -> list[Present]:
        """Look at all in the open folder from a UID on; a range that begins after the last message means that one (RFC 9051 9)."""
        return [one for one in self._present(b"UID FETCH %d:* " % max(first, 1) + IDENTITY) if one.uid >= first]

    @staticmethod
    def _with(message_id: str, present: Sequence[Present]) -> list[Present]:
        return [one for one in present if one.message_id == message_id]

    def _elsewhere(self, message_id: str, but: str = "") -> Sent | Moved | Gone:
        """Look for it outside Drafts: Sent = the owner sent it, Trash or nowhere = gone, any other folder = moved."""
        for folder in sorted(self._folders, key=lambda one: one.role != "\\Sent"):
            is_meant = folder.id != (but or self.folder) and folder.role not in ("\\Trash", "\\All", "\\Junk")
            if is_meant and self._finds(folder, message_id):
                return Sent() if folder.role == "\\Sent" else Moved()
        return Gone()

    def _is_in_trash(self, message_id: str) -> bool:
        return any(folder.role == "\\Trash" and self._finds(folder, message_id) for folder in self._folders)

    def _open_with(self, message_id: str) -> tuple[Opened, list[Present]]:
        """Open Drafts for writing, and find a Message-ID in it."""
        opened, found = self._session.open_with(self.folder, [_search(message_id)], "searching", is_writing=True)
        if not opened.next_uid:  # old servers tell it only where it is asked for
            opened = replace(opened, next_uid=self._status()["n"])
        return opened, self._those_with(message_id, searched(found))

    def _all_with(self, message_id: str) -> list[Present]:
        """Find a Message-ID in the open folder."""
        return self._those_with(message_id, self._uids(_search(message_id)))

    def _those_with(self, message_id: str, uids: Sequence[int]) -> list[Present]:
        """Look at what a search has found, ascending; SEARCH is a substring match, so the header is compared exactly."""
        if not uids:
            return []
        return self._with(message_id, self._present(b"UID FETCH " + sequence_set(uids) + b" " + IDENTITY))

    def _uids(self, command: bytes) -> list[int]:
        return searched(self._session.command(command, "searching"))

    def _present(self, command: bytes) -> list[Present]:
        return present(self._session.command(command, "reading drafts"))

    def _remove(self, uids: Sequence[int]) -> None:
        if not uids:
            return
        these = sequence_set(sorted(uids))
        self._session.command(b"UID STORE " + these + b" +FLAGS.SILENT (\\Deleted)", "removing the draft")
        if "UIDPLUS" in self._session.capabilities:
            self._session.command(b"UID EXPUNGE " + these, "removing the draft")


def _alive(found: Sequence[Present]) -> list[Present]:
    return [one for one in found if not one.is_deleted]


def _search(message_id: str) -> bytes:
    return b'UID SEARCH HEADER Message-ID "' + message_id.encode("ascii") + b'"'
