"""Context: what a relation is seen with beside the history of the two: who introduced them, where they last met, what was given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile

from sqlalchemy import Connection, select

from rules.addresses import match_key
from rules.interactions import ALL_HANDS
from rules.introductions import Introduction, introduced_by, may_introduce
from rules.network import Relation, Trip
from rules.people import OwnerKeys
from worker.store.introducing import holders, introductions, known_since
from worker.store.mapping import micros
from worker.store.meetings import Name
from worker.store.places import cities
from worker.store.statements import chunks
from worker.store.tables import attendance

THANKS = frozenset({"thank_you", "organiser_thanks", "introduction_thanks", "introduction_paid_off"})
"""Rules whose draft, once sent, is something given."""
LATELY = timedelta(days=14)
"""An introduction so recent may still be thanked for: whom it made known is looked at with who made it."""


def complete(
    connection: Connection, owner: str, found: Sequence[Relation], known_as: OwnerKeys, trips: Iterable[Trip], now: datetime
) -> list[Relation]:
    """Add to relations who introduced whom, what the owner gave, and while a trip lies ahead where they last met."""
    read = introductions(connection, owner, {key for one in found for key in one.person.addresses}, known_as)
    asked = {each.introducer for some in read.values() for each in some}
    since, held_by = known_since(connection, owner, asked), holders(connection, owner, asked)
    is_travelling = any(trip.place and trip.end > now for trip in trips)
    met = cities(connection, owner, _held(connection, owner, found, now)) if is_travelling else {}
    completed: list[Relation] = []
    for one in found:
        mine = {each.message_id: each for key in one.person.addresses for each in read.get(key, ())}
        by = introduced_by(one.person.addresses, one.first_at, mine.values(), since.get)
        completed.append(
            replace(
                one,
                introduced_by=held_by.get(by.introducer, "") if by is not None else "",
                introduced_at=by.at if by is not None else None,
                gives=one.gives + _given(one, mine.values()),
                last_met_place=met.get(one.person.id, ""),
            )
        )
    return completed


def company(connection: Connection, owner: str, found: Iterable[Relation], now: datetime) -> set[str]:
    """Name those who have to be in view with these relations: who introduced them, and whom they have just introduced."""
    relations = list(found)
    made_known = {
        key
        for one in relations
        for mail in takewhile(lambda mail: mail.at >= now - LATELY, one.mails)
        if mail.direction == "in" and may_introduce(mail.subject)
        for key in map(match_key, mail.others)
    }
    wanted = {*holders(connection, owner, made_known).values(), *(one.introduced_by for one in relations)} - {""}
    return wanted - {one.person.id for one in relations}


def _given(relation: Relation, read: Iterable[Introduction]) -> int:
    """Count introductions the owner made for a person, and thanks they sent them."""
    thanked = sum(past.rule in THANKS and past.close_reason == "done" for past in relation.ledger)
    return thanked + sum(each.is_made_by_owner for each in read)


def _held(connection: Connection, owner: str, found: Iterable[Relation], now: datetime) -> dict[str, Sequence[Name]]:
    """List the held meetings of persons, newest first."""
    whose = {key: one.person.id for one in found for key in one.person.addresses}
    held: dict[str, list[tuple[int, Name]]] = {}
    for some in chunks(sorted(whose)):
        columns = (attendance.c.address, attendance.c.end_at, attendance.c.uid, attendance.c.original_start)
        mine = select(*columns).where(attendance.c.owner == owner, attendance.c.address.in_(some), attendance.c.is_meeting)
        for row in connection.execute(mine.where(attendance.c.end_at <= micros(now), attendance.c.size <= ALL_HANDS)):
            held.setdefault(whose[row.address], []).append((row.end_at, (row.uid, row.original_start)))
    return {who: [name for _, name in sorted(rows, reverse=True)] for who, rows in held.items()}
