"""Decide: the persons due, loaded, looked at by the rules, and what they suggest planned in the outbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rules.network import Owner
from rules.rulebook import Rulebook
from worker.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What one decision did."""

    reviewed: int = 0
    """Persons looked at."""
    planned: tuple[str, ...] = ()
    """Keys of new suggestions."""
    is_held: bool = False
    """Whether another worker was deciding for this owner: nothing was done."""


def decide(store: Store, owner: Owner, rulebook: Rulebook, now: datetime, *, holder: str) -> Decided:
    """Decide for the persons of one owner that are due; one decision per owner at a time, by lease."""
    raise NotImplementedError
