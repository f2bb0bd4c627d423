"""The nightly work of one owner: what is too old goes, forecasts are calibrated, and the people of the month are chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection, bindparam, select, update

from rules.calibration import finished_cases
from rules.month import Month, Terms, choose
from rules.network import Network, Owner
from rules.rhythm import shift_of
from rules.workdays import local_day, zone_of
from worker.decide import MORNING
from worker.store import months, network, people, retention
from worker.store.accounts import HISTORY
from worker.store.judging import wake
from worker.store.mapping import micros
from worker.store.statements import upsert
from worker.store.store import Store
from worker.store.tables import meta
from worker.store.tables import owner as owners

_MARK: Final = select(meta.c.value).where(meta.c.name == bindparam("called"))
_NEXT: Final = select(owners.c.id).where(owners.c.id == bindparam("called"), owners.c.next_review_at <= bindparam("by_then"))

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained:
    """What one night's retention did."""

    shortened: int = 0
    """Subjects of which only what rules need was kept."""
    dropped: int = 0
    """Messages and occurrences older than the retention."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one sweep did."""

    shift: float = 0.0
    month: Month | None = None
    """The people of this month, where they are chosen."""


def retain(store: Store, owner: Owner, now: datetime, keep: timedelta = HISTORY) -> Retained | None:
    """Let go of what is too old once a day of the owner's, before anything is decided on it; None where today's is done."""
    mark = _mark("retained", owner, now)
    with store.read() as db:
        if _is_done(db, mark):
            return None
    shortened = retention.reduce_subjects(store, owner.name, now)
    dropped = retention.drop_old(store, owner.name, now - keep, now)
    with store.write() as db:
        db.execute(upsert(db, meta, ("name",)), mark)
    log.info("retained", action="retain", owner=owner.name, shortened=shortened, dropped=dropped)
    return Retained(shortened=shortened, dropped=dropped)


def sweep(store: Store, owner: Owner, terms: Terms, now: datetime) -> Swept | None:
    """Sweep once a day of the owner's; None where today's is done. Twice at once does no harm."""
    mark, morning = _mark("swept", owner, now), _morning(owner, local_day(owner, now) + timedelta(days=1))
    with store.read() as db:
        is_done = _is_done(db, mark)
        is_awake = db.execute(_NEXT, {"called": owner.name, "by_then": micros(morning)}).first() is not None
    if not is_awake:
        with store.write(is_lasting=False) as db:
            wake(db, owner.name, morning)
    if is_done:
        return None
    with store.read() as db:
        seen = everybody(db, owner, now)
    shift = shift_of(case for each in seen.relations for case in finished_cases(each.contacts, now))
    with store.write() as db:
        db.execute(update(owners).where(owners.c.id == owner.name).values(shift=repr(shift)))
        month = month_of(db, seen, terms, now)
        months.keep(db, owner.name, month, now)
        db.execute(upsert(db, meta, ("name",)), mark)
    log.info("swept", action="sweep", owner=owner.name)
    return Swept(shift=shift, month=month if month.people else None)


def _mark(done: str, owner: Owner, now: datetime) -> dict[str, str]:
    return {"name": f"{done}:{owner.name}", "value": local_day(owner, now).isoformat()}


def _is_done(connection: Connection, mark: Mapping[str, str]) -> bool:
    return bool(connection.execute(_MARK, {"called": mark["name"]}).scalar() == mark["value"])


def _morning(owner: Owner, day: date) -> datetime:
    return datetime.combine(day, MORNING, zone_of(owner)).astimezone(UTC)


def everybody(connection: Connection, owner: Owner, now: datetime) -> Network:
    """Load the whole network."""
    return network.load(connection, owner, now, person_ids=[each.id for each in people.people(connection, owner.name)])


def month_of(connection: Connection, seen: Network, terms: Terms, now: datetime) -> Month:
    """Return the people of this month: as they were chosen, else chosen from the whole network now."""
    earlier = months.kept(connection, seen.owner.name)
    return choose(seen, now, terms, earlier[-1] if earlier else None)
