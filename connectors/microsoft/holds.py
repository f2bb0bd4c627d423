"""Holds and invites in Outlook: posted once under a transaction id, a hold with our own mark in the same request."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Final
from urllib.parse import quote

from connectors.microsoft.drafts import BY, PROPERTY, marks
from connectors.microsoft.events import MARK, fact, key_of
from connectors.microsoft.failures import CHANGED, NOT_FOUND, Refused
from connectors.microsoft.graph import Graph, Json
from connectors.port import BEGINNING, Gone, Look, Rejected, Saved, Untouched, Witness
from connectors.written import Written
from rules.suggestions import Hold, Invite

SHAPE: Final = (
    "id,changeKey,subject,start,end,isAllDay,attendees,organizer,isCancelled,type,iCalUId,transactionId,showAs,sensitivity,"
    "originalStartTimeZone"
)
UTC_PLEASE: Final = ('outlook.timezone="UTC"',)
_SLACK: Final = timedelta(minutes=10)
_LONG_AGO: Final = timedelta(days=400)


class Holds:
    """What Rekindle writes into one account's calendars, under the writer's token."""

    def __init__(self, writer: Graph | None, calendar: str, installation: str) -> None:
        self._given_writer, self._calendar, self._installation = writer, calendar, installation

    @property
    def _writer(self) -> Graph:
        if self._given_writer is None:
            raise Rejected("This account may read only.", remedy="Run `rekindle connect microsoft` again and allow holds.")
        return self._given_writer

    def witness(self) -> Witness:
        """Say when it was; what is made later is made after it."""
        return Witness(json.dumps(["made after", self._writer.now().isoformat()]))

    def save(self, hold: Hold | Invite, since: Witness) -> Saved | Gone:
        """Find an earlier attempt by its mark, else post it; the transaction id makes a repeated post answer the first one.

        An invite carries no mark that could travel to the guest: it is found among what was made since, by its transaction.
        """
        found = self._made_since(hold, since) if isinstance(hold, Invite) else self._marked(hold.key)
        if found is not None:
            return Gone() if found.get("isCancelled") else self._saved(found, hold, is_adopted=True)
        made = self._writer.ask("POST", self._path(), "saving the hold", given=_event(hold, self._installation), prefer=UTC_PLEASE)
        return self._saved(made, hold, is_adopted=False)

    def look(self, saved: Saved) -> Look:
        """Compare change keys; when they differ, the times and words we wrote."""
        written = Written.parse(saved.version)
        found = self._get(saved.remote_id)
        if found is None:
            return Gone()
        seen = written.compared(fact(found))
        is_same = bool(written.etag) and found.get("changeKey") == written.etag
        return Untouched() if is_same and not found.get("isCancelled") else seen

    def withdraw(self, saved: Saved) -> Look:
        """Delete it if it is Untouched, with the version that was looked at; an Invite never."""
        written = Written.parse(saved.version)
        seen = self.look(saved)
        if not isinstance(seen, Untouched) or written.is_invite:
            return seen
        match = f'W/"{written.etag}"' if written.etag else ""
        try:
            self._writer.ask("DELETE", f"me/events/{saved.remote_id}", "withdrawing the hold", if_match=match)
        except Refused as error:
            return self.look(saved) if error.status == CHANGED else Gone()
        return seen

    def makers(self, events: Iterable[str]) -> Mapping[str, str]:
        """Say which installation made holds of ours, by their ids; the reader's token opens no marks."""
        if self._given_writer is None:
            return {}
        asked = "$select=id&$expand=singleValueExtendedProperties(" + quote(f"$filter=id eq '{BY}'") + ")"
        found = self._given_writer.batch({one: f"me/events/{one}?{asked}" for one in events}, "reading the marks of holds")
        return {
            id_: str(mark["value"])
            for id_, event in found.items()
            for mark in event.get("singleValueExtendedProperties", ())
            if mark["id"].lower() == BY.lower()
        }

    def _path(self) -> str:
        return f"me/calendars/{self._calendar}/events" if self._calendar else "me/events"

    def _marked(self, key: str) -> Json | None:
        condition = f"singleValueExtendedProperties/Any(ep: ep/id eq '{PROPERTY}' and ep/value eq '{key}')"
        return self._first(condition)

    def _made_since(self, hold: Invite, since: Witness) -> Json | None:
        start = hold.start - _LONG_AGO if since == BEGINNING else datetime.fromisoformat(json.loads(since)[1]) - _SLACK
        condition = f"createdDateTime ge {start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        return self._first(condition, key=hold.key)

    def _first(self, condition: str, key: str = "") -> Json | None:
        params = {"$filter": condition, "$select": SHAPE}
        found = self._writer.pages(self._path(), "searching holds", params=params, prefer=UTC_PLEASE)
        return next((one for one in found if not key or key_of(one) == key), None)

    def _get(self, event: str) -> Json | None:
        try:
            return self._writer.get(f"me/events/{event}", "looking at the hold", params={"$select": SHAPE}, prefer=UTC_PLEASE)
        except Refused as error:
            if error.status != NOT_FOUND:
                raise
            return None

    def _saved(self, event: Json, hold: Hold | Invite, *, is_adopted: bool) -> Saved:
        """Note it; where it is no longer what we wrote, without its version, so that `look` compares."""
        is_ours = isinstance(Written.of(hold, "").compared(fact(event)), Untouched)
        version = Written.of(hold, str(event.get("changeKey", "")) if is_ours else "").text()
        return Saved(remote_id=event["id"], version=version, place=self._calendar, is_adopted=is_adopted)


def _event(hold: Hold | Invite, installation: str) -> Json:
    said: dict[str, object] = {
        "subject": hold.title,
        "body": {"contentType": "text", "content": hold.description},
        "start": _moment(hold.start),
        "end": _moment(hold.end),
        "transactionId": f"{MARK}{hold.key}",
    }
    if isinstance(hold, Hold) and hold.is_all_day:
        day = datetime.combine(hold.start.date(), time(), UTC)  # whole days are midnights of the zone they are given in
        said |= {"isAllDay": True, "start": _moment(day), "end": _moment(day + timedelta(days=1))}
    if isinstance(hold, Invite):
        guests = [
            {"type": "required", "emailAddress": {"address": one.email, "name": one.name or one.email}} for one in hold.attendees
        ]
        return said | {"attendees": guests, "allowNewTimeProposals": True}
    return said | {
        "showAs": "tentative" if hold.is_tentative else "free",
        "sensitivity": "private",
        "isReminderOn": False,
        "singleValueExtendedProperties": marks(hold.key, installation),
    }


def _moment(at: datetime) -> Json:
    return {"dateTime": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"}
