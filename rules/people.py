"""Who wrote to whom on one message, and what that adds to the counters by which an address is judged."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from rules.addresses import domain_of, is_freemail, match_key, organisation
from rules.facts import Address, MessageMetadata
from rules.kinds import Verdict, has_exchange, judge
from rules.names import clean_name, name_key
from rules.sightings import Addresses, Company, Direction, OwnerKeys, Sighting, sighting
from rules.signals import Signal, read, signals

__all__ = [
    "Company",
    "Observation",
    "OwnerKeys",
    "Side",
    "Sighting",
    "Signal",
    "Verdict",
    "addressed",
    "between",
    "domain_of",
    "has_exchange",
    "is_freemail",
    "judge",
    "match_key",
    "observe",
    "organisation",
    "sighting",
    "signals",
]

Way = Literal["in", "named", "out", "none"]
"""What a message is by its sender: one to the owner, that only if it names the owner, one of the owner's, or neither."""

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


class Side:
    """The sender's side of a message: what it shows whoever it is addressed to. Messages that differ elsewhere may share it."""

    __slots__ = (
        "_about_lists",
        "_carrier",
        "_message",
        "_owner",
        "_person",
        "_seen",
        "author",
        "bits",
        "is_shown",
        "signals",
        "way",
    )

    def __init__(self, message: MessageMetadata, owner: OwnerKeys) -> None:
        """Look at one message; at its recipients only where a header names a list."""
        self._message, self._owner = message, owner
        self.signals, self._about_lists = read(message)
        self.bits = bits = int(self.signals)
        self._carrier = carrier = message.from_[0] if message.from_ else None
        self._person = _behind(message, self._about_lists) if carrier is not None and bits & VIA else carrier
        self.author = _credited(self._person, owner)
        labels = message.labels
        self.is_shown = carrier is not None and "\\Drafts" not in labels and "\\Junk" not in labels
        """Whether anybody is seen on it: a draft and junk show nobody."""
        self.way: Way = _way(message, owner, bits, self.author) if self.is_shown and not bits & MADE_BY_MACHINE else "none"
        self._seen: dict[Direction, tuple[Sighting, ...]] = {}

    @property
    def is_answer(self) -> bool:
        """Whether it answers another message."""
        return bool(self._message.in_reply_to)

    def sightings(self, direction: Direction) -> tuple[Sighting, ...]:
        """See the author and whoever carried what they wrote."""
        seen = self._seen.get(direction)
        if seen is None and self._carrier is not None:
            seen = _from_whom(self._message, self._owner, self.bits, direction, self._carrier, self._person, self._about_lists)
            self._seen[direction] = seen
        return seen or ()


def observe(message: MessageMetadata, owner: OwnerKeys) -> Observation:
    """Say who wrote to whom on one message and what that adds to the counters of each address. Pure and lean."""
    return addressed(Side(message, owner), message.to, message.cc, message.bcc, message.recipients, owner)


def addressed(side: Side, to: Addresses, cc: Addresses, bcc: Addresses, named: int, owner: OwnerKeys) -> Observation:
    """Say what one message shows, from its sender's side and whom it is addressed to; `named`: how many the fields name."""
    direction, recipients, sightings = between(side, Company(to, cc, bcc, named, owner), owner)
    return Observation(direction=direction, author=side.author, signals=side.signals, recipients=recipients, sightings=sightings)


def between(side: Side, company: Company, owner: OwnerKeys) -> tuple[Direction, int, tuple[Sighting, ...]]:
    """Say of one message, from both its sides, which way it went, how many people it addressed, and whom it shows."""
    recipients, named = company.recipients, company.named
    direction = _direction(side.way, named, is_to_owner=company.has_owner)
    sightings: tuple[Sighting, ...] = ()
    if side.is_shown:
        if direction == "out":
            sightings = company.written_to(is_answer=side.is_answer) if recipients <= CROWD else ()
        elif side.author not in owner.keys:
            sightings = side.sightings(direction)
            if direction == "in" and named <= CROWD and not side.bits & LIST:
                sightings = _with_bystanders(sightings, company.bystanders())
    if direction == "in" and not company.has_owner:
        recipients = max(recipients, UNNAMED)
    return direction, recipients, sightings


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


def _way(message: MessageMetadata, owner: OwnerKeys, bits: int, author: str) -> Way:
    """Tell an interaction from mail that only came by, where a human wrote. A list header alone never disqualifies its author."""
    if author in owner.keys or "\\Sent" in message.labels:
        return "out"
    if not author or (bits & ADVERTISING and not bits & LIST and not message.in_reply_to):
        return "none"
    return "named" if bits & (ADVERTISING | LIST) else "in"


def _direction(way: Way, named: int, *, is_to_owner: bool) -> Direction:
    if way == "out":
        return "out" if named <= CROWD else "none"
    if way == "named":
        return "in" if is_to_owner else "none"
    return way


def _with_bystanders(authors: tuple[Sighting, ...], others: tuple[Sighting, ...]) -> tuple[Sighting, ...]:
    """See also to whom else a personal message was addressed."""
    if not others:
        return authors
    if len(authors) == 1:
        return authors + tuple([each for each in others if each.key != authors[0].key])
    seen = {each.key for each in authors}
    return authors + tuple([each for each in others if each.key not in seen])


def _from_whom(
    message: MessageMetadata,
    owner: OwnerKeys,
    bits: int,
    direction: Direction,
    carrier: Address,
    person: Address | None,
    lists: tuple[Address, ...],
) -> tuple[Sighting, ...]:
    """See the author, whoever carried it, and the lists it came through."""
    found: dict[str, Sighting] = {}
    if person is not None:
        _see_author(found, message, owner, bits, direction, person)
    if person is not carrier and (key := match_key(carrier.email)):
        found.setdefault(key, sighting(key, carrier.email, "", "from", "none", ("from", "via")))
    for address in lists if bits & LIST else ():
        if (key := match_key(address.email)) and key not in owner.keys and (key not in found or person is not carrier):
            tallies = ("from", "via", "list") if key in found else ("list",)
            found[key] = sighting(key, address.email, "", "to", "none", tallies)
    return tuple(found.values())


def _see_author(
    found: dict[str, Sighting], message: MessageMetadata, owner: OwnerKeys, bits: int, direction: Direction, person: Address
) -> None:
    key = match_key(person.email)
    tallies = _tallies(bits, direction, is_reply=bool(message.in_reply_to))
    principal = owner.principals.get(key, "")
    if principal:
        found[principal] = sighting(principal, principal, "", "from", direction, tallies)
        found[key] = sighting(key, person.email, person.name, "sender", "none", ("from",))
    elif key:
        found[key] = sighting(key, person.email, person.name, "from", direction, tallies)
    if bits & ON_BEHALF and message.sender is not None:
        sender = match_key(message.sender.email)
        if sender and sender not in found and sender not in owner.keys:
            found[sender] = sighting(sender, message.sender.email, message.sender.name, "sender", "none", ("behalf",))


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
