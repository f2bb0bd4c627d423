"""Gmail's notifications by Pub/Sub: asked for anew each day, pulled where no public address is; each only a hint to look again."""

from __future__ import annotations

import json
import threading
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from connectors.google.failures import Refused
from connectors.google.spending import Spending
from connectors.google.transport import Service
from connectors.port import PortError, RateLimited, Rejected

RENEW: Final = timedelta(days=1)
LASTS: Final = timedelta(days=7)
"""A watch lasts seven days; it is made anew each day."""
MOST: Final = 100
PAUSE: Final = 2.0
"""Seconds between two pulls that were answered at once and empty."""


class GmailWatch:
    """Has Gmail publish what changes to a topic, anew each day: for a subscription that pulls and for one that pushes."""

    def __init__(self, gmail: Service, spending: Spending, *, topic: str) -> None:
        self._gmail, self._spending, self._topic = gmail, spending, topic
        self._renew_at: datetime | None = None

    def tend(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> bool:
        """Ask for notifications where a day has passed; False: what came meanwhile waits in the subscription. Raises the port's errors."""
        if self._renew_at is not None and now() < self._renew_at:
            return False
        self._spending.gmail("watch")
        asked = {"topicName": self._topic}
        try:
            request = self._gmail.api.users().watch(userId="me", body=asked, fields="expiration")
            answer = self._gmail.call(request, "asking for notifications")
        except Refused as error:
            raise Rejected(
                f"Gmail cannot publish to {self._topic} ({error.status}).",
                remedy="Allow gmail-api-push@system.gserviceaccount.com to publish to it; see deploy/google.md.",
            ) from error
        self._renew_at = now() + min(RENEW, self._left(answer) / 2)
        return False

    def end(self) -> None:
        """Have Gmail publish nothing more of this mailbox. Raises the port's errors."""
        self._spending.gmail("stop")
        with suppress(Refused):
            self._gmail.call(self._gmail.api.users().stop(userId="me"), "ending notifications")

    def _left(self, answer: Mapping[str, Any]) -> timedelta:
        """Say how long what Gmail has granted lasts, by its own clock."""
        server = self._gmail.wire.server_time
        if "expiration" not in answer or server is None:
            return LASTS
        return max(datetime.fromtimestamp(int(answer["expiration"]) / 1000, UTC) - server, timedelta(minutes=10))


class Pulling:
    """Pulls the notifications of one mailbox. Its subscription is the account's own."""

    def __init__(self, pubsub: Service, *, subscription: str, email: str) -> None:
        self._pubsub, self._subscription, self._email = pubsub, subscription, email
        self._closed = threading.Event()

    def wait(self, timeout: timedelta) -> bool:
        """Pull until something is told of this mailbox; True where it is. Raises the port's errors."""
        until = datetime.now(UTC) + timeout
        while not self._closed.is_set() and datetime.now(UTC) < until:
            if self._pulled():
                return True
            self._closed.wait(min(PAUSE, max((until - datetime.now(UTC)).total_seconds(), 0.0)))
        return False

    def close(self) -> None:
        """End a wait in another thread."""
        self._closed.set()

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


def places(topic: str, subscription: str | None) -> Sequence[str]:
    """List what is wrong with the names of a topic and its subscription; None = it is not ours to name."""
    shapes = [(topic, "topics")] + ([(subscription, "subscriptions")] if subscription is not None else [])
    return [
        f"{name!r} is not projects/PROJECT/{kind}/NAME" for name, kind in shapes if name.split("/")[::2][:2] != ["projects", kind]
    ]
