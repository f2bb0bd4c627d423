"""A rulebook is data: TOML in, typed rules out, and every problem at once with its file, its key and the nearest name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Literal

Trigger = Literal[
    "meeting_held", "met_group", "lapsing", "dormant", "travel", "reply_owed", "awaiting_reply", "one_to_one_missed",
    "introduced", "introduction_paid_off", "promise_due", "month", "hold_starting",
]  # fmt: skip
Mode = Literal["create", "review", "off"]
Approval = Literal["ask", "veto"]
Operator = Literal["is", "is_not", "at_least", "at_most", "one_of", "none_of"]
Value = bool | float | str | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One fact compared with one value."""

    fact: str
    operator: Operator
    value: Value
    why_not: str = ""
    """What to tell the owner when it does not hold; "" = the fact's own sentence."""
    is_lasting: bool = True
    """Looked at again before delivering; False = only when planning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """Holds when one of its conditions does."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When an action appears and how long it stays."""

    delay: timedelta = timedelta(0)
    """After what caused it."""
    hours: tuple[time, time] | None = None
    """Local hours it appears in; None = the owner's own; ("00", "24") in TOML is (00:00, 23:59:59.999999) on every day."""
    working_days: int = 3
    """A draft expires after so many."""
    minutes: int = 25
    """Length of a hold."""
    notice: int = 2
    """Working days between deciding and a hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How often at most; None = no cap of its own."""

    per_person: timedelta | None = None
    per_day: int | None = None
    per_week: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Trigger + conditions + action."""

    name: str
    trigger: Trigger
    action: Literal["draft", "hold", "invite"]
    template: str
    description: str = ""
    when: tuple[Condition | AnyOf, ...] = ()
    timing: Timing = Timing()
    caps: Caps = Caps()
    mode: Mode = "create"
    approval: Approval = "ask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Caps over all rules together."""

    holds_per_day: int = 1
    holds_per_week: int = 2
    drafts_per_day: int = 3
    drafts_per_week: int = 10
    meeting_hours: float = 5.0
    """No hold on a day with more hours of meetings than that."""
    gentle_days: int = 14
    """So long after set-up every cap is halved (never below one)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """All rules, in the order they are tried."""

    rules: tuple[Rule, ...]
    default_mode: Mode = "create"
    limits: Limits = Limits()

    def rule(self, name: str) -> Rule | None:
        """Return the rule of that name."""
        return next((rule for rule in self.rules if rule.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a rulebook."""

    file: str
    key: str
    """Dotted path in the TOML; "" for the file itself."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FactHelp:
    """One fact a condition may use."""

    name: str
    type: Literal["yes/no", "number", "text"]
    help: str


class RulebookError(Exception):
    """A rulebook cannot be used; `problems` lists everything wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(f"{p.file}: {p.key}: {p.message}" if p.key else f"{p.file}: {p.message}" for p in problems))
        self.problems = tuple(problems)


def parse(texts: Sequence[tuple[str, str]]) -> Rulebook:
    """Read rulebooks (file name, TOML text), the shipped one first; a later one overrides an earlier rule by rule, key by key.

    Raises RulebookError with every problem of every file.
    """
    raise NotImplementedError


def facts() -> tuple[FactHelp, ...]:
    """List every fact a condition may use."""
    raise NotImplementedError


def schema() -> Mapping[str, object]:
    """Return the JSON Schema (draft 2020-12) of a rulebook, for editors."""
    raise NotImplementedError
