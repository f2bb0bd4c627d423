"""Verbs by which somebody or something is left alone for good: mute and never."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from worker.verbs import options


@click.command(
    epilog=options.examples(
        "rekindle mute 'Rafael Quintero' --because left", "rekindle mute 'Rafael Quintero' --end", "rekindle mute"
    )
)
@click.argument("who", required=False)
@click.option("--because", type=click.Choice(["died", "left", "dispute"]), help="Why; `why-not` says it to you alone.")
@click.option("--end", "is_end", is_flag=True, help="No longer leave them alone.")
@options.reading
def mute(
    *,
    who: str | None,
    because: str | None,
    is_end: bool,
    config: Path | None,
    owner: str | None,
    now: datetime | None,
    as_json: bool,
) -> None:
    """Leave WHO alone everywhere, at once and for good: they died, left, or are in dispute with you. Without WHO list them."""
    from worker import report_choices
    from worker.json_views import to_json
    from worker.verbs import left_alone
    from worker.verbs.opened import opened

    with opened(config, owner, now) as here:
        if who is not None:
            click.echo(left_alone.mute(here, who, because or "", is_end=is_end))
            return
        views = here.read(lambda connection: left_alone.muted(connection, here.name))
        if as_json:
            click.echo(to_json(views))
        else:
            report_choices.never(views, empty="Nobody is left alone for good.")


@click.command(
    epilog=options.examples("rekindle never '@rival.example' 'board matters'", "rekindle never", "rekindle never --json")
)
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@click.option(
    "--import",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Add every address, @domain and word FILE names.",
)
@options.reading
def never(
    *, entries: tuple[str, ...], file: Path | None, config: Path | None, owner: str | None, now: datetime | None, as_json: bool
) -> None:
    """Put people (an address), organisations (@domain) or words of a title on the list of what is left alone; without one show it.

    What looks like an address and is none is refused.
    """
    from worker import report_choices
    from worker.json_views import to_json
    from worker.verbs import left_alone
    from worker.verbs.opened import opened

    with opened(config, owner, now) as here:
        if entries or file is not None:
            click.echo(
                left_alone.add(here, [*left_alone.meant(entries), *(left_alone.read_file(file) if file is not None else ())])
            )
            return
        views = left_alone.listed(here)
        if as_json:
            click.echo(to_json(views))
        else:
            report_choices.never(views, empty="The never-list is empty.")
