"""Heartbeats: a lease lasts for seconds, and for as long as the process that holds it lives and gets on.

So a worker that is killed keeps its work from the others for seconds and not for as long as the work may take. One
that only stood still comes back to a lease that another may have by then: its fence tells.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection

from worker.store.engine import StoreError
from worker.store.store import Store

LASTING: Final = timedelta(seconds=20)
"""How long a lease outlives its holder; the clocks of machines that share a database are to agree better than that."""
EVERY: Final = timedelta(seconds=5)
LONGEST: Final = timedelta(minutes=5)
"""Who has held one for so long hangs, and is left alone with it: longer than an actor may run."""

log = structlog.get_logger()
Renewal = Callable[[Connection, datetime], object]
"""Makes a lease last from this instant on; what is falsy ends the heartbeat: it has gone to another, or was given back."""


@contextmanager
def beating(store: Store, renew: Renewal, now: datetime, every: timedelta = EVERY) -> Iterator[None]:
    """Renew a lease that was taken `now` while the block runs, from the thread the store has for that."""
    began = time.monotonic()

    def beat() -> bool:
        passed = timedelta(seconds=time.monotonic() - began)
        return passed <= LONGEST and _renewed(store, renew, now + passed)

    end = store.beats.add(beat, every.total_seconds())
    try:
        yield
    finally:
        end()


def _renewed(store: Store, renew: Renewal, at: datetime) -> bool:
    """Renew once; a database that is busy, or away for a moment, is asked again at the next beat."""
    try:
        with store.write(is_lasting=False) as db:
            return bool(renew(db, at))
    except StoreError as error:
        log.warning("lease not renewed", action="lease", error=type(error).__name__)
        return True
