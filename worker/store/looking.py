"""Looking again: what is delivered may have become pointless by something new; whom it is for decides how soon that is asked."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, BindParameter, Connection, bindparam, case, func, or_, select, update

from worker.store.mapping import micros
from worker.store.statements import chunks, lock_owner
from worker.store.tables import address, suggestion

SOON = timedelta(minutes=5)
"""When a draft is looked at again after news that is about others: the owner may have tidied up."""

# Statements are built once: they are run for every mail, and building one takes longer than running it.
_IS_DUE: Final = suggestion.c.next_attempt_at <= bindparam("by_now", type_=BigInteger)
"""Perhaps being looked at: whoever does sees by the new time that there is more."""
_THEN: Final = case(
    (suggestion.c.action == "draft", bindparam("soon", type_=BigInteger)), else_=bindparam("by_now", type_=BigInteger)
)
_SOONER: Final = (
    update(suggestion)
    .where(suggestion.c.owner == bindparam("whose"), suggestion.c.state == "delivered")
    .where(or_(_IS_DUE, suggestion.c.next_attempt_at > _THEN))
    .values(next_attempt_at=case((_IS_DUE, bindparam("by_now", type_=BigInteger)), else_=_THEN))
)
_DELIVERED: Final = select(suggestion.c.key, suggestion.c.address, func.lower(suggestion.c.payload)).where(
    suggestion.c.owner == bindparam("whose"), suggestion.c.state == "delivered"
)
_THEIRS: Final[BindParameter[Any]] = bindparam("theirs", expanding=True)
_ADDRESSES: Final = select(address.c.key, address.c.email, address.c.person).where(address.c.owner == bindparam("whose"))
_NAMED: Final = _ADDRESSES.where(address.c.key.in_(_THEIRS))
_HELD: Final = _ADDRESSES.where(address.c.person.in_(_THEIRS))


def look_again(db: Connection, owner: str, now: datetime) -> None:
    """Have everything delivered looked at, for something new was read: what is in a calendar now, what is not yet looked at soon."""
    lock_owner(db, owner)
    db.execute(_SOONER, {"whose": owner, "by_now": micros(now), "soon": micros(now + SOON)})


def look_at(db: Connection, owner: str, keys: Collection[str], now: datetime) -> None:
    """Have looked at now what is delivered for anybody with one of these match keys: it may have become pointless."""
    rows = db.execute(_DELIVERED, {"whose": owner}).all()
    if not rows:
        return
    known = _addresses(db, owner, keys)
    emails = {email.lower() for email in known.values()}
    theirs = [key for key, to, payload in rows if to in known or any(email in payload for email in emails)]
    for some in chunks(theirs):
        db.execute(update(suggestion).where(suggestion.c.key.in_(some)).values(next_attempt_at=micros(now)))


def _addresses(db: Connection, owner: str, keys: Collection[str]) -> dict[str, str]:
    """Read, by match key, these addresses and all others of the same persons, as they are written."""
    rows = [row for some in chunks(keys) for row in db.execute(_NAMED, {"whose": owner, "theirs": some}).all()]
    persons = {row.person for row in rows if row.person}
    rows += [row for some in chunks(persons) for row in db.execute(_HELD, {"whose": owner, "theirs": some}).all()]
    return {row.key: row.email for row in rows}
