"""Calendar's watch channels: one for each calendar that is read, made anew before the last one ends; each notice only a hint.

A channel cannot be renewed: a new one is opened, then the old one stopped, for which its id and its resource id are needed.
Both are kept, so that a crash in between leaves a channel that is stopped later, not one that nobody knows. Only one whose
opening was never answered cannot be stopped, for want of its resource id: its notices are passed over until it ends.
"""

from __future__ import annotations

import hmac
import json
import secrets as chance
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import quote
from uuid import uuid4

from connectors.account import Secrets
from connectors.google.calendar import GoogleCalendar
from connectors.google.failures import Refused
from connectors.google.spending import Spending
from connectors.google.transport import Service
from connectors.port import Rejected

KEPT: Final = "channels"
"""The secret that is the registry: which channels are open, and the word Google is to bring with each notice."""
LIFE: Final = timedelta(days=7)
"""How long a channel is asked for; Google may give less."""
ROUND: Final = timedelta(hours=1)
"""How often it is looked whether calendars came, went, or a channel ends soon."""
Notice = Literal["look", "begun", "stray", "not believed"]
"""What a notice says: something changed; the channel works; it comes from a channel we no longer keep; it proves nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One channel of ours; `resource` is empty until Google has answered."""

    id: str
    calendar: str
    resource: str = ""
    renew_at: str = ""
    ends_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """All channels of an account, as its secrets keep them."""

    token: str
    channels: tuple[Channel, ...] = ()

    @classmethod
    def read(cls, secrets: Secrets) -> Registry | None:
        """Read it; None where none was ever opened."""
        raw = secrets.get(KEPT)
        if not raw:
            return None
        said = json.loads(raw)
        return cls(token=said["token"], channels=tuple(Channel(**one) for one in said["channels"]))

    def keep(self, secrets: Secrets) -> None:
        """Seal it."""
        secrets.put(KEPT, json.dumps({"token": self.token, "channels": [asdict(one) for one in self.channels]}))


class Channels:
    """Keeps a channel open for each calendar that is read. One tends them at a time: whoever watches the account."""

    def __init__(
        self, reader: Service, calendars: GoogleCalendar, spending: Spending, secrets: Secrets, *, url: str, account: str
    ) -> None:
        self._reader, self._calendars, self._spending, self._secrets = reader, calendars, spending, secrets
        self._address = f"{url}?account={quote(account, safe='')}"
        self._silent: set[str] = set()
        """Calendars Google tells nothing of (holidays, some that others share): the poll serves them."""
        self._next_at = datetime.min.replace(tzinfo=UTC)

    def tend(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> bool:
        """Look after the channels once an hour; True where a calendar was not watched until now. Raises the port's errors."""
        if now() < self._next_at:
            return False
        is_new = self.renew()
        self._next_at = now() + ROUND
        return is_new

    def renew(self) -> bool:
        """Open what is missing or ends soon, then stop what it replaces; True as `tend` says."""
        wanted = [feed.id for feed in self._calendars.feeds()]
        at = _text(self._now())
        known = Registry.read(self._secrets) or Registry(token=chance.token_urlsafe(48))
        living = {one.calendar: one for one in sorted(known.channels, key=lambda one: one.ends_at) if one.ends_at > at}
        keeping: dict[str, Channel] = {}
        for calendar in wanted:
            current = living.get(calendar)
            if calendar not in self._silent and (current is None or current.renew_at <= at):
                known, current = self._opened(known, calendar)
            keeping |= {calendar: current} if current is not None else {}
        ids = {one.id for one in keeping.values()}
        for old in [one for one in known.channels if one.id not in ids]:
            known = self._stopped(known, old)
        return not keeping.keys() <= living.keys()

    def end(self) -> None:
        """Stop every channel of ours; whatever Google still sends proves nothing then. Raises the port's errors."""
        known = Registry.read(self._secrets) or Registry(token="")
        for old in known.channels:
            known = self._stopped(known, old)

    def _opened(self, known: Registry, calendar: str) -> tuple[Registry, Channel | None]:
        """Open a channel; its id is kept before Google is asked, for the first notice may be faster than the answer."""
        asked = Channel(id=str(uuid4()), calendar=calendar)
        begun = replace(known, channels=(*known.channels, asked))
        begun.keep(self._secrets)
        self._spending.calendar()
        until = str(int((self._now() + LIFE).timestamp()) * 1000)
        body = {"id": asked.id, "type": "web_hook", "address": self._address, "token": known.token, "expiration": until}
        request = self._reader.api.events().watch(calendarId=calendar, body=body, fields="id,resourceId,expiration")
        try:
            answer = self._reader.call(request, "asking for notices of a calendar")
        except Refused as error:
            known.keep(self._secrets)
            if error.reason.startswith("push.webhook"):
                raise Rejected(
                    f"Google cannot tell {self._address.partition('?')[0]} of changes ({error.reason}).",
                    remedy="Let notification_url be a public https address with a valid certificate; see deploy/google.md.",
                ) from error
            self._silent.add(calendar)
            return known, None
        made = replace(asked, resource=str(answer.get("resourceId", "")), **self._times(answer))
        after = replace(begun, channels=(*known.channels, made))
        after.keep(self._secrets)
        return after, made

    def _times(self, answer: Mapping[str, Any]) -> dict[str, str]:
        now = self._now()
        ends = datetime.fromtimestamp(int(answer["expiration"]) / 1000, UTC) if "expiration" in answer else now + LIFE
        return {"renew_at": _text(now + (ends - now) / 2), "ends_at": _text(ends)}

    def _now(self) -> datetime:
        return self._reader.wire.server_time or datetime.now(UTC)

    def _stopped(self, known: Registry, old: Channel) -> Registry:
        """Stop a channel and forget it; one that Google no longer knows has ended by itself."""
        if old.resource:
            self._spending.calendar()
            request = self._reader.api.channels().stop(body={"id": old.id, "resourceId": old.resource})
            with suppress(Refused):
                self._reader.call(request, "stopping a channel")
        after = replace(known, channels=tuple(one for one in known.channels if one.id != old.id))
        after.keep(self._secrets)
        return after


def noticed(headers: Mapping[str, str], secrets: Secrets) -> Notice:
    """Say what a notice is worth by its headers, in any case; what it says is never more than that something changed."""
    said = {name.lower(): value for name, value in headers.items()}
    known = Registry.read(secrets)
    token = said.get("x-goog-channel-token", "")
    if known is None or not hmac.compare_digest(token.encode(), known.token.encode()):
        return "not believed"
    if said.get("x-goog-channel-id") not in {one.id for one in known.channels}:
        return "stray"
    return "begun" if said.get("x-goog-resource-state") == "sync" else "look"


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
