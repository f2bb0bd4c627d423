"""Resting: for whom the owner has just discarded some time does not come back only because it is time, whichever rule says so."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from rules.network import Past, Person

REST = timedelta(days=30)
"""How long, unless the owner wants to hear of them more often."""
DISCARDED = frozenset({"owner_deleted", "dismissed", "put_off"})
BECAUSE_IT_IS_TIME = frozenset({"lapse", "month"})
"""Kinds of cause: what a promise, a letter or a trip proposed was discarded for a reason of its own."""


def rests_until(pasts: Iterable[Past], person: Person, now: datetime, *, but: str = "") -> datetime | None:
    """Say until when a person is left alone; None = not at all. What the rule `but` proposed counts by its own caps."""
    span = min(REST, person.cadence or REST)
    ends = (past.closed_at or past.created_at for past in pasts if past.rule != but and _is_discarded(past))
    last = max(ends, default=None)
    return last + span if last is not None and now < last + span else None


def _is_discarded(past: Past) -> bool:
    is_timely = past.action != "draft" and past.cause.partition(":")[0] in BECAUSE_IT_IS_TIME
    return is_timely and past.close_reason in DISCARDED
