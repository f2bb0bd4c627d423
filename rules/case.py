"""A case: what set a rule off for one person, with everything the rule's conditions may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import takewhile

from rules.addresses import match_key
from rules.facts import Address
from rules.network import Guest, Mail, Meeting, Network, Past, Relation, Trip
from rules.promises import Promise
from rules.rhythm import LATE, SHORTEST, elapsed, rhythm

QUARTER = timedelta(days=90)
"""So much of mail and calendar has to have been read before a tie began, for "first" to be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The network at one instant, with the indexes that make looking things up cheap."""

    network: Network
    now: datetime
    people: Mapping[str, Relation]
    """By person id."""
    holders: Mapping[str, Relation]
    """By match key."""
    owner_keys: frozenset[str]
    pasts: Mapping[str, tuple[Past, ...]]
    """The owner's ledger by match key."""

    def ledger_of(self, relation: Relation) -> tuple[Past, ...]:
        """Return everything ever suggested for a person, under whatever address, each once, oldest first."""
        known = [past for address in relation.person.addresses for past in self.pasts.get(address, ())]
        if not known and not relation.ledger:
            return ()
        found = {past.key: past for past in (*relation.ledger, *known)}
        return tuple(sorted(found.values(), key=lambda past: (past.created_at, past.key)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What set a rule off for one person."""

    view: View
    relation: Relation
    cause: str
    at: datetime
    """When it happened; a delay counts from here."""
    meeting: Meeting | None = None
    guest: Guest | None = None
    """The person as a guest of `meeting`."""
    mail: Mail | None = None
    promise: Promise | None = None
    trip: Trip | None = None
    hold: Past | None = None
    introduced: Relation | None = None
    """Whom the person introduced to the owner."""


def view_of(network: Network, now: datetime) -> View:
    """Index a network. Takes time in proportion to the persons due and the ledger."""
    pasts: dict[str, list[Past]] = {}
    for past in network.ledger:
        for address in past.addresses:
            pasts.setdefault(address, []).append(past)
    return View(
        network=network,
        now=now,
        people={relation.person.id: relation for relation in network.relations},
        holders={address: relation for relation in network.relations for address in relation.person.addresses},
        owner_keys=frozenset(match_key(address.email) for address in network.owner.addresses),
        pasts={address: tuple(found) for address, found in pasts.items()},
    )


def cause_of(uid: str, original_start: datetime | date) -> str:
    """Name a meeting as a cause, by what identifies it for good."""
    return f"meeting:{uid}/{original_start.isoformat()}"


def ref_of(meeting: Meeting) -> str:
    """Name a meeting as evidence."""
    return f"event:{meeting.uid}/{meeting.original_start.isoformat()}"


def guest_of(meeting: Meeting, relation: Relation) -> Guest | None:
    """Find a person among the guests of a meeting, by id or by any of their addresses."""
    for guest in meeting.guests:
        if guest.person_id == relation.person.id or (
            not guest.person_id and match_key(guest.address.email) in relation.person.addresses
        ):
            return guest
    return None


def guest_in(case: Case) -> Guest | None:
    """Find the person among the guests of the meeting that set the rule off."""
    return case.guest or (guest_of(case.meeting, case.relation) if case.meeting else None)


def live_address(relation: Relation, preferred: Address | None = None) -> Address | None:
    """Return where mail reaches a person: the preferred address, else the first that is not known to be dead."""
    if preferred is not None and match_key(preferred.email) not in relation.dead_addresses:
        return Address(email=preferred.email, name=relation.person.name or preferred.name)
    person = relation.person
    live = next((key for key in person.addresses if key not in relation.dead_addresses), None)
    if live is None:
        return None
    written = (address.email for address in person.written if match_key(address.email) == live)
    return Address(email=next(written, live), name=person.name)


def previous_meeting(relation: Relation, meeting: Meeting) -> datetime | None:
    """Return the end of the last held meeting with the person before this one; None where there was none."""
    earlier = [other.end for other in relation.meetings if other.end <= meeting.start and _differ(other, meeting)]
    if relation.previous_meeting_at is not None and relation.previous_meeting_at <= meeting.start:
        earlier.append(relation.previous_meeting_at)
    return max(earlier, default=None)


def is_first_meeting(case: Case) -> bool:
    """Tell whether it was the first meeting of the two, whatever came after it."""
    meeting, relation = case.meeting, case.relation
    if meeting is None or previous_meeting(relation, meeting) is not None:
        return False
    return relation.meetings_held - sum(other.start >= meeting.end for other in relation.meetings) <= 1


def is_history_known(case: Case) -> bool:
    """Tell whether "first" can be said: the tie began well inside what has been read of mail and calendar."""
    since, meeting = case.view.network.history_since, case.meeting
    return meeting is not None and (since is None or (case.relation.first_at or meeting.start) - since >= QUARTER)


def silence(view: View, relation: Relation) -> timedelta | None:
    """Return the time since the last contact of any kind, absences of either side taken out; None if there never was one."""
    return None if relation.last_at is None else elapsed(relation.last_at, view.now, relation.away)


def is_quiet(view: View, relation: Relation) -> bool:
    """Tell whether the two are out of rhythm, and no one-way message of late makes "nothing that I can see" untrue.

    The silence counts from the last contact of any kind: it is never longer than the one rules.rhythm.is_out_of_rhythm
    looks at, so whoever is quiet here is out of rhythm there; the cheap test comes first.
    """
    quiet, cadence = silence(view, relation), relation.person.cadence
    if quiet is None or cadence is not None:
        return quiet is not None and cadence is not None and quiet > cadence
    usual = rhythm(relation.contacts) if quiet > SHORTEST else None
    return usual is not None and quiet > max(SHORTEST, LATE * usual)


def wrote_since(relation: Relation, at: datetime) -> bool:
    """Tell whether a mail of the owner's went to the person after `at`; a meeting is no mail, though it is a contact out."""
    if any(mail.direction == "out" for mail in takewhile(lambda mail: mail.at > at, relation.mails)):
        return True
    last = relation.last_out_at
    return last is not None and last > at and all(meeting.end != last for meeting in relation.meetings)


def _differ(one: Meeting, other: Meeting) -> bool:
    return (one.uid, one.original_start) != (other.uid, other.original_start)
