"""Verbs that take back, erase and carry away: rollback, forget, disconnect, export, backup."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import click

from worker.verbs import options


@click.command(epilog=options.examples("rekindle rollback --since 2w --dry-run", "rekindle rollback --since 2026-11-16 --yes"))
@click.option("--since", type=options.DAY, required=True, metavar="DAY", help="Everything made on or after this day.")
@click.option("--dry-run", is_flag=True, help="Only list it.")
@options.yes
@options.now
@options.writing
def rollback(
    *, since: date | timedelta, dry_run: bool, yes: bool, now: datetime | None, config: Path | None, owner: str | None
) -> None:
    """Remove everything of ours made since a day that you have not touched. Invitations stay and are listed."""
    from worker.verbs import undone
    from worker.verbs.opened import opened

    with opened(config, owner, now) as here:
        undone.rollback(here, since, is_dry=dry_run, is_sure=yes)


@click.command(epilog=options.examples("rekindle forget 'Rafael Quintero' --yes"))
@click.argument("who")
@options.yes
@options.now
@options.writing
def forget(*, who: str, yes: bool, now: datetime | None, config: Path | None, owner: str | None) -> None:
    """Erase every trace of WHO, for good: a name, or any address, also of someone who never answered.

    A keyed hash of each address stays, so that no reading brings them back. A name that others wrote into the subject of
    their mail or the title of an event stays with it, and so does one that is part of the id of such a mail or event.
    """
    from worker.verbs import undone
    from worker.verbs.opened import opened

    with opened(config, owner, now) as here:
        undone.forget(here, who, is_sure=yes)


@click.command(epilog=options.examples("rekindle disconnect disk --yes"))
@click.argument("account")
@options.yes
@options.now
@options.writing
def disconnect(*, account: str, yes: bool, now: datetime | None, config: Path | None, owner: str | None) -> None:
    """Let go of ACCOUNT: it is never read or written again, its secrets are erased. What it taught us stays.

    Google and Microsoft are asked to tell of its changes no more; where they cannot be reached, that ends within a week.
    """
    from worker.verbs import undone
    from worker.verbs.opened import opened

    with opened(config, owner, now) as here:
        undone.disconnect(here, account, is_sure=yes)


@click.command(epilog=options.examples("rekindle export", "rekindle export --output everything.json"))
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write there instead of here.")
@options.writing
def export(*, output: Path | None, config: Path | None, owner: str | None) -> None:
    """Write everything that is stored about an owner and their network as JSON; secrets excepted."""
    from worker.verbs import undone
    from worker.verbs.opened import opened

    with opened(config, owner) as here:
        undone.export(here, output)


@click.command(epilog=options.examples("rekindle backup rekindle.backup.db"))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@options.config
def backup(*, file: Path, config: Path | None) -> None:
    """Copy the database to FILE while it is in use. The key that opens secrets is not in it: keep that apart.

    A FILE that is there already is left as it is.
    """
    from worker.config import load
    from worker.store.store import Store

    store = Store.open(load(config).store.url, is_any_version=True)  # before an upgrade is when one wants a copy
    try:
        store.backup(file)
    finally:
        store.close()
    click.echo(f"Copied to {file}. To restore, stop Rekindle and put it where the database is.")
