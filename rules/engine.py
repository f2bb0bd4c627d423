"""Decide: from the part of the network that is due to suggestions, each with its trace, and from a name to why or why not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rules.network import Network
from rules.rulebook import Rulebook
from rules.suggestions import Evidence, Suggestion
from rules.wording import Wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One condition as it was found."""

    fact: str
    value: str
    is_met: bool
    sentence: str = ""
    """Why not, where it is not met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Something that was considered and left undone, with the sentence for `why-not`."""

    person_id: str
    rule: str
    cause: str
    sentence: str
    facts: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """How one case was decided: every condition looked at, in order, and what came of it."""

    person_id: str
    rule: str
    cause: str
    checked: tuple[Checked, ...]
    outcome: Literal["suggested", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do now, what was left undone and how it came about; the same input always gives the same decision."""

    suggestions: tuple[Suggestion, ...]
    refusals: tuple[Refusal, ...]
    traces: tuple[Trace, ...]


@dataclass(frozen=True, slots=True)
class Keep:
    """The suggestion still makes sense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """It does not any more; `why` is for the owner."""

    why: str
    reason: Literal["withdrawn", "expired"] = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One sentence a tired executive believes, then the facts behind it."""

    who: str
    sentence: str
    facts: tuple[Evidence, ...] = ()


def suggest(network: Network, rulebook: Rulebook, now: datetime, wording: Wording) -> Decision:
    """Decide for the persons due. Respects caps, ledger, episodes, stops, modes, snoozes, coverage and mutes."""
    raise NotImplementedError


def still_wanted(suggestion: Suggestion, network: Network, rulebook: Rulebook, now: datetime) -> Keep | Withdraw:
    """Say whether a suggestion that is not closed is still wanted; asked before delivering and of delivered, untouched objects.

    A person who is not among `network.relations` is not judged: Keep.
    """
    raise NotImplementedError


def why(network: Network, rulebook: Rulebook, now: datetime, wording: Wording, *, person_id: str) -> Explanation:
    """Explain what is, or would be, suggested for a person and where the tie stands."""
    raise NotImplementedError


def why_not(network: Network, rulebook: Rulebook, now: datetime, wording: Wording, *, person_id: str | None = None) -> Explanation:
    """Explain why nothing is suggested for a person; None = why there is nothing today."""
    raise NotImplementedError
