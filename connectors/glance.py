"""A short look at a header, for whoever asks only who wrote to whom, when and by what machine: what repeats is read once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Final, NamedTuple

from connectors.dates import sent
from connectors.mime import BULK_FIELDS, FIELD, LONGEST_ID, USUAL_ID, WANTED, head_of, ids, parse_header, people_in, text_in
from rules.facts import Address, MessageMetadata

SHORT: Final = 1 << 16
"""Bytes of a header that is looked at in this way; a longer one is read in full."""
SHARED: Final = 1200
"""Bytes of the fields of an envelope worth remembering."""
LONG: Final = 500
"""Bytes of the fields of a route that is not."""
SECOND: Final = timedelta(seconds=1)
OWN: Final = ("date", "subject", "message-id", "in-reply-to", "to", "cc", "bcc")
"""The fields that differ from message to message."""
IN_PART: Final = {
    "content-type": "content_type", "return-path": "return_path", "list-unsubscribe": "unsubscribe", "feedback-id": "feedback",
}  # fmt: skip
"""The fields of which an envelope has a part."""
NOT_TOLD: Final = frozenset({"references", "received"})
MARKS: Final = BULK_FIELDS - {"content-class"}
"""Fields of which only the name tells anything."""
PARTIES: Final = frozenset({"to", "cc", "bcc"})
LISTS: Final = frozenset({"list-id", "list-post"})
"""Where one of these stands, who is addressed tells which list it is."""
USUAL_TYPES: Final = frozenset(
    {b"text/plain", b"text/html", b"multipart/alternative", b"multipart/mixed", b"multipart/related", b"multipart/signed"}
)
"""Media types that tell nothing about who wrote."""


class Envelope:
    """What many messages have in common. Told apart by identity, so that what is concluded from one can be remembered."""

    __slots__ = ("facts", "is_shared")

    def __init__(self, facts: MessageMetadata, *, is_shared: bool) -> None:
        self.facts = facts
        """Its sender, list and machine fields and labels, and whom it is addressed to where it names a list; Return-Path,
        List-Unsubscribe, Feedback-ID and In-Reply-To only as far as to tell whether they are there; no usual Content-Type,
        no date, no subject and no ids."""
        self.is_shared = is_shared
        """Whether another message may come in the very same envelope."""


class Route:
    """Whom a message is addressed to. Told apart by identity, as an envelope is."""

    __slots__ = ("bcc", "cc", "recipients", "to")

    def __init__(self, to: tuple[Address, ...], cc: tuple[Address, ...], bcc: tuple[Address, ...], recipients: int) -> None:
        self.to, self.cc, self.bcc = to, cc, bcc
        self.recipients = recipients
        """How many addresses these fields really name."""


class Glance(NamedTuple):
    """One message at a glance."""

    envelope: Envelope
    route: Route
    message_id: str
    sent: float
    """When it was sent, in seconds since 1970."""
    offset: int | None
    """Seconds east of UTC that its Date states; None for none."""
    in_reply_to: str
    """The first Message-ID it answers, "" where there is none."""
    subject: str
    thread_id: str
    chain: bytes | tuple[str, ...]
    """Its References: read where they are long, of which there is an end then, else as they stand."""

    @property
    def sent_at(self) -> datetime:
        """When it was sent, aware UTC."""
        return datetime.fromtimestamp(self.sent, UTC)

    def references(self) -> tuple[str, ...]:
        """Read which Message-IDs it refers to."""
        return self.chain if isinstance(self.chain, tuple) else ids(self.chain)


Shared = tuple["Shape", tuple[bytes, ...], tuple[bytes, ...], frozenset[str]]
"""What an envelope is made of: which fields, what stands in those that are there in full and in those there in part, labels."""
Fields = tuple[bytes, bytes, bytes]
"""What a route is made of: To, Cc and Bcc as they stand."""
Rest = tuple[str, float, int | None, str, bytes, str, bytes]
"""What a Glance has beside its envelope and its route, but the subject and the References as they stand."""
Outline = tuple[Shared, Fields, Rest]
"""A glance before it has been read whom it names."""


def glance(
    raw: bytes,
    *,
    remote_id: str,
    labels: frozenset[str],
    received_at: datetime | None,
    size: int | None,
    thread_id: str,
) -> Glance:
    """Look at one header block. Takes what connectors.mime.parse_header takes and raises what it raises."""
    found = outline(raw, remote_id=remote_id, labels=labels, received_at=received_at, size=size, thread_id=thread_id)
    if isinstance(found, MessageMetadata):
        return at_once(found)
    shared, fields, rest = found
    envelope = envelope_of if is_usual(shared) else envelope_of.__wrapped__
    route = route_of if is_short(fields) else route_of.__wrapped__
    return look(envelope(*shared), route(*fields), rest)


def outline(
    raw: bytes,
    *,
    remote_id: str,
    labels: frozenset[str],
    received_at: datetime | None,
    size: int | None,
    thread_id: str,
) -> Outline | MessageMetadata:
    """Take from one header block what tells it apart from others; read it in full where it is not as nearly all are."""
    head = head_of(raw)
    found = FIELD.findall(head) if len(head) <= SHORT and head.find(b"\r") < 0 else ()
    names, values = zip(*found, strict=True) if found else ((), ())
    layout = _layout(names)
    values += (b"",)  # the place of whatever is not there
    if layout is None or (named := USUAL_ID.fullmatch(values[layout.message_id])) is None:
        return parse_header(raw, remote_id=remote_id, labels=labels, received_at=received_at, size=size, thread_id=thread_id)
    at, offset = sent(values[layout.date], received_at, raw)
    parents = ids(values[layout.in_reply_to])
    rest = (
        named[1].decode("ascii"),
        at.timestamp() if at else 0.0,
        None if offset is None else offset // SECOND,
        parents[0] if parents else "",
        values[layout.subject],
        thread_id,
        values[layout.references],
    )
    return (
        _shared(layout, values, labels, has_parent=bool(parents)),
        (values[layout.to], values[layout.cc], values[layout.bcc]),
        rest,
    )


def look(envelope: Envelope, route: Route, rest: Rest) -> Glance:
    """Read the rest of an outline."""
    message_id, at, offset, parent, subject, thread_id, chain = rest
    references = chain if len(chain) <= LONGEST_ID else ids(chain)
    return Glance(envelope, route, message_id, at, offset, parent, text_in(subject), thread_id, references)


def at_once(message: MessageMetadata) -> Glance:
    """Look at a message that was read in full."""
    return Glance(
        Envelope(message, is_shared=False),
        Route(message.to, message.cc, message.bcc, message.recipients),
        message.message_id,
        message.sent_at.timestamp(),
        None if message.sent_offset is None else message.sent_offset // SECOND,
        message.in_reply_to[0] if message.in_reply_to else "",
        message.subject,
        message.thread_id,
        message.references,
    )


def is_short(fields: Fields) -> bool:
    """Tell whether a route is worth remembering."""
    to, cc, bcc = fields
    return len(to) + len(cc) + len(bcc) <= LONG


@lru_cache(maxsize=1 << 11)
def route_of(to: bytes, cc: bytes, bcc: bytes) -> Route:
    """Read whom a message is addressed to."""
    found = people_in(to), people_in(cc), people_in(bcc)
    return Route(found[0].addresses, found[1].addresses, found[2].addresses, sum(part.count for part in found))


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Which fields an envelope has; told apart by identity, as one stands for many layouts."""

    picked: tuple[bytes, ...]
    """The names of those it has in full."""
    marks: tuple[bytes, ...]
    """The names of MARKS that are there."""


