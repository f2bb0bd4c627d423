"""A header cut down to the fields that were asked for, read as a letter: what many have in common once; what is unusual in full."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Final

from connectors.dates import EARLIEST, EPOCH, SLACK, sent, told
from connectors.decode import flat_parameters
from connectors.letter import Envelope, Letter, Route
from connectors.mime import BULK_FIELDS, FIELD, USUAL_ID, WANTED, ids, parse_header, people_in, text_in
from rules.facts import MessageMetadata

SHORT: Final = 1 << 14
"""Bytes of a header that is read in this way."""
KEPT: Final = 1 << 10
"""Envelopes, and routes, that are remembered."""
FEW: Final = 500
"""Bytes of whom a message is addressed to that are worth it."""
USUAL: Final = 2000
"""Bytes of a header whose envelope is."""
OWN: Final = (
    "date", "message-id", "subject", "in-reply-to", "references", "to", "cc", "bcc",
    "content-type", "return-path", "list-unsubscribe", "feedback-id",
)  # fmt: skip
"""The fields that differ from message to message, in the order of `_Layout.pick`."""
MARKS: Final = BULK_FIELDS - {"content-class"}
"""Fields of which only the name tells anything."""
PARTIES: Final = frozenset({"to", "cc", "bcc"})
LISTS: Final = frozenset({"list-id", "list-post"})
"""Where one of these stands, who is addressed tells which list it is."""
TELLS_NOTHING: Final = frozenset(
    {b"text/plain", b"text/html", b"multipart/alternative", b"multipart/mixed", b"multipart/related", b"multipart/signed"}
)
"""Media types that tell nothing about who wrote."""
PARENT: Final = ("a@b",)
_EARLIEST, _SLACK = int(EARLIEST.timestamp()), int(SLACK.total_seconds())

Own = tuple[bytes, ...]
Parts = tuple[bytes, bytes, bytes, bytes, bool]
"""Content-Type, Return-Path, List-Unsubscribe and Feedback-ID, as far as they tell who wrote; and whether it is an answer."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Layout:
    """Where the fields stand in headers that have the same names in the same order."""

    pick: Callable[[tuple[bytes, ...]], Own]
    """Take the values of OWN; the last of all stands for what is not there."""
    shared: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]
    """Take the values that an envelope has in full, and empty ones after them."""
    names: tuple[str, ...]
    """Of these, followed by the names of MARKS that are there."""


def read_header(
    raw: bytes, *, remote_id: str, labels: frozenset[str], arrived: int | None, size: int | None, thread_id: str
) -> Letter | MessageMetadata:
    """Read one header block: what connectors.mime.parse_header reads, with what it raises. `arrived`: in seconds since 1970."""
    found = FIELD.findall(b"\n" + b"\n".join(raw.split(b"\r\n"))) if len(raw) <= SHORT else ()
    names, values = zip(*found, strict=True) if found else ((), ())
    layout, values = _layout(names), (*values, b"")
    own = layout.pick(values) if layout is not None else ()
    named = USUAL_ID.fullmatch(own[1]) if own else None
    if layout is None or named is None:
        at = _instant(arrived)
        return parse_header(raw, remote_id=remote_id, labels=labels, received_at=at, size=size, thread_id=thread_id)
    date, _, subject, parents, chain, to, cc, bcc, kind, path, unsubscribe, feedback = own
    sent_at, offset = _when(date, arrived, raw)
    in_reply_to = ids(parents) if parents else ()
    parts = (
        b"" if not kind or kind.partition(b";")[0] in TELLS_NOTHING else kind,
        b"<a>" if path[:1] == b"<" and path[1:2].isalnum() else path,
        b"<a>" if unsubscribe[:1] == b"<" else unsubscribe,
        b"a" if feedback[:1].isalnum() else feedback,
        in_reply_to != (),
    )
    return Letter(
        (_envelope if len(raw) <= USUAL else _made)(layout.names, layout.shared(values), parts, labels),
        (_route if len(to) + len(cc) + len(bcc) <= FEW else _routed)(to, cc, bcc),
        remote_id,
        named[1].decode("ascii"),
        sent_at,
        offset,
        text_in(subject) if subject else "",
        in_reply_to,
        ids(chain) if chain else (),
        thread_id,
        size,
        _type(kind) if kind else "",
        _text(path) if path else "",
        text_in(unsubscribe) if unsubscribe else "",
        _text(feedback) if feedback else "",
    )


