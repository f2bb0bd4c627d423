"""Invites that a hold announces: one goes out only while that hold has stood long enough, untouched by the owner."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, or_, select

from connectors.port import Calendar, Untouched
from rules.engine import Keep
from rules.inviting import TOLD, announcement_key
from worker import feedback
from worker.store import accounts, outbox
from worker.store.entry import Entry
from worker.store.store import Store
from worker.store.tables import event

UNCERTAIN = "An attempt to send it had begun: your calendar says whether it went out"


def objection(store: Store, calendar: Calendar, invite: Entry, now: datetime) -> feedback.Finish | None:
    """Say how an announced invite ends instead of going out; None while its hold stands untouched, or it is out already. Raises the port's errors.

    What the owner did to the hold is noted on it by the way.
    """
    with store.read() as db:
        hold = outbox.read(db, announcement_key(invite.owner, invite.key, invite.address))
        if invite.state == "delivering" and is_there(db, invite):
            return None
    if hold is None or hold.state != "delivered" or hold.close_reason is not None or hold.saved is None:
        return feedback.Finish(reason="withdrawn", note="It was not announced")
    if hold.delivered_at is None or hold.delivered_at + TOLD > invite.due_at:
        return feedback.Finish(reason="expired", note="It was announced too late to go out when it said")
    seen = calendar.look(hold.saved)
    if isinstance(seen, Untouched):
        return None
    with store.read() as db:
        known, mine = feedback.event_as_pulled(db, hold), accounts.owner_keys(db, hold.owner).keys
    found = feedback.verdict(hold, seen, Keep(), known, mine, now)
    ending = found if isinstance(found, feedback.Finish) else feedback.TOUCHED
    with store.write() as db:
        feedback.finish(db, hold, ending, now)
    return ending if invite.state == "approved" else feedback.Finish(reason="failed", note=f"{ending.note}. {UNCERTAIN}")


def is_there(db: Connection, invite: Entry) -> bool:
    """Tell whether a pull has seen the invite in the calendar, by what of its key each provider keeps."""
    ours = or_(event.c.rekindle_key == invite.key, event.c.remote_id.contains(invite.key), event.c.uid.startswith(invite.key))
    return db.execute(select(event.c.uid).where(event.c.account == invite.account, ours)).first() is not None
