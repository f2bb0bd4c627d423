"""The far side of a provider as the contract works it: the owner's hands, the faults, and what to save and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

import pytest

from connectors.port import (
    AuthorizationExpired,
    Calendar,
    Changes,
    Connection,
    Cursor,
    Feed,
    Mailbox,
    PortError,
    RateLimited,
    Rejected,
    Saved,
    Unavailable,
)
from rules.facts import Address, CalendarEvent, MessageMetadata
from rules.keys import key, message_id
from rules.suggestions import Draft, Hold, Invite

CANARY = "zirkonfalter"
"""Stands in every body and description a world is given, and nowhere else."""

Failure = Literal["authorization", "rate", "unavailable", "rejected"]
Ability = Literal[
    "mail",
    "calendar",
    "expire_cursor",
    "remove_mail",
    "remove_event",
    "edit_draft",
    "send_draft",
    "move_draft",
    "move_hold",
    "edit_hold",
    "lose_answer",
    "unread",
    "invite",
    "authorization",
    "rate",
    "unavailable",
    "rejected",
]

ERRORS: Mapping[Failure, type[PortError]] = {
    "authorization": AuthorizationExpired,
    "rate": RateLimited,
    "unavailable": Unavailable,
    "rejected": Rejected,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDraft:
    """A draft as it lies at the provider."""

    message_id: str
    is_sent: bool
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHold:
    """An event of ours as it lies at the provider."""

    key: str
    start: datetime
    attendees: int
    has_organizer: bool
    has_reminder: bool
    is_private: bool


class World(Protocol):
    """A provider with one account, as its owner and its operator see it."""

    cannot: Mapping[Ability, str]
    """What this world cannot do, with the reason the skipped test shows."""

    def open(self) -> Connection:
        """Open one more connection to the account."""
        ...

    def add_mail(self, message_id: str, *, subject: str, body: str, at: datetime) -> None:
        """Let an unread message from eva@elsewhere.example to the owner arrive in the inbox."""
        ...

    def remove_mail(self, message_id: str) -> None:
        """Delete it for good."""
        ...

    def add_event(self, uid: str, *, title: str, description: str, start: datetime, end: datetime) -> None:
        """Put an event with the guest eva@elsewhere.example into the main calendar, or change the one with this UID."""
        ...

    def remove_event(self, uid: str) -> None:
        """Delete it."""
        ...

    def expire_cursor(self, cursor: Cursor) -> Cursor:
        """Make the provider reject this cursor (or answer one that it rejects)."""
        ...

    def unread(self) -> frozenset[str]:
        """Message-IDs in the inbox that are not marked as read."""
        ...

    def drafts(self) -> Sequence[StoredDraft]:
        """Every message that was made by `save_draft`, also where the owner has sent it since."""
        ...

    def holds(self) -> Sequence[StoredHold]:
        """Every event that was made by `save_hold` and still exists."""
        ...

    def edit_draft(self, saved: Saved) -> None:
        """Change the text as the owner's mail program does."""
        ...

    def move_draft(self, saved: Saved) -> None:
        """Put it into another folder."""
        ...

    def send_draft(self, saved: Saved) -> None:
        """Send it as the owner's mail program does."""
        ...

    def delete_draft(self, saved: Saved) -> None:
        """Delete it for good."""
        ...

    def edit_hold(self, saved: Saved) -> None:
        """Change its title as the owner's calendar does."""
        ...

    def move_hold(self, saved: Saved, start: datetime, end: datetime) -> None:
        """Give it another time as the owner's calendar does."""
        ...

    def delete_hold(self, saved: Saved) -> None:
        """Delete it."""
        ...

    def fail_next(self, failure: Failure) -> None:
        """Let the next request fail in the provider's own way."""
        ...

    def lose_next_answer(self) -> None:
        """Let the next write be stored and its answer be lost."""
        ...


NOON = datetime(2026, 11, 17, 12, tzinfo=UTC)
ME = Address(email="ada@example.org", name="Ada Owner")
EVA = Address(email="eva@elsewhere.example", name="Eva Beispiel")


def a_draft(cause: str = "meeting:1") -> Draft:
    name = key("ada", "thank_you", cause, EVA.email)
    return Draft(
        key=name,
        message_id=message_id(name, "example.org"),
        from_=ME,
        to=(EVA,),
        subject="Thank you, Eva",
        text=f"Dear Eva,\n\nthank you for your time.\n\n{CANARY}\nAda",
        date=NOON,
    )


def a_hold(cause: str = "lapse:0", *, start: datetime = NOON) -> Hold:
    name = key("ada", "check_in", cause, EVA.email)
    return Hold(key=name, title="Eva Beispiel", description=f"Why: {CANARY}", start=start, end=start + timedelta(minutes=25))


def an_invite() -> Invite:
    name = key("ada", "invite", "lapse:0", EVA.email)
    return Invite(
        key=name, title="Coffee", description=CANARY, start=NOON, end=NOON + timedelta(hours=1), organizer=ME, attendees=(EVA,)
    )


def needs(world: World, *abilities: Ability) -> None:
    for ability in abilities:
        if ability in world.cannot:
            pytest.skip(f"{ability}: {world.cannot[ability]}")


Page = Changes[MessageMetadata] | Changes[CalendarEvent]


def read(side: Mailbox | Calendar, since: Mapping[str, Cursor] | None = None) -> tuple[list[Page], dict[str, Cursor]]:
    """Read every feed to its end; all pages, and the cursor after the last page of each feed."""
    pages: list[Page] = []
    cursors: dict[str, Cursor] = {}
    for feed in side.feeds():
        for page in side.changes(feed, (since or {}).get(feed.id)):
            pages.append(page)
            cursors[feed.id] = page.cursor
        assert pages[-1].is_last, "the last page of a round says so"
    return pages, cursors


def pages_of(side: Mailbox | Calendar, feed: Feed, since: Cursor | None = None) -> list[Page]:
    pages: list[Page] = []
    pages.extend(side.changes(feed, since))
    return pages


def name_of(fact: MessageMetadata | CalendarEvent) -> str:
    return fact.message_id if isinstance(fact, MessageMetadata) else fact.uid


def names(pages: Sequence[Page]) -> list[str]:
    return [name_of(fact) for page in pages for fact in page.upserted]


def gone(pages: Sequence[Page]) -> list[str]:
    return [remote_id for page in pages for remote_id in page.removed]
