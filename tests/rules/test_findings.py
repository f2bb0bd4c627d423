"""What was found is told in the owner's words, beside the sentence and never over again."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from rules.engine import suggest, why_not
from rules.facts_by_name import FACTS
from rules.findings import FOUND
from rules.network import Network, Relation, Unheld
from rules.rulebook import Rulebook
from rules.wording import Wording
from tests.rules.builders import NOW, days_ago, exchange, human, mail_to, meeting_with, network, past, tie, with_ledger

BOB = human("Bob Kay <bob@kay.example>", reason="wrote and was answered")
QUIET = tie(BOB, mails=exchange(BOB, *(days_ago(80 + 14 * n) for n in range(10))))
MET = tie(BOB, meetings=[meeting_with(BOB, ended=days_ago(1))])
HOLD = past(BOB, "check_in", "lapse:0", created_at=NOW, at=days_ago(-9))


def test_every_fact_a_rule_may_ask_for_has_its_words() -> None:
    assert set(FOUND) == set(FACTS)
    assert all("{value" in FOUND[name][0] or not FOUND[name][0] for name, fact in FACTS.items() if fact.type != "yes/no")


def told(seen: Network, rulebook: Rulebook, wording: Wording) -> tuple[str, list[str]]:
    """The sentence, and the facts below it."""
    found = why_not(seen, rulebook, NOW, wording, person_id=BOB.id)
    return found.sentence, [fact.text for fact in found.facts]


@pytest.mark.parametrize(
    ("relation", "facts"),
    [
        (
            replace(QUIET, next_meeting=meeting_with(BOB, ended=days_ago(-9))),
            ["last in touch", "next meeting"],
        ),
        (replace(MET, mails=[mail_to(BOB, days_ago(0.5))], last_out_at=days_ago(0.5)), ["the meeting was 1 working day ago"]),
        (tie(BOB, meetings=[meeting_with(BOB, size=9)]), ["you were 9 people in the meeting"]),
        (tie(BOB, meetings=[meeting_with(BOB, ended=days_ago(9))]), ["the meeting was 7 working days ago"]),
    ],
)  # fmt: skip
def test_what_stood_in_the_way_is_told_with_its_figures(
    relation: Relation, facts: list[str], rulebook: Rulebook, wording: Wording
) -> None:
    found = told(network(relation), rulebook, wording)[1]
    assert [fact for fact in facts if fact not in found] == []


def everything() -> list[Relation]:
    """Ties that are refused for one reason each."""
    return [
        QUIET,
        MET,
        replace(QUIET, is_covered=False),
        replace(QUIET, next_meeting=meeting_with(BOB, ended=days_ago(-9))),
        replace(QUIET, unheld=(Unheld(uid="u", original_start=NOW, start=NOW, reason="you declined it"),)),
        tie(BOB, mails=[mail_to(BOB, days_ago(30 + n)) for n in range(4)]),
        tie(BOB, mails=exchange(BOB, *(days_ago(20 + 2 * n) for n in range(10)))),
        tie(BOB, mails=exchange(BOB, *(days_ago(700 + 9 * n) for n in range(10)))),
        *(tie(BOB, meetings=[meeting_with(BOB, size=size, ended=days_ago(ago))]) for size in (2, 9) for ago in (1, 4, 20)),
    ]


def test_no_fact_repeats_the_sentence_or_speaks_the_rulebooks_language(rulebook: Rulebook, wording: Wording) -> None:
    internals = re.compile(r"[a-z]+\.[a-z_]+\b|either of|the owner|the person|: (yes|no|none|never)$|\bnan\b|1 \w+s ago")
    helps = {fact.help for fact in FACTS.values()}
    for relation in everything():
        found = why_not(network(relation), rulebook, NOW, wording, person_id=BOB.id)
        assert found.facts
        assert len(found.facts) == len(set(found.facts))
        for fact in found.facts:
            assert fact.text not in helps
            assert not internals.search(fact.text), fact.text
            assert fact.at or fact.text.casefold().rstrip(".") not in found.sentence.casefold(), (found.sentence, fact.text)


def test_who_has_something_already_is_told_what_it_is(rulebook: Rulebook, wording: Wording) -> None:
    seen = network(with_ledger(QUIET, HOLD), ledger=(HOLD,))
    sentence, facts = told(seen, rulebook, wording)
    assert sentence == "There is something open for Bob Kay for this reason already."
    assert "hold delivered" in facts


def test_an_empty_day_gives_its_example_once(rulebook: Rulebook, wording: Wording) -> None:
    seen = network(replace(QUIET, is_covered=False))
    found = why_not(seen, rulebook, NOW, wording)
    assert suggest(seen, rulebook, NOW, wording).suggestions == ()
    assert all(fact.text not in found.sentence for fact in found.facts)


@pytest.mark.parametrize(
    ("relation", "words"),
    [
        (tie(BOB, meetings=[meeting_with(BOB, size=9)]), "1 contact, a meeting"),
        (tie(BOB, mails=exchange(BOB, days_ago(9))), "2 contacts, none of them a meeting"),
        (tie(BOB, mails=exchange(BOB, days_ago(9)), meetings=[meeting_with(BOB, size=9)]), "3 contacts, 1 of them a meeting"),
        (tie(BOB, mails=exchange(BOB, *(days_ago(30 + n) for n in range(9)))), "usually in touch every day"),
    ],
)  # fmt: skip
def test_one_is_not_many(relation: Relation, words: str, rulebook: Rulebook, wording: Wording) -> None:
    assert words in told(network(relation), rulebook, wording)[1]
