"""The outbox: every suggestion from its planning to its end, changed only by single UPDATEs that compare before they set.

planned → approved → delivering → delivered → closed. A row in `delivering` may already have its object at the provider;
a row in `delivered` with a `close_reason` is being withdrawn by us. All functions run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, and_, bindparam, case, func, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate
from sqlalchemy.sql.elements import ColumnElement

from connectors.port import Saved, Witness
from rules.suggestions import CloseReason, Hold, Invite, Key, Suggestion
from worker.store import audit
from worker.store.due import is_ready
from worker.store.entry import Entry, entry_of, json_of, recipients, rows_of
from worker.store.mapping import micros
from worker.store.statements import insert_ignoring, lock_owner
from worker.store.tables import account as accounts
from worker.store.tables import address, person, suggestion
from worker.store.tables import owner as owners

OPEN = ("planned", "approved", "delivering", "delivered")
WAITING = ("planned", "approved")

# Statements are built once: they are run for every mail, and building one takes longer than running it.
_READ: Final = select(suggestion).where(suggestion.c.key == bindparam("named"))
_DUE: Final = (
    select(suggestion)
    .where(suggestion.c.account == bindparam("account"), suggestion.c.state.in_(("approved", "delivering", "delivered")))
    .where(is_ready(bindparam("at", type_=BigInteger)))
    .order_by(suggestion.c.state == "delivered", suggestion.c.next_attempt_at, suggestion.c.key)
    .limit(bindparam("most"))
)
_LATE: Final = (
    select(suggestion)
    .where(suggestion.c.owner == bindparam("whose"), suggestion.c.state.in_(WAITING))
    .where(or_(suggestion.c.expires_at <= bindparam("at"), and_(suggestion.c.action != "draft", suggestion.c.at < bindparam("at"))))
)
_SAME: Final = select(suggestion).where(
    suggestion.c.owner == bindparam("whose"),
    suggestion.c.rule == bindparam("of_rule"),
    suggestion.c.cause == bindparam("of_cause"),
)
_NOW: Final = bindparam("by_now", type_=BigInteger)
_CLAIM: Final = (
    update(suggestion)
    .where(suggestion.c.key == bindparam("of"), suggestion.c.state.in_(("approved", "delivering")), is_ready(_NOW))
    .where(suggestion.c.account.in_(select(accounts.c.id).where(accounts.c.state == "active")))
    .where(suggestion.c.owner.not_in(select(owners.c.id).where(owners.c.paused_until > _NOW)))
    .values(
        state="delivering",
        updated_at=_NOW,
        fence=suggestion.c.fence + 1,
        attempts=suggestion.c.attempts + 1,
        lease_until=bindparam("until"),
        witness=func.coalesce(suggestion.c.witness, bindparam("since")),
    )
    .returning(suggestion)
)
_CONFIRM: Final = (
    update(suggestion)
    .where(suggestion.c.key == bindparam("of"), suggestion.c.state == "delivering", suggestion.c.fence == bindparam("held_fence"))
    .values(
        state="delivered",
        updated_at=_NOW,
        delivered_at=_NOW,
        remote_id=bindparam("made_id"),
        version=bindparam("made_version"),
        place=bindparam("made_place"),
        next_attempt_at=bindparam("look_at"),
        lease_until=0,
        error="",
    )
    .returning(suggestion)
)


def plan(db: Connection, owner: str, account: str, planned: Suggestion, addresses: Iterable[str], now: datetime) -> bool:
    """Add a suggestion, unless the ledger has its key, or its rule and cause for any address of the person or the draft.

    `account` is where it will be delivered and is fixed from here on. Mode `create` approves it at once, except an
    Invite: that waits for the owner, or is announced by a hold that is planned with it. Says whether it is new.
    """
    same = {"whose": owner, "of_rule": planned.rule, "of_cause": planned.cause}
    theirs = {planned.address, *addresses, *recipients(planned.action)}
    known = (entry_of(row) for row in db.execute(_SAME, same).mappings())
    if any(theirs & {entry.address, *recipients(entry.action)} for entry in known):
        return False
    rows = rows_of(owner, account, planned, now)
    if any(db.execute(insert_ignoring(db, suggestion), row).rowcount != 1 for row in rows):
        return False
    audit.record(db, now, owner, "plan", account=account, key=planned.key, detail=planned.rule)
    return True


def read(db: Connection, key: Key) -> Entry | None:
    """Return one suggestion as it stands."""
    row = db.execute(_READ, {"named": key}).mappings().first()
    return None if row is None else entry_of(row)


def read_all(db: Connection, owner: str, *, states: Sequence[str] = OPEN, since: datetime | None = None) -> list[Entry]:
    """Return the owner's suggestions in these states, oldest first; `since` looks at when they were planned."""
    wanted = select(suggestion).where(suggestion.c.owner == owner, suggestion.c.state.in_(states))
    if since is not None:
        wanted = wanted.where(suggestion.c.created_at >= micros(since))
    return [entry_of(row) for row in db.execute(wanted.order_by(suggestion.c.created_at, suggestion.c.key)).mappings()]


