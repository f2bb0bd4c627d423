"""What a rule is once it has been read: trigger + conditions + action, with its timing, caps and mode."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time, timedelta
from typing import Literal

from rules.social import Social

Trigger = Literal[
    "meeting_held", "first_meeting", "met_group", "lapsing", "dormant", "travel", "reply_owed", "awaiting_reply", "one_to_one_missed",
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
    """Holds when all conditions of one of its branches do."""

    branches: tuple[tuple[Condition, ...], ...]
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When an action appears and how long it stays."""

    delay: timedelta = timedelta(0)
    """After what caused it."""
    hours: tuple[time, time] | None = None
    """Local hours it appears in, on any day; None = the owner's own, on working days. "00-24" is midnight to midnight."""
    keep_working_days: int = 3
    """An untouched draft is withdrawn after so many."""
    minutes: int = 25
    """Length of a hold."""
    social: tuple[Social, ...] = ()
    """Kinds of social time a hold may take up, where the owner sets such times aside; empty = it is none of that."""
    veto: timedelta = timedelta(days=1)
    """How long an announced invite waits before it goes out."""
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
