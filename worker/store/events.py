"""Events: what a calendar reported into rows, and every UID it touches laid out in time again."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, bindparam, delete, func, insert, select, update

from rules.facts import Address, CalendarEvent
from rules.people import OwnerKeys, match_key
from worker.store.counters import rename
from worker.store.event_facts import EventWriter
from worker.store.forgotten import Forgotten
from worker.store.mapping import Origin, Row, event_of, iso, micros, plain, start_of
from worker.store.occurrences import freeze, lay_out
from worker.store.statements import among, chunks, listed, upsert_rows
from worker.store.storable import is_event_clean, storable
from worker.store.tables import event, occurrence

KEY = ("account", "feed", "remote_id", "uid", "original_start")
FOREVER = micros(datetime.max.replace(tzinfo=UTC))
Name = tuple[str, str, str]
"""Remote id, UID and original start: one event row of a feed."""


def apply(
    connection: Connection,
    origin: Origin,
    upserted: Iterable[CalendarEvent],
    removed: Iterable[str],
    owner: OwnerKeys,
    now: datetime,
    *,
    zone: str,
    is_first_read: bool,
) -> set[str]:
    """Store what a page reports of one calendar and lay its UIDs out again; return the match keys it touched.

    A master reported without an override it had drops that override. In a first read nothing is frozen yet: overrides
    may come after the master they belong to.
    """
    page: dict[Name, Row] = {}
    texts: dict[Name, CalendarEvent] = {}
    writer = EventWriter()
    for each in upserted:
        found, facts = _written(each, writer)
        row = _row(origin, found, facts)
        name = row["remote_id"], row["uid"], row["original_start"]
        page[name], texts[name] = row, found
    gone_ids = {plain(each) for each in removed} - {name[0] for name in page}
    known = _stored(connection, origin, {name[0] for name in page} | gone_ids)
    gone = [row for name, row in known.items() if name[0] in gone_ids or (name not in page and _is_replaced(name, page))]
    changed = [name for name, row in page.items() if name not in known or known[name]["facts"] != row["facts"]]
    uids = {name[1] for name in changed} | {row["uid"] for row in gone}
    if not is_first_read:
        freeze(connection, origin.owner, now, uids)
    old = [known[name] for name in changed if name in known] + gone
    _keep_as_it_was(connection, old)
    _write(connection, list(page.values()), gone)
    names = rename(
        connection,
        origin.owner,
        named((event_of(row["facts"]) for row in old), owner),
        named((texts[name] for name in changed), owner),
    )
    read = {(origin.account, origin.feed, *name): each for name, each in texts.items()}
    return lay_out(connection, origin.owner, uids, owner, now, zone, read) | names


def sweep(connection: Connection, origin: Origin, since: int | None) -> list[str]:
    """List the remote ids a full read has not reported; `since` (microseconds) keeps what ended before its window."""
    reported = select(event.c.remote_id).where(
        event.c.account == origin.account, event.c.feed == origin.feed, event.c.generation >= origin.generation
    )
    old = select(event.c.remote_id).where(
        event.c.account == origin.account, event.c.feed == origin.feed, event.c.generation < origin.generation
    )
    if since is not None:
        old = old.where(event.c.end_at >= since)
    return [str(each) for each in connection.execute(old.where(event.c.remote_id.not_in(reported)).distinct()).scalars()]


def remote_ids(connection: Connection, origin: Origin) -> list[str]:
    """List all remote ids of a calendar."""
    of_feed = select(event.c.remote_id).where(event.c.account == origin.account, event.c.feed == origin.feed)
    return [str(each) for each in connection.execute(of_feed.distinct()).scalars()]


def clean_kept(
    connection: Connection,
    owner: str,
    forgotten: Forgotten,
    rows: Iterable[RowMapping],
    known_as: OwnerKeys,
    now: datetime,
    zone: str,
) -> set[str]:
    """Take the forgotten out of texts that are kept only because something ended while they held."""
    kept = [row for row in rows if not row["account"]]
    for row in kept:
        clean = EventWriter().text(forgotten.events([event_of(row["facts"])])[0])
        connection.execute(update(event).where(event.c.id == row["id"]).values(facts=clean))
    return lay_out(connection, owner, {row["uid"] for row in kept}, known_as, now, zone)


def _written(found: CalendarEvent, writer: EventWriter) -> tuple[CalendarEvent, str]:
    """Write an event as it is stored, and say what it is then: what is concluded from it is concluded from that."""
    text = writer.text(found)
    if not is_event_clean(found, text):
        found = storable(found)
        text = writer.text(found)
    return found, text


def _row(origin: Origin, found: CalendarEvent, facts: str) -> Row:
    start = "" if found.original_start is not None or found.recurrence else iso(found.start)
    return {
        "owner": origin.owner,
        "account": origin.account,
        "feed": origin.feed,
        "remote_id": found.remote_id,
        "uid": found.uid,
        "original_start": "" if found.original_start is None else iso(found.original_start),
        "generation": origin.generation,
        "first_start": start,
        "start_at": start_of(found.start),
        "end_at": FOREVER if found.recurrence else start_of(found.end),
        "is_series": bool(found.recurrence),
        "rekindle_key": found.rekindle_key,
        "facts": facts,
    }


def _stored(connection: Connection, origin: Origin, ids: Collection[str]) -> dict[Name, RowMapping]:
    wanted = {"of": origin.account, "of_feed": origin.feed, "these": listed(connection, ids)}
    rows = connection.execute(_by_id(connection.dialect.name), wanted).mappings().all() if ids else ()
    return {(row["remote_id"], row["uid"], row["original_start"]): row for row in rows}


@cache
def _by_id(dialect: str) -> Select[*tuple[Any, ...]]:
    of_feed = select(event).where(event.c.account == bindparam("of"), event.c.feed == bindparam("of_feed"))
    return of_feed.where(among(dialect, event.c.remote_id))


def _is_replaced(name: Name, page: Collection[Name]) -> bool:
    """Tell whether the page reports the whole UID of this row, from the same place, without it."""
    remote_id, uid, original_start = name
    return bool(original_start) and (remote_id, uid, "") in page


def _keep_as_it_was(connection: Connection, rows: list[RowMapping]) -> None:
    """Let what has ended go on pointing at the text it had when it ended."""
    held: set[int] = set()
    for some in chunks([row["id"] for row in rows]):
        frozen = select(occurrence.c.event).where(occurrence.c.event.in_(some), occurrence.c.is_frozen.is_(True)).distinct()
        held.update(connection.execute(frozen).scalars())
    for row in (each for each in rows if each["id"] in held):
        past = {name: value for name, value in row.items() if name != "id"}
        past |= {"account": "", "feed": row["account"] or row["feed"], "is_series": False}
        past["remote_id"] = f"{row['id']}.{connection.execute(select(func.max(event.c.id))).scalar_one()}"
        copied = connection.execute(insert(event).values(past).returning(event.c.id)).scalar_one()
        mine = update(occurrence).where(occurrence.c.event == row["id"], occurrence.c.is_frozen.is_(True))
        connection.execute(mine.values(event=copied))


def _write(connection: Connection, rows: list[Row], gone: list[RowMapping]) -> None:
    upsert_rows(connection, event, KEY, rows, ("first_start", "expanded_until"))
    for some in chunks([each["id"] for each in gone]):
        connection.execute(delete(event).where(event.c.id.in_(some)))


def named(found: Iterable[CalendarEvent], owner: OwnerKeys) -> list[tuple[str, Address]]:
    """Name everybody on each event but the owner, once."""
    pairs: list[tuple[str, Address]] = []
    for each in found:
        people = [guest.address for guest in each.attendees] + ([each.organizer] if each.organizer else [])
        once = {match_key(address.email): address for address in reversed(people)}
        pairs += [(key, address) for key, address in once.items() if key and key not in owner.keys]
    return pairs
