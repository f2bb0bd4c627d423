"""Promises of the owner: open until a mail of theirs goes to whom they were made, or they say it is done."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, exists, select, update

from rules.addresses import match_key
from worker.store import notes
from worker.store.judging import touch
from worker.store.mapping import micros
from worker.store.notes import Note
from worker.store.tables import address, note, party, person

_NAMED, _THEIRS = address.alias("named"), address.alias("theirs")
_SAME: Final = select(_THEIRS.c.key).join(_NAMED, (_NAMED.c.owner == _THEIRS.c.owner) & (_NAMED.c.person == _THEIRS.c.person))
_KEYS: Final = _SAME.where(_NAMED.c.owner == note.c.owner, _NAMED.c.key == note.c.address)
_IS_WRITTEN: Final = exists().where(
    party.c.owner == note.c.owner,
    party.c.address.in_(_KEYS) | (party.c.address == note.c.address),
    party.c.direction == "out",
    party.c.sent_at > note.c.at,
)
_CLOSE_KEPT: Final = (
    update(note)
    .where(note.c.owner == bindparam("whose"), note.c.kind == "promise", note.c.closed_at.is_(None), note.c.address != "")
    .where(_IS_WRITTEN)
    .values(closed_at=bindparam("by_now"))
)
"""Built once: it is run for every mail, and building it takes longer than running it."""


def open_(connection: Connection, owner: str) -> list[Note]:
    """List open promises, the one due first first."""
    known = (each for each in notes.read(connection, owner, "promise") if each.closed_at is None)
    return sorted(known, key=lambda each: (each.due_at or each.at, each.id))


def numbered(connection: Connection, owner: str) -> dict[int, Note]:
    """Return open promises by their number among all the owner ever made, the one due first first."""
    numbers = {each.id: number for number, each in enumerate(sorted(notes.read(connection, owner, "promise"), key=_made), start=1)}
    return {numbers[each.id]: each for each in open_(connection, owner)}


def _made(promise: Note) -> int:
    return promise.id


def called(connection: Connection, owner: str, who: str) -> list[str]:
    """Return an address of whom a name means, where it means one person; an address as it is."""
    if key := match_key(who):
        return [key]
    named = select(person.c.id).where(person.c.owner == owner, person.c.name.icontains(who, autoescape=True)).limit(2)
    theirs = [str(each) for each in connection.execute(named).scalars()]
    if len(theirs) != 1:
        return []
    held = select(address.c.key).where(address.c.owner == owner, address.c.person == theirs[0]).order_by(address.c.key)
    return [str(each) for each in connection.execute(held).scalars()]


def follow(connection: Connection, owner: str, now: datetime) -> None:
    """Find whom open promises were made to, and close those that were kept."""
    waiting = open_(connection, owner)
    if waiting:
        _find_whom(connection, owner, waiting, now)
        close_kept(connection, owner, now)


def _find_whom(connection: Connection, owner: str, waiting: Iterable[Note], now: datetime) -> None:
    """Give promises that named nobody known to whoever bears that name by now, and have them reviewed."""
    for each in waiting:
        who, colon, text = each.text.partition(":")
        if each.address or not colon or not (keys := called(connection, owner, who.strip())):
            continue
        values = {"address": keys[0], "text": text.strip()}
        connection.execute(update(note).where(note.c.id == each.id).values(values))
        held = select(address.c.person).where(address.c.owner == owner, address.c.key == keys[0], address.c.person.is_not(None))
        touch(connection, owner, connection.execute(held).scalars().all(), now)


def close_kept(connection: Connection, owner: str, now: datetime) -> int:
    """Close the promises that were followed by a mail of the owner's to the person; says how many."""
    return connection.execute(_CLOSE_KEPT, {"whose": owner, "by_now": micros(now)}).rowcount
