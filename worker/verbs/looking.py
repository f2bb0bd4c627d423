"""Verbs that only look: preview, suggestions, why, why-not, status. None of them writes anything."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from worker.verbs import options

if TYPE_CHECKING:
    from worker.verbs.opened import Here


@click.command(epilog=options.examples("rekindle preview", "rekindle preview --json"))
@options.reading
def preview(*, config: Path | None, owner: str | None, now: datetime | None, as_json: bool) -> None:
    """Show what would be made now; make nothing.

    Decides on everything read so far and the caps that are left, and throws the decision away.
    """
    from worker import report
    from worker.json_views import to_json
    from worker.verbs.explaining import previewed
    from worker.verbs.opened import opened

    with opened(config, owner, now) as here:
        views = previewed(here)
        if as_json:
            click.echo(to_json(views))
        else:
            _say_pause(here)
            report.suggestions(views, here.zone, empty="Nothing is due now. `rekindle why-not` says why.")


@click.command(
    epilog=options.examples("rekindle suggestions", "rekindle suggestions --all --since 6m", "rekindle suggestions --json")
)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(["planned", "approved", "delivering", "delivered", "closed"]),
    help="Only these; without it all but closed.",
)
@click.option("--all", "is_all", is_flag=True, help="Closed ones too.")
@click.option("--since", type=options.DAY, metavar="DAY", help="Only what was planned on or after this day.")
@options.reading
def suggestions(
    *,
    states: tuple[str, ...],
    is_all: bool,
    since: date | timedelta | None,
    config: Path | None,
    owner: str | None,
    now: datetime | None,
    as_json: bool,
) -> None:
    """List what is planned, what waits for you, and what lies in your mailbox and calendar.

    What waits for you says so, with the `approve` that lets it go; the rest says when it is made by itself.
    """
    from worker import queries, report
    from worker.json_views import to_json
    from worker.verbs.opened import opened

    wanted = frozenset(states) or (queries.STATES if is_all else queries.OPEN)
    with opened(config, owner, now) as here:
        views = here.read(lambda connection: queries.suggestions(connection, here.name, wanted, here.before(since)))
        if as_json:
            click.echo(to_json(views))
        else:
            _say_pause(here)
            report.suggestions(views, here.zone, empty="There is nothing. `rekindle preview` shows what would be made now.")


@click.command(epilog=options.examples("rekindle why Priya", "rekindle why daniel@vantagegrid.example --json"))
@click.argument("who")
@options.reading
def why(*, who: str, config: Path | None, owner: str | None, now: datetime | None, as_json: bool) -> None:
    """Say why there is something for WHO, a name or an address, with the facts behind it."""
    _answer(who, config=config, owner=owner, now=now, as_json=as_json, is_not=False)


@click.command(name="why-not", epilog=options.examples("rekindle why-not", "rekindle why-not 'Tomasz Zielinski' --json"))
@click.argument("who", required=False)
@options.reading
def why_not(*, who: str | None, config: Path | None, owner: str | None, now: datetime | None, as_json: bool) -> None:
    """Say why there is nothing for WHO, a name or an address; without WHO why there is nothing today."""
    _answer(who, config=config, owner=owner, now=now, as_json=as_json, is_not=True)


def _answer(who: str | None, *, config: Path | None, owner: str | None, now: datetime | None, as_json: bool, is_not: bool) -> None:
    from worker import report
    from worker.json_views import to_json
    from worker.queries import stranger
    from worker.verbs.explaining import explained
    from worker.verbs.opened import opened

    with opened(config, owner, now) as here:
        view = here.read(lambda connection: stranger(connection, here.name, who)) if who and is_not else None
        view = view or explained(here, who, is_not=is_not)
        if as_json:
            click.echo(to_json(view))
        else:
            _say_pause(here)
            report.answer(view, here.zone)


def _say_pause(here: Here) -> None:
    from worker import queries, report

    report.pause(here.read(lambda connection: queries.paused_until(connection, here.name)), here.zone, here.now)


@click.command(epilog=options.examples("rekindle status", "rekindle status --json", "rekindle status --rules --json"))
@click.option("--rules", "is_rules", is_flag=True, help="Only what became of what each rule made.")
@options.reading
def status(*, is_rules: bool, config: Path | None, owner: str | None, now: datetime | None, as_json: bool) -> None:
    """Show what has been read, when it is looked at next and what is in the way, and per rule what you accepted and discarded.

    What was read and is not kept is counted with its reason: unreadable, or older than `retention`.
    """
    from worker import queries, report, report_choices
    from worker.json_views import to_json
    from worker.verbs.explaining import rules_of
    from worker.verbs.opened import opened
    from worker.words import taken_for_now

    with opened(config, owner, now) as here:
        of_rules = rules_of(here)
        if is_rules and as_json:
            click.echo(to_json(of_rules))
            return
        views = here.read(lambda connection: queries.feeds(connection, here.name, here.now))
        if as_json:
            click.echo(to_json(views))
            return
        if not is_rules:
            if now is None and here.app.config.now is not None:
                click.echo(taken_for_now(here.app.config.now, here.app.config.file))
            _say_pause(here)
            report.status(views, here.zone, here.now)
        report_choices.rules(of_rules)
