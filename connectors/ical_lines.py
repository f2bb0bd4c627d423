"""Split a stream of iCalendar text into its calendars, zones and events, keeping only the lines we may read.

A description, a comment or an attachment is dropped here, before anything is parsed: no later step can hold it.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from io import BytesIO
from typing import BinaryIO, Literal, NamedTuple

CHUNK = 1 << 20
LONGEST_EVENT = 32 << 20
"""Bytes of one component; a larger one (an inline attachment) is skipped, so that memory stays flat."""


Line = tuple[str, str]
"""A wanted content line, unfolded: its upper-case name, and what follows it from the first ";" or ":" on."""


class Piece(NamedTuple):
    """What comes next in the stream. `lines` is filled for events, `text` for zones and calendar properties."""

    kind: Literal["calendar", "property", "zone", "event", "end", "oversized", "truncated"]
    text: str = ""
    lines: tuple[Line, ...] = ()


# Each begins with the line break before what it looks for: that is found at once, where "^" is tried at every character.
_OUTSIDE = re.compile(
    rb"\n(?:BEGIN:(VCALENDAR|VEVENT|VTIMEZONE)|(END:VCALENDAR)|((?:METHOD|X-WR-TIMEZONE)[;:][^\r\n]*))[ \t]*\r?$",
    re.MULTILINE | re.IGNORECASE,
)
_IN_EVENT = re.compile(rb"\n(?:(END:VEVENT)|BEGIN:VEVENT|END:VCALENDAR)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)
_IN_ZONE = re.compile(rb"\n(?:(END:VTIMEZONE)|BEGIN:VEVENT|END:VCALENDAR)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)
_DATES = re.compile(rb"\nDT(?:START|END)(?:;[^:\r\n]*)?(?::(\d{8}))?", re.IGNORECASE)
_LASTING = re.compile(rb"\n(?:DURATION|RRULE|RDATE|RECURRENCE-ID|X-REKINDLE-KEY)[;:]", re.IGNORECASE)
_NEXT = re.compile(rb"\nBEGIN:VEVENT[ \t]*\r?$", re.MULTILINE)
_OVER = re.compile(rb"\nEND:VCALENDAR\s*")
_INNER = re.compile(r"\nBEGIN:", re.IGNORECASE)
_NESTED = re.compile(r"\nBEGIN:([\w-]+)[ \t]*$.*?\nEND:\1[ \t]*$", re.MULTILINE | re.DOTALL | re.IGNORECASE)
_WANTED = re.compile(
    r"\n(UID|D(?:T(?:START|END|STAMP)|URATION)|R(?:ECURRENCE-ID|RULE|DATE)|EX(?:DATE|RULE)|S(?:UMMARY|TATUS|EQUENCE)|TRANSP|CLASS"
    r"|L(?:OCATION|AST-MODIFIED)|ORGANIZER|ATTENDEE|X-MICROSOFT-CDO-(?:BUSYSTATUS|ALLDAYEVENT)|X-REKINDLE-(?:KEY|BY))[ \t]*([;:].*)",
    re.IGNORECASE,
)


class Whole(NamedTuple):
    """A calendar as servers keep an object: what stands before its first event, and the lines of one event after the other."""

    head: bytes
    events: tuple[tuple[Line, ...], ...]


def whole(source: bytes) -> Whole | None:
    """Split at once what is nothing but a head and its events, as nearly every object is; None for what `pieces` has to look at."""
    at = source.find(b"\nBEGIN:VEVENT") if len(source) <= CHUNK else -1
    head, events = source[: max(at, 0)], []
    while at >= 0 and (begun := _NEXT.match(source, at)):
        ended = _IN_EVENT.search(source, begun.end())
        if ended is None or not ended[1]:
            return None
        events.append(_lines(source[begun.end() : ended.start() + 1]))
        at = ended.end()
    return Whole(head, tuple(events)) if events and _OVER.fullmatch(source, at) else None


def pieces(source: BinaryIO | bytes, before: bytes = b"") -> Iterator[Piece]:
    """Yield the pieces of the stream in order; a component that never ends is `truncated`. Never raises for bad content.

    A single event whose dates all lie before the day `before` (b"20260131") is passed over unread.
    """
    buffer, inside = b"\n", b""
    for chunk in _chunks(source):
        searched = len(buffer)
        buffer += chunk.removeprefix(b"\xef\xbb\xbf")
        buffer, inside = yield from _consume(buffer, inside, searched, before)
        if inside and len(buffer) > LONGEST_EVENT:
            yield Piece("oversized")
            buffer, inside = b"\n", b""
    if inside == b"VEVENT":
        yield Piece("truncated")
    yield Piece("end")


def _chunks(source: BinaryIO | bytes) -> Iterator[bytes]:
    """Cut the stream into pieces of whole lines."""
    if isinstance(source, bytes) and len(source) <= CHUNK:
        yield source
        return
    stream = BytesIO(source) if isinstance(source, bytes) else source
    while chunk := stream.read(CHUNK):
        yield chunk + stream.readline(CHUNK)


def _consume(buffer: bytes, inside: bytes, searched: int, before: bytes) -> Generator[Piece, None, tuple[bytes, bytes]]:
    """Yield what is complete in the buffer; return what is left of it and the component it stands in."""
    at, start = 0, max(0, searched - CHUNK) if inside else 0
    while True:
        if not inside:
            found = _OUTSIDE.search(buffer, at)
            if found is None:
                return b"\n", b""
            at = start = found.end()
            name = (found[1] or b"").upper()
            if name == b"VCALENDAR":
                yield Piece("calendar")
            elif found[2]:
                yield Piece("end")
            elif found[3]:
                yield Piece("property", _unfolded(found[3]))
            else:
                inside = name
            continue
        found = (_IN_EVENT if inside == b"VEVENT" else _IN_ZONE).search(buffer, start)
        if found is None:
            return buffer[at:], inside
        body = buffer[at : found.start() + 1]
        if inside != b"VEVENT":
            yield Piece("zone", _unfolded(body).strip("\n"))
        elif not (before and _is_past(body, before)):
            yield Piece("event", "", _lines(body))
        at, inside = found.end() if found[1] else found.start(), b""


def _is_past(body: bytes, before: bytes) -> bool:
    """Tell by its dates that a single event is over; one that is measured, repeats or belongs to a series may not be."""
    dates = _DATES.findall(body)
    return bool(dates) and all(dates) and max(dates) < before and _LASTING.search(body) is None


def _lines(body: bytes) -> tuple[Line, ...]:
    text = _unfolded(body)
    if _INNER.search(text):
        text = _NESTED.sub("", text)
    return tuple([(name.upper(), rest.rstrip()) for name, rest in _WANTED.findall(text)])


def _unfolded(body: bytes) -> str:
    """Unfold before decoding: a fold may cut a character in two (RFC 5545 3.1)."""
    body = body.replace(b"\r\n", b"\n").replace(b"\n ", b"").replace(b"\n\t", b"")
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")
