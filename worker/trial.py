"""`rekindle try`: one look at mail and calendars on disk, from bytes to what Rekindle would do today; writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rules.engine import Decision
    from rules.network import Network, Person
    from rules.rulebook import Rulebook


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipCount:
    """How often one reason kept something from being read."""

    reason: str
    count: int
    example: str = ""
    """Where it happened first: a path and an offset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of everything read: read = stored + duplicates + all skipped, always."""

    read: int = 0
    stored: int = 0
    duplicates: int = 0
    skipped: tuple[SkipCount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPerson:
    """One person of the network, as `try` lists them."""

    person: Person
    interactions: int
    last_at: datetime | None
    next_meeting_at: datetime | None
    rhythm: timedelta | None
    p_lapsed_90: float | None
    state: str
    """in touch, quiet, booked, one-way, or muted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """How the owner's meeting hours are spread over people, last twelve months."""

    hours: float
    """Person-hours in meetings."""
    top: tuple[tuple[str, float], ...]
    """Up to five (name, share of the hours), largest first."""
    top_share: float
    """Their share together, 0 to 1."""
    last_outside_at: datetime | None
    """The last held meeting with somebody outside the owner's organisation."""
    sentence: str
    """It all in one sentence; "" where there is nothing to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialReport:
    """All that `try` found."""

    owner_addresses: tuple[str, ...]
    owner_confidence: Literal["given", "certain", "likely", "unsure"]
    owner_reason: str
    """How they were found, in one sentence."""
    messages: Tally
    events: Tally
    people: tuple[TrialPerson, ...]
    """All humans with an interaction, most interactions first."""
    others: tuple[Person, ...]
    """Machines, lists, rooms and the owner."""
    quiet: tuple[TrialPerson, ...]
    """Who has gone quiet, most surprising first."""
    attention: Attention
    network: Network
    decision: Decision
    """What would be created today, and the trace of why and why not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far it has come; passed to `on_progress` at most a few hundred times."""

    stage: Literal["owner", "mail", "calendar", "people", "decide"]
    done: int
    """Bytes on disk read so far."""
    total: int
    """Bytes on disk to read, all stages together."""
    names: tuple[str, ...] = ()
    """The people heard from most so far, as soon as there are any."""


def run(
    paths: Sequence[Path],
    *,
    me: Sequence[str] = (),
    now: datetime,
    zone: str,
    rulebook: Rulebook,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> TrialReport:
    """Read the paths (mbox, Maildir, .eml, .ics, Takeout folder, .zip, .tgz, mixed) and decide as of `now`."""
    raise NotImplementedError
