"""Judging: the addresses a page touched, each anew: who is a human of the network, and who is due for review."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final

import structlog
from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    Update,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError

from rules.kinds import has_exchange, judge
from rules.names import best_name, given_name
from rules.people import OwnerKeys, Verdict
from worker.store.identities import assign
from worker.store.mapping import decode, micros
from worker.store.statements import among, chunks, insert_ignoring, listed, lock_owner
from worker.store.tables import address, attendance, meta, owner, person
from worker.store.uncollected import uncollected

LARGE = 2000
"""Addresses put off that are reviewed in one transaction."""
BEHIND = "unjudged "
"""Name in `meta`, with the owner: addresses were put off."""
UNJUDGED = "it cannot be judged"
KEPT = and_(person.c.is_key.is_(False), person.c.is_muted.is_(False), person.c.circle == "", person.c.cadence_days.is_(None))
"""Nothing the owner said about the person would be lost."""

# Statements are built once: they are run for every mail, and building one takes longer than running it.
_WHOSE: Final[BindParameter[str]] = bindparam("whose")
_KEYS: Final[BindParameter[Any]] = bindparam("keys", expanding=True)
_PERSONS: Final[BindParameter[Any]] = bindparam("persons", expanding=True)
_THESE: Final = and_(address.c.owner == _WHOSE, address.c.key.in_(_KEYS))
_ADDRESSES: Final = select(
    address.c.key,
    address.c.email,
    address.c.spellings,
    address.c.names,
    address.c.counts,
    address.c.kind,
    address.c.reason,
    address.c.person,
).where(_THESE)
_IS_OVER: Final = case((and_(attendance.c.end_at <= bindparam("at"), attendance.c.is_meeting), 1), else_=0)
_MET: Final = (
    select(attendance.c.address, attendance.c.kind, func.count(), func.sum(_IS_OVER))
    .where(attendance.c.owner == _WHOSE, attendance.c.address.in_(_KEYS))
    .group_by(attendance.c.address, attendance.c.kind)
)
_SAVE: Final = (
    update(address)
    .where(address.c.owner == _WHOSE, address.c.key == bindparam("address_key"))
    .values(kind=bindparam("new_kind"), reason=bindparam("new_reason"))
)
_SPOKEN_OF: Final = select(person.c.id).where(person.c.owner == _WHOSE, person.c.id.in_(_PERSONS), ~KEPT)
_LEAVE: Final = (
    update(address)
    .where(_THESE, address.c.person.is_not(None), address.c.person.not_in(bindparam("named", expanding=True)))
    .values(person=None)
)
_NAMES: Final = select(address.c.person, address.c.names).where(address.c.owner == _WHOSE, address.c.person.in_(_PERSONS))
_CALL: Final = (
    update(person)
    .where(person.c.owner == _WHOSE, person.c.id == bindparam("person_id"))
    .values(name=bindparam("new_name"), first_name=bindparam("new_first_name"))
)
_TOUCH: Final = (
    update(person)
    .where(person.c.owner == _WHOSE, person.c.id.in_(_PERSONS))
    .where(or_(person.c.next_review_at.is_(None), person.c.next_review_at > bindparam("by_then")))
    .values(next_review_at=bindparam("by_then"))
)
_WAKE: Final = (
    update(owner)
    .where(owner.c.id == _WHOSE, or_(owner.c.next_review_at.is_(None), owner.c.next_review_at > bindparam("by_then")))
    .values(next_review_at=bindparam("by_then"))
)
_BEHIND: Final = select(meta.c.value).where(meta.c.name == bindparam("called"))

log = structlog.get_logger()


def review(connection: Connection, owner_name: str, keys: Collection[str], known_as: OwnerKeys, now: datetime) -> None:
    """Judge addresses anew, give humans with an exchange their person, and have the persons reviewed."""
    rows = _addresses(connection, owner_name, keys)
    met = _met(connection, owner_name, keys, now)
    empty = [row.key for row in rows if row.counts == row.spellings == "{}" and row.key not in met]
    fresh, persons = [], set()
    for row in rows:
        counts = decode(row.counts) | met.get(row.key, {})
        verdict = _judged(row, counts, known_as)
        is_in = verdict.kind == "human" and has_exchange(counts)
        if row.person:
            persons.add(row.person)
        is_same = (row.kind, row.reason) == (verdict.kind, verdict.reason)
        fresh.append({"address_key": row.key, "kind": verdict.kind, "reason": verdict.reason, "is_in": is_in, "is_same": is_same})
    _save(connection, owner_name, [each for each in fresh if not each["is_same"]])
    named = {row.person for row in rows if row.person} & _spoken_of(connection, owner_name, persons)
    leaving = [each["address_key"] for each in fresh if not each["is_in"]]
    _leave(connection, owner_name, leaving, named)
    joining = [each["address_key"] for each in fresh if each["is_in"]]
    persons |= assign(connection, owner_name, joining)
    _drop_empty(connection, owner_name, empty)
    call(connection, owner_name, persons)
    touch(connection, owner_name, persons, now)


def put_off(connection: Connection, owner_name: str, keys: Collection[str]) -> None:
    """Leave addresses to `catch_up`: during a first read the same ones come with every page. Their empty reason is the mark."""
    if keys:
        known = {"whose": owner_name, "these": listed(connection, keys)}
        connection.execute(_putting_off(connection.dialect.name), known)
        connection.execute(insert_ignoring(connection, meta), [{"name": BEHIND + owner_name, "value": "1"}])


@cache
def _putting_off(dialect: str) -> Update:
    mine = update(address).where(address.c.owner == _WHOSE, address.c.reason != "", among(dialect, address.c.key))
    return mine.values(reason="")


def is_behind(connection: Connection, owner_name: str) -> bool:
    """Tell whether addresses were put off."""
    return connection.execute(_BEHIND, {"called": BEHIND + owner_name}).first() is not None


def catch_up(connection: Connection, owner_name: str, known_as: OwnerKeys, now: datetime) -> bool:
    """Review some of the addresses put off; True where more are left."""
    with uncollected():
        return _caught_up(connection, owner_name, known_as, now)


def _caught_up(connection: Connection, owner_name: str, known_as: OwnerKeys, now: datetime) -> bool:
    lock_owner(connection, owner_name)
    waiting = select(address.c.key).where(address.c.owner == owner_name, address.c.reason == "").limit(LARGE)
    keys = list(connection.execute(waiting).scalars())
    try:
        with connection.begin_nested():
            review(connection, owner_name, keys, known_as, now)
    except DBAPIError:
        raise
    except Exception:  # noqa: BLE001 - one poison address never stops an owner
        _review_singly(connection, owner_name, keys, known_as, now)
    if len(keys) < LARGE:
        connection.execute(delete(meta).where(meta.c.name == BEHIND + owner_name))
    return len(keys) == LARGE


def _review_singly(connection: Connection, owner_name: str, keys: Collection[str], known_as: OwnerKeys, now: datetime) -> None:
    """Review address by address; one that cannot be is set aside until a page names it again. None that can be = it is not them."""
    failed: dict[str, Exception] = {}
    for key in keys:
        try:
            with connection.begin_nested():
                review(connection, owner_name, [key], known_as, now)
        except DBAPIError:
            raise
        except Exception as error:  # noqa: BLE001 - that is the question
            failed[key] = error
    if len(failed) == len(keys) > 1:
        raise failed.popitem()[1]
    for key, why in failed.items():
        log.warning("an address cannot be judged", action="pull", owner=owner_name, error=type(why).__name__)
        mine = update(address).where(address.c.owner == owner_name, address.c.key == key)
        connection.execute(mine.values(kind="unknown", reason=UNJUDGED))


def touch(connection: Connection, owner_name: str, persons: Iterable[str], at: datetime) -> None:
    """Have persons reviewed at `at` or earlier."""
    is_any = False
    for some in chunks(persons):
        is_any = True
        connection.execute(_TOUCH, {"whose": owner_name, "persons": some, "by_then": micros(at)})
    if is_any:
        wake(connection, owner_name, at)


def wake(connection: Connection, owner_name: str, at: datetime) -> None:
    """Have the owner's network looked at by `at`."""
    connection.execute(_WAKE, {"whose": owner_name, "by_then": micros(at)})


