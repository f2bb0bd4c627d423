"""Rows: all there is on some persons, read by index, and what it says: who they are, when the two were in touch, what was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, Final, Literal, cast

from sqlalchemy import BigInteger, BindParameter, Connection, Row, bindparam, func, or_, select

from rules.addresses import domain_of, match_key
from rules.facts import Address
from rules.interactions import MailRow, MeetingRow, contacts_of
from rules.names import best_name
from rules.network import Kind, Mail, Past, Person
from rules.people import OwnerKeys
from rules.rhythm import Contact
from worker.store.mapping import ADDRESSED, decode, instant, maybe_instant, micros
from worker.store.meetings import Name
from worker.store.statements import chunks
from worker.store.surroundings import pasts_of
from worker.store.tables import address, attendance, message, note, party, person, stop

BETWEEN = (
    *(party.c.address, party.c.sent_at, party.c.message, party.c.direction, party.c.recipients),
    *(message.c.message_id, message.c.in_reply_to, message.c.sent_offset),
)
"""Columns that say whom a message was between, and when."""
MET = (
    *(attendance.c.address, attendance.c.start_at, attendance.c.end_at, attendance.c.size, attendance.c.is_meeting),
    *(attendance.c.uid, attendance.c.original_start),
)
"""Columns that say who was to meet whom, and when."""
SENT = itemgetter(1, 2)
"""What messages are ordered by: when they were sent, then their number."""
SAID = (message.c.author, message.c.subject, message.c.thread, message.c.account, message.c.facts)
"""Columns that say what was said, for `mail_of`."""

# Statements are built once: they are run for every mail, and building one takes longer than running it.
_WHOSE: Final[BindParameter[str]] = bindparam("whose")
_PERSONS: Final[BindParameter[Any]] = bindparam("persons", expanding=True)
_KEYS: Final[BindParameter[Any]] = bindparam("keys", expanding=True)
_KNOWN: Final = select(person).where(person.c.owner == _WHOSE, person.c.id.in_(_PERSONS)).order_by(person.c.id)
_HELD: Final = (
    select(address)
    .where(address.c.owner == _WHOSE, address.c.person.in_(_PERSONS))
    .order_by(address.c.is_dead, func.coalesce(address.c.last_at, 0).desc(), address.c.key)
)
_WRITTEN: Final = (
    select(*BETWEEN)
    .join(message, message.c.id == party.c.message)
    .where(party.c.owner == _WHOSE, party.c.address.in_(_KEYS))
    .where(party.c.direction != "none", party.c.sent_at <= bindparam("at", type_=BigInteger))
)
_WHOLE: Final = _WRITTEN.add_columns(*SAID)
_MET: Final = select(*MET).where(attendance.c.owner == _WHOSE, attendance.c.address.in_(_KEYS))
_NOTES: Final = (
    select(note)
    .where(note.c.owner == _WHOSE, or_(note.c.person.in_(_PERSONS), note.c.address.in_(_KEYS)))
    .order_by(note.c.at, note.c.id)
)
_STOPPED: Final = select(stop.c.person, stop.c.rule).where(stop.c.owner == _WHOSE, stop.c.person.in_(_PERSONS))


@dataclass(slots=True, kw_only=True)
class Rows:
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


def rows_of(connection: Connection, owner: str, ids: Sequence[str], now: datetime, *, is_whole: bool = False) -> dict[str, Rows]:
    """Read everything there is on some persons, by index; `is_whole` = each message with what was said, for `mail_of`."""
    found = {row.id: Rows(row=row) for row in connection.execute(_KNOWN, {"whose": owner, "persons": list(ids)})}
    holders: dict[str, Rows] = {}
    for row in connection.execute(_HELD, {"whose": owner, "persons": list(found)}):
        holders[row.key] = found[row.person]
        found[row.person].keys.append(row.key)
        found[row.person].written.append(Address(email=row.email, name=best_name(decode(row.names))))
        found[row.person].dead |= {row.key} if row.is_dead else set()
    for some in chunks(sorted(holders)):
        known = {"whose": owner, "keys": some}
        for row in connection.execute(_WHOLE if is_whole else _WRITTEN, known | {"at": micros(now)}).all():
            holders[row[0]].mails.append(row)
        for row in connection.execute(_MET, known).all():
            key, *_, is_meeting, uid, start = row
            meetings = holders[key].meetings
            if is_meeting or (uid, start) not in meetings:
                meetings[uid, start] = row
    _add_said(connection, owner, found, holders)
    return found


def _add_said(connection: Connection, owner: str, found: dict[str, Rows], holders: dict[str, Rows]) -> None:
    """Add what the owner said, and the ledger by person and by address: a merge repeats nothing."""
    for row in connection.execute(_NOTES, {"whose": owner, "persons": list(found), "keys": list(holders)}):
        holder = holders.get(row.address) or found.get(row.person)
        if holder is not None:
            holder.notes.append(row)
    for person_id, rule in connection.execute(_STOPPED, {"whose": owner, "persons": list(found)}):
        found[person_id].stopped.add(rule)
    for person_id, key, past in pasts_of(connection, owner, list(found), list(holders)):
        holder = holders.get(key) or found.get(person_id)
        if holder is not None:
            holder.ledger[past.key] = past


def contacts_in(rows: Rows, now: datetime) -> tuple[Contact, ...]:
    """Return every time the owner and the person were in touch until `now`, in order of time."""
    mails = [
        MailRow(message_id, instant(at), direction, recipients, answered)
        for _, at, _, direction, recipients, message_id, answered, *_ in rows.mails
    ]
    meetings = [
        MeetingRow(uid=uid, original_start=name, start=instant(start), end=instant(end), size=size)
        for _, start, end, size, is_meeting, uid, name in rows.meetings.values()
        if is_meeting
    ]
    touches = [
        MeetingRow(uid=f"note:{row.id}", original_start="", start=instant(row.at), end=instant(row.at), size=2)
        for row in rows.notes
        if row.kind == "touch"
    ]
    return contacts_of(mails, [*meetings, *touches], now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """When two were in touch for the first and the last time."""

    first_at: datetime | None
    last_at: datetime | None
    last_in_at: datetime | None
    last_out_at: datetime | None


def ends_of(rows: Rows, held: Sequence[Row[*tuple[Any, ...]]], now: datetime) -> Ends:
    """Return the ends of `contacts_in` without making the contacts; the mails are given newest first, `held` as MET."""
    if len({row[5] for row in rows.mails}) < len(rows.mails):
        return _ends_of_copies(contacts_in(rows, now))
    met = [row[2] for row in held] + [row.at for row in rows.notes if row.kind == "touch" and row.at <= micros(now)]
    heard, written = ([row[1] for row in rows.mails if row[3] == side][:1] + met for side in ("in", "out"))
    return Ends(
        first_at=maybe_instant(min([*met, *(row[1] for row in rows.mails[-1:])], default=None)),
        last_at=maybe_instant(max(heard + written, default=None)),
        last_in_at=maybe_instant(max(heard, default=None)),
        last_out_at=maybe_instant(max(written, default=None)),
    )


def _ends_of_copies(contacts: Sequence[Contact]) -> Ends:
    """Return the ends where a message is there more than once: which copy counts, `contacts_in` says."""
    return Ends(
        first_at=contacts[0].at if contacts else None,
        last_at=contacts[-1].at if contacts else None,
        last_in_at=next((each.at for each in reversed(contacts) if each.direction == "in"), None),
        last_out_at=next((each.at for each in reversed(contacts) if each.direction == "out"), None),
    )


def person_in(rows: Rows, known_as: OwnerKeys) -> Person:
    """Return who it is."""
    row = rows.row
    domains = {domain_of(key) for key in rows.keys}
    is_internal = any(each == own or each.endswith(f".{own}") for each in domains for own in known_as.domains)
    return Person(
        id=row.id,
        name=row.name,
        addresses=tuple(rows.keys),
        written=tuple(rows.written),
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


def mail_of(row: Row[*tuple[Any, ...]], said: Sequence[str], known_as: OwnerKeys) -> Mail:
    """Read a message as rules see it, `row` with whom it was between and `said` with the columns SAID."""
    _, sent_at, _, direction, recipients, message_id, in_reply_to, *_ = row  # by place: by name takes three times as long
    author, subject, thread, account_id, written = said
    facts, own = decode(written), known_as.keys
    addressed = [match_key(each[0]) for part in ADDRESSED if part in facts for each in facts[part]]
    ours = [key for key in ([author] if direction == "out" else addressed) if key in own]
    is_copy = (
        direction == "in" and "c" in facts and bool(ours) and not any(match_key(each[0]) in own for each in facts.get("t", ()))
    )
    everybody = [key for key in addressed if key and key not in own and key != author]
    return Mail(
        message_id=message_id,
        at=instant(sent_at),
        direction=cast('Literal["in", "out"]', direction),
        subject=subject,
        author=author,
        others=tuple(dict.fromkeys(everybody)) if everybody else (),
        is_copy=is_copy,
        recipients=recipients,
        thread=thread,
        thread_id=facts.get("th", ""),
        references=tuple(facts.get("x", ())),
        in_reply_to=in_reply_to,
        account=account_id,
        to_alias=ours[0] if ours else "",
    )
