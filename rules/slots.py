"""The next free slot: inside the owner's hours, on a working day, clear of everything that is already there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

from rules.countries import clock_of
from rules.network import Busy, Owner, Trip
from rules.social import Social, SocialTime
from rules.workdays import ONE_DAY, after_workdays, is_workday, local_day, span_of, workdays_from, zone_of

GRID = timedelta(minutes=15)
REST = 2
"""Working days after a leave that stay free of holds."""
PATIENCE = timedelta(days=7)
"""How much later than the first free slot one inside the other person's hours may lie."""
HALF = timedelta(hours=12)
"""Whoever is elsewhere for a part of a day lives that day by the clock there."""
THEIR_WEEK = frozenset({0, 1, 2, 3, 4})
THEIR_DAY = (8 * 60, 18 * 60)
"""Minutes after midnight between which the other person is likely to be awake and at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A span of time, aware UTC, end exclusive."""

    start: datetime
    end: datetime
    social: Social | None = None
    """The kind of social time it takes up."""


def next_free(  # noqa: PLR0913 -- each is one of the owner's settings and has a name of its own at the call
    busy: Sequence[Busy],
    owner: Owner,
    now: datetime,
    *,
    notice_days: int = 2,
    minutes: int = 25,
    horizon_days: int = 21,
    meeting_hours: float = 5.0,
    buffer: timedelta = timedelta(minutes=5),
    taken: Sequence[Slot] = (),
    per_day: int = 1,
    per_week: int = 2,
    offsets: Mapping[int, int] | None = None,
    trips: Sequence[Trip] = (),
    days_off: Collection[date] = (),
    social: SocialTime | None = None,
) -> Slot | None:
    """Find the earliest slot for a hold, or None where the horizon has none.

    `busy` need not be sorted; `taken` are the holds already placed: with the new one at most `per_day` stand on a day
    and `per_week` in an ISO week of the owner's zone. `offsets` are the other person's UTC offsets in minutes with
    their counts: a slot inside their likely hours is preferred when it costs no more than a week. On a day of one of the
    `trips` to another zone the owner's hours are those of the zone they are in. `days_off` are the other person's, by their
    own calendar. A slot of a `social` kind lies inside its hours, and at most so many of it stand in a week.
    """
    days = _days(busy, owner, now, notice_days=notice_days, horizon_days=horizon_days, meeting_hours=meeting_hours)
    open_days = (day for day in days if _has_room(owner, day, taken, per_day=per_day, per_week=per_week))
    if social is not None:
        alike = [slot for slot in taken if slot.social == social.kind]
        open_days = (day for day in open_days if _has_room(owner, day, alike, per_day=per_day, per_week=social.per_week))
    blocked = _blocked(busy, taken, buffer)
    there = (elsewhere for day in open_days for elsewhere in _hours_of(_there(owner, day, trips), day, social))
    length = timedelta(minutes=minutes if social is None else social.minutes or minutes)
    kind = None if social is None else social.kind
    found = (replace(slot, social=kind) for one, day in there for slot in _slots_of(one, day, now, blocked, length))
    slots = (slot for slot in found if not _is_off(slot, offsets or {}, days_off))
    first = next(slots, None)
    if first is None or not offsets or _suits(first, offsets):
        return first
    return next((slot for slot in slots if slot.start - first.start <= PATIENCE and _suits(slot, offsets)), first)


def _days(
    busy: Sequence[Busy], owner: Owner, now: datetime, *, notice_days: int, horizon_days: int, meeting_hours: float
) -> Iterator[date]:
    """Yield the days a hold may lie on, as far as the calendar decides."""
    today = local_day(owner, now)
    first, last = after_workdays(owner, today, notice_days), today + timedelta(days=horizon_days)
    away = _days_away(busy, owner, today, last)
    for day in (first + n * ONE_DAY for n in range((last - first).days + 1)):
        if is_workday(owner, day) and day not in away and _meeting_time(busy, owner, day) <= timedelta(hours=meeting_hours):
            yield day


def _days_away(busy: Sequence[Busy], owner: Owner, today: date, horizon: date) -> frozenset[date]:
    """Return the days of leave and the working days after them that are kept free."""
    away: set[date] = set()
    for span in busy:
        if span.is_leave and span.start < span.end:
            first = max(local_day(owner, span.start), today - timedelta(days=REST * 7))
            last = min(local_day(owner, span.end - timedelta(microseconds=1)), horizon)
            away.update(first + n * ONE_DAY for n in range((last - first).days + 1))
            away.update(islice(workdays_from(owner, last + ONE_DAY), REST))
    return frozenset(away)


