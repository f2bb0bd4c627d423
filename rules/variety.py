"""Variety: what two people of a month have in common, and who made way for whom so that not all of them are alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rules.addresses import organisation
from rules.circles import circle_of
from rules.network import Relation

LIKENESS = 0.6
"""What is left of the worth of someone for each thing they share with one already chosen."""
REGION = 240
"""Minutes of UTC offset that make a region."""


def variety(relation: Relation, taken: Sequence[Relation]) -> float:
    """Return what is left of someone's worth beside those already chosen."""
    return float(LIKENESS ** len(shared(relation, taken)))


def shared(relation: Relation, taken: Sequence[Relation]) -> Sequence[str]:
    """Name what somebody has in common with the one of those chosen who is most like them; empty for nothing."""
    return max((list(_likenesses(relation, other)) for other in taken if other is not relation), key=len, default=[])


def _likenesses(one: Relation, other: Relation) -> Iterator[str]:
    """Yield what two people have in common."""
    mine, theirs = (organisation(relation.person.addresses[0]) for relation in (one, other))
    if mine and mine == theirs:
        yield "the same organisation"
    if _years(one) == _years(other):
        yield "a tie as old"
    if one.offsets and other.offsets and _region(one) == _region(other):
        yield "the same region"


def _years(relation: Relation) -> int:
    """Return how old a tie is in broad steps: the first year, up to three, up to seven, more."""
    if relation.first_at is None or relation.last_at is None:
        return 0
    years = (relation.last_at - relation.first_at).days / 365
    return sum(years >= step for step in (1, 3, 7))


def _region(relation: Relation) -> int:
    return max(relation.offsets, key=lambda minutes: (relation.offsets[minutes], minutes)) // REGION


def made_way(chosen: Sequence[Relation], by_worth: Sequence[Relation]) -> Iterator[tuple[Relation, Relation]]:
    """Yield who was chosen and who made way for them, each once: where the order by worth alone would have it otherwise."""
    first = by_worth[: len(chosen)]
    picked, passed = {one.person.id for one in chosen}, {one.person.id for one in first}
    instead = [one for one in chosen if one.person.id not in passed]
    yield from zip(instead, (one for one in first if one.person.id not in picked), strict=True)


def is_strategic(relation: Relation) -> bool:
    """Tell whether somebody is outside and rare, and of no circle of the owner's own."""
    return circle_of(relation) == "strategic"
