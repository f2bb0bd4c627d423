"""What the owner does with our work is feedback: what a look at it means, and what a discarded one teaches."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from sqlalchemy import Connection, Select, func, insert, or_, select, update

from connectors.port import Edited, Gone, Look, Moved, Sent, Untouched
from rules.addresses import match_key
from rules.engine import Keep, Withdraw
from rules.facts import CalendarEvent
from rules.inviting import ANNOUNCEMENT, announcement_key
from rules.people import OwnerKeys
from rules.suggestions import Action, CloseReason, Draft, Hold, Invite, Key
from worker.store import accounts, audit, outbox
from worker.store.entry import VETO, Entry
from worker.store.mapping import event_of, micros
from worker.store.statements import insert_ignoring, upsert
from worker.store.tables import address, note, rule_mode, stop, suggestion
from worker.store.tables import event as events

CHECK_MARKS: Final = ("✓", "✔", "✅", "☑")
GRACE: Final = timedelta(days=1)
"""How long after its end a hold may still be ticked before it counts as left untouched."""
AFTERWARDS: Final = timedelta(days=7)
"""How long after its end a hold that the owner changed is still looked at."""
DISCARDED: Final = ("owner_deleted", "dismissed")
FINISHED: Final = ("done", "owner_deleted", "owner_edited", "dismissed", "expired")


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing to do but to look again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reschedule:
    """The owner gave it another time: remember it, hands off."""

    action: Hold | Invite


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """It is over, by the owner's hand or by time; nothing is taken away."""

    reason: CloseReason
    note: str
    is_touch: bool = False
    """The owner says that they were in touch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """It is untouched and no longer of use: take it away."""

    reason: CloseReason
    note: str


Verdict = Leave | Reschedule | Finish | Remove

REMOVED: Final = Finish(reason="owner_deleted", note="You removed it")
UNSURE: Final = Finish(
    reason="expired", note="Not made again: an attempt that broke off may have made it, and you may have removed it since"
)
LOST: Final = Finish(reason="expired", note="It is not where it was put, and one of your calendars could not be searched for it")
SENT: Final = Finish(reason="done", note="You sent it")
CHANGED: Final = Finish(reason="owner_edited", note="You changed it: it is yours now")
TOUCHED: Final = Finish(reason="owner_edited", note="You changed what announced it, so it does not go out")
PUT_OFF: Final = Finish(reason="put_off", note="It was removed, perhaps by your assistant: not now")
DECLINED: Final = Finish(reason="declined", note="They declined")


def fate(seen: Edited | Moved | Sent | Gone) -> Finish:
    """Say how a suggestion ends of which the owner had taken what an earlier attempt made in hand before it was confirmed."""
    match seen:
        case Gone(is_sure=False):
            return UNSURE
        case Gone():
            return REMOVED
        case Sent():
            return SENT
        case Edited() | Moved():
            return CHANGED
        case _:
            assert_never(seen)


def verdict(
    entry: Entry, seen: Look, wanted: Keep | Withdraw, event: CalendarEvent | None, mine: Collection[str], now: datetime
) -> Verdict:
    """Say what a look at a delivered object means. `event` is how a pull last saw it, `mine` the owner's match keys."""
    if isinstance(entry.action, Invite) and event is not None and _has_declined(event, mine):
        return DECLINED
    match seen:
        case Gone(is_sure=False):
            return LOST if is_given_up(entry, now) else Leave()
        case Gone() | Sent():
            return fate(seen)
        case Untouched():
            return _untouched(entry, wanted, now)
        case Edited() | Moved():
            found = _changed(entry.action, seen, event, mine, now)
            return TOUCHED if entry.rule == ANNOUNCEMENT and isinstance(found, Leave | Reschedule) else found
        case _:
            assert_never(seen)


def is_given_up(entry: Entry, now: datetime) -> bool:
    """Tell whether what is not where it was put, and may lie where one could not look, is no longer looked for."""
    return entry.at + AFTERWARDS <= now


