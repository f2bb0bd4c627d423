"""Identities: which addresses are one person, held together by links that can be taken back, never by rewriting facts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from sqlalchemy import BindParameter, Connection, Select, and_, bindparam, delete, func, or_, select, update

from rules.identity import AddressProfile, Grouping, Identity, Link, block_keys, compare, group, in_company, undecided
from worker.store.beside import correspondents
from worker.store.forgotten import hashed
from worker.store.mapping import Row as Values
from worker.store.mapping import decode
from worker.store.statements import chunks, insert_ignoring, upsert
from worker.store.tables import address, block, link, person
from worker.store.tombstones import pepper_of

RELATIVES = 200
"""Addresses looked at together at most."""
_Joined = tuple[str, Sequence[str], set[str]]
"""A person, the addresses they are to have, and the persons that had some of these."""

# Statements are built once: they are run for every mail, and building one takes longer than running it.
_WHOSE: Final[BindParameter[str]] = bindparam("whose")
_THESE: Final[BindParameter[Any]] = bindparam("these", expanding=True)
_LINKS: Final = select(link).where(link.c.owner == _WHOSE).order_by(link.c.a, link.c.b)
_LINKS_OF: Final = _LINKS.where(or_(link.c.a.in_(_THESE), link.c.b.in_(_THESE)))
_ADDRESSES: Final = select(address.c.key, address.c.person, address.c.names).where(address.c.owner == _WHOSE)
_NAMED: Final = _ADDRESSES.where(address.c.key.in_(_THESE))
_HELD: Final = _ADDRESSES.where(address.c.person.in_(_THESE))
_ENTERED: Final = (
    select(block.c.address, block.c.name).where(block.c.owner == _WHOSE, block.c.address.in_(_THESE)).order_by(block.c.address)
)
_NEAR: Final = (
    select(block.c.name, block.c.address)
    .where(block.c.owner == _WHOSE, block.c.name.in_(_THESE))
    .order_by(block.c.name, block.c.address)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """An address, and whose it is so far."""

    profile: AddressProfile
    person: str
    """"" where it is nobody's."""


def assign(connection: Connection, owner: str, keys: Iterable[str]) -> set[str]:
    """Give human addresses their person, joining those that are certainly one; return the persons touched.

    Most addresses have nobody they could be one with: all of these together take a few statements.
    """
    asked = _read(connection, owner, _NAMED, sorted(set(keys)))
    names = {key: block_keys(each.profile) for key, each in asked.items()}
    _enter_blocks(connection, owner, names)
    known, families = _families(connection, owner, asked, names)
    related = {key: known[key] for family in families if len(family) > 1 for key in family}
    settled = _settle(connection, owner, related, about=asked.keys())
    alone = [asked[family[0]] for family in families if len(family) == 1]
    persons = {each.person for each in alone if each.person}
    return settled | persons | _introduce(connection, owner, [each.profile.key for each in alone if not each.person])


def merge(connection: Connection, owner: str, keep: str, other: str) -> None:
    """Say that two persons are one: a link between their addresses, by the owner; `split` takes it back."""
    kept, others = _read(connection, owner, _HELD, [keep]), _read(connection, owner, _HELD, [other])
    if kept and others and keep != other:
        a, b = sorted((min(kept), min(others)))
        _say(connection, owner, [Link(a=a, b=b, verdict="same", by="owner", reason="you said so")])
        _settle(connection, owner, kept | others, first=keep)


def split(connection: Connection, owner: str, person_id: str, key: str) -> str:
    """Say that an address is somebody else's, for good; return the id of that person."""
    held = _read(connection, owner, _HELD, [person_id])
    pairs = [sorted((key, each)) for each in held if each != key]
    _say(connection, owner, [Link(a=a, b=b, verdict="different", by="owner", reason="you said so") for a, b in pairs])
    _settle(connection, owner, held, first=person_id, apart=key)
    found = connection.execute(select(address.c.person).where(address.c.owner == owner, address.c.key == key)).scalar()
    return str(found or "")


def links(connection: Connection, owner: str, keys: Collection[str] | None = None) -> list[Link]:
    """List what is known of pairs of addresses, or of those among `keys`; `unsure` ones are for the owner to decide."""
    known: dict[str, Any] = {"whose": owner}
    rows = connection.execute(_LINKS, known) if keys is None else connection.execute(_LINKS_OF, known | {"these": list(keys)})
    return [
        Link(a=row.a, b=row.b, verdict=_verdict(row.verdict), by="owner" if row.by == "owner" else "rule", reason=row.reason)
        for row in rows
    ]


