"""`rekindle connect imap` and `connect caldav`: find the servers, ask for a password, try every step, seal, write down."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, Literal

import click

from connectors import standards
from connectors.account import Account, Setting
from connectors.port import RateLimited
from connectors.standards import servers
from connectors.standards.announced import Announced, announced
from connectors.standards.finding import first_answering
from connectors.standards.reach import Step
from worker.advice import Refusal
from worker.app import App
from worker.config import load
from worker.credentials import Credentials, make_key
from worker.exit_codes import OWNER, USAGE
from worker.settings import Config
from worker.setup import NewAccount, add_account
from worker.verbs import asking
from worker.verbs.connecting import look
from worker.verbs.live_accounts import PASSWORD, Words, ask_password
from worker.verbs.opened import chosen, in_use, waiting
from worker.visiting import Visitor

Side = Literal["imap", "caldav"]
Line = Callable[[], AbstractContextManager[None]]
"""Has the account's line while it lasts."""
ATTEMPTS: Final = 4
_OPTIONS: Final = {"caldav": "--caldav https://HOST/PATH", "imap": "--imap imaps://HOST"}
FOLDERS: Final = {("mail", "sent"): "sent", ("mail", "drafts"): "drafts"}
"""The step that did not find a folder -> the key that names it."""
ABOUT = """An app password is a second password for one program: it can be withdrawn without changing yours. Make one for
Rekindle alone where your provider offers them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line said; "" is still to be found or asked."""

    side: Side
    address: str = ""
    account: str = ""
    user: str = ""
    imap: str = ""
    caldav: str = ""
    sent: str = ""
    drafts: str = ""
    holds: str = ""
    ca_file: str = ""
    is_mail_only: bool = False
    is_calendar_extra: bool = False
    """Nobody asked for the calendar: where it cannot be had, mail alone will do."""

    def settings(self) -> dict[str, Setting]:
        """Return what goes into the account's table."""
        said = {key: getattr(self, key) for key in ("imap", "caldav", "user", "sent", "drafts", "holds", "ca_file")}
        return {key: value for key, value in said.items() if value}


def connect(wanted: Wanted, *, config: Path | None, owner: str | None) -> None:
    """Connect an account over IMAP, CalDAV or both, or take up one whose password has changed. Raises Refusal, ConfigError."""
    if wanted.imap:
        asking.mail_server(wanted.imap)
    if wanted.caldav:
        asking.calendar_server(wanted.caldav)
    settings = load(config)
    whose = chosen(settings, owner)
    known = settings.owners[whose].accounts.get(wanted.account)
    if known is None:
        wanted = _found(wanted, tuple(settings.owners[whose].addresses))
        if wanted.account in settings.owners[whose].accounts:
            again = f"`--account {wanted.account}` takes it up again, as after a new password; another name makes another account."
            raise Refusal(f"There is an account {wanted.account!r} already.", again)
    elif known.provider not in {"imap", "caldav"}:
        raise Refusal(f"{wanted.account} is an account of {known.provider}.", "Give the new one another name: --account NAME.")
    else:
        said = {key: value for key, value in known.settings.items() if isinstance(value, str) and key in wanted.settings() | _EMPTY}
        if other := sorted(
            key for key, value in wanted.settings().items() if _plain(key, said.get(key, "")) != _plain(key, str(value))
        ):
            what = " and ".join(f'{key} = "{getattr(wanted, key)}"' for key in other)
            raise Refusal(
                f"{wanted.account} is connected in another way.",
                f"Write {what} into its table in {settings.file}, or choose another name for a second account.",
                code=USAGE,
            )
        wanted = replace(wanted, **said)  # type: ignore[arg-type]  # texts for fields that are texts
        if known.secrets:
            look(settings, whose, wanted.account)
            return
    line = nullcontext if known is None else partial(_line, settings, f"{whose}/{wanted.account}")
    wanted, password = _tried(wanted, settings.owners[whose].zone, line, is_new=known is None)
    if known is None:
        stored = tuple(wanted.settings().items())
        add_account(settings.file, whose, NewAccount(name=wanted.account, provider=wanted.side, settings=stored))
    _sealed(load(settings.file), f"{whose}/{wanted.account}", password)
    look(load(settings.file), whose, wanted.account, is_tried=True)


