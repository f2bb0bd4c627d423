"""From what a trial kept to the network rules decide on: who is human, which addresses are one, and each relation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from rules.absences import own_absences
from rules.facts import Address, CalendarEvent
from rules.identity import AddressProfile, identify
from rules.interactions import ALL_HANDS
from rules.names import best_name, given_name
from rules.network import Kind, Network, Owner, Person, Relation
from rules.people import Verdict, has_exchange, judge, match_key, organisation
from worker.trial_calendar import Engagements, Series, engage, missed, named
from worker.trial_mail import Letters
from worker.trial_owner import Guess
from worker.trial_party import Acquaintance

COMPANY: Final = 12
"""Of those most often on the same messages, for telling two people of one name apart."""
ONE_SIDED: Final = "only one side ever wrote"


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """The whole network, who is left out of it, and the meetings it was made from."""

    network: Network
    others: tuple[Person, ...]
    engagements: Engagements


def compose(letters: Letters, series: Series, guess: Guess, *, zone: str, now: datetime) -> Composed:
    """Judge every address, group them into people and gather what is between each and the owner."""
    owner = guess.keys
    letters.close()
    _see_guests(letters, series, owner.keys)
    judged = {key: _judged(known) for key, known in letters.addresses.items()}
    engagements = engage(series, owner, lambda key: judged[key].kind if key in judged else "unknown", zone, now)
    for key, met in engagements.met.items():
        if met.rows:
            known = letters.addresses.setdefault(key, Acquaintance(key))
            known.counts["meetings"] = len({(row.uid, str(row.original_start)) for row in met.rows})
            judged[key] = _judged(known)
    verdicts = {key: verdict for key, verdict in judged.items() if key not in owner.keys}
    relations, outside = _relations(letters, engagements, verdicts, guess)
    others = (*_strangers(letters, verdicts, outside), *_owner_persons(guess))
    letters.end()
    mine = _owner(guess, zone)
    away = own_absences(mine, engagements.leave, now)
    network = Network(
        owner=mine,
        relations=tuple(replace(one, away=(*away, *one.away)) for one in relations) if away else relations,
        busy=tuple(engagements.busy),
        is_retrospective=True,
    )
    return Composed(network=network, others=others, engagements=engagements)


def _see_guests(letters: Letters, series: Series, own: frozenset[str]) -> None:
    """Learn names, rooms and groups from calendars; each text of an event counts once."""
    for event in (event for copies in series.values() for event in copies.values()):
        for address, kind in _guests(event):
            key = match_key(address.email)
            if not key or key in own:
                continue
            known = letters.addresses.setdefault(key, Acquaintance(address.email))
            if address.name:
                known.names[address.name] = known.names.get(address.name, 0) + 1
            if tally := {"ROOM": "rooms", "RESOURCE": "rooms", "GROUP": "groups"}.get(kind.upper()):
                known.counts[tally] = known.counts.get(tally, 0) + 1


def _guests(event: CalendarEvent) -> Iterable[tuple[Address, str]]:
    yield from ((attendee.address, attendee.kind) for attendee in event.attendees)
    if event.organizer:
        yield event.organizer, ""


def _judged(known: Acquaintance) -> Verdict:
    return judge(known.email, known.names, known.counts)


def _relations(
    letters: Letters, engagements: Engagements, verdicts: dict[str, Verdict], guess: Guess
) -> tuple[tuple[Relation, ...], set[str]]:
    """Return the people of the network, and the human keys that stay outside it."""
    touched = [key for key, verdict in verdicts.items() if verdict.kind == "human" and _is_touched(letters.addresses[key])]
    grouping = identify(_profile(key, letters.addresses[key]) for key in sorted(touched))
    letters.forget_company()
    people: list[Person] = []
    outside: set[str] = set()
    for identity in grouping.identities:
        if has_exchange(_added(letters, identity.keys)):
            people.append(_person(identity.keys, letters, verdicts, guess))
        else:
            outside.update(identity.keys)
    letters.settle(person.addresses for person in people)
    ids = {key: person.id for person in people for key in person.addresses}
    relations = (_relation(person, letters, engagements, ids) for person in people)
    return tuple(sorted(relations, key=lambda one: (-one.interactions, one.person.id))), outside


def _is_touched(known: Acquaintance) -> bool:
    return bool(known.gaps) or known.counts.get("meetings", 0) > 0


def _profile(key: str, known: Acquaintance) -> AddressProfile:
    company = sorted(known.company, key=lambda other: (-known.company[other], other))
    return AddressProfile(key=key, names=known.names, correspondents=frozenset(company[:COMPANY]))


def _added(letters: Letters, keys: Sequence[str]) -> Counter[str]:
    total: Counter[str] = Counter()
    for key in keys:
        total.update(letters.addresses[key].counts)
    return total


def _person(keys: Sequence[str], letters: Letters, verdicts: dict[str, Verdict], guess: Guess) -> Person:
    known = letters.addresses
    ordered = sorted(keys, key=lambda key: (-known[key].last_row, -known[key].counts.get("meetings", 0), key))
    names: Counter[str] = Counter()
    for key in keys:
        names.update(known[key].names)
    name = best_name(names)
    domains = guess.keys.domains
    return Person(
        id=min(keys),
        name=name,
        addresses=tuple(ordered),
        written=tuple(Address(email=known[key].email, name=name) for key in ordered),
        kind="human",
        reason=verdicts[ordered[0]].reason,
        first_name=given_name(names),
        is_internal=any(organisation(key) in domains for key in keys if organisation(key)),
    )


def _relation(person: Person, letters: Letters, engagements: Engagements, ids: dict[str, str]) -> Relation:
    met = [engagements.met[key] for key in person.addresses if key in engagements.met]
    rows = {(row.uid, str(row.original_start)): row for one in met for row in one.rows}
    contacts = letters.contacts(person.addresses, tuple(rows.values()))
    letters.forget(person.addresses)
    meetings = {(one.uid, str(one.original_start)): named(one, lambda key: ids.get(key, "")) for each in met for one in each.recent}
    older = [row.end for name, row in rows.items() if name not in meetings]
    following = min((one.next for one in met if one.next), key=lambda one: one.start, default=None)
    counted = sum(row.size <= ALL_HANDS for row in rows.values())
    return Relation(
        person=person,
        contacts=contacts,
        meetings=tuple(sorted(meetings.values(), key=lambda one: one.end, reverse=True)),
        meetings_held=len(rows),
        one_to_ones_held=sum(row.size == 2 for row in rows.values()),  # noqa: PLR2004 - the owner and one more
        previous_meeting_at=max(older, default=None),
        next_meeting=named(following, lambda key: ids.get(key, "")) if following else None,
        mails=letters.mails(person.addresses),
        first_at=contacts.first(),
        last_at=contacts.last(),
        last_in_at=contacts.last("in"),
        last_out_at=contacts.last("out"),
        interactions=len(contacts) - 2 * counted + len(rows),
        away=letters.absences(person.addresses, contacts),
        offsets=_offsets(letters, person.addresses),
        unheld=tuple(unheld for one in met for unheld in one.unheld),
        missed_one_to_ones=missed(met),
    )


def _offsets(letters: Letters, keys: Sequence[str]) -> Counter[int]:
    total: Counter[int] = Counter()
    for key in keys:
        for offset, count in letters.addresses[key].offsets.items():
            total[offset // 60] += count
    return total


def _strangers(letters: Letters, verdicts: dict[str, Verdict], outside: set[str]) -> Iterator[Person]:
    """Say of everybody who wrote or was written to why they are not in the network."""
    for key, verdict in sorted(verdicts.items()):
        known = letters.addresses[key]
        is_human = verdict.kind == "human"
        if is_human and key not in outside:
            continue
        kind: Kind = "unknown" if is_human else verdict.kind
        yield Person(
            id=key, name=best_name(known.names), addresses=(key,), kind=kind, reason=ONE_SIDED if is_human else verdict.reason
        )


def _owner_persons(guess: Guess) -> Iterator[Person]:
    keys = tuple(filter(None, (match_key(address.email) for address in guess.addresses)))
    if keys:
        yield Person(id=keys[0], name=guess.name, addresses=keys, kind="owner", reason="you")


def _owner(guess: Guess, zone: str) -> Owner:
    return Owner(
        name="me",
        full_name=guess.name,
        addresses=tuple(Address(email=address.email, name=address.name or guess.name) for address in guess.addresses),
        domains=guess.keys.domains,
        zone=zone,
        signature=guess.name,
    )
