"""From what rules and outbox say to what --json prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, assert_never

from rules.engine import Explanation
from rules.network import Kind, Person
from rules.suggestions import Action, Draft, Evidence, Hold, Invite, Suggestion
from worker.json_views import (
    AnswerView,
    FactView,
    NamedView,
    PersonView,
    SuggestionView,
)
from worker.store.entry import VETO, Entry, may_go


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
        goes_out_at=suggestion.due_at if suggestion.announcement else None,
        waits_for_you=False,
        due_at=None,
    )


def previewed(suggestion: Suggestion, people: Mapping[str, Person], now: datetime) -> SuggestionView:
    """Show a suggestion that would be planned now, and whether it would wait for its owner."""
    is_free = may_go(suggestion)
    return replace(planned(suggestion, people), waits_for_you=not is_free, due_at=suggestion.due_at or now if is_free else None)


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
        person=person or NamedView(name=entry.name or None, addresses=(entry.address,) if entry.address else ()),
        at=entry.at,
        subject=subject,
        text=text,
        why=entry.why,
        evidence=facts(entry.evidence),
        goes_out_at=entry.due_at if entry.mode == VETO and entry.state == "approved" else None,
        waits_for_you=entry.state == "planned",
        due_at=entry.due_at if entry.state == "approved" else None,
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
    return AnswerView(who=explanation.who or None, sentence=explanation.sentence, facts=facts(explanation.facts))


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
