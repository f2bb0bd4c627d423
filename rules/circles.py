"""Circles: the owner's word for somebody, else what can be told; and what the owner wants for everybody in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from rules.addresses import is_freemail
from rules.network import Owner, Relation
from rules.rhythm import Contact

OFTEN = timedelta(days=21)


def circle_of(relation: Relation) -> str:
    """Return the circle the owner set, else infer it: own organisation or day-to-day, a private address, outside and rare."""
    person = relation.person
    if person.circle:
        return person.circle
    if person.is_internal or (relation.contacts and _usual_gap(relation.contacts) < OFTEN and relation.interactions >= 12):  # noqa: PLR2004 -- a quarter of weekly contact
        return "operational"
    addresses = person.addresses
    return "personal" if addresses and all(is_freemail(address) for address in addresses) else "strategic"


def as_wished(relation: Relation, owner: Owner) -> Relation:
    """Return a relation with the cadence and the language the owner wants, as far as the person has none of their own."""
    person, wishes = relation.person, owner.wishes
    if not (wishes.cadences or wishes.circle_languages or wishes.languages):
        return relation
    circle = circle_of(relation)
    cadence = person.cadence or wishes.cadences.get(circle)
    language = person.language or wishes.language(person.addresses, circle)
    return replace(relation, person=replace(person, cadence=cadence, language=language))


def _usual_gap(contacts: Sequence[Contact]) -> timedelta:
    times = sorted({contact.at.date() for contact in contacts})
    return (times[-1] - times[0]) / max(len(times) - 1, 1) if len(times) > 1 else timedelta(days=365)
