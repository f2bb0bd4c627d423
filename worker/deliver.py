"""Deliver: one suggestion one step on. It exists at the provider at most once, and never again once the owner has touched it.

The order is: decide again, note where the provider stands (the witness), claim, save, confirm. A crash after any of these
leaves a row from which the next attempt goes on with the same witness. Taking away has its intent written first, so that
its own absence is never read as the owner's will.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal, assert_never

from connectors.port import (
    BEGINNING,
    Calendar,
    Connection,
    Edited,
    Gone,
    Look,
    Made,
    Mailbox,
    Moved,
    PortError,
    RateLimited,
    Rejected,
    Saved,
    Sent,
    Unclear,
    Untouched,
)
from rules.engine import Keep, Withdraw
from rules.inviting import announcement_key
from rules.keys import key as key_of
from rules.slots import Slot
from rules.suggestions import Draft, Hold, Invite
from worker import announced, feedback, restored
from worker.heartbeat import LASTING, beating
from worker.store import accounts, audit, outbox
from worker.store.entry import VETO, Entry
from worker.store.store import Store

Point = Literal[
    "before the claim",
    "after the claim",
    "after the call",
    "after the confirmation",
    "after the intent",
    "after the removal",
    "after the closing",
]
"""Where a crash can strike; the proof stops the process at each."""

LOOK_EVERY: Final = timedelta(hours=1)
LONGEST_BACKOFF: Final = timedelta(hours=6)
ATTEMPTS: Final = 10
"""So often is tried what a provider refuses without a reason that is meant for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What delivering into one account works with."""

    store: Store
    connection: Connection
    clock: Callable[[], datetime]
    wanted: Callable[[Entry], Keep | Withdraw]
    """Decides again."""
    next_slot: Callable[[Entry], Slot | None]
    """Finds another time for a hold that was left untouched."""
    passing: Callable[[Point], None] = lambda _: None

    def side(self, entry: Entry) -> Mailbox | Calendar | None:
        """Return the side of the account the suggestion belongs to."""
        return self.connection.mailbox if isinstance(entry.action, Draft) else self.connection.calendar


def attend(desk: Desk, entry: Entry) -> None:
    """Deliver a suggestion, or look after a delivered one. Raises the port's errors after noting them, Rejected excepted."""
    side = desk.side(entry)
    if side is None:
        missing = "mailbox" if isinstance(entry.action, Draft) else "calendar"
        _close(desk, entry, feedback.Finish(reason="failed", note=f"The account has no {missing}"))
    elif entry.state == "delivered":
        _look_after(desk, side, entry)
    else:
        _deliver(desk, side, entry)


def backoff(entry: Entry) -> timedelta:
    """Return how long to wait after a failed attempt: doubled each time, spread by the key so that no two march in step."""
    waited = min(timedelta(seconds=30) * (1 << min(entry.attempts, 12)), LONGEST_BACKOFF)
    return waited * (0.75 + int(entry.key[:2], 32) / 2048)


# Delivering


def _deliver(desk: Desk, side: Mailbox | Calendar, entry: Entry) -> None:
    wanted = desk.wanted(entry)
    is_late = entry.expires_at is not None and entry.expires_at <= desk.clock()
    if is_late or isinstance(wanted, Withdraw):
        ending = Withdraw(why="Its time had passed before it could be delivered", reason="expired")
        if _give_up(desk, entry, wanted if isinstance(wanted, Withdraw) else ending):
            return
    if entry.mode == VETO and (stopped := announced.objection(desk.store, side, entry, desk.clock())) is not None:  # type: ignore[arg-type]  # an invite's side is the calendar, see Desk.side
        _close(desk, entry, stopped)
        return
    claimed = _claim(desk, side, entry)
    if claimed is None:
        return
    desk.passing("after the claim")
    with beating(desk.store, lambda db, at: outbox.hold_on(db, claimed, at, LASTING), desk.clock()):
        _attempt(desk, side, claimed)


