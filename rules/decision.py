"""What a decision consists of: cases judged, suggestions made, refusals with their reason, and a trace of it all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rules.case import Case, View
from rules.conditions import Checked, check_all
from rules.findings import said
from rules.gates import mode_of, refused
from rules.rule import Rule
from rules.suggestions import Evidence, Suggestion
from rules.triggers import cases

Outcome = Literal["suggested", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Something that was considered and left undone, with the sentence for `why-not`."""

    person_id: str
    rule: str
    cause: str
    sentence: str
    checked: tuple[Checked, ...] = ()

    @property
    def facts(self) -> tuple[Evidence, ...]:
        """Return what was found beside what the sentence says, in words; put so only when somebody asks."""
        return tuple(Evidence(text=words) for found in self.checked for words in said(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """How one case was decided: every condition looked at, in order, and what came of it."""

    person_id: str
    rule: str
    cause: str
    checked: tuple[Checked, ...]
    outcome: Outcome


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
class Judged:
    """One case with all that was found on it; an empty `sentence` means that its rule holds."""

    rule: Rule
    case: Case
    checked: tuple[Checked, ...]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One sentence a tired executive believes, then the facts behind it."""

    who: str
    sentence: str
    facts: tuple[Evidence, ...] = ()


def judge(view: View, rule: Rule) -> Iterator[Judged]:
    """Judge every case of a rule: what stands before it, then its conditions in order."""
    if mode_of(rule, view.network) == "off":
        return
    for relation in view.network.relations:
        for case in cases(rule.trigger, view, relation):
            before = refused(case, rule)
            checked = () if before else tuple(check_all(rule.when, case))
            unmet = next((one.sentence for one in checked if not one.is_met), "")
            yield Judged(rule=rule, case=case, checked=checked, sentence=before or unmet)
