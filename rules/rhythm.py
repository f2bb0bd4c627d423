"""A person's own rhythm, the strength of the tie, and the chance that it lapses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One time the owner and a person were in touch.

    A meeting is one contact in and one out. `recipients` counts the people addressed (meeting: the other people in it);
    `is_reply` = answers a message of the other side.
    """

    at: datetime
    direction: Literal["in", "out"]
    recipients: int
    is_reply: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What the chance of lapse needs of a history, as of one instant."""

    w30: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One line of the scorecard: what it is in words, its value, and its signed part of the logit."""

    name: str
    text: str
    value: float
    logit: float
    """Above 0 it speaks for a lapse, below 0 against it."""


def lapse_probability(contacts: Sequence[Contact], *, now: datetime, horizon: timedelta, shift: float = 0.0) -> float:
    """Return the chance, 0 to 1, of no two-way interaction within `horizon` after `now`.

    Any order, empty allowed; what lies after `now` is not looked at. Horizons between 90 and 180 days are interpolated
    in logit, those outside use the nearer end. `shift` calibrates the intercept for an owner (see `shift_of`).
    """
    raise NotImplementedError


def lapse_terms(
    contacts: Sequence[Contact], *, now: datetime, horizon: timedelta, shift: float = 0.0
) -> tuple[Term, ...]:
    """Return the signed terms whose sum is the logit of `lapse_probability`, the strongest first."""
    raise NotImplementedError


def sums(contacts: Iterable[Contact], now: datetime) -> Sums:
    """Condense a history into what the chance of lapse needs, as of `now`."""
    raise NotImplementedError


def lapse_from(sums: Sums, *, horizon: timedelta, shift: float = 0.0) -> float:
    """Return `lapse_probability` from sums alone: the fast path for thousands of people."""
    raise NotImplementedError


def rhythm(contacts: Sequence[Contact]) -> timedelta | None:
    """Return the usual gap: the median between days with a two-way interaction; None with fewer than three of them."""
    raise NotImplementedError


def is_out_of_rhythm(
    contacts: Sequence[Contact],
    *,
    now: datetime,
    cadence: timedelta | None = None,
    away: Sequence[tuple[datetime, datetime]] = (),
) -> bool:
    """Tell whether the silence is longer than the cadence, or well beyond the own rhythm where none is set.

    `away`: spans of leave, holidays and out-of-office of either side, taken out of the silence.
    """
    raise NotImplementedError


def unanswered(contacts: Sequence[Contact]) -> int:
    """Count the owner's messages since the other side was last heard; at two it is time to stop."""
    raise NotImplementedError


def strength(contacts: Sequence[Contact], now: datetime) -> float:
    """Return the strength of the tie, 0 to 100: two-way only, past only, one-to-one above crowd, decaying slowly."""
    raise NotImplementedError


def shift_of(cases: Iterable[tuple[float, bool]]) -> float:
    """Calibrate the intercept for one owner from finished cases (chance forecast without shift, whether it lapsed).

    0 below 50 cases; at most 1.5 either way.
    """
    raise NotImplementedError
