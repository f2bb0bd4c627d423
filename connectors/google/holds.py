"""Holds and invites in Google Calendar: inserted under an id made of their key, which Google never gives out twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

from connectors.google.events import ITEM, fact
from connectors.google.failures import Refused
from connectors.google.spending import Spending
from connectors.google.transport import Json, Service
from connectors.port import Gone, Look, Rejected, Saved, Unavailable, Untouched
from connectors.written import Written
from rules.facts import CalendarEvent
from rules.suggestions import Hold, Invite

_CONFLICT, _CHANGED, _DELETED = 409, 412, (404, 410)


class Holds:
    """What Rekindle writes into one account's calendars."""

    def __init__(self, writer: Service | None, spending: Spending, calendar: str, installation: str = "") -> None:
        """Take where holds go, and the mark by which another installation on the account notices this one."""
        self._given_writer, self._spending, self._calendar = writer, spending, calendar
        self._installation = installation

    @property
    def _writer(self) -> Service:
        if self._given_writer is None:
            raise Rejected("This account may read only.", remedy="Run `rekindle connect google` again and allow holds.")
        return self._given_writer

    def save(self, hold: Hold | Invite) -> Saved | Gone:
        """Insert it; a conflict means an earlier attempt made it, or the owner has deleted it since."""
        self._spending.calendar()
        tell = "all" if isinstance(hold, Invite) else "none"
        request = self._events().insert(
            calendarId=self._calendar, body=_written(hold, self._installation), sendUpdates=tell, fields=ITEM
        )
        try:
            made = self._writer.call(request, "saving the hold")
        except Refused as error:
            if error.status != _CONFLICT:
                raise Rejected(
                    f"Google did not take the hold into {self._calendar} ({error.status} {error.reason}).",
                    remedy="Name a calendar of yours as `holds` in config.",
                ) from error
            return self._adopted(hold)
        return self._saved(made, hold, is_adopted=False)

    def look(self, saved: Saved) -> Look:
        """Compare by ETag; when it differs, by the times and words we wrote."""
        return self._looked(saved)[0]

    def withdraw(self, saved: Saved) -> Look:
        """Delete it with If-Match if it is Untouched; an Invite never."""
        seen, etag = self._looked(saved)
        if not isinstance(seen, Untouched) or Written.parse(saved.version).is_invite:
            return seen
        self._spending.calendar()
        request = self._events().delete(calendarId=saved.place, eventId=saved.remote_id, sendUpdates="none")
        try:
            self._writer.call(request, "withdrawing the hold", if_match=etag)
        except Refused as error:
            return self.look(saved) if error.status == _CHANGED else Gone()
        return seen

    def _looked(self, saved: Saved) -> tuple[Look, str]:
        """Say what became of it, and which version that was said of."""
        written = Written.parse(saved.version)
        found = self._get(saved.remote_id, saved.place)
        if found is None or found.get("status") == "cancelled":
            return Gone(), ""
        etag = str(found["etag"])
        return (Untouched() if etag == written.etag else written.compared(_event(found))), etag

    def _adopted(self, hold: Hold | Invite) -> Saved | Gone:
        found = self._get(hold.key, self._calendar)
        if found is None or found.get("status") == "cancelled":
            return Gone()
        event = _event(found)
        if isinstance(hold, Hold) and event.rekindle_key != hold.key:
            raise Rejected("Something else lies where the hold belongs.", remedy="Look at the calendar of your holds.")
        is_as_written = isinstance(Written.of(hold, "").compared(event), Untouched)
        return self._saved(found if is_as_written else {**found, "etag": ""}, hold, is_adopted=True)

    def _get(self, event: str, calendar: str) -> Json | None:
        self._spending.calendar()
        try:
            return self._writer.call(self._events().get(calendarId=calendar, eventId=event, fields=ITEM), "looking at the hold")
        except Refused as error:
            if error.status not in _DELETED:
                raise Unavailable(f"Google answered {error.status}.") from error
            return None

    def _saved(self, event: Json, hold: Hold | Invite, *, is_adopted: bool) -> Saved:
        version = Written.of(hold, str(event.get("etag", "")))
        return Saved(remote_id=event["id"], version=version.text(), place=self._calendar, is_adopted=is_adopted)

    def _events(self) -> Any:  # noqa: ANN401 - googleapiclient has no types
        return self._writer.api.events()


def _event(found: Json) -> CalendarEvent:
    event = fact(found, uid=str(found.get("iCalUID", "")), zone="")
    return replace(event, attendees=tuple(one for one in event.attendees if one.kind != "ROOM"))


def _written(hold: Hold | Invite, installation: str) -> Json:
    said = {
        "id": hold.key,
        "summary": hold.title,
        "description": hold.description,
        "start": {"dateTime": hold.start.astimezone(UTC).isoformat()},
        "end": {"dateTime": hold.end.astimezone(UTC).isoformat()},
    }
    if isinstance(hold, Hold) and hold.is_all_day:
        day = hold.start.date()
        said |= {"start": {"date": day.isoformat()}, "end": {"date": (day + timedelta(days=1)).isoformat()}}
    if isinstance(hold, Invite):
        guests = [{"email": one.email} | ({"displayName": one.name} if one.name else {}) for one in hold.attendees]
        return said | {"attendees": guests, "guestsCanInviteOthers": False}
    return said | {
        "status": "tentative" if hold.is_tentative else "confirmed",
        "transparency": "opaque" if hold.is_tentative else "transparent",
        "visibility": "private",
        "reminders": {"useDefault": False},
        "extendedProperties": {"private": {"rekindleKey": hold.key} | ({"rekindleBy": installation} if installation else {})},
    }
