"""How much of what was read is the owner's own: what `people`, `init` and `doctor` say where an address of theirs seems missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Select, func, select

from rules.network import Owner
from rules.people import match_key
from worker.store.mapping import written_on
from worker.store.tables import event, feed, message, party
from worker.words import counted

ENOUGH: Final = 20
"""Of fewer messages it says nothing that hardly any is the owner's."""
HARDLY_ANY: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What is kept of what was read, and how much of it concerns the owner."""

    messages: int
    own: int
    """Messages from or to an address of the owner; at least so many where there are enough."""
    received: int
    """Messages by which somebody was in touch with the owner."""
    sent: int
    """Messages by which the owner was in touch with somebody."""
    events: int
    has_read: bool
    """Some folder or calendar of an account was read to its end."""

    @property
    def is_missing(self) -> bool:
        """Tell whether an address of the owner seems not to be among those named."""
        return self.messages >= ENOUGH and self.own < HARDLY_ANY * self.messages


def reach(connection: Connection, owner: Owner) -> Reach:
    """Count what is kept. Messages are looked at one by one only where the owner wrote hardly any."""
    mine = message.c.owner == owner.name
    messages = _count(connection, select(func.count()).select_from(message).where(mine))
    touched = select(func.count(party.c.message.distinct())).where(party.c.owner == owner.name)
    received, sent = (_count(connection, touched.where(party.c.direction == way)) for way in ("in", "out"))
    own = max(sent, _own(connection, owner, enough=messages * HARDLY_ANY)) if sent < HARDLY_ANY * messages else sent
    events = _count(connection, select(func.count()).select_from(event).where(event.c.owner == owner.name))
    done = select(func.count()).select_from(feed).where(feed.c.owner == owner.name, feed.c.last_ok_at.is_not(None))
    return Reach(messages=messages, own=own, received=received, sent=sent, events=events, has_read=_count(connection, done) > 0)


def _own(connection: Connection, owner: Owner, enough: float) -> int:
    """Count messages that name an address of the owner, until there are enough; what names none may be a blind copy."""
    keys = {match_key(each.email) for each in owner.addresses}
    count = 0
    for facts in connection.execute(select(message.c.facts).where(message.c.owner == owner.name)).scalars():
        count += not keys.isdisjoint(map(match_key, written_on(facts)))
        if count > enough:
            break
    return count


def missing(found: Reach, owner: Owner) -> str:
    """Say how few of the messages are the owner's."""
    few = "none is" if not found.own else f"only {counted(found.own, 'is', 'are')}"
    return f"Of {counted(found.messages, 'message')} read {few} from or to {', '.join(each.email for each in owner.addresses)}."


def remedy(owner: Owner, file: Path) -> str:
    """Say how an address is added."""
    return f"Put your other addresses under `addresses` of [owners.{owner.name}] in {file}."


def why_nobody(found: Reach, owner: Owner, file: Path, kept_days: int) -> str:
    """Say why the network is empty."""
    if not (found.messages or found.events):
        kept = f"Nobody yet: of what was read nothing is younger than {kept_days} days, and older is not kept (`retention`)."
        return kept if found.has_read else "Nobody yet: `rekindle pull` reads."
    if found.is_missing or (found.messages and not found.own):
        return f"Nobody yet. {missing(found, owner)} {remedy(owner, file)}"
    read = " and ".join(counted(count, noun) for count, noun in ((found.messages, "message"), (found.events, "event")) if count)
    return f"Nobody yet: {read} read, {_lack(found)}."


def _lack(found: Reach) -> str:
    if found.sent and not found.received:
        return "but of the mail only what you sent, and no answer to it"
    if found.received and not found.sent:
        return "but of the mail only what came to you, and nothing you sent"
    return "but nobody with whom you were in touch both ways"


def _count(connection: Connection, wanted: Select[int]) -> int:
    return int(connection.execute(wanted).scalar_one())
