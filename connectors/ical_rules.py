"""Follow RRULE, RDATE, EXDATE and EXRULE lines, in wall time, no further than asked and never for ever."""

from __future__ import annotations

import re
from calendar import isleap, monthrange
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import islice
from typing import NamedTuple

from dateutil.rrule import rrulestr

from connectors.ical_zones import named, zone_of
from rules.facts import CalendarEvent

MOST_STEPS = 20_000
"""Instances one rule may run through, wanted or not."""
_PARTS = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYSETPOS", "BYMONTH", "BYMONTHDAY", "BYYEARDAY"})
_PARTS |= {"BYWEEKNO", "BYDAY", "BYHOUR", "BYMINUTE", "BYSECOND"}
_LONGEST_INTERVAL = 10_000
_DATE = len("20260101")
_DAYS_OF_FEBRUARY = 28
_STEPS = {"HOURLY": timedelta(hours=1), "DAILY": timedelta(days=1), "WEEKLY": timedelta(weeks=1)}
_LINE = re.compile(r"^(RRULE|RDATE|EXDATE|EXRULE)([^:]*):(.*)$", re.IGNORECASE | re.DOTALL)
_TZID = re.compile(r';TZID="?([^";:]*)', re.IGNORECASE)
_DURATION = re.compile(r"P(?:(\d{1,5})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,5})M)?(?:(\d{1,5})S)?)?", re.IGNORECASE)


class UnfollowableRule(Exception):
    """The rule cannot be followed; the message says why, in the owner's words."""


class Extra(NamedTuple):
    """A date an RDATE or EXDATE line names, in UTC or as a date; `length` where an RDATE is a PERIOD."""

    at: datetime | date
    length: timedelta | None = None


@dataclass(slots=True, kw_only=True)
class Recurrence:
    """The recurrence lines of a master, told apart; rules run in naive wall time of its zone."""

    first: datetime
    """Start of the master as wall time (midnight for dates)."""
    rules: list[dict[str, str]] = field(default_factory=list)
    exrules: list[dict[str, str]] = field(default_factory=list)
    rdates: list[Extra] = field(default_factory=list)
    exdates: set[datetime | date] = field(default_factory=set)
    has_days_out: bool = False
    """Some EXDATE is a whole day."""

    def walls(self, low: datetime, high: datetime, limit: int) -> list[datetime]:
        """Return the wall times in [low, high] the rules give, ascending, at most `limit`; the first start always counts."""
        found = {wall for rule in self.rules for wall in self._run(rule, low, high, limit)}
        if low <= self.first <= high and not self._is_over_at_once():
            found.add(self.first)
        for rule in self.exrules:
            found.difference_update(self._run(rule, low, high, limit))
        return sorted(found)[:limit]

    def is_excluded(self, at: datetime | date, zone: tzinfo) -> bool:
        """Whether an EXDATE names the instance, or its day."""
        return at in self.exdates or (self.has_days_out and _day(at, zone) in self.exdates)

    def _is_over_at_once(self) -> bool:
        """Whether UNTIL lies before the start: then the series has no instance."""
        ends = [_until(rule["UNTIL"], UTC) for rule in self.rules if "UNTIL" in rule]
        return bool(ends) and len(ends) == len(self.rules) and max(ends) < self.first

    def _run(self, parts: dict[str, str], low: datetime, high: datetime, limit: int) -> Iterator[datetime]:
        """Yield what one rule gives from `low` on.

        COUNT, and the parts that only leave days out, are followed here: dateutil would look for a 30 February until the
        year 9999.
        """
        until = min(_until(parts["UNTIL"], UTC), high) if "UNTIL" in parts else high
        start = _nearer(self.first, parts, low)
        if until < start:
            return iter(())
        step = _STEPS.get(parts["FREQ"])
        if step is not None and (until - start) // step > MOST_STEPS * 3:
            raise UnfollowableRule("it repeats too often to be followed")
        limits = _limits(parts)
        stated = {name: value for name, value in parts.items() if name not in {"UNTIL", "COUNT", *limits}}
        walls = _steady(stated, start, until)
        if walls is None:
            text = ";".join(f"{name}={value}" for name, value in stated.items())
            walls = rrulestr(f"{text};UNTIL={until:%Y%m%dT%H%M%S}", dtstart=start)
        if (names := limits.pop("BYDAY", None)) is not None:
            days = {number for number, name in enumerate(_DAYS) if name in names}
            walls = (wall for wall in walls if wall.weekday() in days)
        if limits:
            walls = (wall for wall in walls if _is_within(wall, limits))
        counted = islice(walls, min(int(parts.get("COUNT", MOST_STEPS)), MOST_STEPS))
        return islice((wall for wall in counted if wall >= low), limit)


