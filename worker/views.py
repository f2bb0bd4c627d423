"""From what rules, outbox and trial say to what --json prints."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, assert_never

from rules.engine import Explanation
from rules.network import Kind, Person
from rules.suggestions import Action, Draft, Evidence, Hold, Invite, Suggestion
from worker.json_views import (
    AnswerView,
    CountView,
    FactView,
    MessagesView,
    NamedView,
    PersonView,
    SuggestionView,
    TrialView,
)
from worker.store.entry import Entry
from worker.trial import Tally, TrialPerson, TrialReport


def planned(suggestion: Suggestion, people: Mapping[str, Person]) -> SuggestionView:
    """Show a suggestion that has only been thought of."""
    person = people.get(suggestion.person_id)
    subject, text = worded(suggestion.action)
    return SuggestionView(
        key=suggestion.key,
        rule=suggestion.rule,
        action=action_name(suggestion.action),
        account=None,
        state="planned",
        close_reason=None,
        remote_id=None,
        person=named(person, suggestion.address),
        at=suggestion.due_at if isinstance(suggestion.action, Draft) else suggestion.action.start,
        subject=subject,
        text=text,
        why=suggestion.why,
        evidence=facts(suggestion.evidence),
    )


def stored(entry: Entry, person: NamedView | None) -> SuggestionView:
    """Show a suggestion of the outbox."""
    subject, text = worded(entry.action)
    return SuggestionView(
        key=entry.key,
        rule=entry.rule,
        action=action_name(entry.action),
        account=entry.account or None,
        state=entry.state,
        close_reason=entry.close_reason,
        remote_id=entry.saved.remote_id if entry.saved else None,
        person=person or NamedView(name=None, addresses=(entry.address,)),
        at=entry.at,
        subject=subject,
        text=text,
        why=entry.why,
        evidence=facts(entry.evidence),
    )


def named(person: Person | None, address: str) -> NamedView:
    """Name a person in passing, by the address alone where nothing else is known."""
    if person is None:
        return NamedView(name=None, addresses=(address,))
    return NamedView(name=person.name or None, addresses=person.addresses)


def action_name(action: Action) -> Literal["draft", "hold", "invite"]:
    """Name the kind of an action."""
    match action:
        case Draft():
            return "draft"
        case Hold():
            return "hold"
        case Invite():
            return "invite"
        case _:
            assert_never(action)


def worded(action: Action) -> tuple[str, str]:
    """Return subject and text of a draft, title and description of a hold or invite."""
    return (action.subject, action.text) if isinstance(action, Draft) else (action.title, action.description)


def facts(evidence: tuple[Evidence, ...]) -> tuple[FactView, ...]:
    """Show the facts behind an answer."""
    return tuple(FactView(text=each.text, ref=each.ref or None, at=each.at) for each in evidence)


def answer(explanation: Explanation) -> AnswerView:
    """Show why, or why not."""
    return AnswerView(who=explanation.who, sentence=explanation.sentence, facts=facts(explanation.facts))


def trial(report: TrialReport) -> TrialView:
    """Show what `try` found."""
    people = {person.person.id: person.person for person in report.people}
    return TrialView(
        owner_addresses=report.owner_addresses,
        messages=_tally(report.messages),
        events=_tally(report.events),
        people=tuple(trial_person(person) for person in report.people),
        suggestions=tuple(planned(suggestion, people) for suggestion in report.decision.suggestions),
    )


def trial_person(tried: TrialPerson) -> PersonView:
    """Show one person as `try` found them."""
    return PersonView(
        name=tried.person.name or None,
        addresses=tried.person.addresses,
        kind=tried.person.kind,
        reason=tried.person.reason or None,
        circle=tried.person.circle or None,
        interactions=tried.interactions,
        last_interaction=tried.last_at,
        next_meeting=tried.next_meeting_at,
        rhythm_days=days(tried.rhythm),
        p_lapsed_90=chance(tried.p_lapsed_90),
        state=tried.state,
    )


def other(name: str, addresses: tuple[str, ...], kind: Kind, reason: str) -> PersonView:
    """Show a machine, list, room or the owner: nobody one could lose touch with."""
    return PersonView(
        name=name or None,
        addresses=addresses,
        kind=kind,
        reason=reason or None,
        circle=None,
        interactions=0,
        last_interaction=None,
        next_meeting=None,
        rhythm_days=None,
        p_lapsed_90=None,
        state=None,
    )


def days(span: timedelta | None) -> float | None:
    """Return days with one decimal."""
    return None if span is None else round(span / timedelta(days=1), 1)


def chance(probability: float | None) -> float | None:
    """Return a chance with three decimals: more would only look exact."""
    return None if probability is None else round(probability, 3)


def _tally(tally: Tally) -> MessagesView:
    return MessagesView(
        read=tally.read,
        stored=tally.stored,
        duplicates=tally.duplicates,
        skipped=tuple(CountView(reason=skip.reason, count=skip.count) for skip in tally.skipped),
    )