def due(db: Connection, account: str, now: datetime, *, limit: int = 50) -> list[Entry]:
    """Return what of the account is to be delivered or looked after now."""
    return [entry_of(row) for row in db.execute(_DUE, {"account": account, "at": micros(now), "most": limit}).mappings()]


def approve(db: Connection, key: Key, now: datetime) -> bool:
    """Let a planned suggestion be delivered; False where it was not waiting for that."""
    values = {"state": "approved", "next_attempt_at": suggestion.c.due_at}
    return _change(db, key, suggestion.c.state == "planned", now, values, verb="approve") is not None


def snooze(db: Connection, key: Key, until: datetime, now: datetime) -> bool:
    """Put a suggestion that is not yet delivered off, and leave its person alone until then."""
    at = micros(until)
    changed = _change(db, key, suggestion.c.state.in_(WAITING), now, {"next_attempt_at": at, "due_at": at}, verb="snooze")
    if changed is None:
        return False
    db.execute(update(person).where(_is_person_of(changed)).values(snoozed_until=at))
    return True


def claim(db: Connection, key: Key, witness: Witness, now: datetime, lease: timedelta) -> Entry | None:
    """Take a suggestion for one attempt; None where another has it, it is not due, or its account or owner is paused.

    The first claim keeps its witness for all later ones: an object made by any attempt stands after it.
    """
    known = {"of": key, "by_now": micros(now), "until": micros(now + lease), "since": witness}
    return _changed(db, _CLAIM, known, now)


def hold_on(db: Connection, claimed: Entry, now: datetime, lease: timedelta) -> bool:
    """Make the lease of a claim last from now; False where it has gone to another, or was given back."""
    is_ours = and_(_held(claimed), suggestion.c.lease_until != 0)
    return _change(db, claimed.key, is_ours, now, {"lease_until": micros(now + lease)}) is not None


def confirm(db: Connection, claimed: Entry, saved: Saved, now: datetime, look_at: datetime) -> Entry | None:
    """Record that the object exists; None where the claim is stale: another attempt owns the suggestion now."""
    known = {"of": claimed.key, "held_fence": claimed.fence, "by_now": micros(now), "look_at": micros(look_at)}
    made = {"made_id": saved.remote_id, "made_version": saved.version, "made_place": saved.place}
    verb: audit.AuditVerb = "adopt" if saved.is_adopted else "create"
    return _changed(db, _CONFIRM, known | made, now, verb=verb, remote_id=saved.remote_id)


def hand_over(db: Connection, claimed: Entry, saved: Saved, now: datetime) -> Saved | None:
    """Say what a stale attempt is to do with what it made: take it away (the object), or leave it (None).

    While another attempt is under way nobody knows whether it adopts this object: it is noted as a stray for that one.
    """
    is_under_way = suggestion.c.state == "delivering"
    if _change(db, claimed.key, is_under_way, now, {"stray": json_of(saved)}) is not None:
        return None
    if saved.is_adopted:
        return None
    current = read(db, claimed.key)
    confirmed = None if current is None else current.saved
    is_the_same = confirmed is not None and (confirmed.remote_id, confirmed.version) == (saved.remote_id, saved.version)
    return None if is_the_same else saved


def clear_stray(db: Connection, entry: Entry, now: datetime) -> None:
    """Forget a stray: it is gone, or it turned out to be the confirmed object."""
    _change(db, entry.key, suggestion.c.stray != "", now, {"stray": ""})


def postpone(db: Connection, claimed: Entry, until: datetime, error: str, now: datetime) -> bool:
    """Give a claim back for a later attempt; the row stays in `delivering`, for the object may exist."""
    values = {"lease_until": 0, "next_attempt_at": micros(until), "error": error}
    return _change(db, claimed.key, _held(claimed), now, values) is not None


def look_later(
    db: Connection, seen: Entry, until: datetime, now: datetime, *, action: Hold | Invite | None = None, error: str = ""
) -> bool:
    """Note that a delivered object was looked at; `action` is how the owner has rescheduled it. What has become new meanwhile is still to be seen."""
    is_as_seen = suggestion.c.next_attempt_at == micros(seen.next_attempt_at)
    then = case((is_as_seen, micros(until)), else_=suggestion.c.next_attempt_at)
    values: dict[str, object] = {"looked_at": micros(now), "next_attempt_at": then, "error": error}
    if action is not None:
        values |= {"at": micros(action.start), "payload": json_of(action)}
    return _change(db, seen.key, suggestion.c.state == "delivered", now, values) is not None


