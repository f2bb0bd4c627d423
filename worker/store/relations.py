"""Relations: the owner and each of some persons, from the index rows of these persons and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from sqlalchemy import Connection, select

from rules.addresses import match_key
from rules.interactions import ALL_HANDS, NotHeld
from rules.network import Meeting, Promise, Relation, Unheld
from rules.people import OwnerKeys
from worker.store.mapping import instant, maybe_instant, micros
from worker.store.meetings import Diary, Entry, Name
from worker.store.rows import SAID, SENT, Rows, contacts_in, mail_of, person_in, rows_of
from worker.store.statements import chunks
from worker.store.surroundings import Coverage
from worker.store.tables import message

Said: TypeAlias = Sequence[str]
"""What was said in a message, the columns SAID."""
RECENT = timedelta(days=90)
MAILS = 50
"""Recent messages loaded of one person at most."""
MISSED = timedelta(days=14)
ONE_TO_ONES = timedelta(days=180)
"""How far back missed one-to-ones are looked for."""
AHEAD = timedelta(days=180)


def relations(
    connection: Connection, owner: str, ids: Sequence[str], diary: Diary, covered: Coverage, now: datetime
) -> list[Relation]:
    """Load the relations of persons, in the order of their ids; unknown ids are left out."""
    found: list[Relation] = []
    for some in chunks(sorted(set(ids))):
        raw = rows_of(connection, owner, some, now)
        mails = _mails(connection, raw.values(), now)
        entries = _entries(diary, raw.values(), now)
        found += [_relation(each, mails, entries, diary.known_as, covered, now) for each in raw.values() if each.keys]
    return found


def _mails(connection: Connection, raw: Iterable[Rows], now: datetime) -> dict[int, Said]:
    """Read the recent messages whole, at most MAILS of each person."""
    since = micros(now - RECENT)
    wanted: set[int] = set()
    for each in raw:
        each.mails.sort(key=SENT, reverse=True)
        wanted.update(row.message for row in each.mails[:MAILS] if row.sent_at >= since)
    found: dict[int, Said] = {}
    for some in chunks(sorted(wanted)):
        rows = connection.execute(select(message.c.id, *SAID).where(message.c.id.in_(some)))
        found.update((row[0], row[1:]) for row in rows.all())
    return found


def _entries(diary: Diary, raw: Iterable[Rows], now: datetime) -> dict[Name, Entry]:
    """Read the meetings around now: the last 90 days and what is booked."""
    since = micros(now - ONE_TO_ONES)
    uids = {name[0] for each in raw for name, row in each.meetings.items() if row.end_at >= since}
    return diary.of(uids, now - ONE_TO_ONES, now + AHEAD)


def _relation(
    raw: Rows, mails: dict[int, Said], entries: dict[Name, Entry], known_as: OwnerKeys, covered: Coverage, now: datetime
) -> Relation:
    contacts = contacts_in(raw, now)
    past = [row for row in raw.meetings.values() if row.is_meeting and row.end_at <= micros(now) and row.size <= ALL_HANDS]
    mine = [entries[name] for name in raw.meetings if name in entries]
    held = [each.found for each in mine if isinstance(each.found, Meeting) and each.found.end <= now and _takes_part(each, raw)]
    recent = sorted((each for each in held if each.end > now - RECENT), key=lambda each: each.end, reverse=True)
    earlier = [row.end_at for row in past if row.end_at <= micros(now - RECENT)]
    ahead = [each.found for each in mine if isinstance(each.found, Meeting) and each.found.end > now and _takes_part(each, raw)]
    last_at = contacts[-1].at if contacts else None
    kinds = [row.kind for row in raw.notes]
    return Relation(
        person=person_in(raw, known_as),
        contacts=contacts,
        meetings=recent,
        meetings_held=len(past),
        one_to_ones_held=sum(row.size == 2 for row in past),  # noqa: PLR2004 - two people
        previous_meeting_at=maybe_instant(max(earlier, default=None)),
        next_meeting=min(ahead, key=lambda each: each.start, default=None),
        mails=[mail_of(row, mails[row.message], known_as) for row in raw.mails[:MAILS] if row.message in mails],
        first_at=contacts[0].at if contacts else None,
        last_at=last_at,
        last_in_at=next((each.at for each in reversed(contacts) if each.direction == "in"), None),
        last_out_at=next((each.at for each in reversed(contacts) if each.direction == "out"), None),
        interactions=len({row[2] for row in raw.mails}) + len(past) + kinds.count("touch"),
        is_covered=covered.covers(last_at),
        episode=raw.row.episode,
        ledger=list(raw.ledger.values()),
        dead_addresses=frozenset(raw.dead),
        snoozed_until=maybe_instant(raw.row.snoozed_until),
        offsets=_offsets(raw),
        gives=kinds.count("give") + sum(row.kind == "promise" and row.closed_at is not None for row in raw.notes),
        asks=kinds.count("ask"),
        unheld=_unheld(mine, now),
        stopped_rules=frozenset(raw.stopped),
        missed_one_to_ones=_missed(mine, now),
        promises=_promises(raw),
    )


def _takes_part(entry: Entry, raw: Rows) -> bool:
    """Tell whether the person is in the meeting: not declined, nobody sent instead."""
    keys = set(raw.keys)
    guests = entry.found.guests if isinstance(entry.found, Meeting) else ()
    return any(match_key(each.address.email) in keys and each.response not in {"declined", "delegated"} for each in guests)


def _offsets(raw: Rows) -> dict[int, int]:
    found: dict[int, int] = {}
    for _, _, _, direction, _, _, _, offset, *_ in raw.mails:
        if direction == "in" and offset is not None:
            found[offset] = found.get(offset, 0) + 1
    return found


def _unheld(mine: Iterable[Entry], now: datetime) -> list[Unheld]:
    """List what of the last 14 days was no meeting, newest first, with the reason."""
    found = [
        (each.occurrence, each.found.reason)
        for each in mine
        if isinstance(each.found, NotHeld)
        and isinstance(each.occurrence.end, datetime)
        and now - MISSED <= each.occurrence.end <= now
    ]
    found.sort(key=lambda pair: str(pair[0].end), reverse=True)
    return [Unheld(uid=each.uid, original_start=each.original_start, start=each.start, reason=reason) for each, reason in found]


def _missed(mine: Iterable[Entry], now: datetime) -> int:
    """Count one-to-ones in a row, since the last held one, that were cancelled or declined."""
    count = 0
    over = [each for each in mine if isinstance(each.occurrence.end, datetime) and each.occurrence.end <= now]
    for entry in sorted(over, key=lambda each: str(each.occurrence.end), reverse=True):
        if isinstance(entry.found, Meeting):
            if entry.found.size == 2:  # noqa: PLR2004 - two people
                break
        elif len(entry.event.attendees) <= 2 and entry.found.reason != "an all-day entry, not a meeting":  # noqa: PLR2004 - as above
            count += 1
    return count


def _promises(raw: Rows) -> list[Promise]:
    return [
        Promise(id=str(row.id), text=row.text, made_at=instant(row.at), due_at=instant(row.due_at))
        for row in raw.notes
        if row.kind == "promise" and row.closed_at is None and row.due_at is not None
    ]
