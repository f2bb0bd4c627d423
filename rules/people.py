"""Who wrote to whom on one message, and what that adds to the counters by which an address is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal

from rules.addresses import domain_of, is_freemail, match_key, organisation
from rules.facts import Address, MessageMetadata
from rules.kinds import Verdict, has_exchange, judge
from rules.names import clean_name, name_key
from rules.signals import Signal, read, signals

__all__ = [
    "Observation",
    "OwnerKeys",
    "Sighting",
    "Signal",
    "Verdict",
    "domain_of",
    "has_exchange",
    "is_freemail",
    "judge",
    "match_key",
    "observe",
    "organisation",
    "signals",
]

Direction = Literal["in", "out", "none"]
Role = Literal["from", "to", "cc", "bcc", "reply-to", "sender"]

CROWD: Final = 50
"""Above so many recipients nobody but the author is looked at."""

UNNAMED: Final = 10
"""Recipients a message counts for at least that names no address of the owner: a blind copy or a group's address."""

MADE_BY_MACHINE: Final = int(Signal.AUTOMATIC | Signal.ANSWERED_BY_MACHINE | Signal.BOUNCE | Signal.CALENDAR)
ADVERTISING: Final = int(Signal.BULK | Signal.UNSUBSCRIBE)
LIST: Final = int(Signal.LIST)
VIA: Final = int(Signal.VIA)
ON_BEHALF: Final = int(Signal.ON_BEHALF)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one message shows: who wrote to whom, and which addresses were seen in which part."""

    direction: Direction
    """in: another person wrote to the owner; out: the owner wrote; none: an interaction with nobody."""
    author: str
    """Match key of who is to be credited: behind a relay or an assistant the person, not the carrier; "" if unreadable."""
    signals: Signal
    recipients: int
    """How many people it addressed, at least 1; more where the owner is not named among them."""
    sightings: tuple[Sighting, ...]
    """Nobody twice, never the owner; for list and machine mail the author's side only, whatever the number of recipients."""


def observe(message: MessageMetadata, owner: OwnerKeys) -> Observation:
    """Say who wrote to whom on one message and what that adds to the counters of each address. Pure and lean."""
    found, lists = read(message)
    bits = int(found)
    carrier = message.from_[0] if message.from_ else None
    person = _behind(message, lists) if carrier is not None and bits & VIA else carrier
    author = _credited(person, owner)
    recipients = max(1, message.recipients, len(message.to) + len(message.cc) + len(message.bcc))
    is_named = _names_owner(message, owner)
    direction = _direction(message, owner, bits, author, is_named=is_named)
    sightings: tuple[Sighting, ...] = ()
    if carrier is not None and not message.is_draft and "\\Junk" not in message.labels:
        if author in owner.keys or direction == "out":
            sightings = _addressed(message, owner, direction, recipients)
        else:
            sightings = _received(message, owner, bits, direction, carrier, person, lists)
    if direction == "in" and not is_named:
        recipients = max(recipients, UNNAMED)
    return Observation(direction=direction, author=author, signals=found, recipients=recipients, sightings=sightings)


def _behind(message: MessageMetadata, lists: tuple[Address, ...]) -> Address | None:
    """Find the person behind a list or relay that put itself into From: in Reply-To, under the name it says it is via.

    A service is not believed: only a list's Reply-To, or one that bears the very name, is the writer's.
    """
    posts = {address.email.lower() for address in lists}
    said = name_key(message.from_[0].name)
    for address in message.reply_to:
        if address.email.lower() not in posts and (posts or (said and name_key(address.name) == said)):
            return Address(email=address.email, name=address.name or clean_name(message.from_[0].name))
    return None


def _credited(person: Address | None, owner: OwnerKeys) -> str:
    """Return the key of who wrote, and of the executive where it was their assistant."""
    key = match_key(person.email) if person is not None else ""
    return owner.principals.get(key, key) if owner.principals else key


def _names_owner(message: MessageMetadata, owner: OwnerKeys) -> bool:
    emails = [address.email for part in (message.to, message.cc, message.bcc) for address in part]
    return not owner.keys.isdisjoint(map(match_key, emails))


def _direction(message: MessageMetadata, owner: OwnerKeys, bits: int, author: str, *, is_named: bool) -> Direction:
    """Tell an interaction from mail that only came by. A list header alone never disqualifies its author."""
    if not message.from_ or message.is_draft or bits & MADE_BY_MACHINE or "\\Junk" in message.labels:
        return "none"
    if author in owner.keys or message.is_sent:
        return "out" if message.recipients <= CROWD else "none"
    if not author or (bits & LIST and not is_named):
        return "none"
    if bits & ADVERTISING and not bits & LIST and not (is_named and message.in_reply_to):
        return "none"
    return "in"


