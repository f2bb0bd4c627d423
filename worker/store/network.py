"""Load what rules may look at: the persons due with their history, in proportion to that history and to nothing else."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import BindParameter, Connection, bindparam, select

from rules.circles import as_wished
from rules.network import Network, Owner, Relation, Trip
from rules.workdays import local_day
from worker.days_off import DaysOff
from worker.store import months
from worker.store.absences import absent
from worker.store.accounts import owner_keys
from worker.store.context import company, complete
from worker.store.mapping import maybe_instant, micros
from worker.store.meetings import Diary
from worker.store.relations import relations
from worker.store.statements import chunks
from worker.store.surroundings import TRAVELLED, Coverage, busy, coverage, discarded, ledger, modes, trips_of
from worker.store.tables import address, attendance, person
from worker.store.tables import owner as owners
from worker.store.uncollected import uncollected

HORIZON = timedelta(days=42)
"""How far ahead busy time is loaded: the farthest slot of a hold lies inside."""
COMPANY = timedelta(days=5)
"""Whoever was in a meeting of the last days with a person due is due as well: one draft may greet both."""

# Statements are built once: they are run for every mail, and building one takes longer than running it.
_WHOSE: Final[BindParameter[str]] = bindparam("whose")
_THEIRS: Final = select(address.c.key).where(address.c.owner == _WHOSE, address.c.person.in_(bindparam("persons", expanding=True)))
_LATELY: Final = (
    select(attendance.c.uid, attendance.c.original_start)
    .where(
        attendance.c.owner == _WHOSE,
        attendance.c.start_at > bindparam("since"),
        attendance.c.start_at <= bindparam("at"),
        attendance.c.address.in_(_THEIRS),
    )
    .subquery()
)
_BESIDE: Final = (
    select(address.c.person)
    .join(attendance, (attendance.c.owner == address.c.owner) & (attendance.c.address == address.c.key))
    .join(_LATELY, (_LATELY.c.uid == attendance.c.uid) & (_LATELY.c.original_start == attendance.c.original_start))
    .where(attendance.c.owner == _WHOSE, attendance.c.end_at > bindparam("ended"), address.c.person.is_not(None))
    .distinct()
)


def load(
    connection: Connection,
    owner: Owner,
    now: datetime,
    *,
    person_ids: Sequence[str] | None = None,
    is_retrospective: bool = False,
) -> Network:
    """Load the network of an owner for the persons due at `now`, or for those named, with whom they just met.

    Reads by index: the time it takes grows with the history of these persons, not with the mailbox.
    """
    ids = due(connection, owner.name, now) if person_ids is None else list(person_ids)
    known_as = owner_keys(connection, owner.name)
    diary = Diary(connection=connection, owner=owner.name, known_as=known_as, now=now)
    entries = list(diary.between(now - TRAVELLED, now + HORIZON).values())
    covered = coverage(connection, owner.name, now)
    trips = trips_of(entries, diary, owner)
    with uncollected():
        found = _relations(connection, owner, [*ids, *_company(connection, owner.name, ids, now)], diary, covered, trips)
    said = connection.execute(select(owners.c.started_at, owners.c.shift).where(owners.c.id == owner.name)).first()
    return Network(
        owner=owner,
        relations=found,
        busy=busy(entries, diary, owner, now, trips),
        ledger=ledger(connection, owner.name, now),
        started_at=None if said is None else maybe_instant(said.started_at),
        modes=modes(connection, owner.name),
        discarded=discarded(connection, owner.name),
        shift=0.0 if said is None else float(said.shift),
        days_off=DaysOff(years=(now.year, now.year + 1)),
        trips=trips,
        month=months.of(connection, owner.name, f"{local_day(owner, now):%Y-%m}"),
        history_since=covered.history,
        is_retrospective=is_retrospective,
    )


def _relations(
    connection: Connection, owner: Owner, ids: Sequence[str], diary: Diary, covered: Coverage, trips: Sequence[Trip]
) -> list[Relation]:
    """Load relations complete with their context, and those who have to be in view with them."""
    found: list[Relation] = []
    wanted: Collection[str] = ids
    for _ in range(2):  # the introducers of introducers need not be in view
        loaded = relations(connection, owner.name, sorted(wanted), diary, covered, diary.now)
        whole = complete(connection, owner.name, loaded, diary.known_as, trips, diary.now)
        found += absent(connection, owner, [as_wished(relation, owner) for relation in whole], diary)
        wanted = company(connection, owner.name, found, diary.now)
    return found


def due(connection: Connection, owner: str, now: datetime) -> list[str]:
    """Name the persons of an owner that are due for review; reads only those."""
    wanted = select(person.c.id).where(person.c.owner == owner, person.c.next_review_at <= micros(now))
    return [str(each) for each in connection.execute(wanted.order_by(person.c.next_review_at, person.c.id)).scalars()]


def _company(connection: Connection, owner: str, ids: Sequence[str], now: datetime) -> set[str]:
    """Name whoever was in a meeting of the last days with one of these persons."""
    found: set[str] = set()
    for some in chunks(ids):
        known = {"whose": owner, "persons": some, "since": micros(now - 2 * COMPANY), "at": micros(now)}
        found.update(connection.execute(_BESIDE, known | {"ended": micros(now - COMPANY)}).scalars())
    return found - set(ids)
