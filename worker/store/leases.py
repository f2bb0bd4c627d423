"""Leases: who may work on what until when, each grant with a fence that rises, so that a late worker is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, or_, select, update

from worker.store.mapping import micros
from worker.store.statements import insert_ignoring
from worker.store.tables import lease

SKEW: Final = timedelta(minutes=5)
"""By how much the clocks of two machines may differ."""

# Statements are built once: they are run several times for every mail, and building one takes longer than running it.
_NAMED: Final = lease.c.name == bindparam("called")
_HELD: Final = update(lease).where(_NAMED, lease.c.fence == bindparam("held"))
_ACQUIRE: Final = (
    update(lease)
    .where(_NAMED)
    .where(
        or_(
            lease.c.until <= bindparam("at"),
            lease.c.holder == bindparam("by"),
            lease.c.until > bindparam("impossible"),
        )
    )
    .values(holder=bindparam("by"), fence=lease.c.fence + 1, until=bindparam("lasts"))
    .returning(lease.c.fence)
)
_RENEW: Final = _HELD.where(lease.c.until != 0).values(until=bindparam("lasts"))
_RELEASE: Final = _HELD.values(until=0, holder="")
_EXPIRE: Final = update(lease).where(_NAMED).values(until=0, holder="")
_UNTIL: Final = select(lease.c.until).where(_NAMED)
_LAST: Final = update(lease).where(_NAMED).values(until=bindparam("lasts"))
_FENCE: Final = select(lease.c.fence).where(_NAMED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A grant: whoever presents an older fence than the newest is too late."""

    name: str
    """`decide:<owner>`, `pull:<account>`, `watch:<account>`, `line:<account>` or `work`, say."""
    holder: str
    fence: int
    until: datetime


def acquire(connection: Connection, name: str, holder: str, now: datetime, lasting: timedelta) -> Lease | None:
    """Take a lease that is free, run out, or one's own; None while another holds it. One UPDATE decides.

    One that would last far longer than it can have been granted for is left from before the clock was set back.
    """
    until = now + lasting
    known = {"called": name, "at": micros(now), "by": holder, "lasts": micros(until), "impossible": micros(until + SKEW + lasting)}
    fence = connection.execute(_ACQUIRE, known).scalar()
    if fence is None and connection.execute(insert_ignoring(connection, lease), [{"name": name}]).rowcount:
        fence = connection.execute(_ACQUIRE, known).scalar()
    return None if fence is None else Lease(name=name, holder=holder, fence=int(fence), until=until)


def renew(connection: Connection, held: Lease, now: datetime, lasting: timedelta) -> Lease | None:
    """Hold a lease for longer without a new fence; None when it has gone to another meanwhile, or was given back."""
    until = now + lasting
    if not connection.execute(_RENEW, {"called": held.name, "held": held.fence, "lasts": micros(until)}).rowcount:
        return None
    return Lease(name=held.name, holder=held.holder, fence=held.fence, until=until)


def release(connection: Connection, held: Lease) -> None:
    """Give a lease back; does nothing when it has gone to another meanwhile."""
    connection.execute(_RELEASE, {"called": held.name, "held": held.fence})


def swap(connection: Connection, name: str, until: datetime) -> int:
    """Let a lease run until then, and return in microseconds until when it had run before: 0 = it was given back."""
    before = connection.execute(_UNTIL, {"called": name}).scalar()
    if before is None:
        connection.execute(insert_ignoring(connection, lease), [{"name": name}])
        before = connection.execute(_UNTIL, {"called": name}).scalar_one()
    connection.execute(_LAST, {"called": name, "lasts": micros(until)})
    return int(before)


def expire(connection: Connection, name: str) -> None:
    """Let a lease run out now, whoever holds it: what it kept back may happen again."""
    connection.execute(_EXPIRE, {"called": name})


def is_running(connection: Connection, name: str, now: datetime, lasting: timedelta) -> bool:
    """Tell whether a lease runs that is granted for so long at a time, whoever holds it."""
    until = connection.execute(_UNTIL, {"called": name}).scalar() or 0
    return micros(now) < until <= micros(now + lasting + SKEW)


def is_current(connection: Connection, held: Lease) -> bool:
    """Tell whether the lease has not been granted to anybody since."""
    return connection.execute(_FENCE, {"called": held.name}).scalar() == held.fence
