"""`rekindle connect microsoft`: sign in once to read and once to write, refuse what could send, seal, write the account down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from worker.verbs import options

if TYPE_CHECKING:
    from connectors.account import Account, Setting
    from connectors.microsoft.signin import Role
    from worker.app import App

FILE = click.Path(exists=True, dir_okay=False, path_type=Path, resolve_path=True)
ELSEWHERE = "http://localhost:1/"
"""Where a browser on another computer is sent: nothing listens there, the address itself is the answer."""


ASKED = {
    "reader": "First for reading:",
    "writer": "Now for drafts and holds:",
    "listener": "And for being told of events. Microsoft has no smaller permission for that than reading calendars whole;\n"
    "this sign-in is used to subscribe and for nothing else:",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line said."""

    address: str
    account: str
    access: str
    client_id: str
    writer_client_id: str
    listener_client_id: str
    tenant: str
    certificate: Path | None
    is_device: bool
    is_headless: bool
    is_sure: bool

    def settings(self) -> dict[str, Setting]:
        """Return the account's table as it is to be."""
        said: dict[str, Setting] = {"access": self.access, "client_id": self.client_id}
        if self.writer_client_id:
            said["writer_client_id"] = self.writer_client_id
        if self.listener_client_id:
            said["listener_client_id"] = self.listener_client_id
        if self.tenant:
            said["authority"] = f"https://login.microsoftonline.com/{self.tenant}"
        if self.certificate:
            said |= {"certificate_file": str(self.certificate), "user": self.address}
        return said


@click.command(name="microsoft", epilog=options.examples("rekindle connect microsoft --help"))
@click.argument("address", required=False, default="", metavar="[ADDRESS]")
@click.option("--account", default="microsoft", show_default=True, metavar="NAME", help="What to call it.")
@click.option("--client-id", default="", metavar="ID", help="The app registration that reads; see deploy/microsoft.md.")
@click.option("--writer-client-id", default="", metavar="ID", help="The app registration that writes drafts and holds.")
@click.option(
    "--listener-client-id",
    default="",
    metavar="ID",
    help="The app registration that may be told of events; else calendars are polled.",
)
@click.option("--tenant", default="", metavar="ID", help="Your organisation's tenant; any when left out.")
@click.option(
    "--access",
    type=click.Choice(["read", "drafts"]),
    default="drafts",
    show_default=True,
    help="How far it may go: read; or write drafts and holds too.",
)
@click.option("--device", "is_device", is_flag=True, help="Type a code at another device instead of coming back by a browser.")
@click.option("--headless", "is_headless", is_flag=True, help="The browser runs on another computer: paste its last address here.")
@click.option("--certificate", type=FILE, metavar="FILE", help="Key and certificate of an application that acts for ADDRESS.")
@options.yes
@options.writing
def microsoft(*, yes: bool, config: Path | None, owner: str | None, **said: Any) -> None:  # noqa: ANN401 - Wanted names them
    """Connect Outlook mail and calendars of ADDRESS, with app registrations of your own.

    Microsoft asks twice: once for reading without content, once for drafts and holds. A sign-in that could send mail is refused.
    An account whose sign-in has ended is taken up again by the same command.
    """
    connect(Wanted(is_sure=yes, **said), config=config, owner=owner, show=in_browser)


def connect(wanted: Wanted, *, config: Path | None, owner: str | None, show: Callable[[str], None]) -> None:
    """Sign in, check, seal, write down, and look once. Raises Refusal, ConfigError, the port's errors."""
    from connectors import microsoft as package
    from worker.app import App
    from worker.config import load
    from worker.setup import NewAccount, add_account
    from worker.verbs.connecting import look
    from worker.verbs.opened import chosen

    settings = load(config)
    whose = chosen(settings, owner)
    is_known = wanted.account in settings.owners[whose].accounts
    app = App.open(settings)
    try:
        account = _account(app, whose, wanted)
        _agreed(account, wanted)
        ways = Ways(is_headless=wanted.is_headless, is_device=wanted.is_device, address=wanted.address)
        for role in package.roles(account.settings):
            click.echo(ASKED[role])
            sign_in(account, role, ways, show)
        _check_one_mailbox(account)
    finally:
        app.close()
    if not is_known:
        said = tuple(account.settings.items())
        add_account(settings.file, whose, NewAccount(name=wanted.account, provider="microsoft", settings=said))
    look(load(settings.file), whose, wanted.account)


