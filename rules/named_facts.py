"""What a named fact is: a name a condition may use, what it means, how it is read from a case, and what to say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from rules.case import Case

FactType = Literal["yes/no", "number", "text"]
Found = bool | float | str
ONE_DAY = timedelta(days=1)
NEVER = 1e6
"""Stands for "no such time" where a number of days is asked for: longer than anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFact:
    """One fact by name."""

    name: str
    type: FactType
    help: str
    why_not: str
    """What to say where a condition on it is not met; `{name}` is the person, `{value}` the fact as found."""
    read: Callable[[Case], Found]


def yes(name: str, meaning: str, why_not: str, read: Callable[[Case], bool]) -> NamedFact:
    """Name a fact that is so or not."""
    return NamedFact(name=name, type="yes/no", help=meaning, why_not=why_not, read=read)


def number(name: str, meaning: str, why_not: str, read: Callable[[Case], float]) -> NamedFact:
    """Name a fact one can count or measure."""
    return NamedFact(name=name, type="number", help=meaning, why_not=why_not, read=read)


def text(name: str, meaning: str, why_not: str, read: Callable[[Case], str]) -> NamedFact:
    """Name a fact that is a word."""
    return NamedFact(name=name, type="text", help=meaning, why_not=why_not, read=read)


def days(span: timedelta | None) -> float:
    """Return a span in days, NEVER for none."""
    return NEVER if span is None else max(span / ONE_DAY, 0.0)


def sentence(fact: NamedFact, case: Case, value: Found, template: str = "") -> str:
    """Say in one sentence why a condition on the fact is not met."""
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    return about((template or fact.why_not).replace("{value}", shown), case)


def about(sentence: str, case: Case) -> str:
    """Put the person a case is about in a sentence: their name, else their address."""
    person = case.relation.person
    return sentence.replace("{name}", person.name or next(iter(person.addresses), "this person"))
