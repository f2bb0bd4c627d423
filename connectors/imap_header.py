"""A header cut down to the fields that were asked for, read as a letter: what many have in common once; what is unusual in full."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from connectors.dates import EARLIEST, EPOCH, SLACK, sent, told
from connectors.envelopes import envelope_of, layout_of, media_type, parts_of, route_of, text
from connectors.letter import Letter
from connectors.mime import FIELD, USUAL_ID, ids, parse_header, text_in
from rules.facts import MessageMetadata

SHORT: Final = 1 << 14
"""Bytes of a header that is read in this way."""
KEPT: Final = 1 << 10
"""Envelopes, and routes, that are remembered."""
FEW: Final = 500
"""Bytes of whom a message is addressed to that are worth it."""
USUAL: Final = 2000
"""Bytes of a header whose envelope is."""
_EARLIEST, _SLACK = int(EARLIEST.timestamp()), int(SLACK.total_seconds())


def read_header(
    raw: bytes, *, remote_id: str, labels: frozenset[str], arrived: int | None, size: int | None, thread_id: str
) -> Letter | MessageMetadata:
    """Read one header block: what connectors.mime.parse_header reads, with what it raises. `arrived`: in seconds since 1970."""
    found = FIELD.findall(b"\n" + b"\n".join(raw.split(b"\r\n"))) if len(raw) <= SHORT else ()
    names, values = zip(*found, strict=True) if found else ((), ())
    layout, values = layout_of(names), (*values, b"")
    own = layout.own(values) if layout is not None else ()
    named = USUAL_ID.fullmatch(own[1]) if own else None
    if layout is None or named is None:
        at = _instant(arrived)
        return parse_header(raw, remote_id=remote_id, labels=labels, received_at=at, size=size, thread_id=thread_id)
    date, _, subject, parents, chain, to, cc, bcc, kind, path, unsubscribe, feedback = own
    sent_at, offset = _when(date, arrived, raw)
    in_reply_to = ids(parents) if parents else ()
    parts = parts_of(kind, path, unsubscribe, feedback, is_answer=in_reply_to != ())
    return Letter(
        (_envelope if len(raw) <= USUAL else envelope_of)(layout.names, layout.shared(values), parts, labels),
        (_route if len(to) + len(cc) + len(bcc) <= FEW else route_of)(to, cc, bcc),
        remote_id,
        named[1].decode("ascii"),
        sent_at,
        offset,
        text_in(subject) if subject else "",
        in_reply_to,
        ids(chain) if chain else (),
        thread_id,
        size,
        media_type(kind) if kind else "",
        text(path) if path else "",
        text_in(unsubscribe) if unsubscribe else "",
        text(feedback) if feedback else "",
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


_envelope = lru_cache(maxsize=KEPT)(envelope_of)
_route = lru_cache(maxsize=KEPT)(route_of)
