"""Promises of the owner: open until a mail of theirs goes to whom they were made, or they say it is done."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, exists, select, update
from sqlalchemy.orm import aliased

from worker.store import notes
from worker.store.mapping import micros
from worker.store.notes import Note
from worker.store.tables import address, note, party


def open_(connection: Connection, owner: str) -> list[Note]:
    """List open promises, the one due first first."""
    known = (each for each in notes.read(connection, owner, "promise") if each.closed_at is None)
    return sorted(known, key=lambda each: (each.due_at or each.at, each.id))


def close_kept(connection: Connection, owner: str, now: datetime) -> int:
    """Close the promises that were followed by a mail of the owner's to the person; says how many."""
    named, theirs = aliased(address, name="named"), aliased(address, name="theirs")
    same = select(theirs.c.key).join(named, (named.c.owner == theirs.c.owner) & (named.c.person == theirs.c.person))
    keys = same.where(named.c.owner == note.c.owner, named.c.key == note.c.address)
    written = exists().where(
        party.c.owner == note.c.owner,
        party.c.address.in_(keys) | (party.c.address == note.c.address),
        party.c.direction == "out",
        party.c.sent_at > note.c.at,
    )
    waiting = (note.c.owner == owner, note.c.kind == "promise", note.c.closed_at.is_(None), note.c.address != "")
    kept = update(note).where(*waiting, written)
    return connection.execute(kept.values(closed_at=micros(now))).rowcount