_shape = lru_cache(maxsize=1 << 10)(Shape)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Layout:
    """Where the fields stand in headers with the same names in the same order; -1 for a field that is not there."""

    date: int
    subject: int
    message_id: int
    in_reply_to: int
    to: int
    cc: int
    bcc: int
    content_type: int
    return_path: int
    unsubscribe: int
    feedback: int
    references: int
    pick: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]
    """Take the values that an envelope has in full, and empty ones after them."""
    shape: Shape


@lru_cache(maxsize=1 << 10)
def _layout(names: tuple[bytes, ...]) -> _Layout | None:
    """Find the fields by their names; None where one stands twice, which takes care."""
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        known = WANTED[name] if name in WANTED else WANTED.get(name.lower(), "")
        if known in places:
            return None
        if known and known not in NOT_TOLD:
            places[known] = place
    left_out = {*OWN, *IN_PART, *MARKS} - (PARTIES if LISTS & places.keys() else frozenset())
    picked = {name: places[name] for name in sorted(places.keys() - left_out)}
    return _Layout(
        **{name.replace("-", "_"): places.get(name, -1) for name in OWN},
        **{name: places.get(field, -1) for field, name in IN_PART.items()},
        references=next((place for place, name in enumerate(names) if name.lower() == b"references"), -1),
        pick=itemgetter(*picked.values(), -1, -1),  # two at least: of one it makes no tuple
        shape=_shape(tuple(name.encode() for name in picked), tuple(name.encode() for name in sorted(MARKS & places.keys()))),
    )


def _shared(layout: _Layout, values: tuple[bytes, ...], labels: frozenset[str], *, has_parent: bool) -> Shared:
    """Take the common part of a header; only what surely tells no more is cut."""
    kind, path = values[layout.content_type], values[layout.return_path]
    unsubscribe, feedback = values[layout.unsubscribe], values[layout.feedback]
    parts = (
        b"" if kind.partition(b";")[0] in USUAL_TYPES else kind,
        b"<a>" if path[:1] == b"<" and path[1:2].isalnum() else path,
        b"<a>" if unsubscribe[:1] == b"<" else unsubscribe,
        b"a" if feedback[:1].isalnum() else feedback,
        b"<a@b>" if has_parent else b"",
    )
    return layout.shape, layout.pick(values), parts, labels


def is_usual(shared: Shared) -> bool:
    """Tell whether an envelope is worth remembering."""
    return sum(map(len, shared[1])) <= SHARED


@lru_cache(maxsize=1 << 11)
def envelope_of(shape: Shape, picked: tuple[bytes, ...], parts: tuple[bytes, ...], labels: frozenset[str]) -> Envelope:
    """Read the common part as a header of its own."""
    fields = [
        (b"message-id", b"<a@b>"),
        *zip(shape.picked, picked, strict=False),
        *zip((*(name.encode() for name in IN_PART), b"in-reply-to"), parts, strict=True),
        *((mark, b"1") for mark in shape.marks),
    ]
    raw = b"".join(b"%b: %b\n" % field for field in fields)
    return Envelope(parse_header(raw, remote_id="", labels=labels), is_shared=True)
