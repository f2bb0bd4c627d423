"""Looking again: what is delivered may have become pointless by something new; whom it is for decides how soon that is asked."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, func, or_, select, update

from worker.store.mapping import micros
from worker.store.statements import among, lock_owner
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
    named = select(address.c.person).where(address.c.owner == owner, among(db, address.c.key, keys), address.c.person.is_not(None))
    theirs = select(address.c.key).where(
        address.c.owner == owner,
        or_(among(db, address.c.key, keys), address.c.person.in_(named)),
        or_(address.c.key == suggestion.c.address, func.lower(suggestion.c.payload).contains(func.lower(address.c.email))),
    )
    delivered = update(suggestion).where(suggestion.c.owner == owner, suggestion.c.state == "delivered")
    db.execute(delivered.where(suggestion.c.next_attempt_at > micros(now), theirs.exists()).values(next_attempt_at=micros(now)))
