"""thank_you: when a mail of thanks appears, for whom, what it says, and when nothing does."""
# ruff: noqa: ANN401 -- a builder takes any field by its name

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from rules.engine import Decision, Keep, still_wanted, suggest
from rules.facts import Address
from rules.keys import text_mark
from rules.network import Meeting, Person, Relation, Trip
from rules.rulebook import Rulebook, parse
from rules.suggestions import Draft, Suggestion
from rules.wording import Wording
from tests.rules.builders import (
    DAY,
    HOUR,
    NOW,
    OLIVIA,
    Decide,
    days_ago,
    drafts,
    exchange,
    guest,
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

ANNA = human("Anna Berg <anna@acme.example>")
BEN = human("Ben Ito <ben@acme.example>")
CLEO = human("Cleo Dahl <cleo@other.example>")
COLLEAGUE = human("Karl Amt <karl@own.example>", is_internal=True)


def met(person: Person = ANNA, **more: Any) -> Relation:
    """Met once, three hours ago."""
    return tie(person, meetings=[meeting_with(person, **more)])


def test_after_a_first_meeting_one_ready_draft_appears(decide: Decide) -> None:
    decision = decide(met())
    (draft,) = drafts(decision)
    (suggestion,) = decision.suggestions
    assert draft.to == (Address(email="anna@acme.example", name="Anna Berg"),)
    assert draft.from_ == OLIVIA.addresses[0]
    assert (
        draft.text == "Hello Anna,\n\nThank you for making the time for our first meeting.\n\nBest regards\nOlivia Ost\nCTO, Own\n"
    )
    assert draft.message_id == f"{suggestion.key}@own.example"
    assert (suggestion.mode, suggestion.why) == ("create", "You met Anna Berg for the first time.")
    assert suggestion.evidence[0].ref.startswith("event:m-")


def test_the_first_meeting_in_fourteen_months_says_so(decide: Decide) -> None:
    before = meeting_with(ANNA, ended=days_ago(426))
    (draft,) = drafts(decide(tie(ANNA, meetings=[before, meeting_with(ANNA)])))
    assert "after fourteen months" in draft.text


@pytest.mark.parametrize(
    ("name", "meeting"),
    [
        ("too many people", meeting_with(ANNA, *(guest(f"g{n}@g.example") for n in range(5)))),
        ("a private event", meeting_with(ANNA, is_private=True)),
        ("an interview by its title", meeting_with(ANNA, title="Interview: platform engineer")),
        ("an interview by its organiser", meeting_with(ANNA, organizer=Address(email="no-reply@us.greenhouse-mail.io"))),
        ("a matter of law by the guest", meeting_with(ANNA, guest("x@smith-legal.example"))),
        ("ended before the account was connected", meeting_with(ANNA, account_connected_at=NOW)),
        ("over three working days ago", meeting_with(ANNA, ended=datetime(2026, 3, 4, 12, tzinfo=UTC))),
        ("the person never answered", meeting_with(guest(ANNA, response="needs-action"))),
        ("the person declined", meeting_with(guest(ANNA, response="declined"), guest(BEN))),
        ("hardly believed to have taken place", meeting_with(ANNA, confidence=0.3)),
    ],
)  # fmt: skip
def test_nothing_after(decide: Decide, name: str, meeting: Meeting) -> None:
    decision = decide(tie(ANNA, meetings=[meeting]))
    assert not drafts(decision), name
    assert refusal(decision, "thank_you").endswith("."), name


@pytest.mark.parametrize(
    ("name", "relation"),
    [
        ("a colleague", met(COLLEAGUE)),
        ("someone met three weeks before", tie(ANNA, meetings=[meeting_with(ANNA), meeting_with(ANNA, ended=days_ago(20))])),
        (
            "someone written to in the second the meeting ended",
            tie(ANNA, meetings=[meeting_with(ANNA)], mails=[mail_to(ANNA, meeting_with(ANNA).end)]),
        ),
        ("someone the owner has already written to", tie(ANNA, meetings=[meeting_with(ANNA)], mails=[mail_to(ANNA, NOW - HOUR)])),
        ("someone muted", met(human("Anna Berg <anna@acme.example>", is_muted=True, mute_reason="died"))),
        ("someone put off", replace(met(), snoozed_until=NOW + DAY)),
        ("someone for whom it was stopped", replace(met(), stopped_rules=frozenset({"thank_you"}))),
        ("someone for whom everything was stopped", replace(met(), stopped_rules=frozenset({"*"}))),
        ("someone whose only address is dead", replace(met(), dead_addresses=frozenset({"anna@acme.example"}))),
        ("someone thanked 80 days ago", with_ledger(met(), past(ANNA, "thank_you", created_at=days_ago(80), state="closed", close_reason="done"))),
        ("someone for whom the owner removed it twice", with_ledger(met(), *removed(ANNA, "thank_you", 200, 201))),
        ("a machine", met(human("Bot <bot@acme.example>", kind="machine"))),
    ],
)  # fmt: skip
def test_nothing_for(decide: Decide, name: str, relation: Relation) -> None:
    decision = decide(relation)
    assert not drafts(decision), name
    assert refusal(decision, "thank_you").endswith("."), name


@pytest.mark.parametrize(
    ("name", "relation"),
    [
        ("five people", met(size=5)),
        ("first in sixty days", tie(ANNA, meetings=[meeting_with(ANNA), meeting_with(ANNA, ended=days_ago(61))])),
        ("a Friday meeting on Tuesday", met(ended=datetime(2026, 3, 6, 12, tzinfo=UTC))),
        ("thanked 91 days ago", with_ledger(met(), past(ANNA, "thank_you", created_at=days_ago(91), state="closed", close_reason="done"))),
        ("removed once", with_ledger(met(), past(ANNA, "thank_you", created_at=days_ago(200), state="closed", close_reason="owner_deleted"))),
        ("the owner wrote before the meeting only", tie(ANNA, meetings=[meeting_with(ANNA)], mails=[mail_to(ANNA, NOW - 5 * HOUR)])),
        ("tentative", tie(ANNA, meetings=[meeting_with(guest(ANNA, response="tentative"))])),
        ("invited by them without an answer of their own", tie(ANNA, meetings=[meeting_with(guest(ANNA, response="needs-action", is_organizer=True))])),
    ],
)  # fmt: skip
def test_a_draft_after(decide: Decide, name: str, relation: Relation) -> None:
    assert len(drafts(decide(relation))) == 1, name


def test_what_ended_before_connecting_counts_when_looking_back(decide: Decide, rulebook: Rulebook) -> None:
    before = met(account_connected_at=NOW)
    assert not drafts(decide(before))
    looking_back = decide(before, is_retrospective=True)
    assert drafts(looking_back)
    assert still_wanted(looking_back.suggestions[0], network(before), rulebook, NOW) == Keep()


def test_why_not_says_that_two_who_meet_often_need_no_thanks(decide: Decide) -> None:
    often = tie(ANNA, meetings=[meeting_with(ANNA), meeting_with(ANNA, ended=days_ago(20))])
    assert refusal(decide(often), "thank_you") == "You and Anna Berg meet often enough that a thank-you would mean little."


def test_first_is_said_only_where_enough_has_been_read(decide: Decide) -> None:
    old = tie(ANNA, meetings=[meeting_with(ANNA)], mails=exchange(ANNA, days_ago(300)))
    assert not drafts(decide(old, history_since=days_ago(301)))
    assert drafts(decide(old, history_since=days_ago(900)))
    assert drafts(decide(met(), history_since=days_ago(300)))


def test_a_draft_waits_an_hour_and_for_the_owners_morning(decide: Decide) -> None:
    now = datetime(2026, 3, 10, 16, 30, tzinfo=UTC)
    soon, late = decide(met(ended=NOW - HOUR / 2)), decide(met(ended=now), now=now)
    assert drafts(soon)[0].date == NOW + HOUR / 2
    assert late.suggestions[0].due_at == datetime(2026, 3, 11, 8, tzinfo=UTC)


def test_a_rulebook_may_want_it_at_once_at_any_hour(decide: Decide, shipped: str) -> None:
    own = parse([("d", shipped), ("o", '[rules.thank_you.timing]\ndelay = "0m"\nhours = "00-24"')])
    midnight = datetime(2026, 3, 14, 23, 30, tzinfo=UTC)
    assert decide(met(ended=midnight), now=midnight, book=own).suggestions[0].due_at == midnight


def test_several_guests_of_one_organisation_share_one_draft(decide: Decide) -> None:
    meeting = meeting_with(ANNA, BEN, COLLEAGUE)
    decision = decide(tie(BEN, meetings=[meeting]), tie(ANNA, meetings=[meeting]), tie(COLLEAGUE, meetings=[meeting]))
    (draft,) = drafts(decision)
    assert [one.email for one in draft.to] == ["anna@acme.example", "ben@acme.example"]
    assert draft.text.startswith("Hello Anna and Ben,")
    assert (decision.suggestions[0].person_id, decision.suggestions[0].companions) == (ANNA.id, (BEN.id,))


def test_two_organisations_never_share_a_draft_and_one_a_day_is_enough(decide: Decide) -> None:
    meeting = meeting_with(ANNA, CLEO)
    decision = decide(tie(ANNA, meetings=[meeting]), tie(CLEO, meetings=[meeting]))
    assert [len(one.to) for one in drafts(decision)] == [1]
    assert "enough for one day" in refusal(decision, "thank_you")


def test_with_a_hidden_guest_list_nobody_sees_anybody(decide: Decide, shipped: str) -> None:
    own = parse([("d", shipped), ("o", "[rules.thank_you.caps]\nper_day = 9\n[limits]\ngentle_days = 0")])
    meeting = meeting_with(ANNA, BEN, has_hidden_attendees=True)
    decision = decide(tie(ANNA, meetings=[meeting]), tie(BEN, meetings=[meeting]), book=own)
    assert [[to.email for to in one.to] for one in drafts(decision)] == [["anna@acme.example"], ["ben@acme.example"]]
    assert len({one.text.split("\n", 1)[1] for one in drafts(decision)}) == 2


def test_one_text_is_true_of_everyone_it_greets(decide: Decide) -> None:
    meeting, before = meeting_with(ANNA, BEN), meeting_with(BEN, ended=days_ago(420))
    decision = decide(tie(ANNA, meetings=[meeting]), tie(BEN, meetings=[meeting, before]))
    (draft,) = drafts(decision)
    assert [one.email for one in draft.to] == ["anna@acme.example"]
    assert "goes to Anna Berg" in refusal(decision, "thank_you")


def test_a_colleague_of_someone_thanked_for_the_meeting_is_not_thanked_again(decide: Decide) -> None:
    meeting = meeting_with(ANNA, BEN)
    thanked = past(ANNA, "thank_you", f"meeting:{meeting.uid}/{meeting.original_start.isoformat()}", created_at=NOW - HOUR)
    decision = decide(tie(BEN, meetings=[meeting]), ledger=(thanked,))
    assert "one draft is enough" in refusal(decision, "thank_you")


def test_the_same_meeting_is_thanked_for_once_even_under_another_address_of_the_person(decide: Decide) -> None:
    meeting = meeting_with(ANNA)
    cause = f"meeting:{meeting.uid}/{meeting.original_start.isoformat()}"
    merged = human("Anna Berg <anna@acme.example>", addresses=("anna@acme.example", "anna@home.example"))
    before = past(
        ANNA,
        "thank_you",
        cause,
        addresses=("anna@home.example",),
        state="closed",
        close_reason="owner_deleted",
        created_at=NOW - HOUR,
    )
    assert "You removed what I made" in refusal(decide(tie(merged, meetings=[meeting]), ledger=(before,)), "thank_you")


def test_a_reply_only_where_everyone_on_the_thread_was_there(decide: Decide) -> None:
    meeting = meeting_with(ANNA, BEN)
    inside = mail_from(ANNA, days_ago(2), "Re: AW: Our roadmap", others=BEN.addresses, thread_id="T1", references=("<r>",))
    outside = mail_from(ANNA, days_ago(1), "Budget", others=("stranger@acme.example",))
    only_one = mail_from(ANNA, days_ago(1), "Between us")
    both = (tie(ANNA, meetings=[meeting], mails=[inside, outside, only_one]), tie(BEN, meetings=[meeting], mails=[inside]))
    (draft,) = drafts(decide(*both))
    assert (draft.subject, draft.in_reply_to, draft.references[-1], draft.thread_id) == (
        "Re: Our roadmap",
        inside.message_id,
        inside.message_id,
        "T1",
    )
    (fresh,) = drafts(decide(tie(ANNA, meetings=[meeting], mails=[outside])))
    assert (fresh.in_reply_to, fresh.references, fresh.thread_id, fresh.subject) == ("", (), "", "Thank you")


def test_an_old_thread_is_not_answered(decide: Decide) -> None:
    (draft,) = drafts(decide(tie(ANNA, meetings=[meeting_with(ANNA)], mails=[mail_from(ANNA, days_ago(45), "Old matter")])))
    assert draft.in_reply_to == ""


def test_the_title_is_used_only_where_it_was_a_subject_between_the_two(decide: Decide) -> None:
    titled = tie(
        ANNA, meetings=[meeting_with(ANNA, title="Data platform")], mails=[mail_from(ANNA, days_ago(45), "RE: data  platform")]
    )
    (known,), (unknown,) = drafts(decide(titled)), drafts(decide(met(title="Kill the Acme deal")))
    assert known.subject == "Thank you: Data platform"
    assert "Acme deal" not in unknown.subject + unknown.text + unknown.html


def test_the_owner_answers_from_the_address_they_were_written_to(decide: Decide) -> None:
    thread = mail_from(ANNA, days_ago(1), "Plan", to_alias="olivia@alias.example")
    (reply,) = drafts(decide(tie(ANNA, meetings=[meeting_with(ANNA)], mails=[thread])))
    invited = meeting_with(ANNA, guest("Olivia <olivia@alias.example>", kind="owner"))
    (fresh,) = drafts(decide(tie(ANNA, meetings=[replace(invited, size=2)])))
    assert reply.from_.email == fresh.from_.email == "olivia@alias.example"


@pytest.mark.parametrize("name", ["anna@acme.example", "Berg, Anna (EXT)", "A. Berg"])
def test_the_greeting_is_neutral_unless_the_first_name_is_certain(decide: Decide, name: str) -> None:
    (draft,) = drafts(decide(met(human("x <anna@acme.example>", name=name, first_name=""))))
    assert draft.text.startswith("Hello,\n")


def test_one_unsure_name_makes_the_whole_greeting_neutral(decide: Decide) -> None:
    unsure = human("Ben Ito <ben@acme.example>", first_name="")
    meeting = meeting_with(ANNA, unsure)
    (draft,) = drafts(decide(tie(ANNA, meetings=[meeting]), tie(unsure, meetings=[meeting])))
    assert draft.text.startswith("Hello,\n")


def test_the_next_date_is_mentioned_where_there_is_one(decide: Decide) -> None:
    coming = meeting_with(ANNA, ended=NOW + 16 * DAY)
    (draft,) = drafts(decide(replace(met(), next_meeting=coming)))
    assert "I look forward to our next meeting on 26 March." in draft.text
    (silent,) = drafts(decide(replace(met(), next_meeting=replace(coming, is_private=True))))
    assert "next meeting" not in silent.text


def test_an_introducer_from_outside_is_named_a_colleague_is_not(decide: Decide) -> None:
    introduced = replace(met(), introduced_by=CLEO.id)
    assert "Cleo Dahl brought us together" in drafts(decide(introduced, tie(CLEO)))[0].text
    internal = replace(met(), introduced_by=COLLEAGUE.id)
    assert "Karl" not in drafts(decide(internal, tie(COLLEAGUE)))[0].text


def test_a_person_is_written_to_in_their_language(decide: Decide) -> None:
    (draft,) = drafts(decide(met(replace(ANNA, language="de"))))
    assert draft.text.startswith("Hallo Anna,")
    assert decide(met(replace(ANNA, language="de"))).suggestions[0].why == "You met Anna Berg for the first time."


def test_never_the_same_text_twice_at_one_organisation(decide: Decide) -> None:
    def after(count: int) -> Decision:
        earlier = [
            past(BEN, "thank_you", f"meeting:{n}", created_at=days_ago(20 + 10 * n), addresses=("ben@acme.example",))
            for n in range(count)
        ]
        return decide(met(), ledger=tuple(earlier))

    texts = [drafts(after(count))[0].text for count in range(3)]
    assert len(set(texts)) == 3
    assert "no fresh words" in refusal(after(3), "thank_you")


def test_after_a_season_a_variant_comes_again_but_never_in_the_words_the_organisation_has_had(decide: Decide) -> None:
    (first,) = drafts(decide(met()))

    def after(*marks: str, ago: float = 200) -> Decision:
        sent = {"state": "closed", "close_reason": "done", "created_at": days_ago(ago), "addresses": ("ben@acme.example",)}
        return decide(
            met(), ledger=tuple(past(BEN, "thank_you", f"meeting:{n}", text_mark=mark, **sent) for n, mark in enumerate(marks))
        )

    (other,) = drafts(after(text_mark(first.text)))
    (third,) = drafts(after(text_mark(first.text), text_mark(other.text)))
    assert len({first.text, other.text, third.text}) == 3
    assert drafts(after("something", "else", "entirely", "different"))[0].text == first.text
    assert "no fresh words" in refusal(after(*(text_mark(each.text) for each in (first, other, third))), "thank_you")


def test_what_another_rule_wrote_to_the_organisation_is_not_written_again(decide: Decide) -> None:
    (first,) = drafts(decide(met()))
    had = past(BEN, "organiser_thanks", text_mark=text_mark(first.text), created_at=days_ago(20), addresses=("ben@acme.example",))
    (second,) = drafts(decide(met(), ledger=(had,)))
    assert text_mark(second.text) != text_mark(first.text)
    for other in (replace(had, addresses=("ben@other.example",)), replace(had, text_mark="something else")):
        assert drafts(decide(met(), ledger=(other,)))[0].text == first.text


def test_two_rules_with_the_same_words_write_to_an_organisation_once_in_one_round(
    shipped: str, templates: Mapping[str, str]
) -> None:
    one_text = {f"en/plain.{n}.txt": f"Hi\n\nHello,\n\nThank you, {n}.\n" for n in (1, 2)} | {"en/plain.why.txt": "Plain.\n"}
    words = Wording({**templates, **one_text})
    own = '[rules.conference_follow_up]\ntemplate = "plain"\n[rules.thank_you]\ntemplate = "plain"\n'
    book = parse([("d", shipped), ("o", own)], templates=words.names())
    fair = Trip(uid="f", title="DataConf", start=days_ago(3), end=days_ago(1), is_conference=True)
    there = [meeting_with(BEN, ended=days_ago(2), uid="there"), meeting_with(BEN, ended=days_ago(30))]
    made = suggest(network(met(), tie(BEN, meetings=there), trips=(fair,)), book, NOW, words).suggestions
    marks = [text_mark(one.action.text) for one in made if isinstance(one.action, Draft)]
    assert {one.rule for one in made} == {"thank_you", "conference_follow_up"}
    assert len(set(marks)) == len(marks) == 2


def test_two_mails_say_the_same_whoever_they_greet() -> None:
    one, other = "Hello Anna,\n\nthank you.\n\nOlivia\n", "Hello Ben,\n\nthank you.\n\nOlivia\n"
    assert text_mark(one) == text_mark(other) != text_mark("Hello Ben,\n\nthanks.\n\nOlivia\n")
    assert text_mark("") == text_mark("Hello") == ""


def test_what_the_same_colleagues_at_free_mail_got_is_nobody_elses_text(decide: Decide) -> None:
    gail, hugo = human("Gail Orr <gail@gmail.com>"), human("Hugo Orr <hugo@gmail.com>")
    (draft,) = drafts(decide(met(hugo), ledger=(past(gail, "thank_you", created_at=days_ago(20), addresses=("gail@gmail.com",)),)))
    assert draft.text.split("\n\n")[1] == "Thank you for making the time for our first meeting."


def test_hostile_names_and_titles_break_out_of_nothing(decide: Decide) -> None:
    evil = human("x <anna@acme.example>", name='{{ 7*7 }}\r\nBcc: eve@evil.example<script>"', first_name="{{ 7*7 }}")
    (draft,) = drafts(
        decide(tie(evil, meetings=[meeting_with(evil, title="A\r\nBcc: x")], mails=[mail_from(evil, days_ago(40), "A\r\nBcc: x")]))
    )
    assert "49" not in draft.text
    assert not any("\n" in text or "\r" in text for text in (draft.subject, draft.to[0].name, draft.to[0].email, draft.from_.name))
    assert "<script" not in draft.html


@pytest.mark.parametrize(("started", "count"), [(days_ago(400), 3), (days_ago(3), 1)])
def test_three_a_week_and_half_of_it_in_the_first_fortnight(
    rulebook: Rulebook, wording: Wording, started: datetime, count: int
) -> None:
    people = [human(f"P{n} X <p{n}@o{n}.example>") for n in range(6)]
    made: list[Suggestion] = []
    for day in range(5):
        now = datetime(2026, 3, 9, 14, tzinfo=UTC) + day * DAY
        ledger = tuple(past(human(f"a <{one.address}>"), "thank_you", one.cause, created_at=one.due_at) for one in made)
        relations = [tie(person, meetings=[meeting_with(person, ended=now - HOUR)]) for person in people[day : day + 2]]
        made += suggest(network(*relations, ledger=ledger, started_at=started), rulebook, now, wording).suggestions
    assert len(made) == count


def test_an_owner_without_an_address_gets_no_draft(decide: Decide) -> None:
    assert "from which address" in refusal(decide(met(), owner=replace(OLIVIA, addresses=())), "thank_you")


def test_holidays_and_weekends_stretch_the_three_working_days(decide: Decide) -> None:
    owner = replace(OLIVIA, holidays=frozenset({date(2026, 3, 9)}))
    ended = datetime(2026, 3, 4, 12, tzinfo=UTC)
    assert drafts(decide(met(ended=ended), owner=owner))
    assert timedelta(0) < drafts(decide(met(ended=ended), owner=owner))[0].date - ended


def test_the_senders_name_is_the_full_name_else_that_of_the_address(decide: Decide) -> None:
    assert drafts(decide(met()))[0].from_.name == "Olivia Ost"
    nameless = replace(OLIVIA, full_name="", addresses=(Address(email="olivia@own.example", name="O. Ost"),))
    assert drafts(decide(met(), owner=nameless))[0].from_.name == "O. Ost"
