"""Interactions as a trial keeps them: each once in a few bytes, and for a person only which of them were theirs."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, Literal, overload

from rules.rhythm import Contact, History, Row, days_of

MOST_RECIPIENTS: Final = 0x7FFF
SIDES: Final[tuple[Literal["in", "out"], ...]] = ("in", "out")
HALF: Final = (1 << 32) - 1
ID: Final = 24
IDS: Final = (1 << ID) - 1


def mark_of(recipients: int, *, is_out: bool) -> int:
    """Write down in 16 bits to how many it went, doubled, odd for what the owner wrote."""
    return min(recipients, MOST_RECIPIENTS) << 1 | is_out


class Interactions:
    """All interactions in the order of reading, 12 bytes each; each has its number."""

    __slots__ = ("_names", "_parents", "desk", "marks", "times")

    def __init__(self) -> None:
        self._names = array("I")
        """ID bits of its own name, and in those above the first of the one it answers."""
        self._parents = array("H")
        """The others."""
        self.times = array("I")
        """Seconds since 1970, until 2106."""
        self.marks = array("H")
        """As of mark_of."""
        self.desk = _Desk()

    def add(self, name: int, parent: int, time: int, mark: int) -> int:
        """Add a mail: the hash of its Message-ID, and that of the one it answers (0 for none). Return its number.

        ID bits of each are kept: of a person with a thousand mails, the chance is 1 in 20 that one is wrongly taken for an answer.
        """
        number = len(self.times)
        name, parent = name & IDS or 1, parent & IDS or 1 if parent else 0
        self._names.append(parent << ID & HALF | name)
        self._parents.append(parent >> 32 - ID)
        self.times.append(time if 0 <= time <= HALF else HALF * (time > 0))
        self.marks.append(mark)
        return number

    def answers(self, numbers: array[int]) -> int:
        """Tell of each mail with one person whether it answers one of the others, from the other side: in one bit, the first highest."""
        marks, names, parents = self.marks, self._names, self._parents
        sides = {names[number] & IDS: marks[number] & 1 for number in numbers}
        answered = (names[number] >> ID | parents[number] << 32 - ID for number in numbers)
        bits = (sides.get(parent, side := marks[number] & 1) ^ side for number, parent in zip(numbers, answered, strict=True))
        return int("".join(map(str, bits)) or "0", 2)

    def diary(self, numbers: array[int], answers: int, meetings: Iterable[Contact]) -> Diary:
        """Put mails and meetings with one person in order of time; `answers` as of the method."""
        times, marks = self.times, self.marks
        bits = map(int, f"{answers:0{len(numbers)}b}") if numbers else ()
        keys = [
            (times[number] << 17 | marks[number] << 1 | is_answer) << 32 | number
            for number, is_answer in zip(numbers, bits, strict=True)
        ]
        for one in meetings:
            number = self.add(0, 0, int(one.at.timestamp()), mark_of(one.recipients, is_out=one.direction == "out"))
            keys.append((times[number] << 17 | marks[number] << 1 | one.is_reply) << 32 | number)
        keys.sort()
        return Diary(array("I", ((key & HALF) << 1 | key >> 32 & 1 for key in keys)), self)

    def close(self) -> None:
        """Let go of what only tells answers, once they are told of everybody."""
        self._names, self._parents = array("I"), array("H")


class Diary(History):
    """The contacts with one person in order of time, 4 bytes each."""

    __slots__ = ("_all", "_entries")

    def __init__(self, entries: array[int], interactions: Interactions) -> None:
        self._entries = entries
        """Numbers, doubled, odd for an answer."""
        self._all = interactions

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> Contact: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Contact]: ...
    def __getitem__(self, index: int | slice) -> Contact | Sequence[Contact]:
        return self._contacts()[index]

    def __iter__(self) -> Iterator[Contact]:
        return iter(self._contacts())

    def rows(self) -> Sequence[Row]:
        """Return them in plain values; those of the person looked at last are kept."""
        desk, times, marks = self._all.desk, self._all.times, self._all.marks
        if desk.reader is not self:
            desk.reader = self
            desk.rows = [
                (times[number := entry >> 1], (mark := marks[number]) & 1 > 0, mark >> 1 or 1, entry & 1 > 0)
                for entry in self._entries
            ]
            desk.days = desk.contacts = None
        return desk.rows

    def days(self) -> Sequence[float]:
        """Return the days of its rows; those of the person looked at last are kept, too."""
        rows, desk = self.rows(), self._all.desk
        if desk.days is None:
            desk.days = days_of(rows)
        return desk.days

    def first(self) -> datetime | None:
        """Return when the two were first in touch."""
        return self._at(self._entries[0]) if self._entries else None

    def last(self, direction: Literal["in", "out", ""] = "") -> datetime | None:
        """Return when they were last in touch, or when something last went that way."""
        marks = self._all.marks
        theirs = (entry for entry in reversed(self._entries) if not direction or SIDES[marks[entry >> 1] & 1] == direction)
        return next(map(self._at, theirs), None)

    def _at(self, entry: int) -> datetime:
        return datetime.fromtimestamp(self._all.times[entry >> 1], UTC)

    def _contacts(self) -> tuple[Contact, ...]:
        rows, desk = self.rows(), self._all.desk
        if desk.contacts is None:
            desk.contacts = tuple(
                Contact(at=datetime.fromtimestamp(time, UTC), direction=SIDES[is_out], recipients=recipients, is_reply=is_reply)
                for time, is_out, recipients, is_reply in rows
            )
        return desk.contacts


class _Desk:
    """Where one diary at a time lies open: rules look at a person a dozen times, and then at the next."""

    __slots__ = ("contacts", "days", "reader", "rows")

    def __init__(self) -> None:
        self.reader: Diary | None = None
        self.rows: Sequence[Row] = ()
        self.days: Sequence[float] | None = None
        self.contacts: tuple[Contact, ...] | None = None
