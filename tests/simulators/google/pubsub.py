"""Pub/Sub as Gmail's notifications need it: topics, subscriptions that pull, acknowledgement, and what can go wrong on the way."""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64encode
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.simulators.google.exchange import Call, Clock, Json, Refusal

ACK_DEADLINE = timedelta(seconds=10)


@dataclass(slots=True, kw_only=True)
class Waiting:
    """A message of a subscription, until it is acknowledged."""

    id: str
    data: str
    at: datetime
    not_before: datetime
    deliveries: int = 0


@dataclass(slots=True)
class PubSub:
    """The subscriptions of one project."""

    clock: Clock
    subscriptions: dict[str, tuple[str, list[Waiting]]] = field(default_factory=dict)
    """Name -> topic and what waits."""
    fates: deque[str] = field(default_factory=deque)
    """What happens to the next notifications, one word each: `lost`, `twice`, `late`, `first` (before the one waiting)."""
    patience: float = 1.0
    """Seconds a pull waits for a message."""
    news: threading.Condition = field(default_factory=threading.Condition)
    count: int = 0

    def subscribe(self, subscription: str, topic: str) -> None:
        """Make a subscription to a topic."""
        self.subscriptions[subscription] = (topic, [])

    def publish(self, topic: str, said: Json) -> None:
        """Put a notification into every subscription of the topic, as its fate will have it."""
        fate = self.fates.popleft() if self.fates else ""
        data = urlsafe_b64encode(json.dumps(said).encode()).decode()
        with self.news:
            for about, queue in self.subscriptions.values():
                for _ in range({"lost": 0, "twice": 2}.get(fate, 1) if about == topic else 0):
                    self.count += 1
                    late = timedelta(minutes=5) if fate == "late" else timedelta()
                    one = Waiting(id=str(self.count), data=data, at=self.clock(), not_before=self.clock() + late)
                    queue.insert(0 if fate == "first" else len(queue), one)
            self.news.notify_all()

    def answer(self, call: Call) -> Json:
        """Answer `pull` and `acknowledge`."""
        name = f"projects/{call.path['projectsId']}/subscriptions/{call.path['subscriptionsId']}"
        if name not in self.subscriptions:
            raise Refusal(404, "NOT_FOUND", "Resource not found")
        if call.method.endswith(".acknowledge"):
            return self._acknowledged(name, set(call.given["ackIds"]))
        return self._pulled(name, int(call.given.get("maxMessages", 1)))

    def _acknowledged(self, name: str, ids: set[str]) -> Json:
        with self.news:
            queue = self.subscriptions[name][1]
            queue[:] = [one for one in queue if f"{one.id}.{one.deliveries}" not in ids]
        return {}

    def _pulled(self, name: str, most: int) -> Json:
        with self.news:
            queue = self.subscriptions[name][1]
            self.news.wait_for(lambda: self._ready(queue), self.patience)
            found = self._ready(queue)[:most]
            for one in found:
                one.deliveries += 1
                one.not_before = self.clock() + ACK_DEADLINE
        return {"receivedMessages": [self._shown(one) for one in found]} if found else {}

    def _ready(self, queue: list[Waiting]) -> list[Waiting]:
        return [one for one in queue if one.not_before <= self.clock()]

    def _shown(self, one: Waiting) -> Json:
        published = one.at.isoformat().replace("+00:00", "Z")
        return {"ackId": f"{one.id}.{one.deliveries}", "message": {"data": one.data, "messageId": one.id, "publishTime": published}}
