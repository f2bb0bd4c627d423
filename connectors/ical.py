"""iCalendar, read into facts, expanded into occurrences, and written for a hold: the one entry; the rest is in ical_*.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import BinaryIO

from connectors import ical_lean
from connectors.ical_event import build
from connectors.ical_expand import expand
from connectors.ical_fields import Fields, Unreadable
from connectors.ical_lines import Line, Piece, pieces, whole
from connectors.ical_rules import problem
from connectors.ical_write import calendar_bytes, event_lines, hold_bytes, invite_bytes
from connectors.ical_zones import Zones, described, named
from connectors.port import Skipped
from rules.facts import CalendarEvent

__all__ = ["calendar_bytes", "event_lines", "expand", "hold_bytes", "invite_bytes", "read"]

LONGEST_HEAD = 8192
"""Bytes before the first event that may be remembered: a hostile one fills no memory."""
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
    if isinstance(source, bytes) and since is None:
        calendar = _Calendar(remote_id=remote_id, is_export=is_export, zones=Zones(zone))
        if (found := calendar.read_whole(source)) is not None:
            return iter(found)
    return _streamed(source, remote_id=remote_id, zone=zone, is_export=is_export, since=since)


def _streamed(
    source: BinaryIO | bytes, *, remote_id: str, zone: str, is_export: bool, since: datetime | None
) -> Iterator[CalendarEvent | Skipped]:
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

    def read_whole(self, source: bytes) -> Sequence[CalendarEvent | Skipped] | None:
        """Read a short calendar that holds nothing but events after its head; None for others."""
        found = whole(source)
        frame = _frame(found.head) if found is not None and len(found.head) <= LONGEST_HEAD else None
        if found is None or frame is None:
            return None
        self.method, self.zones.default, self.zones.definitions = frame
        return [*(item for lines in found.events for item in self.event(lines)), *self.finish()]

    def take(self, piece: Piece) -> Sequence[CalendarEvent | Skipped]:
        """Take in what is no event; return what it makes known."""
        match piece.kind:
            case "property":
                self._set(piece.text)
            case "zone":
                self.zones.define(piece.text)
            case "end":
                return self.finish()
            case "oversized":
                return (self._skipped("it is larger than 32 MB"),)
            case "truncated":
                return (self._skipped("the file ends in the middle of it"),)
            case "calendar" | "event":
                pass
        return ()

    def finish(self) -> Sequence[CalendarEvent | Skipped]:
        """Return what waited for a zone."""
        if not self.waiting:
            return ()
        waiting, self.waiting = self.waiting, []
        return [item for fields in waiting for item in self._built(fields)]

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


@lru_cache(maxsize=256)
def _frame(head: bytes) -> tuple[str, str, dict[str, str]] | None:
    """Read what stands before the events: method, default zone, zones by name; None where that is not all. Few differ."""
    calendar = _Calendar(remote_id="", is_export=False, zones=Zones("UTC"))
    found = list(pieces(head + b"\nEND:VCALENDAR"))
    kinds = [each.kind for each in found]
    if kinds[0] != "calendar" or kinds[-2] != "end" or not {"property", "zone"}.issuperset(kinds[1:-2]):
        return None
    for each in found[1:-2]:
        calendar.take(each)
    return calendar.method, calendar.zones.default, calendar.zones.definitions


def _parsed(lines: Sequence[Line]) -> Fields:
    """Let icalendar read what the lean way leaves to it; many calendars never need it, and it takes 0.1 s to load."""
    from connectors.ical_library import parse  # noqa: PLC0415 - only then

    return parse(lines)