def call(connection: Connection, owner_name: str, persons: Iterable[str]) -> None:
    """Name persons as their addresses are named."""
    for some in chunks(sorted(set(persons))):
        names: dict[str, dict[str, int]] = {each: {} for each in some}
        for owner_person, text in connection.execute(_NAMES, {"whose": owner_name, "persons": some}):
            for name, count in decode(text).items():
                names[owner_person][name] = names[owner_person].get(name, 0) + count
        called = [
            {"whose": owner_name, "person_id": each, "new_name": best_name(seen), "new_first_name": given_name(seen)}
            for each, seen in names.items()
        ]
        connection.execute(_CALL, called)


def _judged(row: Row[*tuple[Any, ...]], counts: Mapping[str, int], known_as: OwnerKeys) -> Verdict:
    if row.key in known_as.keys:
        return Verdict(kind="owner", reason="one of your own addresses")
    return judge(row.email, decode(row.names), counts)


def _addresses(connection: Connection, owner_name: str, keys: Collection[str]) -> list[Row[*tuple[Any, ...]]]:
    found = (connection.execute(_ADDRESSES, {"whose": owner_name, "keys": some}) for some in chunks(sorted(keys)))
    return [row for rows in found for row in rows.all()]


def _met(connection: Connection, owner_name: str, keys: Collection[str], now: datetime) -> dict[str, dict[str, int]]:
    """Count past meetings of each address, and how often a calendar called it a room or a group."""
    found: dict[str, dict[str, int]] = {}
    for some in chunks(sorted(keys)):
        for key, kind, count, over in connection.execute(_MET, {"whose": owner_name, "keys": some, "at": micros(now)}):
            name = {"ROOM": "rooms", "RESOURCE": "rooms", "GROUP": "groups"}.get(kind)
            counts = found.setdefault(key, {})
            counts["meetings"] = counts.get("meetings", 0) + int(over)
            if name:
                counts[name] = counts.get(name, 0) + count
    return found


