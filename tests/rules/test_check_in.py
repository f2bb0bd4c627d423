"""check_in and its siblings: whom time is put aside for, when, in which words, and when none is."""
# ruff: noqa: ANN401 -- a builder takes any field by its name

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rules.engine import Decision, Keep, Withdraw, still_wanted, suggest
from rules.network import Busy, Mail, Past, Person, Promise, Relation, Trip
from rules.rulebook import Rulebook, parse
from rules.suggestions import Draft, Hold
from rules.wording import Wording
from tests.rules.builders import (
    DAY,
    HOUR,
    NOW,
    days_ago,
    exchange,
    guest,
    human,
    mail_from,
    mail_to,
    meeting_with,
    network,
    past,
    removed,
    tie,
    with_ledger,
)

BOB = human("Bob Kay <bob@kay.example>")
CAT = human("Cat Lee <cat@lee.example>")
TEAM = human("Tom Amt <tom@own.example>", is_internal=True)
Decide = Callable[..., Decision]


@pytest.fixture
def decide(rulebook: Rulebook, wording: Wording) -> Decide:
    return lambda *relations, now=NOW, book=rulebook, **more: suggest(network(*relations, **more), book, now, wording)


def fortnightly(person: Person = BOB, silent: float = 80, count: int = 10, also: Iterable[Mail] = (), **more: Any) -> Relation:
    """Mail both ways every fortnight, and then nothing for so many days, but for what is said."""
    return tie(person, mails=(*exchange(person, *(days_ago(silent + 14 * n) for n in range(count))), *also), **more)


def holds(decision: Decision, rule: str = "check_in") -> list[Hold]:
    return [one.action for one in decision.suggestions if one.rule == rule and isinstance(one.action, Hold)]


def why_not(decision: Decision, rule: str = "check_in") -> str:
    return next((one.sentence for one in decision.refusals if one.rule == rule), "")


def test_a_tie_gone_quiet_gets_25_minutes_two_working_days_ahead(decide: Decide) -> None:
    (hold,) = holds(decide(fortnightly()))
    assert (hold.title, hold.description) == ("Bob Kay", "No mail or meeting that I can see since December.")
    assert hold.start - NOW > 1.5 * DAY
    assert hold.end - hold.start == timedelta(minutes=25)
    assert hold.is_tentative is False


@pytest.mark.parametrize(
    ("name", "relation"),
    [
        ("a silence within the usual", fortnightly(silent=20)),
        ("nothing but their mails", tie(BOB, mails=[mail_from(BOB, days_ago(80 + 14 * n)) for n in range(9)])),
        ("nothing but the owner's mails", tie(BOB, mails=[mail_to(BOB, days_ago(80 + 14 * n)) for n in range(9)])),
        ("a mail of the owner's last week", replace(fortnightly(), last_at=days_ago(7))),
        ("a meeting booked", replace(fortnightly(), next_meeting=meeting_with(BOB, ended=NOW + 9 * DAY))),
        ("history not read far enough", replace(fortnightly(), is_covered=False)),
        ("two messages unanswered", fortnightly(silent=120, also=[mail_to(BOB, days_ago(60)), mail_to(BOB, days_ago(50))])),
        ("someone muted", fortnightly(replace(BOB, is_muted=True))),
        ("someone put off", replace(fortnightly(), snoozed_until=NOW + DAY)),
        ("someone with an open hold", with_ledger(fortnightly(), past(BOB, "reconnect", "lapse:0"))),
        ("someone whose hold was removed three weeks ago", with_ledger(replace(fortnightly(), episode=1), *removed(BOB, "check_in", 22))),
        ("someone for whom it was removed twice", with_ledger(replace(fortnightly(), episode=2), *removed(BOB, "check_in", 200, 201))),
        ("a mailing list", fortnightly(replace(BOB, kind="list"))),
        ("two contacts in all", fortnightly(count=1)),
    ],
)  # fmt: skip
def test_no_hold_for(decide: Decide, name: str, relation: Relation) -> None:
    assert not holds(decide(relation)), name


