"""Calibration: what was forecast of the owner's ties some months ago, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from rules.rhythm import Contact, interaction_days, lapse_probability

HORIZON: Final = timedelta(days=90)
LIVING: Final = timedelta(days=365)
"""A tie without two-way contact for so long is not forecast any more."""
ROUNDS: Final = 4
"""How many quarters back forecasts are compared with what came."""


def finished_cases(contacts: Sequence[Contact], now: datetime) -> Iterator[tuple[float, bool]]:
    """Yield for each of the last quarters the chance of lapse as it stood before it, and whether there was none in it.

    The input of rules.rhythm.shift_of. A quarter counts only if the tie was alive when it began.
    """
    day = timedelta(days=1)
    days = interaction_days(contacts)
    for back in range(1, ROUNDS + 1):
        then = now - back * HORIZON
        today = then.timestamp() / day.total_seconds()
        if not any(today - LIVING / day <= each <= today for each in days):
            continue
        has_lapsed = not any(today < each <= today + HORIZON / day for each in days)
        yield lapse_probability(contacts, now=then, horizon=HORIZON), has_lapsed
