"""Relations: the owner and each of some persons, from the index rows of these persons and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Final, TypeAlias

from sqlalchemy import Connection, bindparam, select

from rules.addresses import match_key
from rules.interactions import ALL_HANDS, NotHeld
from rules.network import Meeting, Relation, Unheld
from rules.people import OwnerKeys
from rules.promises import Promise
from worker.store.mapping import instant, maybe_instant, micros
from worker.store.meetings import Diary, Entry, Name
from worker.store.rows import SAID, SENT, Rows, contacts_in, ends_of, mail_of, person_in, rows_of
from worker.store.statements import chunks
from worker.store.surroundings import Coverage
from worker.store.tables import message
from worker.store.unread import Unread, UnreadRows

Said: TypeAlias = Sequence[str]
"""What was said in a message, the columns SAID."""
RECENT = timedelta(days=90)
MAILS = 50
"""Recent messages loaded of one person at most."""
MISSED = timedelta(days=14)
ONE_TO_ONES = timedelta(days=180)
"""How far back missed one-to-ones are looked for."""
AHEAD = timedelta(days=180)
_SAID: Final = select(message.c.id, *SAID).where(message.c.id.in_(bindparam("ids", expanding=True)))
"""Built once: it is run for every mail, and building it takes longer than running it."""


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
        wanted.update(row[2] for row in each.mails[:MAILS] if row[1] >= since)
    found: dict[int, Said] = {}
    for some in chunks(sorted(wanted)):
        found.update((row[0], row[1:]) for row in connection.execute(_SAID, {"ids": some}).all())
    return found


def _entries(diary: Diary, raw: Iterable[Rows], now: datetime) -> Mapping[Name, Entry]:
    """Read the meetings around now: the last 90 days and what is booked."""
    since = micros(now - ONE_TO_ONES)
    uids = {name[0] for each in raw for name, row in each.meetings.items() if row[2] >= since}
    return diary.of(uids, now - ONE_TO_ONES, now + AHEAD)


def _relation(
    raw: Rows, mails: dict[int, Said], entries: Mapping[Name, Entry], known_as: OwnerKeys, covered: Coverage, now: datetime
) -> Relation:
    past = [row for row in raw.meetings.values() if row[4] and row[2] <= micros(now) and row[3] <= ALL_HANDS]
    earlier = [row[2] for row in past if row[2] <= micros(now - RECENT)]
    over, ahead = _around(raw, entries, now)
    said = [row for row in raw.mails[:MAILS] if row[2] in mails]
    ends, kinds = ends_of(raw, past, now), [row.kind for row in raw.notes]
    return Relation(
        person=person_in(raw, known_as),
        contacts=Unread(lambda: contacts_in(raw, now)),
        meetings=_recent(raw, over, now),
        meetings_held=len(past),
        one_to_ones_held=sum(row[3] == 2 for row in past),  # noqa: PLR2004 - two people
        previous_meeting_at=maybe_instant(max(earlier, default=None)),
        next_meeting=next((each.found for each in ahead if isinstance(each.found, Meeting) and _takes_part(each.found, raw)), None),
        mails=UnreadRows(said, lambda row: mail_of(row, mails[row[2]], known_as)),
        first_at=ends.first_at,
        last_at=ends.last_at,
        last_in_at=ends.last_in_at,
        last_out_at=ends.last_out_at,
        interactions=len({row[2] for row in raw.mails}) + len(past) + kinds.count("touch"),
        is_covered=covered.covers(ends.last_at),
        episode=raw.row.episode,
        ledger=list(raw.ledger.values()),
        dead_addresses=frozenset(raw.dead),
        snoozed_until=maybe_instant(raw.row.snoozed_until),
        offsets=_offsets(raw),
        gives=kinds.count("give") + sum(row.kind == "promise" and row.closed_at is not None for row in raw.notes),
        asks=kinds.count("ask"),
        unheld=_unheld(over, now),
        stopped_rules=frozenset(raw.stopped),
        missed_one_to_ones=_missed(over, now),
        promises=_promises(raw),
    )


def _around(raw: Rows, entries: Mapping[Name, Entry], now: datetime) -> tuple[Sequence[Entry], Iterator[Entry]]:
    """Return what is over, the newest first, and what lies ahead, the next first; each entry is read once it is looked at."""
    at = micros(now)
    near = [row for row in raw.meetings.values() if (row[5], row[6]) in entries]
    over = sorted((row for row in near if row[2] <= at), key=itemgetter(2), reverse=True)
    ahead = sorted((row for row in near if row[2] > at), key=itemgetter(1))
    return UnreadRows(over, lambda row: entries[row[5], row[6]]), (entries[row[5], row[6]] for row in ahead)


def _recent(raw: Rows, over: Iterable[Entry], now: datetime) -> list[Meeting]:
    """List the held meetings of the last 90 days, newest first."""
    found = [each.found for each in _since(over, now - RECENT)]
    return [each for each in found if isinstance(each, Meeting) and each.end > now - RECENT and _takes_part(each, raw)]


def _since(over: Iterable[Entry], start: datetime) -> Iterator[Entry]:
    """Yield what has ended since an instant, whole days left out, and look at nothing older."""
    for each in over:
        if isinstance(each.occurrence.end, datetime):
            if each.occurrence.end < start:
                return
            yield each


def _takes_part(found: Meeting, raw: Rows) -> bool:
    """Tell whether the person is in the meeting: not declined, nobody sent instead."""
    keys = raw.keys
    return any(match_key(each.address.email) in keys and each.response not in {"declined", "delegated"} for each in found.guests)


def _offsets(raw: Rows) -> dict[int, int]:
    found: dict[int, int] = {}
    for _, _, _, direction, _, _, _, offset, *_ in raw.mails:
        if direction == "in" and offset is not None:
            found[offset] = found.get(offset, 0) + 1
    return found


def _unheld(over: Iterable[Entry], now: datetime) -> list[Unheld]:
    """List what of the last 14 days was no meeting, newest first, with the reason."""
    late = _since(over, now - MISSED)
    found = [(each.occurrence, each.found.reason) for each in late if isinstance(each.found, NotHeld)]
    return [Unheld(uid=each.uid, original_start=each.original_start, start=each.start, reason=reason) for each, reason in found]


def _missed(over: Iterable[Entry], now: datetime) -> int:
    """Count one-to-ones in a row, since the last held one, that were cancelled or declined."""
    count = 0
    for entry in _since(over, now - ONE_TO_ONES):
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
