"""The people of the month: two to four who are worth the time, from different corners of the network, and stable till its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from rules.addresses import organisation
from rules.circles import OFTEN, circle_of
from rules.manners import care_for_person
from rules.network import Network, Owner, Relation
from rules.words import called
from rules.workdays import local_day, zone_of
from rules.worth import worth

MOST = 4
"""Nobody looks after more than four people a month, whatever the configuration says."""
FEWEST = 2
TILTED = timedelta(days=90)
"""How long after a change of job or role the month leans to strategic ties."""
LIKENESS = 0.6
"""What is left of the worth of someone for each thing they share with one already chosen."""
REGION = 240
"""Minutes of UTC offset that make a region."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How the owner wants their months."""

    size: int = 3
    quotas: Mapping[str, int] = field(default_factory=dict)
    """Circle -> at most so many of it."""
    busy_months: frozenset[int] = frozenset()
    """Months of the year, 1 to 12, in which half is enough."""
    transition: date | None = None
    """A change of job or role: ninety days from here lean to strategic ties."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One person of the month and why."""

    person_id: str
    circle: str
    why: str
    is_carried: bool = False
    """Left over from last month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """The people of one month, and what was traded for variety."""

    name: str
    """`2026-03`, in the owner's zone."""
    people: tuple[Choice, ...]
    trades: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a month."""

    done: tuple[str, ...]
    """Ids of those the owner was in touch with."""
    answered: tuple[str, ...]
    """Ids of those who were in touch themselves."""
    sentence: str


def choose(network: Network, now: datetime, terms: Terms, earlier: Month | None = None) -> Month:
    """Choose the people of this month. `earlier` is the month chosen last: this one stays, what it left over is carried on."""
    name = f"{local_day(network.owner, now):%Y-%m}"
    able = {
        one.person.id: one for one in network.relations if _is_able(one, now) and not care_for_person(one.person, network.owner)
    }
    if earlier is not None and earlier.name == name:
        known = {one.person.id for one in network.relations if not one.person.is_muted}
        return Month(name=name, people=tuple(one for one in earlier.people if one.person_id in known), trades=earlier.trades)
    chosen = list(_carried(earlier, able, network))[: _size(network.owner, now, terms)]
    weights = {who: _weight(one, network, now, terms) for who, one in able.items()}
    ranked = sorted(able.values(), key=lambda one: (-weights[one.person.id], one.person.id))
    trades: list[str] = []
    while len(chosen) < _size(network.owner, now, terms):
        taken = [able[one.person_id] for one in chosen]
        already = {one.person_id for one in chosen}
        open_ = [one for one in ranked if one.person.id not in already and _has_quota(one, chosen, terms)]
        if not open_:
            break
        best = max(open_, key=lambda one: weights[one.person.id] * _variety(one, taken))
        if best is not open_[0]:
            trades.append(f"{called(best)} instead of {called(open_[0])}: {_shared(open_[0], taken)}.")
        chosen.append(Choice(person_id=best.person.id, circle=circle_of(best), why=_why(best)))
    return Month(name=name, people=tuple(chosen), trades=tuple(trades))


def outcome(month: Month, network: Network) -> Outcome:
    """Say what came of a month: with whom the owner was in touch in it, and who was in touch themselves."""
    start, end = _bounds(month, network.owner)
    within = {one.person.id: [c for c in one.contacts if start <= c.at < end] for one in network.relations}
    ids = [one.person_id for one in month.people]
    done = tuple(one for one in ids if any(contact.direction == "out" for contact in within.get(one, ())))
    answered = tuple(one for one in done if any(contact.direction == "in" for contact in within.get(one, ())))
    return Outcome(done=done, answered=answered, sentence=f"{len(done)} of {len(ids)} done, {len(answered)} answered.")


def _bounds(month: Month, owner: Owner) -> tuple[datetime, datetime]:
    year, number = (int(part) for part in month.name.split("-"))
    following = (year + number // 12, number % 12 + 1)
    zone = zone_of(owner)
    return datetime(year, number, 1, tzinfo=zone), datetime(*following, 1, tzinfo=zone)


def _is_able(relation: Relation, now: datetime) -> bool:
    """Tell whether somebody can be a person of the month: two-way, read far enough, nothing booked, nothing against it."""
    is_free = relation.next_meeting is None and (relation.snoozed_until is None or relation.snoozed_until <= now)
    has_two_way = relation.meetings_held > 0 or (relation.last_in_at is not None and relation.last_out_at is not None)
    is_welcome = relation.person.kind == "human" and not relation.person.is_muted and not relation.stopped_rules & {"month", "*"}
    is_rare = relation.last_at is not None and now - relation.last_at >= OFTEN
    return is_free and has_two_way and is_welcome and is_rare and relation.is_covered


def _carried(earlier: Month | None, able: Mapping[str, Relation], network: Network) -> Iterator[Choice]:
    """Yield those of the month before who are still to be done; once, not for ever."""
    if earlier is None:
        return
    done = set(outcome(earlier, network).done)
    for one in earlier.people:
        if one.person_id in able and one.person_id not in done and not one.is_carried:
            yield Choice(person_id=one.person_id, circle=one.circle, why=one.why, is_carried=True)


def _size(owner: Owner, now: datetime, terms: Terms) -> int:
    size = min(max(terms.size, FEWEST), MOST)
    return max(size // 2, 1) if local_day(owner, now).month in terms.busy_months else size


def _weight(relation: Relation, network: Network, now: datetime, terms: Terms) -> float:
    today = local_day(network.owner, now)
    is_tilted = terms.transition is not None and terms.transition <= today < terms.transition + TILTED
    favour = 2.0 if is_tilted and circle_of(relation) == "strategic" else 1.0
    return worth(relation, now, network.shift) * favour


def _has_quota(relation: Relation, chosen: Sequence[Choice], terms: Terms) -> bool:
    circle = circle_of(relation)
    return circle not in terms.quotas or sum(one.circle == circle for one in chosen) < terms.quotas[circle]


def _variety(relation: Relation, taken: Sequence[Relation]) -> float:
    """Return what is left of someone's worth beside those already chosen."""
    shared = max((len(list(_likenesses(relation, other))) for other in taken), default=0)
    return float(LIKENESS**shared)


