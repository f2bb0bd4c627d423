"""Accounts and owners as the store knows them: who they are, when to look again, and what stands in the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, cast

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, case, func, or_, select, update

from rules.facts import Address
from rules.people import OwnerKeys, match_key
from worker.store.mapping import addresses_json, addresses_of, decode, encode, instant, maybe_instant, micros
from worker.store.statements import insert_ignoring
from worker.store.tables import account, owner

State = Literal["active", "paused", "disconnected"]
HISTORY = timedelta(days=730)
"""How far back history is kept where an owner says nothing else."""

# Statements are built once: they are run several times for every mail, and building one takes longer than running it.
_OF: Final = account.c.id == bindparam("of")
_GET: Final = select(account).where(_OF)
_ALL: Final = select(account).order_by(account.c.id)
_MINE: Final = _ALL.where(account.c.owner == bindparam("whose"))
_IDENTITY: Final = select(owner.c.identity).where(owner.c.id == bindparam("called"))
_CLAIM_NUDGE: Final = (
    update(account)
    .where(_OF, or_(account.c.nudged_at <= bindparam("before"), account.c.nudged_at > bindparam("impossible")))
    .values(nudged_at=bindparam("at"))
)
_CLEAR_NUDGE: Final = update(account).where(_OF, account.c.nudged_at != 0).values(nudged_at=0)
_SUCCEEDED: Final = (
    update(account)
    .where(_OF)
    .values(error="", remedy="", attempts=0, last_ok_at=bindparam("at"), next_attempt_at=bindparam("then"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAccount:
    """One sign-in of an owner, as far as the store knows it."""

    id: str
    """`<owner>/<name>`."""
    owner: str
    name: str
    provider: str
    state: State
    connected_at: datetime
    addresses: tuple[Address, ...] = ()
    error: str = ""
    remedy: str = ""
    attempts: int = 0
    """Failures in a row."""
    last_ok_at: datetime | None = None
    next_attempt_at: datetime
    told_at: datetime | None = None


def register_owner(connection: Connection, name: str, keys: OwnerKeys, zone: str, keep: timedelta = HISTORY) -> bool:
    """Note an owner, the addresses they are known by, their IANA zone, and how long history is kept.

    True when that has changed for an owner with facts. Who wrote to whom depends on the owner's addresses, and how far back
    meetings are laid out on the rest: after True call `rebuild.rebuild`.
    """
    fresh = {"id": name, "identity": _written(keys.keys | _learned(connection, name), keys, zone, keep)}
    is_new = connection.execute(insert_ignoring(connection, owner), [fresh]).rowcount == 1
    changed = update(owner).where(owner.c.id == name, owner.c.identity != fresh["identity"])
    return bool(connection.execute(changed.values(identity=fresh["identity"])).rowcount) and not is_new


def learn(connection: Connection, account_id: str, addresses: Sequence[Address]) -> bool:
    """Take over addresses the provider says are the owner's; True when one is new, as for `register_owner`."""
    known = get(connection, account_id)
    keys = owner_keys(connection, known.owner)
    fresh = [each for each in addresses if (key := match_key(each.email)) and key not in keys.keys]
    if not fresh:
        return False
    both = addresses_json((*known.addresses, *fresh))
    connection.execute(update(account).where(account.c.id == account_id).values(addresses=both))
    zone, keep = owner_zone(connection, known.owner), owner_history(connection, known.owner)
    return register_owner(connection, known.owner, keys, zone, keep)


def _learned(connection: Connection, name: str) -> frozenset[str]:
    texts = connection.execute(select(account.c.addresses).where(account.c.owner == name)).scalars()
    return frozenset[str]().union(*(keys_of(addresses_of(text)) for text in texts))


def _written(keys: frozenset[str], known_as: OwnerKeys, zone: str, keep: timedelta) -> str:
    principals = dict(known_as.principals)
    said = {"keys": sorted(keys), "domains": sorted(known_as.domains), "principals": principals, "zone": zone}
    return encode(said if keep == HISTORY else said | {"days": keep.days})


def owner_keys(connection: Connection, name: str) -> OwnerKeys:
    """Return the addresses by which the index rows of an owner are made."""
    return keys_and_zone(connection, name)[0]


