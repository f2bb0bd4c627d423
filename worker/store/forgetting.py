"""Forgetting: every trace of an address goes, and a keyed hash stays, so that no sync brings it back."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, delete, false, or_, select, update

from worker.store import events, messages, notes
from worker.store.accounts import owner_keys, owner_zone
from worker.store.entry import Entry, entry_of
from worker.store.forgotten import hashed
from worker.store.judging import review
from worker.store.mail_page import Packing
from worker.store.mapping import Origin, decode, encode, event_of, message_of, micros
from worker.store.statements import chunks, insert_ignoring, lock_owner
from worker.store.tables import address, block, event, link, message, note, person, stop, suggestion, tombstone
from worker.store.tombstones import forgotten_by, pepper_of

EMPTIED: Mapping[str, str | tuple[()]] = {
    "title": "", "description": "", "subject": "", "text": "", "html": "", "name": "", "in_reply_to": "", "thread_id": "",
    "to": (), "cc": (), "attendees": (), "references": (),
}  # fmt: skip
"""What of an action names or quotes somebody, or points at a mail of theirs."""


def forget(connection: Connection, owner: str, keys: Sequence[str], now: datetime) -> int:
    """Remove every trace of addresses and leave a keyed hash of each, so that no sync brings them back.

    Returns how many messages and events went or were changed. The ledger keeps keys and states without names or text:
    nothing is made twice. What of ours lies at a provider is to be withdrawn before.
    """
    lock_owner(connection, owner)
    spellings = _spellings(connection, owner, keys)
    pepper = pepper_of(connection)
    graves = [{"owner": owner, "digest": hashed(pepper, "forgotten", owner, key), "at": micros(now)} for key in keys]
    connection.execute(insert_ignoring(connection, tombstone), graves)
    mine = select(address.c.person).where(address.c.owner == owner, address.c.key.in_(keys), address.c.person.is_not(None))
    planned = _planned(connection, owner, keys)
    persons = {*connection.execute(mine).scalars(), *(entry.person for entry in planned)}
    called = {*_names(connection, owner, keys), *(entry.name for entry in planned if entry.name)}
    words = spellings | {name for name in called if " " in name}
    went = _clean_messages(connection, owner, spellings, now) + _clean_events(connection, owner, spellings, now)
    _clear_ledger(connection, owner, keys, persons, words)
    _clear_notes(connection, owner, words)
    _clear_trades(connection, owner, called)
    connection.execute(delete(block).where(block.c.owner == owner, block.c.address.in_(keys)))
    connection.execute(delete(link).where(link.c.owner == owner, or_(link.c.a.in_(keys), link.c.b.in_(keys))))
    connection.execute(delete(address).where(address.c.owner == owner, address.c.key.in_(keys)))
    _drop_persons(connection, owner, persons)
    notes.erase(connection, owner, note.c.address.in_(keys))
    return went


def emptied(payload: str) -> str:
    """Take out of the JSON of an action what names or quotes somebody."""
    action: dict[str, Any] = decode(payload)
    return encode(action | {name: nothing for name, nothing in EMPTIED.items() if name in action})


def _spellings(connection: Connection, owner: str, keys: Sequence[str]) -> set[str]:
    seen = select(address.c.spellings).where(address.c.owner == owner, address.c.key.in_(keys))
    return {*keys, *(each for text in connection.execute(seen).scalars() for each in decode(text))}


def _planned(connection: Connection, owner: str, keys: Sequence[str]) -> list[Entry]:
    """Return what was made for them: retention may have left nothing else that names them."""
    rows = connection.execute(select(suggestion).where(suggestion.c.owner == owner, suggestion.c.address.in_(keys)))
    return [entry_of(row) for row in rows.mappings()]


def _names(connection: Connection, owner: str, keys: Sequence[str]) -> set[str]:
    """Return the names of addresses, also those of a single word: in free text that may be anybody's, or anything."""
    seen = select(address.c.names).where(address.c.owner == owner, address.c.key.in_(keys))
    known = select(person.c.name).join(address, (address.c.owner == person.c.owner) & (address.c.person == person.c.id))
    named = [name for text in connection.execute(seen).scalars() for name in decode(text)]
    named += connection.execute(known.where(address.c.owner == owner, address.c.key.in_(keys))).scalars()
    return {name.strip() for name in named if name.strip()}


def _saying(column: ColumnElement[str], words: Collection[str]) -> ColumnElement[bool]:
    """Match what names one of the words, as text or inside JSON, which escapes some characters."""
    ways = sorted({way for word in words for way in (word, encode(word)[1:-1])})
    return or_(false(), *(column.icontains(way, autoescape=True) for way in ways))


def _naming(connection: Connection, table: Table, owner: str, spellings: Collection[str]) -> list[RowMapping]:
    """Find rows whose facts name one of the spellings: a scan, for something that is seldom asked."""
    named = or_(*(table.c.facts.icontains(each, autoescape=True) for each in sorted(spellings)))
    return list(connection.execute(select(table).where(table.c.owner == owner, named)).mappings())


