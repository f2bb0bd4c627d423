"""Calendar's watch channels: opened, stopped, ended by time, and notices really posted to their address, as fate will have it."""

from __future__ import annotations

import queue
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import urlsplit

import requests

from tests.simulators.google.exchange import Call, Clock, Json, Refusal

LONGEST = timedelta(days=7)
HERE = ("127.0.0.1", "localhost")


@dataclass(slots=True, kw_only=True)
class Channel:
    """A watch channel."""

    id: str
    calendar: str
    address: str
    token: str
    until: datetime
    count: int = 0

    @property
    def resource(self) -> str:
        """What is watched, in Google's words: the same for every channel of a calendar."""
        return f"res-{self.calendar}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A notice that went out, and how it was answered; 0 = nobody was there."""

    channel: str
    state: str
    status: int


@dataclass(slots=True)
class Channels:
    """The channels of one account. Notices leave one after the other from a thread of their own."""

    clock: Clock
    open: dict[str, Channel] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    fates: deque[str] = field(default_factory=deque)
    """What happens to the next notices, one word each: `lost`, `twice`, `late` (held until `release`)."""
    posted: list[Posted] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    held: list[tuple[Channel, str]] = field(default_factory=list)
    _out: queue.Queue[tuple[Channel, str]] = field(default_factory=queue.Queue)
    _poster: threading.Thread | None = None

    def watch(self, call: Call, calendar: str) -> Json:
        """Open a channel; its first notice says that it works."""
        asked = call.given
        if asked["id"] in self.used:
            raise Refusal(400, "channelIdNotUnique", "Channel id not unique")
        where = urlsplit(asked["address"])
        if where.scheme != "https" and where.hostname not in HERE:
            raise Refusal(401, "push.webhookUrlNotHttps", "WebHook callback must be HTTPS")
        until = self.clock() + LONGEST
        if "expiration" in asked:
            until = min(until, datetime.fromtimestamp(int(asked["expiration"]) / 1000, UTC))
        made = Channel(id=asked["id"], calendar=calendar, address=asked["address"], token=asked.get("token", ""), until=until)
        self.used.add(made.id)
        self.open[made.id] = made
        self._tell(made, "sync")
        said = {"kind": "api#channel", "id": made.id, "resourceId": made.resource, "resourceUri": f"/calendars/{calendar}/events"}
        return said | {"token": made.token, "expiration": str(int(until.timestamp() * 1000))}

    def stop(self, call: Call) -> Json:
        """Close a channel; both its ids must be right."""
        found = self.open.get(call.given.get("id", ""))
        if found is None or found.resource != call.given.get("resourceId") or found.until <= self.clock():
            raise Refusal(404, "notFound", "Channel not found")
        del self.open[found.id]
        self.stopped.append(found.id)
        return {}

    def living(self, calendar: str) -> list[Channel]:
        """List the channels of a calendar that have not ended."""
        return [one for one in self.open.values() if one.calendar == calendar and one.until > self.clock()]

    def changed(self, calendar: str) -> None:
        """Tell every channel of a calendar that something changed there."""
        for one in self.living(calendar):
            fate = self.fates.popleft() if self.fates else ""
            for _ in range({"lost": 0, "late": 0, "twice": 2}.get(fate, 1)):
                self._tell(one, "exists")
            if fate == "late":
                self.held.append((one, "exists"))

    def release(self) -> None:
        """Let what was held go out now."""
        held, self.held = self.held, []
        for one, state in held:
            self._tell(one, state)

    def settle(self) -> None:
        """Wait until every notice has gone out."""
        self._out.join()

    def _tell(self, one: Channel, state: str) -> None:
        if self._poster is None:
            self._poster = threading.Thread(target=self._post, name="calendar notices", daemon=True)
            self._poster.start()
        self._out.put((one, state))

    def _post(self) -> None:
        while True:
            one, state = self._out.get()
            status = 0
            with suppress(requests.RequestException):
                status = requests.post(one.address, headers=self._headers(one, state), timeout=30).status_code
            self.posted.append(Posted(channel=one.id, state=state, status=status))
            self._out.task_done()

    @staticmethod
    def _headers(one: Channel, state: str) -> dict[str, str]:
        one.count += 1
        return {
            "X-Goog-Channel-ID": one.id,
            "X-Goog-Channel-Token": one.token,
            "X-Goog-Channel-Expiration": format_datetime(one.until, usegmt=True),
            "X-Goog-Message-Number": str(one.count),
            "X-Goog-Resource-ID": one.resource,
            "X-Goog-Resource-State": state,
            "X-Goog-Resource-URI": f"https://www.googleapis.com/calendar/v3/calendars/{one.calendar}/events",
        }
