"""The shape of a rulebook as it is written: what keys there are, and what may stand behind each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import time, timedelta
from difflib import get_close_matches
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from rules.facts_by_name import FACTS
from rules.rule import Approval, Limits, Mode, Operator, Trigger, Value
from rules.social import Social

UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400, "w": 604800, "week": 604800}
"""Seconds in each unit; a plural s is allowed."""
LONGEST = timedelta(days=3660)
Scalar = StrictBool | StrictInt | StrictFloat | StrictStr


def duration(text: str) -> timedelta:
    """Read "1h", "90 days", "2 weeks" or "-15m". Raises ValueError."""
    found = re.fullmatch(r"\s*(-?\d{1,6})\s*([a-z]+?)s?\s*", text.lower()) or re.fullmatch(r"\s*(-?\d{1,6})\s*(s)\s*", text.lower())
    if not found or found[2] not in UNITS:
        raise ValueError(f"{text!r} is no span of time; write it like '1h', '30m' or '90 days'")
    span = timedelta(seconds=int(found[1]) * UNITS[found[2]])
    if abs(span) > LONGEST:
        raise ValueError(f"{text!r} is longer than ten years")
    return span


def hours(text: str) -> tuple[time, time] | None:
    """Read "09:00-18:00", "00-24" or "owner" (None: the owner's own). Raises ValueError."""
    if text == "owner":
        return None
    clock = r"([01]?\d|2[0-3])(?::([0-5]\d))?"
    found = re.fullmatch(rf"\s*{clock}\s*-\s*(?:{clock}|24(?::00)?)\s*", text)
    if not found:
        raise ValueError(f"{text!r} are no hours; write 'owner', '09:00-18:00' or '00-24'")
    return time(int(found[1]), int(found[2] or 0)), time(int(found[3] or 0), int(found[4] or 0))


def _is_duration(text: str) -> str:
    duration(text)
    return text


def _are_hours(text: str) -> str:
    hours(text)
    return text


def _is_long_enough(text: str) -> str:
    if not timedelta(days=1) <= duration(text) <= timedelta(days=14):
        raise ValueError(f"{text!r} is no time to object in: an announced invitation waits a day at least, fourteen at most")
    return text


Duration = Annotated[str, AfterValidator(_is_duration)]


class Part(BaseModel):
    """A table of the rulebook; a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True)


class ConditionText(Part):
    """One line of `when`: a fact and what it is compared with, or `any` of several such lines."""

    fact: str = ""
    is_: Scalar | None = Field(default=None, alias="is")
    is_not: Scalar | None = None
    at_least: StrictInt | StrictFloat | None = None
    at_most: StrictInt | StrictFloat | None = None
    one_of: tuple[Scalar, ...] | None = None
    none_of: tuple[Scalar, ...] | None = None
    any_of: tuple[ConditionText, ...] = Field(default=(), alias="any")
    why_not: str = ""
    only_when_planning: bool = False

    def tests(self) -> Iterator[tuple[Operator, Value]]:
        """Yield each comparison of the line."""
        named: tuple[tuple[Operator, Scalar | tuple[Scalar, ...] | None], ...] = (
            ("is", self.is_), ("is_not", self.is_not), ("at_least", self.at_least), ("at_most", self.at_most),
            ("one_of", self.one_of), ("none_of", self.none_of),
        )  # fmt: skip
        for operator, value in named:
            if value is not None:
                yield operator, _value(value)

    @model_validator(mode="after")
    def _makes_sense(self) -> ConditionText:
        if self.any_of:
            if self.fact or list(self.tests()) or any(inner.any_of for inner in self.any_of):
                raise ValueError("'any' stands alone and holds plain lines only")
            return self
        fact = FACTS.get(self.fact)
        if fact is None:
            close = get_close_matches(self.fact, FACTS, n=1, cutoff=0.5)
            raise ValueError(f"there is no fact {self.fact!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
        if not list(self.tests()):
            raise ValueError(f"say what {self.fact} is compared with: is, is_not, at_least, at_most, one_of or none_of")
        for operator, value in self.tests():
            _fits(fact.name, fact.type, operator, value)
        return self


def _value(value: Scalar | tuple[Scalar, ...]) -> Value:
    if isinstance(value, tuple):
        return tuple(str(part) for part in value)
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _fits(fact: str, kind: Literal["yes/no", "number", "text"], operator: Operator, value: Value) -> None:
    """Raise ValueError where a comparison makes no sense for a fact."""
    allowed = {
        "yes/no": ("is", "is_not"),
        "number": ("is", "is_not", "at_least", "at_most"),
        "text": ("is", "is_not", "one_of", "none_of"),
    }
    right: dict[str, tuple[type, ...]] = {"yes/no": (bool,), "number": (float,), "text": (str, tuple)}
    if operator not in allowed[kind]:
        raise ValueError(f"{fact} is a {kind} fact: compare it with {' or '.join(allowed[kind])}, not {operator}")
    if not isinstance(value, right[kind]):
        raise ValueError(f"{fact} is a {kind} fact and cannot be compared with {value!r}")  # noqa: TRY004 -- pydantic listens for ValueError


class TimingText(Part):
    """When an action appears and how long it stays."""

    delay: Duration = "0m"
    hours: Annotated[str, AfterValidator(_are_hours)] = "owner"
    keep_working_days: int = Field(default=3, ge=1, le=30)
    minutes: int = Field(default=25, ge=5, le=480)
    notice: int = Field(default=2, ge=0, le=30)
    social: tuple[Social, ...] = ()
    veto: Annotated[Duration, AfterValidator(_is_long_enough)] = "1 day"


class CapsText(Part):
    """How often at most."""

    per_person: Duration | None = None
    per_day: int | None = Field(default=None, ge=0)
    per_week: int | None = Field(default=None, ge=0)


class RuleText(Part):
    """One [rules.NAME]. An owner's file may state only what it changes."""

    description: str = ""
    trigger: Trigger | None = None
    action: Literal["draft", "hold", "invite"] | None = None
    template: str = ""
    when: tuple[ConditionText, ...] = ()
    timing: TimingText = TimingText()
    caps: CapsText = CapsText()
    mode: Mode | None = None
    approval: Approval | None = None


class LimitsText(Part):
    """Caps over all rules together."""

    holds_per_day: int = Field(default=Limits().holds_per_day, ge=0)
    holds_per_week: int = Field(default=Limits().holds_per_week, ge=0)
    drafts_per_day: int = Field(default=Limits().drafts_per_day, ge=0)
    drafts_per_week: int = Field(default=Limits().drafts_per_week, ge=0)
    meeting_hours: float = Field(default=Limits().meeting_hours, ge=0)
    gentle_days: int = Field(default=Limits().gentle_days, ge=0)


class RulebookText(Part):
    """A whole rulebook."""

    default_mode: Mode | None = None
    limits: LimitsText = LimitsText()
    rules: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], RuleText] = {}
