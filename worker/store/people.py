"""People: which addresses are judged to be whom, what the owner says about them, and who is due for review."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from rules.network import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPerson:
    """One person as the store lists them, with the sums of their history at the last review."""

    id: str
    owner: str
    name: str
    addresses: tuple[str, ...]
    kind: Kind = "human"
    reason: str = ""
    circle: str = ""
    cadence_days: int | None = None
    is_key: bool = False
    is_muted: bool = False
    mute_reason: str = ""
    episode: int = 0
    snoozed_until: datetime | None = None
    next_review_at: datetime | None = None
    interactions: int = 0
    meetings: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAddress:
    """One address ever seen, also of machines, lists, rooms and those not known yet."""

    key: str
    email: str
    name: str
    kind: Kind
    reason: str
    person: str | None
    first_at: datetime | None
    last_at: datetime | None


def find(connection: Connection, owner: str, who: str) -> list[StoredPerson]:
    """Find persons by id, address, full name or part of a name; an exact match hides the partial ones."""
    raise NotImplementedError


def people(connection: Connection, owner: str) -> list[StoredPerson]:
    """List the persons of the network, the latest interaction first."""
    raise NotImplementedError


def others(connection: Connection, owner: str) -> list[StoredAddress]:
    """List the addresses that are no person of the network, each with the reason."""
    raise NotImplementedError


def describe(
    connection: Connection,
    owner: str,
    person: str,
    *,
    circle: str | None = None,
    cadence_days: int | None = None,
    is_key: bool | None = None,
    mute_reason: str | None = None,
) -> None:
    """Note what the owner says about a person; None leaves a thing as it is, cadence 0 and an empty mute_reason end it."""
    raise NotImplementedError


def snooze(connection: Connection, owner: str, person: str, until: datetime | None) -> None:
    """Be silent about a person until then; None ends it."""
    raise NotImplementedError


def touch(connection: Connection, owner: str, persons: Iterable[str], at: datetime) -> None:
    """Have persons reviewed at `at` or earlier."""
    raise NotImplementedError


def touch_all(connection: Connection, owner: str, at: datetime) -> None:
    """Have everybody reviewed: the rulebook or the owner's settings have changed."""
    raise NotImplementedError


def merge(connection: Connection, owner: str, keep: str, other: str) -> None:
    """Say that two persons are one: a link between their addresses, by the owner; `split` takes it back."""
    raise NotImplementedError


def split(connection: Connection, owner: str, person: str, address: str) -> str:
    """Say that an address is somebody else's, for good; return the id of that person."""
    raise NotImplementedError


def forget(connection: Connection, owner: str, keys: Sequence[str], now: datetime) -> int:
    """Remove every trace of addresses and leave a keyed hash of each, so that no sync brings them back.

    Returns how many rows went. The ledger keeps keys and states without names or text: nothing is made twice.
    """
    raise NotImplementedError
