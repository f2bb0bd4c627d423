"""Read the files inside a .zip or .tgz as streams, without ever writing one to disk, and without trusting what it says."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from connectors.port import Skipped

MAX_RATIO = 300
"""A member that grows by more than this is no mail: deflate reaches 1030 only on constant bytes; mbox text is at 3 to 10."""
FREE = 64 * 1024 * 1024
"""Below this many bytes the ratio is not looked at."""
MAX_MEMBERS = 1_000_000

ARCHIVE_SUFFIXES = (".zip", ".tgz", ".tar.gz", ".tar")
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError, RuntimeError)
"""All that reading a damaged, encrypted or exotic archive raises."""


class TooBig(OSError):
    """A member unpacks to more than its packed size can honestly hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of an archive; `stream` is good until the next member is asked for."""

    name: str
    size: int
    """As the archive states it; a hint for progress, not a promise."""
    packed: int
    """Its share of the archive's own bytes; 0 where unknown."""
    stream: BinaryIO


def is_archive(path: Path) -> bool:
    """Tell by its name whether a file is an archive we read."""
    return path.name.lower().endswith(ARCHIVE_SUFFIXES)


def _opened(path: Path) -> BinaryIO:
    return path.open("rb")


def members(path: Path, wanted: Callable[[str], bool], opened: Callable[[Path], BinaryIO] = _opened) -> Iterator[Member | Skipped]:
    """Yield every wanted file of the archive in its order, or why one (or all the rest) cannot be read. Never raises.

    Names that climb out (`..`, absolute, drive letters), links and devices are skipped with their reason; a name is
    only ever a label here, nothing is created from it. A member that inflates beyond MAX_RATIO ends with TooBig.
    """
    read = _zip_members if path.name.lower().endswith(".zip") else _tar_members
    try:
        with opened(path) as disk:
            yield from read(path, disk, wanted)
    except BROKEN as error:
        yield Skipped(remote_id=str(path), reason=f"the archive is damaged or cannot be read: {_said(error)}")


def why_unsafe(name: str) -> str:
    """Say why a member's name is not to be trusted; "" where it is plain."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or "\0" in name:
        return "it has no name"
    if ".." in parts or parts[0].startswith("/") or parts[0].endswith(":"):
        return "its name points outside the archive"
    return ""


def _zip_members(path: Path, disk: BinaryIO, wanted: Callable[[str], bool]) -> Iterator[Member | Skipped]:
    with zipfile.ZipFile(disk) as archive:
        infos = archive.infolist()
        if len(infos) > MAX_MEMBERS:
            yield Skipped(remote_id=str(path), reason=f"the archive lists more than {MAX_MEMBERS} files")
            return
        allowance = max(FREE, MAX_RATIO * path.stat().st_size)  # for all together: members of a bomb may share their bytes
        for info in infos:
            if info.is_dir() or not wanted(info.filename):
                continue
            where = f"{path}!{info.filename}"
            if reason := why_unsafe(info.filename) or ("it is encrypted" if info.flag_bits & 1 else ""):
                yield Skipped(remote_id=where, reason=f"a file in the archive was left out: {reason}")
                continue
            try:
                raw = archive.open(info)
            except BROKEN as error:
                yield Skipped(remote_id=where, reason=f"a file in the archive cannot be read: {_said(error)}")
                continue
            with raw:
                stream = Guarded(cast("BinaryIO", raw), limit=min(allowance, max(FREE, MAX_RATIO * info.compress_size)))
                yield Member(name=info.filename, size=info.file_size, packed=info.compress_size, stream=cast("BinaryIO", stream))
                allowance -= stream.given


def _tar_members(path: Path, disk: BinaryIO, wanted: Callable[[str], bool]) -> Iterator[Member | Skipped]:
    is_gzip = disk.read(2) == b"\x1f\x8b"
    disk.seek(0)
    plain = gzip.GzipFile(fileobj=disk) if is_gzip else disk
    source = Guarded(cast("BinaryIO", plain), limit=max(FREE, MAX_RATIO * path.stat().st_size))
    with tarfile.open(fileobj=source, mode="r|") as archive:
        for count, info in enumerate(archive):
            archive.members = []  # type: ignore[attr-defined]  # untyped; a stream of a million members is not kept
            if count >= MAX_MEMBERS:
                yield Skipped(remote_id=str(path), reason=f"the archive lists more than {MAX_MEMBERS} files")
                return
            if info.isdir() or not wanted(info.name):
                continue
            reason = why_unsafe(info.name) or ("" if info.isfile() else "it is a link or a device")
            stream = None if reason else archive.extractfile(info)
            if stream is None:
                yield Skipped(
                    remote_id=f"{path}!{info.name}",
                    reason=f"a file in the archive was left out: {reason or 'it has no content'}",
                )
                continue
            yield Member(name=info.name, size=info.size, packed=0, stream=cast("BinaryIO", stream))


class Guarded(io.RawIOBase):
    """A stream that ends with TooBig when it gives more than `limit` bytes: the guard against bombs."""

    def __init__(self, source: BinaryIO, *, limit: int) -> None:
        super().__init__()
        self._source = source
        self._left = limit
        self.given = 0

    def readable(self) -> bool:
        """Yes, and that is all it is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes."""
        return self._counted(self._source.read(size if 0 <= size <= self._left else self._left + 1))

    def readline(self, size: int | None = -1) -> bytes:
        """Read up to the end of a line, or `size` bytes: RawIOBase would ask for each byte by itself, a minute for a long line."""
        most = size if size is not None and 0 <= size <= self._left else self._left + 1
        return self._counted(self._source.readline(most))

    def _counted(self, piece: bytes) -> bytes:
        self._left -= len(piece)
        self.given += len(piece)
        if self._left < 0:
            raise TooBig("it unpacks to hundreds of times its size, like an archive made to fill a disk")
        return piece

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the buffer protocol, narrower than typeshed's
        """Read into the buffer."""
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
