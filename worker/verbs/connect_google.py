"""`rekindle connect google`: ask at Google's consent page for two least tokens, check them, seal them, write the account down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from worker.verbs import options

if TYPE_CHECKING:
    from connectors.account import Account, Setting
    from connectors.google.consent import Client, Question
    from connectors.google.signin import Role
    from worker.app import App
    from worker.settings import Config

FILE = click.Path(exists=True, dir_okay=False, path_type=Path, resolve_path=True)
ELSEWHERE = "http://127.0.0.1:1/"
"""Where the browser is sent when it runs on another computer: nothing listens there, the address itself is the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line said."""

    address: str
    account: str
    access: str
    client: Path | None
    service_account: Path | None
    holds: str
    is_headless: bool
    is_sure: bool


@click.command(name="google", epilog=options.examples("rekindle connect google --help"))
@click.argument("address", required=False, default="", metavar="[ADDRESS]")
@click.option("--account", default="google", show_default=True, metavar="NAME", help="What to call it.")
@click.option("--client", type=FILE, metavar="FILE", help="The JSON of your OAuth client, kind Desktop app; see deploy/google.md.")
@click.option("--service-account", type=FILE, metavar="FILE", help="The key of a service account that acts for ADDRESS instead.")
@click.option(
    "--access",
    type=click.Choice(["calendar", "mail", "drafts"]),
    default="drafts",
    show_default=True,
    help="How far it may go: read calendars; mail metadata too; write drafts and holds too.",
)
@click.option("--holds", default="", metavar="CALENDAR", help="Where holds go: a calendar's id, or own for one made for them.")
@click.option("--headless", "is_headless", is_flag=True, help="The browser runs on another computer: paste its last address here.")
@options.yes
@options.writing
def google(*, yes: bool, config: Path | None, owner: str | None, **said: Any) -> None:  # noqa: ANN401 - Wanted names them
    """Connect Gmail and Google Calendar of ADDRESS, with an OAuth client of your own.

    Google asks twice: once for reading, once for drafts and holds. Each token can do only what its question says. An account
    whose sign-in has ended is taken up again by the same command.
    """
    connect(Wanted(is_sure=yes, **said), config=config, owner=owner, show=in_browser)


def connect(wanted: Wanted, *, config: Path | None, owner: str | None, show: Callable[[str], None]) -> None:
    """Sign in, check, seal, write down, and look once. Raises Refusal, ConfigError, the port's errors."""
    from connectors import google as package
    from worker.app import App
    from worker.config import load
    from worker.setup import NewAccount, add_account
    from worker.verbs.connecting import look
    from worker.verbs.opened import chosen

    settings = load(config)
    whose = chosen(settings, owner)
    app = App.open(settings)
    try:
        account = _account(app, whose, wanted)
        signed = _agreed(account, wanted) if wanted.service_account else _consented(account, wanted, show)
        _check_one_mailbox(package, signed)
        if signed.settings.get("holds") == package.OWN_CALENDAR:
            package.make_own_calendar(signed)
    finally:
        app.close()
    if wanted.account not in settings.owners[whose].accounts:
        said = tuple((key, value) for key, value in signed.settings.items())
        add_account(settings.file, whose, NewAccount(name=wanted.account, provider="google", settings=said))
    look(load(settings.file), whose, wanted.account)


def _account(app: App, owner: str, wanted: Wanted) -> Account:
    """Describe the account as config has it, or as it will."""
    from connectors.account import Account
    from worker.credentials import Credentials

    account_id = f"{owner}/{wanted.account}"
    known = app.config.owners[owner].accounts.get(wanted.account)
    said: dict[str, Setting] = {"access": wanted.access}
    if wanted.holds:
        said["holds"] = wanted.holds
    if wanted.service_account:
        said |= {"service_account_file": str(wanted.service_account), "subject": wanted.address}
    _ready(app.config)
    return Account(
        id=account_id,
        settings=dict(known.settings) if known is not None else said,
        secrets=Credentials(app.store, app.config.secrets.key, app.clock).of(account_id, {}),
        zone=app.config.owners[owner].zone,
    )


def _ready(config: Config) -> None:
    """Make the key that seals tokens, where it is to be a file and there is none yet."""
    from worker.credentials import make_key

    if config.secrets.key.kind == "file":
        make_key(Path(config.secrets.key.where[0]))


