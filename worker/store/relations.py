"""Relations: the owner and each of some persons, from the index rows of these persons and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from sqlalchemy import Connection, Row, RowMapping, func, or_, select

from rules.addresses import domain_of, match_key
from rules.facts import Address
from rules.interactions import ALL_HANDS, MailRow, MeetingRow, NotHeld, contacts_of
from rules.names import best_name
from rules.network import Kind, Mail, Meeting, Past, Person, Promise, Relation, Unheld
from rules.people import OwnerKeys
from rules.rhythm import Contact
from worker.store.mapping import decode, instant, maybe_instant, message_of, micros
from worker.store.meetings import Diary, Entry, Name
from worker.store.statements import chunks
from worker.store.surroundings import Coverage, pasts_of
from worker.store.tables import address, attendance, message, note, party, person, stop

RECENT = timedelta(days=90)
MAILS = 50
"""Recent messages loaded of one person at most."""
MISSED = timedelta(days=14)
ONE_TO_ONES = timedelta(days=180)
"""How far back missed one-to-ones are looked for."""
AHEAD = timedelta(days=180)


@dataclass(slots=True, kw_only=True)
class _Raw:
    """The rows of one person."""

    row: Row[*tuple[Any, ...]]
    keys: list[str] = field(default_factory=list)
    written: list[Address] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    mails: list[Row[*tuple[Any, ...]]] = field(default_factory=list)
    meetings: dict[Name, Row[*tuple[Any, ...]]] = field(default_factory=dict)
    notes: list[Row[*tuple[Any, ...]]] = field(default_factory=list)
    ledger: dict[str, Past] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)


def relations(
    connection: Connection, owner: str, ids: Sequence[str], diary: Diary, covered: Coverage, now: datetime
) -> list[Relation]:
    """Load the relations of persons, in the order of their ids; unknown ids are left out."""
    found: list[Relation] = []
    for some in chunks(sorted(set(ids))):
        raw = _rows(connection, owner, some, now)
        mails = _mails(connection, raw.values(), now)
        entries = _entries(diary, raw.values(), now)
        found += [_relation(each, mails, entries, diary.known_as, covered, now) for each in raw.values() if each.keys]
    return found


def _rows(connection: Connection, owner: str, ids: Sequence[str], now: datetime) -> dict[str, _Raw]:
    """Read everything there is on some persons, by index."""
    persons = select(person).where(person.c.owner == owner, person.c.id.in_(ids)).order_by(person.c.id)
    raw = {row.id: _Raw(row=row) for row in connection.execute(persons)}
    holders: dict[str, _Raw] = {}
    held = select(address).where(address.c.owner == owner, address.c.person.in_(list(raw)))
    for row in connection.execute(held.order_by(address.c.is_dead, func.coalesce(address.c.last_at, 0).desc(), address.c.key)):
        holders[row.key] = raw[row.person]
        raw[row.person].keys.append(row.key)
        raw[row.person].written.append(Address(email=row.email, name=best_name(decode(row.names))))
        raw[row.person].dead |= {row.key} if row.is_dead else set()
    for some in chunks(sorted(holders)):
        for row in connection.execute(_parties(owner, some, now)):
            holders[row.address].mails.append(row)
        mine = select(attendance).where(attendance.c.owner == owner, attendance.c.address.in_(some))
        for row in connection.execute(mine):
            known = holders[row.address].meetings
            if (name := (row.uid, row.original_start)) not in known or row.is_meeting:
                known[name] = row
    _add_said(connection, owner, raw, holders)
    return raw


def _parties(owner: str, keys: Sequence[str], now: datetime) -> Any:  # noqa: ANN401 - a SELECT
    columns = (party.c.address, party.c.sent_at, party.c.message, party.c.direction, party.c.recipients)
    joined = select(*columns, message.c.message_id, message.c.in_reply_to, message.c.sent_offset)
    mine = (party.c.owner == owner, party.c.address.in_(keys), party.c.direction != "none", party.c.sent_at <= micros(now))
    return joined.join(message, message.c.id == party.c.message).where(*mine)


def _add_said(connection: Connection, owner: str, raw: dict[str, _Raw], holders: dict[str, _Raw]) -> None:
    """Add what the owner said, and the ledger by person and by address: a merge repeats nothing."""
    notes = select(note).where(note.c.owner == owner, or_(note.c.person.in_(list(raw)), note.c.address.in_(list(holders))))
    for row in connection.execute(notes.order_by(note.c.at, note.c.id)):
        holder = holders.get(row.address) or raw.get(row.person)
        if holder is not None:
            holder.notes.append(row)
    for person_id, rule in connection.execute(
        select(stop.c.person, stop.c.rule).where(stop.c.owner == owner, stop.c.person.in_(list(raw)))
    ):
        raw[person_id].stopped.add(rule)
    for person_id, key, past in pasts_of(connection, owner, list(raw), list(holders)):
        holder = holders.get(key) or raw.get(person_id)
        if holder is not None:
            holder.ledger[past.key] = past


def _mails(connection: Connection, raw: Iterable[_Raw], now: datetime) -> dict[int, RowMapping]:
    """Read the recent messages whole, at most MAILS of each person."""
    since = micros(now - RECENT)
    wanted: set[int] = set()
    for each in raw:
        each.mails.sort(key=lambda row: (-row.sent_at, row.message))
        wanted.update(row.message for row in each.mails[:MAILS] if row.sent_at >= since)
    found: dict[int, RowMapping] = {}
    for some in chunks(sorted(wanted)):
        rows = connection.execute(select(message).where(message.c.id.in_(some))).mappings()
        found.update((row["id"], row) for row in rows)
    return found


def _entries(diary: Diary, raw: Iterable[_Raw], now: datetime) -> dict[Name, Entry]:
    """Read the meetings around now: the last 90 days and what is booked."""
    since = micros(now - ONE_TO_ONES)
    uids = {name[0] for each in raw for name, row in each.meetings.items() if row.end_at >= since}
    return diary.of(uids, now - ONE_TO_ONES, now + AHEAD)


def _relation(
    raw: _Raw, mails: dict[int, RowMapping], entries: dict[Name, Entry], known_as: OwnerKeys, covered: Coverage, now: datetime
) -> Relation:
    contacts = _contacts(raw, now)
    past = [row for row in raw.meetings.values() if row.is_meeting and row.end_at <= micros(now) and row.size <= ALL_HANDS]
    mine = [entries[name] for name in raw.meetings if name in entries]
    held = [each.found for each in mine if isinstance(each.found, Meeting) and each.found.end <= now and _takes_part(each, raw)]
    recent = sorted((each for each in held if each.end > now - RECENT), key=lambda each: each.end, reverse=True)
    earlier = [row.end_at for row in past if row.end_at <= micros(now - RECENT)]
    ahead = [each.found for each in mine if isinstance(each.found, Meeting) and each.found.end > now and _takes_part(each, raw)]
    last_at = contacts[-1].at if contacts else None
    ins = [each.at for each in contacts if each.direction == "in"]
    outs = [each.at for each in contacts if each.direction == "out"]
    kinds = [row.kind for row in raw.notes]
    return Relation(
        person=_person(raw, known_as),
        contacts=contacts,
        meetings=recent,
        meetings_held=len(past),
        one_to_ones_held=sum(row.size == 2 for row in past),  # noqa: PLR2004 - two people
        previous_meeting_at=maybe_instant(max(earlier, default=None)),
        next_meeting=min(ahead, key=lambda each: each.start, default=None),
        mails=[mail_of(row, mails[row.message], known_as) for row in raw.mails[:MAILS] if row.message in mails],
        first_at=contacts[0].at if contacts else None,
        last_at=last_at,
        last_in_at=ins[-1] if ins else None,
        last_out_at=outs[-1] if outs else None,
        interactions=len({row.message for row in raw.mails}) + len(past) + kinds.count("touch"),
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


def _takes_part(entry: Entry, raw: _Raw) -> bool:
    """Tell whether the person is in the meeting: not declined, nobody sent instead."""
    keys = set(raw.keys)
    guests = entry.found.guests if isinstance(entry.found, Meeting) else ()
    return any(match_key(each.address.email) in keys and each.response not in {"declined", "delegated"} for each in guests)


def _contacts(raw: _Raw, now: datetime) -> tuple[Contact, ...]:
    mails = [
        MailRow(
            message_id=row.message_id,
            at=instant(row.sent_at),
            direction=cast('Literal["in", "out"]', row.direction),
            recipients=row.recipients,
            in_reply_to=row.in_reply_to,
        )
        for row in raw.mails
    ]
    meetings = [
        MeetingRow(
            uid=row.uid, original_start=row.original_start, start=instant(row.start_at), end=instant(row.end_at), size=row.size
        )
        for row in raw.meetings.values()
        if row.is_meeting
    ]
    touches = [
        MeetingRow(uid=f"note:{row.id}", original_start="", start=instant(row.at), end=instant(row.at), size=2)
        for row in raw.notes
        if row.kind == "touch"
    ]
    return contacts_of(mails, [*meetings, *touches], now)


def _person(raw: _Raw, known_as: OwnerKeys) -> Person:
    row = raw.row
    domains = {domain_of(key) for key in raw.keys}
    is_internal = any(each == own or each.endswith(f".{own}") for each in domains for own in known_as.domains)
    return Person(
        id=row.id,
        name=row.name,
        addresses=tuple(raw.keys),
        written=tuple(raw.written),
        kind=cast("Kind", row.kind),
        reason=row.reason,
        first_name=row.first_name,
        circle=row.circle,
        is_internal=is_internal,
        cadence=None if row.cadence_days is None else timedelta(days=row.cadence_days),
        is_key=row.is_key,
        is_muted=row.is_muted,
        mute_reason=row.mute_reason,
    )


def mail_of(row: Row[*tuple[Any, ...]], whole: RowMapping, known_as: OwnerKeys) -> Mail:
    """Read a message as rules see it, `row` with whom it was between and `whole` with what was said."""
    facts = message_of(whole)
    addressed = [match_key(each.email) for part in (facts.to, facts.cc, facts.bcc) for each in part]
    ours = [key for key in ([whole["author"]] if row.direction == "out" else addressed) if key in known_as.keys]
    everybody = dict.fromkeys(key for key in addressed if key and key not in known_as.keys and key != whole["author"])
    return Mail(
        message_id=facts.message_id,
        at=facts.sent_at,
        direction=cast('Literal["in", "out"]', row.direction),
        subject=facts.subject,
        author=whole["author"],
        others=tuple(everybody),
        recipients=row.recipients,
        thread=whole["thread"],
        thread_id=facts.thread_id,
        references=facts.references,
        in_reply_to=whole["in_reply_to"],
        account=whole["account"],
        to_alias=ours[0] if ours else "",
    )


def _offsets(raw: _Raw) -> dict[int, int]:
    found: dict[int, int] = {}
    for row in raw.mails:
        if row.direction == "in" and row.sent_offset is not None:
            found[row.sent_offset] = found.get(row.sent_offset, 0) + 1
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


def _promises(raw: _Raw) -> list[Promise]:
    return [
        Promise(id=str(row.id), text=row.text, made_at=instant(row.at), due_at=instant(row.due_at))
        for row in raw.notes
        if row.kind == "promise" and row.closed_at is None and row.due_at is not None
    ]
