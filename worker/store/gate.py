"""How many requests are under way at a provider at once: a queue in the database, so that all processes wait at one gate."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection, select, update

from worker.store.engine import StoreError
from worker.store.mapping import micros
from worker.store.statements import insert_ignoring
from worker.store.store import Store
from worker.store.tables import quota

LONGEST: Final = timedelta(minutes=2)
"""Longer than any request: who crashes inside blocks the others no longer than that."""
STEP: Final = 0.02


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody in the queue: inside as soon as all up to them fit."""

    ticket: str
    width: int
    until: int
    """Microseconds; whoever stands there longer is gone."""


class StoredGate:
    """The gates of one installation; satisfies `connectors.port.Gate`. Safe to share between threads."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        """Take the store the queues are kept in and the clock they go by."""
        self._store, self._clock = store, clock

    def enter(self, name: str, *, width: int, limit: int, wait: timedelta) -> Callable[[], None] | None:
        """Wait in the queue; returns what leaves it, or None where the wait was too long."""
        own = Place(uuid4().hex, min(width, limit), micros(self._clock() + wait + LONGEST))
        deadline, pause = time.monotonic() + wait.total_seconds(), threading.Event()

        def leave() -> None:
            with suppress(StoreError), self._store.write() as db:  # a place that is not given back runs out
                _write(db, name, [one for one in _read(db, name) if one.ticket != own.ticket])

        while not self._is_in(name, own, limit):
            if time.monotonic() >= deadline:
                leave()
                return None
            pause.wait(STEP)
        return leave

    def _is_in(self, name: str, own: Place, limit: int) -> bool:
        """Stand in the queue, and look whether all up to us fit."""
        now = self._clock()
        with self._store.write() as db:
            queue = [one for one in _read(db, name) if one.until > micros(now)]
            if own.ticket not in [one.ticket for one in queue]:
                queue.append(own)
                _write(db, name, queue)
            at = [one.ticket for one in queue].index(own.ticket)
            if sum(one.width for one in queue[: at + 1]) > limit:
                return False
            queue[at] = replace(own, until=micros(now + LONGEST))
            _write(db, name, queue)
        return True


def _read(db: Connection, name: str) -> list[Place]:
    """Read a queue and lock it until the transaction ends."""
    db.execute(insert_ignoring(db, quota), [{"name": f"gate {name}", "spent": "[]"}])
    row = db.execute(select(quota.c.spent).where(quota.c.name == f"gate {name}").with_for_update()).scalar_one()
    return [Place(**one) for one in json.loads(row)]


def _write(db: Connection, name: str, queue: list[Place]) -> None:
    said = json.dumps([asdict(one) for one in queue])
    db.execute(update(quota).where(quota.c.name == f"gate {name}").values(spent=said))
