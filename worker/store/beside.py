"""Beside: who else is on the newest mail with an address, by which two addresses of one full name are known to be one human."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Select, bindparam, func, select

from rules.identity import Company, beside, company
from worker.store.accounts import owner_keys
from worker.store.mapping import decode, written_on
from worker.store.statements import among, chunks, listed
from worker.store.tables import address, message, party

SAMPLE: Final = 50
"""Messages of an address that are looked at: more of them have told no more of any real mailbox."""


def correspondents(connection: Connection, owner: str, keys: Collection[str]) -> dict[str, frozenset[str]]:
    """Name who is on the newest mail with each address: everybody its facts name, also those who are only copied by others."""
    own = owner_keys(connection, owner).keys
    found: dict[str, frozenset[str]] = {}
    for some in chunks(sorted(keys)):
        newest = _newest(connection, owner, some)
        on = _companies(connection, set().union(*newest.values()), own)
        found |= {key: beside(key, [on[each] for each in ids if each in on]) for key, ids in newest.items()}
    return found


def _newest(connection: Connection, owner: str, keys: Collection[str]) -> dict[str, list[int]]:
    """List the newest messages each address is seen on."""
    wanted = {"whose": owner, "these": listed(connection, keys)}
    rows = connection.execute(_newest_of(connection.dialect.name), wanted).all()
    return {key: (decode(ids) if isinstance(ids, str) else ids) or [] for key, ids in rows}


@cache
def _newest_of(dialect: str) -> Select[*tuple[Any, ...]]:
    """Write a look at the end of each address's range of the index; what it finds comes as one value an address."""
    whose: BindParameter[str] = bindparam("whose")
    theirs = select(party.c.message).where(party.c.owner == whose, party.c.address == address.c.key).correlate(address)
    newest = theirs.order_by(party.c.sent_at.desc(), party.c.message.desc()).limit(SAMPLE).subquery()
    gathered = (func.array_agg if dialect == "postgresql" else func.json_group_array)(newest.c.message)
    mine = (address.c.owner == whose, among(dialect, address.c.key))
    return select(address.c.key, select(gathered).scalar_subquery()).where(*mine)


def _companies(connection: Connection, ids: Iterable[int], own: Collection[str]) -> dict[int, Company]:
    """Name who is on messages; one is read once, however many of those on it are asked about."""
    wanted = _facts_of(connection.dialect.name)
    found: dict[int, Company] = {}
    for some in chunks(sorted(ids)):
        rows = connection.execute(wanted, {"these": listed(connection, some)}).all()
        found |= {number: company(written_on(facts), own) for number, facts in rows}
    return found


@cache
def _facts_of(dialect: str) -> Select[*tuple[Any, ...]]:
    return select(message.c.id, message.c.facts).where(among(dialect, message.c.id))
