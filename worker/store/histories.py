"""Histories: all there ever was between the owner and everybody, for a replay; the one reader that reads everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from rules.backtest import History
from rules.network import Mail, Meeting, Network, Owner
from worker.store import network, people
from worker.store.accounts import owner_keys
from worker.store.mapping import micros
from worker.store.meetings import Diary
from worker.store.relations import mail_of
from worker.store.surroundings import busy, trips_of
from worker.store.tables import message, party

BEFORE = timedelta(days=90)
"""How far back of its first day a replay may look at single mails and meetings."""
FIRST = timedelta(days=5 * 365)
"""How far back meetings are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a replay needs."""

    histories: tuple[History, ...]
    network: Network
    """The owner with busy time and trips of the span; without relations."""


def past(connection: Connection, owner: Owner, now: datetime, *, since: datetime, until: datetime) -> Past:
    """Load the histories of everybody, with busy time and trips between two instants."""
    ids = [each.id for each in people.people(connection, owner.name)]
    seen = network.load(connection, owner, now, person_ids=ids)
    diary = Diary(connection=connection, owner=owner.name, known_as=owner_keys(connection, owner.name), now=now)
    entries = list(diary.between(since - FIRST, until + network.HORIZON).values())
    whose = {key: one.person.id for one in seen.relations for key in one.person.addresses}
    meetings: dict[str, list[Meeting]] = {}
    for entry in entries:
        if isinstance(entry.found, Meeting) and entry.found.end <= now:
            there = {guest.person_id for guest in entry.found.guests if guest.response not in {"declined", "delegated"}}
            for person_id in there - {""}:
                meetings.setdefault(person_id, []).append(entry.found)
    mails = _mails(connection, owner.name, whose, diary, since - BEFORE, until)
    histories = tuple(
        History(
            person=one.person,
            contacts=one.contacts,
            meetings=sorted(meetings.get(one.person.id, ()), key=lambda each: each.end),
            mails=mails.get(one.person.id, ()),
        )
        for one in seen.relations
    )
    ends = ((entry, entry.occurrence.end) for entry in entries)
    around = [entry for entry, end in ends if not isinstance(end, datetime) or end >= since]
    spans = busy(around, diary, owner, since)
    return Past(
        histories=histories, network=replace(seen, relations=(), ledger=(), busy=spans, trips=trips_of(around, diary, owner))
    )


def _mails(
    connection: Connection, owner: str, whose: Mapping[str, str], diary: Diary, since: datetime, until: datetime
) -> dict[str, list[Mail]]:
    """Read the messages of a span with everybody, each once for a person, ascending."""
    columns = (party.c.address, party.c.direction, party.c.recipients.label("to_so_many"), message)
    span = (party.c.sent_at >= micros(since), party.c.sent_at <= micros(until), party.c.direction != "none")
    joined = select(*columns).join(message, message.c.id == party.c.message).where(party.c.owner == owner, *span)
    found: dict[str, dict[str, Mail]] = {}
    for row in connection.execute(joined.order_by(party.c.sent_at, party.c.message)):
        if person_id := whose.get(row.address):
            read = mail_of(row, row._mapping, diary.known_as)  # noqa: SLF001 - SQLAlchemy's public name for a row by column
            found.setdefault(person_id, {})[read.message_id] = replace(read, recipients=row.to_so_many)
    return {who: list(mails.values()) for who, mails in found.items()}
