"""A person's own rhythm, the strength of the tie, and the chance that it lapses."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal


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

    now: datetime
    w30: float = 0.0
    """Messages either way, each shared among its recipients, halved every 30 days."""
    d365: float = 0.0
    """Days with a two-way interaction, halved every 365 days."""
    days_since_in: float | None = None
    """Since the other side was last heard; None if never."""
    median_gap: float | None = None
    """Days between days with a two-way interaction; None with fewer than three of them."""
    interaction_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One line of the scorecard: what it is in words, its value, and its signed part of the logit."""

    name: str
    text: str
    value: float
    logit: float
    """Above 0 it speaks for a lapse, below 0 against it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The coefficients for one horizon."""

    days: int
    intercept: float
    recent: float
    days_in_touch: float
    silence: float
    gap: float


NEAR: Final = Card(days=90, intercept=2.882, recent=-0.458, days_in_touch=-0.968, silence=0.273, gap=-0.201)
FAR: Final = Card(days=180, intercept=2.650, recent=-0.437, days_in_touch=-1.080, silence=0.259, gap=-0.266)
LONGEST_SILENCE: Final = 8.0
"""ln(1 + days) is capped: after 8 years it no longer matters how long."""
UNKNOWN_GAP: Final = 30.0
"""Days taken for the median gap where there is none yet."""
DAY: Final = 86400.0


def lapse_probability(contacts: Sequence[Contact], *, now: datetime, horizon: timedelta, shift: float = 0.0) -> float:
    """Return the chance, 0 to 1, of no two-way interaction within `horizon` after `now`.

    Any order, empty allowed; what lies after `now` is not looked at. Horizons between 90 and 180 days are interpolated
    in logit, those outside use the nearer end. `shift` calibrates the intercept for an owner (see `shift_of`).
    """
    return lapse_from(sums(contacts, now), horizon=horizon, shift=shift)


def lapse_terms(contacts: Sequence[Contact], *, now: datetime, horizon: timedelta, shift: float = 0.0) -> tuple[Term, ...]:
    """Return the signed terms whose sum is the logit of `lapse_probability`, the strongest first."""
    found = sums(contacts, now)
    near, far = _parts(NEAR, found), _parts(FAR, found)
    share = _share(horizon)
    terms = [
        Term(name=name, text=text, value=value, logit=(1 - share) * part + share * other)
        for (name, text, value, part), (_, _, _, other) in zip(near, far, strict=True)
    ]
    terms.append(Term(name="owner", text="how this owner's ties usually go", value=shift, logit=shift))
    return tuple(sorted(terms, key=lambda term: (-abs(term.logit), term.name)))


def _parts(card: Card, found: Sums) -> tuple[tuple[str, str, float, float], ...]:
    silence = found.days_since_in
    gap = UNKNOWN_GAP if found.median_gap is None else found.median_gap
    capped = LONGEST_SILENCE if silence is None else min(math.log1p(silence), LONGEST_SILENCE)
    return (
        ("start", "where everybody starts", 1.0, card.intercept),
        ("recent", "mail of the last weeks", found.w30, card.recent * math.log1p(5 * found.w30)),
        ("days", "days in touch", found.d365, card.days_in_touch * math.log1p(found.d365)),
        ("silence", "days since they were last heard", silence if silence is not None else -1.0, card.silence * capped),
        ("gap", "usual gap in days", gap, card.gap * math.log1p(gap)),
    )


def _share(horizon: timedelta) -> float:
    """Return how far a horizon lies between the near and the far card, 0 to 1."""
    return min(1.0, max(0.0, (horizon.total_seconds() / DAY - NEAR.days) / (FAR.days - NEAR.days)))