def _verdict(text: str) -> Literal["same", "different", "unsure"]:
    return cast('Literal["same", "different", "unsure"]', text)


def _read(connection: Connection, owner: str, wanted: Select[*tuple[Any, ...]], these: Iterable[str]) -> dict[str, _Known]:
    """Read addresses, by key or by their person."""
    rows = [row for some in chunks(these) for row in connection.execute(wanted, {"whose": owner, "these": some}).all()]
    return {key: _Known(profile=AddressProfile(key=key, names=decode(names)), person=held_by or "") for key, held_by, names in rows}


def _introduce(connection: Connection, owner: str, keys: Sequence[str]) -> set[str]:
    """Give addresses that are alone a person each."""
    made = _unborne(connection, owner, keys)
    _join(connection, owner, [(made[key], (key,), set()) for key in keys])
    return set(made.values())


def _unborne(connection: Connection, owner: str, keys: Sequence[str]) -> dict[str, str]:
    """Make for each address the id of a person nobody is so far: its own, unless that went to others as they were parted."""
    pepper = pepper_of(connection) if keys else ""
    made: dict[str, str] = {}
    left, again = keys, ""
    while left:
        made |= {key: hashed(pepper, "person", owner, f"{key}{again}") for key in left}
        borne = {each.person for each in _read(connection, owner, _HELD, [made[key] for key in left]).values()}
        left, again = [key for key in left if made[key] in borne], f"{again}\0again"
    return made


def _grouped(connection: Connection, owner: str, profiles: Mapping[str, AddressProfile]) -> Grouping:
    """Group addresses by their names; who is on mail with them is looked up where only that decides."""
    said = _said(connection, owner, profiles)
    compared = compare(profiles.values())
    if open_keys := undecided(profiles, compared, said):
        compared = in_company(compared, correspondents(connection, owner, open_keys))
    return group(profiles, compared, said)


def _said(connection: Connection, owner: str, keys: Iterable[str]) -> list[Link]:
    """List what is known of pairs one of which is among `keys`, each once."""
    return list({(each.a, each.b): each for some in chunks(keys) for each in links(connection, owner, some)}.values())


def _enter_blocks(connection: Connection, owner: str, names: Mapping[str, frozenset[str]]) -> None:
    """Note under which full names addresses may be found, where that has changed."""
    wanted = {(key, name) for key, each in names.items() for name in each}
    known = {(key, name) for some in chunks(names) for key, name in connection.execute(_ENTERED, {"whose": owner, "these": some})}
    if known - wanted:
        one = and_(block.c.owner == owner, block.c.address == bindparam("k"), block.c.name == bindparam("n"))
        connection.execute(delete(block).where(one), [{"k": key, "n": name} for key, name in sorted(known - wanted)])
    if wanted - known:
        rows = [{"owner": owner, "name": name, "address": key} for key, name in sorted(wanted - known)]
        connection.execute(insert_ignoring(connection, block), rows)


def _families(
    connection: Connection, owner: str, asked: dict[str, _Known], names: Mapping[str, frozenset[str]]
) -> tuple[dict[str, _Known], list[list[str]]]:
    """Part addresses, with all humans they may be one with, into groups that have nothing to do with each other.

    One may be another by a name they share, by a link, or by the person they have; of a common name RELATIVES count.
    Returns all these addresses too.
    """
    ties = [(name, key) for name, keys in _named(connection, owner, names).items() for key in keys]
    ties += [(each.a, each.b) for each in _said(connection, owner, asked)]
    tied = {node for tie in ties for node in tie if not node.startswith("name\0")}
    others = _read(connection, owner, _NAMED, sorted(tied - asked.keys()))
    kin = _read(connection, owner, _HELD, sorted({each.person for each in (asked | others).values()} - {""}))
    known = kin | asked
    groups = {node: node for tie in ties for node in tie} | {key: key for key in known}
    for a, b in [*ties, *((each.person, key) for key, each in kin.items())]:
        first, second = _root(groups, a), _root(groups, b)
        groups[max(first, second)] = min(first, second)
    families: dict[str, list[str]] = {}
    for key in sorted(known):
        families.setdefault(_root(groups, key), []).append(key)
    return known, [family for family in families.values() if not asked.keys().isdisjoint(family)]


