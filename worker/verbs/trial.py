"""`rekindle try`: the reading with its progress bar, then the story it tells."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bar

from worker import trial, trial_report, trial_views
from worker.json_views import to_json
from worker.report import console, safe
from worker.trial_live import Live
from worker.verbs.live_accounts import SignIn, opened
from worker.verbs.zones import zone_called, zone_here

STAGES = {
    "owner": "Looking who you are",
    "mail": "Reading mail",
    "calendar": "Reading calendars",
    "people": "Getting to know people",
    "decide": "Thinking what to do",
}


def tried(paths: Sequence[Path], *, me: Sequence[str], zone: str | None, now: datetime | None, as_json: bool) -> None:
    """Read, show how far it is, and print what was found."""
    where, at = _here(zone, now)
    with _shown(DownloadColumn(), TransferSpeedColumn()) as shown:
        found = trial.run(paths, me=me, now=at, zone=where.key, on_progress=shown.update)
    _print(found, where, at, as_json=as_json)


def tried_live(
    live: Sequence[str], sign_in: SignIn, *, me: Sequence[str], zone: str | None, now: datetime | None, as_json: bool
) -> None:
    """Look at a mailbox, calendars or both where they live, read-only, and print the same. Raises the port's errors."""
    where, at = _here(zone, now)
    connection = opened(live, where.key, sign_in)
    try:
        with _shown(MofNCompleteColumn()) as shown:
            found = trial.run_on(Live(connection), me=me, now=at, zone=where.key, on_progress=shown.update)
    finally:
        connection.close()
    _print(found, where, at, as_json=as_json)


def _here(zone: str | None, now: datetime | None) -> tuple[ZoneInfo, datetime]:
    where = zone_called(zone or zone_here())
    return where, (datetime.now(UTC) if now is None else now if now.tzinfo else now.replace(tzinfo=where)).astimezone(UTC)


def _print(found: trial.TrialReport, where: ZoneInfo, at: datetime, *, as_json: bool) -> None:
    gc.freeze()  # it is kept until the process ends: the last collection, of all there is, would find nothing in 0.1 s
    if as_json:
        click.echo(to_json(trial_views.trial(found)))
    else:
        trial_report.tell(found, where, at)


class Shown:
    """A progress bar on stderr, and above it the first names as soon as there are any."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task = bar.add_task("Opening", total=None)
        self._has_named = False

    def update(self, progress: trial.Progress) -> None:
        """Move the bar."""
        self._bar.update(self._task, description=STAGES[progress.stage], completed=progress.done, total=progress.total)
        if progress.names and not self._has_named:
            self._has_named = True
            self._bar.console.print(f"Found so far: {', '.join(safe(name) for name in dict.fromkeys(progress.names))} …")


@contextmanager
def _shown(*amounts: ProgressColumn) -> Iterator[Shown]:
    screen = console(sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), *amounts, TimeRemainingColumn())
    with Bar(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        yield Shown(bar)
