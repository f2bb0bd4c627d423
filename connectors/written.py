"""What we wrote beside what lies there now: a hold that was moved is told from one that was edited, whoever keeps it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from connectors.port import Edited, Gone, Look, Moved, Untouched
from rules.facts import Address, CalendarEvent
from rules.suggestions import Hold, Invite


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A hold or an invite as it was saved: what `Saved.version` holds, without a word of its title."""

    etag: str
    """The provider's version after our write; "" = compare what lies there, its version says nothing."""
    start: datetime
    end: datetime
    title: str
    """Digest of the title."""
    is_invite: bool
    guests: str
    """Digest of the guests' addresses."""
    key: str
    """Begins its UID, wherever a server keeps it; "" where it was noted before keys were."""
    gist: str = ""
    """Digest of what else the connector compares, with the day of an all-day one; "" = nothing else."""

    @classmethod
    def of(cls, hold: Hold | Invite, etag: str, gist: str = "") -> Written:
        """Note what is written, and the version the provider gave it."""
        guests = hold.attendees if isinstance(hold, Invite) else ()
        return cls(
            etag=etag,
            start=hold.start,
            end=hold.end,
            title=digest(hold.title),
            is_invite=isinstance(hold, Invite),
            guests=_guests(guests),
            key=hold.key,
            gist=gist,
        )

    @classmethod
    def parse(cls, version: str) -> Written:
        """Read it back; a version noted before guests were told of says that there were none."""
        etag, start, end, title, is_invite, *later = json.loads(version)
        return cls(
            etag=etag,
            start=datetime.fromisoformat(start),
            end=datetime.fromisoformat(end),
            title=title,
            is_invite=is_invite,
            guests=later[0] if later else _guests(()),
            key=later[1] if len(later) > 1 else "",
            gist=later[2] if len(later) > 2 else "",  # noqa: PLR2004 - the third
        )

    def text(self) -> str:
        """Write it down."""
        noted = [self.etag, self.start.isoformat(), self.end.isoformat(), self.title, self.is_invite, self.guests, self.key]
        return json.dumps([*noted, self.gist] if self.gist else noted)

    def compared(self, event: CalendarEvent, gist: str = "") -> Look:
        """Say what became of it: other guests, another title or gist are edits, other times a move, a cancellation means gone."""
        if event.status == "cancelled":
            return Gone()
        host = event.organizer.email.lower() if event.organizer else ""
        guests = [one.address for one in event.attendees if one.address.email.lower() != host]
        if _guests(guests) != self.guests or digest(event.summary) != self.title:
            return Edited()
        if (event.start, event.end) == (self.start, self.end) or (self.gist and event.is_all_day):
            return Untouched() if gist == self.gist else Edited()
        if isinstance(event.start, datetime) and isinstance(event.end, datetime):
            return Moved(start=event.start, end=event.end)
        return Edited()


def digest(text: str) -> str:
    """Hash a text, so that it can be compared and not read."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _guests(guests: list[Address] | tuple[Address, ...]) -> str:
    return digest(" ".join(sorted({one.email.lower() for one in guests})))
