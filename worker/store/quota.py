"""What a provider allows in a minute, counted in the database, so that all workers of an owner share one budget."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select, update

from connectors.port import RateLimited
from worker.store.mapping import micros
from worker.store.statements import insert_ignoring
from worker.store.store import Store
from worker.store.tables import quota

WINDOW: Final = timedelta(seconds=60.6)
"""A sliding minute, and a little for requests that take longer on their way than the one they replace."""

Spent = list[tuple[int, int]]
"""When (microseconds) how many units were taken, oldest first."""


class StoredQuota:
    """The budgets of one installation; satisfies `connectors.account.Quota`."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        """Take the store they are counted in and the clock they go by."""
        self._store, self._clock = store, clock

    def take(self, name: str, *, price: int, count: int, limit: int) -> int:
        """Pay for up to `count` calls; returns for how many. Raises RateLimited with when all of them can be paid."""
        now = micros(self._clock())
        with self._store.write(is_lasting=False) as db:
            spent = [one for one in _read(db, name) if one[0] > now - micros_of(WINDOW)]
            paid = min(count, (limit - sum(units for _, units in spent)) // price)
            if paid > 0:
                _write(db, name, [*spent, (now, paid * price)])
        if paid > 0:
            return paid
        wait = _until_free(spent, min(count * price, limit), limit, now)
        raise RateLimited("This minute's share of the provider is used up.", retry_after=wait, is_paced=True)


def micros_of(length: timedelta) -> int:
    """Return a length of time in microseconds."""
    return length // timedelta(microseconds=1)


def _until_free(spent: Spent, wanted: int, limit: int, now: int) -> timedelta:
    """Say how long until enough has been paid so long ago that `wanted` units are free."""
    used = sum(units for _, units in spent)
    for at, units in spent:
        used -= units
        if limit - used >= wanted:
            return timedelta(microseconds=at + micros_of(WINDOW) - now)
    return WINDOW


def _read(db: Connection, name: str) -> Spent:
    """Read a budget and lock it until the transaction ends."""
    db.execute(insert_ignoring(db, quota), [{"name": name, "spent": "[]"}])
    row = db.execute(select(quota.c.spent).where(quota.c.name == name).with_for_update()).scalar_one()
    return [(int(at), int(units)) for at, units in json.loads(row)]


def _write(db: Connection, name: str, spent: Spent) -> None:
    db.execute(update(quota).where(quota.c.name == name).values(spent=json.dumps(spent)))
