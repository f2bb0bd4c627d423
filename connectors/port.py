"""The port every provider is reached through: two protocols, their words, and five errors. THE file to read first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Literal, NewType, Protocol, TypeVar, runtime_checkable

from rules.facts import Address, CalendarEvent, MessageMetadata
from rules.suggestions import Draft, Hold, Invite

Cursor = NewType("Cursor", str)
"""Where a feed was left: opaque to all but its connector (syncToken, historyId, deltaLink, UIDVALIDITY+MODSEQ)."""
Witness = NewType("Witness", str)
"""Where drafts or holds stood before an attempt to add one: opaque; committed with the claim, passed to every retry."""
BEGINNING = Witness("")
"""Stands before everything: `save_draft` and `save_hold` then look everywhere for an earlier attempt (a restored database)."""

Fact = TypeVar("Fact", MessageMetadata, CalendarEvent, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One folder or calendar to be read."""

    id: str
    """Stable within the account; compared case-sensitively."""
    name: str
    """What the owner calls it."""
    role: str = ""
    r"""RFC 6154 words for folders (\Inbox, \Sent, \Drafts, \All, ...), `primary` for the main calendar, "" otherwise."""
    hint: str = ""
    """A cheap change mark (HIGHESTMODSEQ, ctag, size and mtime): equal to last time = `changes` need not be called. "" = unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Something that could not be read, with the reason in the owner's words; counted and shown by `status`."""

    remote_id: str
    reason: str
    is_in_part: bool = False
    """It is reported all the same, as far as it could be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes(Generic[Fact]):
    """One page of a feed: commit it together with its cursor before the next is asked for."""

    upserted: Sequence[Fact] = ()
    removed: tuple[str, ...] = ()
    """Remote ids that are gone."""
    skipped: tuple[Skipped, ...] = ()
    cursor: Cursor
    """Resumes after this page, also in the middle of a first read."""
    hint: str | None = None
    """The feed's change mark up to which this round has read, where the provider tells; None = the one asked for before it."""
    remaining: int | None = None
    """How many items are still to come in this round, where known."""
    covered_since: datetime | None = None
    """Everything in the feed that is newer than this has now been reported; None = unchanged. A finished read says datetime.min (UTC)."""
    is_last: bool = False
    """The round is complete: a full read may be swept now (what it did not report is gone)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """An object of ours the provider holds."""

    remote_id: str
    version: str = ""
    """ETag, changeKey, UID and size: what `look` and `withdraw` compare."""
    place: str = ""
    """Folder or calendar it lies in."""
    is_adopted: bool = False
    """Found from an earlier attempt instead of made by this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclear:
    """The provider cannot tell yet whether an earlier attempt succeeded: look again later, do not create."""

    retry_after: timedelta


@dataclass(frozen=True, slots=True)
class Untouched:
    """It is exactly as we wrote it."""


