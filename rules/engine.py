"""Decide: from the part of the network that is due to suggestions, each with its trace, and what is still wanted later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby

from rules import first_contact, sharing
from rules.addresses import match_key
from rules.case import Case, View, view_of, wrote_since
from rules.composing import Candidate
from rules.conditions import Checked, check_all
from rules.decision import Decision, Explanation, Judged, Keep, Outcome, Refusal, Trace, Withdraw, judge
from rules.explaining import reason_for, reason_for_nothing, reason_for_nothing_at_all
from rules.gates import mode_of, unwelcome
from rules.inviting import ANNOUNCEMENT, is_announced, over
from rules.network import Network, Relation
from rules.planning import Plan, grouped, plan_for, planned
from rules.rule import Condition, Rule, Rulebook
from rules.suggestions import Draft, Suggestion
from rules.triggers import cases
from rules.wording import Wording
from rules.words import called
from rules.worth import worth

__all__ = [
    "Checked",
    "Decision",
    "Explanation",
    "Keep",
    "Refusal",
    "Trace",
    "Withdraw",
    "still_wanted",
    "suggest",
    "why",
    "why_not",
]

ASKED_FOR = frozenset({first_contact.RULE, sharing.RULE})
"""No rules of the rulebook: the owner named whom the draft is for."""


def suggest(network: Network, rulebook: Rulebook, now: datetime, wording: Wording) -> Decision:
    """Decide for the persons due. Respects caps, ledger, episodes, stops, modes, snoozes, coverage and mutes."""
    view = view_of(network, now)
    judged = [one for rule in rulebook.rules for one in judge(view, rule)]
    plan = plan_for(view, wording, rulebook.limits)
    suggestions: list[Suggestion] = []
    refusals = [_refusal(one) for one in judged if one.sentence]
    for _, holding in groupby((one for one in judged if not one.sentence), key=lambda one: one.rule.name):
        _plan_rule(plan, [Candidate(rule=one.rule, cases=(one.case,)) for one in holding], suggestions, refusals)
    made = {(who, one.rule, one.cause) for one in suggestions for who in (one.person_id, *one.companions)}
    return Decision(
        suggestions=tuple(suggestions),
        refusals=tuple(refusals),
        traces=tuple(_trace(one, made) for one in judged),
    )


def still_wanted(suggestion: Suggestion, network: Network, rulebook: Rulebook, now: datetime) -> Keep | Withdraw:
    """Say whether a suggestion that is not closed is still wanted; asked before delivering and of delivered, untouched objects.

    A person who is not among `network.relations` is not judged: Keep.
    """
    if _is_late(suggestion, network, now):
        return Withdraw(why="Its time has passed.", reason="expired")
    view = view_of(network, now)
    if suggestion.rule == ANNOUNCEMENT:
        return _still_announces(view, rulebook, suggestion)
    if suggestion.rule in ASKED_FOR:
        return _still_asked_for(view, suggestion)
    rule = rulebook.rule(suggestion.rule)
    if rule is None or mode_of(rule, network) == "off":
        return Withdraw(why="You switched this rule off.")
    for relation in _concerned(view, suggestion):
        if why := _objection(view, rule, relation, suggestion):
            return Withdraw(why=why)
        if _is_unasked(view, rule, relation, suggestion):
            return Withdraw(why=f"Without your word nothing goes out to {called(relation)} any more.")
    return Keep()


def _still_announces(view: View, rulebook: Rulebook, suggestion: Suggestion) -> Keep | Withdraw:
    """Say whether the hold that announces an invite is of use: until that has gone out, or no longer will."""
    invite = suggestion.cause.removeprefix("invite:")
    past = next((past for past in view.network.ledger if past.key == invite), None)
    rule = rulebook.rule(past.rule) if past else None
    why = over(view.network, invite, mode_of(rule, view.network) if rule else "off")
    return Withdraw(why=why) if why else Keep()


def _is_unasked(view: View, rule: Rule, relation: Relation, suggestion: Suggestion) -> bool:
    """Tell whether an invite was announced that would by now wait for the owner's word."""
    is_told = any(past.cause == f"invite:{suggestion.key}" for past in view.network.ledger)
    return is_told and not is_announced(rule, mode_of(rule, view.network), relation)


def _still_asked_for(view: View, suggestion: Suggestion) -> Keep | Withdraw:
    """Say whether a draft the owner asked for by name is wanted: until they write themselves, or want the person left alone."""
    for relation in _concerned(view, suggestion):
        if relation.person.is_muted:
            return Withdraw(why=f"You asked me to leave {called(relation)} alone.")
        if isinstance(suggestion.action, Draft) and wrote_since(relation, suggestion.action.date):
            return Withdraw(why="You have written yourself.")
    return Keep()


def _concerned(view: View, suggestion: Suggestion) -> Iterator[Relation]:
    """Yield everyone a suggestion is for, as far as they are in view: whom it names, and whoever a draft is addressed to."""
    named = [view.people.get(who) for who in (suggestion.person_id, *suggestion.companions)]
    if isinstance(suggestion.action, Draft):
        named += [view.holders.get(match_key(to.email)) for to in suggestion.action.to]
    yield from {relation.person.id: relation for relation in named if relation is not None}.values()


def why(network: Network, rulebook: Rulebook, now: datetime, wording: Wording, *, person_id: str) -> Explanation:
    """Explain what is, or would be, proposed for a person, and where the tie stands."""
    return reason_for(view_of(network, now), rulebook, wording, person_id)


