"""Who an address stands for, from what messages show of it: human, machine, list, room, the owner, or not known yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag, auto
from typing import Literal

from rules.addresses import domain_of, is_freemail, match_key, organisation
from rules.facts import Address, MessageMetadata
from rules.network import Kind

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


class Signal(IntFlag):
    """What one message says about the machine that wrote or carried it; the numbers are stored, so only append."""

    LIST = auto()  # List-Id, List-Post, Precedence: list: it came through a mailing list (RFC 2369, RFC 2919)
    BULK = auto()  # Precedence: bulk or junk, Feedback-ID, campaign headers, Gmail promotions
    UNSUBSCRIBE = auto()  # List-Unsubscribe without a list one can post to
    AUTOMATIC = auto()  # Auto-Submitted: auto-generated (RFC 3834)
    ANSWERED_BY_MACHINE = auto()  # Auto-Submitted: auto-replied, X-Autoreply: an out-of-office answer
    BOUNCE = auto()  # null reverse-path, multipart/report
    CALENDAR = auto()  # text/calendar with a method: the calendar counts it, mail does not
    VIA = auto()  # a relay or list rewrote From; the person is in Reply-To or in the name
    ON_BEHALF = auto()  # Sender is somebody else in the author's organisation: an assistant wrote


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerKeys:
    """The owner as the rules on addresses know them."""

    keys: frozenset[str]
    """Match keys of all addresses of the owner."""
    domains: frozenset[str] = frozenset()
    """Domains of the owner's organisation, never free mail."""
    principals: Mapping[str, str] = field(default_factory=dict)
    """Match key of an assistant -> match key of the executive they write and book for."""


Role = Literal["from", "to", "cc", "bcc", "reply-to", "sender"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One address on one message, and what to add to the counters kept for it."""

    key: str
    address: Address
    role: Role
    direction: Literal["in", "out", "none"]
    """in: they wrote to the owner; out: the owner wrote to them; none: seen only, a bystander."""
    tallies: tuple[str, ...]
    """Names of the counters of this address to which 1 is added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one message shows: who wrote to whom, and which addresses were seen in which part."""

    direction: Literal["in", "out", "none"]
    """in: another person wrote to the owner; out: the owner wrote; none: an interaction with nobody."""
    author: str
    """Match key of who is to be credited: behind a relay or an assistant the person, not the carrier; "" if unreadable."""
    signals: Signal
    sightings: tuple[Sighting, ...]
    """Nobody twice, never the owner; for list and machine mail the author's side only, whatever the number of recipients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The kind of an address, and why, in one clause."""

    kind: Kind
    reason: str


def signals(message: MessageMetadata) -> Signal:
    """Read the machine-telling headers of one message."""
    raise NotImplementedError


def observe(message: MessageMetadata, owner: OwnerKeys) -> Observation:
    """Say who wrote to whom on one message and what that adds to the counters of each address. Pure and lean."""
    raise NotImplementedError


def judge(email: str, names: Mapping[str, int], counts: Mapping[str, int]) -> Verdict:
    """Judge the kind of an address from the names it was seen under and its counters.

    `names`: decoded display name -> how often. `counts`: the tallies of all sightings added up, plus `meetings` (held
    meetings it was a guest of), `rooms` (times a calendar called it a room or resource) and `groups` (CUTYPE GROUP).
    Counters are additive: those of two mailboxes or two halves of one may be summed in any order.
    """
    raise NotImplementedError


def has_exchange(counts: Mapping[str, int]) -> bool:
    """Tell whether there was a two-way exchange with the owner or a held meeting: only then a human joins the network."""
    raise NotImplementedError
