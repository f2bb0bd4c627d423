"""Graph's push: a subscription for mail and, where agreed to, one for events, kept alive; every notification only a hint."""

from __future__ import annotations

import hmac
import json
import secrets as chance
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import quote

from connectors.account import Secrets
from connectors.microsoft.failures import NOT_FOUND, Refused
from connectors.microsoft.graph import Graph, Json
from connectors.port import PortError, Rejected

LIVES: Final = (timedelta(minutes=10_000), timedelta(minutes=4_200))
"""How long to ask for: a little under what the newer service allows, and under what the older did."""
LARGEST: Final = 1_000_000
"""Bytes of a notification; Graph's are some hundreds."""
Hint = Literal["look", "renew", "again"]
"""What a notification asks for: look at the mail, renew the subscription, or make it again and look."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What Graph may tell of."""

    kept: str
    """The secret that is the registry: what was subscribed to, and the word Graph proves itself with."""
    resource: str
    changes: str


MAIL: Final = Topic("subscription", "messages", "created")
EVENTS: Final = Topic("event_subscription", "events", "created,updated,deleted")
TOPICS: Final = (MAIL, EVENTS)


@dataclass(frozen=True, slots=True)
class Channel:
    """A topic, and the sign-in that may subscribe to it."""

    topic: Topic
    graph: Graph = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A subscription of ours, as its account's secrets keep it."""

    id: str
    state: str = field(repr=False)
    """The secret clientState."""
    renew_at: datetime
    """Half way between when it was given and when it ends."""

    @classmethod
    def read(cls, secrets: Secrets, topic: Topic = MAIL) -> Registered | None:
        """Read what is registered for a topic, if anything."""
        raw = secrets.get(topic.kept)
        if not raw:
            return None
        said = json.loads(raw)
        return cls(id=said["id"], state=said["state"], renew_at=datetime.fromisoformat(said["renew_at"]))

    def keep(self, secrets: Secrets, topic: Topic) -> None:
        """Seal it."""
        secrets.put(topic.kept, json.dumps({"id": self.id, "state": self.state, "renew_at": self.renew_at.isoformat()}))


class Subscriber:
    """Keeps the subscriptions alive while it is waited on; satisfies `connectors.port.Watcher`. The web takes what is pushed."""

    def __init__(
        self, channels: Sequence[Channel], secrets: Secrets, *, clock: Callable[[], datetime], url: str, account: str
    ) -> None:
        """Take what to subscribe to, Graph's clock, and where Graph is to tell of it."""
        self._channels, self._secrets, self._clock = channels, secrets, clock
        self._url = f"{url}?account={quote(account, safe='')}"
        self._closing = threading.Event()

    def wait(self, timeout: timedelta) -> bool:
        """Tend the subscriptions, then sleep: True where notifications may have been lost, because one was made anew."""
        is_new = self.tend()
        if not is_new:
            self._closing.wait(timeout.total_seconds())
        return is_new

    def close(self) -> None:
        """End a `wait` in another thread; the subscriptions stay, for whoever watches next."""
        self._closing.set()
        for channel in self._channels:
            channel.graph.close()

    def end(self) -> None:
        """Delete every subscription of this account, of as much as can be reached; raises the first error at the end."""
        failed: list[PortError] = []
        with self._secrets.exclusive():
            for channel in self._channels:
                try:
                    self._remove_strays(channel)
                except PortError as error:
                    failed.append(error)
        if failed:
            raise failed[0]

    def tend(self) -> bool:
        """Make each subscription where there is none, renew it in time, remove strays; True where one was made."""
        with self._secrets.exclusive():
            now = self._clock()
            made = [self._tended(channel, now) for channel in self._channels]
        return any(made)

    def _tended(self, channel: Channel, now: datetime) -> bool:
        known = Registered.read(self._secrets, channel.topic)
        if known is not None and known.id and now < known.renew_at:
            return False
        if known is not None and known.id and self._renewed(channel, known, now):
            return False
        self._make(channel, known.state if known else chance.token_urlsafe(48), now)
        return True

    def _renewed(self, channel: Channel, known: Registered, now: datetime) -> bool:
        try:
            answer = _lasting(channel, "PATCH", f"subscriptions/{known.id}", {}, now)
        except Refused as error:
            if error.status != NOT_FOUND:
                raise
            return False
        replace(known, renew_at=_half_way(answer, now)).keep(self._secrets, channel.topic)
        return True

    def _make(self, channel: Channel, state: str, now: datetime) -> None:
        """Subscribe anew. The word is sealed first: the first notification may be faster than the answer."""
        Registered(id="", state=state, renew_at=now).keep(self._secrets, channel.topic)
        self._remove_strays(channel)
        wanted = {
            "changeType": channel.topic.changes,
            "resource": f"{channel.graph.who}/{channel.topic.resource}",
            "notificationUrl": self._url,
            "lifecycleNotificationUrl": self._url,
            "clientState": state,
        }
        answer = _lasting(channel, "POST", "subscriptions", wanted, now)
        Registered(id=answer["id"], state=state, renew_at=_half_way(answer, now)).keep(self._secrets, channel.topic)

    def _remove_strays(self, channel: Channel) -> None:
        """Delete what we subscribed to and no longer know: Graph does not stop at one."""
        for one in list(channel.graph.pages("subscriptions", "listing subscriptions")):
            if one.get("notificationUrl") == self._url:
                with suppress(Refused):  # gone already
                    channel.graph.ask("DELETE", f"subscriptions/{one['id']}", "removing a subscription")


