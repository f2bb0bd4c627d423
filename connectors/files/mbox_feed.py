"""Feeds of one file with many messages, an mbox or an archive: read on from where it was left, or say it was rewritten."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from connectors.files import mbox
from connectors.files.folder import ALL_TIME
from connectors.files.reading import BROKEN, Disk, labels_of, mbox_messages, read_archive, reason_of
from connectors.files.sources import Source
from connectors.mime import parse_header
from connectors.port import Changes, Cursor, CursorExpired, Skipped, Unavailable
from rules.facts import MessageMetadata

PAGE: Final = 500
HEAD: Final = 4096
TAIL: Final = 1024
"""Bytes at the start and before the mark by which a file is recognised as the one that was read."""

Found = tuple[MessageMetadata | Skipped, str, int]
"""A message, the member of the archive it lies in ("" in an mbox), and the offset to go on from."""


class Mark(NamedTuple):
    """Where a file was left."""

    size: int
    """Of the file when a read ended; 0 in the middle of one."""
    likeness: str
    """Tells whether what was read is still there."""
    at: int
    member: str


START: Final = Mark(0, "", 0, "")


def changes(source: Source, since: Cursor | None, disk: Disk) -> Iterator[Changes[MessageMetadata]]:
    """Yield what was appended since the cursor. Raises CursorExpired where what was read is no longer what is there."""
    try:
        size, is_packed = source.path.stat().st_size, _is_packed(source)
        mark = _mark(since)
        if since is not None and (
            (mark.at > size and not is_packed) or mark.likeness != _likeness(source.path, mark.at, is_packed=is_packed)
        ):
            raise CursorExpired(f"{source.path} was rewritten; it is read again.")
        if since is not None and mark.size == size:
            yield Changes(cursor=since, remaining=0, covered_since=ALL_TIME, is_last=True)
            return
        found = (
            read_archive(source.path, parse_header, disk, after=(mark.member, mark.at))
            if source.kind == "archive"
            else _mbox(source, mark.at, disk)
        )
        member, at = mark.member, mark.at
        is_last = False
        while not is_last:
            page = list(islice(found, PAGE))
            member, at = page[-1][1:] if page else (member, at)
            is_last = len(page) < PAGE
            left = Mark(size if is_last else 0, _likeness(source.path, at, is_packed=is_packed), at, member)
            yield _page(page, left, is_last=is_last)
    except BROKEN as error:
        raise Unavailable(
            f"{source.path} cannot be read: {reason_of(error)}.", remedy="See that the file is there and readable."
        ) from error


def _mbox(source: Source, at: int, disk: Disk) -> Iterator[Found]:
    start = max(at - mbox.CONTEXT, 0)
    with disk.open_mbox(source.path) as stream:
        stream.seek(start)
        for found, end in mbox_messages(stream, prefix="", labels=labels_of(source.name), start=start):
            yield found, "", end


def _page(page: list[Found], left: Mark, *, is_last: bool) -> Changes[MessageMetadata]:
    return Changes(
        upserted=tuple(fact for fact, _, _ in page if isinstance(fact, MessageMetadata)),
        skipped=tuple(fact for fact, _, _ in page if isinstance(fact, Skipped)),
        cursor=Cursor(":".join(map(str, ("file", *left)))),
        remaining=0 if is_last else None,
        covered_since=ALL_TIME if is_last else None,  # an mbox is in no order: nothing is known before its end
        is_last=is_last,
    )


def _mark(since: Cursor | None) -> Mark:
    if since is None:
        return START
    kind, size, likeness, at, member = [*since.split(":", 4), "", "", "", ""][:5]
    if kind != "file" or not (size.isdigit() and at.isdigit()):
        raise CursorExpired("The mark in this file is of another kind; it is read again.")
    return Mark(int(size), likeness, int(at), member)


def _is_packed(source: Source) -> bool:
    """Tell whether a file cannot be appended to, and is either the same or another."""
    if source.kind == "archive":
        return True
    with source.path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _likeness(path: Path, at: int, *, is_packed: bool) -> str:
    if is_packed:
        stat = path.stat()
        return f"{stat.st_size}-{stat.st_mtime_ns}"
    with path.open("rb") as file:
        head = file.read(min(at, HEAD))
        file.seek(max(at - TAIL, 0))
        return hashlib.blake2b(head + file.read(min(at, TAIL)), digest_size=8).hexdigest()