@pytest.mark.parametrize(
    ("name", "relation"),
    [
        ("a cadence the owner set is over", tie(replace(BOB, cadence=timedelta(days=20)), mails=exchange(BOB, days_ago(40), days_ago(25)))),
        ("a hold long ago", with_ledger(replace(fortnightly(), episode=1), *removed(BOB, "check_in", 100))),
        ("meetings only", tie(BOB, meetings=[meeting_with(BOB, ended=days_ago(70 + 14 * n)) for n in range(6)])),
        ("one message unanswered", fortnightly(silent=120, also=[mail_to(BOB, days_ago(60))])),
    ],
)  # fmt: skip
def test_a_hold_where(decide: Decide, name: str, relation: Relation) -> None:
    assert len(holds(decide(relation))) == 1, name


def test_a_cadence_overrules_the_own_rhythm_in_both_directions(decide: Decide) -> None:
    patient = fortnightly(replace(BOB, cadence=timedelta(days=120)))
    assert not holds(decide(patient))


def test_leave_is_taken_out_of_the_silence(decide: Decide) -> None:
    leave = Busy(start=days_ago(70), end=days_ago(10), is_leave=True)
    assert not holds(decide(fortnightly(), busy=(leave,)))


def test_the_most_worthwhile_come_first_and_one_a_day_is_the_cap(decide: Decide) -> None:
    key = human("Kim Key <kim@key.example>", is_key=True)
    decision = decide(fortnightly(), fortnightly(CAT), fortnightly(key))
    assert [one.person_id for one in decision.suggestions] == [key.id]
    assert "enough for one day" in why_not(decision)


def test_two_a_week_whatever_happens_each_day(decide: Decide) -> None:
    people = [human(f"P{n} X <p{n}@o{n}.example>") for n in range(8)]
    ledger: list[Past] = []
    for day in range(7):
        decision = decide(*(fortnightly(one) for one in people[len(ledger) :]), now=NOW + day * DAY, ledger=tuple(ledger))
        ledger += [
            past(human(f"a <{one.address}>"), one.rule, one.cause, created_at=NOW + day * DAY, at=one.action.start)
            for one in decision.suggestions
            if isinstance(one.action, Hold)
        ]
    assert len(ledger) == 2
    assert len({one.at.date() for one in ledger if one.at}) == 2


def test_half_of_that_in_the_first_fortnight(decide: Decide) -> None:
    first = past(CAT, "check_in", created_at=NOW - 2 * DAY, at=NOW + DAY)
    assert holds(decide(fortnightly(), ledger=(first,)))
    assert not holds(decide(fortnightly(), ledger=(first,), started_at=NOW - 5 * DAY))


def test_three_of_five_discarded_makes_it_ask_first(decide: Decide) -> None:
    assert decide(fortnightly(), discarded={"check_in": (2, 5)}).suggestions[0].mode == "create"
    assert decide(fortnightly(), discarded={"check_in": (3, 5)}).suggestions[0].mode == "review"
    assert decide(fortnightly(), modes={"check_in": "review"}).suggestions[0].mode == "review"


@pytest.mark.parametrize(
    ("name", "relation", "words"),
    [
        ("the owner wrote", fortnightly(also=[mail_to(BOB, NOW)]), "in touch since"),
        ("they met", tie(BOB, mails=exchange(BOB, *(days_ago(80 + 14 * n) for n in range(10))), meetings=[meeting_with(BOB)]), "in touch since"),
        ("a meeting was booked", replace(fortnightly(), next_meeting=meeting_with(BOB, ended=NOW + 3 * DAY)), "coming up"),
        ("they were put off", replace(fortnightly(), snoozed_until=NOW + 5 * DAY), "put Bob Kay off"),
    ],
)  # fmt: skip
def test_a_hold_is_withdrawn_when(decide: Decide, rulebook: Rulebook, name: str, relation: Relation, words: str) -> None:
    (suggestion,) = decide(fortnightly()).suggestions
    found = still_wanted(suggestion, network(relation), rulebook, NOW + HOUR)
    assert isinstance(found, Withdraw), name
    assert words in found.why


def test_a_hold_is_kept_while_the_silence_goes_on(decide: Decide, rulebook: Rulebook) -> None:
    (suggestion,) = decide(fortnightly()).suggestions
    own = past(BOB, "check_in", suggestion.cause, key=suggestion.key, created_at=NOW)
    waiting = with_ledger(fortnightly(), own)
    assert still_wanted(suggestion, network(waiting, ledger=(own,)), rulebook, NOW + 2 * DAY) == Keep()


