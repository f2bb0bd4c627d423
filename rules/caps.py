"""Caps: how much may be proposed for a person, a day and a week, given what was proposed before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from rules.case import View
from rules.inviting import ANNOUNCEMENT
from rules.rule import Caps, Limits, Rule
from rules.workdays import local_day

WEEK = timedelta(days=7)
GONE = timedelta(days=30)
"""Nothing is planned for a time so long ago: what lies there fills no day or week that counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One thing that takes up room under the caps."""

    rule: str
    action: Literal["draft", "hold", "invite"]
    at: datetime
    """When it appears; a hold: when it was proposed."""


@dataclass(slots=True, kw_only=True)
class Room:
    """What has been proposed so far, the ledger first, then what this decision adds."""

    view: View
    limits: Limits
    taken: list[Planned] = field(default_factory=list)

    def full(self, rule: Rule, at: datetime) -> str:
        """Say in one sentence why there is no room for one more of a rule at that time; "" where there is."""
        gentle, near = is_gentle(self.view, self.limits), [one for one in self.taken if abs(one.at - at) < WEEK]
        owner, day = self.view.network.owner, local_day(self.view.network.owner, at)
        named: tuple[tuple[Sequence[Planned], Caps], ...] = (
            ([one for one in near if one.rule == rule.name], rule.caps),
            ([one for one in near if is_alike(one.action, rule.action)], _overall(rule, self.limits)),
        )
        for proposed, caps in named:
            same_week = len(proposed)
            same_day = sum(local_day(owner, one.at) == day for one in proposed)
            if 0 in {caps.per_day, caps.per_week}:
                return "You want none of these: a cap is 0."
            if caps.per_day is not None and same_day >= eased(caps.per_day, is_gentle=gentle):
                return f"There is enough for one day already ({same_day} of {eased(caps.per_day, is_gentle=gentle)})."
            if caps.per_week is not None and same_week >= eased(caps.per_week, is_gentle=gentle):
                return f"There is enough for one week already ({same_week} of {eased(caps.per_week, is_gentle=gentle)})."
        return ""

    def take(self, rule: Rule, at: datetime) -> None:
        """Count one more."""
        self.taken.append(Planned(rule=rule.name, action=rule.action, at=at))


def is_alike(one: Literal["draft", "hold", "invite"], other: Literal["draft", "hold", "invite"]) -> bool:
    """Tell whether two actions share the same room: the mailbox, or the calendar."""
    return (one == "draft") == (other == "draft")


def room_in(view: View, limits: Limits) -> Room:
    """Return the room the ledger leaves."""
    return Room(view=view, limits=limits, taken=list(_counted(view)))


def is_gentle(view: View, limits: Limits) -> bool:
    """Tell whether these are the first days after set-up."""
    started = view.network.started_at
    return started is not None and view.now < started + timedelta(days=limits.gentle_days)


def eased(cap: int, *, is_gentle: bool) -> int:
    """Return a cap, halved in the first days; one stays one, and none stays none."""
    return max(cap // 2, min(cap, 1)) if is_gentle else cap


def _counted(view: View) -> Iterator[Planned]:
    """Yield what the owner got to see or will: what was withdrawn or failed left no trace with them."""
    for past in view.network.ledger:
        at = past.created_at if past.action != "draft" else past.at or past.created_at
        if at > view.now - GONE and past.close_reason not in {"withdrawn", "failed"} and past.rule != ANNOUNCEMENT:
            yield Planned(rule=past.rule, action=past.action, at=at)


def _overall(rule: Rule, limits: Limits) -> Caps:
    if rule.action == "draft":
        return Caps(per_day=limits.drafts_per_day, per_week=limits.drafts_per_week)
    return Caps(per_day=limits.holds_per_day, per_week=limits.holds_per_week)
