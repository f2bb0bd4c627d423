"""How attention is spread: shares of meeting hours, evenness, and how long nobody outside was met."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.attention import attention, gini
from tests.rules.builders import NOW, days_ago, exchange, guest, human, meeting_with, network, tie

ANNA, BEN = human("Anna Berg <anna@acme.example>"), human("Ben Ito <ben@other.example>")
KARL = human("Karl Amt <karl@own.example>", is_internal=True)


def test_hours_are_shared_among_those_who_were_there() -> None:
    held = [
        meeting_with(ANNA, ended=days_ago(5)),
        meeting_with(ANNA, BEN, ended=days_ago(9)),
        meeting_with(ANNA, guest(BEN, response="declined"), ended=days_ago(7)),
    ]
    found = attention(network(tie(ANNA), tie(BEN)), held, NOW)
    assert found.hours == pytest.approx(1.5)
    assert dict(found.top) == pytest.approx({"Anna Berg": 1.25 / 1.5, "Ben Ito": 0.25 / 1.5})
    assert found.sentence == "Two people take 100% of your meeting hours."


def test_five_people_stand_for_the_rest_and_nobody_outside_is_said() -> None:
    crowd = [human(f"K{n} X <k{n}@own.example>", is_internal=True) for n in range(10)]
    held = [meeting_with(one, ended=days_ago(3 + n)) for n, one in enumerate(crowd)]
    found = attention(network(*(tie(one) for one in crowd)), [*held, meeting_with(ANNA, ended=days_ago(270))], NOW)
    assert found.sentence == "Five people take 45% of your meeting hours; nobody outside since June."
    assert attention(network(), held, NOW).sentence.endswith("; nobody outside your organisation.")


def test_what_lies_ahead_or_over_a_year_back_does_not_count() -> None:
    held = [meeting_with(ANNA, ended=days_ago(5)), meeting_with(BEN, ended=days_ago(-5)), meeting_with(KARL, ended=days_ago(400))]
    assert attention(network(), held, NOW).top == (("Anna Berg", 1.0),)


def test_without_a_calendar_mail_is_weighed_and_an_old_history_from_its_end() -> None:
    old = tie(ANNA, mails=exchange(ANNA, days_ago(900), days_ago(950)))
    found = attention(network(old), [], NOW)
    assert (found.hours, found.top_share) == (0.0, 1.0)
    assert found.sentence == "In the year to September 2023, one person took 100% of your mail."


def test_nothing_is_told_of_nothing() -> None:
    assert attention(network(), [], NOW).sentence == ""


def test_evenness_is_known_for_the_plain_cases() -> None:
    assert gini([]) == gini([0.0]) == 0.0
    assert gini([1.0, 1.0, 1.0]) == pytest.approx(0)
    assert gini([0.0, 0.0, 0.0, 8.0]) == pytest.approx(0.75)
    assert gini([1.0, 3.0]) == pytest.approx(0.25)


@given(st.lists(st.floats(0, 1e6), max_size=20))
def test_evenness_lies_between_none_and_one_and_knows_no_order(shares: list[float]) -> None:
    assert -1e-9 <= gini(shares) < 1
    assert gini(shares) == pytest.approx(gini(list(reversed(shares))))