def _when(date: bytes, arrived: int | None, raw: bytes) -> tuple[int, timedelta | None]:
    """Say when a message was sent, in seconds since 1970, as `sent` does, and the offset its Date states."""
    usual = told(date)
    if usual is not None and arrived is not None and _EARLIEST <= usual[0] <= arrived + _SLACK:
        return usual
    at, offset = sent(date, _instant(arrived), raw)
    return int((at or EPOCH).timestamp()), offset


def _instant(at: int | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)


@lru_cache(maxsize=1 << 10)
def _layout(names: tuple[bytes, ...]) -> _Layout | None:
    """Find the fields by their names; None where one stands twice, which takes care, or the one that names the message is not there."""
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        known = WANTED[name] if name in WANTED else WANTED.get(name.lower(), "")
        if known in places:
            return None
        if known:
            places[known] = place
    if "message-id" not in places:
        return None
    left_out = {*OWN, *MARKS, "received"} - (PARTIES if LISTS & places.keys() else frozenset())
    shared = sorted(places.keys() - left_out)
    return _Layout(
        pick=itemgetter(*(places.get(name, -1) for name in OWN)),
        shared=itemgetter(*(places[name] for name in shared), -1, -1),  # two at least: of one it makes no tuple
        names=(*shared, *sorted(MARKS & places.keys())),
    )


def _made(names: tuple[str, ...], values: tuple[bytes, ...], parts: Parts, labels: frozenset[str]) -> Envelope:
    """Read the common part of a header."""
    fields = dict(zip(names, values, strict=False))  # the names of MARKS get the empty values after the others, or none
    get = fields.get
    kind, path, unsubscribe, feedback, is_answer = parts
    marks = MARKS.intersection(names)
    return Envelope(
        MessageMetadata(
            remote_id="",
            message_id="",
            sent_at=EPOCH,
            from_=people_in(get("from")).addresses,
            sender=next(iter(people_in(get("sender")).addresses), None),
            reply_to=people_in(get("reply-to")).addresses,
            to=people_in(get("to")).addresses,
            cc=people_in(get("cc")).addresses,
            bcc=people_in(get("bcc")).addresses,
            in_reply_to=PARENT if is_answer else (),
            labels=labels,
            list_id=_text(get("list-id", b"")),
            list_post=_text(get("list-post", b"")),
            list_unsubscribe=_text(unsubscribe),
            precedence=_text(get("precedence", b"")),
            auto_submitted=_text(get("auto-submitted", b"")),
            auto_response_suppress=_text(get("x-auto-response-suppress", b"")),
            return_path=_text(path),
            feedback_id=_text(feedback),
            content_type=_type(kind),
            bulk_headers=marks | {"content-class"} if b"calendarmessage" in get("content-class", b"").lower() else marks,
        )
    )


_envelope = lru_cache(maxsize=KEPT)(_made)


def _routed(to: bytes, cc: bytes, bcc: bytes) -> Route:
    first, second, third = people_in(to), people_in(cc), people_in(bcc)
    return Route(first.addresses, second.addresses, third.addresses, first.count + second.count + third.count)


_route = lru_cache(maxsize=KEPT)(_routed)


_text = lru_cache(maxsize=1 << 12)(text_in)


@lru_cache(maxsize=1 << 9)
def _type(value: bytes) -> str:
    return flat_parameters(text_in(value))