@dataclass(frozen=True, slots=True)
class Edited:
    """The owner changed it: hands off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The owner gave the hold another time, or put the draft into another folder."""

    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The owner sent the draft."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """The owner removed it: their will, never re-created."""

    is_sure: bool = True
    """False: something has gone of which nobody can tell any more whether an earlier attempt had made it. Not made again either."""


Look = Untouched | Edited | Moved | Sent | Gone
Made = Saved | Edited | Moved | Sent | Gone | Unclear
"""What came of saving: it is there, or what the owner has done by now with what an earlier attempt made, or it cannot be told yet."""


class Mailbox(Protocol):
    """Mail of one account. No method sleeps, sends, marks anything as read, or asks for a body."""

    def feeds(self) -> Sequence[Feed]:
        """List the folders to read. Raises any of the five errors."""
        ...

    def changes(self, feed: Feed, since: Cursor | None) -> Iterator[Changes[MessageMetadata]]:
        """Yield pages since the cursor (None = everything, newest first); at least one page, the last with `is_last`."""
        ...

    def witness(self) -> Witness:
        """Say where the drafts stand now."""
        ...

    def save_draft(self, draft: Draft, since: Witness) -> Made:
        """Save the draft unsent, or adopt what an attempt after `since` made. A second call never makes a second one."""
        ...

    def look(self, saved: Saved) -> Look:
        """Say what became of the draft, by id and version; never by fetching content."""
        ...

    def withdraw(self, saved: Saved) -> Look:
        """Remove the draft if it is Untouched; says what it was. Anything but Untouched is left alone."""
        ...


class Calendar(Protocol):
    """Calendars of one account, with the same verbs."""

    def feeds(self) -> Sequence[Feed]:
        """List the calendars to read."""
        ...

    def changes(self, feed: Feed, since: Cursor | None) -> Iterator[Changes[CalendarEvent]]:
        """Yield pages since the cursor. Masters and overrides, never expanded; a changed UID is reported whole."""
        ...

    def witness(self) -> Witness:
        """Say where the holds stand now."""
        ...

    def save_hold(self, hold: Hold | Invite, since: Witness) -> Made:
        """Put it into the calendar once. Gone = the owner has already removed what an earlier attempt made."""
        ...

    def look(self, saved: Saved) -> Look:
        """Say what became of it."""
        ...

    def withdraw(self, saved: Saved) -> Look:
        """Remove the hold if it is Untouched. An Invite is never withdrawn."""
        ...


class Watcher(Protocol):
    """A push channel of an account (IDLE, Pub/Sub pull): only ever a hint to look again."""

    def wait(self, timeout: timedelta) -> bool:
        """Block until something may have changed (True) or the timeout has passed (False)."""
        ...

    def close(self) -> None:
        """End a `wait` in another thread and let go of the connection."""
        ...


class Connection(Protocol):
    """An account, opened. Used by one thread at a time."""

    @property
    def mailbox(self) -> Mailbox | None:
        """Its mail, where it has any."""
        ...

    @property
    def calendar(self) -> Calendar | None:
        """Its calendars, where it has any."""
        ...

    def addresses(self) -> Sequence[Address]:
        """List the owner's own addresses as far as the provider knows them (profile, aliases); may be empty."""
        ...

    def watcher(self) -> Watcher | None:
        """Open a push channel; None where the provider has none, and then only the poll runs."""
        ...

    def close(self) -> None:
        """Let go of sockets and files; safe to call twice."""
        ...


@runtime_checkable
class Finds(Protocol):
    """A mailbox or calendar that can look for an object of ours without ever making one."""

    def find(self, action: Draft | Hold | Invite) -> Saved | None:
        """Take up the draft, hold or invite if it lies there, wherever the owner has put it; None where it does not."""
        ...


class PortError(Exception):
    """What went wrong at a provider, named for what the worker does next. The message is for the owner."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy
        """What the owner can do about it, in one sentence."""

    def told(self) -> str:
        """Say what happened and what to do, for places that have room for one text."""
        return f"{self} {self.remedy}".rstrip()


class AuthorizationExpired(PortError):
    """Pause the account and ask the owner to reconnect."""


class CursorExpired(PortError):
    """Read this feed again from the start and sweep what the read does not report."""


class RateLimited(PortError):
    """Come back after `retry_after`."""

    def __init__(self, message: str, *, retry_after: timedelta, remedy: str = "", is_paced: bool = False) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after = retry_after
        self.is_paced = is_paced
        """We held ourselves back, the provider refused nothing: the wait is exact, no jitter, no error to show."""


class Unavailable(PortError):
    """Later, with backoff."""


class Rejected(PortError):
    """Never again with the same input; show the owner."""

    def __init__(self, message: str, *, remedy: str = "", is_sure: bool = True) -> None:
        super().__init__(message, remedy=remedy)
        self.is_sure = is_sure
        """False: the provider gave no reason that says so; it may have been ill."""


Verb = Literal["pull", "decide", "deliver"]