def look_now(db: Connection, key: Key, now: datetime) -> None:
    """Have one delivered object looked at now."""
    _change(db, key, suggestion.c.state == "delivered", now, {"next_attempt_at": micros(now)})


def intend(db: Connection, key: Key, reason: CloseReason, note: str, now: datetime) -> bool:
    """Say that we will take an object away, so that its absence is not read as the owner's will; never for an Invite."""
    begun = and_(suggestion.c.state.in_(("delivering", "delivered")), suggestion.c.close_reason.is_(None))
    is_ours = and_(begun, suggestion.c.action != "invite")
    values = {"close_reason": reason, "note": note, "next_attempt_at": micros(now)}
    return _change(db, key, is_ours, now, values) is not None


def retreat(db: Connection, key: Key, now: datetime) -> bool:
    """Give up taking an object away: the owner has touched it meanwhile."""
    is_intended = and_(suggestion.c.state == "delivered", suggestion.c.close_reason.is_not(None))
    return _change(db, key, is_intended, now, {"close_reason": None, "note": "", "next_attempt_at": micros(now)}) is not None


def move(db: Connection, entry: Entry, hold: Hold, now: datetime) -> bool:
    """Put a hold that was left untouched, and has been taken away by us, up for another time; its key at the provider is new."""
    values = {
        "state": "approved",
        "close_reason": None,
        "note": "",
        "payload": json_of(hold),
        "at": micros(hold.start),
        "moves": suggestion.c.moves + 1,
        "attempts": 0,
        "witness": None,
        "remote_id": None,
        "delivered_at": None,
        "next_attempt_at": micros(now),
    }
    is_taken_away = and_(_held(entry), suggestion.c.close_reason == "expired", suggestion.c.moves == entry.moves)
    return _change(db, entry.key, is_taken_away, now, values, verb="move") is not None


def close(db: Connection, entry: Entry, reason: CloseReason, note: str, now: datetime) -> bool:
    """End a suggestion for good; False where it has meanwhile changed hands. A lapse that ends raises the episode."""
    lock_owner(db, entry.owner)
    values = {"state": "closed", "close_reason": reason, "note": note, "lease_until": 0}
    is_as_seen = and_(_held(entry), suggestion.c.close_reason.is_not_distinct_from(entry.close_reason))
    changed = _change(db, entry.key, is_as_seen, now, values, verb="close", detail=reason)
    if changed is None:
        return False
    raised = {"episode": person.c.episode + 1} if entry.cause.startswith("lapse:") else {}
    db.execute(update(person).where(_is_person_of(changed)).values(next_review_at=micros(now), **raised))
    db.execute(update(owners).where(owners.c.id == entry.owner).values(next_review_at=micros(now)))
    return True


def close_expired(db: Connection, owner: str, now: datetime) -> int:
    """Close what waited for the owner until its time had passed, or that of its hold or invite; says how many."""
    rows = db.execute(_LATE, {"whose": owner, "at": micros(now)}).mappings().all()
    return sum(close(db, entry_of(row), "expired", "Its time had passed before it was delivered", now) for row in rows)


def _held(entry: Entry) -> ColumnElement[bool]:
    return and_(suggestion.c.state == entry.state, suggestion.c.fence == entry.fence)


def _is_person_of(changed: Entry) -> ColumnElement[bool]:
    """Find the person by the address, which a merge cannot change, else by the id it was planned for."""
    current = select(address.c.person).where(address.c.owner == changed.owner, address.c.key == changed.address)
    return and_(person.c.owner == changed.owner, person.c.id == func.coalesce(current.scalar_subquery(), changed.person))


def _change(
    db: Connection,
    key: Key,
    condition: ColumnElement[bool],
    now: datetime,
    values: Mapping[str, object],
    *,
    verb: audit.AuditVerb | None = None,
    detail: str = "",
    remote_id: str = "",
) -> Entry | None:
    """Set values where the condition still holds, in one UPDATE; with a verb it is a write of the audit too."""
    changing = update(suggestion).where(suggestion.c.key == key, condition).values(updated_at=micros(now), **values)
    return _changed(db, changing.returning(suggestion), {}, now, verb=verb, detail=detail, remote_id=remote_id)


def _changed(
    db: Connection,
    changing: ReturningUpdate[Any],
    known: Mapping[str, object],
    now: datetime,
    *,
    verb: audit.AuditVerb | None = None,
    detail: str = "",
    remote_id: str = "",
) -> Entry | None:
    row = db.execute(changing, known).mappings().first()
    if row is None:
        return None
    entry = entry_of(row)
    if verb is not None:
        audit.record(db, now, entry.owner, verb, account=entry.account, key=entry.key, remote_id=remote_id, detail=detail)
    return entry
