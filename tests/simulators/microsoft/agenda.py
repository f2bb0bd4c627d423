"""The calendars of one pretended mailbox: single events, series with their stubs and exceptions, and views with a frozen window."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from tests.simulators.microsoft.log import Json, Log
from tests.simulators.microsoft.post import recipient, stamp
from tests.simulators.microsoft.problems import ProblemError

STUB = ("id", "type", "seriesMasterId", "start", "end", "changeKey")
"""All that a delta tells of an occurrence."""


def moment(at: datetime) -> Json:
    """Write an instant with seven digits and no Z."""
    return {"dateTime": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.0000000", "timeZone": "UTC"}


def instant(raw: Json) -> datetime:
    """Read what we wrote, or what was posted."""
    assert raw["timeZone"] == "UTC", "Rekindle writes UTC"
    return datetime.fromisoformat(raw["dateTime"].partition(".")[0]).replace(tzinfo=UTC)


class Agenda:
    """Events by immutable id over one or more calendars."""

    def __init__(self, now: Callable[[], datetime], owner: str) -> None:
        self.now, self.owner, self.log = now, owner, Log()
        self.calendars: dict[str, Json] = {}
        self.events: dict[str, Json] = {}
        self.homes: dict[str, str] = {}
        self.marks: dict[str, list[Json]] = {}
        self.seen_from: dict[str, datetime] = {}
        self.transactions: dict[str, str] = {}
        """Which event each transaction has made."""
        self.is_forgetful = False
        """A transaction is no longer remembered when it comes again: Microsoft does not say for how long it is."""
        self.remembers_the_gone = False
        """A transaction is refused also when its event has been deleted; otherwise it makes another."""
        self.mails: list[tuple[str, ...]] = []
        """Whom Exchange has written to, for each invitation."""
        self.has_masters_in_views = False
        self._number = itertools.count()
        self.add_calendar("Kalender", is_default=True)

    @property
    def main(self) -> str:
        return next(id_ for id_, one in self.calendars.items() if one["isDefaultCalendar"])

    def add_calendar(self, name: str, *, is_default: bool = False, can_edit: bool = True) -> str:
        id_ = f"AAMkCAL{len(self.calendars)}="
        self.calendars[id_] = {"id": id_, "name": name, "isDefaultCalendar": is_default, "canEdit": can_edit}
        return id_

    def add(self, *, start: datetime, end: datetime, calendar: str = "", lag: timedelta = timedelta(0), **given: object) -> Json:
        """Put an event into a calendar."""
        number = next(self._number)
        id_ = f"AAkALgEEEEEE{number // 2:08d}{'aA'[number % 2]}="
        event: Json = {
            "id": id_,
            "subject": "",
            "body": {"contentType": "text", "content": ""},
            "bodyPreview": "",
            "iCalUId": f"040000008200E0{number:08d}",
            "type": "singleInstance",
            "organizer": recipient(self.owner),
            "attendees": [],
            "isAllDay": False,
            "isCancelled": False,
            "isReminderOn": True,
            "hideAttendees": False,
            "showAs": "busy",
            "sensitivity": "normal",
            "originalStartTimeZone": "UTC",
            "createdDateTime": stamp(self.now()),
            "start": moment(start),
            "end": moment(end),
            **given,
        }
        event["isOrganizer"] = event["organizer"]["emailAddress"]["address"] == self.owner
        self.events[id_], self.homes[id_] = event, calendar or self.main
        self.seen_from[id_] = self.now() + lag
        self.touch(id_)
        return event

    def touch(self, id_: str, **changed: object) -> None:
        """Change an event, its occurrences with it, and note that."""
        event = self.events[id_]
        event |= changed
        if event["type"] == "occurrence" and changed:
            event |= {"type": "exception"}
        event["changeKey"] = f"DwAAABY{len(self.log.entries):06d}"
        event["lastModifiedDateTime"] = f"{self.now():%Y-%m-%dT%H:%M:%S}.{len(self.log.entries) % 10_000_000:07d}Z"
        self.log.note(self.homes[id_], id_)
        for one in list(self.events.values()):
            if one.get("seriesMasterId") == id_:
                self.log.note(self.homes[one["id"]], one["id"])

    def remove(self, id_: str) -> None:
        """Delete an event, a whole series with its instances."""
        for one in [one["id"] for one in self.events.values() if one.get("seriesMasterId") == id_]:
            self.remove(one)
        del self.events[id_]
        self.log.note(self.homes[id_], id_)

    def add_series(
        self, *, start: datetime, length: timedelta, every: timedelta, count: int, **given: object
    ) -> tuple[Json, list[Json]]:
        """Make a series and its occurrences, which have no words of their own."""
        master = self.add(start=start, end=start + length, **{**given, "type": "seriesMaster"})  # type: ignore[arg-type]  # JSON has no shape
        stubs = []
        for number in range(count):
            at = start + number * every
            own = {**master, "type": "occurrence", "seriesMasterId": master["id"], "originalStart": stamp(at)}
            for key in ("id", "start", "end", "iCalUId"):
                own.pop(key)
            stubs.append(self.add(start=at, end=at + length, calendar=self.homes[master["id"]], **own))
        return master, stubs

    def in_window(self, calendar: str, window: Sequence[datetime]) -> list[str]:
        """List what touches a window, in no order that means anything."""
        return [id_ for id_, event in self.events.items() if self.homes[id_] == calendar and self._is_in(event, window)][::-1]

    def _is_in(self, event: Json, window: Sequence[datetime]) -> bool:
        if event["type"] == "seriesMaster":
            return self.has_masters_in_views
        return instant(event["start"]) < window[1] and instant(event["end"]) > window[0]

    def shown(self, id_: str, calendar: str, window: Sequence[datetime]) -> Json:
        """Show an event as a delta does: gone, a stub, or whole."""
        event = self.events.get(id_)
        if event is None or self.homes[id_] != calendar or not self._is_in(event, window):
            return {"id": id_, "@removed": {"reason": "deleted"}}
        if event["type"] == "occurrence":
            return {key: event[key] for key in STUB}
        return event

    def move(self, id_: str, calendar: str) -> None:
        """Put an event into another calendar: its id stays, and the old calendar's log has it gone."""
        before, self.homes[id_] = self.homes[id_], calendar
        self.touch(id_)
        self.log.note(before, id_)

    def move_by_copy(self, id_: str, calendar: str) -> Json:
        """Put an event into another calendar as some programs do: a copy with all that was in it, and the first one deleted."""
        copied = {
            key: value for key, value in self.events[id_].items() if key not in ("id", "start", "end", "iCalUId", "transactionId")
        }
        start, end = (instant(self.events[id_][key]) for key in ("start", "end"))
        made = self.add(start=start, end=end, calendar=calendar, **copied)
        self.marks[made["id"]] = self.marks[id_]
        self.remove(id_)
        return made

    def create(self, given: Json, calendar: str, lag: timedelta) -> Json:
        """Make an event once for each transaction; guests are written to."""
        transaction = given.get("transactionId", "")
        earlier = self.events.get(self.transactions.get(transaction, ""))
        if transaction in self.transactions and not self.is_forgetful:
            if earlier is not None and _is_the_same(given, earlier):
                return earlier
            if earlier is not None or self.remembers_the_gone:
                raise ProblemError(400, "ErrorDuplicateTransactionId")
        marks = given.pop("singleValueExtendedProperties", [])
        start, end = instant(given.pop("start")), instant(given.pop("end"))
        made = self.add(start=start, end=end, calendar=calendar, lag=lag, **given)
        self.marks[made["id"]] = marks
        if transaction:
            self.transactions[transaction] = made["id"]
        if made["attendees"]:
            self.mails.append(tuple(one["emailAddress"]["address"] for one in made["attendees"]))
        return made


def _is_the_same(given: Json, event: Json) -> bool:
    """Tell whether an event is still what was asked for."""
    guests = [[one["emailAddress"]["address"] for one in each.get("attendees", ())] for each in (given, event)]
    times = [[instant(each[key]) for key in ("start", "end")] for each in (given, event)]
    return guests[0] == guests[1] and times[0] == times[1] and given["subject"] == event["subject"]
