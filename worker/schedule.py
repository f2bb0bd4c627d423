"""The ticker: indexed queries say what is due and how soon more is, and a nudge goes out for each; all else is up to the worker."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from worker.actors import Nudges
from worker.store.due import due, soonest
from worker.store.store import Store

TICK: Final = timedelta(seconds=5)
SHORTEST: Final = timedelta(seconds=0.5)
"""Between two ticks, however many accounts are about to be due."""

log = structlog.get_logger()


class Ticker:
    """Looks every few seconds for what is due, and sooner where an account is to be read sooner, until it is stopped."""

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
        self._store.tidy()
        return sent

    def pause(self) -> timedelta:
        """Say how long to wait for the next tick."""
        now = self._clock()
        with self._store.read() as db:
            soon = soonest(db, now, self._every)
        return self._every if soon is None else min(max(soon - now, SHORTEST), self._every)

    def run(self) -> None:
        """Tick until stopped; a tick that fails is logged and the next one tries again."""
        while not self._stopping.is_set():
            pause = self._every
            try:
                self.tick()
                pause = self.pause()
            except Exception:
                log.exception("tick failed", action="tick")
            self._stopping.wait(pause.total_seconds())

    def stop(self) -> None:
        """End `run` soon."""
        self._stopping.set()
