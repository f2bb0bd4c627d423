"""`rekindle demo`: write the invented world, run the real service on it once, and show what came of it and where."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from worker import logs, queries, report, trial_report
from worker.app import App, frozen_clock
from worker.config import load
from worker.demo import World, write_world
from worker.enrol import enrol
from worker.json_views import SuggestionView
from worker.store import accounts
from worker.verbs.explaining import decided
from worker.verbs.opened import Here
from worker.words import counted, moment

SINCE: Final = timedelta(days=30)
"""The demo's account counts as connected for so long: what its meetings gave rise to is made, and the gentle start is over."""


def demonstrated(folder: Path) -> None:
    """Run the demo in a folder, from the beginning or again."""
    began = perf_counter()
    logs.set_up(is_json=False, level=logging.ERROR)
    screen = report.console(sys.stderr)
    with screen.status("Writing eighteen months of mail and calendar …") as status:
        world = write_world(folder, now=datetime.now(UTC))
        settings = load(world.config_path)
        app = App.open(settings, clock=frozen_clock(world.now))
        try:
            here = Here(
                app=app,
                working=app,
                name=world.owner,
                settings=settings.owners[world.owner],
                zone=ZoneInfo(settings.owners[world.owner].zone),
                now=world.now,
            )
            _connect(here)
            before = {view.key for view in here.read(lambda connection: queries.suggestions(connection, here.name, queries.STATES))}
            app.run_until_idle(lambda line: status.update(f"{line} …"))
            status.update("Looking at what it made …")
            _tell(here, world, before, perf_counter() - began)
        finally:
            app.close()


def _connect(here: Here) -> None:
    """Have the account connected and the owner started some weeks ago, if this is the first run."""
    enrol(here.app.store, here.app.config, here.now - SINCE)
    with here.app.store.write() as connection:
        accounts.start_owner(connection, here.name, here.now - SINCE)


def _tell(here: Here, world: World, before: set[str], seconds: float) -> None:
    screen = report.console()
    views = here.read(lambda connection: queries.suggestions(connection, here.name, queries.STATES))
    fresh = [view for view in views if view.key not in before]
    decision, looked_at = decided(here)
    read = f"{counted(world.messages, 'message')} and {counted(world.events, 'event')}"
    screen.print(Text(f"{here.settings.name}, {moment(here.now, here.zone)}: {read}, {seconds:.1f} s.", style="bold"))
    _made(screen, views, fresh, here)
    served = {address for view in views for address in view.person.addresses}
    left = {each.person.id: each.person for each in looked_at.relations if not served & set(each.person.addresses)}
    refusals = tuple(each for each in decision.refusals if each.person_id in left)
    trial_report.refusals(screen, replace(decision, refusals=refusals), left)
    _where(screen, world, here)


def _made(screen: Console, views: tuple[SuggestionView, ...], fresh: list[SuggestionView], here: Here) -> None:
    if fresh:
        trial_report.heading(screen, f"What Rekindle made: {counted(len(fresh), 'thing')}")
    else:
        trial_report.heading(screen, f"Nothing new. What it made before: {counted(len(views), 'thing')}")
    for view in fresh or views:
        report.suggestion(screen, view, here.zone)


def _where(screen: Console, world: World, here: Here) -> None:
    trial_report.heading(screen, "Where it is")
    for account in here.settings.accounts.values():
        out = Path(str(account.settings.get("out", world.folder)))
        drafts = sorted((out / "Drafts").glob("*/*"))
        screen.print(f"Drafts: {out / 'Drafts'} ({counted(len(drafts), 'file')})")
        for holds in (out / "holds.ics", out / "Holds.ics"):
            if holds.exists():
                screen.print(f"Holds:  {holds}")
    screen.print("\nNothing was sent. Look round, also with why WHO and status instead of people:")
    screen.print(f"  export REKINDLE_CONFIG={shlex.quote(str(world.config_path))}", soft_wrap=True)  # to be copied: never broken
    screen.print(f"  {shlex.quote(_called())} people", soft_wrap=True)


def _called() -> str:
    """Return what the owner's shell calls this program by: ./run says it, for it puts the program on the PATH of its own only."""
    is_found = shutil.which("rekindle") or Path(sys.argv[0]).name != "rekindle"
    return os.environ.get("REKINDLE_PROGRAM") or ("rekindle" if is_found else sys.argv[0])