def _addressed(message: MessageMetadata, owner: OwnerKeys, direction: Direction, recipients: int) -> tuple[Sighting, ...]:
    """See everybody the owner wrote to, executives instead of their assistants."""
    if recipients > CROWD or direction != "out":
        return ()
    tallies = ("to", "answered") if message.in_reply_to else ("to",)
    found: dict[str, Sighting] = {}
    parts: tuple[tuple[Role, tuple[Address, ...]], ...] = (("to", message.to), ("cc", message.cc), ("bcc", message.bcc))
    for role, part in parts:
        for address in part:
            key = match_key(address.email)
            principal = owner.principals.get(key, "")
            if principal and principal not in found and principal not in owner.keys:
                found[principal] = _sighting(principal, principal, "", role, "out", tallies)
            if key and key not in found and key not in owner.keys:
                found[key] = _sighting(key, address.email, address.name, role, "none" if principal else "out", tallies)
    return tuple(found.values())


def _received(
    message: MessageMetadata,
    owner: OwnerKeys,
    bits: int,
    direction: Direction,
    carrier: Address,
    person: Address | None,
    lists: tuple[Address, ...],
) -> tuple[Sighting, ...]:
    """See the author and whoever carried it; bystanders only on personal mail."""
    found: dict[str, Sighting] = {}
    if person is not None:
        _see_author(found, message, owner, bits, direction, person)
    if person is not carrier and (key := match_key(carrier.email)):
        found.setdefault(key, _sighting(key, carrier.email, "", "from", "none", ("from", "via")))
    if bits & LIST:
        for address in lists:
            if (key := match_key(address.email)) and key not in owner.keys and (key not in found or person is not carrier):
                tallies = ("from", "via", "list") if key in found else ("list",)
                found[key] = _sighting(key, address.email, "", "to", "none", tallies)
    elif direction == "in" and message.recipients <= CROWD:
        roles: tuple[tuple[Role, tuple[Address, ...]], ...] = (("to", message.to), ("cc", message.cc))
        for role, part in roles:
            for address in part:
                key = match_key(address.email)
                if key and key not in found and key not in owner.keys:
                    found[key] = _sighting(key, address.email, address.name, role, "none", ("seen",))
    return tuple(found.values())


def _see_author(
    found: dict[str, Sighting], message: MessageMetadata, owner: OwnerKeys, bits: int, direction: Direction, person: Address
) -> None:
    key = match_key(person.email)
    tallies = _tallies(bits, direction, is_reply=bool(message.in_reply_to))
    principal = owner.principals.get(key, "")
    if principal:
        found[principal] = _sighting(principal, principal, "", "from", direction, tallies)
        found[key] = _sighting(key, person.email, person.name, "sender", "none", ("from",))
    elif key:
        found[key] = _sighting(key, person.email, person.name, "from", direction, tallies)
    if bits & ON_BEHALF and message.sender is not None:
        sender = match_key(message.sender.email)
        if sender and sender not in found and sender not in owner.keys:
            found[sender] = _sighting(sender, message.sender.email, message.sender.name, "sender", "none", ("behalf",))


@lru_cache(maxsize=1 << 10)
def _tallies(bits: int, direction: Direction, *, is_reply: bool) -> tuple[str, ...]:
    """Name the counters of an author."""
    is_personal = not bits & (LIST | ADVERTISING | MADE_BY_MACHINE)
    named = (
        ("from", True),
        ("from_list", bits & LIST),
        ("from_bulk", bits & ADVERTISING and not bits & LIST and not is_reply),
        ("from_auto", bits & int(Signal.AUTOMATIC)),
        ("from_away", bits & int(Signal.ANSWERED_BY_MACHINE)),
        ("from_bounce", bits & int(Signal.BOUNCE)),
        ("from_calendar", bits & int(Signal.CALENDAR)),
        ("from_reply", is_reply and not bits & MADE_BY_MACHINE),
        ("from_personal", is_personal),
        ("in", direction == "in"),
    )
    return tuple(name for name, holds in named if holds)


@lru_cache(maxsize=1 << 17)
def _sighting(key: str, email: str, name: str, role: Role, direction: Direction, tallies: tuple[str, ...]) -> Sighting:
    """Build a sighting once: the same address in the same part comes thousands of times."""
    return Sighting(key=key, address=Address(email=email, name=name), role=role, direction=direction, tallies=tallies)
