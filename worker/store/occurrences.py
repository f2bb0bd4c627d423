"""Occurrences: each UID laid out in time, whatever calendars it lies in; what has ended stays as it was."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Connection,
    RowMapping,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    select,
    update,
)

from rules.addresses import match_key
from rules.facts import CalendarEvent
from rules.people import OwnerKeys
from worker.store.accounts import owner_history
from worker.store.attendances import attend
from worker.store.layout import AHEAD, Frozen, Span, Spoken, Text, is_called_off, is_plain, is_struck, lay
from worker.store.mapping import Row, event_of, maybe_instant, micros, start_of
from worker.store.statements import among, chunks, insert_narrow, listed, upsert_rows
from worker.store.tables import attendance, event, feed, occurrence

KEY = ("owner", "uid", "original_start")
Place = tuple[str, str, str, str, str]
"""Account, feed, remote id, UID and original start: one event row."""
Held = tuple[Row, CalendarEvent]
"""An occurrence as its row, and the text that speaks for it."""
NOTHING: Mapping[Place, CalendarEvent] = MappingProxyType({})
TOGETHER = 500
"""UIDs laid out at a time."""
MOST_HELD = 20_000
"""Occurrences held in memory, and those of one UID more."""
_in_order = itemgetter(*occurrence.c.keys())

# Statements are built once: they are run for every mail, and building one takes longer than running it.
_WHOSE: Final[BindParameter[str]] = bindparam("whose")
_NOW: Final[BindParameter[int]] = bindparam("by_now", type_=BigInteger)
_IS_FIRST_READ: Final = exists().where(
    event.c.id == occurrence.c.event,
    feed.c.account == event.c.account,
    feed.c.id == event.c.feed,
    feed.c.kind == "calendar",
    feed.c.is_rereading.is_(True),
    feed.c.generation <= 1,
)
_FREEZE: Final = (
    update(occurrence)
    .where(occurrence.c.owner == _WHOSE, occurrence.c.is_frozen.is_(False), occurrence.c.end_at <= _NOW, ~_IS_FIRST_READ)
    .values(is_frozen=True)
    .returning(occurrence.c.uid, occurrence.c.original_start)
)
_FREEZE_OF: Final = _FREEZE.where(occurrence.c.uid.in_(bindparam("uids", expanding=True)))
_NEXT_END: Final = select(func.min(occurrence.c.end_at)).where(
    occurrence.c.owner == _WHOSE, occurrence.c.is_frozen.is_(False), occurrence.c.end_at > _NOW
)
_SHORT: Final = (
    select(event.c.uid)
    .where(event.c.owner == _WHOSE, event.c.is_series.is_(True), event.c.expanded_until < bindparam("horizon"))
    .distinct()
    .limit(bindparam("most"))
)


def lay_out(
    connection: Connection,
    owner: str,
    uids: Collection[str],
    known_as: OwnerKeys,
    now: datetime,
    zone: str,
    read: Mapping[Place, CalendarEvent] = NOTHING,
) -> set[str]:
    """Make the occurrences of these UIDs anew from their events; return the match keys of all who attend or attended.

    `read` holds events just written, so that they need not be read back.
    """
    span = Span(since=now - owner_history(connection, owner), now=now, zone=zone)
    touched: set[str] = set()
    for some in chunks(sorted(uids), TOGETHER):
        wanted = {"whose": owner, "these": listed(connection, some)}
        texts = _texts(connection, wanted, read)
        old = _by_uid(connection, wanted)
        held: list[Held] = []
        done: list[str] = []
        for uid in some:
            held += _held(connection, owner, texts.get(uid, ()), old.get(uid, ()), span)
            done.append(uid)
            if len(held) >= MOST_HELD:
                touched |= _write(connection, owner, done, held, old, known_as, now)
                held, done = [], []
        touched |= _write(connection, owner, done, held, old, known_as, now)
        _tidy(connection, owner, texts, now)
    return touched


def freeze(connection: Connection, owner: str, now: datetime, uids: Collection[str] | None = None) -> set[tuple[str, str]]:
    """Freeze what has ended; return UID and original start of each. What a first read is still completing waits."""
    known: dict[str, Any] = {"whose": owner, "by_now": micros(now)}
    if uids is None:
        return {(row.uid, row.original_start) for row in connection.execute(_FREEZE, known)}
    frozen = (connection.execute(_FREEZE_OF, known | {"uids": some}) for some in chunks(sorted(uids)))
    return {(row.uid, row.original_start) for rows in frozen for row in rows}


def attended(connection: Connection, owner: str, names: Collection[tuple[str, str]]) -> set[str]:
    """Return the match keys of all who attended these occurrences."""
    found: set[str] = set()
    for some in chunks(sorted({uid for uid, _ in names})):
        rows = select(attendance.c.uid, attendance.c.original_start, attendance.c.address)
        wanted = rows.where(attendance.c.owner == owner, attendance.c.uid.in_(some))
        found.update(row.address for row in connection.execute(wanted) if (row.uid, row.original_start) in names)
    return found


def next_end(connection: Connection, owner: str, now: datetime) -> datetime | None:
    """Return when the next occurrence ends: somebody has been met then."""
    return maybe_instant(connection.execute(_NEXT_END, {"whose": owner, "by_now": micros(now)}).scalar())


def roll(connection: Connection, owner: str, known_as: OwnerKeys, now: datetime, zone: str, limit: int = 500) -> int:
    """Lay out the series whose future runs short; returns how many, at most `limit`. Nightly work, cheap when done."""
    horizon = micros(now + AHEAD - timedelta(days=1))
    uids = set(connection.execute(_SHORT, {"whose": owner, "horizon": horizon, "most": limit}).scalars())
    if uids:
        freeze(connection, owner, now, uids)
        lay_out(connection, owner, uids, known_as, now, zone)
    return len(uids)


@cache
def _laid_before(dialect: str) -> Select[*tuple[Any, ...]]:
    return select(occurrence).where(occurrence.c.owner == _WHOSE, among(dialect, occurrence.c.uid))


def _by_uid(connection: Connection, wanted: Mapping[str, Any]) -> dict[str, list[RowMapping]]:
    found: dict[str, list[RowMapping]] = {}
    for row in connection.execute(_laid_before(connection.dialect.name), wanted).mappings().all():
        found.setdefault(row["uid"], []).append(row)
    return found


@cache
def _named(dialect: str) -> Select[*tuple[Any, ...]]:
    places = (event.c.account, event.c.feed, event.c.remote_id, event.c.uid, event.c.original_start)
    return select(event.c.id, *places, event.c.first_start).where(event.c.owner == _WHOSE, among(dialect, event.c.uid))


def _texts(connection: Connection, wanted: Mapping[str, Any], read: Mapping[Place, CalendarEvent]) -> dict[str, list[Text]]:
    """Load the events of the UIDs wanted; the texts of those just read are not asked for."""
    rows = connection.execute(_named(connection.dialect.name), wanted).all()
    known = {row[0]: found for row in rows if (found := read.get(row[1:6])) is not None}
    for some in chunks([row[0] for row in rows if row[0] not in known]):
        stored = connection.execute(select(event.c.id, event.c.facts).where(event.c.id.in_(some)))
        known |= {id_: event_of(facts) for id_, facts in stored}
    texts: dict[str, list[Text]] = {}
    for id_, account, feed_id, _, uid, _, first_start in rows:
        text = Text(id=id_, account=account, feed=feed_id, first_start=first_start, event=known[id_])
        texts.setdefault(uid, []).append(text)
    return texts


def _held(connection: Connection, owner: str, texts: Sequence[Text], old: Sequence[RowMapping], span: Span) -> list[Held]:
    """Write the occurrences of one UID, each with the event that speaks for it."""
    if not old and is_plain(texts):
        row = _single(owner, texts[0])
        return [(row, texts[0].event)] if row["end_at"] > micros(span.since) else []
    by_id = {text.id: text for text in texts}
    return [(row, by_id[row["event"]].event) for row in _rows(connection, owner, by_id, old, span)]


def _rows(connection: Connection, owner: str, texts: dict[int, Text], old: Sequence[RowMapping], span: Span) -> list[Row]:
    """Write the occurrences of one UID: those ahead as they are laid, those that ended as they were, or corrected."""
    frozen = {row["original_start"]: row for row in old if row["is_frozen"]}
    ended = {name: Frozen(start_at=row["start_at"], is_cancelled=row["is_cancelled"]) for name, row in frozen.items()}
    laid = lay(list(texts.values()), ended, span)
    fresh = [_row(owner, name, spoken) for name, spoken in laid.items() if name not in frozen]
    rows = [row for row in fresh if not frozen or row["end_at"] > micros(span.now)]  # a moved series has no second past
    _rename(connection, laid, texts)
    live = [text for text in texts.values() if text.account]
    for name, row in frozen.items():
        past = dict(row)
        if (spoken := laid.get(name)) is not None:
            rows.append(_corrected(past, texts[row["event"]].event, spoken))
        elif live or not _is_single(texts[row["event"]].event):
            rows.append(past | {"is_cancelled": past["is_cancelled"] or is_struck(live, name, span)})
    return rows


def _corrected(past: Row, was: CalendarEvent, spoken: Spoken) -> Row:
    """Let only the occurrence's own cancellation or decline correct what has ended."""
    if spoken.occurrence.is_cancelled:
        return past | {"is_cancelled": True}
    if spoken.is_own and _declined(spoken.text.event) - _declined(was):
        return past | {"event": spoken.text.id}
    return past