def keys_and_zone(connection: Connection, name: str) -> tuple[OwnerKeys, str]:
    """Return `owner_keys` and `owner_zone`, which are read together."""
    found = _identity(connection, name)
    keys = OwnerKeys(
        keys=frozenset(found.get("keys", ())),
        domains=frozenset(found.get("domains", ())),
        principals=found.get("principals", {}),
    )
    return keys, str(found.get("zone", "UTC"))


def owner_zone(connection: Connection, name: str) -> str:
    """Return the IANA zone floating times and whole days of an owner are read in."""
    return keys_and_zone(connection, name)[1]


def owner_history(connection: Connection, name: str) -> timedelta:
    """Return how far back an owner's history is kept."""
    return timedelta(days=int(_identity(connection, name).get("days", HISTORY.days)))


def _identity(connection: Connection, name: str) -> dict[str, Any]:
    found = connection.execute(_IDENTITY, {"called": name}).scalar()
    return cast("dict[str, Any]", decode(found or "{}"))


def start_owner(connection: Connection, name: str, now: datetime) -> None:
    """Note the one yes of set-up, once: the first 14 days run at half the caps from here."""
    connection.execute(update(owner).where(owner.c.id == name, owner.c.started_at.is_(None)).values(started_at=micros(now)))


def pause_owner(connection: Connection, name: str, until: datetime | None) -> None:
    """Make nothing for an owner until then; None ends the pause."""
    connection.execute(update(owner).where(owner.c.id == name).values(paused_until=None if until is None else micros(until)))


def owners_due(connection: Connection, now: datetime) -> Sequence[str]:
    """Name the owners with somebody to review, whose pause is over; reads only those due."""
    due = select(owner.c.id).where(owner.c.next_review_at <= micros(now), func.coalesce(owner.c.paused_until, 0) <= micros(now))
    return [str(each) for each in connection.execute(due.order_by(owner.c.id)).scalars()]


def register(
    connection: Connection, *, owner: str, name: str, provider: str, addresses: Sequence[Address], now: datetime
) -> StoredAccount:
    """Note an account when it is first seen; an account that exists keeps its state, and its connected_at for ever."""
    fresh = {
        "id": f"{owner}/{name}",
        "owner": owner,
        "name": name,
        "provider": provider,
        "connected_at": micros(now),
        "addresses": addresses_json(tuple(addresses)),
    }
    connection.execute(insert_ignoring(connection, account), [fresh])
    connection.execute(update(account).where(account.c.id == fresh["id"]).values(provider=provider))
    return get(connection, f"{owner}/{name}")


def get(connection: Connection, account_id: str) -> StoredAccount:
    """Return an account. Raises KeyError where there is none."""
    found = connection.execute(_GET, {"of": account_id}).first()
    if found is None:
        raise KeyError(account_id)
    return _stored(found)


def accounts(connection: Connection, owner_name: str | None = None) -> list[StoredAccount]:
    """List the accounts of an owner, or all."""
    found = connection.execute(_ALL) if owner_name is None else connection.execute(_MINE, {"whose": owner_name})
    return [_stored(each) for each in found]


def due(connection: Connection, now: datetime, limit: int = 100) -> list[StoredAccount]:
    """List active accounts whose next look is due, the longest waiting first; reads only those."""
    statement = select(account).where(account.c.state == "active", account.c.next_attempt_at <= micros(now))
    return [_stored(each) for each in connection.execute(statement.order_by(account.c.next_attempt_at).limit(limit))]


def claim_nudge(connection: Connection, account_id: str, now: datetime, quiet: timedelta) -> bool:
    """Tell whether to send a nudge: of many asking within `quiet`, one hears yes. Compare-and-set.

    One sent in what is now the future is from before the clock was set back.
    """
    known = {"of": account_id, "before": micros(now - quiet), "impossible": micros(now + quiet), "at": micros(now)}
    return bool(connection.execute(_CLAIM_NUDGE, known).rowcount)


def clear_nudge(connection: Connection, account_id: str) -> bool:
    """Let the next nudge through: the last one has been worked on. False where there was none."""
    return bool(connection.execute(_CLEAR_NUDGE, {"of": account_id}).rowcount)


