"""Conditions: each comparison, one of several, and what the trace shows of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time

import pytest

from rules.case import Case, view_of
from rules.conditions import check_all
from rules.engine import suggest, why, why_not
from rules.facts_by_name import FACTS
from rules.rulebook import Rulebook, parse
from rules.wording import Wording
from rules.workdays import local_day, next_inside
from tests.rules.builders import (
    NOW,
    OLIVIA,
    Decide,
    days_ago,
    fortnightly,
    human,
    meeting_with,
    network,
    past,
    refusal,
    tie,
    with_ledger,
)

BOB = human("Bob Kay <bob@kay.example>", circle="mentor")


def met(line: str, people: int = 4) -> bool:
    """Tell whether a condition holds for a meeting of so many with someone in the circle of mentors."""
    rule = parse([("a", f'[rules.a]\ntrigger = "meeting_held"\naction = "hold"\nwhen = [{line}]')]).rules[0]
    relation = tie(BOB, meetings=[meeting_with(BOB, size=people)])
    case = Case(view=view_of(network(relation), NOW), relation=relation, cause="x", at=NOW, meeting=relation.meetings[0])
    return all(one.is_met for one in check_all(rule.when, case))


@pytest.mark.parametrize(
    ("line", "holds"),
    [
        ('{ fact = "meeting.size", is = 4 }', True), ('{ fact = "meeting.size", is = 5 }', False), ('{ fact = "meeting.size", is_not = 4 }', False),
        ('{ fact = "meeting.size", at_least = 4 }', True), ('{ fact = "meeting.size", at_least = 5 }', False),
        ('{ fact = "meeting.size", at_most = 3 }', False),
        ('{ fact = "meeting.size", at_most = 4 }', True), ('{ fact = "person.circle", one_of = ["mentor", "inner"] }', True),
        ('{ fact = "person.circle", one_of = ["inner"] }', False), ('{ fact = "person.circle", none_of = ["mentor"] }', False),
        ('{ fact = "person.circle", none_of = ["team"] }', True), ('{ fact = "person.organisation", is = "kay.example" }', True),
        ('{ any = [{ fact = "meeting.size", is = 9 }, { fact = "person.circle", is = "mentor" }] }', True),
        ('{ any = [{ fact = "meeting.size", is = 9 }, { fact = "person.circle", is = "team" }] }', False),
        ('{ any = [{ fact = "meeting.size", at_least = 2, at_most = 3 }] }', False),
    ],
)  # fmt: skip
def test_each_comparison_does_what_it_says(line: str, holds: bool) -> None:
    assert met(line) is holds


@pytest.mark.parametrize(
    ("reason", "words"),
    [("owner_deleted", "You removed"), ("dismissed", "You removed"), ("done", "is done"), ("expired", "was something"),
     (None, "open for Bob Kay for this reason")],
)  # fmt: skip
def test_what_became_of_it_before_is_told(decide: Decide, reason: str | None, words: str) -> None:
    before = past(BOB, "check_in", "lapse:0", state="closed" if reason else "delivered", close_reason=reason)
    assert words in refusal(decide(with_ledger(fortnightly(BOB), before)), "check_in")


def test_an_unknown_zone_is_read_as_utc_and_an_owner_who_never_works_waits_for_nothing() -> None:
    assert local_day(replace(OLIVIA, zone="Mars/Olympus"), datetime(2026, 3, 10, 23, 30, tzinfo=UTC)).day == 10
    assert next_inside(replace(OLIVIA, workdays=frozenset()), NOW, None) == NOW
    assert next_inside(OLIVIA, NOW, (time(22), time(2))) == datetime(2026, 3, 10, 21, tzinfo=UTC)


def test_why_speaks_also_of_the_muted_the_booked_and_the_unread(rulebook: Rulebook, wording: Wording) -> None:
    muted = tie(replace(BOB, is_muted=True), meetings=[meeting_with(BOB, ended=days_ago(40))])
    booked = replace(tie(BOB, meetings=[meeting_with(BOB, ended=days_ago(40))]), next_meeting=meeting_with(BOB, ended=days_ago(-9)))
    unread = replace(fortnightly(replace(BOB, cadence=None), silent=3), is_covered=False)
    assert why(network(muted), rulebook, NOW, wording, person_id=BOB.id).sentence == "You asked me to leave Bob Kay alone."
    told = why(network(booked), rulebook, NOW, wording, person_id=BOB.id)
    assert told.sentence == "You meet Bob Kay on 19 March."
    assert "next meeting" in [fact.text for fact in told.facts]
    assert any("not everything" in fact.text for fact in why_not(network(unread), rulebook, NOW, wording, person_id=BOB.id).facts)


def test_an_owner_rule_may_look_at_any_fact_there_is(shipped: str, wording: Wording) -> None:
    values = {"yes/no": "is = true", "number": "at_least = -1", "text": 'is_not = "-"'}
    lines = ", ".join(
        f'{{ any = [{{ fact = "{fact.name}", {values[fact.type]} }}, {{ fact = "meeting.size", at_least = 0 }}] }}'
        for fact in FACTS.values()
    )
    for trigger in ("meeting_held", "lapsing", "reply_owed"):
        book = parse(
            [("d", shipped), ("o", f'[rules.all]\ntrigger = "{trigger}"\naction = "hold"\ntemplate = "check_in"\nwhen = [{lines}]')]
        )
        decision = suggest(
            network(fortnightly(BOB), tie(human("A B <a@b.example>"), meetings=[meeting_with(BOB)])), book, NOW, wording
        )
        assert all(len(trace.checked) == len(FACTS) for trace in decision.traces if trace.rule == "all")
