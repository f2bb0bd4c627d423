"""iCalendar, read into facts, expanded into occurrences, and written for a hold: the one entry; the rest is in ical_*.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import BinaryIO

from connectors import ical_lean
from connectors.ical_event import build
from connectors.ical_expand import expand
from connectors.ical_fields import Fields, Unreadable
from connectors.ical_lines import Line, Piece, pieces
from connectors.ical_rules import problem
from connectors.ical_write import calendar_bytes, event_lines, hold_bytes, invite_bytes
from connectors.ical_zones import Zones, described, named
from connectors.port import Skipped
from rules.facts import CalendarEvent

__all__ = ["calendar_bytes", "event_lines", "expand", "hold_bytes", "invite_bytes", "read"]

DAY = timedelta(days=1)
"""No zone is further from UTC."""
MOST_HELD_BACK = 10_000
"""Events that may wait for a zone defined further down; the ones beyond take the zone as it is known by then."""


def read(
    source: BinaryIO | bytes, *, remote_id: str, zone: str, is_export: bool = False, since: datetime | None = None
) -> Iterator[CalendarEvent | Skipped]:
    """Yield every VEVENT of a stream of VCALENDARs, or the reason why one cannot be read; never raises for bad content.

    `zone` is the owner's IANA zone: floating times are read in it. All events get `remote_id` (a CalDAV resource), or
    with `is_export` each UID its own: `<remote_id>#<uid>`. Memory does not grow with the length of the stream. An event
    whose recurrence cannot be followed comes as a single one, with a Skipped beside it. Content is never quoted.
    Single events that ended before `since` are passed over before they are parsed.
    """
    calendar = _Calendar(remote_id=remote_id, is_export=is_export, zones=Zones(zone))
    is_empty = True
    for piece in pieces(source, f"{since - DAY:%Y%m%d}".encode() if since else b""):
        if piece.kind == "event":
            is_empty = False
            yield from calendar.event(piece.lines)
            continue
        is_empty = is_empty and piece.kind == "end"
        if piece.kind == "calendar":
            yield from calendar.finish()
            calendar = _Calendar(remote_id=remote_id, is_export=is_export, zones=Zones(zone))
        else:
            yield from calendar.take(piece)
    yield from calendar.finish()
    if is_empty:
        yield Skipped(remote_id=remote_id, reason="it holds no calendar")


@dataclass(slots=True, kw_only=True)
class _Calendar:
    """One VCALENDAR on its way: its zones, its method, and the events that wait for a zone."""

    remote_id: str
    is_export: bool
    zones: Zones
    method: str = ""
    waiting: list[Fields] = field(default_factory=list)

    def take(self, piece: Piece) -> Iterator[CalendarEvent | Skipped]:
        """Take in what is no event; yield what it makes known."""
        match piece.kind:
            case "property":
                self._set(piece.text)
            case "zone":
                self.zones.define(piece.text)
            case "end":
                yield from self.finish()
            case "oversized":
                yield self._skipped("it is larger than 32 MB")
            case "truncated":
                yield self._skipped("the file ends in the middle of it")
            case "calendar" | "event":
                pass

    def finish(self) -> Iterator[CalendarEvent | Skipped]:
        """Yield what waited for a zone."""
        for fields in self.waiting:
            yield from self._built(fields)
        self.waiting.clear()

    def _set(self, text: str) -> None:
        name, _, value = text.partition(":")
        if name.upper().startswith("METHOD"):
            self.method = value.strip().upper()
        else:
            known = named(value) or described(value)
            self.zones.default = known.id if known is not None else ""

    def event(self, lines: tuple[Line, ...]) -> Sequence[CalendarEvent | Skipped]:
        """Read the lines of an event; nothing while it waits for a zone."""
        try:
            fields = ical_lean.parse(lines) or _parsed(lines)
        except Unreadable as reason:
            return (self._skipped(str(reason)),)
        for stamp in (fields.start, fields.end, fields.original):
            if stamp is not None and not self.zones.is_settled(stamp.zone) and len(self.waiting) < MOST_HELD_BACK:
                self.waiting.append(fields)
                return ()
        return self._built(fields)

    def _built(self, fields: Fields) -> Sequence[CalendarEvent | Skipped]:
        try:
            event = build(fields, remote_id=self.remote_id, is_export=self.is_export, zones=self.zones, method=self.method)
        except Unreadable as reason:
            return (self._skipped(str(reason)),)
        trouble = problem(event) if event.recurrence else ""
        if not trouble:
            return (event,)
        skipped = Skipped(remote_id=event.remote_id, reason=f"A series counts as a single event: {trouble}.", is_in_part=True)
        return skipped, replace(event, recurrence=())

    def _skipped(self, reason: str) -> Skipped:
        return Skipped(remote_id=self.remote_id, reason=f"An event was left out: {reason}.")


def _parsed(lines: Sequence[Line]) -> Fields:
    """Let icalendar read what the lean way leaves to it; many calendars never need it, and it takes 0.1 s to load."""
    from connectors.ical_library import parse  # noqa: PLC0415 - only then

    return parse(lines)
