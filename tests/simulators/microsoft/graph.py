"""A pretended Microsoft Graph for many mailboxes, with its limits, its faults and its opinions.

| modelled | how |
|---|---|
| mail and events | append-only logs per folder and calendar; immutable ids that differ in case only; change keys |
| messages/delta, mailFolders/delta, calendarView/delta | opaque links with an epoch, @removed, replays, empty pages, frozen window, stubs |
| $select | honoured; asking for content, or asking a token that may read it for everything, is a violation |
| Mail.ReadBasic, Calendars.ReadBasic | no body, bodyPreview, uniqueBody, extended property in any answer |
| filters | extended property (value without case), internetMessageId, createdDateTime; each may lag behind the store |
| writes | If-Match, JSON and MIME drafts with thread joining, createReply with its quote |
| transactionId | answered with the event it made, refused where that has changed; whether it outlives the event is a choice |
| $batch | 20 items, answered in another order, throttled one by one |
| limits | 4 at once, 10,000 in ten minutes, for each application and mailbox |
| faults | tests.simulators.microsoft.faults.Kind |
| subscriptions | handshake, delivery over HTTP, expiry, lifecycle: tests.simulators.microsoft.subscriptions |
| getSchedule | quarter hours of every mailbox of the tenant, an error where it is kept back or unknown |
| search, attachments, sending | not there: 501, and the test fails |
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from tests.simulators.microsoft import schema
from tests.simulators.microsoft.agenda import Agenda
from tests.simulators.microsoft.faults import AFTERWARDS, Fault, Kind, Limits
from tests.simulators.microsoft.log import Json, LostError
from tests.simulators.microsoft.post import Post
from tests.simulators.microsoft.problems import ProblemError, error, struck
from tests.simulators.microsoft.wire import Answer, Request, Wire

LANES = 3
"""Requests Rekindle has under way at once."""
CONTENT = frozenset({"body", "bodyPreview", "uniqueBody"})
NOON = datetime(2026, 11, 17, 12, 30, tzinfo=UTC)


@dataclass(slots=True)
class Grant:
    """What an access token stands for; `user` is "" for a sign-in of the application's own."""

    app: str
    user: str
    scopes: frozenset[str]
    is_alive: bool = True
    mailboxes: frozenset[str] = frozenset()

    def can(self, *any_of: str) -> bool:
        return bool(self.scopes & set(any_of))

    def reads_content(self, kind: str) -> bool:
        return self.can(*(("Mail.ReadWrite", "Mail.Read") if kind == "message" else ("Calendars.ReadWrite", "Calendars.Read")))


