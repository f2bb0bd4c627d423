"""Expand the master and the overrides of one UID into occurrences: the facts of every provider, by one set of rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from connectors.ical_rules import Extra, UnfollowableRule, recurrence, starts
from connectors.ical_zones import zone_of
from rules.facts import CalendarEvent, Occurrence

_NO_MEETING = frozenset({"REPLY", "COUNTER", "DECLINECOUNTER", "REFRESH"})
_NEVER = datetime.min.replace(tzinfo=UTC)


def expand(
    events: Sequence[CalendarEvent], *, zone: str, start: datetime, end: datetime, limit: int = 5000
) -> tuple[Occurrence, ...]:
    """Expand the master and the overrides of one UID into the instances that touch [start, end), in order of time.

    Works on facts of every provider. `zone` is the owner's: all-day dates are compared with the window in it. At most
    `limit` instances. Cancelled instances are there and say so; an override without its master stands for itself. Of
    several copies the one with the highest SEQUENCE, then the newest, wins. Never raises for bad content: a rule that
    cannot be followed counts as a single event.
    """
    window = _Window(start, end, ZoneInfo(zone))
    if len(events) == 1 and not events[0].recurrence and events[0].original_start is None and events[0].method not in _NO_MEETING:
        single = _occurrence(events[0], events[0].start, events[0].start, _length(events[0]), is_cancelled=False)
        return (single,) if window.is_touched(single) else ()
    newest = _newest(events)
    master = newest.pop(None, None)
    if master is None:
        found = [_override(event, event.original_start or event.start, is_cancelled=False) for event in newest.values()]
    elif not master.recurrence:
        found = list(_instances([Extra(master.start)], master, newest, window.zone))
    else:
        found = list(_series(master, newest, window, limit))
    touching = [occurrence for occurrence in found if window.is_touched(occurrence)]
    if newest:  # else they are in order: nothing is moved
        touching.sort(key=window.span)
    return tuple(touching[:limit])


@dataclass(frozen=True, slots=True)
class _Window:
    start: datetime
    end: datetime
    zone: tzinfo

    def instant(self, at: datetime | date) -> datetime:
        """Return the instant; a date begins at midnight in the owner's zone."""
        return at if isinstance(at, datetime) else datetime.combine(at, time(), self.zone).astimezone(UTC)

    def span(self, occurrence: Occurrence) -> tuple[datetime, datetime]:
        """Return the instants an occurrence begins and ends."""
        start, end = occurrence.start, occurrence.end
        if isinstance(start, datetime) and isinstance(end, datetime):
            return start, end
        return self.instant(start), self.instant(end)

    def is_touched(self, occurrence: Occurrence) -> bool:
        """Whether some of it lies in the window; an instant without length counts where it lies."""
        begins, ends = occurrence.start, occurrence.end
        if not isinstance(begins, datetime) or not isinstance(ends, datetime):
            begins, ends = self.span(occurrence)
        return begins < self.end and (ends > self.start or begins == ends == self.start)


def _newest(events: Sequence[CalendarEvent]) -> dict[datetime | date | None, CalendarEvent]:
    """Choose among copies of the master (None) and of each override. A reply is no copy; a single cancelled one may be."""
    chosen: dict[datetime | date | None, CalendarEvent] = {}
    for event in events:
        if event.method in _NO_MEETING:
            continue
        rival = chosen.get(event.original_start)
        if rival is None or _age(event) >= _age(rival):
            chosen[event.original_start] = event
    return chosen


def _age(event: CalendarEvent) -> tuple[int, datetime]:
    return event.sequence, event.updated_at or _NEVER


def _series(
    master: CalendarEvent, overrides: Mapping[datetime | date | None, CalendarEvent], window: _Window, limit: int
) -> Iterator[Occurrence]:
    zone = zone_of(master) if isinstance(master.start, datetime) else window.zone
    slack = max([_length(master), *(_length(event) + _shift(event, zone) for event in overrides.values() if event.is_range)])
    slack += timedelta(days=2)
    try:
        series = recurrence(master, zone)
        originals = starts(
            master, series, zone, _clamped(window.start, -slack), _clamped(window.end, slack), limit + len(overrides) + 2
        )
        kept = {
            original: event
            for original, event in overrides.items()
            if original is None or not series.is_excluded(_name(original, master, zone), zone)
        }
    except (UnfollowableRule, ValueError, OverflowError, TypeError):
        return _instances([Extra(master.start)], master, overrides, zone)
    return _instances(originals, master, kept, zone)


