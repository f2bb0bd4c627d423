"""Messages out of files: headers only, labels from folders and from Gmail, a reason for whatever cannot be read."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final, Protocol, TypeVar, cast

from connectors.dates import EARLIEST, read_date
from connectors.decode import text_of
from connectors.files import archive, mbox
from connectors.mime import MAX_HEADER, TOO_LONG, Unreadable, parse_header
from connectors.port import Skipped
from connectors.roles import role_of
from rules.facts import MessageMetadata

HEAD: Final = 16 * 1024
"""Bytes read of a single message file at first: nearly every header is shorter."""
BROKEN: Final = (OSError, EOFError, zlib.error)
ENVELOPE: Final = re.compile(rb"([A-Z][a-z]{2}) +(\d{1,2}) \d\d:\d\d(?::\d\d)? (?:[+-]\d{4} |[A-Z]{3,4} )?(\d{4})")
GMAIL: Final = re.compile(rb"(?:X-GM-THRID: *(\d{1,20})\r?\n)?X-Gmail-Labels:((?:[^\n]*(?:\n[ \t][^\n]*)*))", re.IGNORECASE)
CATEGORY: Final = re.compile(
    r"(?:category|kategorie|kategori|catégorie|categoría|categoria|categorie|カテゴリ|категория)[ :\u00a0]+(.+)", re.IGNORECASE
)
CATEGORIES: Final = {
    "promotions": "PROMOTIONS", "werbung": "PROMOTIONS", "promociones": "PROMOTIONS", "promozioni": "PROMOTIONS", "promoções": "PROMOTIONS",
    "reclame": "PROMOTIONS", "social": "SOCIAL", "soziale netzwerke": "SOCIAL", "réseaux sociaux": "SOCIAL", "sociaal": "SOCIAL",
    "updates": "UPDATES", "benachrichtigungen": "UPDATES", "notifications": "UPDATES", "actualizaciones": "UPDATES",
    "aggiornamenti": "UPDATES", "atualizações": "UPDATES", "forums": "FORUMS", "foren": "FORUMS", "foros": "FORUMS", "forum": "FORUMS",
    "personal": "PERSONAL", "persönlich": "PERSONAL",
}  # fmt: skip
OF_MAIL: Final = frozenset({"\\Sent", "\\Drafts", "\\Junk", "\\Trash", "\\Inbox"})
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Reader(Protocol[T_co]):
    """What makes something of a header: connectors.mime.parse_header, connectors.glance.glance."""

    def __call__(
        self,
        raw: bytes,
        *,
        remote_id: str,
        labels: frozenset[str],
        received_at: datetime | None,
        size: int | None,
        thread_id: str,
    ) -> T_co:
        """Read a header block. Raises Unreadable."""
        ...


class Disk:
    """Opens files to be read and counts how many bytes of them have been passed: for a progress bar."""

    def __init__(self) -> None:
        self.done = 0

    def open(self, path: Path) -> BinaryIO:
        """Open a file as it lies."""
        return cast("BinaryIO", _Counted(path, self))

    def open_buffered(self, path: Path) -> BinaryIO:
        """Open a file for a reader that asks for a few bytes at a time."""
        return io.BufferedReader(cast("io.FileIO", _Counted(path, self)), 1 << 18)

    def open_mbox(self, path: Path) -> BinaryIO:
        """Open a file, unpacked if it is gzip."""
        raw = self.open(path)
        magic = raw.read(2)
        raw.seek(0)
        return (
            cast("BinaryIO", gzip.GzipFile(fileobj=io.BufferedReader(cast("io.RawIOBase", raw), 1 << 18)))
            if magic == b"\x1f\x8b"
            else raw
        )


class _Counted(io.FileIO):
    def __init__(self, path: Path, disk: Disk) -> None:
        super().__init__(path, "rb")
        self._disk = disk

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size) or b""
        self._disk.done += len(piece)
        return piece

    def readinto(self, buffer: bytearray, /) -> int | None:  # type: ignore[override]  # any writable buffer
        count = super().readinto(buffer)
        self._disk.done += count or 0
        return count


def labels_of(folder: str) -> frozenset[str]:
    """Return the role a folder's name gives its messages, as labels."""
    return OF_MAIL.intersection({role_of(folder)})


def mbox_messages(
    stream: BinaryIO, *, prefix: str, labels: frozenset[str], start: int = 0
) -> Iterator[tuple[MessageMetadata | Skipped, int]]:
    """Yield every message of an mbox in full. See read_mbox."""
    return read_mbox(stream, parse_header, prefix=prefix, labels=labels, start=start)


def read_mbox(
    stream: BinaryIO, read: Reader[T], *, prefix: str, labels: frozenset[str], start: int = 0
) -> Iterator[tuple[T | Skipped, int]]:
    """Yield what `read` makes of every message of an mbox with the offset to go on from.

    Never raises: what is damaged ends with its reason. A remote id is `<prefix><offset>`; labels of Gmail's export are
    added to `labels`. See mbox.scan for `start`.
    """
    at = start
    try:
        for offset, envelope, header, end in mbox.scan(stream, start=start):
            at = end if _is_whole(envelope, header, end - offset) else offset
            yield _message(read, header, f"{prefix}{offset}", labels, _received(envelope), end - offset), at
    except mbox.NotMbox as error:
        yield Skipped(remote_id=f"{prefix}0", reason=f"the file is no mbox: {error}"), at
    except BROKEN as error:
        yield Skipped(remote_id=f"{prefix}{at}", reason=f"the rest of the file is damaged: {reason_of(error)}"), at


