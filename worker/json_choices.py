"""What --json prints of choices, weights and words of the owner: the shapes beside those in worker.json_views."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from worker.json_views import NamedView


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceView:
    """One person of a month."""

    person: NamedView
    circle: str
    why: str
    is_carried: bool
    """Left over from the month before."""
    is_done: bool
    """The owner was in touch with them in this month."""
    has_answered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeView:
    """What came of an earlier month."""

    month: str
    chosen: int
    done: int
    answered: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedView:
    """Someone the owner wants to get to know."""

    person: NamedView
    asked_at: datetime
    """When the draft was asked for."""
    is_done: bool
    """The draft has gone."""
    has_answered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthView:
    """What `month` prints."""

    month: str
    """`2026-11`, in the owner's zone."""
    people: tuple[ChoiceView, ...]
    trades: tuple[str, ...]
    """Who was preferred to somebody worth more, and why."""
    wanted: tuple[WantedView, ...]
    """Those the owner wants to get to know: the draft lies there, or has gone this month."""
    earlier: OutcomeView | None
    """The month before that; null where nobody was chosen then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietView:
    """One person on a list of those who are silent, with the reason in a sentence."""

    person: NamedView
    reason: str
    silent_days: float
    """Since the last two-way contact."""
    rhythm_days: float | None
    p_lapsed_90: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietListsView:
    """What `people quiet` prints: three lists, the most worthwhile first; nobody stands on two."""

    about_to_lapse: tuple[QuietView, ...]
    lapsed: tuple[QuietView, ...]
    formerly_strong: tuple[QuietView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareView:
    """One person's share of the owner's attention, 0 to 1."""

    name: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionView:
    """What `attention` prints: how the hours in meetings, or without a calendar the mails, of a year are spread."""

    sentence: str
    hours: float
    top: tuple[ShareView, ...]
    top_share: float
    gini: float
    """0 = everybody alike, towards 1 = all to one."""
    last_outside: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TallyView:
    """What one rule would have done."""

    rule: str
    made: int
    talked_anyway: int
    gone_silent: int
    still_open: int
    per_week: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedView:
    """One suggestion that would have been made, and what then happened."""

    at: datetime
    rule: str
    person: NamedView
    why: str
    has_talked_anyway: bool
    has_gone_silent: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestView:
    """What `backtest` prints."""

    since: datetime
    until: datetime
    rules: tuple[TallyView, ...]
    suggestions: tuple[ReplayedView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseView:
    """One open promise: `promise` prints a list of these."""

    id: int
    person: NamedView | None
    """null where a mail to the +promise address named nobody who is known."""
    text: str
    made_at: datetime
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """What became of what one rule made: `status --rules` prints a list of these."""

    rule: str
    mode: Literal["create", "review", "off"]
    reason: str | None
    """Why it runs in another mode than the rulebook says."""
    waiting: int
    accepted: int
    """Sent, kept, met or written instead: what the owner did something with."""
    discarded: int
    """Deleted or dismissed by the owner."""
    lapsed: int
    """Expired, withdrawn or failed: nobody's word on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverView:
    """One entry of what is left alone everywhere: `never` and `mute` print a list of these."""

    kind: Literal["person", "domain", "title"]
    entry: str
    reason: str | None