_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def _steady(parts: dict[str, str], start: datetime, until: datetime) -> Iterable[datetime] | None:
    """Return the walls of a rule that only steps on from its start, as nearly all do; None for others."""
    step = _STEPS.get(parts["FREQ"])
    is_own_day = parts["FREQ"] == "WEEKLY" and parts.get("BYDAY") == _DAYS[start.weekday()]
    if step is None or not parts.keys() <= ({"FREQ", "INTERVAL", "WKST", "BYDAY"} if is_own_day else {"FREQ", "INTERVAL", "WKST"}):
        return None
    step *= int(parts.get("INTERVAL", "1"))
    return (start + number * step for number in range((until - start) // step + 1))


def _limits(parts: dict[str, str]) -> dict[str, frozenset[str]]:
    """Return the parts that only leave days out at this frequency (RFC 5545 3.3.10, the table)."""
    if parts["FREQ"] not in _STEPS:
        return {}
    names = ("BYMONTH", "BYMONTHDAY", "BYYEARDAY") if parts["FREQ"] == "WEEKLY" else ("BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYDAY")
    return {name: frozenset(parts[name].split(",")) for name in names if name in parts}


def _is_within(wall: datetime, limits: Mapping[str, frozenset[str]]) -> bool:
    return all(not wanted.isdisjoint(_shown(wall, name)) for name, wanted in limits.items())


def _shown(wall: datetime, name: str) -> tuple[str, ...]:
    """Return how a part of a rule may call this day."""
    if name == "BYMONTH":
        return (str(wall.month),)
    if name == "BYMONTHDAY":
        return str(wall.day), str(wall.day - monthrange(wall.year, wall.month)[1] - 1)
    day = wall.timetuple().tm_yday
    return str(day), str(day - 366 - isleap(wall.year))


def _nearer(first: datetime, parts: dict[str, str], low: datetime) -> datetime:
    """Move the start of an endless rule forward by whole steps, so that twenty years of a daily series cost nothing."""
    interval = int(parts.get("INTERVAL", "1"))
    if "COUNT" in parts or low <= first:
        return first
    if parts["FREQ"] == "YEARLY" and "BYWEEKNO" not in parts and first.day <= _DAYS_OF_FEBRUARY:
        return first.replace(year=first.year + max((low.year - first.year) // interval - 1, 0) * interval)
    if parts["FREQ"] not in _STEPS:
        return first
    step = _STEPS[parts["FREQ"]] * interval
    return first + max((low - first) // step - 1, 0) * step


def recurrence(event: CalendarEvent, zone: tzinfo) -> Recurrence:
    """Tell the lines of a master apart; `zone` is the one its wall times are in. Raises UnfollowableRule."""
    start = event.start
    first = start.astimezone(zone).replace(tzinfo=None) if isinstance(start, datetime) else datetime.combine(start, time())
    result = Recurrence(first=first)
    for line in event.recurrence:
        found = _LINE.match(line.strip())
        if found is None:
            raise UnfollowableRule("its recurrence cannot be read")
        name, params, value = found[1].upper(), found[2], found[3].strip()
        if name in {"RRULE", "EXRULE"}:
            (result.rules if name == "RRULE" else result.exrules).append(_rule(value, zone if isinstance(start, datetime) else UTC))
        elif name == "RDATE":
            result.rdates.extend(_extras(params, value, zone))
        else:
            result.exdates.update(extra.at for extra in _extras(params, value, zone))
    result.has_days_out = any(not isinstance(at, datetime) for at in result.exdates)
    return result


def problem(event: CalendarEvent) -> str:
    """Say why the recurrence of the event cannot be followed; "" if it can."""
    try:
        for rule in recurrence(event, zone_of(event)).rules:
            stated = ";".join(f"{name}={value}" for name, value in rule.items() if name != "UNTIL")
            rrulestr(stated, dtstart=datetime(2026, 1, 1))  # noqa: DTZ001 - wall time
    except UnfollowableRule as reason:
        return str(reason)
    except (ValueError, OverflowError, TypeError, KeyError, AttributeError):
        return "its recurrence cannot be read"
    return ""


def _rule(value: str, zone: tzinfo) -> dict[str, str]:
    """Split a rule and make its UNTIL wall time."""
    stated = (part.partition("=") for part in "".join(value.split()).upper().split(";") if part)
    parts = {name: given for name, _, given in stated}
    frequency = parts.get("FREQ", "")
    if frequency in {"SECONDLY", "MINUTELY"}:
        raise UnfollowableRule("it repeats every minute or every second")
    if parts.pop("RSCALE", "GREGORIAN") != "GREGORIAN" or parts.pop("SKIP", "OMIT") != "OMIT":
        raise UnfollowableRule("it repeats by a calendar other than the Gregorian one")
    if not 0 < int(parts.get("INTERVAL", "1") or "0") < _LONGEST_INTERVAL:
        raise UnfollowableRule("its recurrence cannot be read")
    if parts.get("COUNT", "1").startswith("-"):
        del parts["COUNT"]
    parts = {name: given for name, given in parts.items() if name in _PARTS and given}
    if frequency not in {"YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"}:
        raise UnfollowableRule("its recurrence cannot be read")
    if ("BYSETPOS" in parts and frequency in _STEPS) or ("BYWEEKNO" in parts and frequency != "YEARLY"):
        raise UnfollowableRule("its recurrence cannot be read")
    for name in ("BYMONTH", "BYMONTHDAY", "BYYEARDAY"):
        if name in parts:
            parts[name] = ",".join(str(int(number)) for number in parts[name].split(","))
    if "UNTIL" in parts:
        parts["UNTIL"] = f"{_until(parts['UNTIL'], zone):%Y%m%dT%H%M%S}"
    return parts


def _until(value: str, zone: tzinfo) -> datetime:
    """Return UNTIL as wall time. A DATE includes the whole of its day, as Google and Outlook have it."""
    moment = _moment(value, zone)
    if isinstance(moment, datetime):
        return moment.astimezone(zone).replace(tzinfo=None)
    return datetime.combine(moment, time(23, 59, 59))


def _extras(params: str, value: str, zone: tzinfo) -> Iterator[Extra]:
    """Read the dates of an RDATE or EXDATE line; one that makes no sense is left out alone."""
    tzid = _TZID.search(params)
    other = named(tzid[1]) if tzid else None
    for written in value.split(","):
        begin, _, rest = written.strip().partition("/")
        try:
            at = _moment(begin, other.tz if other else zone)
            length = _length(rest, at, other.tz if other else zone) if rest and isinstance(at, datetime) else None
        except (ValueError, OverflowError):
            continue
        yield Extra(at, length)


def _moment(written: str, zone: tzinfo) -> datetime | date:
    if len(written) == _DATE:
        return datetime.strptime(written, "%Y%m%d").date()  # noqa: DTZ007 - a date
    if written[15:] == "Z":
        return datetime.strptime(written[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return datetime.strptime(written, "%Y%m%dT%H%M%S").replace(tzinfo=zone).astimezone(UTC)


def _length(written: str, begin: datetime, zone: tzinfo) -> timedelta:
    found = _DURATION.fullmatch(written)
    if found is not None:
        weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    end = _moment(written, zone)
    return end - begin if isinstance(end, datetime) else timedelta()


def starts(event: CalendarEvent, series: Recurrence, zone: tzinfo, low: datetime, high: datetime, limit: int) -> Sequence[Extra]:
    """Return the original starts of a master in [low, high], ascending, without the excluded ones, at most `limit`.

    `low` and `high` are aware. UTC instants for timed events, dates for all-day ones.
    """
    walls = series.walls(low.astimezone(zone).replace(tzinfo=None), high.astimezone(zone).replace(tzinfo=None), limit)
    if isinstance(event.start, datetime):
        found: dict[datetime | date, timedelta | None] = dict.fromkeys(
            [wall.replace(tzinfo=zone).astimezone(UTC) for wall in walls]
        )
    else:
        found = dict.fromkeys([wall.date() for wall in walls])
    for extra in series.rdates:
        at = _alike(extra.at, event.start, zone)
        if low <= (at if isinstance(at, datetime) else datetime.combine(at, time(), zone)) <= high:
            found[at] = extra.length
    kept = sorted(found)
    if series.exdates:
        kept = [at for at in kept if not series.is_excluded(at, zone)]
    return [Extra(at, found[at]) for at in kept[:limit]]


def _alike(at: datetime | date, start: datetime | date, zone: tzinfo) -> datetime | date:
    """Make an RDATE of the type of the start: a DATE beside a timed start takes its time of day."""
    if isinstance(start, datetime) and not isinstance(at, datetime):
        return datetime.combine(at, start.astimezone(zone).time(), zone).astimezone(UTC)
    return at if isinstance(start, datetime) else _day(at, zone)


def _day(at: datetime | date, zone: tzinfo) -> date:
    return at.astimezone(zone).date() if isinstance(at, datetime) else at
