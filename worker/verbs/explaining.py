"""Decide for a person or for everybody, write nothing, and keep only the words: preview, why and why-not."""

from __future__ import annotations

from dataclasses import replace

from rules import engine
from rules.network import Network
from rules.reciprocity import balance
from rules.rulebook import Rulebook
from rules.suggestions import Evidence
from worker import views
from worker.config import owner_of, rulebook_for
from worker.json_choices import RuleView
from worker.json_views import AnswerView, SuggestionView
from worker.queries import person_called
from worker.store import network, people
from worker.store.endings import ACCEPTED, DISCARDED, LAPSED, ends, modes
from worker.verbs.opened import Here


def decided(here: Here) -> tuple[engine.Decision, Network]:
    """Decide for everybody as of now; the network is what was looked at."""
    loaded = _network(here, None)
    return engine.suggest(loaded, _rulebook(here), here.now, here.app.wording), loaded


def previewed(here: Here) -> tuple[SuggestionView, ...]:
    """Return what would be planned now."""
    decision, loaded = decided(here)
    known = {relation.person.id: relation.person for relation in loaded.relations}
    return tuple(views.planned(each, known) for each in decision.suggestions)


def explained(here: Here, who: str | None, *, is_not: bool) -> AnswerView:
    """Answer why, or why not, for WHO; without WHO why there is nothing today. Raises Refusal where nobody is meant."""
    person = here.read(lambda connection: person_called(connection, here.name, who).id) if who else None
    loaded = _network(here, person)
    if person is not None and not is_not:
        found = engine.why(loaded, _rulebook(here), here.now, here.app.wording, person_id=person)
        balances = (balance(one).sentence for one in loaded.relations if one.person.id == person)
        return views.answer(replace(found, facts=(*found.facts, *(Evidence(text=text) for text in balances if text))))
    return views.answer(engine.why_not(loaded, _rulebook(here), here.now, here.app.wording, person_id=person))


def rules_of(here: Here) -> tuple[RuleView, ...]:
    """Return what became of what each rule made, and how it runs now."""
    with here.app.store.read() as connection:
        ended, said = ends(connection, here.name), modes(connection, here.name)
    return tuple(
        RuleView(
            rule=rule.name,
            mode=said[rule.name].mode if rule.name in said else rule.mode,
            reason=said[rule.name].reason or None if rule.name in said else None,
            waiting=ended[rule.name]["planned"],
            accepted=sum(ended[rule.name][each] for each in ACCEPTED),
            discarded=sum(ended[rule.name][each] for each in DISCARDED),
            lapsed=sum(ended[rule.name][each] for each in LAPSED),
        )
        for rule in _rulebook(here).rules
    )


def _network(here: Here, person: str | None) -> Network:
    owner = owner_of(here.app.config, here.name)
    with here.app.store.read() as connection:
        ids = [each.id for each in people.people(connection, here.name)] if person is None else [person]
        return network.load(connection, owner, here.now, person_ids=ids)


def _rulebook(here: Here) -> Rulebook:
    return rulebook_for(here.app.config, here.name, here.app.rulebook)
