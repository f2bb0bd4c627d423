"""The people verb: who is in the network, and the owner's word on who is one and the same."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from worker.verbs import options

if TYPE_CHECKING:
    from worker.verbs.opened import Here


@click.group(
    invoke_without_command=True,
    epilog=options.examples("rekindle people", "rekindle people --all --json", "rekindle people review"),
)
@click.option("--all", "is_all", is_flag=True, help="Machines, lists, rooms and yourself too, each with its reason.")
@options.reading
@click.pass_context
def people(
    ctx: click.Context, *, is_all: bool, config: Path | None, owner: str | None, now: datetime | None, as_json: bool
) -> None:
    """List who is in your network: how often, since when, in what rhythm, and what comes next."""
    if ctx.invoked_subcommand:
        return
    from worker import report
    from worker.config import owner_of
    from worker.json_views import to_json
    from worker.network_views import people as people_of
    from worker.verbs.opened import opened
    from worker.verbs.remarked import remark

    with opened(config, owner, now) as here:
        owner_known = owner_of(here.app.config, here.name)
        views = here.read(lambda connection: people_of(connection, owner_known, here.now, is_all=is_all))
        if as_json:
            click.echo(to_json(views))
        else:
            report.people(views, here.zone, here.now, remark=remark(here, has_people=any(view.state for view in views)))


@people.command(epilog=options.examples("rekindle people quiet", "rekindle people quiet --most 3 --json"))
@click.option("--most", type=click.IntRange(min=1), default=10, show_default=True, metavar="N", help="People on each list.")
@options.reading
def quiet(*, most: int, config: Path | None, owner: str | None, now: datetime | None, as_json: bool) -> None:
    """List whom you are about to lose touch with, whom you have, and the strong ties gone quiet, each with its reason.

    The most worthwhile first: who you met alone, wrote to yourself and have long known. Who is booked, put off or muted is left out, and
    who left two mails of yours unanswered. Not all are listed whom `people` calls quiet: only ties worth keeping that are
    likely to stay silent, or have been so for three months.
    """
    from worker import quiet as silent
    from worker import report_choices
    from worker.config import owner_of
    from worker.json_views import to_json
    from worker.verbs.opened import opened

    with opened(config, owner, now) as here:
        owner_known = owner_of(here.app.config, here.name)
        view = here.read(lambda connection: silent.lists(connection, owner_known, here.now, longest=most))
        if as_json:
            click.echo(to_json(view))
        else:
            report_choices.quiet(view)


@people.command(epilog=options.examples("rekindle people review --json"))
@options.reading
def review(*, config: Path | None, owner: str | None, now: datetime | None, as_json: bool) -> None:
    """Go through pairs of addresses that may be one person's, one question each."""
    from worker.json_views import to_json
    from worker.network_views import doubtful, keep_apart
    from worker.verbs.opened import opened

    with opened(config, owner, now) as here:
        pairs = here.read(lambda connection: doubtful(connection, here.name))
        if as_json:
            click.echo(to_json(pairs))
            return
        for pair in pairs:
            click.echo(f"\n{pair.one}\n{pair.other}\n  {pair.reason}")
            said = click.prompt("One person?", type=click.Choice(["yes", "no", "later"]), default="later")
            if said == "yes":
                _join(here, pair.one, pair.other)
            elif said == "no":
                here.write(partial(keep_apart, owner=here.name, pair=pair))
        click.echo("That is all." if pairs else "There is no pair in doubt.")


@people.command(epilog=options.examples("rekindle people merge nadia@kestrelsoft.example nadia.petrenko@posthorn.example"))
@click.argument("who")
@click.argument("other")
@options.writing
def merge(*, who: str, other: str, config: Path | None, owner: str | None) -> None:
    """Say that WHO and OTHER are one person; `people split` takes it back."""
    from worker.verbs.opened import opened

    with opened(config, owner) as here:
        click.echo(_join(here, who, other))


def _join(here: Here, who: str, other: str) -> str:
    from worker.queries import person_called
    from worker.store import identities

    keep, gone = here.read(lambda connection: [person_called(connection, here.name, name) for name in (who, other)])
    if keep.id == gone.id:
        return f"{keep.name} is one person already."
    here.write(lambda connection: identities.merge(connection, here.name, keep.id, gone.id))
    return f"{keep.name} and {', '.join(gone.addresses)} are one person now."


@people.command(
    epilog=options.examples(
        "rekindle people merge nadia@kestrelsoft.example nadia.petrenko@posthorn.example",
        "rekindle people split nadia@kestrelsoft.example nadia.petrenko@posthorn.example",
    )
)
@click.argument("who")
@click.argument("address")
@options.writing
def split(*, who: str, address: str, config: Path | None, owner: str | None) -> None:
    """Say that ADDRESS is not WHO's but somebody else's, for good."""
    from rules.people import match_key
    from worker.advice import Refusal
    from worker.queries import person_called
    from worker.store import identities
    from worker.verbs.opened import opened

    with opened(config, owner) as here:
        person = here.read(lambda connection: person_called(connection, here.name, who))
        key = match_key(address)
        if key not in person.addresses:
            raise Refusal(
                f"{address} is none of the addresses of {person.name or person.addresses[0]}.",
                f"They are: {', '.join(person.addresses)}.",
            )
        if len(person.addresses) == 1:
            raise Refusal(f"{address} is the only address of {person.name or person.addresses[0]}.", "There is nothing to split.")
        here.write(lambda connection: identities.split(connection, here.name, person.id, key))
        click.echo(f"{address} is somebody else now.")