_EMPTY: Final = dict.fromkeys(("imap", "caldav", "user", "sent", "drafts", "holds", "ca_file"), "")


def _plain(key: str, value: str) -> str:
    """Write what means the same in the same way."""
    return str(Path(value).expanduser().resolve()) if key == "ca_file" and value else value.rstrip("/")


# Finding the servers


def _found(wanted: Wanted, mine: tuple[str, ...]) -> Wanted:
    """Fill in what can be found out: the servers, the user name and what to call the account."""
    address = wanted.address or wanted.user or _address(wanted, mine)
    domain = address.rpartition("@")[2].lower()
    known = servers.of_domain(domain)
    if other := known.instead.get(wanted.side):
        raise Refusal(f"{domain} lets no password in there.", f"Connect it with: rekindle connect {other}", code=USAGE)
    mail, dates = _candidates(wanted, domain) if "@" in address else ((), ())
    if "@" not in address and not getattr(wanted, wanted.side):
        raise Refusal(f"{address!r} is no mail address that would tell its server.", f"Say {_OPTIONS[wanted.side]}.", code=USAGE)
    imap, caldav = wanted.imap, wanted.caldav
    is_extra = wanted.side == "imap" and not caldav
    if wanted.side == "imap" and not imap:
        imap = _first(mail, "mail server", wanted.ca_file)
    if not caldav and (dates or not is_extra) and not wanted.is_mail_only:
        caldav = _first(dates, "calendar server", wanted.ca_file, is_optional=is_extra)
    name = wanted.account or known.name or re.sub(r"[^\w.+-]", "-", domain.partition(".")[0]) or wanted.side
    user = wanted.user or address
    return replace(wanted, imap=imap, caldav=caldav, user=user, account=name, is_calendar_extra=is_extra)


def _address(wanted: Wanted, mine: tuple[str, ...]) -> str:
    """Ask who one is there: by a mail address, unless the server is known anyway."""
    if getattr(wanted, wanted.side):
        return asking.asked("Your user name there", mine[0], asking.name)
    return asking.asked("Your address there", mine[0], asking.address)


