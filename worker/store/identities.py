"""Identities: which addresses are one person, held together by links that can be taken back, never by rewriting facts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal, cast

from sqlalchemy import Connection, and_, delete, func, or_, select, update

from rules.identity import AddressProfile, Identity, Link, block_keys, identify
from worker.store.mapping import Row, decode
from worker.store.statements import chunks, insert_ignoring, upsert
from worker.store.tables import address, block, link, party, person
from worker.store.tombstones import hashed, pepper_of

RELATIVES = 200
"""Addresses looked at together at most."""
SAMPLE = 200
"""Messages of an address that are looked at for who else is on them."""


def assign(connection: Connection, owner: str, keys: Iterable[str]) -> set[str]:
    """Give human addresses their person, joining those that are certainly one; return the persons touched."""
    touched: set[str] = set()
    for key in keys:
        profile = _profiles(connection, owner, [key])[0]
        _enter_blocks(connection, owner, profile)
        touched |= _settle(connection, owner, _relatives(connection, owner, key, profile))
    return touched


def merge(connection: Connection, owner: str, keep: str, other: str) -> None:
    """Say that two persons are one: a link between their addresses, by the owner; `split` takes it back."""
    kept, others = sorted(_keys(connection, owner, [keep])), sorted(_keys(connection, owner, [other]))
    if kept and others and keep != other:
        a, b = sorted((kept[0], others[0]))
        _say(connection, owner, [Link(a=a, b=b, verdict="same", by="owner", reason="you said so")])
        _settle(connection, owner, {*kept, *others}, first=keep)


def split(connection: Connection, owner: str, person_id: str, key: str) -> str:
    """Say that an address is somebody else's, for good; return the id of that person."""
    keys = _keys(connection, owner, [person_id])
    pairs = [sorted((key, each)) for each in keys - {key}]
    _say(connection, owner, [Link(a=a, b=b, verdict="different", by="owner", reason="you said so") for a, b in pairs])
    _settle(connection, owner, keys, first=person_id, apart=key)
    found = connection.execute(select(address.c.person).where(address.c.owner == owner, address.c.key == key)).scalar()
    return str(found or "")


def links(connection: Connection, owner: str, keys: Collection[str] | None = None) -> list[Link]:
    """List what is known of pairs of addresses, or of those among `keys`; `unsure` ones are for the owner to decide."""
    wanted = select(link).where(link.c.owner == owner).order_by(link.c.a, link.c.b)
    if keys is not None:
        wanted = wanted.where(or_(link.c.a.in_(keys), link.c.b.in_(keys)))
    return [
        Link(a=row.a, b=row.b, verdict=_verdict(row.verdict), by="owner" if row.by == "owner" else "rule", reason=row.reason)
        for row in connection.execute(wanted)
    ]


def _verdict(text: str) -> Literal["same", "different", "unsure"]:
    return cast('Literal["same", "different", "unsure"]', text)


def _profiles(connection: Connection, owner: str, keys: Collection[str]) -> list[AddressProfile]:
    names = select(address.c.key, address.c.names).where(address.c.owner == owner).order_by(address.c.key)
    rows = [row for some in chunks(sorted(keys)) for row in connection.execute(names.where(address.c.key.in_(some)))]
    is_alone = len(rows) == 1
    return [
        AddressProfile(
            key=key, names=decode(text), correspondents=frozenset() if is_alone else _correspondents(connection, owner, key)
        )
        for key, text in rows
    ]


def _correspondents(connection: Connection, owner: str, key: str) -> frozenset[str]:
    mine = select(party.c.message).where(party.c.owner == owner, party.c.address == key)
    sample = mine.order_by(party.c.sent_at.desc()).limit(SAMPLE).subquery()
    beside = (
        select(party.c.address)
        .join(sample, sample.c.message == party.c.message)
        .where(party.c.owner == owner, party.c.address != key)
        .group_by(party.c.address)
        .order_by(func.count().desc(), party.c.address)
    )
    return frozenset(connection.execute(beside.limit(50)).scalars())


def _enter_blocks(connection: Connection, owner: str, profile: AddressProfile) -> None:
    names = sorted(block_keys(profile))
    mine = and_(block.c.owner == owner, block.c.address == profile.key)
    connection.execute(delete(block).where(mine, block.c.name.not_in(names)))
    if names:
        connection.execute(
            insert_ignoring(connection, block), [{"owner": owner, "name": each, "address": profile.key} for each in names]
        )


