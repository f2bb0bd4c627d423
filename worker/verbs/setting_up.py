"""Verbs that set up: init, connect, doctor, upgrade."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from worker.verbs import options
from worker.verbs.connect_google import google
from worker.verbs.connect_microsoft import microsoft

P = ParamSpec("P")
R = TypeVar("R")
PATHS = click.Path(exists=True, path_type=Path, resolve_path=True)


@click.command(
    epilog=options.examples(
        "rekindle init --config new/config.toml --name 'Maya Chen' --address maya@meridian.example --zone Europe/Berlin"
        " --mail demo/world --calendar demo/world --out new/out --yes"
    )
)
@click.option("--name", metavar="NAME", help="Your full name, as it stands in your mail.")
@click.option("--address", "addresses", multiple=True, metavar="ADDRESS", help="An address of yours, the usual one first.")
@click.option("--zone", metavar="ZONE", help="Your time zone: Europe/Berlin.")
@click.option("--hours", metavar="FROM-TO", help="Your working hours: 09:00-18:00.")
@click.option("--holds", type=click.IntRange(min=0), metavar="N", help="Holds in a week at most.")
@click.option("--thank-yous", type=click.IntRange(min=0), metavar="N", help="Thank-you drafts in a week at most.")
@click.option("--signature", metavar="TEXT", help="Ends every draft.")
@click.option("--language", metavar="CODE", help="Language of drafts: en, de.")
@click.option("--key-person", "people", multiple=True, metavar="ADDRESS", help="Someone who matters most; up to ten.")
@click.option("--mail", multiple=True, type=PATHS, metavar="PATH", help="Your mail on disk: mbox, Maildir, Takeout.")
@click.option("--calendar", multiple=True, type=PATHS, metavar="PATH", help="Your calendar on disk: .ics.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    metavar="FOLDER",
    help="Where drafts and holds go.",
)
@options.yes
@options.now
@options.config
def init(*, now: datetime | None, config: Path | None, yes: bool, **said: object) -> None:
    """Set Rekindle up: a few questions, a preview of what it would make, and one yes.

    What an option says is not asked; with --yes nothing is asked at all.
    """
    from worker.verbs.dialogue import initiate, said_so

    initiate(said_so(said), config=config, now=now, is_sure=yes)


@click.group(epilog=options.examples("rekindle connect files --help"))
def connect() -> None:
    """Add an account to read and to put work into."""


connect.add_command(google)
connect.add_command(microsoft)


@connect.command(epilog=options.examples("rekindle connect files demo/world --account archive"))
@click.argument("paths", nargs=-1, type=PATHS, metavar="[PATH]...")
@click.option("--account", default="files", show_default=True, metavar="NAME", help="What to call it.")
@click.option("--mail", multiple=True, type=PATHS, metavar="PATH", help="Mail only.")
@click.option("--calendar", multiple=True, type=PATHS, metavar="PATH", help="Calendars only.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    metavar="FOLDER",
    help="Where drafts and holds go.",
)
@options.writing
def files(
    *,
    paths: tuple[Path, ...],
    account: str,
    mail: tuple[Path, ...],
    calendar: tuple[Path, ...],
    out: Path | None,
    config: Path | None,
    owner: str | None,
) -> None:
    """Read mail and calendars at PATH: mbox, Maildir, .eml, .ics or a Google Takeout. Drafts and holds go to FOLDER.

    A file that is neither is refused, with what it looks like. An account of that name that was let go of is taken up again.
    """
    from worker.verbs import material
    from worker.verbs.connecting import connect_files

    letters, events = material.both(paths)
    letters, events = (*letters, *material.only("mail", mail)), (*events, *material.only("calendar", calendar))
    connect_files(account, mail=letters, calendar=events, out=out, config=config, owner=owner)


def _servers(verb: Callable[P, R]) -> Callable[P, R]:
    """Give a verb the options that IMAP and CalDAV share."""
    options_ = (
        click.argument("address", default=""),
        click.option("--account", default="", metavar="NAME", help="What to call it; one that is there is taken up again."),
        click.option("--user", default="", metavar="NAME", help="The user name, where it is not the address."),
        click.option("--caldav", default="", metavar="URL", help="The calendar server: https://HOST/PATH."),
        click.option("--holds", default="", metavar="NAME", help="The calendar holds go into."),
        click.option(
            "--ca-file",
            type=click.Path(exists=True, resolve_path=True),
            metavar="FILE",
            help="A certificate authority of your own.",
        ),
    )
    for option in reversed(options_):
        verb = option(verb)
    return verb


def _told(said: dict[str, Any]) -> dict[str, Any]:
    return {option: value for option, value in said.items() if value is not None}


@connect.command(epilog=options.examples("rekindle connect imap --help"))
@_servers
@click.option("--imap", default="", metavar="URL", help="The mail server: imaps://HOST, or imap://HOST:143 for STARTTLS.")
@click.option("--sent", default="", metavar="NAME", help="The folder of sent mail, where the server does not say.")
@click.option("--drafts", default="", metavar="NAME", help="The folder for drafts, where the server does not say.")
@click.option("--mail-only", "is_mail_only", is_flag=True, help="Look for no calendar.")
@options.writing
def imap(*, config: Path | None, owner: str | None, **said: Any) -> None:  # noqa: ANN401 - click has checked each by its type
    """Connect the mailbox of ADDRESS over IMAP, and its calendars over CalDAV where they are found.

    Its servers are found or asked for, the password is asked for (or taken from $REKINDLE_PASSWORD), each step is tried and
    told, and only then is the password sealed and the account written down. Nothing in the mailbox is changed.
    """
    from worker.verbs.connect_standards import Wanted, connect

    connect(Wanted(side="imap", **_told(said)), config=config, owner=owner)


@connect.command(epilog=options.examples("rekindle connect caldav --help"))
@_servers
@options.writing
def caldav(*, config: Path | None, owner: str | None, **said: Any) -> None:  # noqa: ANN401 - as above
    """Connect the calendars of ADDRESS over CalDAV.

    As with imap, the server is found or asked for, every step is tried and told, and the password is sealed at the end.
    """
    from worker.verbs.connect_standards import Wanted, connect

    connect(Wanted(side="caldav", **_told(said)), config=config, owner=owner)


@click.command(epilog=options.examples("rekindle doctor --help"))
@options.config
@options.now
@options.as_json
@click.pass_context
def doctor(ctx: click.Context, *, config: Path | None, now: datetime | None, as_json: bool) -> None:
    """Name each missing thing and its remedy: settings, key, database, zones, accounts, clock. Ends with 3 if there is any.

    A mailbox that a running service, or another verb, has in use is waited for, half a minute at most; where one could not be
    tried for that, and nothing else is missing, it ends with 1.
    """
    from worker import report
    from worker.doctor import code_of, examine
    from worker.json_views import to_json
    from worker.verbs.opened import waiting_for

    findings = examine(config, now, waiting_for)
    if as_json:
        click.echo(to_json(findings))
    else:
        report.findings(findings)
    ctx.exit(code_of(findings))


@click.command(epilog=options.examples("rekindle upgrade"))
@options.config
def upgrade(*, config: Path | None) -> None:
    """Bring the database to the schema of this version. Nothing is lost; a backup first does no harm."""
    from worker.config import load
    from worker.store import schema

    before, after = schema.upgrade(load(config).store.url)
    click.echo(f"The database is at schema {after} already." if before == after else f"The database is now at schema {after}.")
