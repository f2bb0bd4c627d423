"""Read mail in a process beside this one: the second core finds and splits the headers while the first concludes from them."""

from __future__ import annotations

import gc
import io
import marshal
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from typing import IO, Any, Final, Protocol

from connectors.files.glances import all_glances
from connectors.files.reading import Disk
from connectors.files.sources import Source
from connectors.glance import Envelope, Glance, Route
from connectors.port import Skipped
from rules.facts import Address

PORTION: Final = 256
"""Messages told at a time."""
KNOWN: Final = 1 << 12
"""Envelopes and routes known by number, before both sides forget them and count anew."""
PIPE: Final = 1 << 20
"""Bytes a pipe holds; what Linux allows anybody."""
AHEAD: Final = 4 << 20
"""Bytes kept back where the other side is not there yet: what is told in the half second in which it starts."""
PLAIN: Final = 2
"""The version of marshal that does not look for what is told twice."""
SERVE: Final = "import sys; sys.path[:] = sys.argv[1:]; from connectors.files.beside import serve; serve()"

Row = tuple[int, int, str, float, int | None, str, str, str, bytes | tuple[str, ...]]
"""A Glance with the numbers of its envelope and its route."""


class Beside:
    """A reader of its own. Whoever starts one closes it."""

    def __init__(self, process: subprocess.Popen[bytes], sources: Sequence[Source]) -> None:
        self._process = process
        self._sources = sources

    def messages(self, disk: Disk) -> Iterator[Glance | Skipped]:
        """Yield what all_glances yields of the sources. Should the reader be stopped, the rest is read here."""
        count, is_whole = 0, False
        for is_last, passed, rows in told(self._process.stdout or io.BytesIO()):
            disk.done += passed
            count += len(rows)
            is_whole = is_last
            yield from rows
        if not is_whole:
            disk.done = 0
            yield from islice(all_glances(self._sources, disk), count, None)

    def close(self) -> None:
        """Stop it, wherever it is."""
        self._process.kill()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process.wait()


def begin(sources: Sequence[Source]) -> Beside | None:
    """Begin to read the sources beside; None where there is no second core or no way to start a process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores < 2 or not sys.executable:  # noqa: PLR2004
        return None
    try:
        process = subprocess.Popen(  # noqa: S603 - this very interpreter
            [sys.executable, "-S", "-c", SERVE, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pipesize=PIPE,
        )
    except OSError:
        return None
    with suppress(OSError), process.stdin or io.BytesIO() as way:
        pickle.dump(sources, way)
    return Beside(process, sources)


def told(stream: IO[bytes]) -> Iterator[tuple[bool, int, list[Glance | Skipped]]]:
    """Yield what `tell` wrote, portion by portion: whether it is the last, bytes passed in it, and its messages."""
    known: list[Any] = []
    is_last = False
    while not is_last and (portion := _next(stream)):
        is_last, passed, is_anew, new, rows = marshal.loads(portion)  # noqa: S302 - our own process wrote it
        if is_anew:
            known.clear()
        known += pickle.loads(new)  # noqa: S301 - as above
        yield is_last, passed, [_glance(row, known) if len(row) > 2 else _skipped(row) for row in rows]  # noqa: PLR2004 - no pair


def serve() -> None:
    """Be the reader: take the sources from stdin, tell the messages on stdout. It ends when nobody listens."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who listens is told, and stops us
    gc.disable()
    sources = pickle.load(sys.stdin.buffer)  # noqa: S301 - whoever started us wrote it
    with suppress(BrokenPipeError):
        tell(sources, _Patient(sys.stdout.fileno()))


class Out(Protocol):
    """Where the messages are told."""

    def write(self, portion: bytes, /) -> object:
        """Take a portion."""
        ...

    def flush(self) -> None:
        """Let nothing be kept back."""
        ...


def tell(sources: Iterable[Source], out: Out) -> None:
    """Write all messages of the sources in portions."""
    disk, numbers = Disk(), _Numbers()
    found = all_glances(sources, disk)
    passed, is_last = 0, False
    while not is_last:
        is_anew = numbers.begin()
        rows = [numbers.row(each) for each in islice(found, PORTION)]
        is_last = len(rows) < PORTION
        portion = marshal.dumps((is_last, disk.done - passed, is_anew, numbers.new(), rows), PLAIN)
        passed = disk.done
        out.write(len(portion).to_bytes(4, "little") + portion)
    out.flush()


class _Patient:
    """Writes to a pipe and does not wait for whoever reads it, as long as no more than AHEAD is kept back."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._kept = bytearray()

    def write(self, portion: bytes, /) -> None:
        self._kept += portion
        os.set_blocking(self._pipe, len(self._kept) > AHEAD)
        with suppress(BlockingIOError):
            del self._kept[: os.write(self._pipe, self._kept)]

    def flush(self) -> None:
        os.set_blocking(self._pipe, True)
        while self._kept:
            del self._kept[: os.write(self._pipe, self._kept)]


class _Numbers:
    """Which envelope and which route the other side knows by which number."""

    def __init__(self) -> None:
        self._numbers: dict[Envelope | Route, int] = {}
        self._new: list[Envelope | Route] = []

    def begin(self) -> bool:
        """Begin a portion; tell whether the other side is to forget all numbers."""
        self._new = []
        if len(self._numbers) < KNOWN:
            return False
        self._numbers.clear()
        return True

    def row(self, found: Glance | Skipped) -> Row | tuple[str, str]:
        """Return a message in plain values."""
        if isinstance(found, Skipped):
            return found.remote_id, found.reason
        return self._of(found[0]), self._of(found[1]), *found[2:]

    def new(self) -> bytes:
        """Return what got its number in this portion, in their order."""
        out = io.BytesIO()
        _Pickler(out, pickle.HIGHEST_PROTOCOL).dump(self._new)
        return out.getvalue()

    def _of(self, one: Envelope | Route) -> int:
        number = self._numbers.get(one)
        if number is None:
            number = self._numbers[one] = len(self._numbers)
            self._new.append(one)
        return number


@lru_cache(maxsize=1 << 12)
def _address(email: str, name: str) -> Address:
    return Address(email=email, name=name)


def _texts(one: Address) -> tuple[Callable[[str, str], Address], tuple[str, str]]:
    return _address, (one.email, one.name)


class _Pickler(pickle.Pickler):
    """Tells an address by its two texts: the way of a dataclass takes five times as long."""

    dispatch_table = {Address: _texts}  # noqa: RUF012 - as pickle wants it


def _glance(row: Row, known: Sequence[Any]) -> Glance:
    return Glance(known[row[0]], known[row[1]], *row[2:])


def _skipped(row: tuple[str, str]) -> Skipped:
    return Skipped(remote_id=row[0], reason=row[1])


def _next(stream: IO[bytes]) -> bytes:
    """Return the next portion, b"" where there is none or only a part of it."""
    size = int.from_bytes(stream.read(4), "little")
    portion = stream.read(size)
    return portion if len(portion) == size else b""
