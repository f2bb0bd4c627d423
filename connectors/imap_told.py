"""What two processes tell each other of headers that were read: in plain values, and what comes again and again by its number."""

from __future__ import annotations

import gc
import marshal
import os
import pickle
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import IO, Any, Final

from connectors.imap_reading import Read
from connectors.port import Skipped
from rules.facts import Address, MessageMetadata

KNOWN: Final = 1 << 12
"""Lists of addresses, and envelopes, known by number before both sides forget them and count anew."""
PLAIN: Final = 2
"""The version of marshal that does not look for what is told twice."""
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


def serve(memory: int) -> None:
    """Be the second process: read answers where they lie in memory, tell what they say. It ends when nobody asks any more."""
    for one in (signal.SIGINT, signal.SIGTERM):  # the one who asks is told, and stops us
        signal.signal(one, signal.SIG_IGN)
    gc.disable()
    way, out = sys.stdin.buffer, sys.stdout.buffer
    reading = pickle.loads(framed(way))  # noqa: S301 - whoever started us wrote it
    numbers = Numbers()
    with suppress(BrokenPipeError):
        tell(out, READY)
        while len(place := way.read(8)) == 8:  # noqa: PLR2004 - two numbers of four bytes
            answer = os.pread(memory, int.from_bytes(place[4:], "little"), int.from_bytes(place[:4], "little"))
            try:
                tell(out, numbers.written(reading.read(answer)))
            except EOFError:
                tell(out, NOTHING)


class Numbers:
    """Writes what was read in plain values; what comes again and again goes by its number."""

    def __init__(self) -> None:
        self._lists: dict[int, tuple[int, Addresses]] = {}
        self._envelopes: dict[tuple[Any, ...], int] = {}

    def written(self, read: Read) -> bytes:
        """Return what `Told.read` reads."""
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


class Told:
    """Reads what `Numbers` writes, portion after portion."""

    def __init__(self) -> None:
        self._lists: list[Addresses] = []
        self._envelopes: list[tuple[Any, ...]] = []

    def read(self, portion: bytes) -> Read | None:
        """Return what was read; None where that could not be told."""
        told = marshal.loads(portion)  # noqa: S302 - our own process wrote it
        if told is None:
            return None
        is_anew, lists, envelopes, rows, skipped = told
        if is_anew:
            self._lists.clear()
            self._envelopes.clear()
        self._lists += [tuple(_address(*each) for each in addresses) for addresses in lists]
        self._envelopes += [_envelope(each, self._lists) for each in envelopes]
        return list(_messages(rows, self._envelopes)), [Skipped(remote_id=of, reason=why) for of, why in skipped]


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


def tell(out: IO[bytes], what: bytes) -> None:
    """Write what `framed` reads."""
    out.write(len(what).to_bytes(4, "little") + what)
    out.flush()


def framed(stream: IO[bytes]) -> bytes:
    """Return what was told next, b"" where there is nothing or only a part of it."""
    return _exactly(stream, int.from_bytes(_exactly(stream, 4), "little"))


def _exactly(stream: IO[bytes], size: int) -> bytes:
    pieces: list[bytes] = []
    while size and (piece := stream.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"" if size else b"".join(pieces)
