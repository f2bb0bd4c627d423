"""What can go wrong between Rekindle and Graph: faults that strike chosen requests, and the limits Graph keeps."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

Kind = Literal[
    "429", "429-silent", "429-date", "MailboxConcurrency", "401", "400", "403", "409", "410", "syncStateNotFound", "500-html", "502-html",
    "503", "503-after", "504", "ConcurrentItemSave", "drop", "lose", "truncate", "html", "slow", "huge",
]  # fmt: skip
AFTERWARDS: frozenset[Kind] = frozenset({"lose", "truncate", "huge", "ConcurrentItemSave"})
"""Faults that strike when the work is done."""


@dataclass(slots=True)
class Fault:
    """Strikes requests whose method and path match: the `nth` of them and as many as `times` from there."""

    kind: Kind
    method: str = ".*"
    path: str = ".*"
    nth: int = 1
    times: int = 1
    seen: int = 0

    def strikes(self, method: str, path: str) -> bool:
        if not (re.fullmatch(self.method, method) and re.search(self.path, path)):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


@dataclass(slots=True)
class Limits:
    """Four requests at once and 10,000 in ten minutes, for each application and mailbox."""

    now: Callable[[], datetime]
    at_once: int = 4
    in_ten_minutes: int = 10_000
    in_flight: int = 0
    most_in_flight: int = 0
    refused: int = 0
    _times: deque[datetime] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self) -> str:
        """Count a request in; returns the code to refuse it with, or "" and it runs until `leave`."""
        with self._lock:
            if self.in_flight >= self.at_once:
                self.refused += 1
                return "MailboxConcurrency"
            if not self.spend():
                self.refused += 1
                return "TooManyRequests"
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            return ""

    def widen(self, count: int) -> int:
        """Count the parts of a batch in that are worked on beside its first; returns for how many there is room."""
        with self._lock:
            room = min(count, self.at_once - self.in_flight)
            self.in_flight += room
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            self.refused += room < count
            return room

    def spend(self) -> bool:
        """Count one request in the ten minutes."""
        now = self.now()
        while self._times and self._times[0] <= now - timedelta(minutes=10):
            self._times.popleft()
        if len(self._times) >= self.in_ten_minutes:
            return False
        self._times.append(now)
        return True

    def leave(self) -> None:
        with self._lock:
            self.in_flight -= 1