def _candidates(wanted: Wanted, domain: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """List mail and calendar addresses to try: what is known of the provider, else what its DNS names, then usual names."""
    mail, dates = servers.guesses(domain)
    if servers.of_domain(domain) is not servers.UNKNOWN or (wanted.imap and wanted.caldav):
        return mail, dates
    named = [one for one in announced(domain) if not (one.is_elsewhere and _is_needless(wanted, one))]
    agreed = {host: _is_agreed(domain, host) for host in dict.fromkeys(one.host for one in named if one.is_elsewhere)}
    told = [one for one in named if agreed.get(one.host, True)]
    first = {side: tuple(one.url for one in told if one.side == side) for side in ("imap", "caldav")}
    return tuple(dict.fromkeys(first["imap"] + mail)), tuple(dict.fromkeys(first["caldav"] + dates))


def _is_needless(wanted: Wanted, one: Announced) -> bool:
    """Tell whether nobody is going to try the server."""
    if one.side == "imap":
        return wanted.side == "caldav" or bool(wanted.imap)
    return wanted.is_mail_only or bool(wanted.caldav)


def _is_agreed(domain: str, host: str) -> bool:
    """Ask whether the password may go to a server with another owner than the domain; where nobody answers it may not."""
    click.echo(f"The DNS of {domain} names {host}, which is not part of {domain}. Your password would go there.")
    try:
        return click.confirm("Is that your provider?", default=False)
    except click.Abort:
        click.echo("no: --imap and --caldav name a server yourself")
        return False


def _first(urls: tuple[str, ...], what: str, ca_file: str, *, is_optional: bool = False) -> str:
    """Return the first address that answers as such a server; "" where there is none and nobody asked for it."""
    for url, is_there in first_answering(urls, ca_file):
        click.echo(f"✓ {url}" if is_there else f"· {url}: no {what}")
        if is_there:
            return url
    if is_optional:
        click.echo("No calendar server was found; `rekindle connect caldav` adds one by its address.")
        return ""
    return _named("caldav" if what.startswith("calendar") else "imap", what, ca_file)


def _named(side: Side, what: str, ca_file: str) -> str:
    """Ask for the address of a server that was not found. Raises Refusal where nobody answers."""
    option = _OPTIONS[side]
    nowhere = Refusal(f"No {what} was found.", f"Ask your provider for its address and say {option}.", code=OWNER)
    read = asking.calendar_server if side == "caldav" else asking.mail_server
    for _ in range(ATTEMPTS):
        try:
            url = asking.asked(f"No {what} was found. Its address ({option.split()[1]}; Enter: stop)", "", lambda t: t and read(t))
        except click.Abort:
            raise nowhere from None
        if not url:
            break
        if any(is_there for _, is_there in first_answering((url,), ca_file)):
            click.echo(f"✓ {url}")
            return url
        click.echo(f"· {url}: no {what}")
    raise nowhere


# Trying


def _tried(wanted: Wanted, zone: str, line: Line, *, is_new: bool) -> tuple[Wanted, str]:
    """Ask for the password and try every step, a few times; ask once for a folder the server does not name."""
    given = os.environ.get(PASSWORD, "")
    password = given or _asked(wanted)
    failed: dict[tuple[str, str], Step] = {}
    named = {key for key in FOLDERS.values() if getattr(wanted, key)}
    for _ in range(ATTEMPTS):
        with line():
            failed = {(side, step.name): step for side, step in _shown(wanted, password, zone) if not step.is_ok}
        if not is_new:
            failed = {where: step for where, step in failed.items() if where not in FOLDERS}
        elif asked := [where for where in FOLDERS if where in failed and FOLDERS[where] not in named]:
            folders = {FOLDERS[where]: asking.asked(f"{failed[where].what} Its name", "", asking.name) for where in asked}
            wanted = replace(wanted, **folders)  # type: ignore[arg-type]  # texts for fields that are texts
            continue
        if not failed:
            return wanted, password
        if wanted.is_calendar_extra and all(side == "calendar" for side, _ in failed):
            click.echo("Going on without the calendar; `rekindle connect caldav` adds it later.")
            return replace(wanted, caldav=""), password
        if given or all(name != "sign-in" for _, name in failed):
            break
        wanted = replace(wanted, user=asking.asked("User name", wanted.user, asking.name))
        password = click.prompt("Password", hide_input=True)
    first = next(iter(failed.values()))
    raise Refusal(first.what, first.remedy, code=OWNER)


@contextmanager
def _line(settings: Config, account: str) -> Iterator[None]:
    """Have the line of an account that was connected before: the service may be at work on it. Raises Refusal where it stays so."""
    with closing(App.open(settings)) as app, closing(Visitor(app, waiting)) as visitor, ExitStack() as held:
        try:
            held.enter_context(visitor.line(account))
        except RateLimited:
            raise in_use(account) from None
        yield


def _asked(wanted: Wanted) -> str:
    made = servers.of_domain(wanted.user.rpartition("@")[2]).password or servers.of_calendar(wanted.caldav).password
    click.echo(ABOUT)
    if made:
        click.echo(f"Here: {made}.")
    return ask_password(wanted.user)


def _shown(wanted: Wanted, password: str, zone: str) -> list[tuple[str, Step]]:
    account = Account(id=wanted.account, settings=wanted.settings(), secrets=Words({"password": password}), zone=zone)
    found = []
    for side, step in standards.steps(account):
        click.echo(f"{'✓' if step.is_ok else '✗'} {side}, {step.name}: {step.what}")
        found.append((side, step))
    return found


# Writing down


def _sealed(settings: Config, account: str, password: str) -> None:
    """Seal the password in the database, with a new key where there is none yet."""
    source = settings.secrets.key
    if source.kind == "file":
        make_key(Path(source.where[0]))
    app = App.open(settings)
    try:
        Credentials(app.store, source, app.clock).of(account, {}).put("password", password)
    finally:
        app.close()
