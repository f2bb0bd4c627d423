"""Connecting an account: a table in config.toml, a row in the store, and a first look at what can be read."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

import click
from sqlalchemy import Connection

from connectors.port import RateLimited
from worker.advice import Refusal
from worker.app import App
from worker.config import load
from worker.decide import places_of
from worker.exit_codes import USAGE
from worker.settings import Config
from worker.setup import NewAccount, add_account
from worker.store import accounts, audit
from worker.verbs.opened import chosen, in_use, waiting
from worker.visiting import Visitor


def connect_files(
    name: str, *, mail: Sequence[Path], calendar: Sequence[Path], out: Path | None, config: Path | None, owner: str | None
) -> None:
    """Connect files on disk, or take up an account that was let go of. Raises Refusal, ConfigError."""
    settings = load(config)
    whose = chosen(settings, owner)
    if mail or calendar:
        add_account(settings.file, whose, files_account(name, mail, calendar, out or settings.file.parent / f"{name}-out"))
    elif name not in settings.owners[whose].accounts:
        raise Refusal(f"There is no account {name!r} to take up again.", "Say what to read: PATH...", code=USAGE)
    look(load(settings.file), whose, name)


def files_account(name: str, mail: Sequence[Path], calendar: Sequence[Path], out: Path) -> NewAccount:
    """Describe an account of files."""
    read = [("mail", tuple(map(str, mail))), ("calendar", tuple(map(str, calendar)))]
    return NewAccount(name=name, provider="files", settings=(*((key, paths) for key, paths in read if paths), ("out", str(out))))


def look(settings: Config, owner: str, name: str, *, is_tried: bool = False) -> None:
    """Open the account once, so that a wrong path is known now and not at night. Raises the port's errors, Refusal.

    `is_tried`: that was just done step by step; where another process has it in use by now, it is not opened once more.
    """
    account = f"{owner}/{name}"
    with closing(App.open(settings)) as app, closing(Visitor(app, waiting)) as visitor:
        app.enrol()
        try:
            provided = visitor.open(account)
        except RateLimited:
            if account not in visitor.given_up:
                raise
            if not is_tried:
                raise in_use(account) from None
            click.echo(f"{name} is connected; another Rekindle, the service or a verb, has it in use already.")
            return
        with closing(provided) as opened:
            with app.store.write() as connection:
                _note(connection, owner, account, app.clock())
            feeds = [*(opened.mailbox.feeds() if opened.mailbox else ()), *(opened.calendar.feeds() if opened.calendar else ())]
            with app.store.read() as connection:
                has_calendar = opened.calendar is not None or bool(places_of(connection, owner)["calendar"])
    click.echo(f"{name} is connected; it holds {', '.join(feed.name for feed in feeds) or 'nothing yet'}.")
    if not has_calendar:
        click.echo("No calendar has been read yet, and holds need one: `rekindle connect caldav`, google or microsoft adds it.")
    click.echo("`rekindle pull` reads it now, `rekindle run` whenever something is new.")


def _note(connection: Connection, owner: str, account: str, now: datetime) -> None:
    if accounts.get(connection, account).state != "active":
        accounts.resume(connection, account, now)
    audit.record(connection, now, owner, "connect", account=account)