def _untouched(entry: Entry, wanted: Keep | Withdraw, now: datetime) -> Verdict:
    match entry.action:
        case Invite() as invite:
            return Finish(reason="done", note="Its time has come and gone") if invite.end < now else Leave()
        case Hold() as hold if hold.end + GRACE <= now:
            return Remove(reason="expired", note="It was left untouched until after its end")
        case Draft() if entry.expires_at is not None and entry.expires_at <= now:
            return Remove(reason="expired", note="It was left unsent until its time had passed")
        case Hold() | Draft():
            pass
        case _:
            assert_never(entry.action)
    return Remove(reason=wanted.reason, note=wanted.why) if isinstance(wanted, Withdraw) else Leave()


def _changed(action: Action, seen: Edited | Moved, event: CalendarEvent | None, mine: Collection[str], now: datetime) -> Verdict:
    if isinstance(action, Draft):
        return CHANGED
    if event is not None and event.summary.lstrip().startswith(CHECK_MARKS):
        return Finish(reason="done", note="You ticked it: you were in touch", is_touch=True)
    if event is not None and isinstance(action, Hold) and _has_guest(event, mine):
        return Finish(reason="done", note="You invited them: it is a meeting now")
    if isinstance(seen, Moved) and seen.start and seen.end and (seen.start, seen.end) != (action.start, action.end):
        return Reschedule(action=replace(action, start=seen.start, end=seen.end))
    if action.end + AFTERWARDS <= now:
        return Finish(reason="owner_edited", note="You changed it, and its time has passed")
    return Leave()


def _has_guest(event: CalendarEvent, mine: Collection[str]) -> bool:
    return any(match_key(attendee.address.email) not in mine for attendee in event.attendees)


def _has_declined(event: CalendarEvent, mine: Collection[str]) -> bool:
    """Tell whether every guest of an invite has declined it."""
    guests = [each for each in event.attendees if match_key(each.address.email) not in mine]
    return bool(guests) and all(guest.response == "declined" for guest in guests)


def event_as_pulled(db: Connection, entry: Entry) -> CalendarEvent | None:
    """Return how the last pull saw the event of a hold or invite; None for drafts and what no pull has seen."""
    if entry.saved is None or isinstance(entry.action, Draft):
        return None
    ours = select(events.c.facts).where(events.c.account == entry.account, events.c.remote_id == entry.saved.remote_id)
    marked = ours if isinstance(entry.action, Invite) else ours.where(events.c.rekindle_key != "")
    facts = db.execute(marked).scalar()
    return None if facts is None else event_of(facts)


def finish(db: Connection, entry: Entry, ending: Finish, now: datetime) -> bool:
    """Close a suggestion as the owner has ended it, and learn from it; False where it has meanwhile changed hands.

    An invite and the hold that announces it end together; what the owner did to the hold is said of the invite.
    """
    if ending.reason == "owner_deleted" and has_assistant(accounts.owner_keys(db, entry.owner)):
        ending = PUT_OFF
    if not outbox.close(db, entry, ending.reason, ending.note, now):
        return False
    if ending.is_touch:
        at = min(entry.at, now)
        touch = {"owner": entry.owner, "person": entry.person, "address": entry.address, "at": micros(at), "kind": "touch"}
        db.execute(insert(note), touch | {"text": "Ticked in the calendar"})
    if entry.mode == VETO:
        outbox.look_now(db, announcement_key(entry.owner, entry.key, entry.address), now)
    if entry.rule != ANNOUNCEMENT:
        learn(db, entry, ending.reason, now)
    elif ending.reason not in {"withdrawn", "expired"}:
        invite = outbox.read(db, Key(entry.cause.removeprefix("invite:")))
        if invite is not None and invite.state in outbox.WAITING:
            finish(db, invite, Finish(reason=ending.reason, note=ending.note), now)
    return True


def has_assistant(owner: OwnerKeys) -> bool:
    """Tell whether somebody books for the owner: no calendar says who of the two has deleted something."""
    return not owner.keys.isdisjoint(owner.principals.values())


