"""Whom the owner wants to get to know, and how far that has come; `month` shows it below the people of the month."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, func, select

from rules import first_contact
from rules.addresses import match_key
from rules.network import Network
from rules.suggestions import Draft
from worker.json_choices import WantedView
from worker.json_views import NamedView
from worker.queries import STATES
from worker.store import outbox
from worker.store.mapping import micros
from worker.store.tables import party

TAKEN_UP = frozenset({"done", "owner_edited"})
"""How a draft ends that was sent as it was, or that the owner has made their own: gone, or about to go."""


def wanted(connection: Connection, owner: str, seen: Network, since: datetime) -> tuple[WantedView, ...]:
    """Return those whose first-contact draft lies there still, or has gone since an instant."""
    return tuple(_wanted(connection, owner, seen, since))


def _wanted(connection: Connection, owner: str, seen: Network, since: datetime) -> Iterator[WantedView]:
    heard = {key: one.last_in_at for one in seen.relations for key in one.person.addresses if one.last_in_at is not None}
    for entry in outbox.read_all(connection, owner, states=sorted(STATES)):
        is_fresh = entry.state != "closed" or (entry.close_reason in TAKEN_UP and entry.updated_at >= since)
        if entry.rule != first_contact.RULE or not is_fresh or not isinstance(entry.action, Draft):
            continue
        to = entry.action.to[0]
        last = heard.get(match_key(to.email))
        has_answered = last is not None and last > entry.created_at
        yield WantedView(
            person=NamedView(name=to.name or None, addresses=(to.email,)),
            asked_at=entry.created_at,
            is_done=entry.close_reason == "done" or has_answered or _has_written(connection, owner, to.email, entry.created_at),
            has_answered=has_answered,
        )


def _has_written(connection: Connection, owner: str, email: str, since: datetime) -> bool:
    """Tell whether the owner has written to an address since: what became of a draft they changed, only their Sent mail knows."""
    mine = select(func.max(party.c.sent_at)).where(party.c.owner == owner, party.c.address == match_key(email))
    last = connection.execute(mine.where(party.c.direction == "out")).scalar()
    return last is not None and int(last) > micros(since)
