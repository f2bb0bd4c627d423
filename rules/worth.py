"""Who is worth the time: the value of a tie times the chance that it lapses, and three lists made of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rules.answers import IN_PERSON, STOP, left_unanswered
from rules.network import Relation
from rules.rhythm import lapse_probability, rhythm, rows_of, silence, strength, touches

DAY = timedelta(days=1)
QUARTER = timedelta(days=90)
YEAR = timedelta(days=365)
LONGEST_LAPSE = 2 * YEAR
"""A longer silence is no lapse any more; a tie that was strong is still listed as such."""
LIKELY = 0.5
STRONG = 35.0
"""Of 100: about half a year of monthly one-to-ones."""
MANY_DAYS = 24
"""Two-way days, by which a tie of mail alone was strong too: two years of monthly talks."""
FEW_DAYS = 3
"""Fewer two-way days make no tie that could lapse, unless the owner named the person or met them twice alone."""
IN_A_CROWD = 0.25
"""What a two-way day counts towards these on which the two only answered each other before more than five: a list's thread."""
ONE_MATTER = timedelta(days=14)
"""Who talked within a shorter time only, however often, had one matter with the owner and no tie."""
UNNOTICED = timedelta(days=21)
"""A shorter silence is nobody's worry, whatever the chances say."""
QUIET_STRONG = timedelta(days=120)
"""After so long a strong tie reads as one of the past."""
PINNED = 2.0
"""A key contact counts so many times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """Three answers to "whom should I call", the most worthwhile first; nobody stands on two."""

    about_to_lapse: tuple[Relation, ...]
    lapsed: tuple[Relation, ...]
    formerly_strong: tuple[Relation, ...]


def value(relation: Relation) -> float:
    """Return what a tie is worth: held one-to-ones and other two-way days, the owner's own initiative, years known, the pin.

    Mail that went one way only is worth nothing, however much of it there is.
    """
    deep = math.log1p(math.fsum(share for _, share in touches(relation.contacts)))
    met = deep + math.log1p(relation.one_to_ones_held) + 0.5 * math.log1p(relation.meetings_held)
    known = (relation.last_at - relation.first_at) / YEAR if relation.first_at and relation.last_at else 0.0
    return met * (0.5 + initiative(relation)) * (1 + 0.25 * math.log1p(max(known, 0.0))) * (PINNED if relation.person.is_key else 1)


def initiative(relation: Relation) -> float:
    """Return the share of personal contacts the owner began, 0 to 1; a half where nothing is known."""
    rows = rows_of(relation.contacts)
    begun = [is_out for _, is_out, recipients, is_reply in rows if not is_reply and recipients <= IN_PERSON]
    return sum(begun) / len(begun) if begun else 0.5


def worth(relation: Relation, now: datetime, shift: float = 0.0) -> float:
    """Return value times the chance of no two-way contact within 90 days: silence alone would rank the weakest ties top."""
    return value(relation) * lapse_probability(relation.contacts, now=now, horizon=QUARTER, shift=shift)


def lists(relations: Sequence[Relation], now: datetime, *, shift: float = 0.0, longest: int = 10) -> Lists:
    """Sort everyone who has nothing booked into the three lists, at most `longest` people each.

    Silence counts from the last two-way contact. Who had hardly any is no tie and on no list; four in the threads of a public
    list count as one among few. Nor is anybody on one within their usual gap, or of whom there is a personal mail of late, whom
    the owner has put off or wants left alone, who left two mails in person unanswered, whose addresses are all dead, or whose
    history has not been read to its end.
    """
    quiet = {one.person.id: silence(one.contacts, now=now, away=one.away) for one in relations}
    ties = [
        (one, length)
        for one in relations
        if _is_open(one, now)
        and (length := quiet[one.person.id]) is not None
        and _is_tie(one)
        and length > _usual(one)
        and not _is_in_touch(one, now)
        and left_unanswered(one.contacts) < STOP
    ]
    once = [one for one, length in ties if length > QUIET_STRONG and _was_strong(one, now - length)]
    strong = {one.person.id for one in once}
    lapsed = [one for one, length in ties if one.person.id not in strong and QUARTER < length <= LONGEST_LAPSE]
    recent = [one for one, length in ties if UNNOTICED <= length <= QUARTER and _chance(one, now, shift) >= LIKELY]
    return Lists(
        about_to_lapse=_best(recent, lambda one: worth(one, now, shift), longest),
        lapsed=_best(lapsed, lambda one: worth(one, now, shift), longest),
        formerly_strong=_best(
            once, lambda one: value(one) * strength(one.contacts, now - (quiet[one.person.id] or QUARTER)), longest
        ),
    )


def _is_open(relation: Relation, now: datetime) -> bool:
    """Tell whether silence may be judged at all, and nothing is booked or said that settles the matter."""
    is_free = relation.next_meeting is None and (relation.snoozed_until is None or relation.snoozed_until <= now)
    is_welcome = not relation.person.is_muted and "*" not in relation.stopped_rules
    is_reachable = not relation.person.addresses or not relation.dead_addresses.issuperset(relation.person.addresses)
    return is_free and is_welcome and is_reachable and relation.is_covered


def _is_tie(relation: Relation) -> bool:
    if relation.person.is_key or relation.one_to_ones_held > 1:
        return True
    days = touches(relation.contacts)
    count = math.fsum(1 if share >= 1 / IN_PERSON else IN_A_CROWD for _, share in days)
    return count >= FEW_DAYS and (days[-1][0] - days[0][0]) * DAY >= ONE_MATTER


def _usual(relation: Relation) -> timedelta:
    """Return the gap that is nothing new: the one the owner wants, else that of the two; none where neither is known."""
    return relation.person.cadence or rhythm(relation.contacts) or timedelta(0)


def _is_in_touch(relation: Relation, now: datetime) -> bool:
    """Tell whether either has lately written to the other in person, answered or not."""
    return any(now - contact.at < UNNOTICED and contact.recipients <= IN_PERSON for contact in reversed(relation.contacts))


def _was_strong(relation: Relation, then: datetime) -> bool:
    return strength(relation.contacts, then) >= STRONG or len(touches(relation.contacts)) >= MANY_DAYS


def _best(relations: Sequence[Relation], by: Callable[[Relation], float], longest: int) -> tuple[Relation, ...]:
    return tuple(sorted(relations, key=lambda one: (-by(one), one.person.id))[:longest])


def _chance(relation: Relation, now: datetime, shift: float) -> float:
    return lapse_probability(relation.contacts, now=now, horizon=QUARTER, shift=shift)
