"""Verbs that do the work: run, the service; pull, decide and deliver, one step of it each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from worker.verbs import options

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from worker.app import App, Part
    from worker.store.accounts import StoredAccount
    from worker.verbs.opened import Here

PARTS = ("tick", "work", "watch", "web")


@click.command(epilog=options.examples("rekindle run --help", "rekindle run --only web --help"))
@click.option("--only", multiple=True, type=click.Choice(PARTS), help="Run this part alone; wants a broker of its own.")
@options.now
@options.config
@click.pass_context
def run(ctx: click.Context, *, only: tuple[Part, ...], now: datetime | None, config: Path | None) -> None:
    """Run the service for every owner until SIGTERM or Ctrl-C: read, decide, put in place, look after.

    At a terminal it first says what it watches; the lines after that are its log. With --now the clock starts there and goes on from
    it.
    """
    from worker.advice import Refusal
    from worker.app import App, shifted_clock
    from worker.config import load
    from worker.exit_codes import USAGE
    from worker.verbs.opened import instant, some_zone
    from worker.words import taken_for_now

    settings = load(config)
    if now is None and settings.now is not None:
        click.echo(taken_for_now(settings.now, settings.file), err=True)
    begins = now or settings.now
    app = App.open(settings, clock=None if begins is None else shifted_clock(instant(begins, some_zone(settings))))
    if sys.stderr.isatty():
        click.echo(greeting(app), err=True)
    try:
        ctx.exit(app.run(only))
    except ValueError as error:
        raise Refusal(str(error), "Set [broker] url to redis:// or amqp://, or leave --only out.", code=USAGE) from None
    finally:
        app.close()


def greeting(app: App) -> str:
    """Say to a person at a terminal what the service watches, where to look and how it ends; the rest is a log."""
    from worker.store.accounts import accounts
    from worker.words import listed

    owners = app.config.owners
    with app.store.read() as connection:
        resting = {each.id for name in owners for each in accounts(connection, name) if each.state != "active"}
    known = ((name, account) for name, settings in owners.items() for account in settings.accounts)
    names = [
        f"{account} of {name}" if len(owners) > 1 else account for name, account in known if f"{name}/{account}" not in resting
    ]
    if not names:
        return "Nothing to watch yet: `rekindle connect --help` says how to add an account, `rekindle status` what has paused. Ctrl-C ends this."
    return f"Watching {listed(names)}. In another terminal `rekindle suggestions` and `rekindle status` say what comes of it. Ctrl-C ends it."


@click.command(epilog=options.examples("rekindle pull", "rekindle pull disk"))
@click.argument("accounts", nargs=-1, metavar="[ACCOUNT]...")
@options.now
@options.writing
def pull(*, accounts: tuple[str, ...], now: datetime | None, config: Path | None, owner: str | None) -> None:
    """Read what is new in mail and calendars, once, to the end. What is older than you keep is left out, and counted."""
    from worker.verbs.opened import opened
    from worker.verbs.retained import letting_go

    with opened(config, owner, now) as here, letting_go(here), _all_told() as tell:
        for account in _chosen(here, accounts):
            while here.working.pull(account.id):
                pass
            is_read_elsewhere = here.read(partial(_is_read, account=account.id, now=here.app.clock()))
            well = "is being read by another Rekindle" if is_read_elsewhere else "is read up to now"
            tell(partial(_say_how_it_went, here, account.id, well))
        if not accounts:
            tell(partial(_say_who_rests, here))


def _is_read(connection: Connection, *, account: str, now: datetime) -> bool:
    """Tell whether somebody reads the account at this moment."""
    from worker.heartbeat import LASTING
    from worker.store import leases

    return leases.is_running(connection, f"pull:{account}", now, LASTING)


@click.command(epilog=options.examples("rekindle decide"))
@options.now
@options.writing
def decide(*, now: datetime | None, config: Path | None, owner: str | None) -> None:
    """Plan what is due, once. What a rule may do by itself is approved; what waits for you, `suggestions` shows."""
    from worker.verbs.opened import opened
    from worker.words import counted

    with opened(config, owner, now) as here:
        click.echo(f"{counted(here.working.decide(here.name), 'new suggestion')}.")


@click.command(epilog=options.examples("rekindle deliver", "rekindle deliver disk"))
@click.argument("accounts", nargs=-1, metavar="[ACCOUNT]...")
@options.now
@options.writing
def deliver(*, accounts: tuple[str, ...], now: datetime | None, config: Path | None, owner: str | None) -> None:
    """Put planned drafts and holds in place, once, and look after those that are there."""
    from worker.verbs.opened import opened
    from worker.words import counted

    with opened(config, owner, now) as here, _all_told() as tell:
        for account in _chosen(here, accounts):
            changed = here.working.deliver(account.id)
            tell(partial(_say_how_it_went, here, account.id, f"{counted(changed, 'suggestion')} changed"))
        if not accounts:
            tell(partial(_say_who_rests, here))


def _chosen(here: Here, names: tuple[str, ...]) -> list[StoredAccount]:
    """Return the accounts named, else all that are active."""
    from worker.queries import account_called
    from worker.store.accounts import accounts

    here.app.enrol()
    if names:
        return here.read(lambda connection: [account_called(connection, here.name, name) for name in names])
    return [each for each in here.read(lambda connection: accounts(connection, here.name)) if each.state == "active"]


@contextmanager
def _all_told() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Go on after what one account refuses; all but the last of that is told at the end, which is raised with the gravest code."""
    from worker.advice import Refusal

    refused: list[Refusal] = []

    def tell(say: Callable[[], None]) -> None:
        try:
            say()
        except Refusal as refusal:
            refused.append(refusal)

    yield tell
    for refusal in refused[:-1]:
        click.echo(refusal.advice.text(), err=True)
    if refused:
        last = refused[-1].advice
        raise Refusal(last.what, last.remedy, code=max(each.advice.code for each in refused))


def _say_who_rests(here: Here) -> None:
    """Tell of accounts that were passed over. Raises Refusal where there are any."""
    from worker.advice import Refusal
    from worker.exit_codes import OWNER
    from worker.store.accounts import accounts

    paused = [each for each in here.read(lambda connection: accounts(connection, here.name)) if each.state == "paused"]
    if paused:
        said = [f"{each.name} has paused: {each.error or 'connect it again.'}" for each in paused]
        raise Refusal("\n".join(said), paused[0].remedy, code=OWNER)


def _say_how_it_went(here: Here, account: str, well: str) -> None:
    """Report an account; what stands in its way is noted in its row. Raises Refusal for that."""
    from worker.advice import Refusal
    from worker.exit_codes import FAILED, OWNER
    from worker.store.accounts import get
    from worker.verbs.opened import in_use

    stored = here.read(lambda connection: get(connection, account))
    if account in here.given_up:
        raise in_use(account)
    if stored.error:
        code = OWNER if stored.state == "paused" else FAILED
        raise Refusal(f"{stored.name}: {stored.error}", stored.remedy, code=code)
    click.echo(f"{stored.name}: {well}.")