def _consented(account: Account, wanted: Wanted, show: Callable[[str], None]) -> Account:
    from connectors import google as package
    from connectors.google import signin
    from connectors.google.consent import Client
    from worker.advice import Refusal
    from worker.exit_codes import USAGE

    if wanted.client is None:
        raise Refusal("There is no OAuth client.", "Make one as deploy/google.md says, and give it with --client FILE.", code=USAGE)
    client = Client.read(wanted.client)
    for role in signin.roles(package.access_of(account.settings)):
        click.echo({"reader": "First for reading:", "writer": "Now for drafts and holds:"}[role])
        sign_in(account, role, client, address=wanted.address, is_headless=wanted.is_headless, show=show)
    return account


def sign_in(account: Account, role: Role, client: Client, *, address: str, is_headless: bool, show: Callable[[str], None]) -> None:
    """Ask for one token and seal it. Raises Rejected where it can do more, or less, than it needs."""
    from connectors import google as package
    from connectors.google import consent, signin
    from worker.app import real_clock
    from worker.verbs.loopback import Loopback

    roots, allowed = package.roots_of(account.settings), package.scopes_of(account.settings, role)
    if is_headless:
        question = consent.ask(client, roots, allowed, redirect=ELSEWHERE, login_hint=address)
        answered = _pasted(question)
    else:
        with Loopback() as loopback:
            question = consent.ask(client, roots, allowed, redirect=loopback.address, login_hint=address)
            show(question.url)
            answered = loopback.wait()
    token = consent.redeem(question, client, roots, answered)
    is_broad = account.settings.get("is_broad_allowed") is True
    signin.check(role, str(token.get("scope", "")).split(), allowed, is_broad_allowed=is_broad)
    lasting = token.get("refresh_token_expires_in")
    dies_at = _iso(real_clock() + timedelta(seconds=int(lasting))) if lasting else ""
    signin.keep(account.secrets, role, token, client_id=client.id, client_secret=client.secret, dies_at=dies_at)


def _agreed(account: Account, wanted: Wanted) -> Account:
    """Record that the owner agrees to a service account acting for this mailbox. Raises Refusal."""
    import json

    from connectors.google.signin import OPT_IN
    from worker.advice import Refusal
    from worker.app import real_clock
    from worker.exit_codes import USAGE

    if not wanted.address:
        raise Refusal("Whose mailbox?", "Say it: rekindle connect google ADDRESS --service-account FILE.", code=USAGE)
    question = f"Do you, {wanted.address}, agree that Rekindle reads your calendars and mail headers, and writes drafts and holds?"
    if not wanted.is_sure and not click.confirm(question):
        raise Refusal("Nothing was connected.", "Run it again when you agree.", code=USAGE)
    with account.secrets.exclusive():
        account.secrets.put(OPT_IN, json.dumps({"subject": wanted.address, "at": _iso(real_clock())}))
    service = {"service_account_file": str(wanted.service_account), "subject": wanted.address}
    return replace(account, settings={**account.settings, **service})


def _check_one_mailbox(package: Any, account: Account) -> None:  # noqa: ANN401 - connectors.google, imported late
    """Refuse two tokens that were given by two accounts. Raises Rejected."""
    from connectors.google import signin
    from connectors.port import Rejected

    seen = {package.whose(account, role) for role in signin.roles(package.access_of(account.settings))}
    if len(seen) > 1:
        raise Rejected(f"The two sign-ins are for {' and '.join(sorted(seen))}.", remedy="Choose the same account both times.")


def _pasted(question: Question) -> str:
    from worker.verbs.asking import answer_of_browser, asked

    click.echo("Open this address in a browser, on any computer:\n", err=True)
    click.echo(f"{question.url}\n", err=True)
    click.echo("At the end the browser cannot reach 127.0.0.1; that is as it should be. Copy the whole address it tried.", err=True)
    return asked("Address", "", answer_of_browser, is_on_stderr=True)


def in_browser(url: str) -> None:
    """Open the consent page in the owner's browser, and say where it is."""
    import webbrowser

    click.echo(f"If no browser opens, open this address here:\n\n{url}\n", err=True)
    webbrowser.open(url)


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
