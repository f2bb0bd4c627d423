"""When colleagues are busy, by getSchedule: free or not in quarter hours, never what for; what a tenant does not tell is unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final

from connectors.microsoft.graph import Graph, Json, Refused
from connectors.optional import Span
from connectors.port import Rejected

MOST: Final = 20
"""Addresses in one request."""
LONGEST: Final = timedelta(days=28)
"""Well inside the window Graph allows."""
STEP: Final = timedelta(minutes=15)
_TAKEN: Final = frozenset("123")
"""Tentative, busy and out of office; 0 is free and 4 works elsewhere."""


def busy(reader: Graph, addresses: Sequence[str], start: datetime, end: datetime) -> Mapping[str, Sequence[Span]]:
    """Return the busy spans of those the tenant tells of, by address; it needs no more than Calendars.ReadBasic.

    Raises AuthorizationExpired, RateLimited, Unavailable.
    """
    found: dict[str, Sequence[Span]] = {}
    for at in range(0, len(addresses), MOST):
        asked = addresses[at : at + MOST]
        for one in _asked(reader, asked, start, min(end, start + LONGEST)):
            address = next((each for each in asked if each.lower() == str(one.get("scheduleId", "")).lower()), None)
            if address is not None and not one.get("error") and "availabilityView" in one:
                found[address] = tuple(_spans(str(one["availabilityView"]), start))
    return found


def _asked(reader: Graph, addresses: Sequence[str], start: datetime, end: datetime) -> Sequence[Json]:
    given = {
        "schedules": list(addresses),
        "startTime": _moment(start),
        "endTime": _moment(end),
        "availabilityViewInterval": STEP // timedelta(minutes=1),
    }
    try:
        answer = reader.ask("POST", "me/calendar/getSchedule", "when colleagues are busy", given=given)
    except (Refused, Rejected):  # a personal account, or a tenant that does not tell
        return ()
    found: Sequence[Json] = answer.get("value", ())
    return found


def _spans(view: str, start: datetime) -> Iterator[Span]:
    at = start
    for is_taken, steps in groupby(view, key=_TAKEN.__contains__):
        length = STEP * len(list(steps))
        if is_taken:
            yield at, at + length
        at += length


def _moment(at: datetime) -> Json:
    return {"dateTime": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"}
