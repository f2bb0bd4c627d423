"""The back-test: the same engine over the past, no knowledge of the future, and what then happened by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.backtest import History, Report, backtest, relation_at
from rules.network import Mail, Meeting, Person
from rules.rulebook import Rulebook, parse
from rules.social import SocialTime
from rules.suggestions import Draft
from rules.wording import Wording
from tests.rules.builders import DAY, NOW, OLIVIA, days_ago, exchange, human, mail_to, meeting_with, network, tie

BOB = human("Bob Kay <bob@kay.example>")
SINCE = days_ago(365)


def history(person: Person, mails: Sequence[Mail] = (), meetings: Sequence[Meeting] = ()) -> History:
    whole = tie(person, mails=mails, meetings=meetings)
    return History(
        person=person,
        contacts=whole.contacts,
        meetings=sorted(meetings, key=lambda one: one.end),
        mails=sorted(mails, key=lambda one: one.at),
    )


def replay(rulebook: Rulebook, wording: Wording, *histories: History, since: datetime = SINCE) -> Report:
    return backtest(histories, network(), rulebook, wording, since=since, until=NOW)


@pytest.mark.parametrize("days", [0, 5, 33, 120, 400])
def test_a_relation_in_the_past_is_the_one_that_was_known_then(days: int) -> None:
    at = days_ago(days)
    meetings = tuple(meeting_with(BOB, ended=days_ago(3 + 50 * n)) for n in range(12))
    mails = exchange(BOB, *(days_ago(2 + 31 * n) for n in range(20)))
    found = relation_at(history(BOB, mails, meetings), at)
    then = tie(BOB, meetings=[one for one in meetings if one.end <= at], mails=[one for one in mails if one.at <= at])
    assert found is not None
    assert (found.contacts, found.meetings_held, found.interactions) == (then.contacts, then.meetings_held, then.interactions)
    assert (found.first_at, found.last_at, found.last_in_at, found.last_out_at) == (
        then.first_at,
        then.last_at,
        then.last_in_at,
        then.last_out_at,
    )
    assert all(at - 90 * DAY < one.end <= at for one in found.meetings)
    before = [one.end for one in meetings if one.end <= at - 90 * DAY]
    assert found.previous_meeting_at == max(before, default=None)


def test_before_the_first_contact_there_is_no_relation() -> None:
    assert relation_at(history(BOB, exchange(BOB, days_ago(5))), days_ago(9)) is None


def test_a_silence_of_last_year_would_have_been_noticed_once_in_time(rulebook: Rulebook, wording: Wording) -> None:
    mails = exchange(BOB, *(days_ago(200 + 14 * n) for n in range(10)))
    report = replay(rulebook, wording, history(BOB, mails))
    (made,) = [one for one in report.replayed if one.suggestion.rule == "check_in" and one.at < days_ago(120)]
    assert days_ago(200) + timedelta(days=28) <= made.at <= days_ago(200) + timedelta(days=40)
    assert (made.has_talked_anyway, made.has_gone_silent) == (False, True)


def test_leave_puts_off_when_a_silence_would_have_been_noticed(rulebook: Rulebook, wording: Wording) -> None:
    known = history(BOB, exchange(BOB, *(days_ago(200 + 14 * n) for n in range(10))))
    rested = replace(known, away=((days_ago(190), days_ago(169)),))
    [early], [late] = (
        [one.at for one in replay(rulebook, wording, each).replayed if one.suggestion.rule == "check_in" and one.at < days_ago(120)]
        for each in (known, rested)
    )
    assert late - early == 21 * DAY


def test_what_would_have_happened_anyway_is_counted(rulebook: Rulebook, wording: Wording) -> None:
    mails = exchange(BOB, *(days_ago(200 + 14 * n) for n in range(10)), days_ago(150))
    report = replay(rulebook, wording, history(BOB, mails))
    first = next(one for one in report.replayed if one.suggestion.rule == "check_in")
    assert (first.has_talked_anyway, first.has_gone_silent) == (True, False)
    tally = next(one for one in report.tallies if one.rule == "check_in")
    assert (tally.made, tally.talked_anyway) == (len([one for one in report.replayed if one.suggestion.rule == "check_in"]), 1)
    assert tally.per_week == pytest.approx(tally.made / (365 / 7))


def test_the_future_is_never_looked_at(rulebook: Rulebook, wording: Wording) -> None:
    past = exchange(BOB, *(days_ago(200 + 14 * n) for n in range(10)))
    future = (*past, *exchange(BOB, days_ago(100)), mail_to(BOB, days_ago(90)))
    until = days_ago(120)
    short = backtest([history(BOB, past)], network(), rulebook, wording, since=SINCE, until=until)
    long = backtest([history(BOB, future)], network(), rulebook, wording, since=SINCE, until=until)
    assert [one.suggestion for one in short.replayed] == [one.suggestion for one in long.replayed]


def test_meetings_are_thanked_for_the_day_after_under_the_same_caps(rulebook: Rulebook, wording: Wording) -> None:
    people = [human(f"P{n} X <p{n}@o{n}.example>") for n in range(6)]
    monday = datetime(2025, 11, 10, 12, tzinfo=UTC)
    made = replay(
        rulebook, wording, *(history(one, meetings=(meeting_with(one, ended=monday + n * DAY),)) for n, one in enumerate(people))
    )
    thanks = [one for one in made.replayed if one.suggestion.rule == "thank_you"]
    assert len(thanks) == 3
    assert thanks[0].at == datetime(2025, 11, 11, tzinfo=UTC)


def test_what_is_too_recent_is_left_open(rulebook: Rulebook, wording: Wording) -> None:
    made = replay(rulebook, wording, history(BOB, meetings=(meeting_with(BOB, ended=days_ago(6)),)))
    assert [(one.made, one.still_open, one.gone_silent) for one in made.tallies] == [(1, 1, 0)]


def test_the_weeks_lunches_and_the_invites_of_a_replay_count_like_those_of_a_service_that_runs(
    shipped: str, wording: Wording
) -> None:
    lunch = SocialTime(kind="lunch", hours=((time(12), time(14)),))
    people = [human(f"P{n} X <p{n}@o{n}.example>") for n in range(6)]
    histories = [history(one, exchange(one, *(days_ago(90 + 14 * k) for k in range(10)))) for one in people]
    wide = "[limits]\nholds_per_day = 9\nholds_per_week = 9\n[rules.check_in]\ncaps = { per_day = 9, per_week = 9 }\n"
    for action in ("hold", "invite"):
        book = parse([("d", shipped), ("o", f'{wide}action = "{action}"\n')], templates=wording.names())
        report = backtest(histories, network(owner=replace(OLIVIA, social=(lunch,))), book, wording, since=SINCE, until=NOW)
        made = [one.suggestion.action for one in report.replayed if one.suggestion.rule == "check_in"]
        weeks = Counter(one.start.isocalendar()[:2] for one in made if not isinstance(one, Draft))
        assert len(made) == len({one.suggestion.person_id for one in report.replayed}) >= 3
        assert max(weeks.values()) == 1


@st.composite
def pasts(draw: st.DrawFn) -> tuple[list[History], int]:
    """Two people with mail and meetings over two years, and a day in the middle of it."""
    days = st.lists(st.integers(1, 700), max_size=14, unique=True)
    people = [human(f"P{n} X <p{n}@o{n}.example>") for n in range(2)]
    written = [(exchange(one, *map(days_ago, draw(days))), draw(days)) for one in people]
    histories = [
        history(one, mails, [meeting_with(one, ended=days_ago(day)) for day in met])
        for one, (mails, met) in zip(people, written, strict=True)
    ]
    return histories, draw(st.integers(20, 350))


def until(one: History, at: datetime) -> History:
    """The same history as it was known at an instant."""
    return History(
        person=one.person,
        contacts=[each for each in one.contacts if each.at <= at],
        meetings=[each for each in one.meetings if each.end <= at],
        mails=[each for each in one.mails if each.at <= at],
    )


@settings(max_examples=25, deadline=None)
@given(pasts())
def test_nothing_that_came_later_changes_what_was_proposed_before(case: tuple[list[History], int]) -> None:
    (histories, ago), (rulebook, wording) = case, SHIPPED
    cut = days_ago(ago)
    whole = backtest(histories, network(), rulebook, wording, since=SINCE, until=NOW)
    known = backtest([until(one, cut) for one in histories], network(), rulebook, wording, since=SINCE, until=cut)
    assert [one.suggestion for one in whole.replayed if one.at <= cut] == [one.suggestion for one in known.replayed]


@settings(max_examples=25, deadline=None)
@given(pasts())
def test_a_replay_is_the_same_whoever_comes_first_and_however_often_it_is_run(case: tuple[list[History], int]) -> None:
    (histories, _), (rulebook, wording) = case, SHIPPED
    once, again, turned = (
        backtest(some, network(), rulebook, wording, since=SINCE, until=NOW) for some in (histories, histories, histories[::-1])
    )
    assert once == again == turned


@pytest.fixture(scope="module", autouse=True)
def _ship(rulebook: Rulebook, wording: Wording) -> None:
    """Hypothesis asks again and again: hand it what the session has read once."""
    global SHIPPED  # noqa: PLW0603 -- fixtures of the session cannot be asked for by @given
    SHIPPED = (rulebook, wording)


SHIPPED: tuple[Rulebook, Wording]
