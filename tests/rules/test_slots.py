"""The next free slot: golden cases, then promises that hold for any calendar, zone and week."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.network import Busy, Owner, Trip
from rules.slots import Slot, next_free
from rules.workdays import after_workdays, is_workday, local_day, next_inside, span_of, workdays_between

TUESDAY = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
BERLIN = Owner(name="o", zone="Europe/Berlin")
RIYADH = Owner(name="o", zone="Asia/Riyadh", workdays=frozenset({6, 0, 1, 2, 3}))


def at(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def busy(start: str, end: str, *, is_meeting: bool = True, is_leave: bool = False) -> Busy:
    return Busy(start=at(start), end=at(end), is_meeting=is_meeting, is_leave=is_leave)


def test_an_empty_calendar_gives_the_first_minute_of_work_two_working_days_on() -> None:
    assert next_free([], BERLIN, TUESDAY) == Slot(start=at("2026-03-12T09:00"), end=at("2026-03-12T09:25"))


def test_on_a_trip_the_owners_hours_are_those_of_the_place() -> None:
    there = Trip(
        uid="t", title="", start=at("2026-03-12T00:00"), end=at("2026-03-14T00:00"), place="New York", zone="America/New_York"
    )
    assert next_free([], BERLIN, TUESDAY, trips=[there]) == Slot(
        start=at("2026-03-12T09:00", "America/New_York"), end=at("2026-03-12T09:25", "America/New_York")
    )
    later = Trip(uid="t", title="", start=at("2026-03-16T00:00"), end=at("2026-03-17T00:00"), zone="America/New_York")
    assert next_free([], BERLIN, TUESDAY, trips=[later]) == next_free([], BERLIN, TUESDAY)
    at_home = Trip(uid="t", title="", start=there.start, end=there.end, place="Munich")
    assert next_free([], BERLIN, TUESDAY, trips=[at_home]) == next_free([], BERLIN, TUESDAY)


@pytest.mark.parametrize(("now", "day"), [("2026-03-26T10:30", "2026-03-30"), ("2026-10-22T10:30", "2026-10-26")])
def test_over_the_change_of_clocks_hours_stay_those_on_the_wall(now: str, day: str) -> None:
    nine = Slot(start=at(f"{day}T09:00"), end=at(f"{day}T09:25"))
    assert next_free([], BERLIN, at(now)) == nine
    assert at(f"{day}T09:00") - at(now) != timedelta(days=3, hours=22, minutes=30)
    early = [busy(f"{day}T08:30", f"{day}T09:30")]
    found = next_free(early, BERLIN, at(now))
    assert found is not None
    assert found.start == at(f"{day}T09:45")
    assert workdays_between(BERLIN, at(now), nine.start) == 2


def test_a_slot_keeps_its_distance_from_meetings_and_starts_on_a_quarter_hour() -> None:
    found = next_free([busy("2026-03-12T09:00", "2026-03-12T10:00")], BERLIN, TUESDAY)
    assert found is not None
    assert found.start == at("2026-03-12T10:15")


def test_a_gap_that_is_just_too_short_is_left() -> None:
    day = [busy("2026-03-12T09:00", "2026-03-12T10:00"), busy("2026-03-12T10:40", "2026-03-12T12:00")]
    found = next_free(day, BERLIN, TUESDAY, buffer=timedelta(0), minutes=45)
    assert found is not None
    assert found.start == at("2026-03-12T12:00")


def test_a_day_with_over_five_meeting_hours_is_left_alone_and_overlaps_count_once() -> None:
    full = [busy("2026-03-12T09:00", "2026-03-12T14:15")]
    doubled = [busy("2026-03-12T09:00", "2026-03-12T12:00"), busy("2026-03-12T09:00", "2026-03-12T12:00")]
    later, same = next_free(full, BERLIN, TUESDAY), next_free(doubled, BERLIN, TUESDAY)
    assert later is not None
    assert same is not None
    assert local_day(BERLIN, later.start) == date(2026, 3, 13)
    assert local_day(BERLIN, same.start) == date(2026, 3, 12)


def test_nothing_on_leave_nor_on_the_two_working_days_after_it() -> None:
    leave = [busy("2026-03-11T00:00", "2026-03-14T00:00", is_meeting=False, is_leave=True)]
    found = next_free(leave, BERLIN, TUESDAY)
    assert found is not None
    assert local_day(BERLIN, found.start) == date(2026, 3, 18)


def test_a_leave_that_ended_yesterday_still_gives_rest() -> None:
    leave = [busy("2026-03-02T00:00", "2026-03-11T00:00", is_meeting=False, is_leave=True)]
    found = next_free(leave, BERLIN, TUESDAY, notice_days=1)
    assert found is not None
    assert local_day(BERLIN, found.start) == date(2026, 3, 13)


def test_friday_and_saturday_can_be_the_weekend() -> None:
    wednesday = datetime(2026, 3, 11, 6, tzinfo=UTC)
    found = next_free([], RIYADH, wednesday)
    assert found is not None
    assert found.start == at("2026-03-15T09:00", "Asia/Riyadh")


def test_holidays_are_no_working_days() -> None:
    owner = Owner(name="o", zone="Europe/Berlin", holidays=frozenset({date(2026, 4, 3), date(2026, 4, 6)}))
    found = next_free([], owner, datetime(2026, 4, 1, 8, tzinfo=UTC))
    assert found is not None
    assert found.start == at("2026-04-07T09:00")


@pytest.mark.parametrize("day", ["2026-03-27", "2026-10-23"])
def test_nine_is_nine_on_the_clock_also_after_the_change_of_hours(day: str) -> None:
    found = next_free([], BERLIN, at(f"{day}T12:00"))
    assert found is not None
    assert found.start.astimezone(ZoneInfo("Europe/Berlin")).time() == time(9)


def test_no_go_times_are_kept_free() -> None:
    owner = Owner(name="o", zone="Europe/Berlin", no_go=((time(8), time(12)), (time(12, 0), time(14))))
    found = next_free([], owner, TUESDAY)
    assert found is not None
    assert found.start == at("2026-03-12T14:00")


def test_one_hold_a_day_and_two_a_week() -> None:
    taken = [Slot(start=at(f"2026-03-{day}T09:00"), end=at(f"2026-03-{day}T09:25")) for day in ("12", "13")]
    one, two = next_free([], BERLIN, TUESDAY, taken=taken[:1]), next_free([], BERLIN, TUESDAY, taken=taken)
    assert one is not None
    assert two is not None
    assert (local_day(BERLIN, one.start), local_day(BERLIN, two.start)) == (date(2026, 3, 13), date(2026, 3, 16))


def test_the_others_hours_are_preferred_but_never_at_the_cost_of_more_than_a_week() -> None:
    chicago, tokyo = {-300: 9, -360: 1}, {840: 3}
    far, never = next_free([], BERLIN, TUESDAY, offsets=chicago), next_free([], BERLIN, TUESDAY, offsets=tokyo)
    assert far is not None
    assert far.start == at("2026-03-12T14:00")
    assert never == next_free([], BERLIN, TUESDAY)


def test_a_full_calendar_has_no_slot() -> None:
    assert next_free([busy("2026-03-01T00:00", "2026-05-01T00:00", is_meeting=False)], BERLIN, TUESDAY) is None


def test_an_owner_who_never_works_gets_none_and_no_endless_search() -> None:
    assert next_free([], Owner(name="o", workdays=frozenset()), TUESDAY) is None


def test_a_leave_of_a_thousand_years_is_no_endless_search() -> None:
    assert next_free([busy("1500-01-01T00:00", "2900-01-01T00:00", is_leave=True)], BERLIN, TUESDAY) is None


ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia"]
)
MINUTES = st.integers(0, 24 * 60 - 1)


@st.composite
def owners(draw: st.DrawFn) -> Owner:
    first, length = draw(st.integers(0, 16)), draw(st.integers(2, 8))
    return Owner(
        name="o",
        zone=draw(ZONES),
        hours=(time(first), time(min(first + length, 23), 45)),
        workdays=draw(st.frozensets(st.integers(0, 6), min_size=1)),
        holidays=frozenset(draw(st.lists(st.dates(date(2026, 3, 1), date(2026, 11, 30)), max_size=5))),
    )


CHANGES = (datetime(2026, 3, 20, tzinfo=UTC), datetime(2026, 10, 16, tzinfo=UTC))
"""A week before the clocks change."""


@st.composite
def moments(draw: st.DrawFn) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=draw(st.integers(0, 365 * 24 * 60)))


@st.composite
def calendars(draw: st.DrawFn) -> tuple[datetime, list[Busy]]:
    begin = draw(st.sampled_from(CHANGES)) + timedelta(minutes=draw(st.integers(0, 14 * 24 * 60)))
    spans = draw(
        st.lists(st.tuples(st.integers(0, 28 * 24 * 4), st.integers(1, 60), st.booleans(), st.integers(0, 9)), max_size=25)
    )
    made = [
        Busy(
            start=begin + timedelta(minutes=15 * a), end=begin + timedelta(minutes=15 * (a + n)), is_meeting=m, is_leave=leave == 0
        )
        for a, n, m, leave in spans
    ]
    return begin, made


@settings(max_examples=150, deadline=None)
@given(owners(), calendars(), st.integers(15, 120))
def test_a_slot_is_never_inside_busy_time_nor_outside_working_hours(
    owner: Owner, calendar: tuple[datetime, list[Busy]], minutes: int
) -> None:
    now, spans = calendar
    found = next_free(spans, owner, now, minutes=minutes)
    if found is None:
        return
    day = local_day(owner, found.start)
    opens, closes = span_of(owner, day, owner.hours)
    assert found.end - found.start == timedelta(minutes=minutes)
    assert opens <= found.start
    assert found.end <= closes
    assert is_workday(owner, day)
    assert workdays_between(owner, now, found.start) >= 2
    assert found.start.astimezone(ZoneInfo(owner.zone)).minute % 15 == 0
    assert all(found.end <= span.start or found.start >= span.end for span in spans)
    for leave in (span for span in spans if span.is_leave):
        assert not leave.start <= found.start < leave.end
        if leave.end <= found.start:
            assert workdays_between(owner, leave.end - timedelta(microseconds=1), found.start) > 2


@settings(max_examples=60, deadline=None)
@given(owners(), calendars())
def test_there_is_no_earlier_slot_than_the_one_found(owner: Owner, calendar: tuple[datetime, list[Busy]]) -> None:
    now, spans = calendar
    found = next_free(spans, owner, now)
    if found is not None:
        earlier = found.start + timedelta(minutes=25)
        block = [Busy(start=now - timedelta(days=1), end=earlier)]
        later = next_free([*spans, *block], owner, now)
        assert later is None or later.start >= earlier


@settings(max_examples=60, deadline=None)
@given(owners(), moments(), st.integers(0, 8))
def test_working_days_count_the_same_there_and_back(owner: Owner, now: datetime, count: int) -> None:
    day = after_workdays(owner, local_day(owner, now), count)
    assert is_workday(owner, day)
    noon = datetime.combine(day, time(12), ZoneInfo(owner.zone)).astimezone(UTC)
    assert workdays_between(owner, now, noon) == count or (count == 0 and not is_workday(owner, local_day(owner, now)))


@settings(max_examples=60, deadline=None)
@given(owners(), moments())
def test_a_draft_never_appears_outside_the_hours_nor_before_it_is_due(owner: Owner, now: datetime) -> None:
    found = next_inside(owner, now, None)
    opens, closes = span_of(owner, local_day(owner, found), owner.hours)
    assert found >= now
    assert opens <= found < closes
    assert is_workday(owner, local_day(owner, found))
    assert next_inside(owner, now, (time(0), time(0))) == now
