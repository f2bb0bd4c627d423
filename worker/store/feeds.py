"""Feeds: where each was left, and one page committed with its cursor, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, cast

from sqlalchemy import Connection, Row, and_, bindparam, delete, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from connectors.port import Changes, Cursor, Feed
from rules.facts import CalendarEvent, MessageMetadata
from rules.people import OwnerKeys
from worker.store import events, left_out, looking, messages
from worker.store.accounts import keys_and_zone
from worker.store.gleaning import glean
from worker.store.judging import put_off, review, wake
from worker.store.left_out import Kind
from worker.store.mail_page import Packing
from worker.store.mapping import Origin, maybe_instant, micros, plain
from worker.store.occurrences import next_end
from worker.store.statements import chunks, lock_owner, upsert
from worker.store.storable import name, storable
from worker.store.tables import event, message
from worker.store.tables import feed as feeds
from worker.store.tombstones import forgotten_by

EVER = datetime.min.replace(tzinfo=UTC)

# Statements are built once: they are run for every mail, and building one takes longer than running it.
_ALL: Final = select(feeds).where(feeds.c.owner == bindparam("whose")).order_by(feeds.c.account, feeds.c.kind, feeds.c.id)
_OF_ACCOUNT: Final = _ALL.where(feeds.c.account == bindparam("of"))


class Overtaken(Exception):
    """Another reader has committed a page of this feed meanwhile: this page is dropped, nothing is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFeed:
    """One folder or calendar, and where it was left."""

    account: str
    kind: Kind
    id: str
    owner: str
    name: str
    role: str = ""
    hint: str = ""
    """The change mark up to which everything has been read; "" while something is still to come."""
    cursor: Cursor | None = None
    turn: int = 0
    generation: int = 0
    is_rereading: bool = False
    covered_since: datetime | None = None
    """Everything newer has been read; None = nothing yet."""
    remaining: int | None = None
    last_ok_at: datetime | None = None
    """When it was last read up."""
    error: str = ""


def sync_feeds(
    connection: Connection, account: str, owner: str, kind: Kind, found: Sequence[Feed], now: datetime
) -> list[StoredFeed]:
    """Take over the provider's list of feeds: new ones are noted, those that are gone go with what they held."""
    fresh = [
        {"account": account, "kind": kind, "id": each.id, "owner": owner, "name": plain(each.name), "role": each.role}
        for each in found
    ]
    if fresh:
        kept = ("hint", "cursor", "turn", "generation", "is_rereading", "covered_since", "remaining", "last_ok_at", "error")
        connection.execute(upsert(connection, feeds, ("account", "kind", "id"), kept), fresh)
    ids = {each.id for each in found}
    stored = [each for each in stored_feeds(connection, owner, account) if each.kind == kind]
    for each in stored:
        if each.id not in ids:
            drop(connection, each, now)
    return [each for each in stored if each.id in ids]


def drop(connection: Connection, feed: StoredFeed, now: datetime) -> None:
    """Remove a feed and everything only it reported."""
    lock_owner(connection, feed.owner)
    origin = _origin(feed)
    held = messages.remote_ids(connection, origin) if feed.kind == "mail" else events.remote_ids(connection, origin)
    _apply(connection, feed, _without(held), now)
    connection.execute(delete(feeds).where(_is(feed)))
    left_out.forget(connection, feed.account, feed.kind, feed.id)


def stored_feeds(connection: Connection, owner: str, account: str | None = None) -> list[StoredFeed]:
    """List the feeds of an owner, or of one account."""
    known = {"whose": owner}
    rows = connection.execute(_ALL, known) if account is None else connection.execute(_OF_ACCOUNT, known | {"of": account})
    return [_stored(row) for row in rows]


def begin_full_read(connection: Connection, feed: StoredFeed) -> StoredFeed:
    """Start reading a feed from the beginning; the last page of it will sweep what it did not report. Raises Overtaken."""
    values = {"cursor": None, "generation": feed.generation + 1, "is_rereading": True, "hint": "", "remaining": None}
    begun = _advance(connection, feed, values)
    left_out.forget(connection, feed.account, feed.kind, feed.id)
    return begun


def commit_page(
    connection: Connection,
    feed: StoredFeed,
    changes: Changes[MessageMetadata] | Changes[CalendarEvent],
    now: datetime,
    *,
    hint: str = "",
    is_judged_later: bool = False,
    kept_since: datetime | None = None,
) -> StoredFeed:
    """Commit one page with its cursor and every index row it touches; return the feed as it is now. Raises Overtaken.

    `hint` is the provider's change mark from before the round; it is kept once the round is complete, unless the page itself
    tells a better one. `is_judged_later`: whom the page touches is left to `judging.catch_up`. What is over before
    `kept_since` is counted, not stored.
    """
    lock_owner(connection, feed.owner)
    unread = [each.remote_id for each in changes.skipped]
    if kept_since is not None:
        changes = left_out.young(changes, kept_since)
    left_out.count(connection, feed.account, feed.kind, feed.id, changes.skipped)
    values: dict[str, Any] = {"cursor": changes.cursor, "remaining": changes.remaining}
    covered = changes.covered_since
    if changes.is_last:
        covered = covered or feed.covered_since or EVER
        if kept_since is not None and covered < kept_since and left_out.is_cut(connection, feed.account, feed.kind, feed.id):
            covered = max(covered, kept_since)
        values |= {
            "is_rereading": False,
            "hint": hint if changes.hint is None else changes.hint,
            "last_ok_at": micros(now),
            "error": "",
        }
    if covered is not None:
        values["covered_since"] = micros(covered)
    after = _advance(connection, feed, values)
    _apply(connection, feed, changes, now, is_judged_later=is_judged_later)
    if unread and feed.is_rereading:
        _spare(connection, feed, unread)
    if changes.is_last and feed.is_rereading and feed.generation > 1:  # of a first one nothing was there before it
        _sweep(connection, feed, covered, now)
    return after


