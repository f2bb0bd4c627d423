"""How many requests are under way at a provider at once: a queue in the database, so that all processes wait at one gate."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
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
STEP: Final = 0.05


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody in the queue: inside as soon as all up to them fit."""

    ticket: str
    width: int
    until: int
    """Microseconds; whoever stands there longer is gone."""


class StoredGate:
    """The gates of one installation; satisfies `connectors.port.Gate`. Safe to share between threads.

    Threads of one process queue up in it, and only whoever is inside there stands in the queue of all processes.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        """Take the store the queues are kept in and the clock they go by."""
        self._store, self._clock = store, clock
        self._queues: dict[str, list[Place]] = {}
        self._moved = threading.Condition()

    def enter(self, name: str, *, width: int, limit: int, wait: timedelta) -> Callable[[], None] | None:
        """Wait in the queue; returns what leaves it, or None where the wait was too long."""
        own = Place(uuid4().hex, min(width, limit), micros(self._clock() + wait + LONGEST))
        deadline = time.monotonic() + wait.total_seconds()
        queue = self._queues.setdefault(name, [])

        def leave() -> None:
            with self._moved:
                if own in queue:
                    queue.remove(own)
                self._moved.notify_all()

        try:
            with self._moved:
                queue.append(own)
                is_in = self._moved.wait_for(lambda: _fits(self._living(queue, own), own, limit), timeout=wait.total_seconds())
            if is_in and self._entered(name, own, limit, deadline):
                return partial(self._leave, name, own, leave)
        except BaseException:
            leave()
            raise
        leave()
        return None

    def _living(self, queue: list[Place], own: Place) -> list[Place]:
        """Leave out whoever has stood there too long to be there still; who asks is there, also after the machine has slept."""
        now = micros(self._clock())
        return [one for one in queue if one.until > now or one.ticket == own.ticket]

    def _entered(self, name: str, own: Place, limit: int, deadline: float) -> bool:
        """Stand in the queue of all processes until there is room; False where that took too long."""
        pause = threading.Event()
        while not self._is_in(name, own, limit):
            if time.monotonic() >= deadline:
                self._left(name, own)
                return False
            pause.wait(STEP)
        return True

    def _is_in(self, name: str, own: Place, limit: int) -> bool:
        now = self._clock()
        with self._store.write() as db:
            queue = self._living(_read(db, name), own)
            if own.ticket not in [one.ticket for one in queue]:
                queue.append(own)
            is_in = _fits(queue, own, limit)
            _write(db, name, [replace(one, until=micros(now + LONGEST)) if one.ticket == own.ticket else one for one in queue])
        return is_in

    def _leave(self, name: str, own: Place, leave: Callable[[], None]) -> None:
        self._left(name, own)
        leave()

    def _left(self, name: str, own: Place) -> None:
        with suppress(StoreError), self._store.write() as db:  # a place that is not given back runs out
            _write(db, name, [one for one in _read(db, name) if one.ticket != own.ticket])


def _fits(queue: list[Place], own: Place, limit: int) -> bool:
    """Tell whether there is room for all up to this one."""
    at = [one.ticket for one in queue].index(own.ticket)
    return sum(one.width for one in queue[: at + 1]) <= limit


def _read(db: Connection, name: str) -> list[Place]:
    """Read a queue and lock it until the transaction ends."""
    db.execute(insert_ignoring(db, quota), [{"name": f"gate {name}", "spent": "[]"}])
    row = db.execute(select(quota.c.spent).where(quota.c.name == f"gate {name}").with_for_update()).scalar_one()
    return [Place(**one) for one in json.loads(row)]


def _write(db: Connection, name: str, queue: list[Place]) -> None:
    said = json.dumps([asdict(one) for one in queue])
    db.execute(update(quota).where(quota.c.name == f"gate {name}").values(spent=said))
