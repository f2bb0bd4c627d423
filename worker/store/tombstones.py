"""Tombstones: keyed hashes of forgotten addresses, and the secret that is in them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, select

from worker.store.forgotten import Forgotten
from worker.store.tables import meta, tombstone

_DIGESTS: Final = select(tombstone.c.digest).where(tombstone.c.owner == bindparam("whose"))


def pepper_of(connection: Connection) -> str:
    """Return the secret of this database that goes into every keyed hash."""
    return str(connection.execute(select(meta.c.value).where(meta.c.name == "pepper")).scalar_one())


def forgotten_by(connection: Connection, owner: str) -> Forgotten:
    """Load the tombstones of an owner."""
    found = frozenset(connection.execute(_DIGESTS, {"whose": owner}).scalars())
    return Forgotten(owner=owner, pepper=pepper_of(connection) if found else "", digests=found)