def dismiss(db: Connection, key: Key, now: datetime) -> bool:
    """Say "not this one": what waits is closed, what was delivered is taken away if it is untouched. False = too late."""
    entry = outbox.read(db, key)
    if entry is None or entry.state == "closed" or (isinstance(entry.action, Invite) and entry.state == "delivered"):
        return False
    audit.record(db, now, entry.owner, "dismiss", account=entry.account, key=key)
    if entry.state in outbox.WAITING:
        return finish(db, entry, Finish(reason="dismissed", note="You dismissed it"), now)
    return outbox.intend(db, key, "dismissed", "You dismissed it", now)


def learn(db: Connection, entry: Entry, reason: CloseReason, now: datetime) -> None:
    """Draw the lesson of a closed suggestion: two discarded for a person stop the rule there, three of five put it to review."""
    if reason not in DISCARDED:
        return
    if _discarded_for_person(db, entry) >= 2:  # noqa: PLR2004 - the promise is "twice"
        _stop(db, entry, now)
    lately = [row.close_reason for row in db.execute(_last_five(entry))]
    discarded = sum(each in DISCARDED for each in lately)
    if discarded >= 3:  # noqa: PLR2004 - the promise is "three of five"
        _put_to_review(db, entry, f"You discarded {discarded} of the last {len(lately)}: from now on it asks first", now)


def _discarded_for_person(db: Connection, entry: Entry) -> int:
    """Count over all addresses of the person, so that a merge forgets nothing."""
    person = select(address.c.person).where(address.c.owner == entry.owner, address.c.key == entry.address).scalar_subquery()
    theirs = select(address.c.key).where(address.c.owner == entry.owner, address.c.person == person)
    counted = select(func.count()).where(
        suggestion.c.owner == entry.owner,
        suggestion.c.rule == entry.rule,
        suggestion.c.close_reason.in_(DISCARDED),
        suggestion.c.state == "closed",
        or_(suggestion.c.address == entry.address, suggestion.c.address.in_(theirs), suggestion.c.person == entry.person),
    )
    return db.execute(counted).scalar_one()


def _last_five(entry: Entry) -> Select[tuple[str]]:
    """Select the last five that were the owner's to judge, since the rule was last given a mode."""
    since = select(rule_mode.c.at).where(rule_mode.c.owner == entry.owner, rule_mode.c.rule == entry.rule)
    ended = select(suggestion.c.close_reason).where(
        suggestion.c.owner == entry.owner,
        suggestion.c.rule == entry.rule,
        suggestion.c.state == "closed",
        suggestion.c.close_reason.in_(FINISHED),
        suggestion.c.updated_at > func.coalesce(since.scalar_subquery(), 0),
    )
    return ended.order_by(suggestion.c.updated_at.desc(), suggestion.c.key).limit(5)


def _stop(db: Connection, entry: Entry, now: datetime) -> None:
    why = "You discarded it twice"
    row = {"owner": entry.owner, "person": entry.person, "rule": entry.rule, "reason": why, "at": micros(now)}
    if db.execute(insert_ignoring(db, stop), row).rowcount == 1:
        audit.record(db, now, entry.owner, "learn", key=entry.key, detail=f"{entry.rule} stops for this person: {why}")


def _put_to_review(db: Connection, entry: Entry, why: str, now: datetime) -> None:
    """Let the rule ask first, and what it has approved by itself but not delivered wait too."""
    row = {"owner": entry.owner, "rule": entry.rule, "mode": "review", "reason": why, "at": micros(now)}
    db.execute(upsert(db, rule_mode, ("owner", "rule")), row)
    same = (suggestion.c.owner == entry.owner, suggestion.c.rule == entry.rule)
    waiting = update(suggestion).where(*same, suggestion.c.state == "approved", suggestion.c.mode.in_(("create", VETO)))
    db.execute(waiting.values(state="planned", mode="review"))
    audit.record(db, now, entry.owner, "learn", key=entry.key, detail=f"{entry.rule} goes to review: {why}")
