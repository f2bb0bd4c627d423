"""The forgotten: a gate everything that is read passes through, which knows them by keyed hashes alone."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rules.addresses import match_key
from rules.facts import Address, CalendarEvent, MessageMetadata


def hashed(pepper: str, purpose: str, owner: str, key: str) -> str:
    """Return a keyed hash of a match key that tells nobody without the database whom it stands for: 26 characters."""
    import hmac  # noqa: PLC0415 - few owners have forgotten anybody, and it takes 3 MB of every process that reads mail

    found = hmac.digest(pepper.encode(), f"{purpose}\0{owner}\0{key}".encode("utf-8", "replace"), "sha256")
    return base64.b32hexencode(found).decode().lower()[:26]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """The addresses an owner had forgotten, as hashes: what comes in passes through here."""

    owner: str
    pepper: str
    digests: frozenset[str]

    def has(self, found: Address | None) -> bool:
        """Tell whether an address was forgotten."""
        if not self.digests or found is None:
            return False
        return hashed(self.pepper, "forgotten", self.owner, match_key(found.email)) in self.digests

    def messages(self, found: Sequence[MessageMetadata]) -> Sequence[MessageMetadata]:
        """Leave out messages of the forgotten, and the forgotten from those of others."""
        if not self.digests:
            return found
        return [self._message(each) for each in found if not self.is_theirs(each)]

    def events(self, found: Sequence[CalendarEvent]) -> Sequence[CalendarEvent]:
        """Leave the forgotten out of calendar events, and their names with them."""
        return [self._event(each) for each in found] if self.digests else found

    def is_theirs(self, found: MessageMetadata) -> bool:
        """Tell whether the forgotten wrote it, or are the only ones it was written to."""
        everybody = [*found.to, *found.cc, *found.bcc]
        return any(map(self.has, found.from_)) or (bool(everybody) and all(map(self.has, everybody)))

    def _message(self, found: MessageMetadata) -> MessageMetadata:
        return replace(
            found,
            sender=None if self.has(found.sender) else found.sender,
            reply_to=self._rest(found.reply_to),
            to=self._rest(found.to),
            cc=self._rest(found.cc),
            bcc=self._rest(found.bcc),
        )

    def _rest(self, found: tuple[Address, ...]) -> tuple[Address, ...]:
        return tuple(each for each in found if not self.has(each))

    def _event(self, found: CalendarEvent) -> CalendarEvent:
        guests = tuple(each for each in found.attendees if not self.has(each.address))
        is_theirs = self.has(found.organizer) or len(guests) < len(found.attendees)
        return replace(
            found,
            attendees=guests,
            organizer=None if self.has(found.organizer) else found.organizer,
            organizer_sent_by=None if self.has(found.organizer_sent_by) else found.organizer_sent_by,
            summary="" if is_theirs else found.summary,
        )
