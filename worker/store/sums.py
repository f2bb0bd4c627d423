"""Sums: what is listed of a person without loading their history; a cache, made again at every review."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import BindParameter, Connection, bindparam, func, or_, select, update

from rules.network import Relation
from worker.store import leases
from worker.store.mapping import encode, micros
from worker.store.occurrences import next_end
from worker.store.tables import owner as owners
from worker.store.tables import person

# Statements are built once: they are run for every mail, and building one takes longer than running it.
_WHOSE: Final[BindParameter[str]] = bindparam("whose")
_ONE: Final = update(person).where(person.c.owner == _WHOSE, person.c.id == bindparam("who"))
_SAVE: Final = _ONE.values(sums=bindparam("new_sums"), last_at=bindparam("new_last_at"))
_CLAIM: Final = (
    update(person)
    .where(person.c.owner == _WHOSE)
    .where(or_(person.c.next_review_at <= bindparam("at"), person.c.next_review_at == bindparam("left")))
    .values(next_review_at=bindparam("then"))
    .returning(person.c.id)
)
_SETTLE: Final = _ONE.where(person.c.next_review_at == bindparam("claimed")).values(next_review_at=bindparam("next_at"))
_FIRST: Final = select(func.min(person.c.next_review_at)).where(person.c.owner == _WHOSE)
_DECIDED: Final = (
    update(owners).where(owners.c.id == _WHOSE).values(decided_at=bindparam("at"), next_review_at=bindparam("next_at"))
)


def save(connection: Connection, owner: str, relations: Collection[Relation]) -> None:
    """Keep the sums of the persons just looked at."""
    rows = [
        {
            "whose": owner,
            "who": each.person.id,
            "new_sums": _sums(each),
            "new_last_at": None if each.last_at is None else micros(each.last_at),
        }
        for each in relations
    ]
    if rows:
        connection.execute(_SAVE, rows)


def claim(connection: Connection, owner: str, now: datetime, until: datetime) -> list[str]:
    """Take the persons due for review, and those a review that never came to its end had taken.

    So nobody loses them if we crash, and what happens to them meanwhile is not missed.
    """
    left = leases.swap(connection, f"review:{owner}", until)
    known = {"whose": owner, "at": micros(now), "left": left, "then": micros(until)}
    return sorted(str(each) for each in connection.execute(_CLAIM, known).scalars())


def settle(connection: Connection, owner: str, claimed: datetime, reviews: Mapping[str, datetime | None], now: datetime) -> None:
    """Note when each person taken is to be looked at next, but where something has happened since; and when the owner's network is."""
    known = {"whose": owner, "claimed": micros(claimed)}
    rows = [known | {"who": each, "next_at": None if at is None else micros(at)} for each, at in reviews.items()]
    if rows:
        connection.execute(_SETTLE, rows)
    leases.expire(connection, f"review:{owner}")
    first = connection.execute(_FIRST, {"whose": owner}).scalar()
    end = next_end(connection, owner, now)
    times = [*([] if first is None else [int(first)]), *([] if end is None else [micros(end)])]
    connection.execute(_DECIDED, {"whose": owner, "at": micros(now), "next_at": min(times, default=None)})


def _sums(relation: Relation) -> str:
    instants = {
        "first_at": relation.first_at,
        "last_in_at": relation.last_in_at,
        "last_out_at": relation.last_out_at,
        "next_at": relation.next_meeting.start if relation.next_meeting else None,
    }
    counts = {
        "interactions": relation.interactions,
        "meetings": relation.meetings_held,
        "one_to_ones": relation.one_to_ones_held,
    }
    return encode(counts | {name: micros(at) for name, at in instants.items() if at is not None})