def _clamped(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:
        return at


def _instances(
    originals: Sequence[Extra], master: CalendarEvent, overrides: Mapping[datetime | date | None, CalendarEvent], zone: tzinfo
) -> Iterator[Occurrence]:
    """Yield each instance as its override, the newest range override before it, or the master shapes it; then the orphans."""
    is_cancelled, usual = master.status == "cancelled", _length(master)
    if not overrides:
        for at, length in originals:
            yield _occurrence(master, at, at, usual if length is None else length, is_cancelled=is_cancelled)
        return
    waiting = {_name(event.original_start, master, zone): event for event in overrides.values() if event.original_start is not None}
    ranges = sorted(
        (
            (_name(event.original_start, master, zone), event)
            for event in waiting.values()
            if event.is_range and event.original_start
        ),
        key=str,
    )
    for original in originals:
        override = waiting.pop(original.at, None)
        if override is not None:
            yield _override(override, original.at, is_cancelled=is_cancelled)
            continue
        shaping = [event for name, event in ranges if _is_before(name, original.at)]
        if shaping:
            yield _shifted(shaping[-1], original.at, zone, is_cancelled=is_cancelled)
        else:
            length = usual if original.length is None else original.length
            yield _occurrence(master, original.at, original.at, length, is_cancelled=is_cancelled)
    for name, orphan in waiting.items():
        yield _override(orphan, name, is_cancelled=is_cancelled)


def _name(original: datetime | date | None, master: CalendarEvent, zone: tzinfo) -> datetime | date:
    """Name an instance as the master does: a DATE beside a timed master means the instance of that day, and the reverse."""
    if original is None or isinstance(original, datetime) == isinstance(master.start, datetime):
        return original if original is not None else master.start
    if isinstance(original, datetime):
        return original.astimezone(zone).date()
    if isinstance(master.start, datetime):
        return datetime.combine(original, master.start.astimezone(zone).time(), zone).astimezone(UTC)
    return original


def _is_before(a: datetime | date, b: datetime | date) -> bool:
    return a < b if isinstance(a, datetime) is isinstance(b, datetime) else False


def _length(event: CalendarEvent) -> timedelta:
    start, end = event.start, event.end
    if isinstance(start, datetime) and isinstance(end, datetime):
        return end - start
    return _wall(end, UTC) - _wall(start, UTC)


def _shift(event: CalendarEvent, zone: tzinfo) -> timedelta:
    """Return by how much a range override moves the wall time of its instance and of those after it."""
    return abs(_moved_by(event, zone))


def _moved_by(event: CalendarEvent, zone: tzinfo) -> timedelta:
    return _wall(event.start, zone) - _wall(event.original_start or event.start, zone)


def _wall(at: datetime | date, zone: tzinfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None) if isinstance(at, datetime) else datetime.combine(at, time())


def _shifted(event: CalendarEvent, original: datetime | date, zone: tzinfo, *, is_cancelled: bool) -> Occurrence:
    """Shape a later instance by a RANGE=THISANDFUTURE override: as far from its original start, as long as it."""
    wall = _wall(original, zone) + _moved_by(event, zone)
    start = wall.replace(tzinfo=zone).astimezone(UTC) if isinstance(event.start, datetime) else wall.date()
    return _occurrence(event, original, start, _length(event), is_cancelled=is_cancelled, override=event)


def _override(event: CalendarEvent, original: datetime | date, *, is_cancelled: bool) -> Occurrence:
    return _occurrence(event, original, event.start, _length(event), is_cancelled=is_cancelled, override=event)


def _occurrence(
    event: CalendarEvent,
    original: datetime | date,
    start: datetime | date,
    length: timedelta,
    *,
    is_cancelled: bool,
    override: CalendarEvent | None = None,
) -> Occurrence:
    return Occurrence(
        uid=event.uid,
        original_start=original,
        start=start,
        end=start + length,
        is_all_day=not isinstance(start, datetime),
        is_cancelled=is_cancelled or event.status == "cancelled",
        override=override,
    )
