"""Mail in outline from one process to another: in portions, in plain values, and what many messages have in common only once.

Whoever listens reads whom they name, so that both have about as much to do.
"""

from __future__ import annotations

import marshal
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, Protocol, TypeVar

from connectors.envelopes import Envelope, Route, envelope_of, route_of
from connectors.files.glances import all_outlines
from connectors.files.reading import Disk
from connectors.files.sources import Source
from connectors.frames import Readable, frame, framed
from connectors.glance import Fields, Glance, Outline, Shared, at_once, is_short, is_usual, look
from connectors.port import Skipped
from rules.facts import MessageMetadata

PORTION: Final = 256
"""Messages told at a time."""
KNOWN: Final = 1 << 11
"""Routes or envelopes known by number, before both sides forget these and count anew."""
PLAIN: Final = 2
"""The version of marshal that does not look for what is told twice."""
One = TypeVar("One")
Key = TypeVar("Key")
Told = tuple[Any, ...]
"""What marshal takes."""
New = tuple[bool, Sequence[Any]]
"""Whether all that is known so far is to be forgotten, and what comes to it."""


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
    disk, teller = Disk(), _Teller()
    found = all_outlines(sources, disk)
    passed, is_last = 0, False
    while not is_last:
        rows = [teller.row(each) for each in islice(found, PORTION)]
        is_last = len(rows) < PORTION
        portion: Told = is_last, disk.done - passed, teller.new(), rows
        passed = disk.done
        out.write(frame(marshal.dumps(portion, PLAIN)))
    out.flush()


def told(stream: Readable) -> Iterator[tuple[bool, int, list[Glance | Skipped]]]:
    """Yield what `tell` wrote, portion by portion: whether it is the last, bytes passed in it, and its messages."""
    listener = _Listener()
    is_last = False
    while not is_last and (portion := framed(stream)):
        is_last, passed, new, rows = marshal.loads(portion)  # noqa: S302 - our own process wrote it
        listener.learn(*new)
        yield is_last, passed, [listener.message(row) for row in rows]


class _Numbers(dict[Key, int | Key]):
    """What the other side knows by which number. What it does not know gets the next number, and is told; what is not worth it is told as it is."""

    def __init__(self, is_kept: Callable[[Key], bool]) -> None:
        super().__init__()
        self._is_kept = is_kept
        self._new: list[Key] = []
        self._is_anew = False

    def __missing__(self, one: Key) -> int | Key:
        if not self._is_kept(one):
            return one
        self._new.append(one)
        number = self[one] = len(self)
        return number

    def new(self) -> tuple[bool, list[Key]]:
        """Return whether the other side is to forget all of them first, and what is new since it was asked last."""
        told = self._is_anew, self._new
        self._new, self._is_anew = [], len(self) >= KNOWN
        if self._is_anew:
            self.clear()
        return told


class _Teller:
    """One side: outlines into plain values."""

    def __init__(self) -> None:
        self._envelopes = _Numbers[Shared](is_usual)
        self._routes = _Numbers[Fields](is_short)

    def row(self, found: Outline | MessageMetadata | Skipped) -> Told:
        """Return a message in plain values: of what is remembered, its number."""
        if isinstance(found, tuple):
            return self._envelopes[found[0]], self._routes[found[1]], found[2]
        if isinstance(found, Skipped):
            return found.remote_id, found.reason
        return (pickle.dumps(found),)

    def new(self) -> tuple[New, New]:
        """Return what is needed to understand the rows since the last time."""
        return self._envelopes.new(), self._routes.new()


class _Listener:
    """The other side: plain values into glances."""

    def __init__(self) -> None:
        self._envelopes: list[Envelope] = []
        self._routes: list[Route] = []

    def learn(self, envelopes: New, routes: New) -> None:
        """Take in what a portion brings."""
        _learn(self._envelopes, envelope_of, envelopes)
        _learn(self._routes, route_of, routes)

    def message(self, row: Told) -> Glance | Skipped:
        """Return what _Teller.row was given."""
        if len(row) == 1:
            return at_once(pickle.loads(row[0]))  # noqa: S301 - our own process wrote it
        if len(row) == 2:  # noqa: PLR2004 - a pair
            return Skipped(remote_id=row[0], reason=row[1])
        envelope, route, rest = row
        return look(
            self._envelopes[envelope] if isinstance(envelope, int) else envelope_of(*envelope),
            self._routes[route] if isinstance(route, int) else route_of(*route),
            rest,
        )


def _learn(known: list[One], read: Callable[..., One], new: New) -> None:
    is_anew, values = new
    if is_anew:
        known.clear()
    known += [read(*each) for each in values]
