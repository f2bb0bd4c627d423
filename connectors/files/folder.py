"""Feeds of folders with one file for each message, Maildir or .eml: what is new, what is gone, newest first."""

from __future__ import annotations

import hashlib
import os
import re
from array import array
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from stat import S_ISREG
from typing import Final, NamedTuple, TypeVar

from connectors.files.reading import Disk, Reader, file_time, labels_of, read_file, reason_of
from connectors.files.sources import MESSAGE_SUFFIXES, Source
from connectors.mime import parse_header
from connectors.port import Changes, Cursor, CursorExpired, Skipped, Unavailable
from rules.facts import MessageMetadata

PAGE: Final = 500
MOST_PAGES: Final = 50
"""A cursor names every file that was seen (8 bytes each), so a huge folder comes in larger pages rather than more."""
SLACK: Final = timedelta(days=2)
"""How much later than its file a message may say it was sent."""
ALL_TIME: Final = datetime.min.replace(tzinfo=UTC)
INFO: Final = re.compile(r"[:;!]2,([A-Za-z]*)$")
TIME: Final = re.compile(r"(\d{9,11})(?=[.,_])")
FLAGS: Final = {"D": 1, "T": 2}
"""Maildir flags that change what a message is: draft and trashed."""
ROLES: Final = {1: frozenset({"\\Drafts"}), 2: frozenset({"\\Trash"}), 3: frozenset({"\\Drafts", "\\Trash"})}

T = TypeVar("T")


class Item(NamedTuple):
    """One message file."""

    time: float
    """Seconds since 1970 when it was delivered, as far as its name or the disk tells."""
    mark: int
    """64 bits: a hash of its name, with its flags in the last two."""
    path: str


def items(source: Source) -> dict[int, Item]:
    """List the messages of a Maildir folder, of a folder of .eml files or of one file, by mark without flags."""
    try:
        found = _maildir(source.path) if source.kind == "maildir" else _files(source)
        return {item.mark & ~3: item for item in found}
    except OSError as error:
        raise Unavailable(
            f"{source.path} cannot be read: {reason_of(error)}.", remedy="See that the folder is there and readable."
        ) from error


def changes(source: Source, since: Cursor | None, disk: Disk) -> Iterator[Changes[MessageMetadata]]:
    """Yield what the folder holds that the cursor does not name, newest first, and what is gone. Raises Unavailable."""
    known = _known(since)
    there = items(source)
    removed = tuple(f"{mark:016x}" for mark in known.keys() - there.keys())
    known = {mark: flags for mark, flags in known.items() if mark in there}
    new = iter(sorted((item for mark, item in there.items() if known.get(mark) != item.mark & 3), reverse=True))
    remaining = sum(known.get(mark) != item.mark & 3 for mark, item in there.items())
    size = max(PAGE, remaining // MOST_PAGES)
    is_last = False
    while not is_last:
        page = list(islice(new, size))
        remaining -= len(page)
        is_last = not remaining
        found = [(item, fact) for item in page if (fact := read(source, item, parse_header, disk)) is not None]
        known |= {item.mark & ~3: item.mark & 3 for item, _ in found}
        yield Changes(
            upserted=tuple(fact for _, fact in found if isinstance(fact, MessageMetadata)),
            removed=removed,
            skipped=tuple(fact for _, fact in found if isinstance(fact, Skipped)),
            cursor=_cursor(known),
            remaining=remaining,
            covered_since=ALL_TIME if is_last else _covered(page[-1]),
            is_last=is_last,
        )
        removed = ()


def read(source: Source, item: Item, reader: Reader[T], disk: Disk) -> T | Skipped | None:
    """Return what the reader makes of one file; None where it has just been moved away, as Maildir files are."""
    remote_id = f"{item.mark & ~3:016x}"
    labels = labels_of(source.name) | ROLES.get(item.mark & 3, frozenset())
    try:
        with open(item.path, "rb", buffering=0) as file:  # noqa: PTH123 - a Path for each of 50,000 files costs as much as reading them
            stat = os.fstat(file.fileno())
            disk.done += stat.st_size
            received_at = file_time(stat.st_mtime)
            return read_file(file, reader, remote_id=remote_id, labels=labels, received_at=received_at, size=stat.st_size)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Skipped(remote_id=item.path, reason=f"the file cannot be opened: {reason_of(error)}")


def _maildir(path: Path) -> Iterator[Item]:
    for place in ("cur", "new"):
        with os.scandir(path / place) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                info = INFO.search(entry.name)
                flags = sum({FLAGS.get(flag, 0) for flag in info[1]}) if info else 0
                unique = entry.name[: info.start()] if info else entry.name
                stamp = TIME.match(unique)
                yield Item(float(stamp[1]) if stamp else entry.stat().st_mtime, _hash(unique) | flags, entry.path)


def _files(source: Source) -> Iterator[Item]:
    """List .eml files; one that was written anew is another."""
    paths = [source.path] if source.kind == "message" else [Path(entry) for entry in os.scandir(source.path)]
    for path in paths:
        if source.kind == "message" or path.name.lower().endswith(MESSAGE_SUFFIXES):
            stat = _stat(path)
            if stat is None:
                continue
            yield Item(stat.st_mtime, _hash(f"{path.name}\0{stat.st_size}\0{stat.st_mtime_ns}"), str(path))


def _stat(path: Path) -> os.stat_result | None:
    """Look at a file; None where it has just gone, a link leads nowhere, or it is a pipe, which might be waited for for ever."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat if S_ISREG(stat.st_mode) else None


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()) & ~3


def _covered(item: Item) -> datetime | None:
    at = file_time(item.time)
    return at + SLACK if at else None


def _cursor(known: dict[int, int]) -> Cursor:
    return Cursor("names:" + b64encode(array("Q", sorted(mark | flags for mark, flags in known.items())).tobytes()).decode())


def _known(since: Cursor | None) -> dict[int, int]:
    if since is None:
        return {}
    marks = array("Q")
    kind, _, packed = since.partition(":")
    try:
        marks.frombytes(b64decode(packed, validate=True) if kind == "names" else b"?")
    except ValueError as error:
        raise CursorExpired("The mark in this folder is of another kind of file; it is read again.") from error
    return {mark & ~3: mark & 3 for mark in marks}
