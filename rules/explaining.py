"""Why and why not: one sentence a tired executive believes, then the facts behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from rules.case import View, silence
from rules.composing import evidence, template_of
from rules.decision import Decision, Explanation, Refusal, judge
from rules.gaps import usually, wanted
from rules.network import Past, Relation
from rules.rhythm import rhythm
from rules.rule import Rulebook
from rules.standing import standing
from rules.suggestions import Evidence
from rules.wording import Wording
from rules.words import called, words_for

SHOWN = 12
"""Facts in one explanation."""


def reason_for(view: View, rulebook: Rulebook, wording: Wording, person_id: str) -> Explanation:
    """Explain what is, or would be, proposed for a person, else where the tie stands."""
    relation = view.people.get(person_id)
    if relation is None:
        return _stranger(person_id)
    open_ = _open(view, relation)
    judged = [one for rule in rulebook.rules for one in judge(view, rule) if one.case.relation.person.id == person_id]
    for one in sorted(judged, key=lambda one: (one.rule.name, one.case.cause) not in open_):
        past = open_.get((one.rule.name, one.case.cause))
        if past is not None or not one.sentence:
            template, language = template_of(one.rule, one.case, wording)
            sentence = wording.why(template, language, words_for([one.case], wording, language))
            facts = (*evidence(one.case), *_of_ledger(past), *_standing(relation))
            return Explanation(who=called(relation), sentence=sentence, facts=_once(facts))
    return Explanation(who=called(relation), sentence=_summary(view, relation), facts=tuple(_standing(relation)))


def _open(view: View, relation: Relation) -> dict[tuple[str, str], Past]:
    """Return what is made or planned for a person, by rule and cause."""
    return {(past.rule, past.cause): past for past in view.ledger_of(relation) if past.state != "closed"}


def reason_for_nothing(decision: Decision, view: View, person_id: str) -> Explanation:
    """Explain why a decision has nothing for a person, from what came nearest to it."""
    relation = view.people.get(person_id)
    if relation is None:
        return _stranger(person_id)
    made = next((one for one in decision.suggestions if person_id in {one.person_id, *one.companions}), None)
    if made is not None:
        return Explanation(who=called(relation), sentence=f"There is something: {made.why}", facts=made.evidence)
    refusals = [refusal for refusal in decision.refusals if refusal.person_id == person_id]
    standing = tuple(_standing(relation))
    if refusals:
        nearest = max(refusals, key=_nearness)
        facts = (*nearest.facts, *(fact for past in _open(view, relation).values() for fact in _of_ledger(past)), *standing)
        return Explanation(who=called(relation), sentence=nearest.sentence, facts=_once(facts))
    if relation.unheld:
        last = relation.unheld[0]
        at = last.start if isinstance(last.start, datetime) else None
        fact = Evidence(text="that entry", ref=f"event:{last.uid}/{last.original_start.isoformat()}", at=at)
        sentence = f"The last entry with {called(relation)} in your calendar does not count as a meeting: {last.reason}."
        return Explanation(who=called(relation), sentence=sentence, facts=(fact, *standing))
    return Explanation(who=called(relation), sentence=_summary(view, relation), facts=standing)


def reason_for_nothing_at_all(decision: Decision, view: View) -> Explanation:
    """Explain why there is nothing today."""
    if decision.suggestions:
        count = len(decision.suggestions)
        facts = tuple(Evidence(text=one.why) for one in decision.suggestions)
        return Explanation(who="", sentence=f"There is something today: {count} in all.", facts=facts)
    if not view.network.relations:
        return Explanation(who="", sentence="Nobody was due for a look today.")
    looked = len({refusal.person_id for refusal in decision.refusals})
    if not looked:
        count = len(view.network.relations)
        return Explanation(who="", sentence=f"Nothing happened with {_people(count)} I looked at that calls for you.")
    told = sorted(decision.refusals, key=_nearness, reverse=True)[:SHOWN]
    first, *others = dict.fromkeys(refusal.sentence for refusal in told)
    sentence = f"I considered {_people(looked)} and left it at that, for example: {first}"
    return Explanation(who="", sentence=sentence, facts=tuple(Evidence(text=each) for each in others))


def _nearness(refusal: Refusal) -> int:
    """Return how far a refusal got: the owner's own word first, then the one that met most conditions."""
    return len(refusal.checked) or 100


def _people(count: int) -> str:
    return "one person" if count == 1 else f"{count} people"


def _stranger(person_id: str) -> Explanation:
    return Explanation(who=person_id, sentence="I know of no exchange in both directions and no held meeting with them.")


def _summary(view: View, relation: Relation) -> str:
    """Say where the tie stands."""
    name, usual, quiet = called(relation), rhythm(relation.contacts), silence(view, relation)
    if relation.person.is_muted:
        return f"You asked me to leave {name} alone."
    if relation.snoozed_until is not None and relation.snoozed_until > view.now:
        return f"You put {name} off until {relation.snoozed_until:%d %B %Y}."
    if relation.next_meeting is not None:
        return f"You meet {name} on {relation.next_meeting.start:%d %B}."
    if quiet is None or relation.last_at is None:
        since = view.network.history_since
        return f"I know of no contact with {name} {f'since {since:%B %Y}' if since else 'yet'}."
    if usual is None and relation.person.cadence is None:
        return f"You and {name} have not been in touch often enough to tell what is usual."
    last = f"You and {name} were last in touch in {relation.last_at:%B %Y}"
    return f"{last}, which is nothing unusual for you two." if standing(relation, view.now) == "in_touch" else f"{last}."


def _standing(relation: Relation) -> Iterator[Evidence]:
    """Yield what there is to know about the tie."""
    person, usual = relation.person, rhythm(relation.contacts)
    if person.reason:
        yield Evidence(text=f"{person.kind}: {person.reason}")
    if relation.last_at is not None:
        yield Evidence(text="last in touch", at=relation.last_at)
    if relation.next_meeting is not None:
        yield Evidence(text="next meeting", at=relation.next_meeting.start)
    if person.cadence is not None:
        yield Evidence(text=f"you want to be in touch {wanted(person.cadence)}")
    if usual is not None:
        yield Evidence(text=f"usually in touch {usually(usual)}")
    yield Evidence(text=_counts(relation.interactions, relation.meetings_held))
    if not relation.is_covered:
        yield Evidence(text="not everything since the last contact has been read yet")


def _counts(contacts: int, meetings: int) -> str:
    if not contacts:
        return "no contact yet"
    of_them = {0: "none of them a meeting", 1: "1 of them a meeting"}.get(meetings, f"{meetings:,} of them meetings")
    return f"{contacts:,} contacts, {of_them}" if contacts > 1 else f"1 contact, {'a meeting' if meetings else 'a mail'}"


def _once(facts: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Say what several conditions ask about once."""
    return tuple(dict.fromkeys(facts))


def _of_ledger(past: Past | None) -> Iterator[Evidence]:
    if past is not None:
        yield Evidence(text=f"{past.action} {past.state}", at=past.at or past.created_at)
