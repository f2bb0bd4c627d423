"""The people of the month: two to four who are worth the time, from different corners of the network, and stable till its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from rules.answers import IN_PERSON, STOP, left_unanswered
from rules.circles import OFTEN, circle_of
from rules.manners import care_for_person
from rules.network import Network, Owner, Relation
from rules.resting import rests_until
from rules.rhythm import Contact
from rules.variety import is_strategic, made_way, shared, variety
from rules.words import called
from rules.workdays import local_day, zone_of
from rules.worth import worth

MOST = 4
"""Nobody looks after more than four people a month, whatever the configuration says."""
FEWEST = 2
TILTED = timedelta(days=90)
"""How long after a change of job or role the month leans to strategic ties."""
INSTEAD = " instead of "
"""Between the names of a trade."""
FAVOUR = 2.0
"""How many times a strategic tie counts then."""


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
    """The people of one month, and who of more worth made way for whom."""

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
    if earlier is not None and earlier.name == name:
        known = {one.person.id for one in network.relations if not _is_left_alone(one, network.owner)}
        people = tuple(one for one in earlier.people if one.person_id in known)
        return Month(name=name, people=people, trades=tuple(_still_told(earlier.trades, network)))
    able = [one for one in network.relations if _is_able(one, now) and not _is_left_alone(one, network.owner)]
    carried = list(_carried(earlier, able, network, terms))[: _size(network.owner, now, terms)]
    worths = {one.person.id: worth(one, now, network.shift) for one in able}
    kept = {one.person.id for one in carried}
    ranked = sorted((one for one in able if one.person.id not in kept), key=lambda one: (-worths[one.person.id], one.person.id))
    fresh = _fresh(ranked, carried, worths, network.owner, now, terms)
    choices = [_choice(one, is_carried=True) for one in carried] + [_choice(one) for one in fresh]
    return Month(name=name, people=tuple(choices), trades=tuple(_trades(carried, fresh, ranked, network.owner, now, terms)))


def _is_left_alone(relation: Relation, owner: Owner) -> bool:
    """Tell whether the owner wants nothing proposed for a person whoever chooses, or has said so since."""
    return relation.person.is_muted or bool(care_for_person(relation.person, owner))


def _still_told(trades: Iterable[str], network: Network) -> Iterator[str]:
    """Yield the trades between people of whom none is left alone by now."""
    alone = {called(one) for one in network.relations if _is_left_alone(one, network.owner)}
    return (trade for trade in trades if alone.isdisjoint(trade.partition(":")[0].split(INSTEAD)))


def _fresh(
    ranked: Sequence[Relation], carried: Sequence[Relation], worths: Mapping[str, float], owner: Owner, now: datetime, terms: Terms
) -> list[Relation]:
    """Choose one after the other: the most worthwhile of those who share little with the ones before, as far as quotas go."""
    is_tilted, chosen = _is_tilted(owner, now, terms), list(carried)
    while len(chosen) < _size(owner, now, terms):
        taken = {one.person.id for one in chosen}
        open_ = [one for one in ranked if one.person.id not in taken and _has_quota(one, chosen, terms)]
        if not open_:
            break
        favours = {one.person.id: FAVOUR if is_tilted and is_strategic(one) else 1.0 for one in open_}
        chosen.append(max(open_, key=lambda one: worths[one.person.id] * favours[one.person.id] * variety(one, chosen)))
    return chosen[len(carried) :]


def _trades(
    carried: Sequence[Relation], fresh: Sequence[Relation], ranked: Sequence[Relation], owner: Owner, now: datetime, terms: Terms
) -> Iterator[str]:
    """Say of each who is worth more than somebody chosen why they made way."""
    chosen = [*carried, *fresh]
    for instead, ahead in made_way(fresh, ranked):
        circle, alike = circle_of(ahead), shared(ahead, chosen)
        if not _has_quota(ahead, chosen, terms):
            why = f"of the circle {circle} you want at most {terms.quotas[circle]} in a month"
        elif _is_tilted(owner, now, terms) and (not alike or (is_strategic(instead) and not is_strategic(ahead))):
            why = "in the ninety days after a change strategic ties come first"
        else:
            why = f"{called(ahead)} has {' and '.join(alike)} with someone chosen already"
        yield f"{called(instead)}{INSTEAD}{called(ahead)}: {why}."


def outcome(month: Month, network: Network) -> Outcome:
    """Say what came of a month: to whom the owner turned in person in it, and who of them answered, or was answered."""
    start, end = _bounds(month, network.owner)
    within = {one.person.id: [c for c in one.contacts if start <= c.at < end] for one in network.relations}
    ids = [one.person_id for one in month.people]
    done = tuple(one for one in ids if _turned_to(within.get(one, ())) is not None)
    answered = tuple(one for one in done if _has_answered(within[one]))
    sentence = f"{len(done)} of {len(ids)} done, {len(answered)} answered." if ids else "Nobody was chosen."
    return Outcome(done=done, answered=answered, sentence=sentence)


def _turned_to(contacts: Iterable[Contact]) -> Contact | None:
    """Return the first contact of the owner's that was meant for the person; a mail to a crowd is none."""
    mine = (contact for contact in contacts if contact.direction == "out" and contact.recipients <= IN_PERSON)
    return min(mine, key=lambda contact: contact.at, default=None)


