"""check_in and its siblings: whom time is put aside for, when, in which words, and when none is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rules.engine import Keep, Withdraw, still_wanted, suggest
from rules.network import Busy, Past, Relation
from rules.rulebook import Rulebook, parse
from rules.suggestions import Hold
from rules.wording import Wording
from tests.rules.builders import (
    DAY,
    HOUR,
    NOW,
    OLIVIA,
    Decide,
    days_ago,
    exchange,
    fortnightly,
    holds,
    human,
    mail_from,
    mail_to,
    meeting_with,
    network,
    past,
    refusal,
    removed,
    tie,
    with_ledger,
)

BOB = human("Bob Kay <bob@kay.example>")
CAT = human("Cat Lee <cat@lee.example>")
TEAM = human("Tom Amt <tom@own.example>", is_internal=True)


def discarded(
    ago: float, *, close_reason: str = "owner_deleted", cause: str = "month:2026-01", cadence: timedelta | None = None
) -> Relation:
    """BOB, gone quiet, and what another rule proposed for him that was discarded so many days ago."""
    known = fortnightly(replace(BOB, cadence=cadence))
    closed = {"state": "closed", "close_reason": close_reason, "closed_at": days_ago(ago)}
    return with_ledger(known, past(BOB, "month", cause, created_at=days_ago(ago + 5), **closed))


def test_a_tie_gone_quiet_gets_25_minutes_two_working_days_ahead(decide: Decide) -> None:
    (hold,) = holds(decide(fortnightly(BOB)))
    assert (hold.title, hold.description) == ("Bob Kay", "No mail or meeting that I can see since December.")
    assert hold.start - NOW > 1.5 * DAY
    assert hold.end - hold.start == timedelta(minutes=25)
    assert hold.is_tentative is False


def test_a_hold_is_tentative_where_the_owner_wants_it_so(decide: Decide) -> None:
    (hold,) = holds(decide(fortnightly(BOB), owner=replace(OLIVIA, is_hold_tentative=True)))
    assert hold.is_tentative is True


@pytest.mark.parametrize(
    ("name", "relation"),
    [
        ("a silence within the usual", fortnightly(BOB, silent=20)),
        ("nothing but their mails", tie(BOB, mails=[mail_from(BOB, days_ago(80 + 14 * n)) for n in range(9)])),
        ("nothing but the owner's mails", tie(BOB, mails=[mail_to(BOB, days_ago(80 + 14 * n)) for n in range(9)])),
        ("a mail of the owner's last week", replace(fortnightly(BOB), last_at=days_ago(7))),
        ("a meeting booked", replace(fortnightly(BOB), next_meeting=meeting_with(BOB, ended=NOW + 9 * DAY))),
        ("history not read far enough", replace(fortnightly(BOB), is_covered=False)),
        ("two messages unanswered", fortnightly(BOB, silent=120, also=[mail_to(BOB, days_ago(60)), mail_to(BOB, days_ago(50))])),
        ("someone muted", fortnightly(replace(BOB, is_muted=True))),
        ("someone put off", replace(fortnightly(BOB), snoozed_until=NOW + DAY)),
        ("someone with an open hold", with_ledger(fortnightly(BOB), past(BOB, "reconnect", "lapse:0"))),
        ("someone whose hold was removed three weeks ago", with_ledger(replace(fortnightly(BOB), episode=1), *removed(BOB, "check_in", 22))),
        ("someone whose hold of another rule was removed three weeks ago", discarded(22)),
        ("someone whose hold of another rule an assistant may have removed", discarded(3, close_reason="put_off")),
        ("someone of whom the owner wants to hear each fortnight, ten days later", discarded(10, cadence=timedelta(days=14))),
        ("someone for whom it was removed twice", with_ledger(replace(fortnightly(BOB), episode=2), *removed(BOB, "check_in", 200, 201))),
        ("a mailing list", fortnightly(replace(BOB, kind="list"))),
        ("two contacts in all", fortnightly(BOB, count=1)),
    ],
)  # fmt: skip
def test_no_hold_for(decide: Decide, name: str, relation: Relation) -> None:
    assert not holds(decide(relation)), name


@pytest.mark.parametrize(
    ("name", "relation"),
    [
        ("a cadence the owner set is over", tie(replace(BOB, cadence=timedelta(days=20)), mails=exchange(BOB, days_ago(40), days_ago(25)))),
        ("a hold long ago", with_ledger(replace(fortnightly(BOB), episode=1), *removed(BOB, "check_in", 100))),
        ("a hold of another rule removed some time ago", discarded(31)),
        ("a hold of another rule that was done", discarded(3, close_reason="done")),
        ("a hold to keep a promise", discarded(3, cause="promise:1")),
        ("someone of whom the owner wants to hear each fortnight", discarded(15, cadence=timedelta(days=14))),
        ("a draft removed last week", with_ledger(fortnightly(BOB), *removed(BOB, "thank_you", 7))),
        ("meetings only", tie(BOB, meetings=[meeting_with(BOB, ended=days_ago(70 + 14 * n)) for n in range(6)])),
        ("one message unanswered", fortnightly(BOB, silent=120, also=[mail_to(BOB, days_ago(60))])),
    ],
)  # fmt: skip
def test_a_hold_where(decide: Decide, name: str, relation: Relation) -> None:
    assert len(holds(decide(relation))) == 1, name


def test_a_cadence_overrules_the_own_rhythm_in_both_directions(decide: Decide) -> None:
    patient = fortnightly(replace(BOB, cadence=timedelta(days=120)))
    assert not holds(decide(patient))


def test_the_most_worthwhile_come_first_and_one_a_day_is_the_cap(decide: Decide) -> None:
    key = human("Kim Key <kim@key.example>", is_key=True)
    decision = decide(fortnightly(BOB), fortnightly(CAT), fortnightly(key))
    assert [one.person_id for one in decision.suggestions] == [key.id]
    assert "enough for one day" in refusal(decision, "check_in")


def test_who_wants_none_is_told_so_and_not_that_there_is_enough(wording: Wording, shipped: str) -> None:
    none = parse([("default.toml", shipped), ("own.toml", "[limits]\nholds_per_week = 0\n")])
    decision = suggest(network(fortnightly(BOB)), none, NOW, wording)
    assert not decision.suggestions
    assert refusal(decision, "check_in") == "You want none of these: a cap is 0."


def test_whoever_was_discarded_lately_is_said_to_come_back_and_when(decide: Decide) -> None:
    said = "You discarded what I proposed for Bob Kay lately: before 18 March 2026 I do not come back only because it is time."
    assert refusal(decide(discarded(22)), "check_in") == said


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
    assert holds(decide(fortnightly(BOB), ledger=(first,)))
    assert not holds(decide(fortnightly(BOB), ledger=(first,), started_at=NOW - 5 * DAY))


def test_three_of_five_discarded_makes_it_ask_first(decide: Decide) -> None:
    assert decide(fortnightly(BOB), discarded={"check_in": (2, 5)}).suggestions[0].mode == "create"
    assert decide(fortnightly(BOB), discarded={"check_in": (3, 5)}).suggestions[0].mode == "review"
    assert decide(fortnightly(BOB), modes={"check_in": "review"}).suggestions[0].mode == "review"


@pytest.mark.parametrize(
    ("name", "relation", "words"),
    [
        ("the owner wrote", fortnightly(BOB, also=[mail_to(BOB, NOW)]), "in touch since"),
        ("they met", tie(BOB, mails=exchange(BOB, *(days_ago(80 + 14 * n) for n in range(10))), meetings=[meeting_with(BOB)]), "in touch since"),
        ("a meeting was booked", replace(fortnightly(BOB), next_meeting=meeting_with(BOB, ended=NOW + 3 * DAY)), "coming up"),
        ("they were put off", replace(fortnightly(BOB), snoozed_until=NOW + 5 * DAY), "put Bob Kay off"),
    ],
)  # fmt: skip
def test_a_hold_is_withdrawn_when(decide: Decide, rulebook: Rulebook, name: str, relation: Relation, words: str) -> None:
    (suggestion,) = decide(fortnightly(BOB)).suggestions
    found = still_wanted(suggestion, network(relation), rulebook, NOW + HOUR)
    assert isinstance(found, Withdraw), name
    assert words in found.why


def test_a_hold_is_kept_while_the_silence_goes_on(decide: Decide, rulebook: Rulebook) -> None:
    (suggestion,) = decide(fortnightly(BOB)).suggestions
    own = past(BOB, "check_in", suggestion.cause, key=suggestion.key, created_at=NOW)
    waiting = with_ledger(fortnightly(BOB), own)
    assert still_wanted(suggestion, network(waiting, ledger=(own,)), rulebook, NOW + 2 * DAY) == Keep()


def test_a_hold_that_was_never_delivered_is_not_put_into_the_past(decide: Decide, rulebook: Rulebook) -> None:
    (suggestion,) = decide(fortnightly(BOB)).suggestions
    waiting = past(BOB, "check_in", suggestion.cause, key=suggestion.key, state="planned", created_at=NOW)
    delivered = replace(waiting, state="delivered")
    late = NOW + 20 * DAY
    assert isinstance(still_wanted(suggestion, network(fortnightly(BOB), ledger=(waiting,)), rulebook, late), Withdraw)
    assert still_wanted(suggestion, network(fortnightly(BOB), ledger=(delivered,)), rulebook, late) == Keep()


def test_a_full_calendar_says_that_there_is_no_time(decide: Decide) -> None:
    full = Busy(start=NOW, end=NOW + 40 * DAY)
    assert refusal(decide(fortnightly(BOB), busy=(full,)), "check_in") == "There is no free time for it in the coming weeks."


@pytest.mark.parametrize(
    ("relation", "text", "ref"),
    [
        (fortnightly(BOB), "your last mail, to them alone, an answer", "message:out-"),
        (tie(BOB, meetings=[meeting_with(BOB, ended=days_ago(70 + 14 * n)) for n in range(6)]), "your last meeting", "event:m-"),
        (tie(BOB, mails=exchange(BOB, *(days_ago(100 + 14 * n) for n in range(6)))), "the last time you were in touch", ""),
    ],
)
def test_the_evidence_is_the_last_contact_with_its_id(decide: Decide, relation: Relation, text: str, ref: str) -> None:
    first = decide(relation).suggestions[0].evidence[0]
    assert (first.text, first.at) == (text, relation.last_at)
    assert first.ref.startswith(ref)


def test_a_hold_that_stands_already_keeps_its_day_to_itself(decide: Decide) -> None:
    thursday = past(CAT, "check_in", created_at=days_ago(12), at=datetime(2026, 3, 12, 8, tzinfo=UTC))
    assert holds(decide(fortnightly(BOB), ledger=(thursday,)))[0].start == datetime(2026, 3, 13, 8, tzinfo=UTC)
    for reason in ("owner_deleted", "withdrawn", "dismissed"):
        gone = replace(thursday, state="closed", close_reason=reason)
        assert holds(decide(fortnightly(BOB), ledger=(gone,)))[0].start == datetime(2026, 3, 12, 8, tzinfo=UTC)


def test_sixty_days_of_peace_count_from_when_the_last_one_ended(decide: Decide) -> None:
    ended = past(BOB, "check_in", "lapse:0", state="closed", close_reason="done", created_at=days_ago(80), closed_at=days_ago(50))
    relation = replace(fortnightly(BOB), episode=1)
    assert refusal(decide(with_ledger(relation, ended)), "check_in") == "There was one for Bob Kay within the last 60 days."
    assert holds(decide(with_ledger(relation, replace(ended, closed_at=days_ago(61)))))


def test_a_cadence_is_named_as_a_fact(decide: Decide) -> None:
    wanted = replace(BOB, cadence=timedelta(days=20))
    (made,) = decide(tie(wanted, mails=exchange(wanted, days_ago(40), days_ago(25)))).suggestions
    assert "you want to be in touch every 20 days" in [fact.text for fact in made.evidence]


def test_a_dead_address_is_no_lapse(decide: Decide) -> None:
    quiet = fortnightly(BOB)
    assert len(holds(decide(quiet))) == 1
    assert not holds(decide(replace(quiet, dead_addresses=frozenset(BOB.addresses))))
