"""What stands before every rule: the owner's word on a person, what was proposed before, and how far has been read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from rules.addresses import organisation
from rules.caps import Room, is_alike
from rules.case import Case, live_address
from rules.composing import organisation_of
from rules.inviting import declined, uninvited
from rules.manners import care_for_person
from rules.network import Network, Past
from rules.resting import rests_until
from rules.rule import Mode, Rule
from rules.triggers import SILENCES, TIMELY
from rules.words import called
from rules.workdays import local_day

TWICE = 2
DISCARDED = 3
"""Of the last five."""
UNWANTED = frozenset({"owner_deleted", "dismissed"})


def mode_of(rule: Rule, network: Network) -> Mode:
    """Return the mode a rule runs in: what the owner or their feedback set, else the rulebook's.

    A rule of which three of the last five were discarded asks first.
    """
    mode = network.modes.get(rule.name, rule.mode)
    discarded, _ = network.discarded.get(rule.name, (0, 0))
    return "review" if mode == "create" and discarded >= DISCARDED and rule.name not in network.modes else mode


def refused(case: Case, rule: Rule) -> str:
    """Say in one sentence why nothing may be proposed for the person, whatever the rule finds; "" where nothing is in the way."""
    return next(_reasons(case, rule), "")


def _reasons(case: Case, rule: Rule) -> Iterator[str]:
    relation, name = case.relation, called(case.relation)
    yield from unwelcome(case, rule)
    if rule.action == "invite" and live_address(relation) is None:
        yield f"I know no address at which {name} can still be reached."
    if rule.action == "draft" and not case.view.network.owner.addresses:
        yield "I do not know from which address you write."
    if rule.trigger in SILENCES and not relation.is_covered:
        yield f"I have not read back far enough yet to judge how things stand with {name}."
    pasts = case.view.ledger_of(relation)
    if any(past.cause == case.cause and is_alike(past.action, rule.action) for past in pasts):
        yield _already(name, pasts, case)
    if any(is_alike(past.action, rule.action) and past.state != "closed" for past in pasts):
        yield f"There is something open for {name} already."
    if rule.action == "draft" and case.meeting is not None and _has_been_thanked(case, rule):
        yield f"Someone at the organisation of {name} has been thanked for this meeting: one draft is enough."
    if (span := rule.caps.per_person) is not None and any(_is_fresh(case, past, rule) for past in pasts):
        yield f"There was one for {name} within the last {span.days} days."
    if rule.trigger in TIMELY and (until := rests_until(pasts, relation.person, case.view.now, but=rule.name)) is not None:
        day = local_day(case.view.network.owner, until)
        yield f"You discarded what I proposed for {name} lately: before {day:%d %B %Y} I do not come back only because it is time."


def unwelcome(case: Case, rule: Rule) -> Iterator[str]:
    """Yield what the owner said or did against it: these count at any time, also for what is there already."""
    relation, name = case.relation, called(case.relation)
    person = relation.person
    if person.kind not in {"human", "unknown"}:
        yield f"{name} is no person: {person.reason or person.kind}."
    if person.is_muted:
        yield f"You asked me to leave {name} alone{f': {person.mute_reason}' if person.mute_reason else ''}."
    if matter := care_for_person(person, case.view.network.owner):
        yield f"This is {matter}: I leave it to you."
    if relation.stopped_rules & {rule.name, "*"}:
        yield f"You stopped this for {name}."
    if relation.snoozed_until is not None and relation.snoozed_until > case.view.now:
        yield f"You put {name} off until {relation.snoozed_until:%d %B %Y}."
    pasts = case.view.ledger_of(relation)
    yield from declined(pasts, name, case.view.now)
    if rule.action == "invite":
        yield from uninvited(relation, case.view.network)
    unwanted = sum(past.rule == rule.name and past.close_reason in UNWANTED for past in pasts)
    if unwanted >= TWICE:
        yield f"You removed this for {name} {unwanted} times, so I stopped."


def no_room(room: Room, rule: Rule, case: Case, *, planned: set[tuple[str, Literal["draft", "hold", "invite"]]]) -> str:
    """Say in one sentence why this decision has nothing more for the person; "" where it may."""
    if any(who == case.relation.person.id and is_alike(action, rule.action) for who, action in planned):
        return f"There is something else for {called(case.relation)} in this round."
    return room.full(rule, case.view.now) if rule.action != "draft" else ""


def _already(name: str, pasts: tuple[Past, ...], case: Case) -> str:
    past = next(past for past in pasts if past.cause == case.cause)
    match past.close_reason:
        case "owner_deleted" | "dismissed":
            return f"You removed what I made for {name} for this reason, so I leave it at that."
        case "done":
            return f"This is done for {name}."
        case None:
            return f"There is something open for {name} for this reason already."
        case _:
            return f"There was something for {name} for this reason already."


def _has_been_thanked(case: Case, rule: Rule) -> bool:
    if case.meeting is not None and case.meeting.has_hidden_attendees:
        return False
    place = organisation_of(case)
    earlier = (past for past in case.view.network.ledger if past.cause == case.cause and past.rule == rule.name)
    return any(place and (organisation(address) or address) == place for past in earlier for address in past.addresses)


def _is_fresh(case: Case, past: Past, rule: Rule) -> bool:
    """Tell whether something of the rule lies within its span per person, from when it ended or appears."""
    span = rule.caps.per_person
    if span is None or past.rule != rule.name or past.close_reason == "failed":
        return False
    return case.view.now - max(past.closed_at or past.created_at, past.created_at) < span
