"""Gmail's notifications by Pub/Sub pull: no public address is needed; each is only a hint to look again."""

from __future__ import annotations

import json
import threading
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from connectors.google.failures import Refused
from connectors.google.spending import Spending
from connectors.google.transport import Service
from connectors.port import PortError, RateLimited, Rejected

RENEW: Final = timedelta(days=1)
"""A watch lasts seven days; it is made anew each day."""
MOST: Final = 100
PAUSE: Final = 2.0
"""Seconds between two pulls that were answered at once and empty."""


class PubSubWatcher:
    """Waits for changes of one mailbox; satisfies `connectors.port.Watcher`. Its subscription is the account's own."""

    def __init__(self, gmail: Service, pubsub: Service, spending: Spending, *, topic: str, subscription: str, email: str) -> None:
        self._gmail, self._pubsub, self._spending = gmail, pubsub, spending
        self._topic, self._subscription, self._email = topic, subscription, email
        self._closed = threading.Event()
        self._renew_at: datetime | None = None

    def wait(self, timeout: timedelta) -> bool:
        """Pull until something is told of this mailbox; True where it is. Raises the port's errors."""
        until = _now() + timeout
        self._watch()
        while not self._closed.is_set() and _now() < until:
            told = self._pulled()
            if told:
                return True
            self._closed.wait(min(PAUSE, max((until - _now()).total_seconds(), 0.0)))
        return False

    def close(self) -> None:
        """End a wait and let go of the connections."""
        self._closed.set()
        for service in (self._gmail, self._pubsub):
            service.wire.close()

    def _watch(self) -> None:
        """Have Gmail publish to the topic, anew every day."""
        if self._renew_at is not None and _now() < self._renew_at:
            return
        self._spending.gmail("watch")
        asked = {"topicName": self._topic}
        try:
            self._gmail.call(
                self._gmail.api.users().watch(userId="me", body=asked, fields="expiration"), "asking for notifications"
            )
        except Refused as error:
            raise Rejected(
                f"Gmail cannot publish to {self._topic} ({error.status}).",
                remedy="Allow gmail-api-push@system.gserviceaccount.com to publish to it; see deploy/google.md.",
            ) from error
        self._renew_at = _now() + RENEW

    def _pulled(self) -> bool:
        """Take what waits, acknowledge all of it, and say whether any is about this mailbox."""
        subscriptions = self._pubsub.api.projects().subscriptions()
        request = subscriptions.pull(subscription=self._subscription, body={"maxMessages": MOST})
        try:
            found = self._pubsub.call(request, "waiting for notifications").get("receivedMessages", ())
            if found:
                acks = {"ackIds": [one["ackId"] for one in found]}
                self._pubsub.call(subscriptions.acknowledge(subscription=self._subscription, body=acks), "taking notifications")
        except Refused as error:
            raise Rejected(
                f"There is no subscription {self._subscription} ({error.status}).", remedy="Make it as deploy/google.md says."
            ) from error
        except (RateLimited, Rejected):
            raise
        except PortError:
            if self._closed.is_set():
                return False
            raise
        return any(concerns(one.get("message", {}), self._email) for one in found)


def concerns(message: Mapping[str, Any], email: str) -> bool:
    """Tell whether a notification names this mailbox; what cannot be read may do so."""
    told = address_in(str(message.get("data", "")))
    return not told or told.lower() == email.lower()


def address_in(data: str) -> str:
    """Return whom the data of a notification names; "" where it cannot be read."""
    for decode in (urlsafe_b64decode, b64decode):
        try:
            return str(json.loads(decode(data + "=" * (-len(data) % 4)))["emailAddress"])
        except (ValueError, KeyError, TypeError):
            continue
    return ""


def places(topic: str, subscription: str) -> Sequence[str]:
    """List what is wrong with the names of a topic and its subscription."""
    shapes = ((topic, "topics"), (subscription, "subscriptions"))
    return [
        f"{name!r} is not projects/PROJECT/{kind}/NAME" for name, kind in shapes if name.split("/")[::2][:2] != ["projects", kind]
    ]


def _now() -> datetime:
    return datetime.now(UTC)