def _account(app: App, owner: str, wanted: Wanted) -> Account:
    """Describe the account as config has it, or as it will. Raises Refusal."""
    from connectors.account import Account
    from worker.advice import Refusal
    from worker.credentials import Credentials, make_key
    from worker.exit_codes import USAGE

    known = app.config.owners[owner].accounts.get(wanted.account)
    if known is None and not (wanted.client_id and (wanted.writer_client_id or wanted.access == "read")):
        remedy = "Register two applications as deploy/microsoft.md says, and give --client-id and --writer-client-id."
        raise Refusal("There is no app registration.", remedy, code=USAGE)
    key = app.config.secrets.key
    if key.kind == "file":
        make_key(Path(key.where[0]))
    account_id = f"{owner}/{wanted.account}"
    return Account(
        id=account_id,
        settings=dict(known.settings) if known is not None else wanted.settings(),
        secrets=Credentials(app.store, key, app.clock).of(account_id, {}),
        zone=app.config.owners[owner].zone,
    )


def _agreed(account: Account, wanted: Wanted) -> None:
    """Ask the owner whether an application may act for this mailbox. Raises Refusal."""
    from worker.advice import Refusal
    from worker.exit_codes import USAGE

    if "certificate_file" not in account.settings:
        return
    if not account.settings.get("user"):
        raise Refusal("Whose mailbox?", "Say it: rekindle connect microsoft ADDRESS --certificate FILE.", code=USAGE)
    user = account.settings["user"]
    question = f"Do you, {user}, agree that Rekindle reads your calendars and mail headers, and writes drafts and holds?"
    if not wanted.is_sure and not click.confirm(question):
        raise Refusal("Nothing was connected.", "Run it again when you agree.", code=USAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How the owner signs in."""

    is_headless: bool
    is_device: bool = False
    address: str = ""


def sign_in(account: Account, role: Role, ways: Ways, show: Callable[[str], None]) -> None:
    """Ask for one sign-in and seal it. Raises Refusal, AuthorizationExpired, Rejected, Unavailable."""
    from connectors import microsoft as package
    from connectors.microsoft import consent
    from worker.verbs.asking import answer_of_browser, asked
    from worker.verbs.loopback import Loopback

    registration = package.registration_of(account.settings, role)
    if registration.certificate:
        consent.by_certificate(registration, account.secrets, address=str(account.settings["user"]))
    elif ways.is_device:
        question = consent.by_device(registration)
        click.echo(f"Open {question.url} on any device and type {question.code}. Your organisation may forbid this way.")
        question.answered(account.secrets)
    elif ways.is_headless:
        question = consent.by_browser(registration, redirect=ELSEWHERE, login_hint=ways.address)
        click.echo(f"Open this address in a browser, on any computer:\n\n{question.url}\n", err=True)
        click.echo(
            "At the end the browser cannot reach localhost; that is as it should be. Copy the whole address it tried.", err=True
        )
        question.answered(account.secrets, asked("Address", "", answer_of_browser, is_on_stderr=True))
    else:
        with Loopback() as loopback:
            redirect = loopback.address.replace("127.0.0.1", "localhost")  # the one name Entra allows with any port
            question = consent.by_browser(registration, redirect=redirect, login_hint=ways.address)
            show(question.url)
            question.answered(account.secrets, loopback.wait())


def _check_one_mailbox(account: Account) -> None:
    """Refuse two sign-ins that were given by two people. Raises Rejected."""
    from connectors import microsoft as package
    from connectors.port import Rejected

    seen = {package.whose(account, role) for role in package.roles(account.settings)}
    if len(seen) > 1:
        raise Rejected(f"The two sign-ins are for {' and '.join(sorted(seen))}.", remedy="Choose the same account both times.")


def in_browser(url: str) -> None:
    """Open a page in the browser of this computer, and say where it is."""
    import webbrowser

    click.echo(f"If no browser opens, open this address here:\n\n{url}\n", err=True)
    webbrowser.open(url)