def _clean_messages(connection: Connection, owner: str, spellings: Collection[str], now: datetime) -> int:
    forgotten, known_as = forgotten_by(connection, owner), owner_keys(connection, owner)
    rows = _naming(connection, message, owner, spellings)
    for origin, some in _by_origin(rows).items():
        found = [message_of(row) for row in some]
        theirs = [each.remote_id for each in found if forgotten.is_theirs(each)]
        page = Packing(known_as=known_as, forgotten=forgotten).page(found)
        touched = messages.apply(connection, origin, page, theirs, known_as)
        review(connection, owner, touched, known_as, now)
    return len(rows)


def _clean_events(connection: Connection, owner: str, spellings: Collection[str], now: datetime) -> int:
    forgotten, known_as, zone = forgotten_by(connection, owner), owner_keys(connection, owner), owner_zone(connection, owner)
    rows = _naming(connection, event, owner, spellings)
    for origin, some in _by_origin([row for row in rows if row["account"]]).items():
        found = forgotten.events([event_of(row["facts"]) for row in some])
        touched = events.apply(connection, origin, found, (), known_as, now, zone=zone, is_first_read=False)
        review(connection, owner, touched, known_as, now)
    touched = events.clean_kept(connection, owner, forgotten, _naming(connection, event, owner, spellings), known_as, now, zone)
    review(connection, owner, touched, known_as, now)
    return len(rows)


def _by_origin(rows: Sequence[RowMapping]) -> dict[Origin, list[RowMapping]]:
    found: dict[Origin, list[RowMapping]] = {}
    for row in rows:
        origin = Origin(owner=row["owner"], account=row["account"], feed=row["feed"], generation=row["generation"])
        found.setdefault(origin, []).append(row)
    return found


def _clear_ledger(
    connection: Connection, owner: str, keys: Sequence[str], persons: Collection[str], words: Collection[str]
) -> None:
    """Empty what is for them, also together with others, and what only speaks of them."""
    said = [_saying(column, words) for column in (suggestion.c.payload, suggestion.c.why, suggestion.c.evidence, suggestion.c.note)]
    about = or_(suggestion.c.address.in_(keys), suggestion.c.person.in_(persons), *said)
    rows = connection.execute(select(suggestion.c.key, suggestion.c.payload).where(suggestion.c.owner == owner, about)).all()
    for key, payload in rows:
        silent = {"payload": emptied(payload), "why": "", "evidence": "[]", "note": "", "address": "", "error": ""}
        connection.execute(update(suggestion).where(suggestion.c.key == key).values(silent))
        waiting = (suggestion.c.key == key, suggestion.c.state.in_(("planned", "approved")))
        connection.execute(update(suggestion).where(*waiting).values(state="closed", close_reason="dismissed"))


def _clear_notes(connection: Connection, owner: str, words: Collection[str]) -> None:
    """Take them out of what is noted of others: whom they were chosen before, and the owner's own words."""
    rows = select(note.c.id, note.c.kind, note.c.text).where(note.c.owner == owner, _saying(note.c.text, words))
    for number, kind, text in connection.execute(rows).all():
        connection.execute(update(note).where(note.c.id == number).values(text=_silent(text, words) if kind == "month" else ""))


def _clear_trades(connection: Connection, owner: str, names: Collection[str]) -> None:
    """Take them out of whom a month preferred to whom: those lines are ours and call people by name, also by a single word."""
    spoken = [re.compile(rf"(?<!\w){re.escape(name.strip())}(?!\w)", re.IGNORECASE) for name in names]
    rows = select(note.c.id, note.c.text).where(note.c.owner == owner, note.c.kind == "month")
    for number, text in connection.execute(rows).all():
        said: dict[str, Any] = decode(text)
        kept = [line for line in said.get("trades", ()) if not any(each.search(line) for each in spoken)]
        if kept != said.get("trades", []):
            connection.execute(update(note).where(note.c.id == number).values(text=encode(said | {"trades": kept})))


def _silent(text: str, words: Collection[str]) -> str:
    """Leave out of a month's note the sentences that name one of the words."""
    said: dict[str, Any] = decode(text)
    trades = [each for each in said.get("trades", ()) if not any(word.casefold() in each.casefold() for word in words)]
    return encode(said | {"trades": trades})


def _drop_persons(connection: Connection, owner: str, persons: Collection[str]) -> None:
    held = select(address.c.person).where(address.c.owner == owner, address.c.person.in_(persons))
    gone = sorted(set(persons) - set(connection.execute(held).scalars()))
    for some in chunks(gone):
        connection.execute(delete(person).where(person.c.owner == owner, person.c.id.in_(some)))
        connection.execute(delete(stop).where(stop.c.owner == owner, stop.c.person.in_(some)))
        notes.erase(connection, owner, note.c.person.in_(some))
