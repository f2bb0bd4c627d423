"""Decide for a person or for everybody, write nothing, and keep only the words: preview, why and why-not."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from rules import engine
from rules.network import Network
from rules.reciprocity import balance
from rules.rulebook import Rulebook
from rules.suggestions import Evidence
from worker import remembered, views
from worker.config import owner_of, rulebook_for
from worker.json_choices import RuleView
from worker.json_views import AnswerView, SuggestionView
from worker.queries import called
from worker.store import network, outbox, people
from worker.store.endings import ACCEPTED, DISCARDED, LAPSED, ends, modes
from worker.store.entry import Entry
from worker.store.people import StoredPerson
from worker.verbs.opened import Here


def decided(here: Here) -> tuple[engine.Decision, Network]:
    """Decide for everybody as of now; the network is what was looked at."""
    loaded = _network(here, None)
    return engine.suggest(loaded, _rulebook(here), here.now, here.app.wording), loaded


def previewed(here: Here) -> tuple[SuggestionView, ...]:
    """Return what would be planned now."""
    decision, loaded = decided(here)
    known = {relation.person.id: relation.person for relation in loaded.relations}
    return tuple(views.previewed(each, known, here.now) for each in decision.suggestions)


def explained(here: Here, who: str | None, *, is_not: bool) -> AnswerView:
    """Answer why, or why not, for WHO; without WHO why there is nothing today. Raises Refusal where nobody is meant."""
    if not who:
        return views.answer(engine.why_not(_network(here, None), _rulebook(here), here.now, here.app.wording))
    meant = here.read(lambda connection: called(connection, here.name, who))
    keeps = here.settings.retention
    if not isinstance(meant, StoredPerson):
        return views.answer(remembered.alone(meant, here.now, keeps, is_not=is_not))
    made, loaded = here.read(lambda connection: _open(connection, here.name, meant.id)), _network(here, meant.id)
    if made and not any(one.last_at for one in loaded.relations if one.person.id == meant.id):
        return views.answer(remembered.alone(made, here.now, keeps, is_not=is_not))
    if is_not:
        return views.answer(engine.why_not(loaded, _rulebook(here), here.now, here.app.wording, person_id=meant.id))
    found = engine.why(loaded, _rulebook(here), here.now, here.app.wording, person_id=meant.id)
    balances = (balance(one).sentence for one in loaded.relations if one.person.id == meant.id)
    found = replace(found, facts=(*found.facts, *(Evidence(text=text) for text in balances if text)))
    return views.answer(remembered.beside(found, made, here.now, keeps))


def _open(connection: Connection, owner: str, person: str) -> list[Entry]:
    """Return what is open for a person, by whichever address it was made."""
    keys = people.keys_of(connection, owner, person)
    return [each for each in outbox.read_all(connection, owner) if each.person == person or each.address in keys]


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
