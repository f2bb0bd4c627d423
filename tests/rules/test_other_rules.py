"""The other rules: reconnect, in town, missed one-to-ones, promises, answers owed and awaited, introductions, events, the month."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rules.engine import Keep, Withdraw, still_wanted
from rules.network import Person, Relation, Trip
from rules.promises import Promise
from rules.rulebook import Rulebook, parse
from rules.suggestions import Draft, Hold
from tests.rules.builders import (
    DAY,
    HOUR,
    NOW,
    Decide,
    days_ago,
    exchange,
    fortnightly,
    guest,
    holds,
    human,
    mail_from,
    mail_to,
    meeting_with,
    network,
    past,
    tie,
    with_ledger,
)

BOB = human("Bob Kay <bob@kay.example>")
CAT = human("Cat Lee <cat@lee.example>")
TEAM = human("Tom Amt <tom@own.example>", is_internal=True)


def test_a_once_strong_tie_is_taken_up_again_after_a_year(decide: Decide) -> None:
    strong = tie(BOB, meetings=[meeting_with(BOB, ended=days_ago(400 + 14 * n)) for n in range(12)])
    (hold,) = holds(decide(strong), "reconnect")
    assert "used to be in touch a lot" in hold.description
    assert "2025" in hold.description
    weak = tie(BOB, meetings=[meeting_with(BOB, ended=days_ago(400 + 14 * n)) for n in range(3)])
    assert not decide(weak).suggestions


LYON = Trip(uid="lyon@cal", title="Board in Lyon", place="Lyon", start=NOW + 6 * DAY, end=NOW + 8 * DAY)


def test_in_town_gives_an_hour_inside_the_trip_to_two_people_at_most(decide: Decide, shipped: str) -> None:
    own = parse([("d", shipped), ("o", "[limits]\nholds_per_day = 9\nholds_per_week = 9")])
    people = [human(f"P{n} X <p{n}@o{n}.example>") for n in range(4)]
    decision = decide(*(replace(fortnightly(one, silent=40), last_met_place="lyon") for one in people), trips=(LYON,), book=own)
    found = holds(decision, "in_town")
    assert len(found) == 2
    assert all(LYON.start <= one.start and one.end <= LYON.end for one in found)
    assert found[0].title.endswith("(Lyon)")
    assert not holds(decide(replace(fortnightly(BOB, silent=40), last_met_place="Paris"), trips=(LYON,)), "in_town")
    assert not holds(decide(replace(fortnightly(BOB, silent=5), last_met_place="Lyon"), trips=(LYON,)), "in_town")


def test_missed_one_to_ones_of_the_own_team_get_time_only_after_two(decide: Decide) -> None:
    assert holds(decide(fortnightly(TEAM, silent=10, missed_one_to_ones=2)), "missed_one_to_one")
    assert not holds(decide(fortnightly(TEAM, silent=10, missed_one_to_ones=1)), "missed_one_to_one")
    assert not holds(decide(fortnightly(BOB, silent=10, missed_one_to_ones=2)), "missed_one_to_one")


def test_a_promise_gets_time_before_it_is_due_until_the_mail_has_gone(decide: Decide, rulebook: Rulebook) -> None:
    promise = Promise(id="7", text="send the paper", made_at=days_ago(2), due_at=NOW + 3 * DAY)
    promised = fortnightly(BOB, silent=3, promises=(promise,))
    decision = decide(promised)
    (hold,) = holds(decision, "promise")
    assert hold.title == "Bob Kay: send the paper"
    assert hold.end <= promise.due_at
    sent = replace(promised, mails=(mail_to(BOB, days_ago(1)), *promised.mails))
    assert not holds(decide(sent), "promise")
    assert isinstance(still_wanted(decision.suggestions[0], network(sent), rulebook, NOW), Withdraw)
    assert isinstance(still_wanted(decision.suggestions[0], network(fortnightly(BOB, silent=3)), rulebook, NOW), Withdraw)


def test_a_mail_to_the_owner_alone_that_waits_is_proposed_for_review(decide: Decide) -> None:
    waiting = mail_from(BOB, days_ago(5), "A question")
    known = tie(BOB, mails=[waiting, *exchange(BOB, *(days_ago(20 + 9 * n) for n in range(4)))])
    (suggestion,) = [one for one in decide(known).suggestions if one.rule == "reply_owed"]
    assert suggestion.mode == "review"
    assert isinstance(suggestion.action, Hold)
    assert suggestion.action.title == "Answer Bob Kay"
    assert suggestion.action.start.date() > NOW.date(), "there is time to approve it"
    [at_once] = holds(decide(known, modes={"reply_owed": "create"}), "reply_owed")
    assert at_once.start.date() == NOW.date()
    answered = tie(BOB, mails=[*known.mails, mail_to(BOB, days_ago(4), in_reply_to=waiting.message_id)])
    in_a_crowd = tie(BOB, mails=[replace(waiting, recipients=4), *exchange(BOB, days_ago(20))])
    too_soon = tie(BOB, mails=[replace(waiting, at=days_ago(1)), *exchange(BOB, days_ago(20))])
    for other in (answered, in_a_crowd, too_soon):
        assert not holds(decide(other), "reply_owed")


def test_a_question_of_the_owners_that_waits_gets_a_friendly_reminder_for_review(decide: Decide) -> None:
    asked = mail_to(BOB, days_ago(9), "The offer")
    known = tie(BOB, mails=[asked, *exchange(BOB, days_ago(30), days_ago(50))])
    (suggestion,) = [one for one in decide(known).suggestions if one.rule == "nudge"]
    assert isinstance(suggestion.action, Draft)
    assert (suggestion.mode, suggestion.action.subject, suggestion.action.in_reply_to) == (
        "review",
        "Re: The offer",
        asked.message_id,
    )
    assert not [one for one in decide(replace(known, last_in_at=days_ago(1))).suggestions if one.rule == "nudge"]
    twice = tie(BOB, mails=[*known.mails, mail_to(BOB, days_ago(12))])
    closing = tie(BOB, mails=exchange(BOB, days_ago(9), days_ago(30)))
    assert not [one for one in decide(closing).suggestions if one.rule == "nudge"]
    assert not [one for one in decide(twice).suggestions if one.rule == "nudge"]


@pytest.mark.parametrize(("cause", "is_reminded"), [("meeting:earlier", False), ("message:theirs", False), ("hold:earlier", True)])
def test_thanks_of_ours_the_owner_sent_wait_for_no_answer_but_what_begins_a_talk_does(
    decide: Decide, cause: str, *, is_reminded: bool
) -> None:
    sent = mail_to(BOB, days_ago(9), "Thank you for Tuesday")
    ours = past(BOB, "opener", cause, state="closed", close_reason="done", created_at=days_ago(80), message_id=sent.message_id)
    known = with_ledger(tie(BOB, mails=[sent, *exchange(BOB, days_ago(30), days_ago(50))]), ours)
    assert any(one.rule == "nudge" for one in decide(known).suggestions) is is_reminded
    another = with_ledger(known, replace(ours, message_id="another@elsewhere.example"))
    assert any(one.rule == "nudge" for one in decide(another).suggestions)


def test_a_quarter_of_an_hour_before_a_hold_an_opener_lies_ready_and_goes_a_day_after(decide: Decide, rulebook: Rulebook) -> None:
    start = NOW + 4 * HOUR
    hold = past(BOB, "check_in", "lapse:0", at=start, key="k")
    decision = decide(with_ledger(fortnightly(BOB), hold), ledger=(hold,))
    (suggestion,) = [one for one in decision.suggestions if one.rule == "opener"]
    assert isinstance(suggestion.action, Draft)
    assert suggestion.due_at == start - timedelta(minutes=15)
    assert suggestion.action.text.count("?") == 1
    assert suggestion.expires_at is not None
    assert timedelta(days=1) <= suggestion.expires_at - start <= timedelta(days=1, hours=10)
    gone = with_ledger(fortnightly(BOB), replace(hold, state="closed", close_reason="owner_deleted"))
    assert isinstance(still_wanted(suggestion, network(gone), rulebook, NOW + HOUR), Withdraw)


def test_only_time_to_catch_up_gets_an_opener(decide: Decide) -> None:
    def openers(rule: str, cause: str) -> int:
        hold = past(BOB, rule, cause, at=NOW + 4 * HOUR, key="k")
        decision = decide(with_ledger(fortnightly(BOB), hold), ledger=(hold,))
        return sum(one.rule == "opener" for one in decision.suggestions)

    assert [openers("check_in", "lapse:0"), openers("month", "month:2026-03"), openers("in_town", "trip:lyon")] == [1, 1, 1]
    assert [openers("reply_owed", "message:a"), openers("promise", "promise:7"), openers("announcement", "invite:k")] == [0, 0, 0]


def introduced_by(introducer: Person = CAT, subject: str = "Intro: Bob <> Olivia") -> tuple[Relation, Relation]:
    at = days_ago(3)
    mail = mail_from(introducer, at, subject, others=BOB.addresses, recipients=2)
    newcomer = tie(BOB, mails=[replace(mail, author=introducer.addresses[0]), mail_to(BOB, at + HOUR)], first_at=at)
    return tie(introducer, mails=[mail, *exchange(introducer, days_ago(100))]), newcomer


def test_an_introduction_is_thanked_for_in_its_thread_unless_the_owner_did(decide: Decide, rulebook: Rulebook) -> None:
    cat, bob = introduced_by()
    (suggestion,) = [one for one in decide(cat, bob).suggestions if one.rule == "introduction_thanks"]
    assert isinstance(suggestion.action, Draft)
    assert "Bob Kay" in suggestion.action.text
    assert [to.email for to in suggestion.action.to] == ["cat@lee.example"]
    assert suggestion.action.subject == "Re: Intro: Bob <> Olivia"
    thanked = replace(cat, mails=(mail_to(CAT, days_ago(2)), *cat.mails))
    assert still_wanted(suggestion, network(cat), rulebook, NOW) == Keep()
    assert isinstance(still_wanted(suggestion, network(thanked), rulebook, NOW), Withdraw)
    assert isinstance(still_wanted(suggestion, network(tie(CAT)), rulebook, NOW), Withdraw)
    for relations in ((thanked, bob), introduced_by(subject="Budget"), (cat, replace(bob, first_at=days_ago(300))), (cat,)):
        assert not [one for one in decide(*relations).suggestions if one.rule == "introduction_thanks"]


def test_the_introducer_hears_what_came_of_it(decide: Decide, rulebook: Rulebook) -> None:
    cat = tie(CAT, mails=exchange(CAT, days_ago(200)))
    meetings = [meeting_with(BOB, ended=days_ago(20 + 20 * n)) for n in range(3)]
    bob = tie(BOB, meetings=meetings, introduced_by=CAT.id, introduced_at=days_ago(120), first_at=days_ago(120))
    (suggestion,) = [one for one in decide(cat, bob).suggestions if one.rule == "introduction_paid_off"]
    assert suggestion.person_id == CAT.id
    assert isinstance(suggestion.action, Draft)
    assert "November" in suggestion.action.text
    heard = tie(CAT, mails=exchange(CAT, days_ago(10)))
    assert (
        still_wanted(suggestion, network(cat), rulebook, NOW)
        == still_wanted(suggestion, network(cat, bob), rulebook, NOW)
        == Keep()
    )
    since = tie(CAT, mails=[mail_to(CAT, NOW + HOUR)])
    assert isinstance(still_wanted(suggestion, network(since), rulebook, NOW + 2 * HOUR), Withdraw)
    too_few = replace(bob, meetings_held=2)
    assert not [one for one in decide(heard, bob).suggestions if one.rule == "introduction_paid_off"]
    assert not [one for one in decide(cat, too_few).suggestions if one.rule == "introduction_paid_off"]


def test_people_met_in_small_at_a_conference_get_a_line_after_it(decide: Decide) -> None:
    fair = Trip(uid="f", title="DataConf", start=days_ago(3), end=days_ago(1), is_conference=True)
    met = tie(BOB, meetings=[meeting_with(BOB, CAT, ended=days_ago(2), size=3), meeting_with(BOB, ended=days_ago(40))])
    drafts = [one.action for one in decide(met, trips=(fair,)).suggestions if one.rule == "conference_follow_up"]
    assert [isinstance(one, Draft) and "DataConf" in one.text for one in drafts] == [True]
    assert not [
        one for one in decide(met, trips=(replace(fair, is_conference=False),)).suggestions if one.rule == "conference_follow_up"
    ]


def test_the_human_organiser_of_an_event_is_thanked_nobody_else_is(decide: Decide) -> None:
    crowd = [guest(f"g{n}@g.example") for n in range(9)]
    event = meeting_with(guest(BOB, is_organizer=True), guest(CAT), *crowd, title="CTO dinner")
    decision = decide(tie(BOB, meetings=[event]), tie(CAT, meetings=[event]))
    assert [one.person_id for one in decision.suggestions if one.rule == "organiser_thanks"] == [BOB.id]
    not_accepted = replace(event, owner_response="needs-action")
    assert not decide(tie(BOB, meetings=[not_accepted])).suggestions


def test_the_people_of_the_month_get_time_until_you_have_been_in_touch(decide: Decide) -> None:
    calm = fortnightly(BOB, silent=12)
    assert holds(decide(replace(calm, last_in_at=days_ago(15)), month=(BOB.id,)), "month")
    assert not holds(decide(replace(calm, last_out_at=days_ago(1)), month=(BOB.id,)), "month")
    assert not holds(decide(replace(calm, last_in_at=days_ago(1)), month=(BOB.id,)), "month")
    assert not decide(calm).suggestions
