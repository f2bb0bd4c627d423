"""Accounts that live in memory alone while something is tried: no settings, no store, the password asked for or given."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

import click

from connectors.port import Account, Setting
from worker.advice import Refusal
from worker.exit_codes import USAGE

PASSWORD: Final = "REKINDLE_PASSWORD"  # noqa: S105 - the name of the variable


@dataclass(slots=True)
class Words:
    """Passwords that are held only while they are being used; satisfies `connectors.port.Secrets`."""

    words: dict[str, str] = field(repr=False)

    def get(self, name: str) -> str | None:
        """Return the password."""
        return self.words.get(name)

    def put(self, name: str, value: str) -> None:
        """Refuse: nothing is stored here."""
        raise NotImplementedError(name)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Lock nothing: nobody else has it."""
        yield


def account_at(urls: Sequence[str], zone: str) -> Account:
    """Describe the account at a mail server, a calendar server or both, and ask for its password. Raises Refusal."""
    settings: dict[str, Setting] = {}
    words: dict[str, str] = {}
    for url in urls:
        parts = urlsplit(url)
        side = "imap" if parts.scheme in {"imap", "imaps"} else "caldav"
        if side in settings or not parts.hostname or not parts.username:
            raise Refusal(f"{url} cannot be tried.", "Say one imaps://USER@HOST, one https://USER@HOST, or both.", code=USAGE)
        user = unquote(parts.username)
        bare = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
        settings[side] = urlunsplit(parts._replace(netloc=bare))
        settings["user" if "user" not in settings else "caldav_user"] = user
        words[f"{side}_password"] = _password(user, words if user == settings["user"] else {})
    return Account(id="try", settings=settings, secrets=Words(words), zone=zone)


def _password(user: str, asked: dict[str, str]) -> str:
    """Return the password of the environment, the one given for the same user before, or ask."""
    known = os.environ.get(PASSWORD, "") or next(iter(asked.values()), "")
    return known or str(click.prompt(f"Password for {user}", hide_input=True, err=True))
