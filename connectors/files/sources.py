"""What lies under a path: mbox files, Maildir folders, folders of .eml, and archives that hold mail."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from connectors.files.archive import is_archive
from connectors.files.reading import reason_of
from connectors.mime import FIELDS
from connectors.port import Skipped
from connectors.roles import role_of

MESSAGE_SUFFIXES: Final = (".eml",)
ICS_SUFFIXES: Final = (".ics", ".ical", ".icalendar")
NO_MAIL: Final = (
    ".ics", ".msf", ".json", ".html", ".htm", ".txt", ".csv", ".vcf", ".pdf", ".db", ".sqlite", ".log", ".py", ".md", ".xml", ".png",
    ".jpg", ".jpeg", ".gif", ".mp4", ".mov", ".docx", ".xlsx", ".pptx", ".dat", ".cfg", ".ini", ".toml", ".lock", ".index", ".cache",
)  # fmt: skip
"""Looked into only when named by the owner; below a folder they are passed over by their name."""
OURS: Final = ".rekindle"
STARTS: Final = tuple(
    name.lower().encode() + b":" for name in (*FIELDS, "Delivered-To", "MIME-Version", "X-GM-THRID", "DKIM-Signature")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One place that holds mail, and becomes one feed."""

    kind: Literal["mbox", "maildir", "folder", "message", "archive", "missing"]
    path: Path
    name: str
    """What the owner calls it: its path below the one they named."""
    role: str = ""
    """As of roles.role_of, from its name."""


def find(paths: list[Path]) -> Iterator[Source | Skipped]:
    """Yield every source under the paths, each once, in a stable order; what was named and holds no mail with its reason.

    Links to folders are not followed (they may lead in a circle).
    """
    seen: set[Path] = set()
    for path in paths:
        for source in _at(path, path, is_named=True):
            place = source.path if isinstance(source, Source) else None
            if place is None or place not in seen:
                yield source
            if place is not None:
                seen.add(place)


def spelled(path: Path) -> str:
    """Write a path as text that any database takes: of a name that is no UTF-8, as old disks have it, the odd bytes in hexadecimal."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def is_ics(name: str) -> bool:
    """Tell by its name whether a file is a calendar."""
    return name.lower().endswith(ICS_SUFFIXES)


def calendars(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the calendars named or under the paths, and the archives, which may hold some."""
    for path in paths:
        named = (Path(folder, name) for folder, _, names in os.walk(path) for name in names) if path.is_dir() else [path]
        yield from (file for file in named if is_ics(file.name) or is_archive(file))


def is_maildir(path: Path) -> bool:
    """Tell whether a folder is a Maildir (qmail's maildir(5)): it has cur and new."""
    return (path / "cur").is_dir() and (path / "new").is_dir()


def _at(path: Path, root: Path, *, is_named: bool) -> Iterator[Source | Skipped]:
    try:
        if path.is_dir():
            yield from _below(path, root)
        elif path.is_file():
            yield from _file(path, root, is_named=is_named)
        elif path.exists():  # opening a pipe or a device may wait for ever
            yield Skipped(remote_id=str(path), reason="it is a pipe or a device, not a file")
        elif is_named:
            yield Source(kind="missing", path=path, name=path.name)
    except OSError as error:
        yield Skipped(remote_id=str(path), reason=f"it cannot be opened: {reason_of(error)}")


def _below(path: Path, root: Path) -> Iterator[Source | Skipped]:
    if path.name == OURS:
        return
    entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    maildir = is_maildir(path)
    if maildir:
        yield _source("maildir", path, root)
    if not maildir and any(entry.name.lower().endswith(MESSAGE_SUFFIXES) for entry in entries):
        yield _source("folder", path, root)
    for entry in entries:
        is_folder = entry.is_dir(follow_symlinks=False)
        if maildir and (not is_folder or entry.name in {"cur", "new", "tmp"}):
            continue
        if not maildir and entry.name.startswith(".") and not is_maildir(Path(entry.path)):
            continue
        if entry.name.lower().endswith(MESSAGE_SUFFIXES + NO_MAIL) or (entry.is_symlink() and Path(entry.path).is_dir()):
            continue
        yield from _at(Path(entry.path), root, is_named=False)


def _file(path: Path, root: Path, *, is_named: bool) -> Iterator[Source | Skipped]:
    if is_archive(path):
        yield _source("archive", path, root)
        return
    start = _start(path)
    if start.startswith(b"From ") or (is_named and _is_empty(path)):
        yield _source("mbox", path, root)
    elif is_named and (path.name.lower().endswith(MESSAGE_SUFFIXES) or start.lower().startswith(STARTS)):
        yield _source("message", path, root)
    elif is_named and not path.name.lower().endswith(".ics"):
        yield Skipped(remote_id=str(path), reason="it is neither an mbox, a Maildir, a message nor an archive of them")


def _is_empty(path: Path) -> bool:
    return path.stat().st_size == 0


def _start(path: Path) -> bytes:
    """Read the first bytes, unpacked; an mbox may begin with empty lines or a byte order mark."""
    with path.open("rb") as file:
        if file.read(2) != b"\x1f\x8b":
            file.seek(0)
            return file.read(64).lstrip(b"\r\n\xef\xbb\xbf")
    try:
        with gzip.open(path) as packed:
            return packed.read(64).lstrip(b"\r\n\xef\xbb\xbf")
    except (OSError, EOFError, zlib.error):
        return b"From " if path.name.lower().endswith((".mbox.gz", ".mbx.gz")) else b""  # damaged: reading it says so


def _source(kind: Literal["mbox", "maildir", "folder", "message", "archive"], path: Path, root: Path) -> Source:
    below = path.relative_to(root) if path != root else Path(path.name)
    role = "" if kind == "archive" else role_of(path.name)
    return Source(kind=kind, path=path, name=str(below), role=role)
