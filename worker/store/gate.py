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

import structlog
from sqlalchemy import Connection, select, update

from worker.store.engine import StoreError
from worker.store.mapping import micros
from worker.store.statements import insert_ignoring
from worker.store.store import Store
from worker.store.tables import quota

LASTING: Final = timedelta(seconds=20)
"""How long a place outlives the process it belongs to: who crashes inside blocks the others no longer than that."""
EVERY: Final = timedelta(seconds=5)
"""How often places are renewed while somebody is in them, however long a request takes."""
LONGEST: Final = timedelta(minutes=5)
"""Who has been inside for so long hangs: longer than an actor may run."""
STEP: Final = 0.05

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody in the queue: inside as soon as all up to them fit."""

    ticket: str
    width: int
    until: int
    """Microseconds; whoever stands there longer is gone."""


class StoredGate:
    """The gates of one installation; satisfies `connectors.account.Gate`. Safe to share between threads.

    Threads of one process queue up in it, and only whoever is inside there stands in the queue of all processes.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime], every: timedelta = EVERY) -> None:
        """Take the store the queues are kept in, the clock they go by, and how often places are renewed."""
        self._store, self._clock, self._every = store, clock, every
        self._queues: dict[str, list[Place]] = {}
        self._moved = threading.Condition()
        self._standing: dict[str, tuple[str, float]] = {}
        """Who of this process stands in a queue of the database: which, and since when."""
        self._is_beating = False

    def enter(self, name: str, *, width: int, limit: int, wait: timedelta) -> Callable[[], None] | None:
        """Wait in the queue; returns what leaves it, or None where the wait was too long."""
        own = Place(uuid4().hex, min(width, limit), micros(self._clock() + LASTING))
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
                is_in = self._moved.wait_for(lambda: _fits(queue, own, limit), timeout=wait.total_seconds())
            if is_in and self._entered(name, own, limit, deadline):
                return partial(self._leave, name, own, leave)
        except BaseException:
            self._leave(name, own, leave)
            raise
        leave()
        return None

    def _entered(self, name: str, own: Place, limit: int, deadline: float) -> bool:
        """Stand in the queue of all processes until there is room; False where that took too long."""
        pause = threading.Event()
        self._keep(name, own)
        while not self._is_in(name, own, limit):
            if time.monotonic() >= deadline:
                self._left(name, own)
                return False
            pause.wait(STEP)
        return True

    def _is_in(self, name: str, own: Place, limit: int) -> bool:
        """Stand in the queue, or go on standing there; whoever has not been heard of is gone, but for who asks."""
        with self._store.write(is_lasting=False) as db:
            now = micros(self._clock())
            queue = [one for one in _read(db, name) if one.until > now or one.ticket == own.ticket]
            if own.ticket not in [one.ticket for one in queue]:
                queue.append(own)
            _write(db, name, self._renewed(queue))
        return _fits(queue, own, limit)

    def _renewed(self, queue: list[Place]) -> list[Place]:
        until = micros(self._clock() + LASTING)
        return [replace(one, until=until) if one.ticket in self._standing else one for one in queue]

    def _leave(self, name: str, own: Place, leave: Callable[[], None]) -> None:
        self._left(name, own)
        leave()

    def _left(self, name: str, own: Place) -> None:
        with self._moved:
            was_there = self._standing.pop(own.ticket, None)
        if was_there is not None:
            with suppress(StoreError), self._store.write(is_lasting=False) as db:  # a place that is not given back runs out
                _write(db, name, [one for one in _read(db, name) if one.ticket != own.ticket])

    def _keep(self, name: str, own: Place) -> None:
        """Have a place renewed for as long as somebody is in it."""
        with self._moved:
            self._standing[own.ticket] = (name, time.monotonic())
            was_beating, self._is_beating = self._is_beating, True
        if not was_beating:
            threading.Thread(target=self._beat, name="gate", daemon=True).start()

    def _beat(self) -> None:
        """Renew what this process holds until it holds nothing."""
        pause = threading.Event()
        while self._is_beating:
            pause.wait(self._every.total_seconds())
            for name in self._held():
                try:
                    with self._store.write(is_lasting=False) as db:
                        _write(db, name, self._renewed(_read(db, name)))
                except Exception as error:  # noqa: BLE001 - whatever it was, the next beat tries again
                    log.warning("places not renewed", action="gate", error=type(error).__name__)

    def _held(self) -> set[str]:
        """Name the queues this process goes on standing in; whoever hangs stands in nobody's way here either, and runs out there."""
        late = time.monotonic() - LONGEST.total_seconds()
        with self._moved:
            hung = {ticket for ticket, (_, since) in self._standing.items() if since <= late}
            self._standing = {ticket: held for ticket, held in self._standing.items() if ticket not in hung}
            for queue in self._queues.values() if hung else ():
                queue[:] = [one for one in queue if one.ticket not in hung]
            names = {name for name, _ in self._standing.values()}
            self._is_beating = bool(names)
            self._moved.notify_all()
        return names


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
