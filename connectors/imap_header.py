"""A header cut down to the fields that were asked for, read as a letter: what many have in common once; what is unusual in full."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache, partial
from string import ascii_letters, digits
from typing import Final

from connectors.address_list import AddressList
from connectors.dates import EARLIEST, SLACK, told
from connectors.decode import flat_parameters
from connectors.envelopes import USUAL_TYPES, Envelope, Route, envelope_of, layout_in
from connectors.letter import PLAIN, Letter
from connectors.mime import LONGEST_ID, ids, ids_in, parse_header, people_in, text_in
from rules.facts import MessageMetadata

SHORT: Final = 1 << 14
"""Bytes of a header that is read in this way."""
KEPT_ENVELOPES: Final = 1 << 11
"""That many a mailbox has; routes do not come back as long, however many are remembered."""
KEPT_ROUTES: Final = 1 << 10
FEW: Final = 500
"""Bytes of whom a message is addressed to that are worth it."""
SHORT_LIST: Final = 200
"""Bytes of the addresses in one field that are."""
USUAL: Final = 2000
"""Bytes of a header whose envelope is."""
FIELD: Final = re.compile(r"([^:]*+): *+([ -~\x80-\xff]*+(?:\r\n[ \t][ -~\x80-\xff]*+)*+)\r\n(?:\r\n\Z)?+")
"""One field, a byte a character; with the last the empty line. Nothing is between such fields where a header is as it should be."""
NAMED: Final = re.compile(r"<([\w.!#$%&'*+/^`{|}~=-]{1,200}@[\w.-]{1,48})>\s*", re.ASCII)
"""The usual Message-ID, as nearly all are."""
ALNUM: Final = frozenset(ascii_letters + digits)
TYPES: Final = frozenset(each.decode() for each in USUAL_TYPES)
_EARLIEST: Final = int(EARLIEST.timestamp())
LATE: Final = int(SLACK.total_seconds())
"""Seconds after its arrival up to which the date of a message is believed."""
NEVER: Final = -1
"""Up to when that is where nobody knows when it arrived."""
_letter: Final[Callable[[tuple[object, ...]], Letter]] = partial(tuple.__new__, Letter)
"""Half the time of what a NamedTuple offers."""


def read_header(
    raw: bytes, *, remote_id: str, labels: frozenset[str], arrived: int | None, size: int | None, thread_id: str
) -> Letter | MessageMetadata:
    """Read one header block: what connectors.mime.parse_header reads, with what it raises. `arrived`: in seconds since 1970."""
    until = NEVER if arrived is None else arrived + LATE
    letter = read_letter(raw.decode("latin-1"), remote_id, labels, until, size, thread_id)
    if letter is not None:
        return letter
    at = None if arrived is None else datetime.fromtimestamp(arrived, UTC)
    return parse_header(raw, remote_id=remote_id, labels=labels, received_at=at, size=size, thread_id=thread_id)


def read_letter(
    header: str, remote_id: str, labels: frozenset[str], until: int, size: int | None, thread_id: str = ""
) -> Letter | None:
    """Read one in which every byte is a character: what is cut out of it is text. None where it, or its date, is not usual.

    `until`: up to when its date is believed, in seconds since 1970. What does not fit FIELD becomes part of the next name,
    which is none then, or is left over at the end.
    """
    parts = FIELD.split(header) if len(header) <= SHORT else [header]
    layout = layout_in(tuple(parts[1::3]))
    if layout is None or parts[-1]:
        return None
    date, name, subject, parent, chain, to, cc, bcc, kind, path, unsubscribe, feedback = layout.own(parts)
    named, sent = NAMED.fullmatch(name), told(date)
    if named is None or sent is None or not _EARLIEST <= sent[0] <= until:
        return None
    references = _ids(chain) if chain else ()
    parents = (references[-1:] if references and parent == f"<{references[-1]}>" else _ids(parent)) if parent else ()
    envelope = (_envelope if len(header) <= USUAL else _envelope_of)(
        layout.names,
        layout.shared(parts),
        "" if kind.partition(";")[0] in TYPES else kind,  # as parts_of cuts what surely tells no more about who wrote
        "<a>" if path[:1] == "<" and path[1:2] in ALNUM else path,
        "<a>" if unsubscribe[:1] == "<" else unsubscribe,
        "a" if feedback[:1] in ALNUM else feedback,
        parents != (),
        labels,
    )
    route = (_route if len(header) <= FEW or len(to) + len(cc) + len(bcc) <= FEW else _route_of)(to, cc, bcc)
    is_clean, subject, kind, path, unsubscribe, feedback = _texts(subject, kind, path, unsubscribe, feedback)
    is_short = len(parent) + len(chain) <= PLAIN or max(map(len, (*parents, *references)), default=0) <= PLAIN
    is_plain = is_clean and is_short and header.isascii() and (not thread_id or thread_id.isalnum())
    first = envelope, route, remote_id, named[1], *sent, subject, parents, references, thread_id, size
    return _letter((*first, kind, path, unsubscribe, feedback, is_plain))


def _texts(*own: str) -> tuple[bool, str, str, str, str, str]:
    """Read Subject, Content-Type, Return-Path, List-Unsubscribe and Feedback-ID; before them tell whether all is surely printable.

    What is neither folded nor encoded nor beyond ASCII stands there as it is.
    """
    subject, kind, path, unsubscribe, feedback = own
    text = "".join(own)
    if text.isascii() and "=?" not in text and "\r" not in text and "*" not in kind:
        return True, subject.rstrip(), kind.rstrip(), path.rstrip(), unsubscribe.rstrip(), feedback.rstrip()
    subject, kind, path, unsubscribe, feedback = (_text(each) if each else "" for each in own)
    kind = flat_parameters(kind)
    is_clean = f"{subject}{kind}{path}{unsubscribe}{feedback}".isprintable()
    return is_clean, subject, kind, path, unsubscribe, feedback


def _text(value: str) -> str:
    """Read the text of a field, as text_in does."""
    if not value.isascii() or value.find("=?") >= 0:
        return _decoded(value)
    return value.rstrip() if value.find("\r") < 0 else " ".join([line.strip() for line in value.split("\r\n")]).strip()


def _ids(value: str) -> tuple[str, ...]:
    return ids_in(value) if value.isascii() and len(value) <= LONGEST_ID else ids(_bytes(value))


def _bytes(value: str) -> bytes:
    """Return what stood there, with plain line breaks."""
    return value.encode("latin-1").replace(b"\r\n", b"\n")


def _envelope_of(
    names: tuple[str, ...],
    shared: tuple[str, ...],
    kind: str,
    path: str,
    unsubscribe: str,
    feedback: str,
    is_answer: bool,  # noqa: FBT001 - it is told by place, as all are by which an envelope is remembered
    labels: frozenset[str],
) -> Envelope:
    parts = _bytes(kind), _bytes(path), _bytes(unsubscribe), _bytes(feedback), is_answer
    return envelope_of(names, tuple(map(_bytes, shared)), parts, labels)


@lru_cache(maxsize=1 << 9)
def _decoded(value: str) -> str:
    return text_in(_bytes(value))


def _route_of(to: str, cc: str, bcc: str) -> Route:
    first = _few(to) if len(to) <= SHORT_LIST else people_in(_bytes(to))
    if not (cc or bcc):
        return Route(first.addresses, (), (), first.count)
    second, third = people_in(_bytes(cc)), people_in(_bytes(bcc))
    return Route(first.addresses, second.addresses, third.addresses, first.count + second.count + third.count)


@lru_cache(maxsize=1 << 10)
def _few(to: str) -> AddressList:
    """Read whom a message is to: much oftener the same than who gets a copy."""
    return people_in(_bytes(to))


_envelope = lru_cache(maxsize=KEPT_ENVELOPES)(_envelope_of)
_route = lru_cache(maxsize=KEPT_ROUTES)(_route_of)
