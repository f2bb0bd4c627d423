"""Gleaning: what a page of mail tells beside who wrote to whom: promises the owner sent themselves, addresses that died."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, func, select, update

from rules.addresses import match_key
from rules.endings import dead_address
from rules.facts import MessageMetadata
from rules.people import OwnerKeys
from rules.promises import promised
from worker.store import notes, promises
from worker.store.letter_rows import ENDINGS, is_promise
from worker.store.mapping import message_of, plain
from worker.store.statements import chunks, insert_ignoring
from worker.store.tables import address, block, link, message, note, party

EVENING = time(18)
"""When a promise is due on its day, in the owner's zone."""
LATELY = timedelta(days=365)
"""An older mail to the promise address is history."""
_BOUNCED: Final = (
    select(note.c.address, func.max(note.c.at))
    .where(note.c.owner == bindparam("whose"), note.c.kind == "dead")
    .group_by(note.c.address)
)
"""Built once: it is run for every mail, and building it takes longer than running it."""


def glean(
    connection: Connection,
    owner: str,
    told: Iterable[tuple[MessageMetadata, int]],
    touched: Collection[str],
    known_as: OwnerKeys,
    now: datetime,
    zone: str,
) -> set[str]:
    """Note promises and dead addresses of a page just stored; return the match keys they are about.

    `told`: the messages that may tell such a thing, each with its signals. `touched`: the match keys the page counted
    something for; one that wrote after it bounced is alive again.
    """
    found: set[str] = set()
    dead: set[str] = set()
    for each, bits in told:
        if is_promise(each, known_as):
            found |= _promise(connection, owner, each, known_as, now, ZoneInfo(zone))
        elif bits & ENDINGS and (key := dead_address(each, _answered(connection, owner, each), known_as)):
            notes.add(connection, owner, "dead", address=key, at=each.sent_at)
            dead.add(key)
    return found | _judge_dead(connection, owner, dead, touched)


def _promise(
    connection: Connection, owner: str, found: MessageMetadata, known_as: OwnerKeys, now: datetime, zone: ZoneInfo
) -> set[str]:
    """Note a promise the owner mailed to their own +promise address: for whom its subject names, else for whom it went to."""
    is_own = found.from_ and match_key(found.from_[0].email) in known_as.keys
    said = (
        promised(plain(found.subject), found.sent_at.astimezone(zone).date()) if is_own and found.sent_at >= now - LATELY else None
    )
    if said is None:
        return set()
    others = [key for part in (found.to, found.cc) for each in part if (key := match_key(each.email)) and key not in known_as.keys]
    keys = promises.called(connection, owner, said.who) if said.who else others
    text = said.text if not said.who or keys else f"{said.who}: {said.text}"
    keys = keys or others
    due_at = datetime.combine(said.due, EVENING, zone)
    for key in keys[:1] or [""]:
        notes.add(connection, owner, "promise", address=key, at=found.sent_at, text=text, due_at=due_at)
    return set(keys[:1])


def _answered(connection: Connection, owner: str, found: MessageMetadata) -> MessageMetadata | None:
    """Read the message of the owner's that a report answers."""
    names = [*found.in_reply_to, *reversed(found.references)]
    if not names:
        return None
    rows = select(message).where(message.c.owner == owner, message.c.message_id.in_(names))
    known = {row["message_id"]: row for row in connection.execute(rows).mappings()}
    return next((message_of(known[name]) for name in names if name in known), None)


def _judge_dead(connection: Connection, owner: str, fresh: Collection[str], touched: Collection[str]) -> set[str]:
    """Mark addresses that bounced and have not written since as dead, others as alive; return those that changed."""
    ever = dict(connection.execute(_BOUNCED, {"whose": owner}).all())
    changed: set[str] = set()
    for key in sorted((set(touched) & ever.keys()) | set(fresh)):
        heard = select(func.max(party.c.sent_at)).where(party.c.owner == owner, party.c.address == key, party.c.direction == "in")
        last = connection.execute(heard).scalar()
        is_dead = last is None or last <= ever[key]
        mark = update(address).where(address.c.owner == owner, address.c.key == key, address.c.is_dead.is_not(is_dead))
        if connection.execute(mark.values(is_dead=is_dead)).rowcount:
            changed.add(key)
            if is_dead:
                _ask(connection, owner, key)
    return changed


def _ask(connection: Connection, owner: str, key: str) -> None:
    """Ask the owner whether somebody of the same name elsewhere is the one whose address died."""
    names = select(block.c.name).where(block.c.owner == owner, block.c.address == key)
    mine = select(address.c.person).where(address.c.owner == owner, address.c.key == key).scalar_subquery()
    near = (
        select(block.c.address)
        .join(address, (address.c.owner == block.c.owner) & (address.c.key == block.c.address))
        .where(block.c.owner == owner, block.c.name.in_(names), block.c.address != key)
        .where(address.c.person.is_not(None), address.c.person.is_distinct_from(mine))
        .distinct()
    )
    others: Sequence[str] = [str(each) for each in connection.execute(near.order_by(block.c.address).limit(5)).scalars()]
    reason = f"{key} takes no mail any more, and the same name writes from elsewhere"
    for some in chunks(others):
        pairs = [sorted((key, each)) for each in some]
        for a, b in pairs:
            asked = update(link).where(link.c.owner == owner, link.c.a == a, link.c.b == b, link.c.verdict == "unsure")
            connection.execute(asked.values(reason=reason))
        rows = [{"owner": owner, "a": a, "b": b, "verdict": "unsure", "by": "rule", "reason": reason} for a, b in pairs]
        connection.execute(insert_ignoring(connection, link), rows)
