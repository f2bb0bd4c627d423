"""The two verbs that need no account: try, on your own files, and demo, on an invented world."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from worker.verbs import options


@click.command(
    name="try",
    epilog=options.examples(
        "rekindle try demo/world",
        "rekindle try demo/world/calendar.ics --me maya@meridian.example",
        "rekindle try demo/world --json",
    ),
)
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="PATH...")
@click.option(
    "--live",
    multiple=True,
    metavar="URL",
    help="Live instead: imaps://USER@HOST, https://USER@HOST, both together; or google or microsoft.",
)
@click.option(
    "--client", default="", metavar="CLIENT", help="Your OAuth client: Google's JSON file, Microsoft's application id; see deploy/."
)
@click.option("--headless", "is_headless", is_flag=True, help="The browser runs on another computer: paste its last address here.")
@click.option("--me", multiple=True, metavar="ADDRESS", help="An address of yours; without it they are inferred.")
@click.option("--zone", metavar="ZONE", help="Your time zone, like Europe/Berlin; without it this computer's.")
@options.now
@options.as_json
def try_(
    *,
    paths: tuple[Path, ...],
    live: tuple[str, ...],
    client: str,
    is_headless: bool,
    me: tuple[str, ...],
    zone: str | None,
    now: datetime | None,
    as_json: bool,
) -> None:
    """Read your own mail and calendar from disk and say what Rekindle would do today. Writes nothing anywhere.

    PATH is an mbox, a Maildir, an .eml or .ics file, a folder of them, or a Google Takeout (folder, .zip or .tgz, read
    without unpacking). A calendar alone is enough. With --live it is a mailbox on its server, opened read-only, and its
    calendars; the password is asked for or taken from $REKINDLE_PASSWORD, and nothing at all is kept. With --live google
    you sign in at Google's page, for your calendars alone and for this one look; with --live microsoft at Microsoft's, for
    reading without content.
    """
    from worker.verbs.live_accounts import SignIn
    from worker.verbs.trial import tried, tried_live

    if bool(paths) == bool(live):
        raise click.UsageError("Say what to read: PATH..., or --live URL.")
    if live:
        tried_live(live, SignIn(client=client, is_headless=is_headless), me=me, zone=zone, now=now, as_json=as_json)
        return
    tried(paths, me=me, zone=zone, now=now, as_json=as_json)


@click.command(epilog=options.examples("rekindle demo", "rekindle demo another-demo"))
@click.argument("folder", default="demo", type=click.Path(file_okay=False, path_type=Path))
def demo(*, folder: Path) -> None:
    """Run the whole service on eighteen months of a fictional CTO's mail and calendar, in FOLDER.

    Drafts end up as .eml in a Maildir, holds in an .ics. A second run, on any day, makes nothing new. The folder has a
    config.toml: every other verb works on it with --config FOLDER/config.toml.
    """
    from worker.verbs.demonstration import demonstrated

    demonstrated(folder)