def _lasting(channel: Channel, method: str, path: str, wanted: Json, now: datetime) -> Json:
    """Ask for the longer life, and for the shorter where that is refused."""
    longer, shorter = ({**wanted, "expirationDateTime": f"{now + life:%Y-%m-%dT%H:%M:%SZ}"} for life in LIVES)
    what = f"subscribing to {channel.topic.resource}"
    try:
        return channel.graph.ask(method, path, what, given=longer)
    except Rejected:
        return channel.graph.ask(method, path, what, given=shorter)


def hints(raw: bytes, secrets: Secrets) -> Mapping[Topic, frozenset[Hint]]:
    """Read a notification for an account: what it asks for, as far as it proves that it is Graph's; nothing for all else."""
    if len(raw) > LARGEST:
        return {}
    found: dict[Topic, frozenset[Hint]] = {}
    for topic in TOPICS:
        known = Registered.read(secrets, topic)
        if known is not None and (asked := _hints(raw, known)):
            found[topic] = asked
    return found


def note(asked: Mapping[Topic, frozenset[Hint]], secrets: Secrets) -> None:
    """Take down that subscriptions are to be renewed or made again; whoever watches does it."""
    for topic, hints_ in asked.items():
        known = Registered.read(secrets, topic)
        if known is not None and hints_ & {"renew", "again"}:
            wanted = replace(known, id="" if "again" in hints_ else known.id, renew_at=datetime.min.replace(tzinfo=UTC))
            wanted.keep(secrets, topic)


def _hints(raw: bytes, known: Registered) -> frozenset[Hint]:
    try:
        values = json.loads(raw)["value"]
        return frozenset(_hint(one, known) for one in values if _is_graphs(one, known))
    except (ValueError, KeyError, TypeError, AttributeError):
        return frozenset()


def _is_graphs(one: Mapping[str, Any], known: Registered) -> bool:
    return hmac.compare_digest(str(one.get("clientState", "")).encode(), known.state.encode())


def _hint(one: Mapping[str, Any], known: Registered) -> Hint:
    is_ours = one.get("subscriptionId") == known.id
    match one.get("lifecycleEvent"):
        case "subscriptionRemoved" if is_ours:
            return "again"
        case "reauthorizationRequired" if is_ours:
            return "renew"
        case _:
            return "look"


def _half_way(answer: Json, now: datetime) -> datetime:
    ends = datetime.fromisoformat(str(answer["expirationDateTime"]).partition(".")[0].removesuffix("Z")).replace(tzinfo=UTC)
    return now + (ends - now) / 2
