"""Times for people and holidays elsewhere, as the settings and the calendar of a country give them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time
from pathlib import Path

import pytest

from rules.network import Owner
from rules.social import SocialTime
from worker.config import ConfigError, load, owner_of
from worker.days_off import DaysOff

Write = Callable[[str], Owner]


@pytest.fixture
def owner(tmp_path: Path) -> Write:
    """Read an owner with these lines."""

    def write(text: str) -> Owner:
        file = tmp_path / "config.toml"
        file.write_text(f'[owners.ana]\naddresses = ["ana@firm.example"]\nzone = "Europe/Lisbon"\n{text}')
        return owner_of(load(file), "ana")

    return write


def test_a_lunch_has_an_hour_at_noon_and_a_coffee_two_times_a_day_where_nothing_is_said(owner: Write) -> None:
    assert owner("[owners.ana.social]\nlunch = {}\ncoffee = { per_week = 2 }\n").social == (
        SocialTime(kind="lunch", hours=((time(12), time(14)),), minutes=60),
        SocialTime(kind="coffee", per_week=2, hours=((time(9, 30), time(11, 30)), (time(14, 30), time(16, 30)))),
    )


def test_what_the_owner_says_of_a_kind_counts(owner: Write) -> None:
    said = '[owners.ana.social.group]\nper_week = 1\nhours = "17:00-18:30"\nminutes = 90\n'
    assert owner(said).social == (SocialTime(kind="group", hours=((time(17), time(18, 30)),), minutes=90),)


def test_a_kind_nobody_knows_is_a_mistake_with_its_key(owner: Write) -> None:
    with pytest.raises(ConfigError) as caught:
        owner("[owners.ana.social]\nbrunch = {}\n")
    assert [problem.key for problem in caught.value.problems] == ["owners.ana.social.brunch"]


def test_the_holidays_of_a_country_are_known_and_those_of_none_are_not() -> None:
    known = DaysOff(years=(2026,))
    assert date(2026, 10, 3) in known["DE"]
    assert known[""] == frozenset()
    assert known.get("XX", frozenset()) == frozenset()
    assert "DE" in set(known)
    assert len(known) > 100
