"""People: which addresses are judged to be whom, what the owner says about them, and who is due for review."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Row, Select, func, or_, select, update

from rules import names
from rules.addresses import match_key
from rules.names import best_name
from rules.network import Kind
from worker.store import identities
from worker.store.forgetting import forget
from worker.store.identities import links
from worker.store.judging import call, touch, wake
from worker.store.mapping import EPOCH, decode, encode, maybe_instant, micros, plain
from worker.store.statements import chunks, insert_ignoring
from worker.store.tables import address, person

__all__ = [
    "StoredAddress",
    "StoredPerson",
    "describe",
    "find",
    "forget",
    "introduce",
    "keys_of",
    "links",
    "merge",
    "others",
    "people",
    "snooze",
    "split",
    "touch",
    "touch_all",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPerson:
    """One person as the store lists them, with the sums of their history at the last review."""

    id: str
    owner: str
    name: str
    addresses: tuple[str, ...]
    kind: Kind = "human"
    reason: str = ""
    circle: str = ""
    cadence_days: int | None = None
    is_key: bool = False
    is_muted: bool = False
    mute_reason: str = ""
    episode: int = 0
    snoozed_until: datetime | None = None
    next_review_at: datetime | None = None
    interactions: int = 0
    meetings: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAddress:
    """One address ever seen, also of machines, lists, rooms and those not known yet."""

    key: str
    email: str
    name: str
    kind: Kind
    reason: str
    person: str | None
    first_at: datetime | None
    last_at: datetime | None


def find(connection: Connection, owner: str, who: str) -> list[StoredPerson]:
    """Find persons by id, address, full name or part of a name; an exact match hides the partial ones.

    Accents count only where somebody is found with them: else Lucia finds Lucía.
    """
    who = plain(who)  # a terminal may say what is no UTF-8
    key, text = match_key(who), who.strip().casefold()
    by_address = select(address.c.person).where(address.c.owner == owner, address.c.key == key)
    exact = _load(connection, _persons(owner).where(or_(person.c.id == who, person.c.id.in_(by_address))))
    if exact or not text:
        return exact
    named = _load(connection, _persons(owner).where(person.c.name.icontains(who.strip(), autoescape=True)))
    if named:
        return [each for each in named if each.name.casefold() == text] or named
    return _folded(connection, owner, text)


def _folded(connection: Connection, owner: str, text: str) -> list[StoredPerson]:
    """Find persons by name in any case, else whatever its accents are: no database folds them, so every name is looked at."""
    rows = connection.execute(select(person.c.id, person.c.name).where(person.c.owner == owner)).all()
    for fold in (str.casefold, names.plain):
        wanted = fold(text)
        like = {row.id: name for row in rows if wanted in (name := fold(row.name))}
        if found := [each for each, name in like.items() if name == wanted] or list(like):
            return [each for some in chunks(found) for each in _load(connection, _persons(owner).where(person.c.id.in_(some)))]
    return []


def people(connection: Connection, owner: str) -> list[StoredPerson]:
    """List the persons of the network, the latest interaction first."""
    return _load(connection, _persons(owner))


def others(connection: Connection, owner: str) -> list[StoredAddress]:
    """List the addresses that are no person of the network, each with the reason."""
    rows = select(address).where(address.c.owner == owner, address.c.person.is_(None)).order_by(address.c.kind, address.c.key)
    return [
        StoredAddress(
            key=row.key,
            email=row.email,
            name=best_name(decode(row.names)),
            kind=cast("Kind", row.kind),
            reason=row.reason,
            person=None,
            first_at=maybe_instant(row.first_at),
            last_at=maybe_instant(row.last_at),
        )
        for row in connection.execute(rows)
    ]


def describe(
    connection: Connection,
    owner: str,
    person_id: str,
    *,
    circle: str | None = None,
    cadence_days: int | None = None,
    is_key: bool | None = None,
    mute_reason: str | None = None,
) -> None:
    """Note what the owner says about a person, and have them reviewed.

    None leaves a thing as it is, cadence 0 and an empty mute_reason end it.
    """
    values: dict[str, Any] = {}
    if circle is not None:
        values["circle"] = circle
    if cadence_days is not None:
        values["cadence_days"] = cadence_days or None
    if is_key is not None:
        values["is_key"] = is_key
    if mute_reason is not None:
        values |= {"is_muted": bool(mute_reason), "mute_reason": mute_reason}
    if values:
        connection.execute(update(person).where(person.c.owner == owner, person.c.id == person_id).values(values))
        touch(connection, owner, [person_id], EPOCH)


def snooze(connection: Connection, owner: str, person_id: str, until: datetime | None) -> None:
    """Be silent about a person until then; None ends it."""
    values = {"snoozed_until": None if until is None else micros(until)}
    connection.execute(update(person).where(person.c.owner == owner, person.c.id == person_id).values(values))
    if until is not None:
        touch(connection, owner, [person_id], until)


def keys_of(connection: Connection, owner: str, person_id: str) -> frozenset[str]:
    """Return the match keys of a person."""
    mine = select(address.c.key).where(address.c.owner == owner, address.c.person == person_id)
    return frozenset(connection.execute(mine).scalars())


def merge(connection: Connection, owner: str, keep: str, other: str) -> None:
    """Say that two persons are one: a link between their addresses, by the owner; `split` takes it back."""
    identities.merge(connection, owner, keep, other)
    call(connection, owner, [keep])
    touch(connection, owner, [keep], EPOCH)


def split(connection: Connection, owner: str, person_id: str, key: str) -> str:
    """Say that an address (match key) is somebody else's, for good; return the id of that person."""
    found = identities.split(connection, owner, person_id, key)
    call(connection, owner, [person_id, found])
    touch(connection, owner, [person_id, found], EPOCH)
    return found


