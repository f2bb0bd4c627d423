"""Messages: facts into rows, and each message, however many copies there are, into the index once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from itertools import repeat
from operator import add, itemgetter
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import Connection, RowMapping, Select, and_, bindparam, delete, select, update

from rules.people import Observation, OwnerKeys, observe
from worker.store.accounts import owner_keys
from worker.store.counters import Shown, shift
from worker.store.mail_page import MailPage, Packing
from worker.store.mapping import MESSAGE_FACTS, Origin, labels_of, message_of, plain
from worker.store.statements import among, chunks, insert_tuples, listed, take_ids
from worker.store.tables import message, suggestion
from worker.store.tombstones import forgotten_by

UNCOUNTED = frozenset({"\\Drafts", "\\Junk"})
NOTED = ("generation", "author", "signals")
KEY = ("account", "feed", "remote_id")
STANDING = ("id", "message_id", "remote_id", "labels")

_HAS_DRAFTS: Final = select(suggestion.c.key).where(suggestion.c.owner == bindparam("whose"), suggestion.c.message_id > "").limit(1)


class _Row(NamedTuple):
    """A row of the table: its place, and then what is Written of it."""

    id: int
    owner: str
    account: str
    feed: str
    generation: int
    remote_id: str
    message_id: str
    sent_at: int
    sent_offset: int | None
    author: str
    signals: int
    recipients: int
    subject: str
    in_reply_to: str
    thread: str
    labels: str
    facts: str


_Raw = tuple[Any, ...]
"""What a _Row is made of: of most nobody asks for a column by its name."""


def _taking(*names: str) -> Callable[[_Raw], Any]:
    return itemgetter(*map(_Row._fields.index, names))


_NAME, _LABELS, _REMOTE_ID = map(_taking, ("message_id", "labels", "remote_id"))
_STANDING, _ID_AND_TIME = _taking(*STANDING), _taking("id", "sent_at")


class _Copy(NamedTuple):
    """A copy of a message that may speak for it; of several the least does: sent before received, then the oldest row."""

    is_unsent: bool
    id: int
    remote_id: str


def packing_of(connection: Connection, owner: str) -> Packing:
    """Say how mail of an owner becomes pages, as things stand now."""
    return Packing(known_as=owner_keys(connection, owner), forgotten=forgotten_by(connection, owner))


def apply(connection: Connection, origin: Origin, page: MailPage, removed: Iterable[str], owner: OwnerKeys) -> set[str]:
    """Store what a page reports of one feed and keep the index true; return the match keys it touched.

    A message reported again counts once, a removed one takes back what it counted, and of several copies of one
    Message-ID (folders, accounts) one speaks.
    """
    gone_ids = {plain(each) for each in removed} - page.rows.keys()
    known = _stored(connection, origin, [*page.rows, *gone_ids])
    rows = _rows(connection, origin, page, known)
    changed = {rid: row for rid, row in rows.items() if rid not in known or _differs(known[rid], row)} if known else rows
    gone = [known[remote_id] for remote_id in gone_ids if remote_id in known]
    old = {known[rid]["id"]: known[rid] for rid in changed.keys() & known.keys()} | {each["id"]: each for each in gone}
    names = Counter(map(_NAME, changed.values()))
    named = names.keys() | {row["message_id"] for row in old.values()}
    ours = _ours(connection, origin.owner, named)
    before = _copies(connection, origin.owner, named, ours)
    _write(connection, rows, changed, known)
    for some in chunks([each["id"] for each in gone]):
        connection.execute(delete(message).where(message.c.id.in_(some)))
    are_alone = not before and len(names) == len(changed)
    compared = [] if are_alone else [row for row in changed.values() if names[_NAME(row)] > 1 or _NAME(row) in before]
    lost, won = _turned(before, old, _copies_of(map(_STANDING, compared), ours))
    fresh = dict(map(_ID_AND_TIME, compared))
    minus = _shown_stored(connection, lost, old, owner)
    plus = [Shown(each.id, fresh[each.id], *page.seen[each.remote_id]) for each in won if each.id in fresh]
    if len(plus) < len(won):
        plus += _shown_stored(connection, [each for each in won if each.id not in fresh], {}, owner)
    alone = changed.values() if not compared else [row for row in changed.values() if row[0] not in fresh]
    return shift(connection, origin.owner, minus, plus + _speaking(alone, page, ours))


def _speaking(rows: Collection[_Raw], page: MailPage, ours: Collection[str]) -> list[Shown]:
    """Say what messages show of which there is no other copy, as far as they count."""
    standing = {labels: _standing(labels) for labels in set(map(_LABELS, rows))}
    if not all(is_counted for is_counted, _ in standing.values()):
        rows = [row for row in rows if standing[_LABELS(row)][0]]
    if ours:
        rows = [row for row in rows if not (standing[_LABELS(row)][1] and _NAME(row) in ours)]
    shown = map(add, map(_ID_AND_TIME, rows), map(page.seen.__getitem__, map(_REMOTE_ID, rows)))
    return cast("list[Shown]", list(shown))  # to make thousands of these by name takes four times as long


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
    if not ids:
        return {}
    wanted = {"of": origin.account, "in_feed": origin.feed, "these": listed(connection, ids)}
    rows = connection.execute(_by_remote_id(connection.dialect.name), wanted).mappings()
    return {row["remote_id"]: row for row in rows}


@cache
def _by_remote_id(dialect: str) -> Select[*tuple[Any, ...]]:
    of_feed = and_(message.c.account == bindparam("of"), message.c.feed == bindparam("in_feed"))
    return select(message).where(of_feed, among(dialect, message.c.remote_id))


def _rows(connection: Connection, origin: Origin, page: MailPage, known: Mapping[str, RowMapping]) -> dict[str, _Raw]:
    """Give the rows of a page their place, each with its id: its own, or a new one."""
    fresh = len(page.rows.keys() - known.keys()) if known else len(page.rows)
    taken = take_ids(connection, message, fresh) if fresh else ()
    new = iter(taken)
    ids = [known[each]["id"] if each in known else next(new) for each in page.rows] if known else taken
    places = zip(ids, repeat(origin.owner), repeat(origin.account), repeat(origin.feed), repeat(origin.generation))
    return dict(zip(page.rows, map(add, places, page.rows.values()), strict=True))


def _differs(old: RowMapping, new: _Raw) -> bool:
    row = _Row._make(new)
    return any(old[name] != getattr(row, name) for name in MESSAGE_FACTS)


def _write(connection: Connection, rows: Mapping[str, _Raw], changed: Mapping[str, _Raw], known: Mapping[str, RowMapping]) -> None:
    """Insert what is new, overwrite what is not; of what is as it was only the read and the judgement are noted."""
    fresh = [row for rid, row in changed.items() if rid not in known] if known else [*changed.values()]
    insert_tuples(connection, message, fresh, _Row._fields)
    if not known:
        return
    again = [_Row._make(row) for remote_id, row in rows.items() if remote_id in known]
    whole = [row._asdict() | {"row": row.id} for row in again if row.remote_id in changed]
    light = [
        {"row": row.id} | {name: getattr(row, name) for name in NOTED}
        for row in again
        if row.remote_id not in changed and any(known[row.remote_id][name] != getattr(row, name) for name in NOTED)
    ]
    for values in (whole, light):
        if values:
            connection.execute(update(message).where(message.c.id == bindparam("row")), values)


def _copies(connection: Connection, owner: str, names: Collection[str], ours: Collection[str]) -> dict[str, list[_Copy]]:
    """List the stored copies of each Message-ID that may speak for it."""
    if not names:
        return {}
    wanted = {"whose": owner, "these": listed(connection, names)}
    return _copies_of(connection.execute(_by_message_id(connection.dialect.name), wanted), ours)


@cache
def _by_message_id(dialect: str) -> Select[*tuple[Any, ...]]:
    light = select(*(message.c[name] for name in STANDING))
    return light.where(message.c.owner == bindparam("whose"), among(dialect, message.c.message_id))


def _copies_of(rows: Iterable[Sequence[Any]], ours: Collection[str]) -> dict[str, list[_Copy]]:
    """Sort rows by Message-ID, each as STANDING; a draft or junk never speaks, nor does a draft of ours."""
    found: dict[str, list[_Copy]] = {}
    for row_id, name, remote_id, labels in rows:
        is_counted, is_unsent = _standing(labels)
        if is_counted and not (is_unsent and name in ours):
            found.setdefault(name, []).append(_Copy(is_unsent, row_id, remote_id))
    return found


@lru_cache(maxsize=1 << 10)
def _standing(labels: str) -> tuple[bool, bool]:
    """Tell whether a message with these labels counts, and whether it is none the owner sent."""
    found = labels_of(labels)
    return UNCOUNTED.isdisjoint(found), "\\Sent" not in found


def _turned(
    before: Mapping[str, list[_Copy]], old: Collection[int], fresh: Mapping[str, list[_Copy]]
) -> tuple[list[_Copy], list[_Copy]]:
    """Find the copies that speak no longer and those that do now; a row that changed is both. `old`: rows changed or gone."""
    lost: list[_Copy] = []
    won = [min(copies) for name, copies in fresh.items() if name not in before]
    for name, copies in before.items():
        then = min(copies, default=None)
        now = min((*(each for each in copies if each.id not in old), *fresh.get(name, ())), default=None)
        is_other = then is None or now is None or then.id != now.id
        if then is not None and (is_other or then.id in old):
            lost.append(then)
        if now is not None and (is_other or now.id in old):
            won.append(now)
    return lost, won


def _speakers(connection: Connection, owner: str, names: Collection[str]) -> dict[str, _Copy]:
    """Choose the copy that counts of each Message-ID."""
    copies = _copies(connection, owner, names, _ours(connection, owner, names))
    return {name: min(each) for name, each in copies.items()}


def _ours(connection: Connection, owner: str, names: Collection[str]) -> set[str]:
    """Name the drafts of ours among these: unsent, they are no interaction."""
    if not names or connection.execute(_HAS_DRAFTS, {"whose": owner}).first() is None:
        return set()
    wanted = {"whose": owner, "these": listed(connection, names)}
    return set(connection.execute(_drafts(connection.dialect.name), wanted).scalars())


@cache
def _drafts(dialect: str) -> Select[*tuple[Any, ...]]:
    mine = suggestion.c.owner == bindparam("whose")
    return select(suggestion.c.message_id).where(mine, among(dialect, suggestion.c.message_id))


def _seen(row: Mapping[Any, Any], seen: Observation) -> Shown:
    return Shown(message=row["id"], sent_at=row["sent_at"], recipients=seen.recipients, sightings=seen.sightings)


def _shown_stored(
    connection: Connection, copies: Sequence[_Copy], known: Mapping[int, RowMapping], owner: OwnerKeys
) -> list[Shown]:
    """Observe stored messages again; `known` holds rows as they were before this page."""
    rows = [known[each.id] for each in copies if each.id in known]
    for some in chunks([each.id for each in copies if each.id not in known]):
        rows += connection.execute(select(message).where(message.c.id.in_(some))).mappings()
    return [_seen(row, observe(message_of(row), owner)) for row in rows]
