"""Absences: leave, holidays and out-of-office answers, as far as they shorten a silence; read only where somebody is silent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, select

from rules.absences import LOOKED_BACK, own_absences, their_absences
from rules.network import Owner, Relation
from rules.rhythm import SHORTEST
from rules.signals import Signal
from rules.trips import LONG
from worker.store.mapping import instant, micros
from worker.store.meetings import Diary
from worker.store.statements import chunks
from worker.store.surroundings import leave_in
from worker.store.tables import message, party


def absent(connection: Connection, owner: Owner, found: Sequence[Relation], diary: Diary) -> list[Relation]:
    """Add to those who are silent when nobody could expect them to be in touch."""
    silent = {one.person.id for one in found if _is_silent(one, diary.now)}
    if not silent:
        return list(found)
    own = own_absences(owner, leave_in(diary.long(diary.now - LOOKED_BACK, diary.now, LONG), diary, owner), diary.now)
    keys = {key for one in found if one.person.id in silent for key in one.person.addresses}
    answered = out_of_office(connection, owner.name, keys, diary.now - LOOKED_BACK, diary.now)
    return [replace(one, away=(*own, *_theirs(one, answered))) if one.person.id in silent else one for one in found]


def _is_silent(relation: Relation, now: datetime) -> bool:
    """Tell whether a silence is so long that it matters how much of it somebody was away."""
    worth_a_look = min(relation.person.cadence or SHORTEST, SHORTEST)
    return relation.last_at is not None and now - relation.last_at > worth_a_look


def _theirs(relation: Relation, answered: Mapping[str, Sequence[datetime]]) -> Sequence[tuple[datetime, datetime]]:
    times = [at for key in relation.person.addresses for at in answered.get(key, ())]
    return their_absences(times, [] if relation.last_in_at is None else [relation.last_in_at])


def out_of_office(
    connection: Connection, owner: str, keys: Collection[str], since: datetime, until: datetime
) -> Mapping[str, Sequence[datetime]]:
    """Return when an automatic answer came from each address."""
    found: dict[str, list[datetime]] = {}
    wanted = (
        select(party.c.address, party.c.sent_at)
        .join(message, message.c.id == party.c.message)
        .where(party.c.owner == owner, party.c.sent_at > micros(since), party.c.sent_at <= micros(until))
        .where(party.c.direction == "none", party.c.role == "from")
        .where(message.c.signals.bitwise_and(int(Signal.ANSWERED_BY_MACHINE)) != 0)
    )
    for some in chunks(sorted(keys)):
        for key, at in connection.execute(wanted.where(party.c.address.in_(some))):
            found.setdefault(key, []).append(instant(at))
    return found