def confirm(connection: Connection, feed: StoredFeed, now: datetime) -> None:
    """Note that nothing is new: the provider's change mark is still the one read up to."""
    connection.execute(update(feeds).where(_is(feed), feeds.c.turn == feed.turn).values(last_ok_at=micros(now), error=""))


def refuse(connection: Connection, feed: StoredFeed, error: str, hint: str) -> None:
    """Note that the provider will never answer this; with a change mark it is not asked again until that changes."""
    connection.execute(update(feeds).where(_is(feed)).values(error=error, hint=hint))


def note_error(connection: Connection, feed: StoredFeed, error: str) -> None:
    """Note what stands in the way of one feed; the next complete round clears it."""
    connection.execute(update(feeds).where(_is(feed)).values(error=error))


def _advance(connection: Connection, feed: StoredFeed, values: dict[str, Any]) -> StoredFeed:
    """Move a feed on from the turn we know, or find that another has."""
    known = {"of": feed.account, "of_kind": feed.kind, "called": feed.id, "seen_turn": feed.turn}
    moved = connection.execute(_advancing(tuple(values)), known | {f"new_{name}": value for name, value in values.items()})
    row = moved.first()
    if row is None:
        raise Overtaken(feed.name)
    return _stored(row)


@cache
def _advancing(names: tuple[str, ...]) -> ReturningUpdate[Any]:
    """Write the statement once for each set of columns."""
    this = and_(feeds.c.account == bindparam("of"), feeds.c.kind == bindparam("of_kind"), feeds.c.id == bindparam("called"))
    fresh: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    moved = update(feeds).where(this, feeds.c.turn == bindparam("seen_turn")).values(turn=feeds.c.turn + 1, **fresh)
    return moved.returning(feeds)


def _apply(
    connection: Connection, feed: StoredFeed, changes: Changes[Any], now: datetime, *, is_judged_later: bool = False
) -> None:
    """Store the facts and have whoever they touch judged and reviewed."""
    known_as, zone = keys_and_zone(connection, feed.owner)
    forgotten = forgotten_by(connection, feed.owner)
    origin, gone = _origin(feed), [name(each) for each in changes.removed]
    if feed.kind == "mail":
        page = Packing(known_as=known_as, forgotten=forgotten).taken(changes.upserted)
        touched = messages.apply(connection, origin, page, gone, known_as)
        touched |= glean(connection, feed.owner, page.told(), touched, known_as, now, zone)
    else:
        read = forgotten.events(list(map(storable, changes.upserted))) if forgotten.digests else changes.upserted
        touched = _apply_events(connection, feed, origin, read, gone, known_as, now, zone)
    if touched:
        looking.look_at(connection, feed.owner, touched, now)
    if is_judged_later:
        put_off(connection, feed.owner, touched)
    else:
        review(connection, feed.owner, touched, known_as, now)


def _apply_events(
    connection: Connection,
    feed: StoredFeed,
    origin: Origin,
    read: Sequence[CalendarEvent],
    removed: Iterable[str],
    known_as: OwnerKeys,
    now: datetime,
    zone: str,
) -> set[str]:
    is_first = feed.is_rereading and feed.generation <= 1
    touched = events.apply(connection, origin, read, removed, known_as, now, zone=zone, is_first_read=is_first)
    if (end := next_end(connection, feed.owner, now)) is not None:
        wake(connection, feed.owner, end)
    return touched


def _sweep(connection: Connection, feed: StoredFeed, covered: datetime | None, now: datetime) -> None:
    """Remove what a full read did not report, as far back as it looked."""
    since = None if covered is None or covered == EVER else micros(covered)
    origin = _origin(feed)
    gone = messages.sweep(connection, origin, since) if feed.kind == "mail" else events.sweep(connection, origin, since)
    if gone:
        _apply(connection, feed, _without(gone), now)


def _spare(connection: Connection, feed: StoredFeed, unread: Iterable[str]) -> None:
    """Keep what was read before and cannot be now: it is there."""
    table = message if feed.kind == "mail" else event
    of_feed = (table.c.account == feed.account, table.c.feed == feed.id)
    for some in chunks(map(name, unread)):
        connection.execute(update(table).where(*of_feed, table.c.remote_id.in_(some)).values(generation=feed.generation))


def _without(gone: Iterable[str]) -> Changes[Any]:
    return Changes(removed=tuple(gone), cursor=Cursor(""))


def _is(feed: StoredFeed) -> Any:  # noqa: ANN401 - a SQL condition
    return and_(feeds.c.account == feed.account, feeds.c.kind == feed.kind, feeds.c.id == feed.id)


def _origin(feed: StoredFeed) -> Origin:
    return Origin(owner=feed.owner, account=feed.account, feed=feed.id, generation=feed.generation)


def _stored(row: Row[*tuple[Any, ...]]) -> StoredFeed:
    return StoredFeed(
        account=row.account,
        kind=cast("Kind", row.kind),
        id=row.id,
        owner=row.owner,
        name=row.name,
        role=row.role,
        hint=row.hint,
        cursor=None if row.cursor is None else Cursor(row.cursor),
        turn=row.turn,
        generation=row.generation,
        is_rereading=row.is_rereading,
        covered_since=EVER if row.covered_since == micros(EVER) else maybe_instant(row.covered_since),
        remaining=row.remaining,
        last_ok_at=maybe_instant(row.last_ok_at),
        error=row.error,
    )
