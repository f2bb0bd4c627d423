"""A header cut down to the fields that were asked for, read as a letter: what many have in common once; what is unusual in full."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from string import ascii_letters, digits
from typing import Final

from connectors.address_list import NOBODY, AddressList
from connectors.dates import EARLIEST, EPOCH, SLACK, sent, told
from connectors.decode import flat_parameters
from connectors.envelopes import USUAL_TYPES, Envelope, Route, envelope_of, layout_in
from connectors.letter import PLAIN, Letter
from connectors.mime import LONGEST_ID, ids, ids_in, parse_header, people_in, text_in
from rules.facts import MessageMetadata

SHORT: Final = 1 << 14
"""Bytes of a header that is read in this way."""
KEPT: Final = 1 << 10
"""Envelopes, and routes, that are remembered."""
FEW: Final = 500
"""Bytes of whom a message is addressed to that are worth it."""
SHORT_LIST: Final = 200
"""Bytes of the addresses in one field that are."""
USUAL: Final = 2000
"""Bytes of a header whose envelope is."""
FIELD: Final = re.compile(r"([^:]++):[ \t]*+([ -~\x80-\xff]*+(?:\r\n[ \t][ -~\x80-\xff]*+)*+)\r\n(?:\r\n\Z)?+")
"""One field, a byte a character; with the last the empty line. Nothing is between such fields where a header is as it should be."""
NAMED: Final = re.compile(r"<([\w.!#$%&'*+/^`{|}~=-]{1,200}@[\w.-]{1,48})>\s*", re.ASCII)
"""The usual Message-ID, as nearly all are."""
ALNUM: Final = frozenset(ascii_letters + digits)
TYPES: Final = frozenset(each.decode() for each in USUAL_TYPES)
_EARLIEST, _SLACK = int(EARLIEST.timestamp()), int(SLACK.total_seconds())
_letter: Final = partial(tuple.__new__, Letter)
"""Half the time of what a NamedTuple offers."""


def read_header(
    raw: bytes, *, remote_id: str, labels: frozenset[str], arrived: int | None, size: int | None, thread_id: str
) -> Letter | MessageMetadata:
    """Read one header block: what connectors.mime.parse_header reads, with what it raises. `arrived`: in seconds since 1970."""
    return read_text(raw.decode("latin-1"), remote_id, labels, arrived, size, thread_id)


def read_text(
    header: str, remote_id: str, labels: frozenset[str], arrived: int | None, size: int | None, thread_id: str
) -> Letter | MessageMetadata:
    """Read one of which every byte is a character: to take it apart makes texts then, and nothing has to be decoded but what is not ASCII."""
    parts = FIELD.split(header) if len(header) <= SHORT else [header]
    layout = layout_in(tuple(parts[1::3]))
    own = layout.own(parts) if layout is not None and not any(parts[::3]) else ()
    named = NAMED.fullmatch(own[1]) if own else None
    if layout is None or named is None:
        return _read_whole(header, remote_id, labels, arrived, size, thread_id)
    date, _, subject, parent, chain, to, cc, bcc, kind, path, unsubscribe, feedback = own
    references = _ids(chain) if chain else ()
    parents = (references[-1:] if references and parent == f"<{references[-1]}>" else _ids(parent)) if parent else ()
    cut = _parts(kind, path, unsubscribe, feedback, parents)
    envelope = (_envelope if len(header) <= USUAL else _envelope_of)(layout.names, layout.shared(parts), cut, labels)
    route = (_route if len(header) <= FEW or len(to) + len(cc) + len(bcc) <= FEW else _route_of)(to, cc, bcc)
    sent_at, offset = _when(date, arrived, header)
    subject = _text(subject) if subject else ""
    kind = flat_parameters(_text(kind)) if kind else ""
    path = _text(path) if path else ""
    unsubscribe = _text(unsubscribe) if unsubscribe else ""
    feedback = _text(feedback) if feedback else ""
    is_plain = (
        header.isascii()
        and f"{subject}{kind}{path}{unsubscribe}{feedback}".isascii()
        and (len(chain) <= PLAIN or max(map(len, references), default=0) <= PLAIN)
        and len(parent) <= PLAIN
        and (not thread_id or thread_id.isalnum())
    )
    first = envelope, route, remote_id, named[1], sent_at, offset, subject, parents, references, thread_id, size
    return _letter((*first, kind, path, unsubscribe, feedback, is_plain))


def _read_whole(
    header: str, remote_id: str, labels: frozenset[str], arrived: int | None, size: int | None, thread_id: str
) -> MessageMetadata:
    raw, at = header.encode("latin-1"), _instant(arrived)
    return parse_header(raw, remote_id=remote_id, labels=labels, received_at=at, size=size, thread_id=thread_id)


def _parts(kind: str, path: str, unsubscribe: str, feedback: str, parents: tuple[str, ...]) -> tuple[str, str, str, str, bool]:
    """Cut what surely tells no more about who wrote, as parts_of does."""
    return (
        "" if kind.partition(";")[0] in TYPES else kind,
        "<a>" if path[:1] == "<" and path[1:2] in ALNUM else path,
        "<a>" if unsubscribe[:1] == "<" else unsubscribe,
        "a" if feedback[:1] in ALNUM else feedback,
        parents != (),
    )


def _text(value: str) -> str:
    """Read the text of a field, as text_in does: what is neither encoded nor beyond ASCII stands there as it is, if folded."""
    if not value.isascii() or value.find("=?") >= 0:
        return _decoded(value)
    return value.rstrip() if value.find("\r") < 0 else " ".join([line.strip() for line in value.split("\r\n")]).strip()


def _ids(value: str) -> tuple[str, ...]:
    return ids_in(value) if value.isascii() and len(value) <= LONGEST_ID else ids(_bytes(value))


def _when(date: str, arrived: int | None, header: str) -> tuple[int, timedelta | None]:
    """Say when a message was sent, in seconds since 1970, as `sent` does, and the offset its Date states."""
    usual = told(date)
    if usual is not None and arrived is not None and _EARLIEST <= usual[0] <= arrived + _SLACK:
        return usual
    at, offset = sent(_bytes(date), _instant(arrived), header.encode("latin-1"))
    return int((at or EPOCH).timestamp()), offset


def _instant(at: int | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)


def _bytes(value: str) -> bytes:
    """Return what stood there, with plain line breaks."""
    return value.encode("latin-1").replace(b"\r\n", b"\n")


def _envelope_of(
    names: tuple[str, ...], shared: Sequence[str], parts: tuple[str, str, str, str, bool], labels: frozenset[str]
) -> Envelope:
    kind, path, unsubscribe, feedback = map(_bytes, parts[:4])
    return envelope_of(names, tuple(map(_bytes, shared)), (kind, path, unsubscribe, feedback, parts[4]), labels)


@lru_cache(maxsize=1 << 9)
def _decoded(value: str) -> str:
    return text_in(_bytes(value))


def _route_of(to: str, cc: str, bcc: str) -> Route:
    first, second, third = _people(to), _people(cc) if cc else NOBODY, _people(bcc) if bcc else NOBODY
    return Route(first.addresses, second.addresses, third.addresses, first.count + second.count + third.count)


def _people(value: str) -> AddressList:
    return _known_people(value) if len(value) <= SHORT_LIST else people_in(_bytes(value))


@lru_cache(maxsize=1 << 10)
def _known_people(value: str) -> AddressList:
    return people_in(_bytes(value))


_envelope = lru_cache(maxsize=KEPT)(_envelope_of)
_route = lru_cache(maxsize=KEPT)(_route_of)
