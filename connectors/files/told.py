"""Messages at a glance from one process to another: in portions, in plain values, and what many have in common only once."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from itertools import islice
from operator import attrgetter
from typing import Any, Final, Protocol, TypeVar

from connectors.files.glances import all_glances
from connectors.files.reading import Disk
from connectors.files.sources import Source
from connectors.frames import Readable, frame, framed
from connectors.glance import SECOND, Envelope, Glance, Route
from connectors.port import Skipped
from rules.facts import Address, MessageMetadata

PORTION: Final = 256
"""Messages told at a time."""
KNOWN: Final = 1 << 11
"""Addresses, routes or envelopes known by number, before both sides forget these and count anew."""
PLAIN: Final = 2
"""The version of marshal that does not look for what is told twice."""
PEOPLE: Final = ("from_", "reply_to", "to", "cc", "bcc")
PEOPLE_OF: Final = attrgetter(*PEOPLE)
PLAIN_FACTS: Final = tuple(
    field.name for field in fields(MessageMetadata) if field.name not in {*PEOPLE, "sender", "sent_at", "sent_offset"}
)
PLAIN_OF: Final = attrgetter(*PLAIN_FACTS)
One = TypeVar("One")
New = tuple[bool, Sequence[Sequence[Any]]]
"""Whether all that is known so far is to be forgotten, and the values of what comes to it."""


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
    found = all_glances(sources, disk)
    passed, is_last = 0, False
    while not is_last:
        rows = [teller.row(each) for each in islice(found, PORTION)]
        is_last = len(rows) < PORTION
        portion = marshal.dumps((is_last, disk.done - passed, teller.new(), rows), PLAIN)
        passed = disk.done
        out.write(frame(portion))
    out.flush()


def told(stream: Readable) -> Iterator[tuple[bool, int, list[Glance | Skipped]]]:
    """Yield what `tell` wrote, portion by portion: whether it is the last, bytes passed in it, and its messages."""
    listener = _Listener()
    is_last = False
    while not is_last and (portion := framed(stream)):
        is_last, passed, new, rows = marshal.loads(portion)  # noqa: S302 - our own process wrote it
        listener.learn(*new)
        yield is_last, passed, [listener.message(row) for row in rows]


class _Numbers(dict[One, int]):
    """What the other side knows by which number. What it does not know gets the next number, and is told."""

    def __init__(self, plain: Callable[[One], Any]) -> None:
        super().__init__()
        self._plain = plain
        self._new: list[Any] = []
        self._is_anew = False

    def __missing__(self, one: One) -> int:
        self._new.append(self._plain(one))
        number = self[one] = len(self)
        return number

    def new(self) -> New:
        """Return whether the other side is to forget all of them first, and what is new since it was asked last."""
        told = self._is_anew, self._new
        self._new, self._is_anew = [], len(self) >= KNOWN
        if self._is_anew:
            self.clear()
        return told


class _Teller:
    """One side: objects into plain values."""

    def __init__(self) -> None:
        self._addresses = _Numbers[Address](attrgetter("email", "name"))
        self._routes = _Numbers[Route](self._route)
        self._envelopes = _Numbers[Envelope](self._envelope)

    def row(self, found: Glance | Skipped) -> tuple[Any, ...]:
        """Return a message in plain values: as it is, but for the numbers of its envelope and its route."""
        if isinstance(found, Skipped):
            return found.remote_id, found.reason
        return self._envelopes[found[0]], self._routes[found[1]], *found[2:]

    def new(self) -> tuple[Any, Any, Any]:
        """Return what is needed to understand the rows since the last time: of each a New."""
        return self._addresses.new(), self._routes.new(), self._envelopes.new()

    def _numbers(self, people: Iterable[Address]) -> list[int]:
        return [self._addresses[each] for each in people]

    def _route(self, route: Route) -> tuple[Any, ...]:
        return self._numbers(route.to), self._numbers(route.cc), self._numbers(route.bcc), route.recipients

    def _envelope(self, envelope: Envelope) -> tuple[Any, ...]:
        facts = envelope.facts
        return (
            envelope.is_shared,
            PLAIN_OF(facts),
            facts.sent_at.timestamp(),
            None if facts.sent_offset is None else facts.sent_offset // SECOND,
            None if facts.sender is None else self._addresses[facts.sender],
            [self._numbers(people) for people in PEOPLE_OF(facts)],
        )


class _Listener:
    """The other side: plain values into objects."""

    def __init__(self) -> None:
        self._addresses: list[Address] = []
        self._routes: list[Route] = []
        self._envelopes: list[Envelope] = []
        self._plain: dict[Any, Any] = {}
        """Labels, list names and the like, each kept once."""

    def learn(self, addresses: New, routes: New, envelopes: New) -> None:
        """Take in what a portion brings."""
        if envelopes[0]:
            self._plain.clear()
        _learn(self._addresses, _address, addresses)
        _learn(self._routes, self._route, routes)
        _learn(self._envelopes, self._envelope, envelopes)

    def message(self, row: tuple[Any, ...]) -> Glance | Skipped:
        """Return what _Teller.row was given."""
        if len(row) == 2:  # noqa: PLR2004 - a pair
            return Skipped(remote_id=row[0], reason=row[1])
        return Glance(self._envelopes[row[0]], self._routes[row[1]], *row[2:])

    def _people(self, numbers: Iterable[int]) -> tuple[Address, ...]:
        return tuple([self._addresses[number] for number in numbers])

    def _route(self, to: list[int], cc: list[int], bcc: list[int], recipients: int) -> Route:
        return Route(self._people(to), self._people(cc), self._people(bcc), recipients)

    def _envelope(
        self,
        is_shared: bool,  # noqa: FBT001 - as it is told
        values: tuple[Any, ...],
        at: float,
        offset: int | None,
        sender: int | None,
        people: list[list[int]],
    ) -> Envelope:
        from_, reply_to, to, cc, bcc = map(self._people, people)
        plain: dict[str, Any] = {
            name: self._plain.setdefault(value, value) for name, value in zip(PLAIN_FACTS, values, strict=True)
        }
        facts = MessageMetadata(
            sent_at=datetime.fromtimestamp(at, UTC),
            sent_offset=None if offset is None else timedelta(seconds=offset),
            sender=None if sender is None else self._addresses[sender],
            from_=from_,
            reply_to=reply_to,
            to=to,
            cc=cc,
            bcc=bcc,
            **plain,
        )
        return Envelope(facts, is_shared=is_shared)


def _learn(known: list[One], read: Callable[..., One], new: New) -> None:
    is_anew, values = new
    if is_anew:
        known.clear()
    known += [read(*each) for each in values]


def _address(email: str, name: str) -> Address:
    return Address(email=email, name=name)
