"""What Rekindle may propose and deliver: a hold, a draft or an invite for one person, each with its key and its why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NewType

from rules.facts import Address
from rules.social import Social

Key = NewType("Key", str)
"""26 characters of base32hex (0-9a-v): hash of owner, rule, cause and address; names one suggestion for ever."""

State = Literal["planned", "approved", "delivering", "delivered", "closed"]
CloseReason = Literal["done", "withdrawn", "owner_deleted", "owner_edited", "expired", "failed", "dismissed", "declined", "put_off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A private, free block in the owner's own calendar: no attendees, no organizer, no reminder."""

    key: Key
    title: str
    description: str
    start: datetime
    end: datetime
    is_tentative: bool = False
    """Shown as tentative instead of free."""
    social: Social | None = None
    """The kind of social time it takes up, where the owner has set such times aside."""
    name: str = ""
    """Whom it is for, where a name is known; kept with the suggestion, told to no provider."""
    is_all_day: bool = False
    """It stands above the whole day of `start`, in the zone `start` is given in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An unsent mail, complete and ready to send; nothing in it shows a recipient where it came from."""

    key: Key
    message_id: str
    """`<26 opaque characters>@<owner's domain>` without angle brackets; deterministic, equal for every attempt."""
    from_: Address
    to: tuple[Address, ...]
    subject: str
    text: str
    date: datetime
    """Fixed at planning; the Date header."""
    html: str = ""
    cc: tuple[Address, ...] = ()
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    thread_id: str = ""
    """The provider's thread when it answers one."""
    calendar: str = ""
    """An invitation the mail carries: an iCalendar object with METHOD:REQUEST (RFC 6047), answered by the guest's calendar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """A calendar invitation; leaves only after the owner released it, and is never withdrawn, moved or rolled back."""

    key: Key
    title: str
    description: str
    start: datetime
    end: datetime
    organizer: Address
    attendees: tuple[Address, ...]
    social: Social | None = None
    """As of a hold; the guest is not told."""


Action = Hold | Draft | Invite


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One fact behind a suggestion, in the owner's words, with the id by which it can be looked up."""

    text: str
    ref: str = ""
    """`message:<Message-ID>` or `event:<UID>/<original start>`; "" for settings."""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """An action for a person, with the cause that makes it unique and the sentence that explains it."""

    key: Key
    rule: str
    cause: str
    """`meeting:<UID>/<original start>`, `message:<Message-ID>`, `lapse:<episode>`, `promise:<id>`, `trip:<UID>`,
    `hold:<key>`, `invite:<key>` or `month:<year>-<month>`."""
    person_id: str
    """The person it is for; the first of them where a draft greets several."""
    address: str
    """The match key of the address it was first planned for; part of `key`."""
    action: Action
    why: str
    evidence: tuple[Evidence, ...] = ()
    due_at: datetime | None = None
    """Not before this instant; None = now."""
    expires_at: datetime | None = None
    mode: Literal["create", "review"] = "create"
    announcement: Hold | None = None
    """The hold that tells the owner of an invite; `due_at` is when it goes out unless they touch that hold. None = they are asked."""
    companions: tuple[str, ...] = ()
    """Ids of the other persons the same action is addressed to."""
