"""The ticker: one indexed query says what is due, and a nudge goes out for each; everything else is up to the worker."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from worker.actors import Nudges
from worker.store.due import due
from worker.store.store import Store

TICK: Final = timedelta(seconds=5)

log = structlog.get_logger()


class Ticker:
    """Looks every few seconds for what is due, until it is stopped."""

    def __init__(self, store: Store, clock: Callable[[], datetime], nudges: Nudges, every: timedelta = TICK) -> None:
        self._store = store
        self._clock = clock
        self._nudges = nudges
        self._every = every
        self._stopping = threading.Event()
        self.last_at: datetime | None = None
        """When the last tick went well."""

    def tick(self) -> int:
        """Send a nudge for everything that is due; says how many were sent."""
        now = self._clock()
        with self._store.read() as db:
            found = due(db, now)
        sent = sum(self._nudges.nudge(verb, who) for verb, who in found)
        self.last_at = now
        return sent

    def run(self) -> None:
        """Tick until stopped; a tick that fails is logged and the next one tries again."""
        while not self._stopping.is_set():
            try:
                self.tick()
            except Exception:
                log.exception("tick failed", action="tick")
            self._stopping.wait(self._every.total_seconds())

    def stop(self) -> None:
        """End `run` soon."""
        self._stopping.set()
