"""Outlook calendars: a rolling window of calendarView/delta per calendar, stubs completed from their masters, holds posted once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from connectors.microsoft.events import fact, key_of
from connectors.microsoft.glance import CALENDARS, Glance
from connectors.microsoft.graph import Graph, Json, Refused
from connectors.microsoft.holds import UTC_PLEASE, Holds
from connectors.microsoft.oversize import TOO_LARGE, left_out
from connectors.port import Changes, Cursor, CursorExpired, Feed, Gone, Look, Saved, Skipped, Unclear, Witness
from rules.facts import CalendarEvent
from rules.suggestions import Draft, Hold, Invite

BACK: Final = timedelta(days=548)
AHEAD: Final = timedelta(days=180)
ROLL: Final = timedelta(days=60)
"""The window is frozen in a delta token: a new one begins while the old still reaches this far ahead."""
PAGE: Final = 100
_MASTER: Final = (
    "id,iCalUId,subject,location,organizer,attendees,isAllDay,showAs,sensitivity,hideAttendees,originalStartTimeZone,"
    "lastModifiedDateTime,transactionId"
)
_BEGINNING = datetime.min.replace(tzinfo=UTC)


class OutlookCalendar:
    """The calendars of one Microsoft 365 account; satisfies `connectors.port.Calendar`."""

    def __init__(
        self, reader: Graph, glance: Glance, writer: Graph | None, *, chosen: Sequence[str], holds: str, installation: str = ""
    ) -> None:
        self._reader, self._glance = reader, glance
        self._chosen = frozenset(chosen)
        self._holds = Holds(reader, writer, holds, installation)

    def feeds(self) -> Sequence[Feed]:
        """List the chosen calendars, else all the owner may edit."""
        found = self._reader.rest(self._glance.get(CALENDARS, "listing calendars"), "listing calendars")
        wanted = [
            one for one in found if ({one["id"], one.get("name")} & self._chosen if self._chosen else one.get("canEdit", True))
        ]
        return [
            Feed(id=one["id"], name=one.get("name", ""), role="primary" if one.get("isDefaultCalendar") else "") for one in wanted
        ]

    def changes(self, feed: Feed, since: Cursor | None) -> Iterator[Changes[CalendarEvent]]:
        """Yield delta pages; a window that runs out is a CursorExpired, and the read of the new one sweeps the old."""
        link, until = json.loads(since) if since is not None else ("", "")
        if until and self._reader.now() + ROLL > datetime.fromisoformat(until):
            raise CursorExpired(f"The window of {feed.name} moves on.")
        until = until or (self._reader.now() + AHEAD).isoformat()
        masters: dict[str, Json] = {}
        following: object = True
        while following:
            answer = self._page(feed, link, datetime.fromisoformat(until))
            upserted, removed, skipped = self._sorted(answer.get("value", ()), masters)
            following = answer.get("@odata.nextLink")
            link = str(following or answer.get("@odata.deltaLink") or "")
            yield Changes(
                upserted=upserted,
                removed=removed,
                skipped=skipped,
                cursor=Cursor(json.dumps([link, until])),
                remaining=None if following else 0,
                covered_since=None if following else _BEGINNING,
                is_last=not following,
            )

    @staticmethod
    def links(cursors: Mapping[str, Cursor]) -> Mapping[str, Sequence[str]]:
        """Return where calendars will be read on from, and how; the cursors of folders are none of ours."""
        return {
            str(json.loads(cursor)[0]): (*UTC_PLEASE, f"odata.maxpagesize={PAGE}")
            for cursor in cursors.values()
            if cursor.startswith("[")
        }

    def witness(self) -> Witness:
        """Say where the calendar of the holds stands: its delta link, and what lies there."""
        return self._holds.witness()

    def save_hold(self, hold: Hold | Invite, since: Witness) -> Saved | Gone | Unclear:
        """Post it once, or adopt what an earlier attempt made."""
        return self._holds.save(hold, since)

    def find(self, action: Draft | Hold | Invite) -> Saved | None:
        """Take up a hold or invite of ours wherever it lies; satisfies `connectors.port.Finds`."""
        return self._holds.find(action) if isinstance(action, Hold | Invite) else None

    def look(self, saved: Saved) -> Look:
        """Say what became of it."""
        return self._holds.look(saved)

    def withdraw(self, saved: Saved) -> Look:
        """Remove the hold if it is Untouched; an Invite never."""
        return self._holds.withdraw(saved)

    def _page(self, feed: Feed, link: str, until: datetime) -> Json:
        start, end = (f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for at in (until - AHEAD - BACK, until))
        params = None if link else {"startDateTime": start, "endDateTime": end}
        path = link or f"me/calendars/{feed.id}/calendarView/delta"
        try:
            known = self._glance.known(link)
            return known or self._reader.page(path, f"reading {feed.name}", size=PAGE, params=params, prefer=UTC_PLEASE)
        except Refused as error:
            message = f"Microsoft 365 no longer knows where we were in {feed.name} ({error.status})."
            raise CursorExpired(message) from error

    def _sorted(
        self, items: Sequence[Json], known: dict[str, Json]
    ) -> tuple[tuple[CalendarEvent, ...], tuple[str, ...], tuple[Skipped, ...]]:
        """Turn a page into events. A master is no instance; one that was a single event until now is that no longer."""
        masters = {str(one["id"]): one for one in items if one.get("type") == "seriesMaster"}
        known |= masters
        known |= self._masters({str(one["seriesMasterId"]) for one in items if one.get("seriesMasterId")} - known.keys())
        makers = self._holds.makers(str(one["id"]) for one in items if key_of(one))
        upserted: list[CalendarEvent] = []
        skipped: list[Skipped] = []
        for item in items:
            if "@removed" in item or str(item.get("id")) in masters:
                continue
            master = known.get(str(item.get("seriesMasterId")))
            if master is None and item.get("seriesMasterId"):
                skipped.append(Skipped(remote_id=str(item["id"]), reason="an instance of a series that is gone"))
                continue
            if TOO_LARGE in {**item, **(master or {})}:
                skipped.append(Skipped(remote_id=str(item["id"]), reason=left_out("An event")))
                continue
            try:
                upserted.append(fact(item, master, by=makers.get(str(item["id"]), "")))
            except (KeyError, ValueError, TypeError, AttributeError):
                skipped.append(Skipped(remote_id=str(item.get("id", "")), reason="an event without a readable time"))
        return tuple(upserted), (*(str(one["id"]) for one in items if "@removed" in one), *masters), tuple(skipped)

    def _masters(self, wanted: set[str]) -> Mapping[str, Json]:
        paths = {one: f"me/events/{one}?$select={_MASTER}" for one in wanted}
        return self._reader.batch(paths, "reading series", is_marking=True) if wanted else {}
