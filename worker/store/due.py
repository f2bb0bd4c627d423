"""What is due: one query over three indexes, whose cost grows with what is due and not with what there is."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Final, cast

from sqlalchemy import (
    BigInteger,
    BindParameter,
    CompoundSelect,
    Connection,
    Select,
    String,
    and_,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.sql.elements import ColumnElement

from connectors.port import Verb
from worker.store.mapping import maybe_instant, micros
from worker.store.tables import account, lease, owner, suggestion

MOST: Final = 500
"""What is due beyond this waits for the next tick."""
AHEAD: Final = 5 * 60 * 1_000_000
"""Microseconds by which the clocks of two machines may differ."""
LATEST_LOOK: Final = 65 * 60 * 1_000_000
"""Microseconds after which what is delivered has been looked at again: an hour, and what clocks may differ by."""
STALE: Final = timedelta(days=1)
"""An account that was not read for so long is read before anything is put into it: after a restore, a holiday, a move."""
At = int | BindParameter[int]
"""An instant in microseconds, or the place of one in a statement."""


def due(db: Connection, now: datetime, *, of: str | None = None) -> list[tuple[Verb, str]]:
    """Name the verbs that are due and for whom: accounts to read and to deliver to, owners to decide for; `of` = one owner's."""
    rows = db.execute(_due(is_one_owners=of is not None), {"at": micros(now)} | ({} if of is None else {"whose": of}))
    return [(cast("Verb", row["verb"]), str(row["who"])) for row in rows.mappings()]


@cache
def _due(*, is_one_owners: bool) -> CompoundSelect[tuple[str, str]]:
    """Write the query, once: it is asked several times for every mail."""
    at = bindparam("at", type_=BigInteger)
    reading, deciding = _reading(at), _deciding(at)
    delivering, left = (_delivering(at, is_time) for is_time in (suggestion.c.next_attempt_at <= at, _is_left(at)))
    if is_one_owners:
        whose = bindparam("whose", type_=String)
        reading, delivering, left = (part.where(account.c.owner == whose) for part in (reading, delivering, left))
        deciding = deciding.where(owner.c.id == whose)
    return union_all(reading, deciding, delivering, left).limit(MOST)


def soonest(db: Connection, now: datetime, within: timedelta) -> datetime | None:
    """Say when the next account is to be read, where that is so soon: one that waits for its minute's quota waits to the second."""
    at = micros(now)
    soon = account.c.next_attempt_at.between(at + 1, micros(now + within))
    found = db.execute(select(func.min(account.c.next_attempt_at)).where(account.c.state == "active", soon)).scalar()
    return maybe_instant(found)


def is_ready(at: At) -> ColumnElement[bool]:
    """Test whether a suggestion's time has come and no attempt holds it; what a clock since set back has put off waits no more."""
    return and_(or_(suggestion.c.next_attempt_at <= at, _is_left(at)), _is_free(at))


def _is_left(at: At) -> ColumnElement[bool]:
    """Test whether a later attempt or look was put off from what is now the future; a draft's own due time is left alone."""
    is_begun = suggestion.c.state.in_(("delivering", "delivered"))
    return and_(is_begun, suggestion.c.next_attempt_at > at + LATEST_LOOK, suggestion.c.updated_at > at + AHEAD)


def _is_free(at: At) -> ColumnElement[bool]:
    """Test whether no attempt holds the suggestion: its lease has run out, or was taken in what is now the future."""
    return or_(suggestion.c.lease_until <= at, suggestion.c.updated_at > at + AHEAD)


def _reading(at: At) -> Select[tuple[str, str]]:
    """Select accounts whose time has come, and those read in what is now the future: the clock was set back."""
    is_ahead = (account.c.last_ok_at > at + AHEAD) & (account.c.error == "")
    return select(literal("pull").label("verb"), account.c.id.label("who")).where(
        account.c.state == "active", or_(account.c.next_attempt_at <= at, is_ahead)
    )


def _deciding(at: At) -> Select[tuple[str, str]]:
    """Select owners whose time has come, but those that are being decided for: that ends by saying what is due then."""
    is_awake = func.coalesce(owner.c.paused_until, 0) <= at
    is_under_way = exists().where(lease.c.name == "decide:" + owner.c.id, lease.c.until.between(at + 1, at + AHEAD))
    return select(literal("decide").label("verb"), owner.c.id.label("who")).where(
        owner.c.next_review_at <= at, is_awake, ~is_under_way
    )


def _delivering(at: At, is_time: ColumnElement[bool]) -> Select[tuple[str, str]]:
    """Select accounts with something to deliver or to look after, but those that wait for their provider to recover."""
    waiting = (
        select(literal("deliver").label("verb"), suggestion.c.account.label("who"))
        .distinct()
        .join(account, account.c.id == suggestion.c.account)
        .join(owner, owner.c.id == suggestion.c.owner)
        .where(suggestion.c.state.in_(("approved", "delivering", "delivered")))
        .where(is_time, _is_free(at))
        .where(account.c.state == "active", or_(account.c.attempts == 0, account.c.next_attempt_at <= at))
        .where(or_(account.c.last_ok_at.is_(None), account.c.last_ok_at > at - STALE // timedelta(microseconds=1)))
    )
    return waiting.where(or_(suggestion.c.state == "delivered", func.coalesce(owner.c.paused_until, 0) <= at))
