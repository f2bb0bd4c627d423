"""Introducing: who brought whom together, read from the mails that say so, in proportion to a person's own history."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, RowMapping, bindparam, func, select

from rules.introductions import MOST, Introduction, introduction, may_introduce
from rules.people import OwnerKeys
from worker.store.mapping import maybe_instant, message_of
from worker.store.statements import chunks
from worker.store.tables import address, message, party

_SMALL: Final = (
    select(party.c.address, party.c.message, message.c.subject)
    .join(message, message.c.id == party.c.message)
    .where(party.c.owner == bindparam("whose"), party.c.address.in_(bindparam("keys", expanding=True)))
    .where(party.c.recipients <= MOST + 1, party.c.role.in_(("to", "cc")), message.c.in_reply_to == "")
)
"""Built once: it is run for every mail, and building it takes longer than running it."""


def introductions(connection: Connection, owner: str, keys: Collection[str], known_as: OwnerKeys) -> dict[str, list[Introduction]]:
    """Read the introductions that name these addresses, by match key; only mails to a few whose subject may say so are read whole."""
    wanted: dict[int, set[str]] = {}
    for some in chunks(sorted(keys)):
        for key, number, subject in connection.execute(_SMALL, {"whose": owner, "keys": some}).all():
            if may_introduce(subject):
                wanted.setdefault(number, set()).add(key)
    found: dict[str, list[Introduction]] = {}
    for row in _whole(connection, sorted(wanted)):
        if (read := introduction(message_of(row), known_as)) is not None:
            for key in wanted[row["id"]] & {*read.introduced}:
                found.setdefault(key, []).append(read)
    return found


def known_since(connection: Connection, owner: str, keys: Collection[str]) -> Mapping[str, datetime]:
    """Return when the owner first had to do with each of these addresses, by match key."""
    found: dict[str, datetime] = {}
    first = func.coalesce(address.c.first_at, 0)
    for some in chunks(sorted(keys)):
        seen = select(address.c.key, address.c.first_at).where(address.c.owner == owner, address.c.key.in_(some), first > 0)
        found.update((key, at) for key, text in connection.execute(seen) if (at := maybe_instant(text)) is not None)
    return found


def holders(connection: Connection, owner: str, keys: Collection[str]) -> dict[str, str]:
    """Map match keys to the person who has the address today."""
    found: dict[str, str] = {}
    for some in chunks(sorted(keys)):
        held = select(address.c.key, address.c.person).where(address.c.owner == owner, address.c.key.in_(some))
        found.update((key, who) for key, who in connection.execute(held.where(address.c.person.is_not(None))))
    return found


def _whole(connection: Connection, ids: Sequence[int]) -> list[RowMapping]:
    return [row for some in chunks(ids) for row in connection.execute(select(message).where(message.c.id.in_(some))).mappings()]
