"""Where the owner and a person stand, in one word: what the owner said first, then what is booked, then what was read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from rules.network import Meeting, Person, Relation
from rules.rhythm import Contact
from rules.standing import Standing, standing

NOW = datetime(2026, 11, 17, 9, 30, tzinfo=UTC)
IRIS = Person(id="p1", name="Iris Novak", addresses=("iris@north.example",))


def talks(*days_ago: int) -> tuple[Contact, ...]:
    """A talk both ways on each of these days."""
    return tuple(
        Contact(at=NOW - timedelta(days=days), direction=direction, recipients=1, is_reply=True)
        for days in sorted(days_ago, reverse=True)
        for direction in ("in", "out")
    )


def relation(contacts: tuple[Contact, ...], person: Person = IRIS) -> Relation:
    """The two, with these contacts."""
    return Relation(person=person, contacts=contacts, last_at=contacts[-1].at if contacts else None, interactions=len(contacts))


WEEKLY = relation(talks(*range(3, 120, 7)))
BROKEN_OFF = relation(talks(*range(100, 220, 7)))
COMING = Meeting(
    uid="1",
    original_start=NOW + timedelta(days=3),
    start=NOW + timedelta(days=3),
    end=NOW + timedelta(days=3, hours=1),
    title="",
    guests=(),
    size=2,
)


CASES: list[tuple[Relation, Standing]] = [
    (WEEKLY, "in_touch"),
    (BROKEN_OFF, "quiet"),
    (relation(talks(400, 30)), "new"),
    (relation(tuple(each for each in WEEKLY.contacts if each.direction == "in")), "one_way"),
    (replace(BROKEN_OFF, next_meeting=COMING), "booked"),
    (replace(BROKEN_OFF, is_covered=False), "unread"),
    (replace(BROKEN_OFF, snoozed_until=NOW + timedelta(days=1)), "snoozed"),
    (replace(BROKEN_OFF, snoozed_until=NOW - timedelta(days=1)), "quiet"),
    (replace(BROKEN_OFF, person=replace(IRIS, is_muted=True)), "muted"),
]


@pytest.mark.parametrize(("between", "word"), CASES, ids=[word for _, word in CASES])
def test_one_word_says_where_the_two_stand(between: Relation, word: Standing) -> None:
    assert standing(between, NOW) == word


def test_every_word_is_reached_by_some_case_above() -> None:
    assert {word for _, word in CASES} == set(get_args(Standing))


def test_the_word_of_the_owner_comes_before_everything_read() -> None:
    everything = replace(
        BROKEN_OFF,
        person=replace(IRIS, is_muted=True),
        snoozed_until=NOW + timedelta(days=1),
        next_meeting=COMING,
        is_covered=False,
    )
    assert standing(everything, NOW) == "muted"
    assert standing(replace(everything, person=IRIS), NOW) == "snoozed"
    assert standing(replace(everything, person=IRIS, snoozed_until=None), NOW) == "booked"


def test_who_wrote_last_week_has_not_gone_quiet_even_if_the_answer_is_owed() -> None:
    unanswered = Contact(at=NOW - timedelta(days=8), direction="in", recipients=1, is_reply=False)
    assert standing(relation((*BROKEN_OFF.contacts, unanswered)), NOW) == "in_touch"


@pytest.mark.parametrize(("days", "word"), [(39, "in_touch"), (41, "quiet")])
def test_the_cadence_the_owner_wants_counts_where_there_is_one(days: int, word: Standing) -> None:
    wanted = replace(IRIS, cadence=timedelta(days=40))
    assert standing(relation(talks(days, days + 2, days + 4), wanted), NOW) == word


def test_someone_with_a_cadence_and_little_history_is_not_new() -> None:
    assert standing(relation(talks(3), replace(IRIS, cadence=timedelta(days=40))), NOW) == "in_touch"