def _declined(found: CalendarEvent) -> set[str]:
    return {match_key(each.address.email) for each in found.attendees if each.response == "declined"}


def _is_single(found: CalendarEvent) -> bool:
    return not found.recurrence and found.original_start is None


def _rename(connection: Connection, laid: dict[str, Spoken], texts: dict[int, Text]) -> None:
    """Note a new first start where a single event was moved on after it had ended."""
    for name, spoken in laid.items():
        if spoken.is_own and _is_single(spoken.text.event):
            first = min((text for text in texts.values() if text.account and _is_single(text.event)), key=lambda text: text.id)
            if first.first_start != name:
                connection.execute(update(event).where(event.c.id == first.id).values(first_start=name))


def _row(owner: str, name: str, spoken: Spoken) -> Row:
    each = spoken.occurrence
    return {
        "owner": owner,
        "uid": each.uid,
        "original_start": name,
        "start_at": start_of(each.start),
        "end_at": start_of(each.end),
        "is_all_day": each.is_all_day,
        "is_cancelled": each.is_cancelled,
        "is_frozen": False,
        "event": spoken.text.id,
    }


def _single(owner: str, text: Text) -> Row:
    found = text.event
    return {
        "owner": owner,
        "uid": found.uid,
        "original_start": text.first_start,
        "start_at": start_of(found.start),
        "end_at": start_of(found.end),
        "is_all_day": found.is_all_day,
        "is_cancelled": is_called_off(found),
        "is_frozen": False,
        "event": text.id,
    }