def _attempt(desk: Desk, side: Mailbox | Calendar, claimed: Entry) -> None:
    try:
        made = _save(side, claimed)
    except Rejected as error:
        if error.is_sure or claimed.attempts >= ATTEMPTS:
            _close(desk, claimed, feedback.Finish(reason="failed", note=error.told()))
        else:
            _postpone(desk, claimed, backoff(claimed), error.told())
    except PortError as error:
        _postpone(desk, claimed, error.retry_after if isinstance(error, RateLimited) else backoff(claimed), error.told())
        raise
    else:
        desk.passing("after the call")
        _settle(desk, side, claimed, made)


def _give_up(desk: Desk, entry: Entry, ending: Withdraw) -> bool:
    """Close what was never begun; what may already lie at the provider must be found first, to be taken away.

    An invite nobody wants any more is not sent, also where an attempt has begun: only one that is seen to be there is adopted.
    """
    with desk.store.write() as db:
        if entry.state == "approved":
            outbox.close(db, entry, ending.reason, ending.why, desk.clock())
            return True
        if isinstance(entry.action, Invite):
            if not (is_made := announced.is_there(db, entry)):
                outbox.close(db, entry, "failed", f"{ending.why} {announced.UNCERTAIN}", desk.clock())
            return not is_made
        outbox.intend(db, entry.key, ending.reason, ending.why, desk.clock())
        return False


def _claim(desk: Desk, side: Mailbox | Calendar, entry: Entry) -> Entry | None:
    """Commit the claim with its witness; after a restore the ledger may have forgotten an attempt."""
    witness = entry.witness or restored.witness_for(desk.store, side, entry, desk.clock())
    if witness is None:
        witness = side.witness()
    desk.passing("before the claim")
    with desk.store.write() as db:
        return outbox.claim(db, entry.key, witness, desk.clock(), LASTING)


def _save(side: Mailbox | Calendar, claimed: Entry) -> Made:
    witness = BEGINNING if claimed.witness is None else claimed.witness
    if witness == restored.ONLY_FIND:
        return restored.found(side, claimed)
    match claimed.action:
        case Draft() as draft:
            return side.save_draft(draft, witness)  # type: ignore[union-attr]  # Desk.side chose it by the same test
        case Hold() | Invite() as hold:
            return side.save_hold(hold, witness)  # type: ignore[union-attr]  # as above
        case _:
            assert_never(claimed.action)


def _settle(desk: Desk, side: Mailbox | Calendar, claimed: Entry, made: Made) -> None:
    match made:
        case Saved():
            _confirm(desk, side, claimed, made)
        case Gone() if restored.is_unsure(desk.store, claimed, desk.clock()):
            _close(desk, claimed, restored.UNMADE)
        case Gone() | Sent() | Edited() | Moved():
            _close(desk, claimed, feedback.fate(made))
        case Unclear():
            _postpone(desk, claimed, made.retry_after, "The provider cannot tell yet whether it is there")
        case _:
            assert_never(made)


def _confirm(desk: Desk, side: Mailbox | Calendar, claimed: Entry, saved: Saved) -> None:
    now = desk.clock()
    with desk.store.write() as db:
        confirmed = outbox.confirm(db, claimed, saved, now, now + LOOK_EVERY)
        surplus = None if confirmed else outbox.hand_over(db, claimed, saved, now)
        if claimed.mode == VETO:
            outbox.look_now(db, announcement_key(claimed.owner, claimed.key, claimed.address), now)
    desk.passing("after the confirmation")
    if surplus is not None:
        side.withdraw(surplus)
    if confirmed is not None:
        _take_away_stray(desk, side, confirmed)
        if confirmed.close_reason is not None:
            _take_away(desk, side, confirmed)


def _postpone(desk: Desk, claimed: Entry, wait: timedelta, error: str) -> None:
    with desk.store.write() as db:
        outbox.postpone(db, claimed, desk.clock() + wait, error, desk.clock())


def _close(desk: Desk, entry: Entry, ending: feedback.Finish) -> None:
    with desk.store.write() as db:
        feedback.finish(db, entry, ending, desk.clock())


# Looking after