def _meeting_time(busy: Sequence[Busy], owner: Owner, day: date) -> timedelta:
    """Return how long the owner is in meetings on a day; what overlaps counts once."""
    midnight = datetime.combine(day, datetime.min.time(), zone_of(owner)).astimezone(UTC)
    end = datetime.combine(day + ONE_DAY, datetime.min.time(), zone_of(owner)).astimezone(UTC)
    total, reached = timedelta(0), midnight
    for span in sorted((span for span in busy if span.is_meeting), key=lambda span: span.start):
        start, stop = max(span.start, reached), min(span.end, end)
        if stop > start:
            total, reached = total + (stop - start), stop
    return total


def _has_room(owner: Owner, day: date, taken: Sequence[Slot], *, per_day: int, per_week: int) -> bool:
    days = [local_day(owner, slot.start) for slot in taken]
    week = day.isocalendar()[:2]
    return days.count(day) < per_day and sum(other.isocalendar()[:2] == week for other in days) < per_week


def _blocked(busy: Sequence[Busy], taken: Sequence[Slot], buffer: timedelta) -> list[tuple[datetime, datetime]]:
    spans = [(span.start - buffer, span.end + buffer) for span in busy if span.start < span.end]
    return sorted(spans + [(slot.start, slot.end) for slot in taken])


def _slots_of(
    owner: Owner, day: date, now: datetime, blocked: Sequence[tuple[datetime, datetime]], length: timedelta
) -> Iterator[Slot]:
    """Yield the free slots of a day on the grid of local quarter hours."""
    opens, closes = span_of(owner, day, owner.hours)
    today = [span for span in (*blocked, *_no_go(owner, day)) if span[0] < closes and span[1] > opens]
    start = _on_grid(owner, max(opens, now))
    while start + length <= closes:
        in_the_way = [end for begin, end in today if begin < start + length and end > start]
        if not in_the_way:
            yield Slot(start=start, end=start + length)
        start = _on_grid(owner, max(in_the_way, default=start + GRID))


def _hours_of(owner: Owner, day: date, social: SocialTime | None) -> Iterator[tuple[Owner, date]]:
    """Yield a day once for each of its spans a slot may lie in, as the owner whose hours they are."""
    for hours in sorted((social.hours if social else ()) or (owner.hours,)):
        yield replace(owner, hours=hours), day


def _there(owner: Owner, day: date, trips: Sequence[Trip]) -> Owner:
    """Return the owner as they live on a day: on a trip by the clock of the place."""
    noon = datetime.combine(day, time(12), zone_of(owner))
    zone = next((trip.zone for trip in trips if trip.zone and trip.start - HALF <= noon < trip.end + HALF), "")
    return replace(owner, zone=zone) if zone else owner


def _no_go(owner: Owner, day: date) -> Iterator[tuple[datetime, datetime]]:
    return (span_of(owner, day, hours) for hours in owner.no_go)


def _on_grid(owner: Owner, at: datetime) -> datetime:
    """Return the instant, or the next one that is a quarter hour on the owner's clock."""
    local = at.astimezone(zone_of(owner))
    past = timedelta(minutes=local.minute % 15, seconds=local.second, microseconds=local.microsecond)
    return at + (GRID - past) if past else at


def _suits(slot: Slot, offsets: Mapping[int, int]) -> bool:
    """Tell whether a slot lies in the likely working hours of someone who writes with these UTC offsets."""
    start = _by_their_clock(slot, offsets)
    minute = start.hour * 60 + start.minute
    return (
        start.weekday() in THEIR_WEEK and THEIR_DAY[0] <= minute and minute + (slot.end - slot.start).seconds // 60 <= THEIR_DAY[1]
    )


def _is_off(slot: Slot, offsets: Mapping[int, int], days_off: Collection[date]) -> bool:
    """Tell whether a slot lies on a holiday of the other person."""
    return bool(days_off) and _by_their_clock(slot, offsets).date() in days_off


def _by_their_clock(slot: Slot, offsets: Mapping[int, int]) -> datetime:
    return slot.start.astimezone(UTC) + timedelta(minutes=clock_of(offsets) or 0)
