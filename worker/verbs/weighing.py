"""Verbs that weigh: attention and backtest. Neither writes anything."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import click

from worker.verbs import options


@click.command(epilog=options.examples("rekindle attention", "rekindle attention --json"))
@options.reading
def attention(*, config: Path | None, owner: str | None, now: datetime | None, as_json: bool) -> None:
    """Say how a year of your meeting hours, or without a calendar of your mail, is spread over people. For your eyes only."""
    from worker import report_choices
    from worker.json_views import to_json
    from worker.verbs.opened import opened
    from worker.verbs.weighed import attended

    with opened(config, owner, now) as here:
        view = attended(here)
        if as_json:
            click.echo(to_json(view))
        else:
            report_choices.attention(view)


@click.command(epilog=options.examples("rekindle backtest", "rekindle backtest --from 12m --to 6m", "rekindle backtest --json"))
@click.option("--from", "since", type=options.DAY, default="6m", metavar="DAY", help="The first day; six months ago without it.")
@click.option("--to", "until", type=options.DAY, metavar="DAY", help="The last day; today without it.")
@options.reading
def backtest(
    *,
    since: date | timedelta,
    until: date | timedelta | None,
    config: Path | None,
    owner: str | None,
    now: datetime | None,
    as_json: bool,
) -> None:
    """Replay history day by day: what each rule would have done, and what then happened without it."""
    from worker import report_choices
    from worker.json_views import to_json
    from worker.verbs.opened import opened
    from worker.verbs.weighed import replayed

    with opened(config, owner, now) as here:
        view = replayed(here, here.before(since) or here.now, here.before(until) or here.now)
        if as_json:
            click.echo(to_json(view))
        else:
            report_choices.backtest(view, here.zone)
