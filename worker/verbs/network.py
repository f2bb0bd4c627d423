"""The people verb: who is in the network, and the owner's word on who is one and the same."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from worker.verbs import options


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

    with opened(config, owner, now) as here:
        owner_known = owner_of(here.app.config, here.name)
        views = here.read(lambda connection: people_of(connection, owner_known, here.now, is_all=is_all))
        if as_json:
            click.echo(to_json(views))
        else:
            report.people(views, here.zone, here.now)


@people.command(epilog=options.examples("rekindle people merge 'Iris Novak' iris.novak@gmail.example"))
@click.argument("who")
@click.argument("other")
@options.writing
def merge(*, who: str, other: str, config: Path | None, owner: str | None) -> None:
    """Say that WHO and OTHER are one person; `people split` takes it back."""
    from worker.queries import person_called
    from worker.store import people as stored
    from worker.verbs.opened import opened

    with opened(config, owner) as here:
        keep, gone = here.read(lambda connection: [person_called(connection, here.name, name) for name in (who, other)])
        if keep.id == gone.id:
            click.echo(f"{keep.name} is one person already.")
            return
        here.write(lambda connection: stored.merge(connection, here.name, keep.id, gone.id))
        click.echo(f"{keep.name} and {', '.join(gone.addresses)} are one person now.")


@people.command(epilog=options.examples("rekindle people split 'Iris Novak' iris.novak@gmail.example"))
@click.argument("who")
@click.argument("address")
@options.writing
def split(*, who: str, address: str, config: Path | None, owner: str | None) -> None:
    """Say that ADDRESS is not WHO's but somebody else's, for good."""
    from rules.people import match_key
    from worker.advice import Refusal
    from worker.queries import person_called
    from worker.store import people as stored
    from worker.verbs.opened import opened

    with opened(config, owner) as here:
        person = here.read(lambda connection: person_called(connection, here.name, who))
        key = match_key(address)
        if key not in person.addresses:
            raise Refusal(f"{address} is none of {person.name}'s addresses.", f"They are: {', '.join(person.addresses)}.")
        if len(person.addresses) == 1:
            raise Refusal(f"{address} is the only address of {person.name}.", "There is nothing to split.")
        here.write(lambda connection: stored.split(connection, here.name, person.id, key))
        click.echo(f"{address} is somebody else now.")