def sums(contacts: Iterable[Contact], now: datetime) -> Sums:
    """Condense a history into what the chance of lapse needs, as of `now`."""
    past = [contact for contact in contacts if contact.at <= now]
    days = interaction_days(past)
    age = [(now - contact.at).total_seconds() / DAY for contact in past]
    heard = [days_ for contact, days_ in zip(past, age, strict=True) if contact.direction == "in"]
    gaps = [later - earlier for earlier, later in itertools.pairwise(days)]
    today = now.timestamp() / DAY
    return Sums(
        now=now,
        w30=math.fsum(2 ** (-days_ / 30) / max(1, contact.recipients) for contact, days_ in zip(past, age, strict=True)),
        d365=math.fsum(2 ** (-(today - day) / 365) for day in days),
        days_since_in=min(heard, default=None),
        median_gap=statistics.median(gaps) if len(gaps) > 1 else None,
        interaction_days=len(days),
    )


def interaction_days(contacts: Iterable[Contact]) -> list[float]:
    """Return the first two-way interaction of every UTC day in days since 1970, ascending.

    Two-way is a message that answers the other side, and a meeting: one contact in and one out at the same instant.
    """
    instants: dict[datetime, set[str]] = {}
    days: dict[int, float] = {}
    for contact in contacts:
        sides = instants.setdefault(contact.at, set())
        sides.add(contact.direction)
        if contact.is_reply or len(sides) > 1:
            at = contact.at.timestamp() / DAY
            day = int(at // 1)
            days[day] = min(at, days.get(day, at))
    return sorted(days.values())


def lapse_from(sums: Sums, *, horizon: timedelta, shift: float = 0.0) -> float:
    """Return `lapse_probability` from sums alone: the fast path for thousands of people."""
    share = _share(horizon)
    near, far = (sum(part for *_, part in _parts(card, sums)) for card in (NEAR, FAR))
    return 1 / (1 + math.exp(-(near + (far - near) * share + shift)))


def rhythm(contacts: Sequence[Contact]) -> timedelta | None:
    """Return the usual gap: the median between days with a two-way interaction; None with fewer than three of them."""
    days = interaction_days(contacts)
    gaps = [later - earlier for earlier, later in itertools.pairwise(days)]
    return timedelta(days=statistics.median(gaps)) if len(gaps) > 1 else None


def silence(contacts: Sequence[Contact], *, now: datetime, away: Sequence[tuple[datetime, datetime]] = ()) -> timedelta | None:
    """Return the time since the last two-way interaction without the spans `away`; None if there never was one."""
    days = interaction_days(contact for contact in contacts if contact.at <= now)
    if not days:
        return None
    start = now - timedelta(days=now.timestamp() / DAY - days[-1])
    gone, until = timedelta(), start
    for begin, end in sorted(away):
        begin, end = max(begin, until), min(end, now)  # noqa: PLW2901 - clipped to the silence
        if end > begin:
            gone, until = gone + (end - begin), end
    return now - start - gone


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
    usual = rhythm([contact for contact in contacts if contact.at <= now])
    return usual is not None and quiet > max(SHORTEST, LATE * usual)


def unanswered(contacts: Sequence[Contact]) -> int:
    """Count the owner's messages since the other side was last heard; at two it is time to stop."""
    heard = max((contact.at for contact in contacts if contact.direction == "in"), default=None)
    return sum(contact.direction == "out" and (heard is None or contact.at > heard) for contact in contacts)


def strength(contacts: Sequence[Contact], now: datetime) -> float:
    """Return the strength of the tie, 0 to 100: two-way only, past only, one-to-one above crowd, decaying slowly."""
    days: dict[int, float] = {}
    for contact in contacts:
        if contact.at <= now and contact.is_reply:
            day = int(contact.at.timestamp() // DAY)
            days[day] = max(days.get(day, 0.0), 1 / max(1, contact.recipients))
    today = now.timestamp() / DAY
    held = math.fsum(share * 2 ** (-(today - day) / HALF_LIFE) for day, share in days.items())
    return 100 * held / (held + HALF_STRONG)


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
