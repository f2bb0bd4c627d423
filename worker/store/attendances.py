"""Attendances: who was or will be in which occurrence, an index from a person to their meetings."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from rules.addresses import match_key
from rules.facts import CalendarEvent, Occurrence
from rules.interactions import ALL_HANDS, NotHeld, meeting
from rules.network import Kind, Meeting
from rules.people import OwnerKeys
from worker.store.mapping import Row, start_of
from worker.store.tables import attendance


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An occurrence with the text that speaks for it."""

    occurrence: Occurrence
    original_start: str
    event: CalendarEvent


def attend(
    connection: Connection, owner: str, uids: Sequence[str], held: Collection[Held], known_as: OwnerKeys, now: datetime
) -> set[str]:
    """Write who attends the occurrences of these UIDs; return the match keys of those who do, and of those who did."""
    mine = (attendance.c.owner == owner, attendance.c.uid.in_(uids))
    before = set(connection.execute(select(attendance.c.address).where(*mine).distinct()).scalars())
    if before:
        connection.execute(delete(attendance).where(*mine))
    guests: dict[tuple[int, bool], list[Row]] = {}
    rows: list[Row] = []
    for each in held:
        known = (id(each.event), each.occurrence.is_cancelled)
        if known not in guests:
            guests[known] = _guests(each, known_as, now)
        span = {"start_at": start_of(each.occurrence.start), "end_at": start_of(each.occurrence.end)}
        name = {"owner": owner, "uid": each.occurrence.uid, "original_start": each.original_start}
        rows += [guest | span | name for guest in guests[known]]
    if rows:
        connection.execute(insert(attendance), rows)
    return before | {str(row["address"]) for row in rows}


def _guests(held: Held, known_as: OwnerKeys, now: datetime) -> list[Row]:
    """List the guests of one text, each once. An all-day entry and an all-hands have none: nobody is met in them."""
    event = held.event
    if event.is_all_day or len(event.attendees) > 2 * ALL_HANDS:
        return []
    found = meeting(event, held.occurrence, known_as, _anybody, now)
    size = 0 if isinstance(found, NotHeld) else found.size
    if size > ALL_HANDS:
        return []
    counted = _counted(found) if isinstance(found, Meeting) else frozenset()
    kinds = {match_key(each.address.email): each.kind.upper() for each in reversed(event.attendees)}
    if event.organizer is not None:
        kinds.setdefault(match_key(event.organizer.email), "")
    return [
        {"address": key, "size": size, "kind": kind, "is_meeting": key in counted}
        for key, kind in kinds.items()
        if key and key not in known_as.keys
    ]


def _counted(found: Meeting) -> frozenset[str]:
    """Name the guests the owner meets in it: neither declined nor sent somebody else."""
    here = (guest for guest in found.guests if guest.response not in {"declined", "delegated"})
    return frozenset(match_key(guest.address.email) for guest in here)


def _anybody(_key: str) -> Kind:
    return "unknown"
