"""Leave, holidays and out-of-office answers: what is taken out of a silence, and what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rules.absences import own_absences, their_absences
from rules.network import Relation
from rules.standing import standing
from rules.worth import lists
from tests.rules.builders import DAY, NOW, OLIVIA, Decide, days_ago, exchange, fortnightly, holds, human, mail_from, tie

BOB = human("Bob Kay <bob@kay.example>")


def away(relation: Relation, *spans: tuple[float, float]) -> Relation:
    return replace(relation, away=tuple((days_ago(start), days_ago(end)) for start, end in spans))


def test_leave_is_taken_out_of_the_silence_by_rules_lists_and_standing_alike(decide: Decide) -> None:
    quiet = fortnightly(BOB, silent=80)
    rested = away(quiet, (70, 10))
    assert (len(holds(decide(quiet))), len(holds(decide(rested)))) == (1, 0)
    assert (standing(quiet, NOW), standing(rested, NOW)) == ("quiet", "in_touch")
    late = fortnightly(BOB, silent=100)
    assert [one.person.id for one in lists([late], NOW).lapsed] == [BOB.id]
    assert lists([away(late, (95, 10))], NOW).lapsed == ()


def test_standing_takes_leave_out_of_the_last_contact_and_of_the_last_exchange() -> None:
    monthly = tie(BOB, mails=exchange(BOB, *(days_ago(80 + 30 * n) for n in range(6))))
    assert (standing(monthly, NOW), standing(away(monthly, (60, 30)), NOW)) == ("quiet", "in_touch")
    heard = fortnightly(BOB, silent=100, also=[mail_from(BOB, days_ago(30))])
    assert (standing(heard, NOW), standing(away(heard, (25, 10)), NOW)) == ("quiet", "in_touch")


def test_leave_that_ended_long_ago_is_taken_out_too(decide: Decide) -> None:
    relation = fortnightly(BOB, silent=40)
    assert holds(decide(relation))
    assert not holds(decide(away(relation, (39, 12))))


def test_leave_before_the_silence_and_leave_that_overlaps_are_taken_out_once(decide: Decide) -> None:
    relation = fortnightly(BOB, silent=40)
    assert holds(decide(away(relation, (80, 60))))
    assert not holds(decide(away(relation, (39, 10), (30, 12))))
    assert holds(decide(away(relation, (39, 34), (39, 34), (38, 35))))


def test_the_owners_leave_and_holidays_of_two_years_count_in_their_zone() -> None:
    owner = replace(OLIVIA, holidays=frozenset({date(2026, 1, 1), date(2020, 1, 1), date(2026, 12, 25)}))
    leave = [(days_ago(30), days_ago(20)), (days_ago(900), days_ago(890)), (NOW + DAY, NOW + 9 * DAY)]
    assert own_absences(owner, leave, NOW) == (
        (datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2026, 1, 1, 23, tzinfo=UTC)),
        (days_ago(30), days_ago(20)),
    )


def test_leave_that_goes_on_counts_until_now(decide: Decide) -> None:
    assert holds(decide(fortnightly(BOB, silent=40)))
    assert not holds(decide(away(fortnightly(BOB, silent=40), (30, -14))))


def test_an_out_of_office_answer_speaks_for_two_weeks_or_until_they_are_heard() -> None:
    answered = [days_ago(20), days_ago(60)]
    assert their_absences(answered, []) == ((days_ago(60), days_ago(46)), (days_ago(20), days_ago(6)))
    assert their_absences(answered, [days_ago(90), days_ago(55)]) == ((days_ago(60), days_ago(55)), (days_ago(20), days_ago(6)))
    assert their_absences([], [days_ago(1)]) == ()


MOMENTS = st.lists(st.integers(0, 300).map(days_ago), max_size=8)


@given(MOMENTS, MOMENTS)
def test_nobody_is_away_while_they_are_heard_nor_for_longer_than_an_answer_speaks(
    answered: list[datetime], heard: list[datetime]
) -> None:
    spans = their_absences(answered, sorted(heard))
    assert len(spans) == len(answered)
    for start, end in spans:
        assert start < end <= start + timedelta(days=14)
        assert not any(start < at < end for at in heard)
