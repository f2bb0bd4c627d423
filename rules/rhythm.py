"""A person's own rhythm, the strength of the tie, and the chance that it lapses."""

from __future__ import annotations

import itertools
import math
import statistics
from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from rules.scorecard import DAY, NAMES, NEAR, Inputs, Measures, card, inputs, sentences

A_DAY: Final = 86400.0
"""Seconds."""


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


Row = tuple[float, bool, int, bool]
"""A Contact in plain values: seconds since 1970, whether it went out, recipients, whether it is a reply."""


class History(Sequence[Contact]):
    """Contacts in order of time that are kept as plain values: what only adds them up has them as rows, without a Contact being made."""

    @abstractmethod
    def rows(self) -> Sequence[Row]:
        """Return every contact as a row, in the same order."""

    @abstractmethod
    def days(self) -> Sequence[float]:
        """Return what `days_of` returns of the rows."""


def rows_of(contacts: Iterable[Contact]) -> Sequence[Row]:
    """Return contacts in plain values."""
    if isinstance(contacts, History):
        return contacts.rows()
    return [(one.at.timestamp(), one.direction == "out", one.recipients, one.is_reply) for one in contacts]


def _until(contacts: Iterable[Contact], now: datetime) -> Sequence[Row]:
    limit, rows = now.timestamp(), rows_of(contacts)
    if isinstance(contacts, History) and (not rows or rows[-1][0] <= limit):
        return rows
    return [row for row in rows if row[0] <= limit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What the chance of lapse needs of a history, as of one instant; `aged` moves it forward without the history."""

    now: datetime
    measures: Measures
    gaps: tuple[float, ...]
    """All gaps between days with a two-way interaction, in days, ascending."""
    inputs: Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One line of the scorecard: what it is in words, its value, and its signed part of the logit."""

    name: str
    text: str
    value: float
    logit: float
    """Above 0 it speaks for a lapse, below 0 against it."""


def lapse_probability(contacts: Sequence[Contact], *, now: datetime, horizon: timedelta, shift: float = 0.0) -> float:
    """Return the chance, between 0 and 1, of no two-way interaction within `horizon` after `now`.

    Any order, empty allowed; what lies after `now` is not looked at. Horizons between 90 and 180 days are interpolated
    in logit, those outside use the nearer end. `shift` calibrates the intercept for an owner (see `shift_of`).
    """
    return lapse_from(sums(contacts, now), horizon=horizon, shift=shift)


def lapse_from(sums: Sums, *, horizon: timedelta, shift: float = 0.0) -> float:
    """Return `lapse_probability` from sums alone: the fast path for thousands of people."""
    a, b, c, d, e, f, g, h, i = sums.inputs
    start, p, q, r, s, t, u, v, w, x = card(horizon)  # written out: this runs for everybody, and sum() takes twice as long
    logit = start + p * a + q * b + r * c + s * d + t * e + u * f + v * g + w * h + x * i + shift
    return 1 / (1 + math.exp(-logit))


def lapse_terms(contacts: Sequence[Contact], *, now: datetime, horizon: timedelta, shift: float = 0.0) -> tuple[Term, ...]:
    """Return the signed terms whose sum is the logit of `lapse_probability`, the strongest first."""
    found = sums(contacts, now)
    start, *weights = card(horizon)
    lines = zip(NAMES, sentences(found.measures), found.inputs, weights, strict=True)
    terms = [Term(name=name, text=text, value=value, logit=weight * value) for name, text, value, weight in lines]
    terms.append(Term(name="start", text="where everybody starts", value=1.0, logit=start))
    terms.append(Term(name="owner", text="how this owner's ties usually go", value=shift, logit=shift))
    return tuple(sorted(terms, key=lambda term: (-abs(term.logit), term.name)))


def sums(contacts: Iterable[Contact], now: datetime) -> Sums:
    """Condense a history into what the chance of lapse needs, as of `now`."""
    today = now.timestamp() / A_DAY
    past = _until(contacts, now)
    days = [today - day for day in _days(contacts, past)]
    gaps = sorted([earlier - later for earlier, later in itertools.pairwise(days)])
    heard, written = (max([at for at, is_out, _, _ in past if is_out == way], default=None) for way in (False, True))
    measures = Measures(
        recent=math.fsum([2 ** ((at / A_DAY - today) / 30) / (recipients or 1) for at, _, recipients, _ in past]),
        in_touch=math.fsum(2 ** (-age / 365) for age in days),
        days=len(days),
        heard=None if heard is None else today - heard / A_DAY,
        written=None if written is None else today - written / A_DAY,
        silence=days[-1] if days else None,
        known=days[0] if days else None,
        median_gap=statistics.median(gaps) if gaps else None,
        mean_gap=math.fsum(gaps) / len(gaps) if gaps else None,
        returns=_returns(gaps, days[-1]) if days else 0,
    )
    return Sums(now=now, measures=measures, gaps=tuple(gaps), inputs=inputs(measures))


def aged(sums: Sums, now: datetime) -> Sums:
    """Move sums forward to a later instant in which nothing happened; equal to reading the whole history again."""
    days = (now - sums.now) / DAY
    old = sums.measures
    silence = None if old.silence is None else old.silence + days
    measures = replace(
        old,
        recent=old.recent * 2 ** (-days / 30),
        in_touch=old.in_touch * 2 ** (-days / 365),
        heard=None if old.heard is None else old.heard + days,
        written=None if old.written is None else old.written + days,
        silence=silence,
        known=None if old.known is None else old.known + days,
        returns=0 if silence is None else _returns(sums.gaps, silence),
    )
    return Sums(now=now, measures=measures, gaps=sums.gaps, inputs=inputs(measures))


def _returns(gaps: Sequence[float], silence: float) -> int:
    """Count the earlier gaps that had lasted as long as the present silence and ended within the next 90 days."""
    return bisect_right(gaps, silence + NEAR[0]) - bisect_right(gaps, silence)


def interaction_days(contacts: Iterable[Contact]) -> list[float]:
    """Return the first two-way interaction of every UTC day in days since 1970, ascending.

    Two-way is a message that answers the other side, and a meeting: one contact in and one out at the same instant.
    """
    return list(_days(contacts, rows_of(contacts)))


def _days(contacts: Iterable[Contact], rows: Iterable[Row]) -> Sequence[float]:
    """Return the days of some rows of these contacts, as worked out before where they are all of them."""
    return contacts.days() if isinstance(contacts, History) and rows is contacts.rows() else days_of(rows)


def days_of(rows: Iterable[Row]) -> list[float]:
    """Return `interaction_days` of plain values."""
    days: dict[float, float] = {}
    sides: dict[float, bool] = {}
    for at, is_out, _, is_reply in rows:
        if is_reply or sides.setdefault(at, is_out) != is_out:
            moment = at / A_DAY
            day = moment // 1
            if moment < days.get(day, math.inf):
                days[day] = moment
    return sorted(days.values())


def _two_way(rows: Iterable[Row]) -> Iterator[tuple[float, int]]:
    """Yield the instant of every two-way contact, in days since 1970, and how many were addressed."""
    sides: dict[float, dict[bool, int]] = {}
    for at, is_out, recipients, is_reply in rows:
        if is_reply:
            yield at / A_DAY, recipients
        elif at not in sides:
            sides[at] = {is_out: recipients}
        else:
            sides[at][is_out] = min(sides[at].get(is_out, recipients), recipients)
    for at, met in sides.items():
        if len(met) > 1:
            yield at / A_DAY, max(met.values())


def rhythm(contacts: Sequence[Contact]) -> timedelta | None:
    """Return the usual gap: the median between days with a two-way interaction; None with fewer than three of them."""
    return _usual(_days(contacts, rows_of(contacts)))


def _usual(days: Iterable[float]) -> timedelta | None:
    gaps = [later - earlier for earlier, later in itertools.pairwise(days)]
    return timedelta(days=statistics.median(gaps)) if len(gaps) > 1 else None


def silence(contacts: Sequence[Contact], *, now: datetime, away: Sequence[tuple[datetime, datetime]] = ()) -> timedelta | None:
    """Return the time since the last two-way interaction without the spans `away`; None if there never was one."""
    days = _days(contacts, _until(contacts, now))
    if not days:
        return None
    return elapsed(now - timedelta(days=now.timestamp() / A_DAY - days[-1]), now, away)


def elapsed(start: datetime, now: datetime, away: Iterable[tuple[datetime, datetime]]) -> timedelta:
    """Return the time from `start` to `now` without the spans `away`; what overlaps is taken out once."""
    gone, until = timedelta(), start
    for begin, end in sorted(away):
        begin, end = max(begin, until), min(end, now)  # noqa: PLW2901 - clipped to the silence
        if end > begin:
            gone, until = gone + (end - begin), end
    return max(now - start - gone, timedelta())


LATE: Final = 2.0
"""Out of rhythm is a silence of so many usual gaps."""
SHORTEST: Final = timedelta(days=21)
"""Nobody is out of rhythm sooner, however often they talk."""


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
    quiet = silence(contacts, now=now, away=away)
    if quiet is None:
        return False
    if cadence is not None:
        return quiet > cadence
    usual = _usual(_days(contacts, _until(contacts, now)))
    return usual is not None and quiet > max(SHORTEST, LATE * usual)


def strength(contacts: Sequence[Contact], now: datetime) -> float:
    """Return the strength of the tie, 0 to 100: two-way only, past only, one-to-one above crowd, decaying slowly."""
    today = now.timestamp() / A_DAY
    past = _touches(_until(contacts, now))
    held = math.fsum(share * 2 ** (-(today - day) / HALF_LIFE) for day, share in past)
    return 100 * held / (held + HALF_STRONG)


def touches(contacts: Iterable[Contact]) -> list[tuple[int, float]]:
    """Return the days with a two-way interaction (since 1970) and what each counts: 1 in private, less in company."""
    return _touches(rows_of(contacts))


def _touches(rows: Iterable[Row]) -> list[tuple[int, float]]:
    days: dict[int, float] = {}
    for at, recipients in _two_way(rows):
        days[int(at // 1)] = max(days.get(int(at // 1), 0.0), 1 / max(1, recipients), LEAST)
    return sorted(days.items())


LEAST: Final = 0.1
"""What a day counts at least on which the two answered each other, in whatever crowd."""
HALF_LIFE: Final = 365.0
HALF_STRONG: Final = 12.0
"""So many recent one-to-one days make half of full strength: a monthly talk for a year."""
FEWEST_CASES: Final = 50
LARGEST_SHIFT: Final = 1.5


def shift_of(cases: Iterable[tuple[float, bool]]) -> float:
    """Calibrate the intercept for one owner from finished cases (chance forecast without shift, whether it lapsed).

    0 below 50 cases; at most 1.5 either way.
    """
    known = [(min(max(chance, 1e-6), 1 - 1e-6), lapsed) for chance, lapsed in cases]
    if len(known) < FEWEST_CASES:
        return 0.0
    logits = [math.log(chance / (1 - chance)) for chance, _ in known]
    lapsed = sum(lapsed for _, lapsed in known)
    low, high = -LARGEST_SHIFT, LARGEST_SHIFT
    for _ in range(40):
        middle = (low + high) / 2
        expected = math.fsum(1 / (1 + math.exp(-(logit + middle))) for logit in logits)
        low, high = (middle, high) if expected < lapsed else (low, middle)
    return (low + high) / 2