def _is_whole(envelope: bytes, header: bytes | None, size: int) -> bool:
    """Tell whether the empty line after a header has been written; if not, whoever appends may still be at it."""
    if header is None:
        return True
    return size - len(envelope) - len(header) >= (10 if header.endswith(b"\r") else 8)  # "From ", line breaks, the empty line


def file_message(
    stream: BinaryIO, *, remote_id: str, labels: frozenset[str], received_at: datetime | None, size: int | None
) -> MessageMetadata | Skipped:
    """Read the header of a file that holds one message in full. Never raises."""
    return read_file(stream, parse_header, remote_id=remote_id, labels=labels, received_at=received_at, size=size)


def read_file(
    stream: BinaryIO,
    read: Reader[T],
    *,
    remote_id: str,
    labels: frozenset[str],
    received_at: datetime | None,
    size: int | None,
) -> T | Skipped:
    """Return what `read` makes of a file that holds one message. Never raises."""
    try:
        head = stream.read(HEAD)
        while (
            b"\n\n" not in head and b"\n\r\n" not in head and len(head) <= MAX_HEADER and (piece := stream.read(len(head) + HEAD))
        ):
            head += piece
    except BROKEN as error:
        return Skipped(remote_id=remote_id, reason=f"the file cannot be read: {reason_of(error)}")
    if head.startswith(b"From ") and (end := head.find(b"\n")) > 0:
        head = head[end + 1 :]
    return _message(read, head, remote_id, labels, received_at, size)


def read_archive(
    path: Path, read: Reader[T], disk: Disk, *, after: tuple[str, int] = ("", 0)
) -> Iterator[tuple[T | Skipped, str, int]]:
    """Yield what `read` makes of the mail in an archive with the member and offset to go on from; `after` is such a place. Never raises."""
    is_reached = not after[0]
    for member in archive.members(path, is_mail, disk.open_buffered):
        if isinstance(member, Skipped):
            if is_reached:
                yield member, "", 0
            continue
        start = 0
        if not is_reached:
            if member.name != after[0]:
                continue
            is_reached, start = True, after[1]
        yield from _member_messages(member, read, start)


def is_mail(name: str) -> bool:
    """Tell by its name whether a file in an archive holds mail."""
    return name.lower().endswith((".mbox", ".mbx", ".eml"))


def _member_messages(member: archive.Member, read: Reader[T], start: int) -> Iterator[tuple[T | Skipped, str, int]]:
    if member.name.lower().endswith(".eml"):
        if not start:
            labels = labels_of(member.name.rpartition("/")[0])
            yield (
                read_file(member.stream, read, remote_id=member.name, labels=labels, received_at=None, size=member.size),
                member.name,
                1,
            )
        return
    at = max(start - mbox.CONTEXT, 0)
    try:
        _pass(member.stream, at)
    except BROKEN as error:
        yield Skipped(remote_id=member.name, reason=f"a file in the archive is damaged: {reason_of(error)}"), member.name, start
        return
    for found, end in read_mbox(member.stream, read, prefix=f"{member.name}:", labels=labels_of(member.name), start=at):
        yield found, member.name, end


def _pass(stream: BinaryIO, count: int) -> None:
    """Read over the first bytes of a stream that cannot seek."""
    while count > 0 and (piece := stream.read(min(count, mbox.CHUNK))):
        count -= len(piece)


def _message(
    read: Reader[T],
    header: bytes | None,
    remote_id: str,
    labels: frozenset[str],
    received_at: datetime | None,
    size: int | None,
) -> T | Skipped:
    thread_id = ""
    if header is None:
        return Skipped(remote_id=remote_id, reason=TOO_LONG)
    if header.find(b"X-Gmail-Labels:", 0, 256) >= 0 and (
        gmail := GMAIL.match(header)
    ):  # only where the export puts it, not the sender
        thread_id = (gmail[1] or b"").decode()
        labels |= gmail_labels(gmail[2])
    try:
        return read(header, remote_id=remote_id, labels=labels, received_at=received_at, size=size, thread_id=thread_id)
    except Unreadable as error:
        return Skipped(remote_id=remote_id, reason=str(error))


@lru_cache(maxsize=4096)
def gmail_labels(value: bytes) -> frozenset[str]:
    """Read X-Gmail-Labels: roles in RFC 6154 words, categories as CATEGORY_..., the owner's own labels verbatim."""
    labels = set()
    for label in text_of(value).split(","):
        name = label.strip().strip('"')
        category = CATEGORY.fullmatch(name)
        if category:
            labels.add("CATEGORY_" + CATEGORIES.get(category[1].casefold(), category[1].upper()))
        elif name:
            role = "" if "/" in name else role_of(name)
            labels.add(role if role in OF_MAIL else name)
    return frozenset(labels)


def _received(envelope: bytes) -> datetime | None:
    """Read on which day an mbox says it took a message; exporters that know no date write 1970."""
    match = ENVELOPE.search(envelope, envelope.find(b" ") - 3)  # an address holds no date
    return None if match is None else _noon(*match.groups())


@lru_cache(maxsize=4096)
def _noon(month: bytes, day: bytes, year: bytes) -> datetime | None:
    at, _ = read_date(b"%b %b %b 12:00:00 +0000" % (day, month, year))
    return at if at is not None and at >= EARLIEST else None


def file_time(seconds: float) -> datetime | None:
    """Return a file's time as an instant; None where it is no believable one."""
    try:
        at = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
    return at if at >= EARLIEST else None


def reason_of(error: BaseException) -> str:
    """Say what the system said, without the path."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
