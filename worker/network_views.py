"""The network as `people` shows it: every person with rhythm and standing, what is no person, and who may be one and the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, update

from rules.network import Owner, Relation
from rules.rhythm import lapse_probability, rhythm
from rules.standing import standing
from worker.json_views import PairView, PersonView
from worker.store import identities, network
from worker.store import people as stored
from worker.store.introducing import holders
from worker.store.tables import link
from worker.views import chance, days, other

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HORIZON = timedelta(days=90)
SLICE = 500
"""People loaded at once: memory stays flat in a network of thousands."""


def people(connection: Connection, owner: Owner, now: datetime, *, is_all: bool) -> tuple[PersonView, ...]:
    """Return the persons of the network, the latest contact first; with `is_all` the owner, machines, lists and rooms below."""
    views = [_view(relation, shift, now) for part, shift in everyone(connection, owner, now) for relation in part]
    views.sort(key=lambda view: (-(view.last_interaction or EPOCH).timestamp(), view.name or "", view.addresses))
    return (*views, *_others(connection, owner)) if is_all else tuple(views)


def everyone(connection: Connection, owner: Owner, now: datetime) -> Iterator[tuple[Sequence[Relation], float]]:
    """Yield the whole network a slice at a time, each with the shift of the owner."""
    ids = [each.id for each in stored.people(connection, owner.name)]
    for begin in range(0, len(ids), SLICE):
        part = ids[begin : begin + SLICE]
        loaded = network.load(connection, owner, now, person_ids=part)
        by_id = {relation.person.id: relation for relation in loaded.relations}
        yield [by_id[each] for each in part if each in by_id], loaded.shift


def _view(relation: Relation, shift: float, now: datetime) -> PersonView:
    person = relation.person
    contacts = relation.contacts
    return PersonView(
        name=person.name or None,
        addresses=person.addresses,
        kind=person.kind,
        reason=person.reason or None,
        circle=person.circle or None,
        interactions=relation.interactions,
        last_interaction=relation.last_at,
        next_meeting=relation.next_meeting.start if relation.next_meeting else None,
        rhythm_days=days(rhythm(contacts)),
        p_lapsed_90=chance(lapse_probability(contacts, now=now, horizon=HORIZON, shift=shift)) if contacts else None,
        state=standing(relation, now),
    )


def _others(connection: Connection, owner: Owner) -> list[PersonView]:
    own = other(owner.full_name, tuple(each.email for each in owner.addresses), "owner", "You.")
    seen = [other(each.name, (each.email,), each.kind, each.reason) for each in stored.others(connection, owner.name)]
    return [own, *(view for view in seen if view.kind != "owner")]


def doubtful(connection: Connection, owner: str) -> tuple[PairView, ...]:
    """Return the pairs of addresses that may be one person's and that the owner has not been asked about."""
    unsure = [each for each in identities.links(connection, owner) if each.verdict == "unsure"]
    whose = holders(connection, owner, {key for each in unsure for key in (each.a, each.b)})
    apart = (each for each in unsure if each.a not in whose or whose[each.a] != whose.get(each.b))
    return tuple(PairView(one=each.a, other=each.b, reason=each.reason) for each in apart)


def keep_apart(connection: Connection, owner: str, pair: PairView) -> None:
    """Note the owner's word that two addresses are two persons."""
    same = (link.c.owner == owner, link.c.a == pair.one, link.c.b == pair.other)
    connection.execute(update(link).where(*same).values(verdict="different", by="owner"))
