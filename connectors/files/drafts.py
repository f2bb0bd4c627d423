"""Drafts as .eml files in a Maildir: each made visible once, whatever crashes or runs beside, and never touched again.

`out/.rekindle/drafts/<key>` is the claim on a draft: hard-linked into place, so that one attempt wins (link(2): EEXIST), and
naming the one finished file that may be published. Publishing renames that file into `Drafts/new`, which shows it to
the owner and consumes it in one step: a claim whose file is gone was published, and what is missing then was removed
by the owner.

Its name ends in .eml, so that a double click opens it, and the field X-Unsent has Outlook and Apple Mail open it to be sent. The
flag D of a Maildir would stand after that ending, where no desktop knows the file any more.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from connectors import private
from connectors.compose import compose
from connectors.files.folder import INFO
from connectors.files.reading import file_message, reason_of
from connectors.files.sources import OURS
from connectors.port import Edited, Gone, Look, Moved, Saved, Sent, Unavailable, Untouched, Witness
from connectors.roles import role_of
from rules.facts import MessageMetadata
from rules.suggestions import Draft

FOLDER: Final = "Drafts"
IDENTITY: Final = "identity"
REMEDY: Final = "See that the folder named by `out` is there, writable and not full."


class Drafts:
    """The Maildir `Drafts` below `out`. `maildirs` lists other Maildir folders an owner may move or send a draft into."""

    def __init__(self, out: Path, maildirs: Callable[[], Iterable[Path]]) -> None:
        self._folder = out / FOLDER
        self._claims = out / OURS / "drafts"
        self._maildirs = maildirs

    def witness(self) -> Witness:
        """Name the folder of claims: were it thrown away between two attempts, nobody could tell what had been made."""
        with _told():
            self._prepare()
            return Witness((self._claims / IDENTITY).read_text())

    def save(self, draft: Draft, since: Witness) -> Saved | Gone:
        """Publish the draft once, or say what became of it."""
        with _told():
            self._prepare()
            claim = self._claims / draft.key
            if not claim.exists():
                if since and since != (self._claims / IDENTITY).read_text():
                    return Gone()
                self._claim(draft)
            ready, version, _ = claim.read_text().splitlines()
            saved = Saved(remote_id=f"{draft.key}.eml", version=version, place=str(self._folder))
            try:
                (self._claims / ready).rename(self._folder / "new" / saved.remote_id)
            except FileNotFoundError:
                return Gone() if isinstance(self.look(saved), Gone) else replace(saved, is_adopted=True)
            _sync(self._folder / "new")
            self._tidy(draft.key)
            return saved

    def look(self, saved: Saved) -> Look:
        """Find the draft by its name, else by its Message-ID among what is newer than the claim."""
        with _told():
            if found := self._by_name(saved.remote_id):
                return self._judge(found, saved)
            for found in self._by_message_id(saved.remote_id):
                look = self._judge(found, saved)
                return Edited() if isinstance(look, Untouched) else look
            return Gone()

    def withdraw(self, saved: Saved) -> Look:
        """Take the draft out of sight first and look at it there, so that an edit in the same moment is not lost."""
        look = self.look(saved)
        if not isinstance(look, Untouched):
            return look
        with _told():
            found = self._by_name(saved.remote_id)
            aside = self._claims / f"{Path(saved.remote_id).stem}.{secrets.token_hex(8)}.withdrawn"
            if found is None or not _renamed(found, aside):
                return self.look(saved)
            if _version(aside) != saved.version:
                aside.rename(found)
                return Edited()
            aside.unlink()
            return look

    def _prepare(self) -> None:
        for name in ("cur", "new", "tmp"):
            private.folder(self._folder / name)
        private.folder(self._claims)
        identity = self._claims / IDENTITY
        if not identity.exists():
            new = private.write(self._claims / f"{IDENTITY}.{secrets.token_hex(8)}", secrets.token_hex(16).encode())
            with contextlib.suppress(FileExistsError):
                os.link(new, identity)
            new.unlink()

    def _claim(self, draft: Draft) -> None:
        """Write the finished draft, then claim it; of several at once only one is ever named by the claim."""
        token = secrets.token_hex(8)
        ready, note = (self._claims / f"{draft.key}.{token}.{what}" for what in ("ready", "claim"))
        try:
            private.write(ready, _unsent(compose(draft)))
            os.utime(ready, (draft.date.timestamp(), draft.date.timestamp()))
            private.write(note, "\n".join((ready.name, _version(ready), draft.message_id)).encode())
            os.link(note, self._claims / draft.key)
        except (FileExistsError, FileNotFoundError):  # another attempt was first, and may have tidied up ours
            ready.unlink(missing_ok=True)
        note.unlink(missing_ok=True)
        _sync(self._claims)

    def _tidy(self, key: str) -> None:
        for stray in self._claims.glob(f"{key}.*"):
            stray.unlink(missing_ok=True)

    def _folders(self) -> Iterator[Path]:
        """List our Drafts, its sister folders, and the owner's Maildirs."""
        yield self._folder
        sisters = sorted(path for path in self._folder.parent.iterdir() if path != self._folder and (path / "cur").is_dir())
        yield from (path for path in dict.fromkeys((*sisters, *self._maildirs())) if path != self._folder)

    def _by_name(self, name: str) -> Path | None:
        for folder in self._folders():
            for place in ("new", "cur"):
                with contextlib.suppress(FileNotFoundError), os.scandir(folder / place) as entries:
                    for entry in entries:
                        if entry.name.startswith(name) and INFO.sub("", entry.name) == name:
                            return Path(entry.path)
        return None

    def _by_message_id(self, name: str) -> Iterator[Path]:
        claim = self._claims / Path(name).stem
        if not claim.exists():
            return
        since, message_id = claim.stat().st_mtime, claim.read_text().splitlines()[2]
        for folder in self._folders():
            for place in ("new", "cur"):
                with contextlib.suppress(FileNotFoundError), os.scandir(folder / place) as entries:
                    yield from (Path(entry.path) for entry in entries if _is(entry, since, message_id))

    def _judge(self, found: Path, saved: Saved) -> Look:
        info = INFO.search(found.name)
        if info and "T" in info[1]:
            return Gone()
        folder = found.parent.parent
        if folder != self._folder:
            match role_of(folder.name):
                case "\\Sent":
                    return Sent()
                case "\\Trash":
                    return Gone()
                case _:
                    return Moved()
        return Untouched() if _version(found) == saved.version else Edited()


def _unsent(message: bytes) -> bytes:
    """Write a message as a file holds it, and as one that is to be sent."""
    head, end, body = message.replace(b"\r\n", b"\n").partition(b"\n\n")
    return head + b"\nX-Unsent: 1" + end + body


def _is(entry: os.DirEntry[str], since: float, message_id: str) -> bool:
    """Tell whether a file no older than the claim carries the Message-ID."""
    try:
        if entry.stat().st_mtime < since - 1:
            return False
        with open(entry.path, "rb") as file:  # noqa: PTH123 - one of thousands
            found = file_message(file, remote_id="", labels=frozenset(), received_at=None, size=None)
    except FileNotFoundError:
        return False
    return isinstance(found, MessageMetadata) and found.message_id == message_id


def _version(path: Path) -> str:
    stat = path.stat()
    return f"{stat.st_size}:{stat.st_mtime_ns}"


def _renamed(old: Path, new: Path) -> bool:
    try:
        old.rename(new)
    except FileNotFoundError:
        return False
    return True


def _sync(folder: Path) -> None:
    """Make a rename or link in a folder outlast a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"The drafts folder cannot be used: {reason_of(error)}.", remedy=REMEDY) from error
