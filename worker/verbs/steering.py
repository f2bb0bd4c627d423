"""Verbs by which the owner steers: approve, dismiss, snooze, log, pause."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import click

from worker.verbs import options


@click.command(epilog=options.examples("rekindle approve --all"))
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--all", "is_all", is_flag=True, help="Everything that waits for you.")
@options.now
@options.writing
def approve(*, keys: tuple[str, ...], is_all: bool, now: datetime | None, config: Path | None, owner: str | None) -> None:
    """Let suggestions that wait for you be delivered. KEY, or its first characters, as `suggestions` prints it."""
    from worker.verbs import steered
    from worker.verbs.opened import opened

    if not keys and not is_all:
        raise click.UsageError("Say which: KEY..., or --all.")
    with opened(config, owner, now) as here:
        for line in steered.approve(here, keys):
            click.echo(line)


@click.command(epilog=options.examples("rekindle dismiss --help"))
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@options.now
@options.writing
def dismiss(*, keys: tuple[str, ...], now: datetime | None, config: Path | None, owner: str | None) -> None:
    """Not this one: drop it, or take it out of mailbox or calendar again if you have not touched it."""
    from worker.verbs import steered
    from worker.verbs.opened import opened

    with opened(config, owner, now) as here:
        for line in steered.dismiss(here, keys):
            click.echo(line)


@click.command(epilog=options.examples("rekindle snooze 'Margit Olsen' --until 2027-01-11", "rekindle snooze 'Margit Olsen' --end"))
@click.argument("who")
@click.option("--until", type=options.DAY, metavar="DAY", help="Make nothing for them before this day; four weeks without it.")
@click.option("--end", "is_end", is_flag=True, help="No longer leave them alone.")
@options.now
@options.writing
def snooze(*, who: str, until: date | None, is_end: bool, now: datetime | None, config: Path | None, owner: str | None) -> None:
    """Leave WHO alone until a day. WHO is a name or an address; what is planned for them waits too."""
    from worker.verbs import steered
    from worker.verbs.opened import opened

    with opened(config, owner, now) as here:
        click.echo(steered.snooze(here, who, until, is_end=is_end))


@click.command(epilog=options.examples("rekindle log 'Margit Olsen' coffee", "rekindle log 'Margit Olsen' call --on 2026-11-12"))
@click.argument("who")
@click.argument("what", default="")
@click.option("--on", "day", type=options.DAY, metavar="DAY", help="When it was; today without it.")
@options.now
@options.writing
def log(*, who: str, what: str, day: date | None, now: datetime | None, config: Path | None, owner: str | None) -> None:
    """Note that you were in touch with WHO, where no mail or calendar shows it; WHAT is for your eyes."""
    from worker.verbs import steered
    from worker.verbs.opened import opened

    with opened(config, owner, now) as here:
        click.echo(steered.log(here, who, what, day))


@click.command(epilog=options.examples("rekindle pause --until 2027-01-07", "rekindle pause --end"))
@click.option("--until", type=options.DAY, metavar="DAY", help="Go on by itself on this day.")
@click.option("--end", "is_end", is_flag=True, help="Go on now.")
@options.now
@options.writing
def pause(*, until: date | None, is_end: bool, now: datetime | None, config: Path | None, owner: str | None) -> None:
    """Make nothing until you say so. Mail and calendars are still read; what lies there stays."""
    from worker.verbs import steered
    from worker.verbs.opened import opened

    with opened(config, owner, now) as here:
        click.echo(steered.pause(here, until, is_end=is_end))
