"""Forecasts of the past compared with what came."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rules.calibration import finished_cases
from rules.rhythm import Contact, lapse_probability, shift_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def meetings(*ago: int) -> list[Contact]:
    return [Contact(at=NOW - days * DAY, direction=way, recipients=1, is_reply=True) for days in ago for way in ("in", "out")]


def test_a_quarter_is_a_case_if_the_tie_was_alive_before_it() -> None:
    contacts = meetings(400, 300, 100)
    found = list(finished_cases(contacts, NOW))
    assert [lapsed for _, lapsed in found] == [True, False, True, False]
    assert found[0][0] == lapse_probability(contacts, now=NOW - 90 * DAY, horizon=90 * DAY)
    assert list(finished_cases(meetings(10), NOW)) == []
    assert list(finished_cases([], NOW)) == []


def test_an_owner_whose_ties_hold_is_forecast_more_calmly() -> None:
    steady = [case for _ in range(20) for case in finished_cases(meetings(*range(1, 720, 60)), NOW)]
    assert shift_of(steady) < 0
    assert shift_of(steady[:49]) == 0
