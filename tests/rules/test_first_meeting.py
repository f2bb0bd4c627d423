"""first_meeting: set off by the first time the owner and somebody met, where enough has been read to say so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rules.engine import Keep, Withdraw, still_wanted
from rules.network import Relation
from rules.rulebook import Rulebook, parse
from rules.wording import Wording
from tests.rules.builders import DAY, NOW, Decide, days_ago, drafts, human, meeting_with, network, tie

ANNA = human("Anna Berg <anna@acme.example>")
MET = meeting_with(ANNA)
HELLO = """
[rules.hello]
trigger = "first_meeting"
action = "draft"
template = "thank_you"
when = [{ fact = "cause.matter", is = "" }]
"""


@pytest.fixture
def book(wording: Wording) -> Rulebook:
    return parse([("own.toml", HELLO)], templates=wording.names())


@pytest.mark.parametrize(
    ("name", "relation", "count"),
    [
        ("the first", tie(ANNA, meetings=[MET]), 1),
        ("the second", tie(ANNA, meetings=[MET, meeting_with(ANNA, ended=days_ago(30))]), 0),
        ("one of years ago before it", replace(tie(ANNA, meetings=[MET]), previous_meeting_at=days_ago(900), meetings_held=2), 0),
        ("no meeting", tie(ANNA), 0),
        ("the first, weeks ago", tie(ANNA, meetings=[meeting_with(ANNA, ended=days_ago(15))]), 0),
    ],
)
def test_only_the_first_meeting_sets_it_off(decide: Decide, book: Rulebook, name: str, relation: Relation, count: int) -> None:
    assert len(drafts(decide(relation, book=book), "hello")) == count, name


def test_what_may_not_be_the_first_sets_nothing_off(decide: Decide, book: Rulebook) -> None:
    relation = tie(ANNA, meetings=[MET])
    assert not drafts(decide(relation, book=book, history_since=NOW - 60 * DAY), "hello")
    assert drafts(decide(relation, book=book, history_since=NOW - 400 * DAY), "hello")


def test_it_is_taken_back_once_the_meeting_does_not_count_as_held(decide: Decide, book: Rulebook) -> None:
    (made,) = decide(tie(ANNA, meetings=[MET]), book=book).suggestions
    assert still_wanted(made, network(tie(ANNA, meetings=[MET])), book, NOW) == Keep()
    assert still_wanted(made, network(tie(ANNA)), book, NOW) == Withdraw(why="The meeting does not count as held any more.")