def _has_answered(contacts: Sequence[Contact]) -> bool:
    """Tell whether there was an exchange: they were heard after the owner turned to them, or it was an answer to them."""
    first = _turned_to(contacts)
    return first is not None and (first.is_reply or any(one.direction == "in" and one.at >= first.at for one in contacts))


def _bounds(month: Month, owner: Owner) -> tuple[datetime, datetime]:
    year, number = (int(part) for part in month.name.split("-"))
    following = (year + number // 12, number % 12 + 1)
    zone = zone_of(owner)
    return datetime(year, number, 1, tzinfo=zone), datetime(*following, 1, tzinfo=zone)


def _is_able(relation: Relation, now: datetime) -> bool:
    """Tell whether somebody can be a person of the month: two-way, read far enough, nothing booked, nothing against it."""
    is_free = relation.next_meeting is None and (relation.snoozed_until is None or relation.snoozed_until <= now)
    has_two_way = relation.meetings_held > 0 or (relation.last_in_at is not None and relation.last_out_at is not None)
    is_welcome = relation.person.kind == "human" and not relation.stopped_rules & {"month", "*"}
    is_rested = rests_until(relation.ledger, relation.person, now) is None
    is_rare = relation.last_at is not None and now - relation.last_at >= OFTEN
    is_open = is_free and has_two_way and is_welcome and is_rested and is_rare and relation.is_covered
    return is_open and left_unanswered(relation.contacts) < STOP


def _carried(earlier: Month | None, able: Sequence[Relation], network: Network, terms: Terms) -> Iterator[Relation]:
    """Yield those of the month before who are still to be done; once, not for ever, and as far as quotas go."""
    if earlier is None:
        return
    done, known, kept = set(outcome(earlier, network).done), {one.person.id: one for one in able}, list[Relation]()
    for one in earlier.people:
        left = None if one.person_id in done or one.is_carried else known.get(one.person_id)
        if left is not None and _has_quota(left, kept, terms):
            kept.append(left)
            yield left


def _choice(relation: Relation, *, is_carried: bool = False) -> Choice:
    return Choice(person_id=relation.person.id, circle=circle_of(relation), why=_why(relation), is_carried=is_carried)


def _size(owner: Owner, now: datetime, terms: Terms) -> int:
    size = min(max(terms.size, FEWEST), MOST)
    return max(size // 2, 1) if local_day(owner, now).month in terms.busy_months else size


def _is_tilted(owner: Owner, now: datetime, terms: Terms) -> bool:
    today = local_day(owner, now)
    return terms.transition is not None and terms.transition <= today < terms.transition + TILTED


def _has_quota(relation: Relation, chosen: Sequence[Relation], terms: Terms) -> bool:
    if not terms.quotas:
        return True
    circle = circle_of(relation)
    return circle not in terms.quotas or sum(circle_of(one) == circle for one in chosen) < terms.quotas[circle]


def _why(relation: Relation) -> str:
    since = f"last in touch in {relation.last_at:%B %Y}" if relation.last_at else "not in touch yet"
    met = ((relation.one_to_ones_held, "one-to-one", " held"), (relation.meetings_held, "meeting", " held"))
    count, what, held = next((each for each in met if each[0]), (relation.interactions, "mail", ""))
    return f"{count} {what}{'' if count == 1 else 's'}{held}, {since}"
