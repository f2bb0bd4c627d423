"""What a slice of reading did, and how long to wait after one that failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import SystemRandom

SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What one slice did."""

    pages: int = 0
    upserted: int = 0
    removed: int = 0
    skipped: int = 0
    is_done: bool = True
    """Everything the provider has now is in the store; False: nudge again, or wait until `next_attempt_at`."""
    error: str = ""
    """What stood in the way, in the owner's words; the account or feed row says it too."""
    next_attempt_at: datetime | None = None
    held_back: timedelta | None = None
    """This minute's quota is used up: how long until it is worth going on."""


def backoff(attempts: int) -> timedelta:
    """Return how long to wait after so many failures in a row: doubling, with jitter, at most six hours."""
    longest = min(SHORTEST * (1 << min(attempts, 10)), LONGEST)
    return longest * SystemRandom().uniform(0.5, 1.0)
