"""Messages: facts into rows, and each message, however many copies there are, into the index once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, delete, select, update

from rules.facts import MessageMetadata
from rules.people import Observation, OwnerKeys, observe
from worker.store.counters import Shown, shift
from worker.store.mapping import Origin, Row, labels_of, message_of, message_row, micros, plain
from worker.store.statements import chunks, upsert_rows
from worker.store.tables import message, suggestion

FACTS = ("message_id", "sent_at", "sent_offset", "recipients", "subject", "in_reply_to", "thread", "labels", "facts")
UNCOUNTED = frozenset({"\\Drafts", "\\Junk"})
KEY = ("account", "feed", "remote_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """The copy of a message that speaks for it."""

    id: int
    account: str
    feed: str
    remote_id: str


def apply(
    connection: Connection, origin: Origin, upserted: Iterable[MessageMetadata], removed: Iterable[str], owner: OwnerKeys
) -> set[str]:
    """Store what a page reports of one feed and keep the index true; return the match keys it touched.

    A message reported again counts once, a removed one takes back what it counted, and of several copies of one
    Message-ID (folders, accounts) one speaks.
    """
    page = {plain(each.remote_id): each for each in upserted}
    gone_ids = {plain(each) for each in removed} - page.keys()
    known = _stored(connection, origin, [*page, *gone_ids])
    seen = {remote_id: observe(each, owner) for remote_id, each in page.items()}
    rows = {remote_id: _row(origin, page[remote_id], seen[remote_id]) for remote_id in page}
    changed = {rid for rid, row in rows.items() if rid not in known or _differs(known[rid], row)}
    gone = [known[remote_id] for remote_id in gone_ids if remote_id in known]
    names = {rows[rid]["message_id"] for rid in changed} | {known[rid]["message_id"] for rid in changed & known.keys()}
    names |= {each["message_id"] for each in gone}
    before = _speakers(connection, origin.owner, names)
    _write(connection, list(rows.values()), gone)
    after = _speakers(connection, origin.owner, names)
    old = {known[rid]["id"]: known[rid] for rid in changed & known.keys()} | {each["id"]: each for each in gone}
    lost = [each for name, each in before.items() if each.id in old or name not in after or after[name].id != each.id]
    won = [each for name, each in after.items() if each.id in old or name not in before or before[name].id != each.id]
    minus = _shown_stored(connection, lost, old, owner)
    plus = [_shown(each.id, page[each.remote_id], seen[each.remote_id]) for each in won if _is_from(each, origin, changed)]
    plus += _shown_stored(connection, [each for each in won if not _is_from(each, origin, changed)], {}, owner)
    return shift(connection, origin.owner, minus, plus)


def sweep(connection: Connection, origin: Origin, since: int | None) -> list[str]:
    """List the remote ids a full read has not reported; `since` (microseconds) keeps what is older than its window."""
    old = select(message.c.remote_id).where(
        message.c.account == origin.account, message.c.feed == origin.feed, message.c.generation < origin.generation
    )
    if since is not None:
        old = old.where(message.c.sent_at >= since)
    return [str(each) for each in connection.execute(old).scalars()]


def remote_ids(connection: Connection, origin: Origin) -> list[str]:
    """List all remote ids of a feed."""
    of_feed = select(message.c.remote_id).where(message.c.account == origin.account, message.c.feed == origin.feed)
    return [str(each) for each in connection.execute(of_feed).scalars()]


def reindex(connection: Connection, owner_name: str, owner: OwnerKeys) -> None:
    """Fill the emptied index again from every message of an owner, as `apply` does."""
    last = 0
    while rows := _next(connection, owner_name, last):
        last = rows[-1]["id"]
        seen = {row["id"]: observe(message_of(row), owner) for row in rows}
        fresh = [{"row": row_id, "author": each.author, "signals": int(each.signals)} for row_id, each in seen.items()]
        connection.execute(update(message).where(message.c.id == bindparam("row")), fresh)
        speakers = _speakers(connection, owner_name, {row["message_id"] for row in rows})
        speaking = {each.id for each in speakers.values()}
        shift(connection, owner_name, [], [_seen(row, seen[row["id"]]) for row in rows if row["id"] in speaking])


def _next(connection: Connection, owner: str, after: int) -> Sequence[RowMapping]:
    rows = select(message).where(message.c.owner == owner, message.c.id > after).order_by(message.c.id).limit(500)
    return connection.execute(rows).mappings().all()


def _stored(connection: Connection, origin: Origin, ids: Collection[str]) -> dict[str, RowMapping]:
    found: dict[str, RowMapping] = {}
    of_feed = select(message).where(message.c.account == origin.account, message.c.feed == origin.feed)
    for some in chunks(ids):
        rows = connection.execute(of_feed.where(message.c.remote_id.in_(some))).mappings()
        found.update((row["remote_id"], row) for row in rows)
    return found


def _row(origin: Origin, found: MessageMetadata, seen: Observation) -> Row:
    row = message_row(found)
    row["owner"], row["account"], row["feed"] = origin.owner, origin.account, origin.feed
    row["generation"], row["author"], row["signals"] = origin.generation, seen.author, int(seen.signals)
    return row


def _differs(old: RowMapping, new: Row) -> bool:
    return any(old[name] != new[name] for name in FACTS)


def _write(connection: Connection, rows: list[Row], gone: list[RowMapping]) -> None:
    upsert_rows(connection, message, KEY, rows)
    for some in chunks([each["id"] for each in gone]):
        connection.execute(delete(message).where(message.c.id.in_(some)))


def _speakers(connection: Connection, owner: str, names: Collection[str]) -> dict[str, _Copy]:
    """Choose the copy that counts of each Message-ID: never a draft or junk, sent before received, then the oldest row."""
    best: dict[str, tuple[bool, int, _Copy]] = {}
    ours = _ours(connection, owner, names)
    light = select(message.c.id, message.c.message_id, message.c.account, message.c.feed, message.c.remote_id, message.c.labels)
    for some in chunks(names):
        for row in connection.execute(light.where(message.c.owner == owner, message.c.message_id.in_(some))):
            labels = labels_of(row.labels)
            is_unsent = "\\Sent" not in labels
            if labels & UNCOUNTED or (is_unsent and row.message_id in ours):
                continue
            rank = (is_unsent, row.id, _Copy(id=row.id, account=row.account, feed=row.feed, remote_id=row.remote_id))
            if row.message_id not in best or rank[:2] < best[row.message_id][:2]:
                best[row.message_id] = rank
    return {name: copy for name, (_, _, copy) in best.items()}


def _ours(connection: Connection, owner: str, names: Collection[str]) -> set[str]:
    """Name the drafts of ours among these: unsent, they are no interaction."""
    found: set[str] = set()
    for some in chunks(names):
        mine = select(suggestion.c.message_id).where(suggestion.c.owner == owner, suggestion.c.message_id.in_(some))
        found.update(connection.execute(mine).scalars())
    return found


def _is_from(copy: _Copy, origin: Origin, changed: Collection[str]) -> bool:
    return (copy.account, copy.feed) == (origin.account, origin.feed) and copy.remote_id in changed


def _shown(row_id: int, found: MessageMetadata, seen: Observation) -> Shown:
    return Shown(message=row_id, sent_at=micros(found.sent_at), seen=seen)


def _seen(row: Mapping[Any, Any], seen: Observation) -> Shown:
    return Shown(message=row["id"], sent_at=row["sent_at"], seen=seen)


def _shown_stored(
    connection: Connection, copies: Sequence[_Copy], known: Mapping[int, RowMapping], owner: OwnerKeys
) -> list[Shown]:
    """Observe stored messages again; `known` holds rows as they were before this page."""
    rows = [known[each.id] for each in copies if each.id in known]
    for some in chunks([each.id for each in copies if each.id not in known]):
        rows += connection.execute(select(message).where(message.c.id.in_(some))).mappings()
    return [_seen(row, observe(message_of(row), owner)) for row in rows]
