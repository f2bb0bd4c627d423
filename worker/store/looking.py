"""Looking again: what is delivered may have become pointless by something new; whom it is for decides how soon that is asked."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, func, select, update

from worker.store.mapping import micros
from worker.store.statements import among, chunks, lock_owner
from worker.store.tables import address, suggestion

SOON = timedelta(minutes=5)
"""When a draft is looked at again after news that is about others: the owner may have tidied up."""


def look_again(db: Connection, owner: str, now: datetime) -> None:
    """Have everything delivered looked at, for something new was read: what is in a calendar now, what is not yet looked at soon."""
    lock_owner(db, owner)
    delivered = and_(suggestion.c.owner == owner, suggestion.c.state == "delivered")
    for at, is_meant in ((now, suggestion.c.action != "draft"), (now + SOON, suggestion.c.action == "draft")):
        moved = update(suggestion).where(delivered, is_meant, suggestion.c.next_attempt_at > micros(at))
        db.execute(moved.values(next_attempt_at=micros(at)))


def look_at(db: Connection, owner: str, keys: Collection[str], now: datetime) -> None:
    """Have looked at now what is delivered for anybody with one of these match keys: it may have become pointless."""
    delivered = (suggestion.c.owner == owner, suggestion.c.state == "delivered", suggestion.c.next_attempt_at > micros(now))
    rows = db.execute(select(suggestion.c.key, suggestion.c.address, func.lower(suggestion.c.payload)).where(*delivered)).all()
    if not rows:
        return
    known = _addresses(db, owner, keys)
    emails = {email.lower() for email in known.values()}
    theirs = [key for key, to, payload in rows if to in known or any(email in payload for email in emails)]
    for some in chunks(theirs):
        db.execute(update(suggestion).where(suggestion.c.key.in_(some)).values(next_attempt_at=micros(now)))


def _addresses(db: Connection, owner: str, keys: Collection[str]) -> dict[str, str]:
    """Read, by match key, these addresses and all others of the same persons, as they are written."""
    mine = select(address.c.key, address.c.email, address.c.person).where(address.c.owner == owner)
    rows = db.execute(mine.where(among(db, address.c.key, keys))).all()
    persons = {row.person for row in rows if row.person}
    more = db.execute(mine.where(among(db, address.c.person, persons))).all() if persons else []
    return {row.key: row.email for row in [*rows, *more]}
