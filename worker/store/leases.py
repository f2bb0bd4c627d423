"""Leases: who may work on what until when, each grant with a fence that rises, so that a late worker is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, and_, or_, select, update

from worker.store.mapping import micros
from worker.store.statements import insert_ignoring
from worker.store.tables import lease

SKEW: Final = timedelta(minutes=5)
"""By how much the clocks of two machines may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A grant: whoever presents an older fence than the newest is too late."""

    name: str
    """`decide:<owner>`, `pull:<account>`, `watch:<account>` or `ticker`."""
    holder: str
    fence: int
    until: datetime


def acquire(connection: Connection, name: str, holder: str, now: datetime, lasting: timedelta) -> Lease | None:
    """Take a lease that is free, run out, or one's own; None while another holds it. One UPDATE decides.

    One that would last far longer than it can have been granted for is left from before the clock was set back.
    """
    connection.execute(insert_ignoring(connection, lease), [{"name": name}])
    until = now + lasting
    is_free = or_(lease.c.until <= micros(now), lease.c.holder == holder, lease.c.until > micros(until + SKEW + lasting))
    statement = (
        update(lease)
        .where(lease.c.name == name, is_free)
        .values(holder=holder, fence=lease.c.fence + 1, until=micros(until))
        .returning(lease.c.fence)
    )
    fence = connection.execute(statement).scalar()
    return None if fence is None else Lease(name=name, holder=holder, fence=int(fence), until=until)


def renew(connection: Connection, held: Lease, now: datetime, lasting: timedelta) -> Lease | None:
    """Hold a lease for longer without a new fence; None when it has gone to another meanwhile, or was given back."""
    until = now + lasting
    is_ours = and_(lease.c.name == held.name, lease.c.fence == held.fence, lease.c.until != 0)
    if not connection.execute(update(lease).where(is_ours).values(until=micros(until))).rowcount:
        return None
    return Lease(name=held.name, holder=held.holder, fence=held.fence, until=until)


def release(connection: Connection, held: Lease) -> None:
    """Give a lease back; does nothing when it has gone to another meanwhile."""
    statement = update(lease).where(lease.c.name == held.name, lease.c.fence == held.fence)
    connection.execute(statement.values(until=0, holder=""))


def swap(connection: Connection, name: str, until: datetime) -> int:
    """Let a lease run until then, and return in microseconds until when it had run before: 0 = it was given back."""
    connection.execute(insert_ignoring(connection, lease), [{"name": name}])
    before = connection.execute(select(lease.c.until).where(lease.c.name == name)).scalar_one()
    connection.execute(update(lease).where(lease.c.name == name).values(until=micros(until)))
    return int(before)


def expire(connection: Connection, name: str) -> None:
    """Let a lease run out now, whoever holds it: what it kept back may happen again."""
    connection.execute(update(lease).where(lease.c.name == name).values(until=0, holder=""))


def is_current(connection: Connection, held: Lease) -> bool:
    """Tell whether the lease has not been granted to anybody since."""
    return connection.execute(select(lease.c.fence).where(lease.c.name == held.name)).scalar() == held.fence
