"""Holds and invites in Outlook: posted once under a transaction id, a hold with our mark in the same request, looked for before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Final
from urllib.parse import quote

from connectors.microsoft.drafts import BY, PROPERTY, marks
from connectors.microsoft.events import MARK, fact, key_of
from connectors.microsoft.failures import CHANGED, DUPLICATE, NOT_FOUND, Refused
from connectors.microsoft.glance import CALENDARS
from connectors.microsoft.graph import Graph, Json
from connectors.microsoft.stood import ChangeLog, taken_at
from connectors.port import BEGINNING, Gone, Look, Rejected, Saved, Unavailable, Unclear, Untouched, Witness
from connectors.written import Written
from rules.suggestions import Hold, Invite

SHAPE: Final = (
    "id,changeKey,subject,start,end,isAllDay,attendees,organizer,isCancelled,type,iCalUId,transactionId,showAs,sensitivity,"
    "originalStartTimeZone"
)
UTC_PLEASE: Final = ('outlook.timezone="UTC"',)
_PAGE: Final = 250
_BEFORE: Final = timedelta(days=1)
_AHEAD: Final = timedelta(days=180)
_SLACK: Final = timedelta(minutes=10)
_LONG_AGO: Final = timedelta(days=400)
_LAG: Final = timedelta(minutes=2)
"""How long Graph may not yet tell of what it has made."""
_AGAIN: Final = timedelta(seconds=30)
_UNSURE: Final = "An attempt to send it had begun, and Microsoft 365 no longer says what became of it"
_LOOK: Final = "Your calendar says whether it went out."


class Holds:
    """What Rekindle writes into one account's calendars, under the writer's token; what happened there the reader's tells."""

    def __init__(self, reader: Graph, writer: Graph | None, calendar: str, installation: str) -> None:
        self._reader, self._given_writer = reader, writer
        self._calendar, self._installation = calendar, installation

    @property
    def _writer(self) -> Graph:
        if self._given_writer is None:
            raise Rejected("This account may read only.", remedy="Run `rekindle connect microsoft` again and allow holds.")
        return self._given_writer

    @property
    def _log(self) -> ChangeLog:
        """The change log goes by the reader's token: it cannot be asked to leave descriptions out."""
        path = f"{self._place()}/calendarView/delta"
        return ChangeLog(graph=self._reader, path=path, what="looking at the calendar of holds", prefer=UTC_PLEASE)

    def witness(self) -> Witness:
        """Say where the calendar of the holds stands: when it was, the delta link of what is ahead, and what lies there."""
        now = self._writer.now()
        start, end = (f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for at in (now - _BEFORE, now + _AHEAD))
        try:
            return self._log.witness({"startDateTime": start, "endDateTime": end})
        except Refused as error:
            raise _unplaced(error) from error

    def save(self, hold: Hold | Invite, since: Witness) -> Saved | Gone | Unclear:
        """Take up what an attempt since the witness made, accept that the owner has removed it, else post it, once.

        The transaction id makes Graph answer a repeated post with the first event, as long as that exists.
        """
        earlier = self._earlier(hold, since)
        if earlier is not None:
            return earlier
        try:
            given = _event(hold, self._installation)
            made = self._writer.make(f"{self._place()}/events", "saving the hold", given=given, prefer=UTC_PLEASE)
        except Refused as error:
            if error.code != DUPLICATE:
                raise _unplaced(error) from error
            return self._made_before(hold, since)
        return self._saved(made, hold, is_adopted=False)

    def find(self, hold: Hold | Invite) -> Saved | None:
        """Take it up wherever the owner has put it; a cancelled one is none."""
        found = self._found(hold, BEGINNING)
        taken = self._taken_up(found, hold) if found is not None else None
        return taken if isinstance(taken, Saved) else None

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
        paths = {one: f"me/events/{one}?{asked}" for one in events}
        found = self._given_writer.batch(paths, "reading the marks of holds", is_marking=True)
        return {
            id_: str(mark["value"])
            for id_, event in found.items()
            for mark in event.get("singleValueExtendedProperties", ())
            if mark["id"].lower() == BY.lower()
        }

    def _place(self) -> str:
        return f"me/calendars/{self._calendar}" if self._calendar else "me"

    def _earlier(self, hold: Hold | Invite, since: Witness) -> Saved | Gone | Unclear | None:
        """Find what an attempt since made, by the calendar's log: it tells also of what came and went.

        What came and is nowhere any more was perhaps ours, and removed by the owner: it is not made again.
        """
        came = self._log.since(since) if since != BEGINNING else None
        if came is None:
            return self._searched(hold, since)
        suspects = {str(one["id"]) for one in came if "@removed" in one or key_of(one) == hold.key}
        if not suspects:
            return None
        asked = {one: f"me/events/{one}?$select={SHAPE}" for one in suspects}
        seen = self._writer.batch(asked, "looking at the calendar of holds", prefer=dict.fromkeys(asked, UTC_PLEASE))
        ours = next((one for one in seen.values() if key_of(one) == hold.key), None) or self._found(hold, since)
        if ours is not None:
            return self._taken_up(ours, hold)
        vanished = [one for one in came if str(one["id"]) in suspects - seen.keys()]
        return Gone(is_sure=any(key_of(one) == hold.key for one in vanished)) if vanished else None

    def _searched(self, hold: Hold | Invite, since: Witness) -> Saved | Gone | Unclear | None:
        """Search, the log being lost: what is not found may lag behind, or be gone; an invite is then not sent again."""
        found = self._found(hold, since)
        if found is not None:
            return self._taken_up(found, hold)
        early = self._early(since)
        if early is None and isinstance(hold, Invite) and since != BEGINNING:
            raise Rejected(_UNSURE, remedy=_LOOK)
        return early

    def _made_before(self, hold: Hold | Invite, since: Witness) -> Saved | Gone | Unclear:
        """Answer for an event Graph knows to have been made, though its log does not tell of it: not yet, or no longer."""
        found = self._found(hold, since)
        return self._taken_up(found, hold) if found is not None else self._early(since) or Gone()

    def _early(self, since: Witness) -> Unclear | None:
        return Unclear(retry_after=_AGAIN) if self._writer.now() - taken_at(since) < _LAG else None

    def _found(self, hold: Hold | Invite, since: Witness) -> Json | None:
        """Search every calendar of the owner's: a hold by its mark, an invite, which carries none, by its transaction."""
        condition = f"singleValueExtendedProperties/Any(ep: ep/id eq '{PROPERTY}' and ep/value eq '{hold.key}')"
        if isinstance(hold, Invite):
            start = max(taken_at(since), hold.start - _LONG_AGO) - _SLACK
            condition = f"createdDateTime ge {start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        asked = quote(f"$filter={condition}&$select={SHAPE}&$top={_PAGE}", safe="$=&,()/:")
        listed = [str(one["id"]) for one in self._writer.pages(CALENDARS, "listing calendars")]
        paths = {one: f"me/calendars/{one}/events?{asked}" for one in listed}
        answers = self._writer.batch(paths, "searching holds", prefer=dict.fromkeys(paths, UTC_PLEASE))
        every = (one for each in answers.values() for one in self._writer.rest(each, "searching holds", prefer=UTC_PLEASE))
        return next((one for one in every if isinstance(hold, Hold) or key_of(one) == hold.key), None)

    def _taken_up(self, found: Json, hold: Hold | Invite) -> Saved | Gone:
        return Gone() if found.get("isCancelled") else self._saved(found, hold, is_adopted=True)

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


def _unplaced(error: Refused) -> Rejected | Unavailable:
    if error.status != NOT_FOUND:
        return Unavailable(f"Microsoft 365 could not work on the calendar of holds just now ({error}).")
    return Rejected(
        f"Microsoft 365 has no calendar to put holds into ({error}).", remedy="Name a calendar of yours as `holds` in config."
    )


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
