"""A short look at a header, for whoever asks only who wrote to whom, when and by what machine: what repeats is read once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from connectors.dates import sent
from connectors.envelopes import Envelope, Parts, Route, Values, envelope_of, layout_of, parts_of, route_of
from connectors.mime import FIELD, LONGEST_ID, USUAL_ID, head_of, ids, parse_header, text_in
from rules.facts import MessageMetadata

SHORT: Final = 1 << 16
"""Bytes of a header that is looked at in this way; a longer one is read in full."""
SHARED: Final = 1200
"""Bytes of the fields of an envelope worth remembering."""
LONG: Final = 500
"""Bytes of the fields of a route that is not."""
SECOND: Final = timedelta(seconds=1)


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


Shared = tuple[tuple[str, ...], Values, Parts, frozenset[str]]
"""What an envelope is made of: what envelope_of takes."""
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
    envelope = _envelope if is_usual(shared) else envelope_of
    route = _route if is_short(fields) else route_of
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
    layout, values = layout_of(names), (*values, b"")
    own = layout.own(values) if layout is not None else ()
    named = USUAL_ID.fullmatch(own[1]) if own else None
    if layout is None or named is None:
        return parse_header(raw, remote_id=remote_id, labels=labels, received_at=received_at, size=size, thread_id=thread_id)
    date, _, subject, parent, chain, to, cc, bcc, kind, path, unsubscribe, feedback = own
    at, offset = sent(date, received_at, raw)
    parents = ids(parent)
    rest = (
        named[1].decode("ascii"),
        at.timestamp() if at else 0.0,
        None if offset is None else offset // SECOND,
        parents[0] if parents else "",
        subject,
        thread_id,
        chain,
    )
    parts = parts_of(kind, path, unsubscribe, feedback, is_answer=parents != ())
    return (layout.names, layout.shared(values), parts, labels), (to, cc, bcc), rest


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


def is_usual(shared: Shared) -> bool:
    """Tell whether an envelope is worth remembering."""
    return sum(map(len, shared[1])) <= SHARED


_envelope = lru_cache(maxsize=1 << 11)(envelope_of)
_route = lru_cache(maxsize=1 << 11)(route_of)
