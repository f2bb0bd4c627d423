"""The next free slot: inside the owner's hours, on a working day, clear of everything that is already there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rules.network import Busy, Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A span of time, aware UTC, end exclusive."""

    start: datetime
    end: datetime


def next_free(
    busy: Sequence[Busy],
    owner: Owner,
    now: datetime,
    *,
    notice_days: int = 2,
    minutes: int = 25,
    horizon_days: int = 21,
    meeting_hours: float = 5.0,
    buffer: timedelta = timedelta(minutes=5),
    taken: Sequence[Slot] = (),
    per_day: int = 1,
    per_week: int = 2,
    offsets: Mapping[int, int] | None = None,
) -> Slot | None:
    """Find the earliest slot for a hold, or None where the horizon has none.

    `busy` need not be sorted; `taken` are the holds already placed, at most `per_day` and `per_week` (ISO week of the
    owner's zone) of which may stand with the new one. `offsets` are the other person's UTC offsets in minutes with
    their counts: a slot inside their likely working hours is preferred, and never at their cost of a week.
    """
    raise NotImplementedError
