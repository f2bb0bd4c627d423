"""Why and why not: one sentence a tired executive believes, then the facts with their ids."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from rules.case import Case, view_of
from rules.composing import evidence
from rules.engine import Explanation, suggest, why, why_not
from rules.network import Network, Relation, Unheld
from rules.rulebook import Rulebook
from rules.wording import Wording
from tests.rules.builders import NOW, days_ago, exchange, human, mail_from, meeting_with, network, past, tie, with_ledger

BOB = human("Bob Kay <bob@kay.example>", reason="wrote and was answered")
QUIET = tie(BOB, mails=exchange(BOB, *(days_ago(80 + 14 * n) for n in range(10))))
LIVELY = tie(BOB, mails=exchange(BOB, *(days_ago(3 + 14 * n) for n in range(10))))


FAR = "I have not read back far enough yet to judge how things stand with Bob Kay."
UNREAD = replace(QUIET, is_covered=False)
DECLINED = Unheld(uid="u", original_start=NOW, start=NOW, reason="you declined it")
Ask = tuple[Callable[..., Explanation], Callable[..., Explanation]]


@pytest.fixture
def ask(rulebook: Rulebook, wording: Wording) -> Ask:
    return (
        lambda seen, who=BOB.id: why(seen, rulebook, NOW, wording, person_id=who),
        lambda seen, who=BOB.id: why_not(seen, rulebook, NOW, wording, person_id=who),
    )


def test_why_gives_the_reason_with_ids_and_the_usual_gap(ask: Ask) -> None:
    found = ask[0](network(QUIET))
    assert (found.who, found.sentence) == ("Bob Kay", "No mail or meeting that I can see since December.")
    assert any(fact.ref.startswith("message:out-") for fact in found.facts)
    assert any("every 2 weeks" in fact.text for fact in found.facts)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "a mail from them to you alone"),
        ({"in_reply_to": "x"}, "a mail from them to you alone, an answer"),
        ({"recipients": 3, "others": ("a@b.example", "c@d.example")}, "a mail from them to you and 2 more"),
        ({"recipients": 2, "others": ("a@b.example",), "is_copy": True}, "a mail from them, with you in copy"),
        ({"recipients": 10}, "a mail from them to a group"),
        ({"direction": "out", "recipients": 1}, "a mail to them alone"),
        ({"direction": "out", "recipients": 4}, "a mail to them and 3 more"),
    ],
)
def test_a_mail_as_evidence_says_who_wrote_to_how_many(more: dict[str, object], words: str) -> None:
    mail = replace(mail_from(BOB, NOW), **more)  # type: ignore[arg-type]  # fields and their values
    view = view_of(network(QUIET), NOW)
    found = evidence(Case(view=view, relation=QUIET, cause="message:x", at=NOW, mail=mail))
    assert (found[0].text, found[0].ref) == (words, f"message:{mail.message_id}")


def test_why_remembers_what_is_already_in_the_calendar(ask: Ask) -> None:
    hold = past(BOB, "check_in", "lapse:0", created_at=NOW)
    found = ask[0](network(with_ledger(QUIET, hold), ledger=(hold,)))
    assert found.sentence == "No mail or meeting that I can see since December."
    assert any(fact.text == "hold delivered" for fact in found.facts)


def test_why_without_a_reason_says_where_the_tie_stands(ask: Ask) -> None:
    assert (
        ask[0](network(LIVELY)).sentence
        == "You and Bob Kay were last in touch in March 2026, which is nothing unusual for you two."
    )


def test_why_calls_no_silence_usual_that_is_not(ask: Ask) -> None:
    discarded = past(BOB, "month", "month:2026-03", state="closed", close_reason="dismissed", created_at=NOW)
    found = ask[0](network(with_ledger(QUIET, discarded), ledger=(discarded,)))
    assert found.sentence == "You and Bob Kay were last in touch in December 2025."


@pytest.mark.parametrize(
    ("relation", "sentence"),
    [
        (LIVELY, "You and Bob Kay were last in touch in March 2026, which is nothing unusual for you two."),
        (replace(QUIET, next_meeting=meeting_with(BOB, ended=days_ago(-9))), "You already have a meeting with Bob Kay coming up."),
        (UNREAD, FAR),
        (replace(QUIET, person=replace(BOB, is_muted=True, mute_reason="in dispute")), "You asked me to leave Bob Kay alone: in dispute."),
        (replace(QUIET, snoozed_until=days_ago(-30)), "You put Bob Kay off until 09 April 2026."),
        (replace(LIVELY, snoozed_until=days_ago(-30)), "You put Bob Kay off until 09 April 2026."),
        (tie(BOB, meetings=[meeting_with(BOB, is_private=True)]), "This is an event marked private or confidential: I leave it to you."),
        (replace(LIVELY, unheld=(DECLINED,)), "The last entry with Bob Kay in your calendar does not count as a meeting: you declined it."),
        (QUIET, "There is something: No mail or meeting that I can see since December."),
        (tie(BOB), "I know of no contact with Bob Kay yet."),
        (tie(BOB, mails=exchange(BOB, days_ago(9))), "You and Bob Kay have not been in touch often enough to tell what is usual."),
    ],
)  # fmt: skip
def test_why_not_names_what_came_nearest(ask: Ask, relation: Relation, sentence: str) -> None:
    assert ask[1](network(relation)).sentence == sentence


def test_a_stranger_is_called_one(ask: Ask) -> None:
    for verb in ask:
        assert "no exchange in both directions" in verb(network(LIVELY), "p-nobody").sentence


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (network(), "Nobody was due for a look today."),
        (network(LIVELY), "Nothing happened with one person I looked at that calls for you."),
        (network(UNREAD), f"I considered one person and left it at that, for example: {FAR}"),
        (network(QUIET), "There is something today: 1 in all."),
    ],
)  # fmt: skip
def test_why_not_explains_an_empty_day(ask: Ask, seen: Network, sentence: str) -> None:
    assert ask[1](seen, None).sentence == sentence


def test_every_refusal_is_one_sentence_that_ends(rulebook: Rulebook, wording: Wording) -> None:
    other, crowd = human("A B <a@b.example>"), human("C D <c@d.example>")
    unread = replace(QUIET, person=other, is_covered=False)
    relations = [QUIET, unread, tie(crowd, meetings=[meeting_with(crowd, size=9)])]
    decision = suggest(network(*relations), rulebook, NOW, wording)
    assert decision.refusals
    for refusal in decision.refusals:
        assert re.fullmatch(r"[A-Z][^\n{}]+\.", refusal.sentence), refusal.sentence


def test_who_has_no_name_is_called_by_their_address(rulebook: Rulebook, wording: Wording) -> None:
    nameless = human("bob@kay.example")
    often = [meeting_with(nameless, ended=days_ago(ago)) for ago in (0.2, 20)]
    long_ago = exchange(nameless, days_ago(900), days_ago(910), days_ago(921))
    for relation in (
        tie(nameless, meetings=often),
        tie(nameless, mails=long_ago),
        replace(QUIET, person=nameless, is_covered=False),
    ):
        refused = [refusal.sentence for refusal in suggest(network(relation), rulebook, NOW, wording).refusals]
        assert refused
        for sentence in refused:
            assert "  " not in sentence, sentence
        assert any("bob@kay.example" in sentence for sentence in refused), refused


def test_the_trace_shows_every_condition_up_to_the_one_that_failed(rulebook: Rulebook, wording: Wording) -> None:
    seen = network(tie(BOB, meetings=[meeting_with(BOB, size=9)]))
    (trace,) = [one for one in suggest(seen, rulebook, NOW, wording).traces if one.rule == "thank_you"]
    assert [one.fact for one in trace.checked][-1] == "meeting.size"
    assert [one.is_met for one in trace.checked] == [True] * (len(trace.checked) - 1) + [False]
    assert (trace.outcome, trace.checked[-1].value) == ("refused", "9")
