"""Attendances: who was or will be in which occurrence, an index from a person to their meetings."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select

from rules.addresses import match_key
from rules.facts import CalendarEvent
from rules.interactions import ALL_HANDS, NotHeld, meeting
from rules.network import Kind, Meeting
from rules.people import OwnerKeys
from worker.store.mapping import Row, occurrence_of
from worker.store.statements import chunks, insert_narrow
from worker.store.tables import attendance


def attend(
    connection: Connection,
    owner: str,
    uids: Sequence[str],
    held: Collection[tuple[Row, CalendarEvent]],
    known_as: OwnerKeys,
    now: datetime,
) -> set[str]:
    """Write who attends occurrences, each given as its row and the text that speaks for it; `uids` names those known before.

    Returns the match keys of those who do, and of those who did.
    """
    before: set[str] = set()
    for some in chunks(uids):
        mine = (attendance.c.owner == owner, attendance.c.uid.in_(some))
        before.update(connection.execute(select(attendance.c.address).where(*mine).distinct()).scalars())
        connection.execute(delete(attendance).where(*mine))
    guests: dict[tuple[int, bool], list[tuple[str, int, str, bool]]] = {}
    rows: list[tuple[object, ...]] = []
    for row, event in held:
        known = (id(event), row["is_cancelled"])
        if known not in guests:
            guests[known] = _guests(row, event, known_as, now)
        start, uid, name, end = row["start_at"], row["uid"], row["original_start"], row["end_at"]
        rows += [(owner, key, start, uid, name, end, size, kind, is_met) for key, size, kind, is_met in guests[known]]
    insert_narrow(connection, attendance, rows)
    return before.union(key for found in guests.values() for key, *_ in found)


def _guests(row: Row, event: CalendarEvent, known_as: OwnerKeys, now: datetime) -> list[tuple[str, int, str, bool]]:
    """List the guests of one text, each once. An all-day entry and an all-hands have none: nobody is met in them."""
    if event.is_all_day or len(event.attendees) > 2 * ALL_HANDS or not (event.attendees or event.organizer):
        return []
    found = meeting(event, occurrence_of(row), known_as, _anybody, now)
    size = 0 if isinstance(found, NotHeld) else found.size
    if size > ALL_HANDS:
        return []
    counted = _counted(found) if isinstance(found, Meeting) else frozenset()
    kinds = {match_key(each.address.email): each.kind.upper() for each in reversed(event.attendees)}
    if event.organizer is not None:
        kinds.setdefault(match_key(event.organizer.email), "")
    return [(key, size, kind, key in counted) for key, kind in kinds.items() if key and key not in known_as.keys]


def _counted(found: Meeting) -> frozenset[str]:
    """Name the guests the owner meets in it: neither declined nor sent somebody else."""
    here = (guest for guest in found.guests if guest.response not in {"declined", "delegated"})
    return frozenset(match_key(guest.address.email) for guest in here)


def _anybody(_key: str) -> Kind:
    return "unknown"