def why_not(network: Network, rulebook: Rulebook, now: datetime, wording: Wording, *, person_id: str | None = None) -> Explanation:
    """Explain why nothing is proposed for a person; None = why there is nothing today."""
    decision = suggest(network, rulebook, now, wording)
    if person_id is None:
        return reason_for_nothing_at_all(decision, view_of(network, now))
    return reason_for_nothing(decision, view_of(network, now), person_id)


def _objection(view: View, rule: Rule, relation: Relation, suggestion: Suggestion) -> str:
    """Say in one sentence what speaks against a suggestion by now; "" for nothing."""
    found = (case for case in _cases_of(view, rule, relation) if _is_same_cause(case.cause, suggestion.cause))
    case = next(found, None) or _case_alone(view, rule, relation, suggestion)
    if case is None:
        return _gone(rule)
    if against := next(unwelcome(case, rule), ""):
        return against
    when = [
        one for one in rule.when if case.introduced or not (isinstance(one, Condition) and one.fact.startswith("introduction."))
    ]
    return next((one.sentence for one in check_all(when, case, is_planning=False) if not one.is_met), "")


def _cases_of(view: View, rule: Rule, relation: Relation) -> Iterator[Case]:
    """Yield the cases of a rule that are for a person, also those found in the history of another."""
    sources = view.network.relations if rule.trigger == "introduction_paid_off" else (relation,)
    found = (case for source in sources for case in cases(rule.trigger, view, source))
    return (case for case in found if case.relation.person.id == relation.person.id)


def _case_alone(view: View, rule: Rule, relation: Relation, suggestion: Suggestion) -> Case | None:
    """Return the case of an introduction while only the introducer is in view: the other half is not judged."""
    kind, _, name = suggestion.cause.partition(":")
    if rule.trigger == "introduced":
        mail = next((mail for mail in relation.mails if kind == "message" and mail.message_id == name), None)
        return None if mail is None else Case(view=view, relation=relation, cause=suggestion.cause, at=mail.at, mail=mail)
    if rule.trigger == "introduction_paid_off" and name not in view.holders and isinstance(suggestion.action, Draft):
        return Case(view=view, relation=relation, cause=suggestion.cause, at=suggestion.action.date)
    return None


def _is_same_cause(one: str, other: str) -> bool:
    """Compare causes; a lapse is the same lapse though its episode has moved on, a month's person the same next month."""
    kind = other.partition(":")[0]
    return one == other or (kind in {"lapse", "month"} and one.startswith(f"{kind}:"))


def _gone(rule: Rule) -> str:
    match rule.trigger:
        case "meeting_held" | "first_meeting" | "met_group":
            return "The meeting does not count as held any more."
        case "lapsing" | "dormant" | "one_to_one_missed" | "reply_owed" | "awaiting_reply":
            return "You have been in touch since."
        case "promise_due":
            return "The promise is kept."
        case _:
            return "What it was for is gone."


def _is_late(suggestion: Suggestion, network: Network, now: datetime) -> bool:
    """Tell whether a draft has been there long enough, or a hold was not delivered before it began."""
    if suggestion.expires_at is not None and now >= suggestion.expires_at:
        return True
    if isinstance(suggestion.action, Draft):
        return False
    waiting = any(past.key == suggestion.key and past.state in {"planned", "approved"} for past in network.ledger)
    return waiting and suggestion.action.start <= now


def _plan_rule(plan: Plan, holding: list[Candidate], suggestions: list[Suggestion], refusals: list[Refusal]) -> None:
    """Plan what one rule proposes, the most worthwhile first."""
    kept, left = grouped(holding)
    refusals += [_refused(candidate, why) for candidate, why in left]
    for candidate in _ranked(plan, kept):
        found = planned(plan, candidate)
        if isinstance(found, Suggestion):
            suggestions.append(found)
        else:
            refusals += [_refused(Candidate(rule=candidate.rule, cases=(case,)), found) for case in candidate.cases]


def _ranked(plan: Plan, candidates: list[Candidate]) -> list[Candidate]:
    """Order candidates of one rule, the most worthwhile first; where all or none have room, what they are worth is not asked."""
    if len(candidates) == 1 or candidates[0].rule.action == "draft" or plan.room.full(candidates[0].rule, plan.view.now):
        return sorted(candidates, key=_order)
    return sorted(candidates, key=lambda one: (-_worth(plan, one), *_order(one)))


def _order(candidate: Candidate) -> tuple[datetime, str]:
    return candidate.case.at, candidate.case.relation.person.id


def _worth(plan: Plan, candidate: Candidate) -> float:
    return worth(candidate.case.relation, plan.view.now, plan.view.network.shift)


def _refusal(one: Judged) -> Refusal:
    who = one.case.relation.person.id
    return Refusal(person_id=who, rule=one.rule.name, cause=one.case.cause, sentence=one.sentence, checked=one.checked)


def _refused(candidate: Candidate, why: str) -> Refusal:
    case = candidate.case
    return Refusal(person_id=case.relation.person.id, rule=candidate.rule.name, cause=case.cause, sentence=why)


def _trace(one: Judged, made: set[tuple[str, str, str]]) -> Trace:
    who = one.case.relation.person.id
    outcome: Outcome = "suggested" if (who, one.rule.name, one.case.cause) in made else "refused"
    return Trace(person_id=who, rule=one.rule.name, cause=one.case.cause, checked=one.checked, outcome=outcome)