def _write(
    connection: Connection,
    owner: str,
    uids: Sequence[str],
    held: Sequence[Held],
    old: Mapping[str, Sequence[RowMapping]],
    known_as: OwnerKeys,
    now: datetime,
) -> set[str]:
    """Replace the occurrences of these UIDs, and who attends them."""
    before = {(row["uid"], row["original_start"]) for uid in uids for row in old.get(uid, ())}
    gone = before - {(row["uid"], row["original_start"]) for row, _ in held} if before else before
    if gone:
        one = and_(occurrence.c.uid == bindparam("u"), occurrence.c.original_start == bindparam("s"))
        stale = [{"u": uid, "s": name} for uid, name in sorted(gone)]
        connection.execute(delete(occurrence).where(occurrence.c.owner == owner, one), stale)
    insert_narrow(connection, occurrence, [_in_order(row) for row, _ in held if row["uid"] not in old])
    upsert_rows(connection, occurrence, KEY, [row for row, _ in held if row["uid"] in old])
    return attend(connection, owner, uids if before else (), held, known_as, now)


def _tidy(connection: Connection, owner: str, texts: Mapping[str, Sequence[Text]], now: datetime) -> None:
    """Let go of texts nothing that ended points at any more, and note how far series are laid out."""
    kept = [text.id for found in texts.values() for text in found if not text.account]
    series = [uid for uid, found in texts.items() if any(text.event.recurrence for text in found)]
    pointed = exists().where(occurrence.c.event == event.c.id)
    for some in chunks(kept):
        connection.execute(delete(event).where(event.c.id.in_(some), ~pointed))
    for uids in chunks(series):
        laid = update(event).where(event.c.owner == owner, event.c.uid.in_(uids), event.c.is_series.is_(True))
        connection.execute(laid.values(expanded_until=micros(now + AHEAD)))
