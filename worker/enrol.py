"""Enrol: what config.toml says of owners, accounts and key people, noted in the store where it is new or has changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import Connection, RowMapping, select

from rules.addresses import match_key
from rules.people import OwnerKeys
from worker.config import keys_for
from worker.settings import Config, KeyPerson, OwnerSettings
from worker.store import accounts, people, rebuild
from worker.store.store import Store
from worker.store.tables import account as account_table
from worker.store.tables import address, person

NEVER: Final = "You put them on the never-list"


def enrol(store: Store, config: Config, now: datetime) -> None:
    """Note everything; an unchanged config writes nothing. An owner whose addresses changed has the indexes made again."""
    for name, settings in config.owners.items():
        keys = keys_for(config, name)
        with store.read() as db:
            is_same = accounts.owner_keys(db, name) == keys and accounts.owner_zone(db, name) == settings.zone
            is_same = is_same and accounts.owner_history(db, name) == settings.retention
            is_known = is_same and not _new_accounts(db, name, settings)
        if not is_known:
            with store.write() as db:
                _register(db, name, settings, keys, now)
        _describe(store, name, settings)


def describe_seen(store: Store, config: Config) -> None:
    """Note what the config says of persons, as far as they have been seen by now: mostly it names few, or nobody."""
    for name, settings in config.owners.items():
        if settings.people or settings.never.people:
            _describe(store, name, settings)


def _describe(store: Store, owner: str, settings: OwnerSettings) -> None:
    with store.read() as db:
        changes = _said(db, owner, settings)
    if changes:
        with store.write() as db:
            for change in changes:
                change(db)


def _new_accounts(db: Connection, owner: str, settings: OwnerSettings) -> set[str]:
    known = db.execute(select(account_table.c.name).where(account_table.c.owner == owner)).scalars()
    return set(settings.accounts) - set(known)


def _register(db: Connection, owner: str, settings: OwnerSettings, keys: OwnerKeys, now: datetime) -> None:
    is_changed = accounts.register_owner(db, owner, keys, settings.zone, settings.retention)
    for name in _new_accounts(db, owner, settings):
        accounts.register(db, owner=owner, name=name, provider=settings.accounts[name].provider, addresses=(), now=now)
    if is_changed:
        rebuild.rebuild(db, owner, now, settings.zone)


Change = Callable[[Connection], None]


def _said(db: Connection, owner: str, settings: OwnerSettings) -> list[Change]:
    """List what the config says of persons that have been seen by now and that the store does not say yet."""
    changes: list[Change] = []
    for named in settings.people:
        rows = _persons(db, owner, named.addresses)
        changes += [partial(people.merge, owner=owner, keep=rows[0]["id"], other=row["id"]) for row in rows[1:]]
        changes += [_described(owner, row["id"], named) for row in rows[:1] if not _is_noted(row, named)]
    never = {str(row["id"]): bool(row["is_muted"]) for row in _persons(db, owner, settings.never.people)}
    changes += [_muted(owner, id_, NEVER) for id_, is_muted in never.items() if not is_muted]
    listed = select(person.c.id).where(person.c.owner == owner, person.c.mute_reason == NEVER)
    changes += [_muted(owner, str(id_), "") for id_ in db.execute(listed).scalars() if id_ not in never]
    return changes


def _persons(db: Connection, owner: str, emails: Sequence[str]) -> Sequence[RowMapping]:
    seen = select(person).join(address, (address.c.owner == person.c.owner) & (address.c.person == person.c.id))
    mine = seen.where(address.c.owner == owner, address.c.key.in_([match_key(each) for each in emails]))
    return db.execute(mine.distinct().order_by(person.c.id)).mappings().all()


def _is_noted(row: RowMapping, named: KeyPerson) -> bool:
    return bool(row["is_key"]) and named.circle in {"", row["circle"]} and _days(named) in {None, row["cadence_days"]}


def _described(owner: str, id_: str, named: KeyPerson) -> Change:
    return partial(people.describe, owner=owner, person_id=id_, circle=named.circle or None, cadence_days=_days(named), is_key=True)


def _muted(owner: str, id_: str, reason: str) -> Change:
    return partial(people.describe, owner=owner, person_id=id_, mute_reason=reason)


def _days(named: KeyPerson) -> int | None:
    return None if named.cadence is None else named.cadence.days
