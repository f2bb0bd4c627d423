"""What the parts of the simulator hand each other: one call, one refusal, one fault, and a clock that tests may turn."""

from __future__ import annotations

import fnmatch
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]


class Refusal(Exception):
    """An answer that is an error, in Google's shape."""

    def __init__(self, status: int, reason: str, message: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.message, self.headers = status, reason, message or reason, dict(headers or {})

    def said(self) -> Json:
        """Write it as Google's JSON."""
        errors = [{"domain": "global", "reason": self.reason, "message": self.message}]
        return {"error": {"code": self.status, "message": self.message, "errors": errors}}


class Dropped(Exception):
    """The connection ends without an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to one method, after the token was looked at."""

    method: str
    email: str
    scopes: frozenset[str]
    path: Mapping[str, str]
    query: Mapping[str, list[str]]
    given: Json
    if_match: str = ""

    def one(self, name: str, default: str = "") -> str:
        """Return a query parameter that stands once."""
        return self.query.get(name, [default])[0]

    def number(self, name: str, default: int) -> int:
        """Return a number of the query."""
        return int(self.one(name, str(default)))

    def is_metadata_only(self) -> bool:
        """Tell whether gmail.metadata is in the token: then it wins over every broader scope in it."""
        return any(scope.endswith("/gmail.metadata") for scope in self.scopes)


@dataclass(slots=True, kw_only=True)
class Fault:
    """A rule that lets some requests fail.

    `kind`: `429`, `429 seconds N`, `429 date N`, `403 REASON`, `401`, `400`, `404`, `409`, `410`, `412`, `500 html`, `502 html`,
    `503`, `delay SECONDS`, `drop before`, `commit then drop`, `commit then delay SECONDS`, `truncate`, `huge`, `repeat item`,
    `invalid_grant`.
    """

    kind: str
    method: str = "*"
    """Pattern of method ids: gmail.users.messages.get, calendar.events.insert, batch, oauth.token."""
    nth: int = 1
    """The first matching request it strikes."""
    times: int = 1
    """How many requests it strikes, one after the other."""
    probability: float = 1.0
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    seen: int = 0
    struck: int = 0

    def strikes(self, method: str) -> bool:
        """Tell whether it strikes this request, and count it."""
        if self.struck >= self.times or not fnmatch.fnmatch(method, self.method):
            return False
        self.seen += 1
        if self.seen < self.nth or self.chance.random() > self.probability:
            return False
        self.struck += 1
        return True


@dataclass(slots=True)
class Clock:
    """The simulator's time: the real one plus what tests add, or one that stands until it is turned."""

    at: datetime | None = None
    shift: timedelta = timedelta()
    together: float = 0.0
    """Real seconds within which batches at a standing clock count as made at the same time: their pauses overlap."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> datetime:
        """Say what time it is."""
        return (self.at or datetime.now(UTC)) + self.shift

    def turn(self, by: timedelta) -> None:
        """Let time pass."""
        with self.lock:
            self.shift += by

    def pause(self, seconds: float, *, is_batch: bool = False) -> None:
        """Take time over an answer: really, or on the standing clock."""
        if self.at is None:
            time.sleep(seconds)
            return
        until = self.shift + timedelta(seconds=seconds)
        time.sleep(self.together if is_batch else 0.0)
        with self.lock:
            self.shift = max(self.shift, until)
