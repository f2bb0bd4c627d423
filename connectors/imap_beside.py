"""A long first read in two processes: the second one reads the headers while the pages before them are stored."""

from __future__ import annotations

import gc
import io
import marshal
import os
import pickle
import select
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache, partial
from operator import attrgetter
from threading import BoundedSemaphore
from typing import IO, Any, Final

from connectors.imap_reading import Read, Reading
from connectors.port import Skipped
from rules.facts import Address, MessageMetadata

RING: Final = 8 << 20
"""Bytes of memory the answers lie in; half of them are handed over at most, so that none lies on another."""
PIPE: Final = 1 << 20
"""Bytes that may be told ahead; what Linux allows anybody."""
KNOWN: Final = 1 << 12
"""Lists of addresses, and marks, known by number before both sides forget them and count anew."""
PLAIN: Final = 2
"""The version of marshal that does not look for what is told twice."""
SERVE: Final = "import sys; sys.path[:] = sys.argv[2:]; from connectors.imap_beside import serve; serve(int(sys.argv[1]))"

OWN: Final = (
    "remote_id", "message_id", "subject", "recipients", "in_reply_to", "references", "thread_id", "size", "list_unsubscribe",
)  # fmt: skip
"""What each message has of its own and plain."""
LISTS: Final = ("from_", "reply_to", "to", "cc", "bcc")
MARKS: Final = (
    "list_id", "list_post", "precedence", "auto_submitted", "auto_response_suppress", "return_path", "feedback_id",
    "content_type", "bulk_headers", "labels",
)  # fmt: skip
"""What is the same in many."""
READY: Final = b"ready"
NOTHING: Final = marshal.dumps(None, PLAIN)
SECOND: Final = timedelta(seconds=1)
Addresses = tuple[Address, ...]

_own_of, _lists_of, _marks_of = attrgetter(*OWN), attrgetter(*LISTS), attrgetter(*MARKS)
PUT: Final = [getattr(MessageMetadata, name).__set__ for name in (*OWN, "sent_at", *LISTS, *MARKS, "sent_offset", "sender")]
"""Fill a message field by field: its constructor takes twice as long."""


class Ahead:
    """Answers on their way to be read, taken back in their order."""

    def __init__(self, reading: Reading, beside: Beside | None = None) -> None:
        self._reading, self._beside = reading, beside
        self._waiting: deque[tuple[Sequence[int], Callable[[], Read]]] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def has_room(self) -> bool:
        """Tell whether one more may be put; a first one always."""
        return not self._waiting or (self._beside is not None and self._beside.has_room())

    def put(self, uids: Sequence[int], answer: bytes) -> None:
        """Have the answer to a question for these UIDs read."""
        told = self._beside.hand(answer) if self._beside is not None else None
        self._waiting.append((uids, told or partial(self._reading.read, answer)))

    def take(self) -> tuple[Sequence[int], Callable[[], Read]]:
        """Return the UIDs of the first one, and what says, as `Reading.read` does, what was answered; to be asked at once."""
        return self._waiting.popleft()


class Beside:
    """The second process."""

    def __init__(self, process: subprocess.Popen[bytes], memory: int, reading: Reading) -> None:
        self._process, self._memory, self._reading = process, memory, reading
        self._asked, self._told = process.stdin or io.BytesIO(), process.stdout or io.BytesIO()
        self._at = self._held = 0
        self._is_ready = False
        self._lists: list[Addresses] = []
        self._envelopes: list[tuple[Any, ...]] = []

    def has_room(self) -> bool:
        """Tell whether it listens, and has less to do than it might."""
        if not self._is_ready and select.select([self._told], [], [], 0)[0]:
            self._is_ready = self._next() == READY
        return self._is_ready and self._held < RING // 4

    def hand(self, answer: bytes) -> Callable[[], Read] | None:
        """Have it read an answer; return what says, in the order of answers, what was read, None where there is no room for it."""
        size = len(answer)
        if not self._is_ready or self._held + size > RING // 2:
            return None
        self._at = 0 if self._at + size > RING else self._at
        try:
            os.pwrite(self._memory, answer, self._at)
            os.write(self._asked.fileno(), self._at.to_bytes(4, "little") + size.to_bytes(4, "little"))
        except OSError:
            self._is_ready = False
            return None
        place, self._at, self._held = self._at, self._at + size, self._held + size
        return partial(self.read, place, size)

    def read(self, at: int, size: int) -> Read:
        """Return what the first answer it was handed says, read here where it cannot tell."""
        self._held -= size
        told = marshal.loads(self._next() or NOTHING)  # noqa: S302 - our own process wrote it
        if told is None:
            return self._reading.read(os.pread(self._memory, size, at))
        is_anew, lists, envelopes, rows, skipped = told
        if is_anew:
            self._lists.clear()
            self._envelopes.clear()
        self._lists += [tuple(_address(*each) for each in addresses) for addresses in lists]
        self._envelopes += [_envelope(each, self._lists) for each in envelopes]
        return list(_messages(rows, self._envelopes)), [Skipped(remote_id=of, reason=why) for of, why in skipped]

    def close(self) -> None:
        """Stop it, wherever it is."""
        self._process.kill()
        self._process.communicate()
        os.close(self._memory)

    def _next(self) -> bytes:
        told = _framed(self._told)
        self._is_ready = self._is_ready and bool(told)
        return told


