"""Feeds: where each was left, and one page committed with its cursor, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from connectors.port import Changes, Cursor, Feed
from rules.facts import CalendarEvent, MessageMetadata

Kind = Literal["mail", "calendar"]


class Overtaken(Exception):
    """Another reader has committed a page of this feed meanwhile: this page is dropped, nothing is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFeed:
    """One folder or calendar, and where it was left."""

    account: str
    kind: Kind
    id: str
    owner: str
    name: str
    role: str = ""
    hint: str = ""
    """The change mark up to which everything has been read; "" while something is still to come."""
    cursor: Cursor | None = None
    turn: int = 0
    generation: int = 0
    is_rereading: bool = False
    covered_since: datetime | None = None
    """Everything newer has been read; None = nothing yet."""
    remaining: int | None = None
    last_ok_at: datetime | None = None
    """When it was last read up."""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipCount:
    """How often something could not be read, for one reason, with one remote id as an example."""

    account: str
    kind: Kind
    feed: str
    reason: str
    count: int
    example: str


def sync_feeds(connection: Connection, account: str, owner: str, kind: Kind, feeds: Sequence[Feed]) -> list[StoredFeed]:
    """Take over the provider's list of feeds: new ones are noted, those that are gone go with what they held."""
    raise NotImplementedError


def stored_feeds(connection: Connection, owner: str, account: str | None = None) -> list[StoredFeed]:
    """List the feeds of an owner, or of one account."""
    raise NotImplementedError


def skips(connection: Connection, account: str) -> list[SkipCount]:
    """List what could not be read in an account, by feed and reason."""
    raise NotImplementedError


def begin_full_read(connection: Connection, feed: StoredFeed) -> StoredFeed:
    """Start reading a feed from the beginning; the last page of it will sweep what it did not report. Raises Overtaken."""
    raise NotImplementedError


def commit_page(
    connection: Connection,
    feed: StoredFeed,
    changes: Changes[MessageMetadata] | Changes[CalendarEvent],
    now: datetime,
    *,
    hint: str = "",
) -> StoredFeed:
    """Commit one page with its cursor and every index row it touches; return the feed as it is now. Raises Overtaken.

    `hint` is the provider's change mark from before the round; it is kept once the round is complete.
    """
    raise NotImplementedError