def introduce(connection: Connection, owner: str, email: str, *, name: str = "") -> str | None:
    """Make a person of an address the owner names, seen or not; return their id, None for what is no address."""
    key = match_key(email)
    if not key:
        return None
    fresh = {"owner": owner, "key": key, "email": email, "kind": "human", "reason": "you named them"}
    fresh["names"] = encode({name: 1}) if name else "{}"
    connection.execute(insert_ignoring(connection, address), [fresh])
    touched = identities.assign(connection, owner, [key])
    call(connection, owner, touched)
    touch(connection, owner, touched, EPOCH)
    found = connection.execute(select(address.c.person).where(address.c.owner == owner, address.c.key == key)).scalar()
    return None if found is None else str(found)


def touch_all(connection: Connection, owner: str, at: datetime) -> None:
    """Have everybody reviewed: the rulebook or the owner's settings have changed."""
    later = or_(person.c.next_review_at.is_(None), person.c.next_review_at > micros(at))
    connection.execute(update(person).where(person.c.owner == owner, later).values(next_review_at=micros(at)))
    wake(connection, owner, at)


def _persons(owner: str) -> Select[*tuple[Any, ...]]:
    held = select(address.c.person).where(address.c.owner == owner, address.c.person.is_not(None))
    mine = select(person).where(person.c.owner == owner, person.c.id.in_(held))
    return mine.order_by(func.coalesce(person.c.last_at, 0).desc(), person.c.id)


def _load(connection: Connection, wanted: Select[*tuple[Any, ...]]) -> list[StoredPerson]:
    rows = connection.execute(wanted).all()
    emails: dict[str, list[str]] = {}
    for some in chunks([row.id for row in rows]):
        seen = select(address.c.person, address.c.email).where(address.c.owner == rows[0].owner, address.c.person.in_(some))
        newest_first = seen.order_by(func.coalesce(address.c.last_at, 0).desc(), address.c.key)
        for person_id, email in connection.execute(newest_first):
            emails.setdefault(person_id, []).append(email)
    return [_stored(row, tuple(emails.get(row.id, ()))) for row in rows]


def _stored(row: Row[*tuple[Any, ...]], emails: tuple[str, ...]) -> StoredPerson:
    sums: Mapping[str, Any] = decode(row.sums)
    return StoredPerson(
        id=row.id,
        owner=row.owner,
        name=row.name,
        addresses=emails,
        kind=cast("Kind", row.kind),
        reason=row.reason,
        circle=row.circle,
        cadence_days=row.cadence_days,
        is_key=row.is_key,
        is_muted=row.is_muted,
        mute_reason=row.mute_reason,
        episode=row.episode,
        snoozed_until=maybe_instant(row.snoozed_until),
        next_review_at=maybe_instant(row.next_review_at),
        interactions=sums.get("interactions", 0),
        meetings=sums.get("meetings", 0),
        first_at=maybe_instant(sums.get("first_at")),
        last_at=maybe_instant(row.last_at),
    )
