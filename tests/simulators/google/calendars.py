"""Google calendars: masters and exceptions as Google stores them, sync tokens into a log of changes, ids that are burnt for ever."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from tests.simulators.google.channels import Channels
from tests.simulators.google.exchange import Call, Clock, Json, Refusal

IDS = re.compile(r"[a-v0-9]{5,1024}")
NOT_WITH_TOKEN = {
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMin",
    "timeMax",
    "updatedMin",
}
NOT_COMPARED = {"syncToken", "pageToken", "maxResults", "fields", "alt", "prettyPrint", "key", "quotaUser", "timeMin", "timeMax"}
TELLING = {"all", "externalOnly"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A mail Google sent to a guest: an invitation, an update or a cancellation."""

    kind: str
    event: str
    to: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Calendar:
    """One calendar and the log of what happened to it."""

    id: str
    summary: str
    zone: str = "Europe/Berlin"
    role: str = "owner"
    is_primary: bool = False
    is_selected: bool = True
    is_app_created: bool = False
    is_silent: bool = False
    """Nothing is told of it: holidays, birthdays."""
    events: dict[str, Json] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    epoch: int = 1


@dataclass(slots=True)
class Calendars:
    """All calendars of one account."""

    email: str
    clock: Clock
    calendars: dict[str, Calendar] = field(default_factory=dict)
    outbox: list[Told] = field(default_factory=list)
    """Every mail to a guest."""
    channels: Channels = field(init=False)
    count: int = 0

    def __post_init__(self) -> None:
        self.channels = Channels(self.clock)
        self.calendars[self.email] = Calendar(id=self.email, summary=self.email, is_primary=True)

    # The owner's hands

    def put(self, event: Json, calendar: str = "primary") -> Json:
        """Add an event as the owner does, or change the one with this id."""
        home = self._calendar(calendar)
        self.count += 1
        name = event.get("id") or f"ev{self.count:024d}"
        old = home.events.get(name, {})
        stored = {
            "kind": "calendar#event",
            "status": "confirmed",
            "iCalUID": f"{name}@google.com",
            "eventType": "default",
            "sequence": int(old.get("sequence", -1)) + 1,
            "organizer": {"email": self.email, "self": True},
            "creator": {"email": self.email, "self": True},
            "created": old.get("created") or self._now(),
        } | {**old, **event, "id": name}
        return self._store(home, stored)

    def cancel(self, event: str, calendar: str = "primary") -> None:
        """Delete an event as the owner does; exceptions go with their master."""
        home = self._calendar(calendar)
        for name, one in list(home.events.items()):
            if name == event or one.get("recurringEventId") == event:
                self._store(home, one | {"status": "cancelled"})

    def cancel_instance(self, master: str, original: datetime, calendar: str = "primary") -> None:
        """Delete one instance of a series: an exception that says no more than its id and its original start."""
        name = f"{master}_{original.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        start = {"dateTime": original.isoformat(), "timeZone": self._calendar(calendar).zone}
        bare = {"kind": "calendar#event", "id": name, "status": "cancelled", "recurringEventId": master, "originalStartTime": start}
        self._store(self._calendar(calendar), bare)

    def expire_tokens(self) -> None:
        """Reject every sync and page token given out so far."""
        for one in self.calendars.values():
            one.epoch += 1

    def uid(self, uid: str) -> Json:
        """Find an event by its iCalUID."""
        return next(one for home in self.calendars.values() for one in home.events.values() if one.get("iCalUID") == uid)

    def _store(self, home: Calendar, event: Json) -> Json:
        self.count += 1
        event |= {"etag": f'"{self.count}"', "updated": self._now()}
        home.events[event["id"]] = event
        home.log.append(event["id"])
        self.channels.changed(home.id)
        return event

    def _now(self) -> str:
        return self.clock().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _calendar(self, name: str) -> Calendar:
        home = self.calendars.get(self.email if name == "primary" else name)
        if home is None:
            raise Refusal(404, "notFound", "Not Found")
        return home

    # The API

    def answer(self, call: Call) -> Json:
        """Answer a method of the Calendar API."""
        found: Json = getattr(self, "_" + call.method.removeprefix("calendar.").replace(".", "_"))(call)
        return found

    def _calendarList_list(self, call: Call) -> Json:  # noqa: N802 - Google's name
        items = [self._entry(one) for one in self.calendars.values()]
        return {"kind": "calendar#calendarList", "etag": '"list"', "items": items, "nextSyncToken": "list"}

    def _entry(self, one: Calendar) -> Json:
        said = {"kind": "calendar#calendarListEntry", "etag": '"1"', "id": one.id, "summary": one.summary, "timeZone": one.zone}
        return said | {"accessRole": one.role, "selected": one.is_selected} | ({"primary": True} if one.is_primary else {})

    def _calendars_insert(self, call: Call) -> Json:
        self.count += 1
        made = Calendar(id=f"c{self.count}@group.calendar.google.com", summary=call.given["summary"], is_app_created=True)
        self.calendars[made.id] = made
        return {"kind": "calendar#calendar", "etag": '"1"', "id": made.id, "summary": made.summary, "timeZone": made.zone}

    def _calendars_get(self, call: Call) -> Json:
        home = self._calendar(call.path["calendarId"])
        return {"kind": "calendar#calendar", "etag": '"1"', "id": home.id, "summary": home.summary, "timeZone": home.zone}

    def _events_list(self, call: Call) -> Json:
        home = self._calendar(call.path["calendarId"])
        shape = {name: values for name, values in sorted(call.query.items()) if name not in NOT_COMPARED}
        start, offset, upto, since = 0, 0, len(home.log), call.one("timeMin")
        is_first = True
        if token := call.one("syncToken"):
            if bad := NOT_WITH_TOKEN & call.query.keys():
                raise Refusal(400, "badRequest", f"Sync token cannot be used with {sorted(bad)}")
            start, since = self._synced(home, token, shape)
            is_first = False
        if page := call.one("pageToken"):
            epoch, offset, upto, shape_then = self._parsed(page)
            if epoch != home.epoch:
                raise Refusal(410, "fullSyncRequired", "Page token is no longer valid.")
            if shape_then != shape:
                raise Refusal(400, "badRequest", "Page token does not fit the query.")
        found = self._found(home, start, upto, since, call, is_first=is_first)
        size = call.number("maxResults", 250)
        said: Json = {"kind": "calendar#events", "etag": f'"{len(home.log)}"', "summary": home.summary, "timeZone": home.zone}
        said |= {"accessRole": home.role, "defaultReminders": [], "updated": self._now(), "items": found[offset : offset + size]}
        if found[offset + size :]:
            return said | {"nextPageToken": _token([home.epoch, offset + size, upto, shape])}
        return said | {"nextSyncToken": _token([home.epoch, upto, shape, since])}

    def _synced(self, home: Calendar, token: str, shape: Json) -> tuple[int, str]:
        epoch, start, shape_then, since = self._parsed(token)
        if epoch != home.epoch:
            raise Refusal(410, "fullSyncRequired", "Sync token is no longer valid, a full sync is required.")
        if shape_then != shape:
            raise Refusal(400, "badRequest", "Sync token does not fit the query.")
        return start, since

    def _parsed(self, token: str) -> list:  # type: ignore[type-arg]  # what a token holds differs
        try:
            found: list = json.loads(urlsafe_b64decode(token))  # type: ignore[type-arg]  # as above
        except ValueError:
            raise Refusal(410, "fullSyncRequired", "Sync token is no longer valid, a full sync is required.") from None
        return found

    def _found(self, home: Calendar, start: int, upto: int, since: str, call: Call, *, is_first: bool) -> list[Json]:
        """List what changed in this stretch of the log, in its order; a first read leaves out what is deleted."""
        if call.one("singleEvents") == "true":
            raise Refusal(501, "notImplemented", "singleEvents=true is not modelled")
        last = {name: at for at, name in enumerate(home.log[:upto])}
        names = [name for name, at in sorted(last.items(), key=lambda one: one[1]) if at >= start]
        found = [home.events[name] for name in names]
        if is_first:
            alive = [one for one in found if one["status"] != "cancelled" or self._is_struck(home, one)]
            found = [one for one in alive if not since or _ends_after(one, since)]
        return [self._shown(home, one) for one in found]

    def _is_struck(self, home: Calendar, one: Json) -> bool:
        master = home.events.get(one.get("recurringEventId", ""))
        return master is not None and master["status"] != "cancelled"

    def _shown(self, home: Calendar, one: Json) -> Json:
        if one["status"] == "cancelled":
            kept = {"kind", "etag", "id", "status", "recurringEventId", "originalStartTime"}
            return {name: value for name, value in one.items() if name in kept}
        if one.get("visibility") == "private" and home.role != "owner":
            hidden = {"summary", "description", "location", "attendees"}
            return {name: value for name, value in one.items() if name not in hidden}
        return one

    def _events_get(self, call: Call) -> Json:
        return self._event(call)

    def _events_insert(self, call: Call) -> Json:
        home = self._writable(call)
        name = call.given.get("id", "")
        if name and not IDS.fullmatch(name):
            raise Refusal(400, "invalid", "Invalid resource id value.")
        if name in home.events:
            raise Refusal(409, "duplicate", "The requested identifier already exists.")
        stored = self.put(self._guested(call.given), call.path["calendarId"])
        self._tell(call, stored, "invitation", _guests(stored))
        return stored

    def _events_patch(self, call: Call) -> Json:
        home, old = self._writable(call), self._matched(call)
        if old["status"] == "cancelled":
            raise Refusal(403, "forbidden", "Cannot change a deleted event.")
        stored = self._store(home, {**old, **self._guested(call.given), "sequence": old.get("sequence", 0) + 1})
        self._tell(call, stored, "update", _guests(stored) | _guests(old))
        return stored

    def _events_update(self, call: Call) -> Json:
        return self._events_patch(call)

    def _events_delete(self, call: Call) -> Json:
        self._writable(call)
        old = self._matched(call)
        if old["status"] == "cancelled":
            raise Refusal(410, "deleted", "Resource has been deleted")
        self.cancel(old["id"], call.path["calendarId"])
        self._tell(call, old, "cancellation", _guests(old))
        return {}

    def _events_watch(self, call: Call) -> Json:
        home = self._calendar(call.path["calendarId"])
        if home.is_silent:
            raise Refusal(400, "pushNotSupportedForRequestedResource", "Push notifications are not supported by this resource.")
        return self.channels.watch(call, home.id)

    def _channels_stop(self, call: Call) -> Json:
        return self.channels.stop(call)

    def _writable(self, call: Call) -> Calendar:
        """Find the calendar to be written to; calendar.app.created reaches only what the app has made."""
        home = self._calendar(call.path["calendarId"])
        is_narrow = any(scope.endswith("/calendar.app.created") for scope in call.scopes)
        broad = {"/auth/calendar", "/auth/calendar.events", "/auth/calendar.events.owned"}
        is_broad = any(scope.endswith(tuple(broad)) for scope in call.scopes)
        if home.role not in ("owner", "writer") or (is_narrow and not is_broad and not home.is_app_created):
            raise Refusal(403, "requiredAccessLevel", "You need to have writer access to this calendar.")
        return home

    def _event(self, call: Call) -> Json:
        found = self._calendar(call.path["calendarId"]).events.get(call.path["eventId"])
        if found is None:
            raise Refusal(404, "notFound", "Not Found")
        return found

    def _matched(self, call: Call) -> Json:
        found = self._event(call)
        if call.if_match and call.if_match != found["etag"]:
            raise Refusal(412, "conditionNotMet", "Precondition Failed")
        return found

    def _guested(self, given: Json) -> Json:
        if "attendees" not in given:
            return given
        return given | {"attendees": [{"responseStatus": "needsAction"} | one for one in given["attendees"]]}

    def _tell(self, call: Call, event: Json, kind: str, guests: set[str]) -> None:
        if guests and call.one("sendUpdates") in TELLING:
            self.outbox.append(Told(kind=kind, event=event["id"], to=tuple(sorted(guests))))


def _guests(event: Json) -> set[str]:
    return {one["email"] for one in event.get("attendees", ()) if not one.get("self")}


def _ends_after(event: Json, since: str) -> bool:
    """Tell whether an event reaches into the window; series always do here."""
    end = event.get("end") or event.get("originalStartTime", {})
    if event.get("recurrence") or "recurringEventId" in event:
        return True
    if "date" in end:
        return date.fromisoformat(end["date"]) > datetime.fromisoformat(since).date()
    return "dateTime" not in end or datetime.fromisoformat(end["dateTime"]) > datetime.fromisoformat(since)


def _token(parts: list[object]) -> str:
    return urlsafe_b64encode(json.dumps(parts).encode()).decode()
