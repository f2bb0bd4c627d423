"""Rhythm, strength and the chance of lapse: golden ties, and promises for any history."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.answers import left_unanswered
from rules.rhythm import (
    Contact,
    aged,
    interaction_days,
    is_out_of_rhythm,
    lapse_from,
    lapse_probability,
    lapse_terms,
    rhythm,
    shift_of,
    silence,
    strength,
    sums,
)

NOW = datetime(2026, 3, 10, 10, 30, tzinfo=UTC)
DAY = timedelta(days=1)
QUARTER = 90 * DAY


def wrote(days_ago: float, direction: Literal["in", "out"] = "out", recipients: int = 1, *, is_reply: bool = False) -> Contact:
    return Contact(at=NOW - days_ago * DAY, direction=direction, recipients=recipients, is_reply=is_reply)


def met(*days_ago: float, others: int = 1) -> list[Contact]:
    """Held meetings with `others` in the room: each one contact in and one out."""
    sides: tuple[Literal["in", "out"], ...] = ("in", "out")
    return [wrote(days, side, others, is_reply=True) for days in days_ago for side in sides]


def weekly(weeks: int, until: float = 3, others: int = 1) -> list[Contact]:
    return met(*(until + 7 * week for week in range(weeks)), others=others)


def lapse(contacts: Sequence[Contact], horizon: timedelta = QUARTER, shift: float = 0.0) -> float:
    return lapse_probability(contacts, now=NOW, horizon=horizon, shift=shift)


STRANGERS = [wrote(1, "in"), wrote(1.5, "out", is_reply=True)]


def test_a_weekly_one_to_one_for_a_year_without_mail_is_strong() -> None:
    assert strength(weekly(52), NOW) > 70
    assert lapse(weekly(52)) < 0.15


def test_one_mail_each_way_between_strangers_is_weak() -> None:
    assert strength(STRANGERS, NOW) < 15
    assert lapse(STRANGERS) > 2 * lapse(weekly(52))


def test_a_meeting_only_in_the_future_gives_nothing() -> None:
    ahead = met(-20)
    assert strength(ahead, NOW) == 0
    assert lapse(ahead) == lapse([])
    assert rhythm([contact for contact in ahead if contact.at <= NOW]) is None


def test_one_way_mail_is_no_tie_however_much_of_it() -> None:
    letters = [wrote(day) for day in range(1, 100)]
    assert strength(letters, NOW) == 0
    assert interaction_days(letters) == []


def test_one_to_ones_count_more_than_groups() -> None:
    assert strength(weekly(12), NOW) > strength(weekly(12, others=4), NOW) > strength(weekly(12, others=20), NOW) > 0


def test_an_in_and_an_out_at_one_instant_are_a_meeting() -> None:
    assert len(interaction_days([wrote(5, "in"), wrote(5, "out")])) == 1
    assert interaction_days([wrote(5, "in"), wrote(4.9, "out")]) == []


def test_a_day_counts_once_and_from_its_first_interaction() -> None:
    days = interaction_days([wrote(1.1, is_reply=True), wrote(1.2, "in", is_reply=True), wrote(40, is_reply=True)])
    assert len(days) == 2
    assert days[1] == pytest.approx((NOW - 1.2 * DAY).timestamp() / 86400)


def test_the_rhythm_is_the_median_gap() -> None:
    assert rhythm(met(1, 8, 15, 100)) == 7 * DAY
    assert rhythm(met(1, 8)) is None
    assert rhythm([]) is None


@pytest.mark.parametrize(
    ("contacts", "cadence", "expected"),
    [
        (weekly(10, until=20), None, False),
        (weekly(10, until=22), None, True),
        (met(*range(59, 400, 30)), None, False),
        (met(*range(61, 400, 30)), None, True),
        (met(31), timedelta(days=30), True),
        (met(29), timedelta(days=30), False),
        (met(300), None, False),
        ([], timedelta(days=30), False),
        ([wrote(300)], timedelta(days=30), False),
    ],
)
def test_out_of_rhythm_is_beyond_the_cadence_or_well_beyond_the_usual_gap(
    contacts: list[Contact], cadence: timedelta | None, expected: bool
) -> None:
    assert is_out_of_rhythm(contacts, now=NOW, cadence=cadence) is expected


def test_leave_and_holidays_are_taken_out_of_the_silence_once() -> None:
    contacts = met(30)
    away = [
        (NOW - 20 * DAY, NOW - 10 * DAY),
        (NOW - 15 * DAY, NOW - 5 * DAY),
        (NOW - 40 * DAY, NOW - 29 * DAY),
        (NOW, NOW + 9 * DAY),
    ]
    found = silence(contacts, now=NOW, away=away)
    assert found is not None
    assert found / DAY == pytest.approx(30 - 15 - 1)
    assert silence([], now=NOW) is None
    assert is_out_of_rhythm(contacts, now=NOW, cadence=20 * DAY)
    assert not is_out_of_rhythm(contacts, now=NOW, cadence=20 * DAY, away=away)


def test_two_unanswered_is_counted_from_when_they_were_last_heard() -> None:
    assert left_unanswered([wrote(30, "in"), wrote(20), wrote(10)]) == 2
    assert left_unanswered([wrote(30, "in"), wrote(20), wrote(20.01)]) == 1
    assert left_unanswered([wrote(30), wrote(20)]) == 2
    assert left_unanswered([wrote(30), wrote(20), wrote(10, "in")]) == 0
    assert left_unanswered([wrote(30, recipients=40), wrote(20, recipients=40)]) == 0
    assert left_unanswered([]) == 0


def test_the_answer_that_ended_an_exchange_asks_for_none_and_each_later_mail_does() -> None:
    answer = wrote(29, is_reply=True)
    assert left_unanswered([wrote(30, "in"), answer]) == 0
    assert left_unanswered([wrote(30, "in"), answer, wrote(20)]) == 1
    assert left_unanswered([wrote(30, "in"), answer, wrote(20), wrote(10)]) == 2
    assert left_unanswered([wrote(30, "in"), wrote(20), wrote(10)]) == 2
    assert left_unanswered([wrote(30, "in"), wrote(29, recipients=40, is_reply=True), wrote(20)]) == 1
    assert left_unanswered([wrote(20), wrote(10, is_reply=True)]) == 2
    assert left_unanswered([]) == 0


def test_the_terms_add_up_to_the_chance_and_the_strongest_comes_first() -> None:
    contacts = [*weekly(20, until=60), wrote(40, recipients=3)]
    terms = lapse_terms(contacts, now=NOW, horizon=120 * DAY, shift=0.4)
    total = sum(term.logit for term in terms)
    assert 1 / (1 + math.exp(-total)) == pytest.approx(lapse(contacts, 120 * DAY, 0.4))
    assert [abs(term.logit) for term in terms] == sorted((abs(term.logit) for term in terms), reverse=True)
    assert {term.name for term in terms} == {
        *("start", "owner", "recent", "days", "heard", "gap", "written", "returns", "pace", "bursts", "age")
    }
    assert all(term.text for term in terms)
    assert {term.name: term.logit for term in terms}["days"] < 0 < {term.name: term.logit for term in terms}["heard"]


def test_the_terms_say_what_is_known_and_what_is_not() -> None:
    said = {term.name: term.text for term in lapse_terms(weekly(20, until=60), now=NOW, horizon=QUARTER)}
    assert said["heard"] == "last heard from 60 days ago"
    assert said["days"].startswith("in touch on 20 days so far")
    assert said["gap"] == "usually in touch every 7 days"
    nothing = {term.name: term.text for term in lapse_terms([], now=NOW, horizon=QUARTER)}
    assert nothing["heard"] == "never heard from"
    assert nothing["gap"] == "no usual gap yet"
    yesterday = {term.name: term.text for term in lapse_terms(STRANGERS, now=NOW, horizon=QUARTER)}
    assert yesterday["heard"] == "last heard from 1 day ago"
    assert yesterday["days"].startswith("in touch on 1 day so far")


def test_a_silence_that_ended_before_speaks_for_a_return() -> None:
    yearly = met(100, 250, 400, 550)
    once = met(100, 101, 102, 550)
    assert {t.name: t.value for t in lapse_terms(yearly, now=NOW, horizon=QUARTER)}["returns"] == pytest.approx(math.log1p(3))
    assert lapse(yearly) < lapse(once)


def test_an_owner_is_calibrated_only_from_fifty_finished_cases_and_within_bounds() -> None:
    assert shift_of([(0.5, True)] * 49) == 0
    assert shift_of([(0.5, True)] * 50) == pytest.approx(1.5)
    assert shift_of([(0.5, False)] * 60) == pytest.approx(-1.5)
    assert shift_of([(0.5, True), (0.5, False)] * 30) == pytest.approx(0, abs=1e-6)
    cases = [(0.3, number % 2 == 0) for number in range(100)]
    assert shift_of(cases) == pytest.approx(-math.log(0.3 / 0.7), abs=1e-6)
    assert shift_of([(0.0, False), (1.0, True)] * 30) == pytest.approx(0, abs=1e-3)


CONTACTS = st.lists(
    st.builds(
        wrote,
        st.integers(-100, 2000).map(lambda quarters: quarters / 4),
        st.sampled_from(["in", "out"]),
        st.integers(0, 300),
        is_reply=st.booleans(),
    ),
    max_size=25,
)
HORIZONS = st.integers(1, 400).map(lambda days: days * DAY)


@settings(max_examples=120, deadline=None)
@given(CONTACTS, HORIZONS, st.floats(-1.5, 1.5), st.randoms())
def test_order_makes_no_difference(contacts: list[Contact], horizon: timedelta, shift: float, chance: object) -> None:
    shuffled = list(contacts)
    chance.shuffle(shuffled)  # type: ignore[attr-defined] # Hypothesis hands over a random.Random
    assert lapse(shuffled, horizon, shift) == pytest.approx(lapse(contacts, horizon, shift), abs=1e-12)
    assert strength(shuffled, NOW) == pytest.approx(strength(contacts, NOW), abs=1e-12)
    assert rhythm(shuffled) == rhythm(contacts)
    assert left_unanswered(shuffled) == left_unanswered(contacts)


@settings(max_examples=120, deadline=None)
@given(CONTACTS, HORIZONS)
def test_what_lies_ahead_is_never_looked_at(contacts: list[Contact], horizon: timedelta) -> None:
    past = [contact for contact in contacts if contact.at <= NOW]
    assert lapse(contacts, horizon) == lapse(past, horizon)
    assert strength(contacts, NOW) == strength(past, NOW)
    assert silence(contacts, now=NOW) == silence(past, now=NOW)


@settings(max_examples=120, deadline=None)
@given(CONTACTS, st.integers(0, 90))
def test_horizons_are_interpolated_in_logit_and_held_outside(contacts: list[Contact], days: int) -> None:
    def logit(chance: float) -> float:
        return math.log(chance / (1 - chance))

    near, far = logit(lapse(contacts, 90 * DAY)), logit(lapse(contacts, 180 * DAY))
    assert logit(lapse(contacts, (90 + days) * DAY)) == pytest.approx(near + (far - near) * days / 90, abs=1e-9)
    assert lapse(contacts, 7 * DAY) == lapse(contacts, 90 * DAY)
    assert lapse(contacts, 400 * DAY) == lapse(contacts, 180 * DAY)


@settings(max_examples=120, deadline=None)
@given(CONTACTS, HORIZONS, st.floats(-1.5, 1.5))
def test_the_fast_path_and_the_terms_agree_with_the_chance(contacts: list[Contact], horizon: timedelta, shift: float) -> None:
    found = lapse(contacts, horizon, shift)
    assert 0 < found < 1
    assert lapse_from(sums(contacts, NOW), horizon=horizon, shift=shift) == found
    total = sum(term.logit for term in lapse_terms(contacts, now=NOW, horizon=horizon, shift=shift))
    assert 1 / (1 + math.exp(-total)) == pytest.approx(found, abs=1e-9)


@settings(max_examples=120, deadline=None)
@given(CONTACTS, st.integers(0, 3000), HORIZONS)
def test_sums_moved_forward_equal_sums_made_anew(contacts: list[Contact], hours: int, horizon: timedelta) -> None:
    past = [contact for contact in contacts if contact.at <= NOW]
    later = NOW + timedelta(hours=hours, minutes=7)
    moved, anew = aged(sums(past, NOW), later), sums(past, later)
    assert moved.gaps == pytest.approx(anew.gaps, abs=1e-6)
    assert lapse_from(moved, horizon=horizon) == pytest.approx(lapse_from(anew, horizon=horizon), abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(CONTACTS)
def test_strength_only_fades_while_nothing_happens(contacts: list[Contact]) -> None:
    past = [contact for contact in contacts if contact.at <= NOW]
    course = [strength(past, NOW + 30 * month * DAY) for month in range(8)]
    assert all(later <= earlier for earlier, later in pairwise(course))
    assert all(0 <= value < 100 for value in course)


@pytest.mark.parametrize("gap", [1, 7, 14, 30, 60])
def test_the_chance_of_lapse_rises_while_a_regular_tie_is_silent(gap: int) -> None:
    contacts = met(*range(1, 1 + 20 * gap, gap))
    course = [lapse_probability(contacts, now=NOW + 10 * step * DAY, horizon=QUARTER) for step in range(40)]
    assert all(later > earlier for earlier, later in pairwise(course))
