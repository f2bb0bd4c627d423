"""Working time as the owner lives it: their days, their hours, their zone, and how far ahead or back a working day lies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rules.network import Owner

ONE_DAY = timedelta(days=1)
SEARCHED = 370
"""Days looked through for a working day: a calendar without one is a mistake, never an endless loop."""


def zone_of(owner: Owner) -> ZoneInfo:
    """Return the owner's zone; UTC where the name means nothing (the configuration has said so already)."""
    try:
        return ZoneInfo(owner.zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def local_day(owner: Owner, at: datetime) -> date:
    """Return the date of an instant where the owner is."""
    return at.astimezone(zone_of(owner)).date()


def is_workday(owner: Owner, day: date) -> bool:
    """Tell whether the owner works on that day."""
    return day.weekday() in owner.workdays and day not in owner.holidays


def workdays_from(owner: Owner, day: date) -> Iterator[date]:
    """Yield the working days from that day on, itself included, for a year."""
    return (later for later in (day + n * ONE_DAY for n in range(SEARCHED)) if is_workday(owner, later))


def after_workdays(owner: Owner, day: date, count: int) -> date:
    """Return the working day `count` working days after `day`; with 0 the first one from `day` on."""
    ahead = workdays_from(owner, day if count == 0 else day + ONE_DAY)
    return next(islice(ahead, max(count - 1, 0), None), day)


def workdays_between(owner: Owner, since: datetime, until: datetime) -> int:
    """Count the working days after the day of `since` up to and with the day of `until`; 0 where that is no later day."""
    return _between(local_day(owner, since), local_day(owner, until), owner.workdays, owner.holidays)


@lru_cache(maxsize=1024)  # the same few days are asked for of everybody
def _between(first: date, last: date, workdays: frozenset[int], holidays: frozenset[date]) -> int:
    weeks, rest = divmod(max((last - first).days, 0), 7)
    begun = sum((first.weekday() + n) % 7 in workdays for n in range(1, rest + 1))
    free = sum(first < day <= last and day.weekday() in workdays for day in holidays)
    return weeks * len(workdays) + begun - free


def span_of(owner: Owner, day: date, hours: tuple[time, time]) -> tuple[datetime, datetime]:
    """Return local hours of a day as instants; an end before the start means the day after."""
    zone = zone_of(owner)
    start = datetime.combine(day, hours[0], zone).astimezone(UTC)
    end = datetime.combine(day if hours[0] < hours[1] else day + ONE_DAY, hours[1], zone).astimezone(UTC)
    return start, end


def next_inside(owner: Owner, at: datetime, hours: tuple[time, time] | None) -> datetime:
    """Return the instant itself when it lies inside the hours, else the next time they begin.

    None = the owner's own hours on working days; hours given by a rule count on every day.
    """
    for day in (local_day(owner, at) + n * ONE_DAY for n in range(-1, SEARCHED)):
        if hours is None and not is_workday(owner, day):
            continue
        start, end = span_of(owner, day, hours or owner.hours)
        if at < end:
            return max(at, start)
    return at
