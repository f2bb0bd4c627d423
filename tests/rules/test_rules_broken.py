"""Each condition of each shipped rule, broken on purpose once: the rule must fall silent at exactly that condition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from rules.engine import Keep, still_wanted, suggest
from rules.facts import Address
from rules.network import Meeting, Network, Person, Relation, Trip
from rules.promises import Promise
from rules.rulebook import Rulebook
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
    tie,
    with_ledger,
)  # fmt: skip

Spoil = Callable[[Network], Network]
BOB, CAT = human("Bob Kay <bob@kay.example>"), human("Cat Lee <cat@lee.example>")
TOM = human("Tom Amt <tom@own.example>", is_internal=True)
BOOKED = meeting_with(BOB, ended=NOW + 9 * DAY)
LYON = Trip(uid="lyon", title="Board in Lyon", place="Lyon", start=NOW + 6 * DAY, end=NOW + 8 * DAY)
FAIR = Trip(uid="fair", title="DataConf", start=days_ago(3), end=days_ago(1), is_conference=True)


def quiet(silent: float = 80, person: Person = BOB, **more: object) -> Relation:
    return replace(tie(person, mails=exchange(person, *(days_ago(silent + 14 * n) for n in range(10)))), **more)  # type: ignore[arg-type]


def event(**more: object) -> Meeting:
    crowd = [guest(f"g{n}@g.example") for n in range(9)]
    return replace(meeting_with(guest(BOB, is_organizer=True), *crowd, title="CTO dinner"), **more)  # type: ignore[arg-type]


ASKED, WAITING = mail_to(BOB, days_ago(9), "The offer"), mail_from(BOB, days_ago(5), "A question")
OLD = exchange(BOB, days_ago(30), days_ago(50))
INTRO = mail_from(CAT, days_ago(3), "Intro: Bob <> Olivia", others=BOB.addresses, recipients=2)
HOLD = past(BOB, "check_in", "lapse:0", at=NOW + 4 * HOUR, key="k")
CHATTED = (meeting_with(BOB, CAT, ended=days_ago(2), size=3), meeting_with(BOB, ended=days_ago(40)))
PAID = tie(
    BOB,
    meetings=[meeting_with(BOB, ended=days_ago(20 + 20 * n)) for n in range(3)],
    introduced_by=CAT.id,
    introduced_at=days_ago(120),
    first_at=days_ago(120),
)

HAPPY: dict[str, Network] = {
    "thank_you": network(tie(BOB, meetings=[meeting_with(BOB)])),
    "organiser_thanks": network(tie(BOB, meetings=[event()])),
    "conference_follow_up": network(tie(BOB, meetings=CHATTED), trips=(FAIR,)),
    "introduction_thanks": network(tie(CAT, mails=[INTRO]), tie(BOB, mails=[mail_to(BOB, days_ago(3) + HOUR)], first_at=days_ago(3))),
    "introduction_paid_off": network(tie(CAT, mails=exchange(CAT, days_ago(200))), PAID),
    "promise": network(quiet(3, promises=(Promise(id="7", text="send the paper", made_at=days_ago(2), due_at=NOW + 3 * DAY),))),
    "in_town": network(quiet(40, last_met_place="Lyon"), trips=(LYON,)),
    "missed_one_to_one": network(quiet(10, TOM, missed_one_to_ones=2)),
    "month": network(quiet(12, last_in_at=days_ago(15)), month=(BOB.id,)),
    "check_in": network(quiet()),
    "reconnect": network(tie(BOB, meetings=[meeting_with(BOB, ended=days_ago(400 + 14 * n)) for n in range(12)])),
    "opener": network(with_ledger(quiet(), HOLD), ledger=(HOLD,)),
    "reply_owed": network(tie(BOB, mails=[WAITING, *OLD])),
    "nudge": network(tie(BOB, mails=[ASKED, *OLD])),
}  # fmt: skip


def first(**more: object) -> Spoil:
    """Change something between the owner and the person."""
    return lambda seen: replace(seen, relations=(replace(seen.relations[0], **more), *seen.relations[1:]))  # type: ignore[arg-type]


def who(**more: object) -> Spoil:
    """Change something about the person."""
    return lambda seen: first(person=replace(seen.relations[0].person, **more))(seen)  # type: ignore[arg-type]


def newest(**more: object) -> Spoil:
    """Change something about their newest meeting."""
    return lambda seen: first(meetings=(replace(seen.relations[0].meetings[0], **more), *seen.relations[0].meetings[1:]))(seen)  # type: ignore[arg-type]


def letter(**more: object) -> Spoil:
    """Change something about their newest mail."""
    return lambda seen: first(mails=(replace(seen.relations[0].mails[0], **more), *seen.relations[0].mails[1:]))(seen)  # type: ignore[arg-type]


def other(**more: object) -> Spoil:
    """Change something about the second relation."""
    return lambda seen: replace(seen, relations=(seen.relations[0], replace(seen.relations[1], **more)))  # type: ignore[arg-type]


def anew(relation: Relation) -> Spoil:
    return lambda seen: replace(seen, relations=(relation, *seen.relations[1:]))


def long_fair(seen: Network) -> Network:
    """Let the conference and the meeting in it end six days ago."""
    moved = replace(FAIR, start=days_ago(9), end=days_ago(6))
    return newest(start=days_ago(8), end=days_ago(7.9))(replace(seen, trips=(moved,)))


PRIVATE, DEAD, WROTE = (
    newest(is_private=True),
    first(dead_addresses=frozenset({"bob@kay.example", "cat@lee.example"})),
    first(last_out_at=NOW),
)
INSIDE, MEET, EARLY, LONG_AGO = (
    who(is_internal=True),
    first(next_meeting=BOOKED),
    newest(account_connected_at=NOW),
    newest(end=days_ago(6), start=days_ago(6.1)),
)
UNHEARD = (mail_to(BOB, days_ago(9)), mail_to(BOB, days_ago(7)))
ABSENT, ONE_WAY = newest(guests=(guest(BOB, response="needs-action"),)), first(last_out_at=None, meetings_held=0)
SPAM = letter(subject="Interview: your application")
SPOILERS: dict[str, list[Spoil]] = {
    "thank_you": [PRIVATE, INSIDE, EARLY, LONG_AGO, newest(size=1), newest(size=6), ABSENT, newest(confidence=0.4), first(previous_meeting_at=days_ago(9)),
                  lambda seen: replace(first(first_at=days_ago(100))(seen), history_since=days_ago(101)), WROTE, DEAD],
    "organiser_thanks": [PRIVATE, INSIDE, EARLY, LONG_AGO, newest(size=5), newest(guests=(guest(BOB),)), newest(is_organized_by_owner=True),
                         newest(is_recurring=True), newest(confidence=0.4), newest(owner_response="tentative"), WROTE, DEAD],
    "conference_follow_up": [PRIVATE, INSIDE, EARLY, long_fair, newest(size=1), newest(size=7), ABSENT, WROTE, DEAD],
    "introduction_thanks": [letter(subject="Intro: your lawyer <> Olivia"), INSIDE, letter(at=days_ago(9)), WROTE, DEAD],
    "introduction_paid_off": [INSIDE, other(meetings_held=2), WROTE, DEAD],
    "promise": [WROTE],
    "in_town": [lambda seen: replace(seen, trips=(replace(LYON, title="Funeral"),)), INSIDE, ONE_WAY, MEET, first(last_at=days_ago(20)),
                first(last_at=days_ago(1600)), first(contacts=(*quiet(40).contacts, *tie(BOB, mails=UNHEARD).contacts))],
    "missed_one_to_one": [who(is_internal=False), first(missed_one_to_ones=1), MEET],
    "month": [ONE_WAY, MEET, WROTE, first(last_in_at=days_ago(1)), first(contacts=(*quiet(12).contacts, *tie(BOB, mails=UNHEARD).contacts))],
    "check_in": [ONE_WAY, MEET, first(contacts=(*quiet(150).contacts, *tie(BOB, mails=[mail_to(BOB, days_ago(95)), mail_to(BOB, days_ago(90))]).contacts)),
                 anew(quiet(29)), first(interactions=3), anew(quiet(366)), DEAD],
    "reconnect": [ONE_WAY, MEET, first(contacts=(*quiet(500).contacts, *tie(BOB, mails=[mail_to(BOB, days_ago(420)), mail_to(BOB, days_ago(410))]).contacts)),
                  first(last_at=days_ago(300)), first(one_to_ones_held=4, contacts=quiet(500).contacts[:2]), DEAD],
    "opener": [INSIDE, MEET, first(last_out_at=NOW + 5 * HOUR), DEAD],
    "reply_owed": [ONE_WAY, SPAM, letter(at=days_ago(1)), letter(at=days_ago(28)), lambda seen: WROTE(letter(at=days_ago(9))(seen)), MEET],
    "nudge": [ONE_WAY, SPAM, INSIDE, letter(at=days_ago(2)), letter(at=days_ago(28)), first(last_in_at=NOW),
              first(contacts=(*tie(BOB, mails=OLD).contacts, *tie(BOB, mails=[ASKED, mail_to(BOB, days_ago(12))]).contacts)), MEET, DEAD],
}  # fmt: skip


def test_every_shipped_rule_has_a_case_in_which_it_speaks_and_a_way_to_break_each_condition(rulebook: Rulebook) -> None:
    assert {rule.name for rule in rulebook.rules} == set(HAPPY) == set(SPOILERS)
    for rule in rulebook.rules:
        assert len(SPOILERS[rule.name]) == len(rule.when), rule.name


@pytest.mark.parametrize("name", HAPPY)
def test_it_speaks(rulebook: Rulebook, wording: Wording, name: str) -> None:
    assert name in {one.rule for one in suggest(HAPPY[name], rulebook, NOW, wording).suggestions}


@pytest.mark.parametrize(("name", "index"), [(name, n) for name, spoilers in SPOILERS.items() for n in range(len(spoilers))])
def test_it_falls_silent_at_the_condition_that_is_broken(rulebook: Rulebook, wording: Wording, name: str, index: int) -> None:
    decision = suggest(SPOILERS[name][index](HAPPY[name]), rulebook, NOW, wording)
    assert name not in {one.rule for one in decision.suggestions}
    rule = rulebook.rule(name)
    assert rule is not None
    failed = [len(trace.checked) - 1 for trace in decision.traces if trace.rule == name and not trace.checked[-1].is_met]
    assert index in failed, (rule.when[index], decision.refusals)


@pytest.mark.parametrize("name", HAPPY)
def test_no_rule_speaks_of_a_person_who_is_muted(rulebook: Rulebook, wording: Wording, name: str) -> None:
    seen = HAPPY[name]
    muted = replace(seen, relations=tuple(replace(one, person=replace(one.person, is_muted=True)) for one in seen.relations))
    assert not suggest(muted, rulebook, NOW, wording).suggestions


@pytest.mark.parametrize("name", HAPPY)
def test_no_rule_speaks_of_a_person_at_law_or_medicine(rulebook: Rulebook, wording: Wording, name: str) -> None:
    seen = HAPPY[name]
    delicate = tuple(
        replace(one, person=replace(one.person, addresses=(*one.person.addresses, "x@lee-legal.example"))) for one in seen.relations
    )
    assert not suggest(replace(seen, relations=delicate), rulebook, NOW, wording).suggestions


SILENT = {"check_in", "reconnect", "missed_one_to_one", "month", "reply_owed", "nudge", "introduction_paid_off"}


@pytest.mark.parametrize("name", HAPPY)
def test_silence_is_only_judged_where_everything_has_been_read(rulebook: Rulebook, wording: Wording, name: str) -> None:
    seen = HAPPY[name]
    unread = replace(seen, relations=tuple(replace(one, is_covered=False) for one in seen.relations))
    assert (name in {one.rule for one in suggest(unread, rulebook, NOW, wording).suggestions}) is (name not in SILENT)


@pytest.mark.parametrize("name", HAPPY)
def test_what_came_of_it_is_still_wanted_an_hour_later(rulebook: Rulebook, wording: Wording, name: str) -> None:
    for one in suggest(HAPPY[name], rulebook, NOW, wording).suggestions:
        assert still_wanted(one, HAPPY[name], rulebook, NOW + timedelta(hours=1)) == Keep()


@pytest.mark.parametrize("name", ["thank_you", "organiser_thanks"])
def test_an_interview_tool_as_organiser_silences_it(rulebook: Rulebook, wording: Wording, name: str) -> None:
    tool = newest(organizer=Address(email="no-reply@us.greenhouse-mail.io"))
    assert not suggest(tool(HAPPY[name]), rulebook, NOW, wording).suggestions
