"""Notes: what the owner told us about a person, and the little we note ourselves where no fact can hold it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, cast

from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, insert, select, update

from worker.store.mapping import instant, maybe_instant, micros, plain
from worker.store.tables import note

NoteKind = Literal["touch", "give", "ask", "promise", "dead", "month"]
"""In touch where no mail shows it; given; asked; promised; an address that bounced; chosen for a month."""
_OF_KIND: Final = (
    select(note).where(note.c.owner == bindparam("whose"), note.c.kind == bindparam("of_kind")).order_by(note.c.at, note.c.id)
)
"""Built once: it is run several times for every mail, and building it takes longer than running it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One note as it is stored."""

    id: int
    kind: NoteKind
    person: str
    """Id of the person it was made for; "" where only an address, or nobody known, was named."""
    address: str
    """A match key of theirs: a merge or a split may have given it to somebody else."""
    at: datetime
    text: str
    due_at: datetime | None
    closed_at: datetime | None


def add(
    connection: Connection,
    owner: str,
    kind: NoteKind,
    *,
    address: str,
    at: datetime,
    person: str = "",
    text: str = "",
    due_at: datetime | None = None,
) -> bool:
    """Note something, once: the same kind, address, instant and text is there already = False."""
    row: dict[str, Any] = {"owner": owner, "kind": kind, "address": address, "at": micros(at), "text": plain(text)}
    same = select(note.c.id).where(*(note.c[name] == value for name, value in row.items()))
    if connection.execute(same).first() is not None:
        return False
    connection.execute(insert(note), row | {"person": person, "due_at": None if due_at is None else micros(due_at)})
    return True


def read(connection: Connection, owner: str, kind: NoteKind) -> list[Note]:
    """List the notes of one kind, oldest first."""
    return [_stored(row) for row in connection.execute(_OF_KIND, {"whose": owner, "of_kind": kind})]


def close(connection: Connection, owner: str, ids: Collection[int], now: datetime) -> int:
    """Close notes that are open; says how many."""
    mine = update(note).where(note.c.owner == owner, note.c.id.in_(ids), note.c.closed_at.is_(None))
    return connection.execute(mine.values(closed_at=micros(now))).rowcount


def erase(connection: Connection, owner: str, *which: ColumnElement[bool]) -> None:
    """Delete notes; of a promise an empty, closed row stays, so that the others keep the numbers the owner knows them by."""
    these = note.c.owner == owner, *which
    connection.execute(delete(note).where(*these, note.c.kind != "promise"))
    empty = {"person": "", "address": "", "text": "", "at": 0, "due_at": None, "closed_at": 0}
    connection.execute(update(note).where(*these).values(empty))


def _stored(row: Row[*tuple[Any, ...]]) -> Note:
    return Note(
        id=row.id,
        kind=cast("NoteKind", row.kind),
        person=row.person,
        address=row.address,
        at=instant(row.at),
        text=row.text,
        due_at=maybe_instant(row.due_at),
        closed_at=maybe_instant(row.closed_at),
    )
