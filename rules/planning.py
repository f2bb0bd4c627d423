"""From rules that hold to things to make: one per organisation, the most worthwhile first, as far as there is room."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal

from rules.caps import Room, is_gentle, room_in
from rules.case import View
from rules.composing import Candidate, address_of, drafted, due_at, held, invited, organisation_of, template_of
from rules.countries import country_of
from rules.fresh import written_to
from rules.gates import mode_of, no_room
from rules.inviting import goes_out_at, is_announced
from rules.keys import text_mark
from rules.placing import slot_for, taken_by
from rules.rule import Limits, Timing
from rules.slots import Slot
from rules.suggestions import Draft, Suggestion
from rules.wording import Wording
from rules.words import called, kind_of_reunion

LATELY = timedelta(days=90)
"""So long a variant of a text is not used again at an organisation."""


@dataclass(slots=True, kw_only=True)
class Plan:
    """A decision in the making: what is proposed so far, and what stands against more."""

    view: View
    wording: Wording
    limits: Limits
    room: Room
    slots: list[Slot]
    planned: set[tuple[str, Literal["draft", "hold", "invite"]]] = field(default_factory=set)
    written: dict[tuple[str, str], int] = field(default_factory=dict)
    """How many mails of a rule an organisation got in this decision."""
    said: set[tuple[str, str]] = field(default_factory=set)
    """Organisations and the marks of the texts they got in this decision, whatever the rule."""
    without: set[Timing] = field(default_factory=set)
    """Timings for which there is no slot, whoever it is for."""


def plan_for(view: View, wording: Wording, limits: Limits) -> Plan:
    """Begin a decision."""
    return Plan(view=view, wording=wording, limits=limits, room=room_in(view, limits), slots=taken_by(view.network))


def grouped(candidates: Iterable[Candidate]) -> tuple[list[Candidate], list[tuple[Candidate, str]]]:
    """Put guests of one meeting at one organisation into one draft; return also who is left out, and why.

    A text must be true of everyone it greets: who met the owner for the first time is not greeted with who came back.
    """
    kept: list[Candidate] = []
    left: list[tuple[Candidate, str]] = []
    for _, members in groupby(sorted(candidates, key=_order), key=_group):
        first, *others = members
        alike = [other for other in others if kind_of_reunion(other.case) == kind_of_reunion(first.case)]
        why = f"One draft for an organisation is enough: it goes to {called(first.case.relation)}."
        left += [(other, why) for other in others if other not in alike]
        kept.append(Candidate(rule=first.rule, cases=tuple(one.case for one in (first, *alike))))
    return kept, left


def planned(plan: Plan, candidate: Candidate) -> Suggestion | str:
    """Make the suggestion, or say in one sentence why there is no room for it."""
    rule = candidate.rule
    if why := no_room(plan.room, rule, candidate.case, planned=plan.planned):
        return why
    found = _draft(plan, candidate) if rule.action == "draft" else _entry(plan, candidate)
    if isinstance(found, Suggestion):
        plan.planned |= {(case.relation.person.id, rule.action) for case in candidate.cases}
    return found


def _draft(plan: Plan, candidate: Candidate) -> Suggestion | str:
    rule, at, place = candidate.rule, due_at(candidate), organisation_of(candidate.case)
    if why := plan.room.full(rule, at):
        return why
    made = next(_fresh(plan, candidate, place), None)
    if made is None:
        return f"I have no fresh words left for {place}, and the same text twice would be noticed."
    plan.room.take(rule, at)
    plan.written[rule.name, place] = plan.written.get((rule.name, place), 0) + 1
    plan.said.add((place, _mark(made)))
    return _in_mode(plan, candidate, made)


def _fresh(plan: Plan, candidate: Candidate, place: str) -> Iterator[Suggestion]:
    """Yield the draft in the variants an organisation has not had lately, none of them in words it ever had by any rule."""
    rule, case = candidate.rule, candidate.case
    template, language = template_of(rule, case, plan.wording, case.relation.person.language)
    earlier = written_to(place, plan.view.network.ledger)
    lately = sum(past.rule == rule.name and past.created_at > plan.view.now - LATELY for past in earlier)
    said = {(place, past.text_mark) for past in earlier} | plan.said
    for variant in range(lately + plan.written.get((rule.name, place), 0), plan.wording.variants(template, language)):
        made = drafted(candidate, plan.wording, variant=variant)
        if (place, _mark(made)) not in said:
            yield made


def _mark(made: Suggestion) -> str:
    return text_mark(made.action.text) if isinstance(made.action, Draft) else ""


def _entry(plan: Plan, candidate: Candidate) -> Suggestion | str:
    """Make a hold, or an invite, at a time that is free; an invite that is announced needs its notice after it has gone out."""
    rule, network = candidate.rule, plan.view.network
    is_told = rule.action == "invite" and is_announced(rule, mode_of(rule, network), candidate.case.relation)
    goes_out = goes_out_at(network.owner, rule, plan.view.now) if is_told else None
    slot = _slot(plan, candidate, goes_out)
    if slot is None:
        return "There is no free time for it in the coming weeks."
    plan.room.take(rule, plan.view.now)
    plan.slots.append(slot)
    if rule.action == "invite":
        return _in_mode(plan, candidate, invited(candidate, plan.wording, slot, goes_out))
    return _in_mode(plan, candidate, held(candidate, plan.wording, slot))


def _slot(plan: Plan, candidate: Candidate, since: datetime | None) -> Slot | None:
    """Find a time for a hold; where there was none for a rule's timing, nobody else's is looked for."""
    case, rule, view = candidate.case, candidate.rule, plan.view
    if not rule.timing.notice and mode_of(rule, view.network) == "review":
        rule = replace(rule, timing=replace(rule.timing, notice=1))  # there is to be time to approve it
    if case.trip is None and since is None and rule.timing in plan.without:
        return None
    relation, gentle = case.relation, is_gentle(view, plan.limits)
    slot = slot_for(
        rule,
        view.network,
        plan.limits,
        view.now,
        relation=relation,
        taken=plan.slots,
        trip=case.trip,
        since=since,
        is_gentle=gentle,
    )
    if slot is None and case.trip is None and since is None and not country_of(relation) and not relation.busy:
        plan.without.add(rule.timing)
    return slot


def _in_mode(plan: Plan, candidate: Candidate, suggestion: Suggestion) -> Suggestion:
    mode: Literal["create", "review"] = "review" if mode_of(candidate.rule, plan.view.network) == "review" else "create"
    return replace(suggestion, mode=mode)


def _order(candidate: Candidate) -> tuple[Sequence[str], bool, str]:
    guest, address = candidate.case.guest, address_of(candidate.case)
    return _group(candidate), not (guest is not None and guest.is_organizer), address.email if address else ""


def _group(candidate: Candidate) -> Sequence[str]:
    """Name the draft a candidate belongs to: the same meeting, the same organisation, and a guest list that is no secret."""
    case, rule = candidate.case, candidate.rule
    if rule.action != "draft" or case.meeting is None:
        return (rule.name, case.cause, case.relation.person.id)
    alone = case.relation.person.id if case.meeting.has_hidden_attendees else ""
    return (rule.name, case.cause, organisation_of(case), alone)
