"""Histories: all there ever was between the owner and everybody, for a replay; the one reader that reads everything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from rules.absences import LOOKED_BACK, own_absences, their_absences
from rules.backtest import History
from rules.network import Meeting, Network, Owner
from worker.store import network, people
from worker.store.absences import out_of_office
from worker.store.accounts import owner_keys
from worker.store.mapping import instant, micros
from worker.store.meetings import Diary, Entry
from worker.store.rows import BETWEEN, SENT, Rows, contacts_in, mail_of, person_in, rows_of
from worker.store.statements import chunks
from worker.store.surroundings import busy, leave_in, trips_of
from worker.store.unread import AnyRow, UnreadRows

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
    seen = network.load(connection, owner, now, person_ids=())
    diary = Diary(connection=connection, owner=owner.name, known_as=owner_keys(connection, owner.name), now=now)
    entries = list(diary.between(since - FIRST, until + network.HORIZON).values())
    ends = ((entry, entry.occurrence.end) for entry in entries)
    around = [entry for entry, end in ends if not isinstance(end, datetime) or end >= since]
    spans = busy(around, diary, owner, since)
    own = own_absences(owner, leave_in(entries, diary, owner), until)
    return Past(
        histories=tuple(_histories(connection, diary, _held(entries, now), own, since, until)),
        network=replace(seen, ledger=(), busy=spans, trips=trips_of(around, diary, owner)),
    )


def _held(entries: Iterable[Entry], now: datetime) -> dict[str, list[Meeting]]:
    """List the held meetings of every person by their id."""
    met: dict[str, list[Meeting]] = {}
    for entry in entries:
        if isinstance(entry.found, Meeting) and entry.found.end <= now:
            there = {guest.person_id for guest in entry.found.guests if guest.response not in {"declined", "delegated"}}
            for person_id in there - {""}:
                met.setdefault(person_id, []).append(entry.found)
    return met


def _histories(
    connection: Connection,
    diary: Diary,
    met: dict[str, list[Meeting]],
    own: Sequence[tuple[datetime, datetime]],
    since: datetime,
    until: datetime,
) -> Iterator[History]:
    for some in chunks(sorted(each.id for each in people.people(connection, diary.owner))):
        read = rows_of(connection, diary.owner, some, diary.now, is_whole=True)
        keys = {key for rows in read.values() for key in rows.keys}
        answered = out_of_office(connection, diary.owner, keys, since - LOOKED_BACK, until)
        for person_id, rows in read.items():
            mails, contacts = _mails(rows, since - BEFORE, until), contacts_in(rows, diary.now)
            times = [at for key in rows.keys for at in answered.get(key, ())]
            theirs = their_absences(times, [each.at for each in contacts if each.direction == "in"]) if times else ()
            yield History(
                person=person_in(rows, diary.known_as),
                contacts=contacts,
                away=(*own, *theirs),
                meetings=sorted(met.get(person_id, ()), key=lambda each: each.end),
                mails=UnreadRows(mails, lambda row: mail_of(row, row[len(BETWEEN) :], diary.known_as)),
                sent_at=[instant(row[1]) for row in mails],
            )


def _mails(rows: Rows, since: datetime, until: datetime) -> Sequence[AnyRow]:
    """Return the messages of a span, each once, ascending."""
    first, last = micros(since), micros(until)
    wanted = sorted((row for row in rows.mails if first <= row[1] <= last), key=SENT)
    return list({row[5]: row for row in wanted}.values())