def _likenesses(one: Relation, other: Relation) -> Iterator[str]:
    """Yield what two people have in common."""
    mine, theirs = (organisation(relation.person.addresses[0]) for relation in (one, other))
    if mine and mine == theirs:
        yield "the same organisation"
    if _years(one) == _years(other):
        yield "a tie as old"
    if one.offsets and other.offsets and _region(one) == _region(other):
        yield "the same region"


def _shared(relation: Relation, taken: Sequence[Relation]) -> str:
    alike = max((list(_likenesses(relation, other)) for other in taken), key=len)
    return f"{called(relation)} has {' and '.join(alike)} with someone chosen already"


def _years(relation: Relation) -> int:
    """Return how old a tie is in broad steps: the first year, up to three, up to seven, more."""
    if relation.first_at is None or relation.last_at is None:
        return 0
    years = (relation.last_at - relation.first_at).days / 365
    return sum(years >= step for step in (1, 3, 7))


def _region(relation: Relation) -> int:
    return max(relation.offsets, key=lambda minutes: (relation.offsets[minutes], minutes)) // REGION


def _why(relation: Relation) -> str:
    met = relation.one_to_ones_held or relation.meetings_held
    since = f"last in touch in {relation.last_at:%B %Y}" if relation.last_at else "not in touch yet"
    count = met or relation.interactions
    plural = "" if count == 1 else "s"
    return f"{count} meeting{plural} held, {since}" if met else f"{count} mail{plural}, {since}"
