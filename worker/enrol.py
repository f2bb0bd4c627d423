"""Enrol: what config.toml says of owners, accounts and key people, noted in the store where it is new or has changed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Row, select

from rules.addresses import match_key
from rules.people import OwnerKeys
from worker.config import owner_of
from worker.settings import Config, KeyPerson, OwnerSettings
from worker.store import accounts, people, rebuild
from worker.store.store import Store
from worker.store.tables import account as account_table
from worker.store.tables import address, person


def enrol(store: Store, config: Config, now: datetime) -> None:
    """Note everything; an unchanged config writes nothing. An owner whose addresses changed has the indexes made again."""
    for name, settings in config.owners.items():
        owner = owner_of(config, name, years=())
        keys = OwnerKeys(keys=accounts.keys_of(owner.addresses), domains=owner.domains)
        with store.read() as db:
            is_same = accounts.owner_keys(db, name) == keys and accounts.owner_zone(db, name) == settings.zone
            is_known = is_same and not _new_accounts(db, name, settings)
            strangers = _unnoted(db, name, settings)
        if not is_known:
            with store.write() as db:
                _register(db, name, settings, keys, now)
        if strangers:
            with store.write() as db:
                for id_, named in strangers:
                    _describe(db, name, id_, named)


def _new_accounts(db: Connection, owner: str, settings: OwnerSettings) -> set[str]:
    known = db.execute(select(account_table.c.name).where(account_table.c.owner == owner)).scalars()
    return set(settings.accounts) - set(known)


def _register(db: Connection, owner: str, settings: OwnerSettings, keys: OwnerKeys, now: datetime) -> None:
    is_changed = accounts.register_owner(db, owner, keys, settings.zone)
    for name in _new_accounts(db, owner, settings):
        accounts.register(db, owner=owner, name=name, provider=settings.accounts[name].provider, addresses=(), now=now)
    if is_changed:
        rebuild.rebuild(db, owner, now, settings.zone)


def _unnoted(db: Connection, owner: str, settings: OwnerSettings) -> list[tuple[str, KeyPerson]]:
    """Find the persons the owner named that have been seen by now and do not bear it yet."""
    found: list[tuple[str, KeyPerson]] = []
    for named in settings.people:
        keys = [match_key(each) for each in named.addresses]
        seen = select(person).join(address, (address.c.owner == person.c.owner) & (address.c.person == person.c.id))
        rows = db.execute(seen.where(address.c.owner == owner, address.c.key.in_(keys)).distinct())
        found.extend((str(row.id), named) for row in rows if not _is_noted(row, named))
    return found


def _is_noted(row: Row[tuple[object, ...]], named: KeyPerson) -> bool:
    is_same_circle = named.circle in {"", row.circle}
    return bool(row.is_key) and is_same_circle and _days(named) in {None, row.cadence_days}


def _describe(db: Connection, owner: str, id_: str, named: KeyPerson) -> None:
    people.describe(db, owner, id_, circle=named.circle or None, cadence_days=_days(named), is_key=True)


def _days(named: KeyPerson) -> int | None:
    return None if named.cadence is None else named.cadence.days