def _save(connection: Connection, owner_name: str, fresh: list[dict[str, Any]]) -> None:
    if fresh:
        values = [
            {"whose": owner_name, "address_key": each["address_key"], "new_kind": each["kind"], "new_reason": each["reason"]}
            for each in fresh
        ]
        connection.execute(_SAVE, values)


def _spoken_of(connection: Connection, owner_name: str, persons: Collection[str]) -> set[str]:
    """Name the persons the owner has said something about: they stay, whatever mail shows."""
    found: set[str] = set()
    for some in chunks(sorted(persons)):
        found.update(connection.execute(_SPOKEN_OF, {"whose": owner_name, "persons": some}).scalars())
    return found


def _leave(connection: Connection, owner_name: str, keys: Collection[str], named: Collection[str]) -> None:
    for some in chunks(keys):
        connection.execute(_LEAVE, {"whose": owner_name, "keys": some, "named": list(named)})


def _drop_empty(connection: Connection, owner_name: str, keys: Collection[str]) -> None:
    attended = exists().where(attendance.c.owner == address.c.owner, attendance.c.address == address.c.key)
    for some in chunks(keys):
        unseen = delete(address).where(
            address.c.owner == owner_name, address.c.key.in_(some), address.c.person.is_(None), ~attended
        )
        connection.execute(unseen)
