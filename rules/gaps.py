"""Gaps between contacts as a person says them: one rounding for every place that speaks of the same gap."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

DAY: Final = timedelta(days=1)
WEEK: Final = 7
UNITS: Final = (("day", 1, 14), ("week", 7, 63), ("month", 30.44, 730))
"""Unit, its days, and from how many days the next one is said."""


def span(gap: timedelta) -> str:
    """Say a gap in its natural unit, a day at least: "5 days", "3 weeks", "4 months"."""
    days = max(1, round(gap / DAY))
    if days == WEEK:
        return "1 week"
    for unit, length, upto in UNITS:
        if days < upto:
            return _counted(round(days / length), unit)
    return _counted(round(days / 365.25), "year")


def usually(gap: timedelta) -> str:
    """Say how often that is: "every day", "every 3 weeks"."""
    return f"every {span(gap).removeprefix('1 ')}"


def wanted(cadence: timedelta) -> str:
    """Say how often the owner wants it, in the days they said: "every 20 days"."""
    return "every day" if cadence.days <= 1 else f"every {cadence.days} days"


def _counted(count: int, unit: str) -> str:
    return f"{count:,} {unit}{'' if count == 1 else 's'}"