def test_a_hold_that_was_never_delivered_is_not_put_into_the_past(decide: Decide, rulebook: Rulebook) -> None:
    (suggestion,) = decide(fortnightly()).suggestions
    waiting = past(BOB, "check_in", suggestion.cause, key=suggestion.key, state="planned", created_at=NOW)
    delivered = replace(waiting, state="delivered")
    late = NOW + 20 * DAY
    assert isinstance(still_wanted(suggestion, network(fortnightly(), ledger=(waiting,)), rulebook, late), Withdraw)
    assert still_wanted(suggestion, network(fortnightly(), ledger=(delivered,)), rulebook, late) == Keep()


def test_a_full_calendar_says_that_there_is_no_time(decide: Decide) -> None:
    full = Busy(start=NOW, end=NOW + 40 * DAY)
    assert why_not(decide(fortnightly(), busy=(full,))) == "There is no free time for it in the coming weeks."


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
    assert not holds(decide(replace(fortnightly(silent=40), last_met_place="Paris"), trips=(LYON,)), "in_town")
    assert not holds(decide(replace(fortnightly(silent=5), last_met_place="Lyon"), trips=(LYON,)), "in_town")


def test_missed_one_to_ones_of_the_own_team_get_time_only_after_two(decide: Decide) -> None:
    assert holds(decide(fortnightly(TEAM, silent=10, missed_one_to_ones=2)), "missed_one_to_one")
    assert not holds(decide(fortnightly(TEAM, silent=10, missed_one_to_ones=1)), "missed_one_to_one")
    assert not holds(decide(fortnightly(silent=10, missed_one_to_ones=2)), "missed_one_to_one")


def test_a_promise_gets_time_before_it_is_due_until_the_mail_has_gone(decide: Decide, rulebook: Rulebook) -> None:
    promise = Promise(id="7", text="send the paper", made_at=days_ago(2), due_at=NOW + 3 * DAY)
    promised = fortnightly(silent=3, promises=(promise,))
    decision = decide(promised)
    (hold,) = holds(decision, "promise")
    assert hold.title == "Bob Kay: send the paper"
    assert hold.end <= promise.due_at
    sent = replace(promised, mails=(mail_to(BOB, days_ago(1)), *promised.mails))
    assert not holds(decide(sent), "promise")
    assert isinstance(still_wanted(decision.suggestions[0], network(sent), rulebook, NOW), Withdraw)
    assert isinstance(still_wanted(decision.suggestions[0], network(fortnightly(silent=3)), rulebook, NOW), Withdraw)


def test_a_mail_to_the_owner_alone_that_waits_is_proposed_for_review(decide: Decide) -> None:
    waiting = mail_from(BOB, days_ago(5), "A question")
    known = tie(BOB, mails=[waiting, *exchange(BOB, *(days_ago(20 + 9 * n) for n in range(4)))])
    (suggestion,) = [one for one in decide(known).suggestions if one.rule == "reply_owed"]
    assert suggestion.mode == "review"
    assert isinstance(suggestion.action, Hold)
    assert suggestion.action.title == "Answer Bob Kay"
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


def test_a_quarter_of_an_hour_before_a_hold_an_opener_lies_ready_and_goes_a_day_after(decide: Decide, rulebook: Rulebook) -> None:
    start = NOW + 4 * HOUR
    hold = past(BOB, "check_in", "lapse:0", at=start, key="k")
    decision = decide(with_ledger(fortnightly(), hold), ledger=(hold,))
    (suggestion,) = [one for one in decision.suggestions if one.rule == "opener"]
    assert isinstance(suggestion.action, Draft)
    assert suggestion.due_at == start - timedelta(minutes=15)
    assert suggestion.action.text.count("?") == 1
    assert suggestion.expires_at is not None
    assert timedelta(days=1) <= suggestion.expires_at - start <= timedelta(days=1, hours=10)
    gone = with_ledger(fortnightly(), replace(hold, state="closed", close_reason="owner_deleted"))
    assert isinstance(still_wanted(suggestion, network(gone), rulebook, NOW + HOUR), Withdraw)


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


def test_the_people_of_the_month_get_time_until_they_have_been_met(decide: Decide) -> None:
    calm = fortnightly(silent=10)
    assert holds(decide(replace(calm, last_in_at=days_ago(15)), month=(BOB.id,)), "month")
    assert not holds(decide(replace(calm, last_in_at=days_ago(1)), month=(BOB.id,)), "month")
    assert not decide(calm).suggestions
