"""Expanding series: what instance there is, by which name, shaped by which override."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from connectors import ical
from rules.facts import CalendarEvent, Occurrence

BERLIN = ZoneInfo("Europe/Berlin")
TUESDAY = datetime(2026, 11, 3, 10, tzinfo=BERLIN).astimezone(UTC)
YEAR = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
HOUR = timedelta(hours=1)
WEEK = timedelta(weeks=1)


def event(
    start: datetime | date = TUESDAY, *recurrence: str, length: timedelta = HOUR, zone: str = "Europe/Berlin"
) -> CalendarEvent:
    is_all_day = not isinstance(start, datetime)
    return CalendarEvent(
        remote_id="a",
        uid="a",
        start=start,
        end=start + (timedelta(days=1) if is_all_day else length),
        is_all_day=is_all_day,
        zone="" if is_all_day else zone,
        zone_id="" if is_all_day else zone,
        zone_resolution="date" if is_all_day else "iana",
        recurrence=recurrence,
    )


def weekly(*more: str, rule: str = "RRULE:FREQ=WEEKLY;COUNT=4") -> CalendarEvent:
    return event(TUESDAY, rule, *more)


def override(original: datetime | date, start: datetime | date | None = None, **changes: object) -> CalendarEvent:
    return replace(event(original if start is None else start), original_start=original, **changes)  # type: ignore[arg-type]  # fields by name


def expand(
    *events: CalendarEvent, zone: str = "Europe/Berlin", start: datetime = YEAR[0], end: datetime = YEAR[1], limit: int = 5000
) -> tuple[Occurrence, ...]:
    return ical.expand(events, zone=zone, start=start, end=end, limit=limit)


def starts(*events: CalendarEvent, zone: str = "Europe/Berlin") -> list[datetime | date]:
    return [one.start for one in expand(*events, zone=zone)]


def test_a_single_event_is_one_occurrence() -> None:
    assert expand(event()) == (Occurrence(uid="a", original_start=TUESDAY, start=TUESDAY, end=TUESDAY + HOUR),)


def test_a_series_keeps_its_wall_time_over_the_end_of_summer_time() -> None:
    first = datetime(2026, 10, 20, 10, tzinfo=BERLIN).astimezone(UTC)
    hours = [one.hour for one in starts(event(first, "RRULE:FREQ=WEEKLY;COUNT=2")) if isinstance(one, datetime)]
    assert hours == [8, 9]


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        ("FREQ=WEEKLY;UNTIL=20261117", 3),
        ("FREQ=WEEKLY;UNTIL=20261117T090000Z", 3),
        ("FREQ=WEEKLY;UNTIL=20261117T085959Z", 2),
        ("FREQ=WEEKLY;UNTIL=20261117T100000", 3),
        ("FREQ=WEEKLY;UNTIL=20261102T000000Z", 0),
        ("FREQ=WEEKLY;COUNT=3", 3),
        ("FREQ=WEEKLY;COUNT=-1", 9),
        ("FREQ=WEEKLY", 9),
        ("FREQ=DAILY;BYDAY=TU, WE;COUNT=4", 4),
        ("FREQ=MONTHLY;BYDAY=1TU;UNTIL=20261231T230000Z", 2),
    ],
)
def test_how_often_a_rule_repeats_a_date_in_until_includes_its_whole_day(rule: str, count: int) -> None:
    assert len(expand(event(TUESDAY, f"RRULE:{rule}"))) == count


def test_the_first_start_counts_also_where_the_rule_does_not_give_it() -> None:
    assert starts(event(TUESDAY, "RRULE:FREQ=WEEKLY;BYDAY=FR;COUNT=1")) == [TUESDAY, TUESDAY + timedelta(days=3)]


@pytest.mark.parametrize(
    "line",
    [
        "EXDATE:20261110T090000Z",
        "EXDATE;TZID=Europe/Berlin:20261110T100000",
        "EXDATE;TZID=America/New_York:20261110T040000",
        "EXDATE:20261110T100000",
        "EXDATE;VALUE=DATE:20261110",
        "EXDATE:nonsense,20261110T090000Z",
    ],
)
def test_an_excluded_date_takes_its_instance_away_however_it_is_written(line: str) -> None:
    assert starts(weekly(line)) == [TUESDAY, TUESDAY + 2 * WEEK, TUESDAY + 3 * WEEK]


def test_an_excluded_date_takes_its_override_away_too() -> None:
    assert TUESDAY + WEEK + HOUR not in starts(weekly("EXDATE:20261110T090000Z"), override(TUESDAY + WEEK, TUESDAY + WEEK + HOUR))


def test_extra_dates_and_periods_are_added() -> None:
    found = expand(weekly("RDATE:20261105T090000Z", "RDATE;VALUE=PERIOD:20261106T090000Z/PT3H", rule="RRULE:FREQ=WEEKLY;COUNT=1"))
    assert [(one.start - TUESDAY, one.end - one.start) for one in found if isinstance(one.start, datetime)] == [
        (timedelta(), HOUR),
        (timedelta(days=2), HOUR),
        (timedelta(days=3), 3 * HOUR),
    ]


def test_an_excluding_rule_is_followed() -> None:
    assert len(expand(event(TUESDAY, "RRULE:FREQ=DAILY;COUNT=14", "EXRULE:FREQ=WEEKLY"))) == 12


def test_a_moved_instance_keeps_the_name_of_its_first_place() -> None:
    moved = override(TUESDAY + WEEK, TUESDAY + WEEK + timedelta(days=1))
    found = expand(weekly(), moved)
    assert [one.start for one in found] == [TUESDAY, TUESDAY + WEEK + timedelta(days=1), TUESDAY + 2 * WEEK, TUESDAY + 3 * WEEK]
    assert (found[1].original_start, found[1].override) == (TUESDAY + WEEK, moved)
    assert found[0].override is None


def test_a_cancelled_instance_is_there_and_says_so() -> None:
    found = expand(weekly(), override(TUESDAY + WEEK, status="cancelled"))
    assert [one.is_cancelled for one in found] == [False, True, False, False]


def test_a_cancelled_series_cancels_every_instance_and_override() -> None:
    found = expand(replace(weekly(), status="cancelled"), override(TUESDAY + WEEK, TUESDAY + WEEK + HOUR))
    assert [one.is_cancelled for one in found] == [True] * 4


def test_an_invitation_to_one_instance_alone_stands_for_itself() -> None:
    (one,) = expand(override(TUESDAY))
    assert (one.original_start, one.start, one.is_cancelled) == (TUESDAY, TUESDAY, False)


def test_an_override_of_an_instance_the_rule_does_not_give_is_one_more() -> None:
    assert len(expand(weekly(), override(TUESDAY + timedelta(days=2)))) == 5


@pytest.mark.parametrize("original", [date(2026, 11, 10), TUESDAY + WEEK, (TUESDAY + WEEK).astimezone(ZoneInfo("Asia/Tokyo"))])
def test_an_override_finds_its_instance_by_day_or_instant_in_any_zone(original: datetime | date) -> None:
    found = expand(weekly(), override(original, TUESDAY + WEEK + HOUR))
    assert len(found) == 4
    assert found[1].original_start == TUESDAY + WEEK


def test_an_override_with_a_time_finds_its_day_in_an_all_day_series() -> None:
    found = expand(
        event(date(2026, 11, 3), "RRULE:FREQ=DAILY;COUNT=3"), override(datetime(2026, 11, 3, 23, tzinfo=UTC), date(2026, 11, 20))
    )
    assert [(one.original_start, one.start) for one in found] == [
        (date(2026, 11, 3), date(2026, 11, 3)),
        (date(2026, 11, 5), date(2026, 11, 5)),
        (date(2026, 11, 4), date(2026, 11, 20)),
    ]


def test_a_change_of_this_and_all_later_ones_shifts_them_until_the_next_such_change() -> None:
    later = override(TUESDAY + WEEK, TUESDAY + WEEK + 2 * HOUR, is_range=True)
    later = replace(later, end=later.start + timedelta(minutes=15))
    again = override(TUESDAY + 3 * WEEK, TUESDAY + 3 * WEEK + timedelta(days=1), is_range=True)
    found = expand(event(TUESDAY, "RRULE:FREQ=WEEKLY;COUNT=5"), later, again)
    assert [one.start for one in found] == [
        TUESDAY,
        TUESDAY + WEEK + 2 * HOUR,
        TUESDAY + 2 * WEEK + 2 * HOUR,
        TUESDAY + 3 * WEEK + timedelta(days=1),
        TUESDAY + 4 * WEEK + timedelta(days=1),
    ]
    assert [one.override for one in found] == [None, later, later, again, again]
    assert [one.original_start for one in found] == [TUESDAY + number * WEEK for number in range(5)]


def test_of_two_copies_the_higher_sequence_wins_then_the_newer() -> None:
    old, new = replace(event(), summary="old"), replace(event(TUESDAY + HOUR), sequence=1)
    for pair in ((old, new), (new, old)):
        assert starts(*pair) == [TUESDAY + HOUR]
    newer = replace(event(TUESDAY + HOUR), updated_at=datetime(2026, 2, 1, tzinfo=UTC))
    assert starts(newer, replace(event(), updated_at=datetime(2026, 1, 1, tzinfo=UTC))) == [TUESDAY + HOUR]


def test_an_answer_to_an_invitation_is_no_copy_of_it() -> None:
    assert starts(event(), replace(event(TUESDAY + HOUR), method="REPLY", sequence=9)) == [TUESDAY]


def test_all_day_series_have_dates_and_their_days_begin_in_the_owners_zone() -> None:
    daily = event(date(2026, 11, 3), "RRULE:FREQ=DAILY;UNTIL=20261106T235959Z")
    assert starts(daily) == [date(2026, 11, day) for day in (3, 4, 5, 6)]

    def at_five(zone: str) -> list[datetime | date]:
        five = datetime(2026, 11, 5, 5, tzinfo=UTC)
        return [one.start for one in ical.expand([daily], zone=zone, start=five, end=five + HOUR)]

    assert at_five("America/Los_Angeles") == [date(2026, 11, 4)]
    assert at_five("Asia/Tokyo") == [date(2026, 11, 5)]


def test_what_touches_the_window_is_given_and_nothing_else() -> None:
    long = event(TUESDAY, "RRULE:FREQ=WEEKLY", length=timedelta(days=3))
    found = expand(long, start=TUESDAY + WEEK + timedelta(days=2), end=TUESDAY + 2 * WEEK)
    assert [one.start for one in found] == [TUESDAY + WEEK]
    instant = event(TUESDAY, length=timedelta())
    assert len(expand(instant, start=TUESDAY, end=TUESDAY + HOUR)) == 1
    assert expand(instant, start=TUESDAY - HOUR, end=TUESDAY) == ()
    assert expand(event(), start=TUESDAY + HOUR, end=TUESDAY + 2 * HOUR) == ()


def test_a_moved_instance_is_found_where_it_went_not_where_it_was() -> None:
    moved = override(TUESDAY, TUESDAY + timedelta(days=300))
    assert next(iter(expand(weekly(), moved))).start == TUESDAY + WEEK
    found = expand(weekly(), moved, start=TUESDAY + timedelta(days=299), end=TUESDAY + timedelta(days=301))
    assert [one.original_start for one in found] == [TUESDAY]


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=MINUTELY",
        "FREQ=NEVER",
        "nonsense",
        "FREQ=DAILY;INTERVAL=x",
        "FREQ=DAILY;BYDAY=99XX",
        "FREQ=WEEKLY;UNTIL=tomorrow",
        "RSCALE=HEBREW;FREQ=YEARLY",
    ],
)
def test_a_rule_that_cannot_be_followed_leaves_a_single_event(rule: str) -> None:
    assert starts(event(TUESDAY, f"RRULE:{rule}")) == [TUESDAY]


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY",
        "FREQ=HOURLY",
        "FREQ=HOURLY;COUNT=100000;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;COUNT=5;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=WEEKLY;COUNT=999999999",
    ],
)
@pytest.mark.parametrize("year", [1601, 1970, 2025])
def test_no_rule_takes_long_however_old_or_empty(rule: str, year: int) -> None:
    began = time.process_time()
    found = expand(event(datetime(year, 1, 6, 10, tzinfo=UTC), f"RRULE:{rule}"), limit=5000)
    assert time.process_time() - began < 1.0
    assert len(found) <= 5000


def test_a_series_gives_no_more_than_the_limit() -> None:
    assert len(expand(event(TUESDAY, "RRULE:FREQ=HOURLY"), limit=100)) == 100


def test_twenty_years_of_a_series_give_the_same_days_as_its_last_month() -> None:
    old = event(datetime(2006, 1, 3, 9, tzinfo=UTC), "RRULE:FREQ=WEEKLY;INTERVAL=3;BYDAY=TU,TH", zone="UTC")
    days = [
        one.start.date()
        for one in expand(old, start=datetime(2026, 11, 1, tzinfo=UTC), end=datetime(2026, 12, 1, tzinfo=UTC))
        if isinstance(one.start, datetime)
    ]
    assert all((day - date(2006, 1, 2)).days // 7 % 3 == 0 for day in days)
    assert [day.weekday() for day in days] in ([1, 3], [1, 3, 1, 3])