def _named(connection: Connection, owner: str, names: Mapping[str, frozenset[str]]) -> dict[str, list[str]]:
    """Name the addresses in each block, as far as they are looked at together."""
    found: dict[str, list[str]] = {}
    for some in chunks(sorted(set().union(*names.values()))):
        for name, key in connection.execute(_NEAR, {"whose": owner, "these": some}):
            known = found.setdefault(f"name\0{name}", [])
            if len(known) < RELATIVES or key in names:
                known.append(key)
    return found


def _root(groups: dict[str, str], node: str) -> str:
    """Find the first of a group, and shorten the way there."""
    root = node
    while groups.setdefault(root, root) != root:
        root = groups[root]
    while groups[node] != root:
        groups[node], node = root, groups[node]
    return root


def _settle(
    connection: Connection, owner: str, known: dict[str, _Known], *, about: Collection[str] = (), first: str = "", apart: str = ""
) -> set[str]:
    """Group addresses and give every group one person: the one it has, or a new one. `apart` never keeps `first`.

    Return the persons that have changed, and those of the addresses it is `about`.
    """
    if not known:
        return set()
    old = {key: each.person for key, each in known.items() if each.person}
    grouping = _grouped(connection, owner, {key: each.profile for key, each in known.items()})
    _say(connection, owner, [*grouping.unsure, *(each for one in grouping.identities for each in one.links)])
    kept = _kept(grouping.identities, old, first, apart)
    fresh = _unborne(connection, owner, [one.keys[0] for one, had in kept if not had])
    touched = {old[key] for key in about if key in old}
    joined: list[_Joined] = []
    for one, had in kept:
        chosen = had or fresh[one.keys[0]]
        if any(key in about for key in one.keys):
            touched.add(chosen)
        if any(old.get(key) != chosen for key in one.keys):
            before = {old[key] for key in one.keys if key in old}
            touched |= {chosen, *before}
            joined.append((chosen, one.keys, before - {chosen}))
    _join(connection, owner, joined)
    return touched


def _kept(identities: Iterable[Identity], old: Mapping[str, str], first: str, apart: str) -> list[tuple[Identity, str]]:
    """Choose for each group which of its persons it keeps, the largest group first; "" where others have them all."""
    taken: set[str] = set()
    kept: list[tuple[Identity, str]] = []
    for one in sorted(identities, key=lambda each: (apart in each.keys, -len(each.keys), each.keys)):
        wanted = "" if apart in one.keys else first
        had = sorted({old[key] for key in one.keys if key in old} - taken, key=lambda each: (each != wanted, each))
        kept.append((one, had[0] if had else ""))
        taken.update(had[:1])
    return kept


def _join(connection: Connection, owner: str, joined: Sequence[_Joined]) -> None:
    """Give addresses their persons, all in a few statements; whoever takes others in goes on from their latest episode."""
    if not joined:
        return
    connection.execute(insert_ignoring(connection, person), [{"owner": owner, "id": chosen} for chosen, _, _ in joined])
    mine = update(address).where(address.c.owner == owner, address.c.key == bindparam("address_key"))
    given = [{"address_key": key, "person_id": chosen} for chosen, keys, _ in joined for key in keys]
    connection.execute(mine.values(person=bindparam("person_id")), given)
    for chosen, _, merged in joined:
        if merged:
            past = select(func.max(person.c.episode)).where(person.c.owner == owner, person.c.id.in_({chosen, *merged}))
            episode = connection.execute(past).scalar_one()
            connection.execute(update(person).where(person.c.owner == owner, person.c.id == chosen).values(episode=episode))


def _say(connection: Connection, owner: str, said: Iterable[Link]) -> None:
    """Note links: what a rule says now goes before what one said earlier, and never before the owner's word."""
    rows: list[Values] = [
        {"owner": owner, "a": each.a, "b": each.b, "verdict": each.verdict, "by": each.by, "reason": each.reason} for each in said
    ]
    mine = [row for row in rows if row["by"] == "owner"]
    rules = [row for row in rows if row["by"] != "owner"]
    if rules:
        pair = and_(link.c.owner == owner, link.c.a == bindparam("one"), link.c.b == bindparam("other"))
        changed = delete(link).where(pair, link.c.by == "rule", link.c.verdict != bindparam("said"))
        connection.execute(changed, [{"one": row["a"], "other": row["b"], "said": row["verdict"]} for row in rules])
        connection.execute(insert_ignoring(connection, link), rules)
    if mine:
        connection.execute(upsert(connection, link, ("owner", "a", "b")), mine)