def succeeded(connection: Connection, account_id: str, now: datetime, next_attempt_at: datetime) -> None:
    """Note a look that went well: errors and back-off are over."""
    connection.execute(_SUCCEEDED, {"of": account_id, "at": micros(now), "then": micros(next_attempt_at)})


def failed(connection: Connection, account_id: str, error: str, remedy: str, next_attempt_at: datetime) -> None:
    """Note a failure that will be tried again; the back-off counts on, over restarts too, and no later failure shortens it."""
    values: dict[str, Any] = {"error": error, "remedy": remedy, "next_attempt_at": _at_least(next_attempt_at)}
    connection.execute(update(account).where(*_active(account_id)).values(attempts=account.c.attempts + 1, **values))


def failed_partly(connection: Connection, account_id: str, error: str, remedy: str, next_attempt_at: datetime) -> None:
    """Note what keeps some of an account from being read; what can be done in it waits only for what failed as a whole before."""
    fewer = case((account.c.attempts > 0, account.c.attempts - 1), else_=0)
    values: dict[str, Any] = {"error": error, "remedy": remedy, "next_attempt_at": _at_least(next_attempt_at), "attempts": fewer}
    connection.execute(update(account).where(*_active(account_id)).values(**values))


def held_back(connection: Connection, account_id: str, until: datetime) -> None:
    """Note that we keep to the provider's quota until then: no failure, and nothing for the owner to do."""
    values = {"error": "", "remedy": "", "attempts": 0, "next_attempt_at": micros(until)}
    connection.execute(update(account).where(*_active(account_id)).values(**values))


def pause(connection: Connection, account_id: str, error: str, remedy: str) -> None:
    """Stop looking at an account until the owner has done what `remedy` says and `resume` is called."""
    values = {"state": "paused", "error": error, "remedy": remedy}
    connection.execute(update(account).where(*_active(account_id)).values(**values))


def _at_least(until: datetime) -> ColumnElement[int]:
    """Wait until then, or for as long as an earlier failure has an account wait."""
    is_longer = and_(account.c.error != "", account.c.next_attempt_at > micros(until))
    return case((is_longer, account.c.next_attempt_at), else_=micros(until))


def _active(account_id: str) -> tuple[ColumnElement[bool], ...]:
    """Find an account unless it was paused meanwhile: why is to be told until it is connected again."""
    return account.c.id == account_id, account.c.state == "active"


def resume(connection: Connection, account_id: str, now: datetime) -> None:
    """Look at an account again, at once: it was reconnected or its pause ended."""
    values = {"state": "active", "error": "", "remedy": "", "attempts": 0, "next_attempt_at": micros(now), "told_at": None}
    connection.execute(update(account).where(account.c.id == account_id).values(**values))


def disconnect(connection: Connection, account_id: str) -> None:
    """Never look at an account again unless it is resumed; its facts stay until `forget` or a rebuild without it."""
    connection.execute(update(account).where(account.c.id == account_id).values(state="disconnected", error="", remedy=""))


def tell(connection: Connection, account_id: str, now: datetime) -> bool:
    """Tell whether the owner is still to be told that the account is paused: once, True for the first who asks."""
    untold = and_(account.c.id == account_id, account.c.state == "paused", account.c.told_at.is_(None))
    return bool(connection.execute(update(account).where(untold).values(told_at=micros(now))).rowcount)


def keys_of(addresses: Sequence[Address]) -> frozenset[str]:
    """Return the match keys of addresses that have one."""
    return frozenset(match_key(each.email) for each in addresses) - {""}


def _stored(row: Row[Any]) -> StoredAccount:
    return StoredAccount(
        id=row.id,
        owner=row.owner,
        name=row.name,
        provider=row.provider,
        state=cast("State", row.state),
        connected_at=instant(row.connected_at),
        addresses=addresses_of(row.addresses),
        error=row.error,
        remedy=row.remedy,
        attempts=row.attempts,
        last_ok_at=maybe_instant(row.last_ok_at),
        next_attempt_at=instant(row.next_attempt_at),
        told_at=maybe_instant(row.told_at),
    )