def _look_after(desk: Desk, side: Mailbox | Calendar, entry: Entry) -> None:
    _take_away_stray(desk, side, entry)
    if entry.close_reason is not None:
        _take_away(desk, side, entry)
        return
    if entry.saved is None:
        raise AssertionError(f"{entry.key} is delivered without an object")
    try:
        seen = side.look(entry.saved)
    except Rejected as error:
        _look_later(desk, entry, error=error.told())
        return
    _follow(desk, side, entry, _judged(desk, entry, seen))


def _judged(desk: Desk, entry: Entry, seen: Look) -> feedback.Verdict:
    wanted = desk.wanted(entry) if isinstance(seen, Untouched) else Keep()
    with desk.store.read() as db:
        event = feedback.event_as_pulled(db, entry)
        mine = accounts.owner_keys(db, entry.owner).keys
    return feedback.verdict(entry, seen, wanted, event, mine, desk.clock())


def _follow(desk: Desk, side: Mailbox | Calendar, entry: Entry, verdict: feedback.Verdict) -> None:
    match verdict:
        case feedback.Leave():
            _look_later(desk, entry)
        case feedback.Reschedule(action=action):
            with desk.store.write() as db:
                outbox.look_later(db, entry, desk.clock() + LOOK_EVERY, desk.clock(), action=action)
        case feedback.Finish():
            _close(desk, entry, verdict)
        case feedback.Remove(reason=reason, note=note):
            with desk.store.write() as db:
                is_intended = outbox.intend(db, entry.key, reason, note, desk.clock())
            desk.passing("after the intent")
            if is_intended:
                _take_away(desk, side, replace(entry, close_reason=reason, note=note))
        case _:
            assert_never(verdict)


def _look_later(desk: Desk, entry: Entry, error: str = "") -> None:
    with desk.store.write() as db:
        outbox.look_later(db, entry, desk.clock() + LOOK_EVERY, desk.clock(), error=error)


# Taking away


def _take_away(desk: Desk, side: Mailbox | Calendar, entry: Entry) -> None:
    """Remove what we said we would remove; where the owner has touched it meanwhile, let it be."""
    if entry.saved is None or entry.close_reason is None or isinstance(entry.action, Invite):
        raise AssertionError(f"{entry.key} is not to be taken away")
    was = side.withdraw(entry.saved)
    if isinstance(was, Gone) and not was.is_sure and not feedback.is_given_up(entry, desk.clock()):
        _look_later(desk, entry)  # its owner may have moved it
        return
    desk.passing("after the removal")
    with desk.store.write() as db:
        if not isinstance(was, Untouched | Gone):
            outbox.retreat(db, entry.key, desk.clock())
            return
        audit.record(
            db, desk.clock(), entry.owner, "withdraw", account=entry.account, key=entry.key, remote_id=entry.saved.remote_id
        )
    _end(desk, entry)
    desk.passing("after the closing")


def _end(desk: Desk, entry: Entry) -> None:
    """Close what has been taken away; a hold left untouched gets one more time."""
    is_left = isinstance(entry.action, Hold) and entry.close_reason == "expired" and entry.moves == 0
    slot = desk.next_slot(entry) if is_left else None
    with desk.store.write() as db:
        if slot is not None and isinstance(entry.action, Hold):
            again = key_of(entry.owner, entry.rule, f"{entry.cause}/again", entry.address)
            outbox.move(db, entry, replace(entry.action, key=again, start=slot.start, end=slot.end), desk.clock())
        elif entry.close_reason is not None:
            feedback.finish(db, entry, feedback.Finish(reason=entry.close_reason, note=entry.note), desk.clock())


def _take_away_stray(desk: Desk, side: Mailbox | Calendar, entry: Entry) -> None:
    """Remove what a late attempt made beside the confirmed object."""
    if entry.stray is None:
        return
    if entry.saved is None or entry.stray.remote_id != entry.saved.remote_id:
        side.withdraw(entry.stray)
    with desk.store.write() as db:
        outbox.clear_stray(db, entry, desk.clock())
