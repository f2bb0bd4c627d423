"""What a trial keeps of mail: counters for each address, a few bytes for each interaction, details of the last 90 days."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import nlargest
from typing import Final, Literal, overload

from rules.facts import MessageMetadata
from rules.interactions import MeetingRow, contacts_of
from rules.network import Mail
from rules.people import OwnerKeys, Sighting, observe
from rules.rhythm import Contact

RECENT: Final = timedelta(days=90)
KEPT_MAILS: Final = 50
"""Of each person, as of network.Relation.mails."""
CIRCLE: Final = 8
"""Messages to more people say little about who knows whom."""
KEPT_COMPANY: Final = 64
KEPT_NAMES: Final = 16
READY: Final = 20_000
"""Contacts kept written out, 120 bytes each."""
SIDES: Final[tuple[Literal["in", "out"], ...]] = ("in", "out")
MASK: Final = (1 << 64) - 1
MOST_RECIPIENTS: Final = 0x7FFF


class Seen:
    """A set of 64-bit hashes in one array: 8 bytes each where a set of ints takes 60. Open addressing, no removal."""

    def __init__(self) -> None:
        self._table = array("Q", bytes(8 << 16))
        self._count = 0

    def add(self, name: int) -> bool:
        """Add a hash; tell whether it was new. Of a million names two collide with a chance of 1 in 30 million."""
        name = name & MASK or 1
        table = self._table
        mask = len(table) - 1
        slot = name & mask
        while table[slot]:
            if table[slot] == name:
                return False
            slot = (slot + 1) & mask
        table[slot] = name
        self._count += 1
        if self._count * 4 > len(table) * 3:
            self._grow()
        return True

    def _grow(self) -> None:
        old, self._table = self._table, array("Q", bytes(len(self._table) * 16))
        table, mask = self._table, len(self._table) - 1
        for name in old:
            if name:
                slot = name & mask
                while table[slot]:
                    slot = (slot + 1) & mask
                table[slot] = name


@dataclass(slots=True)
class Acquaintance:
    """One address, and what was seen of it."""

    email: str
    counts: dict[str, int] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    rows: array[int] = field(default_factory=lambda: array("I"))
    """Interactions, as rows of Letters; their order is that of reading."""
    mails: list[Mail] = field(default_factory=list)
    offsets: dict[int, int] = field(default_factory=dict)
    company: dict[str, int] = field(default_factory=dict)

    def see(self, sighting: Sighting) -> None:
        """Add up what one message shows of it."""
        counts = self.counts
        for tally in sighting.tallies:
            counts[tally] = counts.get(tally, 0) + 1
        name = sighting.address.name
        if name and (name in self.names or len(self.names) < KEPT_NAMES):
            self.names[name] = self.names.get(name, 0) + 1


class Letters:
    """Mail as it is read, each message once. Memory grows by some 40 bytes with each interaction, by 11 with other mail."""

    def __init__(self, owner: OwnerKeys, now: datetime) -> None:
        self.addresses: dict[str, Acquaintance] = {}
        self._owner = owner
        self._now = now
        self._recent = now - RECENT
        self._seen = Seen()
        self._desk = Desk()
        self._ids = array("Q")
        self._parents = array("Q")
        self._times = array("I")
        """Seconds since 1970: until 2106."""
        self._marks = array("H")
        """Recipients, doubled; odd for a message the owner wrote."""

    def add(self, message: MessageMetadata) -> bool:
        """Take in a message; False where its Message-ID was seen before."""
        name = hash(message.message_id) & MASK or 1
        if not self._seen.add(name):
            return False
        seen = observe(message, self._owner)
        row = -1
        if seen.direction != "none" and message.sent_at <= self._now:
            row = len(self._ids)
            self._ids.append(name)
            self._parents.append(hash(message.in_reply_to[0]) & MASK or 1 if message.in_reply_to else 0)
            self._times.append(int(message.sent_at.timestamp()))
            self._marks.append(min(seen.recipients, MOST_RECIPIENTS) << 1 | (seen.direction == "out"))
        for sighting in seen.sightings:
            known = self.addresses.get(sighting.key)
            if known is None:
                known = self.addresses[sighting.key] = Acquaintance(sighting.address.email)
            known.see(sighting)
            if row >= 0 and sighting.direction != "none":
                known.rows.append(row)
                if seen.direction == "in" and message.sent_offset is not None:
                    minutes = int(message.sent_offset.total_seconds()) // 60
                    known.offsets[minutes] = known.offsets.get(minutes, 0) + 1
        if row >= 0:
            self._introduce(seen.sightings)
            if message.sent_at >= self._recent:
                self._keep(message, seen.author, seen.recipients, seen.sightings)
        return True

    def contacts(self, keys: Sequence[str], meetings: Sequence[MeetingRow]) -> Diary:
        """Return the interactions with a person of these addresses, each message and meeting once, in order of time."""
        rows = set().union(*(self.addresses[key].rows for key in keys if key in self.addresses))
        sides = {self._ids[row]: self._marks[row] & 1 for row in rows}
        found = [
            (self._times[row], self._marks[row], sides.get(self._parents[row], self._marks[row] & 1) != self._marks[row] & 1)
            for row in rows
        ]
        for contact in contacts_of((), meetings, self._now):
            mark = min(contact.recipients, MOST_RECIPIENTS) << 1 | (contact.direction == "out")
            found.append((max(0, int(contact.at.timestamp())), mark, contact.is_reply))
        found.sort()
        return Diary(found, self._desk)

    def names(self, count: int) -> tuple[str, ...]:
        """Name whom there is most to read of, both ways, so far."""
        known = [one for one in self.addresses.values() if one.names and one.counts.get("in") and one.counts.get("to")]
        most = nlargest(count, known, key=lambda one: len(one.rows))
        return tuple(max(one.names, key=lambda name: one.names[name]) for one in most)

    def _introduce(self, sightings: Sequence[Sighting]) -> None:
        """Note who was on a message together."""
        if not 1 < len(sightings) <= CIRCLE:
            return
        for one in sightings:
            company = self.addresses[one.key].company
            for other in sightings:
                if other is not one and (other.key in company or len(company) < KEPT_COMPANY):
                    company[other.key] = company.get(other.key, 0) + 1

    def _keep(self, message: MessageMetadata, author: str, recipients: int, sightings: Sequence[Sighting]) -> None:
        keys = tuple(sighting.key for sighting in sightings)
        direction = next(sighting.direction for sighting in sightings if sighting.direction != "none") if sightings else "none"
        for sighting in sightings:
            if sighting.direction == "none" or direction == "none":
                continue
            mails = self.addresses[sighting.key].mails
            mails.append(
                Mail(
                    message_id=message.message_id,
                    at=message.sent_at,
                    direction=direction,
                    subject=message.subject,
                    author=author,
                    others=tuple(key for key in keys if key != author),
                    recipients=recipients,
                    thread=message.thread_id or next(iter((*message.references, *message.in_reply_to)), message.message_id),
                    thread_id=message.thread_id,
                    references=message.references,
                    in_reply_to=next(iter(message.in_reply_to), ""),
                )
            )
            if len(mails) > 2 * KEPT_MAILS:
                mails.sort(key=lambda mail: mail.at, reverse=True)
                del mails[KEPT_MAILS:]


class Diary(Sequence[Contact]):
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
