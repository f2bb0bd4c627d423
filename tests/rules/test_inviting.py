"""Invites: whom one is ever made for, what its guest reads, and when it goes out that the owner was only told of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rules.decision import Decision
from rules.engine import Keep, Withdraw, still_wanted, suggest
from rules.inviting import ANNOUNCEMENT, announcement_key
from rules.network import Owner, Past, Person, Relation
from rules.rulebook import Rulebook, parse
from rules.suggestions import Hold, Invite, Suggestion
from rules.wording import Wording
from tests.rules.builders import (
    DAY,
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

BOB = human("Bob Kay <bob@kay.example>", is_key=True)
TEAM = human("Tom Amt <tom@own.example>", is_internal=True)
INVITES = '[rules.check_in]\naction = "invite"\n'
VETO = INVITES + 'approval = "veto"\n'


@pytest.fixture
def books(shipped: str, wording: Wording) -> Mapping[str, Rulebook]:
    """The shipped rulebook with check-ins as invites: asked for, and announced."""
    own = {"ask": INVITES, "veto": VETO, "review": VETO + 'mode = "review"\n'}
    return {name: parse([("d", shipped), ("o", text)], templates=wording.names()) for name, text in own.items()}


def made(decision: Decision) -> list[Suggestion]:
    return [one for one in decision.suggestions if one.rule == "check_in"]


def invite(decision: Decision) -> Invite:
    (one,) = made(decision)
    assert isinstance(one.action, Invite)
    return one.action


def internal(person: Person = TEAM) -> Relation:
    met = [meeting_with(person, ended=days_ago(60 + 7 * n)) for n in range(9)]
    return tie(person, meetings=met)


def test_an_invite_is_from_the_owner_to_one_guest_and_says_nothing_of_why(decide: Decide, books: Mapping[str, Rulebook]) -> None:
    found = invite(decide(fortnightly(BOB), book=books["ask"]))
    assert (found.organizer.email, [guest.email for guest in found.attendees]) == ("olivia@own.example", ["bob@kay.example"])
    assert (found.title, found.description) == (
        "Catching up: Bob Kay and Olivia Ost",
        "I would like to catch up. If another time suits you better, please suggest one.",
    )
    (one,) = made(decide(fortnightly(BOB), book=books["ask"]))
    assert one.why == "No mail or meeting that I can see since December."
    assert (one.announcement, one.due_at, one.expires_at) == (None, None, found.start)


def test_an_invite_is_written_in_the_guests_language_and_explained_in_the_owners(
    decide: Decide, books: Mapping[str, Rulebook]
) -> None:
    (one,) = made(decide(fortnightly(replace(BOB, language="de")), book=books["veto"]))
    assert isinstance(one.action, Invite)
    assert one.action.title == "Austausch: Bob Kay und Olivia Ost"
    assert one.announcement is not None
    assert one.announcement.title.startswith("Invitation to Bob Kay")
    assert one.why.startswith("No mail")
    german = replace(OLIVIA, language="de")
    (other,) = made(decide(fortnightly(replace(BOB, language="en")), book=books["veto"], owner=german))
    assert other.announcement is not None
    assert other.announcement.title == "Einladung an Bob Kay: Catching up: Bob Kay and Olivia Ost"
    assert "geht am 11. März um 11:30 Uhr hinaus" in other.announcement.description


def test_an_announced_invite_says_when_it_goes_out_and_lies_two_working_days_after_that(
    decide: Decide, books: Mapping[str, Rulebook]
) -> None:
    (one,) = made(decide(fortnightly(BOB), book=books["veto"]))
    assert one.due_at == NOW + DAY
    assert one.expires_at == NOW + 2 * DAY
    assert isinstance(one.action, Invite)
    assert one.action.start == datetime(2026, 3, 13, 8, tzinfo=UTC)
    hold = one.announcement
    assert hold is not None
    assert (hold.start, hold.end, hold.key) == (one.action.start, one.action.end, announcement_key("olivia", one.key, one.address))
    assert "goes out on 11 March at 11:30. Delete, move or change this entry before, and it does not." in hold.description
    assert hold.key != one.key


def test_one_announced_on_friday_goes_out_inside_the_owners_next_hours(decide: Decide, books: Mapping[str, Rulebook]) -> None:
    friday = datetime(2026, 3, 13, 15, tzinfo=UTC)
    (one,) = made(decide(fortnightly(BOB), book=books["veto"], now=friday))
    assert one.due_at == datetime(2026, 3, 16, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "relation", "is_announced"),
    [
        ("someone the owner named", fortnightly(BOB), True),
        ("someone nobody named", fortnightly(replace(BOB, is_key=False)), False),
        ("the own team, after one-to-ones", internal(), True),
        ("the own team without a one-to-one", replace(internal(), one_to_ones_held=0), False),
    ],
)
def test_only_whom_the_owner_named_or_meets_alone_at_work_is_invited_without_being_asked(
    decide: Decide, books: Mapping[str, Rulebook], name: str, relation: Relation, is_announced: bool
) -> None:
    (one,) = made(decide(relation, book=books["veto"]))
    assert (one.announcement is not None) is is_announced, name
    assert isinstance(one.action, Invite)


def test_in_review_or_by_default_the_owner_is_asked(decide: Decide, books: Mapping[str, Rulebook]) -> None:
    for name in ("review", "ask"):
        (one,) = made(decide(fortnightly(BOB), book=books[name]))
        assert one.announcement is None


@pytest.mark.parametrize(
    ("relation", "said"),
    [
        (replace(fortnightly(BOB), last_in_at=None, meetings_held=0), "I invite no strangers"),
        (replace(fortnightly(BOB), dead_addresses=frozenset({"bob@kay.example"})), "no address at which"),
        (with_ledger(fortnightly(BOB), past(BOB, "month", "month:2026-03", created_at=days_ago(20))), "something open"),
        (
            with_ledger(fortnightly(BOB), past(BOB, "in_town", "trip:x", action="invite", created_at=days_ago(20))),
            "something open",
        ),
        (
            with_ledger(
                fortnightly(BOB),
                past(BOB, "in_town", "trip:x", action="invite", state="closed", close_reason="declined", closed_at=days_ago(59)),
            ),
            "Bob Kay declined an invitation, so I leave them alone until 11 March 2026.",
        ),
    ],
)
def test_no_invite_for(decide: Decide, books: Mapping[str, Rulebook], relation: Relation, said: str) -> None:
    decision = decide(relation, book=books["veto"])
    assert not made(decision)
    assert said in refusal(decision, "check_in")


def test_sixty_days_after_a_decline_they_may_be_asked_again_and_until_then_no_rule_has_anything(
    decide: Decide, books: Mapping[str, Rulebook]
) -> None:
    def after(days: float) -> Relation:
        return with_ledger(
            fortnightly(BOB),
            past(BOB, "in_town", "trip:x", action="invite", state="closed", close_reason="declined", closed_at=days_ago(days)),
        )

    assert made(decide(after(61), book=books["veto"]))
    assert not decide(after(59)).suggestions


def test_no_invite_without_an_address_of_the_owners(decide: Decide, books: Mapping[str, Rulebook]) -> None:
    nameless = decide(fortnightly(BOB), book=books["veto"], owner=Owner(name="olivia"))
    assert not made(nameless)
    assert "from which address" in refusal(nameless, "check_in")


def test_invites_and_holds_share_the_weeks_room_and_an_announcement_takes_none(
    decide: Decide, books: Mapping[str, Rulebook]
) -> None:
    cat = human("Cat Lee <cat@lee.example>")
    for action, left in (("invite", 0), ("hold", 0), ("draft", 1)):
        used = [past(cat, "month", f"x:{n}", action=action, created_at=days_ago(1 + n), at=NOW + n * DAY) for n in range(2)]
        assert len(made(decide(fortnightly(BOB), book=books["veto"], ledger=used))) == left
    told = [past(cat, ANNOUNCEMENT, f"invite:{n}", created_at=days_ago(1 + n), at=NOW + 30 * DAY) for n in range(2)]
    assert len(made(decide(fortnightly(BOB), book=books["veto"], ledger=told))) == 1


def test_a_rule_whose_template_has_no_words_for_an_invite_is_a_mistake(shipped: str, wording: Wording) -> None:
    with pytest.raises(Exception, match="the template 'promise' has no words for invite; these have: check_in") as caught:
        parse([("d", shipped), ("o", '[rules.promise]\naction = "invite"\n')], templates=wording.names())
    assert "rules.promise.action" in str(caught.value)


def test_no_draft_is_left_before_an_announcement(decide: Decide) -> None:
    soon = past(BOB, ANNOUNCEMENT, "invite:x", at=NOW + timedelta(minutes=10))
    assert not [one for one in decide(with_ledger(fortnightly(BOB), soon)).suggestions if one.rule == "opener"]


# Looking again


def remembered(one: Suggestion, **more: object) -> tuple[Past, Past]:
    """How the ledger knows an announced invite and its hold."""
    assert isinstance(one.action, Invite)
    assert one.announcement is not None
    given = {"key": one.key, "state": "approved", "action": "invite", "created_at": NOW, "at": one.action.start} | more
    hold = past(BOB, ANNOUNCEMENT, f"invite:{one.key}", key=one.announcement.key, created_at=NOW, at=one.action.start)
    return past(BOB, one.rule, one.cause, **given), hold


def announcement_of(one: Suggestion) -> Suggestion:
    assert isinstance(one.announcement, Hold)
    return replace(
        one, key=one.announcement.key, rule=ANNOUNCEMENT, cause=f"invite:{one.key}", action=one.announcement, announcement=None
    )


def test_the_announcement_stands_until_the_invite_has_gone_out_or_no_longer_will(
    decide: Decide, books: Mapping[str, Rulebook]
) -> None:
    book, relation = books["veto"], fortnightly(BOB)
    (one,) = made(decide(relation, book=book))

    def stands(*ledger: Past, by: Rulebook = book) -> Keep | Withdraw:
        return still_wanted(announcement_of(one), network(relation, ledger=ledger), by, NOW)

    assert stands(*remembered(one)) == Keep()
    assert stands(*remembered(one, state="delivering")) == Keep()
    for ledger, by, why in [
        (remembered(one, state="delivered"), book, "has gone out"),
        (remembered(one, state="closed", close_reason="withdrawn"), book, "does not go out"),
        ((), book, "does not go out"),
        (remembered(one, state="planned"), book, "waits for your word"),
        (remembered(one), books["review"], "waits for your word"),
        (remembered(one), replace(book, rules=()), "waits for your word"),
    ]:
        found = stands(*ledger, by=by)
        assert isinstance(found, Withdraw)
        assert why in found.why


def test_an_announced_invite_is_given_up_where_the_owner_would_by_now_be_asked(
    books: Mapping[str, Rulebook], wording: Wording
) -> None:
    book, relation = books["veto"], fortnightly(BOB)
    (one,) = made(suggest(network(relation), book, NOW, wording))
    ledger = remembered(one)
    assert still_wanted(one, network(relation, ledger=ledger), book, NOW) == Keep()
    assert still_wanted(one, network(relation, ledger=ledger[:1]), books["ask"], NOW) == Keep(), "asked and approved"
    unnamed = fortnightly(replace(BOB, is_key=False))
    for person, by in ((unnamed, book), (relation, books["ask"]), (relation, books["review"])):
        found = still_wanted(one, network(person, ledger=ledger), by, NOW)
        assert isinstance(found, Withdraw)
        assert "Without your word" in found.why
