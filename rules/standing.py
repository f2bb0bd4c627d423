"""Where the owner and a person stand now, in one word."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from rules.network import Relation
from rules.rhythm import SHORTEST, elapsed, is_out_of_rhythm, rhythm, rows_of

Standing = Literal["in_touch", "booked", "quiet", "one_way", "new", "snoozed", "muted", "unread"]
"""Silent no longer than twice their usual gap, three weeks at least, or than the gap wished; a meeting lies ahead; silent for
longer; only one side ever wrote; too little seen; snoozed or muted by the owner; not everything since the last contact was read."""


def standing(relation: Relation, now: datetime) -> Standing:
    """Say where the two stand. What the owner said comes first, then what is booked, then what was read."""
    if relation.person.is_muted:
        return "muted"
    if relation.snoozed_until is not None and relation.snoozed_until > now:
        return "snoozed"
    if relation.next_meeting is not None:
        return "booked"
    if not relation.is_covered:
        return "unread"
    if len({is_out for _, is_out, _, _ in rows_of(relation.contacts)}) == 1:
        return "one_way"
    if _is_long_ago(relation, now) and is_out_of_rhythm(
        relation.contacts, now=now, cadence=relation.person.cadence, away=relation.away
    ):
        return "quiet"
    if rhythm(relation.contacts) is None and relation.person.cadence is None:
        return "new"
    return "in_touch"


def _is_long_ago(relation: Relation, now: datetime) -> bool:
    """Tell whether contacts of either side are long ago, too: who wrote last week has not gone quiet, whoever owes the answer."""
    since = timedelta.max if relation.last_at is None else elapsed(relation.last_at, now, relation.away)
    return since > (SHORTEST if relation.person.cadence is None else relation.person.cadence)
