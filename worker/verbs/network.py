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
    from worker.json_views import to_json
    from worker.network_views import people as people_of
    from worker.verbs.opened import opened

    with opened(config, owner, now) as here:
        views = here.read(lambda connection: people_of(connection, here.name, here.now, is_all=is_all))
        if as_json:
            click.echo(to_json(views))
        else:
            report.people(views, here.zone, here.now)
