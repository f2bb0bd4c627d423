"""`rekindle try`: one look at mail and calendars on disk, from bytes to what Rekindle would do today; writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from worker.store.uncollected import uncollected
from worker.trial_reading import Files, Material

if TYPE_CHECKING:
    from rules.attention import Attention
    from rules.engine import Decision
    from rules.network import Network, Person
    from rules.rulebook import Rulebook
    from rules.standing import Standing
    from worker.trial_owner import Confidence, Guess

Stage = Literal["owner", "mail", "calendar", "people", "decide"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipCount:
    """How often one reason kept something from being read."""

    reason: str
    count: int
    example: str = ""
    """Where it happened first: a path and an offset."""
    is_in_part: bool = False
    """They count here, not as stored, but what could be read of them is used."""


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
    state: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialReport:
    """All that `try` found."""

    owner_addresses: tuple[str, ...]
    owner_confidence: Confidence
    owner_reason: str
    """How they were found, in one sentence."""
    messages: Tally
    events: Tally
    sent: int
    """Mails by which the owner was in touch with somebody until now."""
    received: int
    """Mails by which somebody was in touch with the owner until now."""
    people: tuple[TrialPerson, ...]
    """All humans with an interaction, most interactions first."""
    others: tuple[Person, ...]
    """Machines, lists, rooms, whoever only one side ever wrote to ("unknown"), and the owner."""
    quiet: tuple[TrialPerson, ...]
    """Who has gone quiet, the most worthwhile first."""
    attention: Attention
    network: Network
    decision: Decision
    """What would be created today, and the trace of why and why not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far it has come; passed to `on_progress` at most a few hundred times."""

    stage: Stage
    done: int
    """Bytes on disk, or messages of a live mailbox, read so far."""
    total: int
    """What there is to read, all stages together, as far as is known."""
    names: tuple[str, ...] = ()
    """The people heard from most so far, as soon as there are any."""


def run(
    paths: Sequence[Path],
    *,
    me: Sequence[str] = (),
    now: datetime,
    zone: str,
    rulebook: Rulebook | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> TrialReport:
    """Read the paths (mbox, Maildir, .eml, .ics, Takeout folder, .zip, .tgz, mixed) and decide as of `now`.

    By the rulebook that ships where none is given: it is then loaded while the mail is already being read.
    """
    with closing(Files(paths, zone)) as files:
        files.begin()
        return run_on(files, me=me, now=now, zone=zone, rulebook=rulebook, on_progress=on_progress)


def owner(paths: Sequence[Path], *, now: datetime, zone: str) -> Guess:
    """Say whose mail lies under the paths, just as `run` finds it. Raises the port's errors where they cannot be opened."""
    with uncollected(), closing(Files(paths, zone)) as files:
        from worker.trial_course import Trial  # noqa: PLC0415 - as below

        return Trial(files, now=now, zone=zone, tell=lambda _: None).owner()


def run_on(
    material: Material,
    *,
    me: Sequence[str] = (),
    now: datetime,
    zone: str,
    rulebook: Rulebook | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> TrialReport:
    """Read any material and decide as of `now`. Raises the port's errors where it cannot be opened."""
    with uncollected():
        from worker.trial_course import Trial  # noqa: PLC0415 - a quarter of a second of reading is done by then

        return Trial(material, now=now, zone=zone, tell=on_progress).report(me, rulebook)