@contextmanager
def beside(reading: Reading) -> Iterator[Beside | None]:
    """Have a second process read; None where no core is free for it, or the system has no memory to share in that way."""
    is_free = hasattr(os, "memfd_create") and bool(sys.executable) and _cores().acquire(blocking=False)
    if not is_free:
        yield None
        return
    second = None
    try:
        with suppress(OSError):
            second = _begun(reading)
        yield second
    finally:
        if second is not None:
            second.close()
        _cores().release()


@cache
def _cores() -> BoundedSemaphore:
    """Stand for the cores beside the one that waits for what is read: no more processes than these."""
    return BoundedSemaphore(len(os.sched_getaffinity(0)) - 1)


def _begun(reading: Reading) -> Beside:
    memory = os.memfd_create("rekindle-headers")
    try:
        process = subprocess.Popen(  # noqa: S603 - this very interpreter
            [sys.executable, "-S", "-c", SERVE, str(memory), *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(memory,),
            pipesize=PIPE,
        )
    except OSError:
        os.close(memory)
        raise
    second = Beside(process, memory, reading)
    with suppress(BrokenPipeError):
        _tell(process.stdin or io.BytesIO(), pickle.dumps(reading))
    return second


def serve(memory: int) -> None:
    """Be the second process: read answers where they lie in memory, tell what they say. It ends when nobody asks any more."""
    for one in (signal.SIGINT, signal.SIGTERM):  # the one who asks is told, and stops us
        signal.signal(one, signal.SIG_IGN)
    gc.disable()
    way, out = sys.stdin.buffer, sys.stdout.buffer
    reading = pickle.loads(_framed(way))  # noqa: S301 - whoever started us wrote it
    numbers = _Numbers()
    with suppress(BrokenPipeError):
        _tell(out, READY)
        while len(place := way.read(8)) == 8:  # noqa: PLR2004 - two numbers of four bytes
            answer = os.pread(memory, int.from_bytes(place[4:], "little"), int.from_bytes(place[:4], "little"))
            try:
                _tell(out, numbers.written(reading.read(answer)))
            except EOFError:
                _tell(out, NOTHING)


class _Numbers:
    """Writes what was read in plain values; what comes again and again goes by its number."""

    def __init__(self) -> None:
        self._lists: dict[int, tuple[int, Addresses]] = {}
        self._envelopes: dict[tuple[Any, ...], int] = {}

    def written(self, read: Read) -> bytes:
        """Return what `Beside.read` reads."""
        is_anew = len(self._lists) + len(self._envelopes) > KNOWN
        if is_anew:
            self._lists.clear()
            self._envelopes.clear()
        lists: list[Addresses] = []
        envelopes: list[tuple[Any, ...]] = []
        rows = [self._row(each, lists, envelopes) for each in read[0]]
        plain = [tuple((each.email, each.name) for each in addresses) for addresses in lists]
        skipped = [(each.remote_id, each.reason) for each in read[1]]
        return marshal.dumps((is_anew, plain, envelopes, rows, skipped), PLAIN)

    def _row(self, message: MessageMetadata, lists: list[Addresses], envelopes: list[tuple[Any, ...]]) -> tuple[Any, ...]:
        offset, sender = message.sent_offset, message.sender
        envelope = (
            *[self._list(each, lists) for each in _lists_of(message)],
            *_marks_of(message),
            None if offset is None else offset // SECOND,
            None if sender is None else (sender.email, sender.name),
        )
        number = self._envelopes.get(envelope)
        if number is None:
            number = self._envelopes[envelope] = len(self._envelopes)
            envelopes.append(envelope)
        return (*_own_of(message), message.sent_at.timestamp(), number)

    def _list(self, addresses: Addresses, fresh: list[Addresses]) -> int:
        known = self._lists.get(id(addresses))  # the same field is the same object: it is remembered as it was read
        if known is None:
            known = self._lists[id(addresses)] = len(self._lists), addresses
            fresh.append(addresses)
        return known[0]


def _envelope(told: Sequence[Any], lists: Sequence[Addresses]) -> tuple[Any, ...]:
    """Return, in the order of PUT, what many messages have in common."""
    *marked, offset, sender = told[len(LISTS) :]
    return (
        *[lists[each] for each in told[: len(LISTS)]],
        *marked,
        None if offset is None else _offset(offset),
        None if sender is None else _address(*sender),
    )


def _messages(rows: Sequence[Any], envelopes: Sequence[tuple[Any, ...]]) -> Iterator[MessageMetadata]:
    new = object.__new__
    for *own, at, envelope in rows:
        message = new(MessageMetadata)
        for put, value in zip(PUT, (*own, datetime.fromtimestamp(at, UTC), *envelopes[envelope]), strict=True):
            put(message, value)
        yield message


@lru_cache(maxsize=1 << 12)
def _address(email: str, name: str) -> Address:
    return Address(email=email, name=name)


@lru_cache(maxsize=1 << 8)
def _offset(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)


def _tell(out: IO[bytes], what: bytes) -> None:
    out.write(len(what).to_bytes(4, "little") + what)
    out.flush()


def _framed(stream: IO[bytes]) -> bytes:
    """Return what was told next, b"" where there is nothing or only a part of it."""
    size = int.from_bytes(stream.read(4), "little")
    told = stream.read(size)
    return told if len(told) == size else b""
