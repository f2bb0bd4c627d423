"""Decide for a person or for everybody, write nothing, and keep only the words: preview, why and why-not."""

from __future__ import annotations

from rules import engine
from rules.network import Network
from rules.rulebook import Rulebook
from worker import views
from worker.config import owner_of, rulebook_for
from worker.json_views import AnswerView, SuggestionView
from worker.queries import person_called
from worker.store import network, people
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
        return views.answer(engine.why(loaded, _rulebook(here), here.now, here.app.wording, person_id=person))
    return views.answer(engine.why_not(loaded, _rulebook(here), here.now, here.app.wording, person_id=person))


def _network(here: Here, person: str | None) -> Network:
    owner = owner_of(here.app.config, here.name)
    with here.app.store.read() as connection:
        ids = [each.id for each in people.people(connection, here.name)] if person is None else [person]
        return network.load(connection, owner, here.now, person_ids=ids)


def _rulebook(here: Here) -> Rulebook:
    return rulebook_for(here.app.config, here.name, here.app.rulebook)
