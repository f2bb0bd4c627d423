"""What `open` of a provider package is given: one sign-in as config and store describe it, and what the worker keeps for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from rules.facts import Address


class Secrets(Protocol):
    """The sealed secrets of one account; `exclusive` holds its row lock, so that one process refreshes a token."""

    def get(self, name: str) -> str | None:
        """Return the secret, or None where there is none."""
        ...

    def put(self, name: str, value: str) -> None:
        """Seal and store the secret."""
        ...

    def exclusive(self) -> AbstractContextManager[None]:
        """Lock the account's secrets over all processes; read them again inside."""
        ...


class Quota(Protocol):
    """What a provider allows in a minute, shared by every worker of an owner; kept by the worker, asked by connectors."""

    def take(self, name: str, *, price: int, count: int, limit: int) -> int:
        """Pay `price` units for each of up to `count` calls from the `limit` units a minute of the budget called `name`.

        Returns how many calls are paid for, at least one. Raises RateLimited (paced by us) when not one is.
        """
        ...


class Gate(Protocol):
    """How many requests may be under way at once at a provider, over all processes; kept by the worker, passed by connectors."""

    def enter(self, name: str, *, width: int, limit: int, wait: timedelta) -> Callable[[], None] | None:
        """Take `width` of the `limit` places of the gate called `name`, whoever came first going first.

        Returns what gives them back, or None where none became free within `wait`.
        """
        ...


Setting = str | int | bool | tuple[str, ...]
SettingKind = Literal["text", "texts", "number", "switch"]
"""What a setting may be: a text; one text or a list of them; a whole number above 0; true or false."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One sign-in, as config and store describe it: what `open` of a provider package is given.

    Every provider package `connectors.<provider>` has `SETTINGS: Mapping[str, str]` (each key of its config with one
    line of help) and `open(account: Account) -> Connection`; one with other secrets than `password` names them in `SECRETS`,
    and `KINDS: Mapping[str, SettingKind]` says which settings are no plain texts.
    """

    id: str
    """`<owner>/<account>`."""
    settings: Mapping[str, Setting]
    """The keys of `[owners.NAME.accounts.ACCOUNT]` besides `provider`; paths are absolute."""
    secrets: Secrets
    zone: str
    """The owner's IANA zone: floating times are read in it."""
    addresses: tuple[Address, ...] = ()
    """The owner's addresses, as far as known."""
    installation: str = ""
    """Identifies this installation on this account; part of markers, so that two on one account notice each other. It begins
    with the instant the account was connected: of two, the later sorts higher."""
    quota: Quota | None = None
    """What may be asked of the provider in a minute; None = nobody counts."""
    gate: Gate | None = None
    """How many requests may be under way at once; None = nobody else asks."""
    since: datetime | None = None
    """Where the history that is kept begins: what ended before need not be reported. None = everything is wanted."""


def text_of(settings: Mapping[str, Setting], key: str) -> str:
    """Return a setting that is a text, "" where it is left out."""
    value = settings.get(key, "")
    return value if isinstance(value, str) else ""


def texts_of(settings: Mapping[str, Setting], key: str) -> tuple[str, ...]:
    """Return a setting that is several texts, or one."""
    value = settings.get(key, ())
    return value if isinstance(value, tuple) else (str(value),)