@dataclass(slots=True)
class Box:
    """One mailbox: mail, calendars, and the limits of each application that works on it."""

    address: str
    now: Callable[[], datetime]
    post: Post = field(init=False)
    agenda: Agenda = field(init=False)
    limits: dict[str, Limits] = field(default_factory=dict)
    lag: timedelta = timedelta(0)
    """How long a search knows nothing of what was made."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.post, self.agenda = Post(self.now, self.address), Agenda(self.now, self.address)

    def limit(self, app: str) -> Limits:
        return self.limits.setdefault(app, Limits(self.now))


@dataclass(slots=True)
class Call:
    """One request as a route sees it."""

    box: Box
    grant: Grant
    request: Request
    parts: tuple[str, ...]
    root: str
    service: Graph

    @property
    def select(self) -> list[str]:
        return [one for one in self.request.query.get("$select", "").split(",") if one]


Route = tuple[str, str, Callable[[Call], Answer], str, str, tuple[str, ...]]
"""Method, path, what answers, the type answered ("[x]" = a page of them), the type given, and the scopes one of which is needed."""


class Graph:
    """The service: hands for the tests, HTTP for Rekindle."""

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        """`now` None = a clock of its own that stands still until it is turned."""
        from tests.simulators.microsoft import event_routes, mail_routes  # noqa: PLC0415 - they are made of what is above
        from tests.simulators.microsoft.subscriptions import Subscriptions  # noqa: PLC0415 - as above

        self.clock, self._now = NOON, now
        self.boxes: dict[str, Box] = {}
        self.grants: dict[str, Grant] = {}
        self.faults: list[Fault] = []
        self.violations: list[str] = []
        self.requests: list[tuple[str, str]] = []
        self.latency = 0.0
        """Seconds of a request; a batch takes them for each of its parts, or for every four where four are worked on at once."""
        self.latency_each = 0.0
        """Seconds more for each item of a list."""
        self.busy = 0.0
        """Seconds spent so, times the lanes they were spent in."""
        self.throttled_items: set[str] = set()
        """Paths whose next request inside a batch is answered 429, and when to come again."""
        self.crowded_items: set[str] = set()
        """Paths whose next request inside a batch is answered 429, and no more than that."""
        self.parts: list[str] = []
        """What was asked inside batches."""
        self.kept_back: set[str] = set()
        """Whose time the tenant does not tell."""
        self.hidden_items: set[str] = set()
        """Ids of messages that are listed and, when asked for by id, have just gone."""
        self.subscriptions = Subscriptions(self)
        self._routes: list[Route] = [*mail_routes.ROUTES, *event_routes.ROUTES, *self.subscriptions.routes()]
        self.wire = Wire(self._answer, self.now)
        self.root = f"http://127.0.0.1:{self.wire.port}/v1.0/"

    def now(self) -> datetime:
        return self.clock if self._now is None else self._now()

    def box(self, address: str) -> Box:
        return self.boxes.setdefault(address, Box(address, self.now))

    def fault(self, kind: Kind, method: str = ".*", path: str = ".*", *, nth: int = 1, times: int = 1) -> None:
        self.faults.append(Fault(kind, method, path, nth, times))

    def expire_everything(self) -> None:
        """End every delta link."""
        for box in self.boxes.values():
            box.post.log.epoch += 1
            box.agenda.log.epoch += 1

    def close(self) -> None:
        self.wire.close()

    def _answer(self, request: Request) -> Answer:
        self.requests.append((request.method, request.path))
        fault = next((one for one in self.faults if one.strikes(request.method, request.path)), None)
        before = fault if fault is not None and fault.kind not in AFTERWARDS else None
        answer = struck(before, Answer(status=0), self.now()) if before else self._limited(request)
        after = fault if fault is not None and fault.kind in AFTERWARDS and answer.status in (200, 201, 204) else None
        answer = struck(after, answer, self.now()) if after else answer
        answer.headers.setdefault("request-id", f"req-{len(self.requests)}")
        return answer

    def _limited(self, request: Request) -> Answer:
        began = time.monotonic()
        grant = self.grants.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if grant is None or not grant.is_alive:
            return error(ProblemError(401, "InvalidAuthenticationToken"))
        limit = self.box(grant.user or "app").limit(grant.app)
        refused = limit.enter()
        if refused:
            return error(ProblemError(429, refused, {"Retry-After": "2"}))
        try:
            if request.path == "/v1.0/$batch":
                return self._batch(request, grant, limit, began)
            answer = self._routed(request, grant)
            items = len(answer.said.get("value", ())) if isinstance(answer.said, dict) else 0
            self._take_time(began, answer, self.latency + items * self.latency_each, 1)
            return answer
        finally:
            limit.leave()

    def _batch(self, request: Request, grant: Grant, limit: Limits, began: float) -> Answer:
        parts = request.json["requests"]
        if len(parts) > 20:
            return error(ProblemError(400, "MaximumBatchSize"))
        wanted = 0 if all("dependsOn" in part for part in parts[1:]) else min(4, len(parts)) - 1
        entered = limit.widen(wanted)
        try:
            answer = self._batched(parts, grant, limit, is_crowded=entered < wanted)
            rounds = -(-len(parts) // 4) if wanted else len(parts)
            self._take_time(began, answer, rounds * self.latency, LANES if wanted else 1)
            return answer
        finally:
            for _ in range(entered):
                limit.leave()

    def _batched(self, parts: list[Json], grant: Grant, limit: Limits, *, is_crowded: bool) -> Answer:
        """Answer the parts; where others ask at the same time, some come too soon."""
        answers: list[Json] = []
        failed: set[str] = set()
        for number, part in enumerate(parts):
            url = urlsplit(part["url"])
            query = dict(parse_qsl(url.query, keep_blank_values=True))
            headers = part.get("headers", {})
            self.parts.append(part["url"])
            given = Request(method=part["method"], path=f"/v1.0{url.path}", query=query, headers=headers)
            if set(url.path.split("/")) & self.hidden_items:
                answer = error(ProblemError(404, "ErrorItemNotFound"))
            elif failed & set(part.get("dependsOn", ())):
                answer = error(ProblemError(424, "FailedDependency"))
            elif (is_crowded and number % 4 == 3) or url.path in self.crowded_items:
                self.crowded_items.discard(url.path)
                answer = error(ProblemError(429, "MailboxConcurrency"))
            elif url.path in self.throttled_items or not limit.spend():
                self.throttled_items.discard(url.path)
                answer = error(ProblemError(429, "TooManyRequests", {"Retry-After": "1"}))
            else:
                answer = self._routed(given, grant)
            failed |= {part["id"]} if answer.status >= 400 else set()
            answers.append({"id": part["id"], "status": answer.status, "headers": answer.headers, "body": answer.said})
        return Answer(status=200, said={"responses": answers[::-1]})

    def _take_time(self, began: float, answer: Answer, took: float, lanes: int) -> None:
        """Be as slow as is asked for, our own work and writing the answer down included."""
        if took:
            self.busy += took * lanes
            answer.written = answer.raw()
            time.sleep(max(0.0, began + took - time.monotonic()))

    def _routed(self, request: Request, grant: Grant) -> Answer:
        try:
            path, box = self._whose(request.path, grant)
            for method, pattern, handler, answered, given, scopes in self._routes:
                match = re.fullmatch(pattern, path)
                if method == request.method and match:
                    call = Call(box, grant, request, tuple(match.groups()), self.root, self)
                    self._look_at(call, answered, given, scopes)
                    with box.lock:
                        return self._checked(handler(call), answered, grant)
        except LostError:
            location = f"{self.root}{request.path.removeprefix('/v1.0/')}"
            return error(ProblemError(410, "syncStateNotFound", {"Location": location}))
        except ProblemError as problem:
            return error(problem)
        self.violations.append(f"no such route: {request.method} {request.path}")
        return error(ProblemError(501, "NotImplemented"))

    def _whose(self, path: str, grant: Grant) -> tuple[str, Box]:
        if path.startswith("/v1.0/subscriptions"):
            return path.removeprefix("/v1.0"), self.box(grant.user or "app")
        match = re.fullmatch(r"/v1\.0/(?:me|users/([^/]+))(.*)", path)
        if match is None:
            return path, self.box(grant.user or "app")
        user, rest = match.groups()
        if user is None and grant.user:
            return rest, self.box(grant.user)
        if user and not grant.user and user in grant.mailboxes:
            return rest, self.box(user)
        raise ProblemError(403, "ErrorAccessDenied")

    def _look_at(self, call: Call, answered: str, given: str, scopes: tuple[str, ...]) -> None:
        """Refuse what the token does not open, and note what a request must not be."""
        if not call.grant.can(*scopes):
            raise ProblemError(403, "ErrorAccessDenied")
        request, kind = call.request, answered.strip("[]")
        if 'IdType="ImmutableId"' not in request.headers.get("Prefer", ""):
            self.violations.append(f"no immutable ids: {request.method} {request.path}")
        is_timed = kind == "event" and ("start" in call.select or not call.select)
        if is_timed and 'outlook.timezone="UTC"' not in request.headers.get("Prefer", ""):
            self.violations.append(f"times in no zone: {request.method} {request.path}")
        if CONTENT & set(call.select):
            self.violations.append(f"content asked for: {request.path} {call.select}")
        is_following = any(key in request.query for key in ("$deltatoken", "$skiptoken"))
        is_whole = request.method == "GET" and kind in ("message", "event") and not call.select and not is_following
        if is_whole and call.grant.reads_content(kind):
            self.violations.append(f"everything asked for with a token that may read content: {request.path}")
        if given and request.headers.get("Content-Type") == "application/json":
            said = request.json
            said = said.get("message", {}) if given == "reply" else said
            self.violations += schema.wrong("message" if given == "reply" else given, said)

    def _checked(self, answer: Answer, answered: str, grant: Grant) -> Answer:
        """Keep back what the scopes do not open, and hold the rest to the types."""
        kind = answered.strip("[]")
        if not kind or answer.said is None:
            return answer
        answer.said = json.loads(json.dumps(answer.said))
        for one in answer.said["value"] if answered.startswith("[") else [answer.said]:
            if kind in ("message", "event") and not grant.reads_content(kind):
                for name in CONTENT:
                    one.pop(name, None)
            if "@removed" not in one:
                self.violations += schema.wrong(kind, one)
        return answer


def shown(item: Json, select: list[str]) -> Json:
    """Keep what was selected; the id and the version are always there."""
    kept = {key: value for key, value in item.items() if not select or key in select or key in ("id", "@removed")}
    return kept | ({"@odata.etag": f'W/"{item["changeKey"]}"'} if "changeKey" in item else {})
