"""Verbs by which the owner steers: approve, dismiss, snooze, log, pause."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import click

from worker.verbs import options


@click.command(epilog=options.examples("rekindle approve --all"))
@click.argument("named", nargs=-1, metavar="[KEY|WHO]...")
@click.option("--all", "is_all", is_flag=True, help="Everything that waits for you.")
@options.now
@options.writing
def approve(*, named: tuple[str, ...], is_all: bool, now: datetime | None, config: Path | None, owner: str | None) -> None:
    """Let suggestions that wait for you be delivered, by their KEY or by WHO they are for."""
    from worker.verbs import steered
    from worker.verbs.opened import opened

    if not named and not is_all:
        raise click.UsageError("Say which: a key or a name, or --all.")
    with opened(config, owner, now) as here:
        for line in steered.approve(here, named):
            click.echo(line)


@click.command(epilog=options.examples("rekindle dismiss 'Priya Raman'"))
@click.argument("named", nargs=-1, required=True, metavar="KEY|WHO...")
@options.now
@options.writing
def dismiss(*, named: tuple[str, ...], now: datetime | None, config: Path | None, owner: str | None) -> None:
    """Not this one: drop it, or take it out of mailbox and calendar again if you have not touched it.

    Whoever was proposed only because it was time does not come back under another rule for 30 days, or for the cadence you
    set where that is shorter; news of them still counts.
    """
    from worker.verbs import steered
    from worker.verbs.opened import opened

    with opened(config, owner, now) as here:
        for line in steered.dismiss(here, named):
            click.echo(line)


@click.command(epilog=options.examples("rekindle snooze 'Daniel Okonjo' --until 6w", "rekindle snooze 'Daniel Okonjo' --end"))
@click.argument("who")
@click.option("--until", type=options.DAY, metavar="DAY", help="Make nothing for them before this day; four weeks without it.")
@click.option("--end", "is_end", is_flag=True, help="No longer leave them alone.")
@options.now
@options.writing
def snooze(
    *, who: str, until: date | timedelta | None, is_end: bool, now: datetime | None, config: Path | None, owner: str | None
) -> None:
    """Leave WHO alone until a day. WHO is a name or an address; what is planned for them waits too."""
    from worker.verbs import steered
    from worker.verbs.opened import opened

    with opened(config, owner, now) as here:
        click.echo(steered.snooze(here, who, until, is_end=is_end))


@click.command(
    epilog=options.examples(
        "rekindle log 'Marcus Bell' coffee",
        "rekindle log 'Marcus Bell' call --on 3d",
        "rekindle log 'Marcus Bell' 'read his draft' --give",
        "rekindle log 'Marcus Bell' 'a reference' --ask",
    )
)
@click.argument("who")
@click.argument("what", default="")
@click.option("--on", "day", type=options.DAY, metavar="DAY", help="When it was; today without it.")
@click.option("--give", "kind", flag_value="give", help="You gave them something; no contact is noted.")
@click.option("--ask", "kind", flag_value="ask", help="You asked them for something; no contact is noted.")
@options.now
@options.writing
def log(
    *,
    who: str,
    what: str,
    day: date | timedelta | None,
    kind: str | None,
    now: datetime | None,
    config: Path | None,
    owner: str | None,
) -> None:
    """Note that you were in touch with WHO, where no mail or calendar shows it, or gave or asked something; WHAT is for your eyes."""
    from worker.verbs import steered
    from worker.verbs.opened import opened

    with opened(config, owner, now) as here:
        for line in steered.log(here, who, what, day, kind):
            click.echo(line)


@click.command(epilog=options.examples("rekindle pause --until 2w", "rekindle pause --end"))
@click.option("--until", type=options.DAY, metavar="DAY", help="Go on by itself on this day.")
@click.option("--end", "is_end", is_flag=True, help="Go on now.")
@options.now
@options.writing
def pause(*, until: date | timedelta | None, is_end: bool, now: datetime | None, config: Path | None, owner: str | None) -> None:
    """Make nothing until you say so. Mail and calendars are still read; what lies there stays."""
    from worker.verbs import steered
    from worker.verbs.opened import opened

    with opened(config, owner, now) as here:
        click.echo(steered.pause(here, until, is_end=is_end))
