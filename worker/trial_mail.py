"""What a trial keeps of mail: counters for each address, a few bytes for each interaction, details of the last 90 days."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from heapq import nlargest
from struct import Struct
from typing import Final, Literal, overload

from connectors.glance import Envelope, Glance, Route, at_once
from rules.facts import MessageMetadata
from rules.interactions import MeetingRow, contacts_of
from rules.people import OwnerKeys, Side, addressed
from rules.rhythm import Contact, History, Row
from rules.signals import is_a_calendars
from worker.trial_kept import keep, written
from worker.trial_party import MOST_RECIPIENTS, Acquaintance, Party

RECENT: Final = timedelta(days=90)
KEPT_PARTIES: Final = 1 << 12
FEW: Final = 24
"""Mails to more people seldom go to the very same again."""
KEPT_SIDES: Final = 1 << 12
READY: Final = 20_000
"""Contacts kept written out, 120 bytes each."""
SIDES: Final[tuple[Literal["in", "out"], ...]] = ("in", "out")
MASK: Final = (1 << 64) - 1
HALF: Final = (1 << 32) - 1
SHELVES: Final = 1 << 12
REST: Final = 7
"""Bytes of a name beyond those that choose its shelf."""
ROW: Final = Struct("<IIIH")
"""An interaction: half the hash of its Message-ID, half that of the one it answers (0 for none), seconds since 1970 (until
2106), and its mark: recipients, doubled, odd for a message the owner wrote. That among a thousand mails of a person one is
taken for an answer to another, which it is not, has a chance of 1 in 5,000."""


class Seen:
    """A set of 64-bit hashes, 7 bytes each where a set of ints takes 60: the low bits choose a shelf, the rest lie on it."""

    def __init__(self) -> None:
        self._shelves = [bytearray() for _ in range(SHELVES)]

    def add(self, name: int) -> bool:
        """Add a hash; tell whether it was new. Of a million names two collide with a chance of 1 in 30 million."""
        name = name & MASK or 1
        shelf = self._shelves[name % SHELVES]
        rest = (name // SHELVES).to_bytes(REST, "little")
        at = shelf.find(rest)
        while at % REST and at > 0:  # across two names
            at = shelf.find(rest, at + 1)
        if at >= 0:
            return False
        shelf += rest
        return True


class Letters:
    """Mail as it is read, each message once. Memory grows by 7 bytes with each message and by 14 with each interaction."""

    def __init__(self, owner: OwnerKeys, now: datetime) -> None:
        self.addresses: dict[str, Acquaintance] = {}
        self._owner = owner
        self._now = now
        self._recent = now - RECENT
        self._seen = Seen()
        self._desk = Desk()
        self._parties: dict[tuple[Envelope, Route], Party] = {}
        self._sides: dict[Envelope, Side] = {}
        self._count = -1

    def add(self, message: MessageMetadata | Glance) -> bool:
        """Take in a message; False where its Message-ID was seen before."""
        glance = at_once(message) if isinstance(message, MessageMetadata) else message
        name = hash(glance.message_id) & MASK or 1
        if not self._seen.add(name):
            return False
        party = self._parties.get((glance.envelope, glance.route))
        if party is None or is_a_calendars(glance.subject):
            party = self._party(glance)
        else:
            party.see()
        if party.is_touched and glance.sent_at <= self._now:
            self._touch(glance, party, name)
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
        self._count += 1
        parent = hash(glance.in_reply_to) & HALF or 1 if glance.in_reply_to else 0
        row = ROW.pack(name & HALF or 1, parent, min(max(int(glance.sent_at.timestamp()), 0), HALF), party.mark)
        offset = glance.sent_offset if party.is_in else None
        for known in party.touched:
            known.rows += row
            known.last_row = self._count
            if offset is not None:
                known.offsets[offset] = known.offsets.get(offset, 0) + 1
        party.meet()
        if glance.sent_at >= self._recent:
            self._keep(glance, party)

    def contacts(self, keys: Sequence[str], meetings: Sequence[MeetingRow]) -> Diary:
        """Return the interactions with a person of these addresses, each message and meeting once, in order of time."""
        rows = set().union(*(ROW.iter_unpack(self.addresses[key].rows) for key in keys if key in self.addresses))
        sides = {name: mark & 1 for name, _, _, mark in rows}
        found = [(time, mark, sides.get(parent, mark & 1) != mark & 1) for _, parent, time, mark in rows]
        for contact in contacts_of((), meetings, self._now):
            mark = min(contact.recipients, MOST_RECIPIENTS) << 1 | (contact.direction == "out")
            found.append((max(0, int(contact.at.timestamp())), mark, contact.is_reply))
        found.sort()
        return Diary(found, self._desk)

    def close(self) -> None:
        """Take in no more: which messages were seen is forgotten."""
        self._add_up()
        self._parties.clear()
        self._seen = Seen()
        self._sides.clear()

    def forget(self, keys: Sequence[str]) -> None:
        """Let go of the interactions of these addresses, where `contacts` has told them."""
        for key in keys:
            if key in self.addresses:
                self.addresses[key].rows = bytearray()

    def names(self, count: int) -> tuple[str, ...]:
        """Name whom there is most to read of, both ways, so far."""
        self._add_up()
        known = [one for one in self.addresses.values() if one.names and one.counts.get("in") and one.counts.get("to")]
        most = nlargest(count, known, key=lambda one: len(one.rows))
        return tuple(max(one.names, key=lambda name: one.names[name]) for one in most)

    def _keep(self, glance: Glance, party: Party) -> None:
        seen = party.seen
        touched = [sighting.direction for sighting in seen.sightings if sighting.direction != "none"]
        if not touched:
            return
        others = (sighting.key for sighting in seen.sightings if sighting.key != seen.author)
        mail = written(glance, touched[0], seen.author, others, seen.recipients)
        for known in party.touched:
            keep(known.mails, mail)


class Diary(History):
    """The contacts with one person in order of time, 7 bytes each until they are looked at."""

    __slots__ = ("_desk", "_marks", "_replies", "_times", "ready")

    def __init__(self, found: Sequence[tuple[int, int, bool]], desk: Desk) -> None:
        self._times = array("I", (time for time, _, _ in found))
        self._marks = array("H", (mark for _, mark, _ in found))
        self._replies = bytes(reply for _, _, reply in found)
        self._desk = desk
        self.ready: tuple[Contact, ...] | None = None

    def __len__(self) -> int:
        return len(self._times)

    @overload
    def __getitem__(self, index: int) -> Contact: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Contact]: ...
    def __getitem__(self, index: int | slice) -> Contact | Sequence[Contact]:
        return self._contacts()[index]

    def __iter__(self) -> Iterator[Contact]:
        return iter(self._contacts())

    def rows(self) -> Iterator[Row]:
        """Return them in plain values."""
        for time, mark, reply in zip(self._times, self._marks, self._replies, strict=True):
            yield time, mark & 1 > 0, mark >> 1 or 1, reply > 0

    def first(self) -> datetime | None:
        """Return when the two were first in touch."""
        return datetime.fromtimestamp(self._times[0], UTC) if self._times else None

    def last(self, direction: Literal["in", "out", ""] = "") -> datetime | None:
        """Return when they were last in touch, or when something last went that way."""
        for time, mark in zip(reversed(self._times), reversed(self._marks), strict=True):
            if not direction or (mark & 1) == (direction == "out"):
                return datetime.fromtimestamp(time, UTC)
        return None

    def _contacts(self) -> tuple[Contact, ...]:
        if self.ready is None:
            rows = zip(self._times, self._marks, self._replies, strict=True)
            self.ready = tuple(
                Contact(
                    at=datetime.fromtimestamp(time, UTC), direction=SIDES[mark & 1], recipients=mark >> 1 or 1, is_reply=reply > 0
                )
                for time, mark, reply in rows
            )
            self._desk.admit(self)
        return self.ready


class Desk:
    """Which contacts stay written out, as rules look at each person a dozen times: READY of them, and one person more."""

    def __init__(self) -> None:
        self._count = 0
        self._last: Diary | None = None

    def admit(self, diary: Diary) -> None:
        """Make room for a diary that has just been written out."""
        if self._last is not None:
            self._last.ready = None
            self._last = None
        if self._count + len(diary) <= READY:
            self._count += len(diary)
        else:
            self._last = diary
