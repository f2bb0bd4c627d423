"""Accounts that live in memory alone while something is tried: no settings, no store; sign-ins and passwords end with it."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from getpass import GetPassWarning
from importlib import import_module
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

import click

from connectors import standards
from connectors.account import Account, Setting
from connectors.port import Connection
from worker.advice import Refusal
from worker.exit_codes import USAGE

PASSWORD: Final = "REKINDLE_PASSWORD"  # noqa: S105 - the name of the variable
SIGNED_IN: Final[Mapping[str, str]] = {"google": "worker.verbs.live_google", "microsoft": "worker.verbs.live_microsoft"}
"""Providers with a consent page -> the module whose `opened(where, zone, sign_in)` leads through it and opens the account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """How the owner signs in at a provider with a consent page."""

    client: str
    """What the provider knows us by: Google's JSON file, Microsoft's application id; "" = not said."""
    is_headless: bool


@dataclass(slots=True)
class Words:
    """Passwords and tokens that are held only while they are being used; satisfies `connectors.account.Secrets`."""

    words: dict[str, str] = field(repr=False)

    def get(self, name: str) -> str | None:
        """Return the password or token."""
        return self.words.get(name)

    def put(self, name: str, value: str) -> None:
        """Hold it in memory, no longer than this is alive."""
        self.words[name] = value

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Lock nothing: nobody else has it."""
        yield


def opened(live: Sequence[str], zone: str, sign_in: SignIn) -> Connection:
    """Open what `--live` says: servers by their URLs, or one provider by its name. Raises Refusal, the port's errors."""
    provider, _, where = live[0].partition("=")
    if provider not in SIGNED_IN:
        return standards.open(account_at(live, zone))
    if len(live) > 1:
        raise Refusal(f"{provider} is tried by itself.", f"Say --live {live[0]} alone.", code=USAGE)
    connection: Connection = import_module(SIGNED_IN[provider]).opened(where, zone, sign_in)
    return connection


def account_at(urls: Sequence[str], zone: str) -> Account:
    """Describe the account at a mail server, a calendar server or both, and ask for its password. Raises Refusal."""
    settings: dict[str, Setting] = {}
    words: dict[str, str] = {}
    for url in urls:
        parts = urlsplit(url)
        side = "imap" if parts.scheme in {"imap", "imaps"} else "caldav"
        if side in settings or not parts.hostname or not parts.username:
            raise Refusal(
                f"{url} cannot be tried.",
                "Say one imaps://USER@HOST (imap:// with STARTTLS), one https://USER@HOST, or both; or google or microsoft.",
                code=USAGE,
            )
        user = unquote(parts.username)
        bare = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
        settings[side] = urlunsplit(parts._replace(netloc=bare))
        settings["user" if "user" not in settings else "caldav_user"] = user
        words[f"{side}_password"] = _password(user, words if user == settings["user"] else {})
    return Account(id="try", settings=settings, secrets=Words(words), zone=zone)


def _password(user: str, asked: dict[str, str]) -> str:
    """Return the password of the environment, the one given for the same user before, or ask."""
    return os.environ.get(PASSWORD, "") or next(iter(asked.values()), "") or ask_password(user)


def ask_password(user: str) -> str:
    """Ask, on the terminal or standard input. Raises Refusal where nobody answers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GetPassWarning)  # what comes by a pipe is seen by nobody
        try:
            return str(click.prompt(f"Password for {user}", hide_input=True, err=True))
        except click.Abort:
            if sys.stdin.isatty():
                raise
            raise Refusal(
                "There is nobody here to say the password.", f"Set {PASSWORD} for this one command.", code=USAGE
            ) from None
