"""Who is seen on a message, in which part, and which counters of theirs that raises; and whom it is addressed to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal

from rules.addresses import match_key
from rules.facts import Address

Direction = Literal["in", "out", "none"]
Addresses = tuple[Address, ...]
Role = Literal["from", "to", "cc", "bcc", "reply-to", "sender"]

SEEN: Final = ("seen",)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerKeys:
    """The owner as the rules on addresses know them."""

    keys: frozenset[str]
    """Match keys of all addresses of the owner."""
    domains: frozenset[str] = frozenset()
    """Domains of the owner's organisation, never free mail."""
    principals: Mapping[str, str] = field(default_factory=dict)
    """Match key of an assistant -> match key of the executive they write and book for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One address on one message, and what to add to the counters kept for it."""

    key: str
    address: Address
    role: Role
    direction: Direction
    """in: they wrote to the owner; out: the owner wrote to them; none: seen only, a bystander."""
    tallies: tuple[str, ...]
    """Names of the counters of this address to which 1 is added."""


@lru_cache(maxsize=1 << 12)
def sighting(key: str, email: str, name: str, role: Role, direction: Direction, tallies: tuple[str, ...]) -> Sighting:
    """Build a sighting once: the same address in the same part comes thousands of times."""
    return Sighting(key=key, address=Address(email=email, name=name), role=role, direction=direction, tallies=tallies)


class Company:
    """Whom a message is addressed to. Messages that differ elsewhere may share it."""

    __slots__ = ("_bcc", "_beside", "_cc", "_owner", "_to", "_written", "has_owner", "named", "recipients")

    def __init__(self, to: Addresses, cc: Addresses, bcc: Addresses, named: int, owner: OwnerKeys) -> None:
        """Look at the recipients; `named`: how many the fields name."""
        self._to, self._cc, self._bcc, self._owner = to, cc, bcc, owner
        self.named = named
        self.recipients = max(1, named, len(to) + len(cc) + len(bcc))
        self.has_owner = _names_owner(to, cc, bcc, owner)
        self._written: dict[bool, tuple[Sighting, ...]] = {}
        self._beside: tuple[Sighting, ...] | None = None

    def written_to(self, *, is_answer: bool) -> tuple[Sighting, ...]:
        """See everybody the owner wrote to."""
        seen = self._written.get(is_answer)
        if seen is None:
            tallies = ("to", "answered") if is_answer else ("to",)
            seen = self._written[is_answer] = _written_to(self._to, self._cc, self._bcc, self._owner, tallies)
        return seen

    def bystanders(self) -> tuple[Sighting, ...]:
        """See everybody a message to the owner was addressed to beside them."""
        if self._beside is None:
            self._beside = _beside(self._to, self._cc, self._owner)
        return self._beside


def _names_owner(to: Addresses, cc: Addresses, bcc: Addresses, owner: OwnerKeys) -> bool:
    keys = owner.keys
    for part in (to, cc, bcc):
        for address in part:
            if match_key(address.email) in keys:
                return True
    return False


def _written_to(to: Addresses, cc: Addresses, bcc: Addresses, owner: OwnerKeys, tallies: tuple[str, ...]) -> tuple[Sighting, ...]:
    """See everybody the owner wrote to, executives instead of their assistants."""
    found: dict[str, Sighting] = {}
    parts: tuple[tuple[Role, Addresses], ...] = (("to", to), ("cc", cc), ("bcc", bcc))
    for role, part in parts:
        for address in part:
            key = match_key(address.email)
            principal = owner.principals.get(key, "") if owner.principals else ""
            if principal and principal not in found and principal not in owner.keys:
                found[principal] = sighting(principal, principal, "", role, "out", tallies)
            if key and key not in found and key not in owner.keys:
                found[key] = sighting(key, address.email, address.name, role, "none" if principal else "out", tallies)
    return tuple(found.values())


def _beside(to: Addresses, cc: Addresses, owner: OwnerKeys) -> tuple[Sighting, ...]:
    """See to whom a personal message was addressed beside the owner, each once."""
    found: dict[str, Sighting] = {}
    parts: tuple[tuple[Role, Addresses], ...] = (("to", to), ("cc", cc))
    for role, part in parts:
        for address in part:
            key = match_key(address.email)
            if key and key not in owner.keys and key not in found:
                found[key] = sighting(key, address.email, address.name, role, "none", SEEN)
    return tuple(found.values())