def _relatives(connection: Connection, owner: str, key: str, profile: AddressProfile) -> set[str]:
    """Name the addresses that may be the same human as `key`: those in its blocks, and whoever they are one with."""
    names = sorted(block_keys(profile))
    near = select(block.c.address).where(block.c.owner == owner, block.c.name.in_(names)).distinct()
    found = {key, *connection.execute(near.order_by(block.c.address).limit(RELATIVES)).scalars()}
    for each in links(connection, owner, [key]):
        found |= {each.a, each.b}
    held = select(address.c.person).where(address.c.owner == owner, address.c.key.in_(found), address.c.person.is_not(None))
    together = _keys(connection, owner, sorted(set(connection.execute(held).scalars())))
    humans = select(address.c.key).where(
        address.c.owner == owner, address.c.key.in_(found | together), address.c.person.is_not(None)
    )
    return {key, *connection.execute(humans).scalars()}


def _keys(connection: Connection, owner: str, persons: Sequence[str]) -> set[str]:
    mine = select(address.c.key).where(address.c.owner == owner, address.c.person.in_(persons))
    return set(connection.execute(mine).scalars())


def _settle(connection: Connection, owner: str, keys: Collection[str], *, first: str = "", apart: str = "") -> set[str]:
    """Group addresses and give every group one person: the one it has, or a new one. `apart` never keeps `first`."""
    held = select(address.c.key, address.c.person).where(address.c.owner == owner, address.c.key.in_(sorted(keys)))
    old = {key: person_id for key, person_id in connection.execute(held) if person_id}
    if len(keys) == 1:
        identities: tuple[Identity, ...] = (Identity(keys=tuple(keys)),)
    else:
        grouping = identify(_profiles(connection, owner, keys), links(connection, owner, keys))
        identities = grouping.identities
        _say(connection, owner, [*grouping.unsure, *(each for one in identities for each in one.links)])
    taken: set[str] = set()
    pepper = pepper_of(connection)
    for one in sorted(identities, key=lambda each: (apart in each.keys, -len(each.keys), each.keys)):
        wanted = [] if apart in one.keys else [first]
        wanted += sorted({old[key] for key in one.keys if key in old})
        new = (hashed(pepper, "person", owner, f"{key}{again}") for again in ("", "\0again") for key in one.keys)
        chosen = next(each for each in [*wanted, *new] if each and each not in taken and _is_free(each, one, old))
        taken.add(chosen)
        _join(connection, owner, one, chosen, {old[key] for key in one.keys if key in old} - {chosen})
    return taken | set(old.values())


def _is_free(person_id: str, one: Identity, old: dict[str, str]) -> bool:
    """Tell whether a person is nobody else's: of this group, or held by none of the addresses looked at."""
    holders = {key for key, held in old.items() if held == person_id}
    return not holders or bool(holders & set(one.keys))


def _join(connection: Connection, owner: str, one: Identity, chosen: str, merged: set[str]) -> None:
    connection.execute(insert_ignoring(connection, person), [{"owner": owner, "id": chosen}])
    for some in chunks(one.keys):
        mine = update(address).where(address.c.owner == owner, address.c.key.in_(some))
        connection.execute(mine.values(person=chosen))
    if merged:
        past = select(func.max(person.c.episode)).where(person.c.owner == owner, person.c.id.in_({chosen, *merged}))
        episode = connection.execute(past).scalar_one()
        connection.execute(update(person).where(person.c.owner == owner, person.c.id == chosen).values(episode=episode))


def _say(connection: Connection, owner: str, said: Iterable[Link]) -> None:
    """Note links; what a rule says never overwrites the owner."""
    rows: list[Row] = [
        {"owner": owner, "a": each.a, "b": each.b, "verdict": each.verdict, "by": each.by, "reason": each.reason} for each in said
    ]
    mine = [row for row in rows if row["by"] == "owner"]
    rules = [row for row in rows if row["by"] != "owner"]
    if rules:
        connection.execute(insert_ignoring(connection, link), rules)
    if mine:
        connection.execute(upsert(connection, link, ("owner", "a", "b")), mine)
