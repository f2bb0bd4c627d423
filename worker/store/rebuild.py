"""Rebuild: all index rows and sums again from the facts; it gives the same rows, a test compares."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from rules.people import OwnerKeys
from worker.store import counters, events, judging, messages, occurrences
from worker.store.accounts import owner_keys
from worker.store.mapping import event_of
from worker.store.statements import chunks, lock_owner
from worker.store.tables import address, attendance, event, occurrence, party

LARGE = 1000
"""Addresses judged, and UIDs laid out, at a time."""


def rebuild(connection: Connection, owner: str, now: datetime, zone: str = "UTC") -> None:
    """Compute parties, counters, judgements, open occurrences and attendance of an owner again from the facts.

    Needed when the owner's addresses change or a release judges better; links, tombstones, what has ended and what the
    owner said about people stay. Everybody is reviewed afterwards, and their sums with them.
    """
    lock_owner(connection, owner)
    known_as = owner_keys(connection, owner)
    connection.execute(delete(party).where(party.c.owner == owner))
    nothing = {"counts": "{}", "names": "{}", "spellings": "{}", "first_at": None, "last_at": None}
    connection.execute(update(address).where(address.c.owner == owner).values(nothing))
    messages.reindex(connection, owner, known_as)
    _rename(connection, owner, known_as)
    occurrences.freeze(connection, owner, now)
    connection.execute(delete(attendance).where(attendance.c.owner == owner))
    connection.execute(delete(occurrence).where(occurrence.c.owner == owner, occurrence.c.is_frozen.is_(False)))
    uids = set(connection.execute(select(event.c.uid).where(event.c.owner == owner).distinct()).scalars())
    for some in chunks(sorted(uids), LARGE):
        occurrences.lay_out(connection, owner, some, known_as, now, zone)
    keys = list(connection.execute(select(address.c.key).where(address.c.owner == owner).order_by(address.c.key)).scalars())
    for some in chunks(keys, LARGE):
        judging.review(connection, owner, some, known_as, now)


def _rename(connection: Connection, owner: str, known_as: OwnerKeys) -> None:
    """Add the names calendars show, event by event."""
    last = 0
    wanted = select(event.c.id, event.c.facts).where(event.c.owner == owner, event.c.account != "")
    while rows := connection.execute(wanted.where(event.c.id > last).order_by(event.c.id).limit(LARGE)).all():
        last = rows[-1].id
        counters.rename(connection, owner, [], events.named((event_of(row.facts) for row in rows), known_as))
