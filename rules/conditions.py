"""Conditions compiled: each becomes a function that looks at a case and returns what it found, for the trace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from rules.case import Case
from rules.facts_by_name import FACTS
from rules.named_facts import NEVER, Found, about, sentence
from rules.rule import AnyOf, Condition, Operator, Value

Check = Callable[[Case], "Checked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One condition as it was found."""

    fact: str
    found: Found
    is_met: bool
    sentence: str = ""
    """Why not, where it is not met."""
    parts: tuple[Checked, ...] = ()
    """What was found where one of several conditions is enough."""

    @property
    def value(self) -> str:
        """Return what was found, in words."""
        return _shown(self.found)


def check_all(conditions: Iterable[Condition | AnyOf], case: Case, *, is_planning: bool = True) -> Iterator[Checked]:
    """Look at conditions in order, up to and with the first that is not met.

    `is_planning` = False leaves out those that count only when planning.
    """
    for condition in conditions:
        if not is_planning and isinstance(condition, Condition) and not condition.is_lasting:
            continue
        found = compiled(condition)(case)
        yield found
        if not found.is_met:
            return


@lru_cache(maxsize=1024)
def compiled(condition: Condition | AnyOf) -> Check:
    """Compile a condition to a closure; the same condition is compiled once."""
    match condition:
        case Condition():
            return _one(condition)
        case AnyOf():
            return _any(condition)


def _one(condition: Condition) -> Check:
    fact, holds = FACTS[condition.fact], _comparison(condition.operator, condition.value)

    def check(case: Case) -> Checked:
        value = fact.read(case)
        is_met = holds(value)
        why = "" if is_met else sentence(fact, case, value, condition.why_not)
        return Checked(fact=fact.name, found=value, is_met=is_met, sentence=why)

    return check


def _any(condition: AnyOf) -> Check:
    branches = tuple(tuple(_one(inner) for inner in branch) for branch in condition.branches)

    def check(case: Case) -> Checked:
        looked = [[inner(case) for inner in branch] for branch in branches]
        is_met = any(all(one.is_met for one in branch) for branch in looked)
        every = tuple(one for branch in looked for one in branch)
        first = next((one.sentence for one in every if one.sentence), "")
        why = "" if is_met else about(condition.why_not, case) or first
        value = ", ".join(f"{one.fact}={one.value}" for one in every)
        return Checked(fact="any", found=value, is_met=is_met, sentence=why, parts=every)

    return check


def _comparison(operator: Operator, value: Value) -> Callable[[Found], bool]:
    match operator:
        case "is":
            return lambda found: found == value
        case "is_not":
            return lambda found: found != value
        case "at_least":
            return lambda found: isinstance(found, float) and isinstance(value, float) and found >= value
        case "at_most":
            return lambda found: isinstance(found, float) and isinstance(value, float) and found <= value
        case "one_of":
            return lambda found: isinstance(value, tuple) and found in value
        case "none_of":
            return lambda found: isinstance(value, tuple) and found not in value


def _shown(value: Found) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return "never" if value >= NEVER else f"{value:.2f}".rstrip("0").rstrip(".")
        case str():
            return value
