"""Retention: what is kept for how long; old subjects shrink to what rules need, and old history goes with its traces."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, bindparam, delete, exists, or_, select, update

from connectors.port import Skipped
from rules.people import OwnerKeys
from rules.subjects import KEPT, reduced
from worker.store import counters, events, left_out, messages
from worker.store.accounts import owner_keys
from worker.store.forgetting import emptied
from worker.store.judging import review
from worker.store.mail_page import MailPage
from worker.store.mapping import Origin, event_of, message_of, micros
from worker.store.statements import chunks, lock_owner
from worker.store.store import Store
from worker.store.tables import attendance, event, feed, message, note, occurrence, suggestion

BATCH = 500
"""Rows changed in one transaction: whoever waits to write waits for no more."""


def reduce_subjects(store: Store, owner: str, now: datetime) -> int:
    """Leave of every subject older than 30 days only what rules need; says how many were shortened."""
    shortened, last = 0, 0
    old = select(message).where(message.c.owner == owner, message.c.sent_at < micros(now - KEPT), message.c.subject != "")
    while True:
        with store.write() as db:
            known_as = owner_keys(db, owner)
            rows = db.execute(old.where(message.c.id > last).order_by(message.c.id).limit(BATCH)).mappings().all()
            if not rows:
                return shortened
            last = rows[-1]["id"]
            shortened += _reduce(db, rows, known_as)


def _reduce(connection: Connection, rows: Sequence[RowMapping], known_as: OwnerKeys) -> int:
    short = [{"row": row["id"], "short": reduced(message_of(row), known_as)} for row in rows]
    fresh = [each for each, row in zip(short, rows, strict=True) if each["short"] != row["subject"]]
    if fresh:
        connection.execute(update(message).where(message.c.id == bindparam("row")).values(subject=bindparam("short")), fresh)
    return len(fresh)


def drop_old(store: Store, owner: str, before: datetime, now: datetime) -> int:
    """Remove messages sent and events ended before an instant, with everything counted from them; says how many.

    What is told as history begins there from then on. The ledger keeps keys and states without names or text.
    """
    dropped = 0
    for kind, drop in (("mail", _drop_messages), ("calendar", _drop_events)):
        while True:
            with store.write() as db:
                lock_owner(db, owner)
                gone, is_history = drop(db, owner, before, now)
                if is_history:
                    _begin_history(db, owner, kind, before)
            dropped += gone
            if gone < BATCH:
                break
    with store.write() as db:
        _empty_ledger(db, owner, before)
        db.execute(delete(note).where(note.c.owner == owner, note.c.at < micros(before), note.c.kind != "promise"))
    return dropped


def _drop_messages(connection: Connection, owner: str, before: datetime, now: datetime) -> tuple[int, bool]:
    """Remove messages; say how many, and whether that is history between people."""
    known_as = owner_keys(connection, owner)
    columns = (message.c.account, message.c.feed, message.c.remote_id, message.c.generation)
    old = select(*columns).where(message.c.owner == owner, message.c.sent_at < micros(before)).limit(BATCH)
    by_origin: dict[Origin, list[str]] = {}
    for row in connection.execute(old):
        origin = Origin(owner=owner, account=row.account, feed=row.feed, generation=row.generation)
        by_origin.setdefault(origin, []).append(row.remote_id)
    for origin, remote_ids in by_origin.items():
        review(connection, owner, messages.apply(connection, origin, MailPage(), remote_ids, known_as), known_as, now)
        left_out.count(connection, origin.account, "mail", origin.feed, map(_too_old, remote_ids))
    gone = sum(map(len, by_origin.values()))
    return gone, gone > 0


def _drop_events(connection: Connection, owner: str, before: datetime, now: datetime) -> tuple[int, bool]:
    """Remove occurrences with who attended them, and the texts nothing points at any more; say the same.

    What was too old when it was read has never been laid out: it counts as its text.
    """
    known_as = owner_keys(connection, owner)
    ended = select(occurrence.c.uid, occurrence.c.original_start, occurrence.c.event).where(
        occurrence.c.owner == owner, occurrence.c.end_at < micros(before), occurrence.c.is_frozen.is_(True)
    )
    rows = connection.execute(ended.limit(BATCH)).all()
    names = [{"u": row.uid, "s": row.original_start} for row in rows]
    uids = sorted({each["u"] for each in names})
    met: set[str] = set()
    for some in chunks(uids):
        there = select(attendance.c.address).where(attendance.c.owner == owner, attendance.c.uid.in_(some))
        met.update(connection.execute(there.distinct()).scalars())
    for table in (attendance, occurrence):
        mine = delete(table).where(table.c.owner == owner, table.c.uid == bindparam("u"), table.c.original_start == bindparam("s"))
        if names:
            connection.execute(mine, names)
    texts, named = _drop_texts(connection, owner, before, known_as)
    review(connection, owner, met | named, known_as, now)
    return len(names) + len(texts - {row.event for row in rows}), bool(met | named)


def _drop_texts(connection: Connection, owner: str, before: datetime, known_as: OwnerKeys) -> tuple[set[int], set[str]]:
    """Remove texts; return their ids, and the match keys of all they named."""
    pointed = exists().where(occurrence.c.event == event.c.id)
    unused = (event.c.owner == owner, event.c.end_at < micros(before), event.c.is_series.is_(False), ~pointed)
    columns = (event.c.id, event.c.account, event.c.feed, event.c.remote_id, event.c.facts)
    rows = connection.execute(select(*columns).where(*unused).limit(BATCH)).all()
    seen = events.named((event_of(row.facts) for row in rows if row.account), known_as)
    touched = counters.rename(connection, owner, seen, [])
    gone = {row.id for row in rows}
    connection.execute(delete(event).where(event.c.id.in_(gone)))
    for account, feed_id in {(row.account, row.feed) for row in rows if row.account}:
        old = [_too_old(row.remote_id) for row in rows if (row.account, row.feed) == (account, feed_id)]
        left_out.count(connection, account, "calendar", feed_id, old)
    return gone, touched


def _too_old(remote_id: str) -> Skipped:
    return Skipped(remote_id=remote_id, reason=left_out.TOO_OLD)


def _begin_history(connection: Connection, owner: str, kind: str, before: datetime) -> None:
    read_up = update(feed).where(feed.c.owner == owner, feed.c.kind == kind, feed.c.covered_since < micros(before))
    connection.execute(read_up.values(covered_since=micros(before)))


def _empty_ledger(connection: Connection, owner: str, before: datetime) -> None:
    """Take names and texts out of suggestions that closed long ago; the key stays, so that nothing is made twice."""
    past = (suggestion.c.owner == owner, suggestion.c.state == "closed", suggestion.c.updated_at < micros(before))
    rows = connection.execute(
        select(suggestion.c.key, suggestion.c.payload).where(*past, or_(suggestion.c.why != "", suggestion.c.evidence != "[]"))
    )
    for key, payload in rows.all():
        silent = {"payload": emptied(payload), "why": "", "evidence": "[]", "note": ""}
        connection.execute(update(suggestion).where(suggestion.c.key == key).values(silent))
