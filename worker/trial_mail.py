"""Mail as a trial reads it: each message once, into counters for each address and a few bytes for each interaction."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import groupby, islice
from typing import Final

from connectors.envelopes import Envelope, Route
from connectors.glance import Glance, at_once
from rules.absences import LOOKED_BACK, Span, their_absences
from rules.addresses import match_key
from rules.facts import MessageMetadata
from rules.interactions import MeetingRow, contacts_of
from rules.people import OwnerKeys, Side, addressed, has_exchange, judge
from rules.rhythm import Contact
from rules.signals import is_a_calendars
from worker.trial_diary import Diary, Interactions
from worker.trial_kept import Directory, Mails, keep, newest, written
from worker.trial_party import Acquaintance, Party

RECENT: Final = timedelta(days=90)
KEPT_PARTIES: Final = 1 << 11
FEW: Final = 24
"""Mails to more people seldom go to the very same again."""
KEPT_SIDES: Final = 1 << 11
SHELVES: Final = 1 << 11
"""So few that what Python keeps for itself of each is little, and that a long one, which lies where room is given back, is still searched in no time."""
REST: Final = 5
"""Bytes of a name beyond those that choose its shelf."""
FARTHEST: Final = 1 << 8 * REST


class Seen:
    """A set of hashes of 54 bits, 5 bytes each where a set of ints takes 60: the low bits choose a shelf, the rest lie on it."""

    def __init__(self) -> None:
        self._shelves = [b""] * SHELVES

    def add(self, name: int) -> bool:
        """Add a hash; tell whether it was new. Of a million names two collide with a chance of 1 in 36,000."""
        number = name % SHELVES
        shelf = self._shelves[number]
        rest = (name // SHELVES % FARTHEST).to_bytes(REST, "little")
        at = shelf.find(rest)
        while at % REST and at > 0:  # across two names
            at = shelf.find(rest, at + 1)
        if at >= 0:
            return False
        self._shelves[number] = shelf + rest
        return True

    def forget(self) -> None:
        """Let go of all; it takes nothing any more."""
        self._shelves.clear()


class Letters:
    """Mail as it is read, each message once. Memory grows by 5 bytes with each message, by 12 with each interaction, and by 2 for each person in it."""

    def __init__(self, owner: OwnerKeys, now: datetime) -> None:
        self.addresses: dict[str, Acquaintance] = {}
        self._owner = owner
        self._now = now
        self._until, self._recent = now.timestamp(), (now - RECENT).timestamp()
        self._seen = Seen()
        self._interactions = Interactions()
        self._parties: dict[tuple[Envelope, Route], Party] = {}
        self._sides: dict[Envelope, Side] = {}
        self._answers: dict[tuple[str, ...], int] = {}
        """Of each person, by their addresses, which mails answer others."""
        self._directory = Directory()
        self._answered: dict[str, list[float]] = {}
        """When an automatic answer came from each address, in seconds since 1970."""

    def add(self, message: MessageMetadata | Glance) -> bool:
        """Take in a message; False where its Message-ID was seen before."""
        glance = at_once(message) if isinstance(message, MessageMetadata) else message
        name = hash(glance.message_id)
        if not self._seen.add(name):
            return False
        party = self._parties.get((glance.envelope, glance.route))
        if party is None or is_a_calendars(glance.subject):
            party = self._party(glance)
        else:
            party.see()
        if party.is_touched and glance.sent <= self._until:
            self._touch(glance, party, name)
        for key in party.away:
            self._answered.setdefault(key, []).append(glance.sent)
        return True

    def _party(self, glance: Glance) -> Party:
        """Work out who takes part; keep it for the mails that follow between the same people."""
        route = glance.route
        seen = addressed(self._side(glance), route.to, route.cc, route.bcc, route.recipients, self._owner)
        party = Party(seen, self.addresses)
        if glance.envelope.is_shared and route.recipients <= FEW and not is_a_calendars(glance.subject):
            if len(self._parties) >= KEPT_PARTIES:
                self._add_up()
                self._parties.clear()
            self._parties[glance.envelope, route] = party
        return party

    def _add_up(self) -> None:
        for party in self._parties.values():
            party.add_up()

    def _side(self, glance: Glance) -> Side:
        """Look at the sender's side of a message; keep it where others may come in the same envelope."""
        if glance.subject and is_a_calendars(glance.subject):
            return Side(replace(glance.envelope.facts, subject=glance.subject), self._owner)
        side = self._sides.get(glance.envelope)
        if side is None:
            side = Side(glance.envelope.facts, self._owner)
            if glance.envelope.is_shared:
                if len(self._sides) >= KEPT_SIDES:
                    self._sides.clear()
                self._sides[glance.envelope] = side
        return side

    def _touch(self, glance: Glance, party: Party, name: int) -> None:
        """Note an interaction."""
        parent = hash(glance.in_reply_to) if glance.in_reply_to else 0
        number = self._interactions.add(name, parent, int(glance.sent), party.mark)
        offset = glance.offset if party.is_in else None
        for known in party.touched:
            known.touch(number)
            if offset is not None:
                known.offsets[offset] = known.offsets.get(offset, 0) + 1
        party.meet()
        if glance.sent >= self._recent:
            self._keep(glance, party)

    def sides(self) -> tuple[int, int]:
        """Return how many interactions went out and came in; to be asked before any meeting is put among them."""
        marks = self._interactions.marks
        out = sum(mark & 1 for mark in marks)
        return out, len(marks) - out

    def contacts(self, keys: Sequence[str], meetings: Sequence[MeetingRow]) -> Diary:
        """Return the interactions with a person of these addresses, each message and meeting once, in order of time."""
        rows = self._rows(keys)
        answers = self._answers.get(tuple(keys))
        told = self._interactions.answers(rows) if answers is None else answers
        return self._interactions.diary(rows, told, contacts_of((), meetings, self._now))

    def settle(self, people: Iterable[Sequence[str]]) -> None:
        """Work out which mails answer others with all the people `contacts` will be asked of, and forget what tells it: half of all that is kept."""
        self._answers = {tuple(keys): self._interactions.answers(self._rows(keys)) for keys in people}
        self._interactions.close()

    def mails(self, keys: Sequence[str]) -> Mails:
        """Return the newest mails of the last 90 days with a person of these addresses, newest first."""
        return Mails(newest(mail for key in keys if key in self.addresses for mail in self.addresses[key].mails), self._directory)

    def _rows(self, keys: Sequence[str]) -> array[int]:
        rows = [self.addresses[key].rows() for key in keys if key in self.addresses]
        return rows[0] if len(rows) == 1 else array("I", (number for number, _ in groupby(merge(*rows))))

    def absences(self, keys: Sequence[str], contacts: Sequence[Contact]) -> tuple[Span, ...]:
        """Return when a person of these addresses was away, as far as answers of their machine say so."""
        since = (self._now - LOOKED_BACK).timestamp()
        times = [datetime.fromtimestamp(at, UTC) for key in keys for at in self._answered.get(key, ()) if since < at <= self._until]
        return their_absences(times, [one.at for one in contacts if one.direction == "in"]) if times else ()

    def close(self) -> None:
        """Take in no more: which messages were seen is forgotten."""
        self._add_up()
        self._parties.clear()
        self._seen.forget()
        self._sides.clear()

    def forget_company(self) -> None:
        """Let go of who was on messages together, which only tells people apart."""
        for known in self.addresses.values():
            known.company.clear()

    def forget(self, keys: Sequence[str]) -> None:
        """Let go of the interactions with a person of these addresses, where `contacts` has told them."""
        self._answers.pop(tuple(keys), None)
        for key in keys:
            if key in self.addresses:
                self.addresses[key].gaps = array("H")

    def end(self) -> None:
        """Tell of no more contacts: what was read is forgotten."""
        self.addresses.clear()

    def names(self, count: int) -> tuple[str, ...]:
        """Name whom there is most to read of, both ways, so far: of those who belong to the network by what has been read."""
        self._add_up()
        known = [one for one in self.addresses.values() if one.names and one.gaps and has_exchange(one.counts)]
        known.sort(key=lambda one: -len(one.gaps))
        most = islice(filter(_is_human, known), count)  # judged only until there are enough
        return tuple(max(one.names, key=lambda name: one.names[name]) for one in most)

    def _keep(self, glance: Glance, party: Party) -> None:
        seen = party.seen
        touched = [sighting.direction for sighting in seen.sightings if sighting.direction != "none"]
        if not touched:
            return
        others = (sighting.key for sighting in seen.sightings if sighting.key != seen.author)
        is_copy = touched[0] == "in" and _is_copied(glance.route, self._owner.keys)
        mail = written(glance, touched[0], seen.author, others, seen.recipients, self._directory, is_copy=is_copy)
        for known in party.touched:
            keep(known.mails, mail)


def _is_human(known: Acquaintance) -> bool:
    return judge(known.email, known.names, known.counts).kind == "human"


def _is_copied(route: Route, own: Collection[str]) -> bool:
    """Tell whether the owner was only copied on what others wrote to each other."""
    to, cc, bcc = ({match_key(each.email) for each in part} for part in (route.to, route.cc, route.bcc))
    return bool(cc) and to.isdisjoint(own) and not (cc | bcc).isdisjoint(own)
