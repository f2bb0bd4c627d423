"""Google Calendar: every chosen calendar followed by its syncToken, masters and exceptions unexpanded, holds under ids of our own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from connectors.google.events import ITEM, fact
from connectors.google.failures import Refused
from connectors.google.holds import Holds
from connectors.google.spending import Spending
from connectors.google.transport import Json, Service
from connectors.http import LARGEST, TooLarge
from connectors.port import Changes, Cursor, CursorExpired, Feed, Gone, Look, Saved, Skipped, Unclear, Witness
from rules.facts import Address, CalendarEvent
from rules.suggestions import Hold, Invite

PAGE: Final = 250
FEWER: Final = 10
"""A page that is too large is asked for again with so many times fewer events."""
_TOO_LARGE: Final = "too large"
WINDOW: Final = timedelta(days=548)
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_LIST: Final = "nextPageToken,items(id,summary,summaryOverride,primary,accessRole,selected,deleted)"


class GoogleCalendar:
    """The calendars of one Google account; satisfies `connectors.port.Calendar`."""

    def __init__(
        self,
        reader: Service,
        writer: Service | None,
        spending: Spending,
        *,
        chosen: Sequence[str],
        holds: str,
        installation: str = "",
    ) -> None:
        self._reader, self._spending = reader, spending
        self._chosen = frozenset(chosen)
        self._holds = Holds(writer, spending, holds or "primary", installation)
        self._uids: dict[str, str] = {}

    def feeds(self) -> Sequence[Feed]:
        """List the chosen calendars, else the owner's own ones that are shown."""
        return [_feed(item) for item in self._listed() if self._is_wanted(item)]

    def addresses(self) -> Sequence[Address]:
        """Say whose account it is: the main calendar has the account's address for a name."""
        return [Address(email=item["id"]) for item in self._listed() if item.get("primary") and "@" in item["id"]]

    def changes(self, feed: Feed, since: Cursor | None) -> Iterator[Changes[CalendarEvent]]:
        """Yield all events since the window's start, or what changed since the token; each page commits with its own cursor."""
        state: Json = json.loads(since) if since is not None else {"window": self._window()}
        while True:
            answer = self._page(feed, state)
            upserted, removed, skipped = self._sorted(feed, answer)
            following = answer.get("nextPageToken")
            state = {**state, "page": following} if following else {"token": answer.get("nextSyncToken", "")}
            yield Changes(
                upserted=upserted,
                removed=removed,
                skipped=skipped,
                cursor=Cursor(json.dumps(state)),
                remaining=None if following else 0,
                covered_since=None if following else _BEGINNING,
                is_last=not following,
            )
            if not following:
                return

    def witness(self) -> Witness:
        """Return a constant: their id is theirs alone, and Google refuses it a second time even after a deletion."""
        return Witness("id")

    def save_hold(self, hold: Hold | Invite, since: Witness) -> Saved | Gone | Unclear:  # noqa: ARG002 - see `witness`
        """Insert it under its own id, or adopt what lies there."""
        return self._holds.save(hold)

    def look(self, saved: Saved) -> Look:
        """Say what became of it."""
        return self._holds.look(saved)

    def withdraw(self, saved: Saved) -> Look:
        """Remove the hold if it is Untouched; an Invite never."""
        return self._holds.withdraw(saved)

    def _listed(self) -> Iterator[Json]:
        page: str | None = None
        while True:
            self._spending.calendar()
            request = self._reader.api.calendarList().list(pageToken=page, maxResults=250, fields=_LIST)
            answer = self._reader.call(request, "listing calendars")
            yield from answer.get("items", ())
            page = answer.get("nextPageToken")
            if page is None:
                return

    def _is_wanted(self, item: Json) -> bool:
        if item.get("deleted") or item.get("accessRole") == "freeBusyReader":
            return False
        if self._chosen:
            named = {item["id"], item.get("summary"), item.get("summaryOverride"), "primary" if item.get("primary") else None}
            return not self._chosen.isdisjoint(named)
        return bool(item.get("primary")) or (item.get("accessRole") == "owner" and item.get("selected", False))

    def _window(self) -> str:
        now = self._reader.wire.server_time
        return (now - WINDOW).isoformat() if now is not None else ""

    def _page(self, feed: Feed, state: Json) -> Json:
        """Ask for a page, for a smaller one where it is too large; of an event that alone is too large only the id is asked for."""
        size = PAGE
        while True:
            try:
                return self._asked(feed, state, size, ITEM)
            except TooLarge:
                if size == 1:
                    break
                size = max(size // FEWER, 1)
        answer = self._asked(feed, state, 1, "id")
        return {**answer, "items": [{**one, _TOO_LARGE: True} for one in answer.get("items", ())]}

    def _asked(self, feed: Feed, state: Json, size: int, item: str) -> Json:
        self._spending.calendar()
        request = self._reader.api.events().list(
            calendarId=feed.id,
            singleEvents=False,
            maxResults=size,
            pageToken=state.get("page"),
            syncToken=state.get("token"),
            timeMin=state.get("window") or None,
            fields=f"nextPageToken,nextSyncToken,timeZone,items({item})",
        )
        try:
            return self._reader.call(request, f"reading {feed.name}")
        except Refused as error:
            raise CursorExpired(f"{feed.name}: Google no longer knows where we were ({error.status}).") from error

    def _sorted(self, feed: Feed, answer: Json) -> tuple[tuple[CalendarEvent, ...], tuple[str, ...], tuple[Skipped, ...]]:
        """Tell events from deletions: a cancelled exception cancels its instance, any other cancelled event is gone."""
        upserted: list[CalendarEvent] = []
        removed: list[str] = []
        skipped: list[Skipped] = []
        for item in answer.get("items", ()):
            if item.get("status") == "cancelled" and "recurringEventId" not in item:
                removed.append(item["id"])
                continue
            if _TOO_LARGE in item:
                skipped.append(
                    Skipped(remote_id=item["id"], reason=f"An event was left out: it is larger than {LARGEST >> 20} MB.")
                )
                continue
            try:
                upserted.append(fact(item, uid=self._uid(feed, item), zone=answer.get("timeZone", "")))
            except (KeyError, ValueError, TypeError):
                skipped.append(Skipped(remote_id=str(item.get("id", "")), reason="it has no time that can be read"))
        return tuple(upserted), tuple(removed), tuple(skipped)

    def _uid(self, feed: Feed, item: Json) -> str:
        """Return the iCalUID; a cancelled exception has none, so its master is asked, once."""
        uid = item.get("iCalUID")
        if uid:
            self._uids[item["id"]] = uid
            return str(uid)
        master = item["recurringEventId"]
        if master not in self._uids:
            self._spending.calendar()
            request = self._reader.api.events().get(calendarId=feed.id, eventId=master, fields="iCalUID")
            try:
                self._uids[master] = str(self._reader.call(request, "reading a series").get("iCalUID", master))
            except Refused:
                self._uids[master] = f"{master}@google.com"
        return self._uids[master]


def _feed(item: Json) -> Feed:
    name = item.get("summaryOverride") or item.get("summary") or item["id"]
    return Feed(id=item["id"], name=name, role="primary" if item.get("primary") else "")
