"""Meetings: occurrences with the text that speaks for them, as the rules see them, each text read once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, RowMapping, bindparam, select

from rules.addresses import match_key
from rules.facts import CalendarEvent, Occurrence
from rules.interactions import NotHeld, meeting
from rules.network import Guest, Kind, Meeting
from rules.people import OwnerKeys
from worker.store.mapping import event_of, instant, micros, occurrence_of
from worker.store.statements import chunks
from worker.store.tables import account, address, event, occurrence

Name = tuple[str, str]
"""UID and original start."""

# Statements are built once: they are run for every mail, and building one takes longer than running it.
_SPAN: Final = (
    select(occurrence)
    .where(occurrence.c.owner == bindparam("whose"), occurrence.c.end_at > bindparam("since"))
    .where(occurrence.c.start_at < bindparam("until"))
    .order_by(occurrence.c.start_at, occurrence.c.uid)
)
_SPAN_OF: Final = _SPAN.where(occurrence.c.uid.in_(bindparam("uids", expanding=True)))
_LONG: Final = _SPAN.where(occurrence.c.end_at - occurrence.c.start_at >= bindparam("least", type_=BigInteger))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An occurrence in the owner's calendar: a meeting, or why it is none."""

    name: Name
    occurrence: Occurrence
    event: CalendarEvent
    found: Meeting | NotHeld


class Entries(Mapping[Name, Entry]):
    """Entries by name, each made when it is first looked at."""

    def __init__(self, rows: Mapping[Name, RowMapping], read: Callable[[RowMapping], Entry]) -> None:
        self._rows = rows
        self._read = read
        self._found: dict[Name, Entry] = {}

    def __getitem__(self, name: Name) -> Entry:
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = self._read(self._rows[name])
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[Name]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


@dataclass(slots=True, kw_only=True)
class Diary:
    """The owner's occurrences, read as they are asked for."""

    connection: Connection
    owner: str
    known_as: OwnerKeys
    now: datetime
    _texts: dict[int, tuple[str, CalendarEvent]] = field(default_factory=dict)
    _masters: dict[str, CalendarEvent] = field(default_factory=dict)
    _people: dict[str, tuple[Kind, str]] = field(default_factory=dict)
    _connected: dict[str, datetime] = field(default_factory=dict)
    _judged: dict[tuple[int, bool, bool, int, bool], Meeting | NotHeld] = field(default_factory=dict)

    def of(self, uids: Collection[str], start: datetime, end: datetime) -> Mapping[Name, Entry]:
        """Load what of these UIDs ends after `start` and begins before `end`; each is judged when it is looked at."""
        rows: list[RowMapping] = []
        for some in chunks(sorted(uids)):
            rows += self.connection.execute(_SPAN_OF, self._span(start, end) | {"uids": some}).mappings()
        return Entries(self._named(rows), self._entry)

    def between(self, start: datetime, end: datetime) -> dict[Name, Entry]:
        """Load everything that ends after `start` and begins before `end`."""
        rows = self._named(self.connection.execute(_SPAN, self._span(start, end)).mappings())
        return {name: self._entry(row) for name, row in rows.items()}

    def long(self, start: datetime, end: datetime, least: timedelta) -> list[Entry]:
        """Load what of a span lasts so long: leave and stays, few among all the meetings."""
        known = self._span(start, end) | {"least": round(least.total_seconds() * 1_000_000)}
        rows = self._named(self.connection.execute(_LONG, known).mappings())
        return [self._entry(row) for row in rows.values()]

    def _span(self, start: datetime, end: datetime) -> dict[str, Any]:
        return {"whose": self.owner, "since": micros(start), "until": micros(end)}

    def _named(self, found: Iterable[RowMapping]) -> dict[Name, RowMapping]:
        """Name occurrences, and read what it takes to judge them."""
        rows = list(found)
        self._read({row["event"] for row in rows})
        texts = {row["event"]: self._texts[row["event"]][1] for row in rows}
        self._read_masters({text.uid for text in texts.values() if text.original_start is not None})
        self._meet(key for text in texts.values() for key in _keys(text))
        return {(row["uid"], row["original_start"]): row for row in rows}

    def _entry(self, row: RowMapping) -> Entry:
        account_id, text = self._texts[row["event"]]
        found, master = occurrence_of(row), text
        if text.original_start is not None:
            found, master = replace(found, override=text), self._masters.get(text.uid, text)
        alike = (
            row["event"],
            found.is_cancelled,
            found.is_all_day,
            row["end_at"] - row["start_at"],
            row["end_at"] <= micros(self.now),
        )
        if (judged := self._judged.get(alike)) is None:
            judged = self._judged[alike] = self._judge(master, found, account_id)
        elif isinstance(judged, Meeting) and isinstance(found.start, datetime) and isinstance(found.end, datetime):
            judged = replace(judged, original_start=found.original_start, start=found.start, end=found.end)
        return Entry(name=(row["uid"], row["original_start"]), occurrence=found, event=text, found=judged)

    def _judge(self, master: CalendarEvent, found: Occurrence, account_id: str) -> Meeting | NotHeld:
        """Judge one occurrence; those of a series with the same text differ in nothing but their time."""
        judged = meeting(master, found, self.known_as, self._kind, self.now)
        if isinstance(judged, NotHeld):
            return judged
        guests = tuple(self._guest(each) for each in judged.guests)
        return replace(judged, guests=guests, account=account_id, account_connected_at=self._connection(account_id))

    def _read(self, ids: Collection[int]) -> None:
        """Read texts; one kept from before a change has its account where others have their feed."""
        columns = (event.c.id, event.c.account, event.c.feed, event.c.facts)
        for some in chunks(sorted(set(ids) - self._texts.keys())):
            for row in self.connection.execute(select(*columns).where(event.c.id.in_(some))):
                self._texts[row.id] = (row.account or row.feed, event_of(row.facts))

    def _read_masters(self, uids: Collection[str]) -> None:
        mine = select(event.c.uid, event.c.facts).where(event.c.owner == self.owner, event.c.original_start == "")
        for some in chunks(sorted(set(uids) - self._masters.keys())):
            for uid, facts in self.connection.execute(mine.where(event.c.uid.in_(some), event.c.account != "")):
                self._masters.setdefault(uid, event_of(facts))

    def _meet(self, keys: Iterable[str]) -> None:
        """Read who the guests are."""
        mine = select(address.c.key, address.c.kind, address.c.person).where(address.c.owner == self.owner)
        for some in chunks(sorted(set(keys) - self._people.keys())):
            for key, kind, person_id in self.connection.execute(mine.where(address.c.key.in_(some))):
                self._people[key] = (kind, person_id or "")

    def _kind(self, key: str) -> Kind:
        return self._people.get(key, ("unknown", ""))[0]

    def _guest(self, guest: Guest) -> Guest:
        person_id = self._people.get(match_key(guest.address.email), ("unknown", ""))[1]
        return replace(guest, person_id=person_id) if person_id and guest.kind in {"human", "unknown"} else guest

    def _connection(self, account_id: str) -> datetime | None:
        if not self._connected:
            rows = self.connection.execute(select(account.c.id, account.c.connected_at).where(account.c.owner == self.owner))
            self._connected.update((each, instant(at)) for each, at in rows)
        return self._connected.get(account_id)


def _keys(found: CalendarEvent) -> set[str]:
    guests = {match_key(each.address.email) for each in found.attendees}
    return guests | ({match_key(found.organizer.email)} if found.organizer else set())
