# ruff: noqa: E501 - a table has long lines
"""Google, as far as Rekindle meets it: a real HTTP server on 127.0.0.1 with sign-in, Gmail, Calendar and Pub/Sub.

| what | how it is modelled |
|---|---|
| sign-in | consent page with PKCE S256 and loopback redirect; code, refresh (minted down by `scope`), revoke, expiry, the seven days of Testing, service accounts with delegation per scope |
| scopes | each method wants one of its discovery document's; gmail.metadata refuses `q`, full and raw, and wins over broader scopes beside it; calendar.app.created reaches only calendars the app made |
| Gmail | getProfile, messages.list/get, threads.get, history.list, drafts.create/get/list/delete, watch, stop; messages.send and drafts.send work and are counted |
| Gmail's history | append-only, rising and not contiguous; sent mail as messageAdded or labelAdded; too old = 404; page tokens |
| Gmail's drafts | a container over immutable messages; edits change the message id, on request also the draft id; replies are threaded only with threadId, headers and subject; search by rfc822msgid may lag |
| Calendar | calendarList.list, calendars.insert/get, events.list/get/insert/patch/update/delete/watch, channels.stop |
| events | masters, exceptions, cancelled exceptions with id and original start only; client ids, 409 also after deletion; ETags with If-Match; invitations, updates and cancellations to guests are kept in an outbox |
| watch channels | one calendar each, 400 for an id used before and for calendars that tell nothing, 401 for an address without https; a sync notice first, then one for every change, posted to the address; they end by time or by stop, which wants both ids; lost, doubled and late notices |
| sync tokens | into an append-only log, with an epoch: 410 fullSyncRequired; never with timeMin, q and their like; same parameters as the first call |
| batch | multipart/mixed, at most 100, answers in another order, errors inside |
| `fields=` | applied, and refused where it names what is not there |
| quota | units per method and owner over a sliding minute, 403 rateLimitExceeded or 429 at the limit; a ledger of all that was spent |
| faults | see `exchange.Fault`; latency by a function of the method |
| Pub/Sub | watch publishes each change; pull, acknowledge, redelivery; lost, doubled, late and reordered notifications |
| honesty | requests and answers are held to the discovery documents bundled with google-api-python-client; an unknown route is 501; both are complaints, and a test with complaints fails |
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from itertools import takewhile
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.simulators.google import discovery, oauth
from tests.simulators.google.calendars import Calendars
from tests.simulators.google.exchange import Call, Clock, Dropped, Fault, Json, Refusal
from tests.simulators.google.gmail import Mailbox
from tests.simulators.google.pubsub import PubSub

UNITS = {
    "messages.get": 20, "threads.get": 40, "messages.list": 5, "history.list": 2, "getProfile": 1, "drafts.create": 10, "drafts.get": 5,
    "drafts.list": 5, "drafts.delete": 10, "drafts.send": 100, "messages.send": 100, "watch": 100, "stop": 50,
}  # fmt: skip
LIMITS = {"gmail": 6000, "calendar": 600, "pubsub": 10**9}
MINUTE = timedelta(minutes=1)
HUGE = 33 << 20
"""Bytes more than there is to say."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer on its way out."""

    status: int
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """One line of the quota ledger."""

    at: datetime
    email: str
    method: str
    units: int


class Google:
    """The provider: its accounts, its faults, and everything it has seen."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.lock = threading.RLock()
        self.oauth = oauth.OAuth(self.clock)
        self.pubsub = PubSub(self.clock)
        self.mail: dict[str, Mailbox] = {}
        self.calendars: dict[str, Calendars] = {}
        self.faults: list[Fault] = []
        self.limits = dict(LIMITS)
        self.is_429 = False
        """Whether the limit answers 429 instead of 403."""
        self.latency: Callable[[str], float] = lambda _method: 0.0
        self.ledger: list[Spent] = []
        self.refused: list[str] = []
        """Methods refused because the quota was used up."""
        self.requests: list[str] = []
        """`METHOD path` of every request that came in, batches as one."""
        self.calls: list[str] = []
        """Method ids in their order, also those inside batches."""
        self.targets: list[str] = []
        """Path and query of every call, also those inside batches."""
        self.under_way = self.busiest = 0
        """Requests being answered, and the most there ever were at once."""
        self.complaints: list[str] = []
        """What was wrong with a request or an answer: a test with complaints fails."""
        self._discovery = discovery.Discovery.read()

    def add(self, email: str) -> Mailbox:
        """Open an account."""
        self.mail[email] = Mailbox(email, self.clock, self._noted)
        self.calendars[email] = Calendars(email, self.clock)
        return self.mail[email]

    def fail(self, kind: str, method: str = "*", **more: Any) -> Fault:  # noqa: ANN401 - the fields of Fault
        """Let requests fail from now on."""
        fault = Fault(kind=kind, method=method, **more)
        self.faults.append(fault)
        return fault

    def spent(self, email: str, name: str = "gmail") -> int:
        """Add up what an owner has used."""
        return sum(one.units for one in self.ledger if one.email == email and one.method.startswith(name))

    def _noted(self, email: str, history: int) -> None:
        for topic, until in self.mail[email].watches.items():
            if until > self.clock():
                self.pubsub.publish(topic, {"emailAddress": email, "historyId": history})

    # Requests

    def answer(self, verb: str, target: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """Answer one request, or raise Dropped."""
        with self.lock:
            self.requests.append(f"{verb} {urlsplit(target).path}")
            self.under_way += 1
            self.busiest = max(self.busiest, self.under_way)
        try:
            return self._routed(verb, target, headers, content)
        finally:
            with self.lock:
                self.under_way -= 1

    def _routed(self, verb: str, target: str, headers: Mapping[str, str], content: bytes) -> Answer:
        path = urlsplit(target).path
        if path in ("/batch", "/batch/calendar/v3"):
            from tests.simulators.google.batch import answer_batch  # noqa: PLC0415 - the two call each other

            return answer_batch(self, headers, content)
        if path in ("/auth", "/token", "/revoke"):
            return self._signed_in(verb, target, content)
        return self.one(verb, target, headers, content)

    def one(self, verb: str, target: str, headers: Mapping[str, str], content: bytes, *, is_inner: bool = False) -> Answer:
        """Answer one call, alone or inside a batch (whose calls run side by side)."""
        parts = urlsplit(target)
        found = self._discovery.find(verb, parts.path)
        if found is None:
            self.complaints.append(f"unknown route {verb} {parts.path}")
            return self._error(Refusal(501, "notImplemented"))
        method, path = found
        if not is_inner:
            self.clock.pause(self.latency(method.id))
        with self.lock:
            self.calls.append(method.id)
            self.targets.append(target)
            try:
                fault = self._before(method.id)
                call = self._call(method, path, parse_qs(parts.query, keep_blank_values=True), headers, content)
                self._charge(call)
                said = self._handled(call) if not method.id.startswith("pubsub.") else None
            except Refusal as refusal:
                return self._error(refusal)
        if said is None:
            try:
                said = self.pubsub.answer(call)
            except Refusal as refusal:
                return self._error(refusal)
        return self._after(method, call, said, fault)

    def _call(
        self,
        method: discovery.Method,
        path: Mapping[str, str],
        query: Mapping[str, list[str]],
        headers: Mapping[str, str],
        content: bytes,
    ) -> Call:
        grant = self.oauth.look(headers.get("authorization", ""))
        if not method.scopes & grant.scopes:
            raise Refusal(403, "insufficientPermissions", "Request had insufficient authentication scopes.")
        given = json.loads(content) if content and headers.get("content-type", "").startswith("application/json") else {}
        wrong = discovery.query_faults(method, query) + discovery.missing(method, given)
        if given or method.schema("request"):
            wrong += discovery.faults(method.api, method.schema("request"), given, f"{method.id} request")
        if wrong:
            self.complaints += wrong
            raise Refusal(400, "invalid", wrong[0])
        match = headers.get("if-match", "")
        return Call(method=method.id, email=grant.email, scopes=grant.scopes, path=path, query=query, given=given, if_match=match)

    def _handled(self, call: Call) -> Json:
        side = self.mail if call.method.startswith("gmail.") else self.calendars
        home = side[call.email]
        if call.path.get("userId", "me") not in ("me", call.email):
            raise Refusal(403, "forbidden", "Delegation denied")
        try:
            return home.answer(call)
        except AttributeError as error:
            if "object has no attribute '_" not in str(error):
                raise
            self.complaints.append(f"{call.method} is not modelled")
            raise Refusal(501, "notImplemented") from error

    def _charge(self, call: Call) -> None:
        name = call.method.partition(".")[0]
        units = UNITS.get(call.method.removeprefix("gmail.users."), 1) if name == "gmail" else 1
        now = self.clock()
        lately = takewhile(lambda one: one.at > now - MINUTE, reversed(self.ledger))
        recent = sum(one.units for one in lately if one.email == call.email and one.method.startswith(name))
        if recent + units > self.limits[name]:
            self.refused.append(call.method)
            raise Refusal(429 if self.is_429 else 403, "rateLimitExceeded", "Quota exceeded")
        self.ledger.append(Spent(at=now, email=call.email, method=call.method, units=units))

    # Faults

    def _before(self, method: str) -> str:
        """Strike before anything is stored; returns the fault that strikes after."""
        fault = next((one for one in self.faults if one.strikes(method)), None)
        if fault is None:
            return ""
        word, _, rest = fault.kind.partition(" ")
        match word:  # type: ignore[exhaustive-match]  # other faults are not told here
            case "429":
                how, _, seconds = rest.partition(" ")
                until = format_datetime(self.clock() + timedelta(seconds=int(seconds or 0)), usegmt=True)
                after = {"seconds": {"Retry-After": seconds}, "date": {"Retry-After": until}}.get(how, {})
                raise Refusal(429, "rateLimitExceeded", "Too many requests", after)
            case "403":
                raise Refusal(403, rest)
            case "500" | "502" | "503":
                raise Refusal(int(word), "html" if rest == "html" else "backendError")
            case "401" | "400" | "404" | "409" | "410" | "412":
                raise Refusal(
                    int(word), {"401": "authError", "410": "fullSyncRequired", "412": "conditionNotMet"}.get(word, "error")
                )
            case "delay":
                self.clock.pause(float(rest))
            case "drop":
                raise Dropped
        return fault.kind

    def _after(self, method: discovery.Method, call: Call, said: Json, fault: str) -> Answer:
        if fault == "commit then drop":
            raise Dropped
        if fault.startswith("commit then delay"):
            self.clock.pause(float(fault.rpartition(" ")[2]))
        if fault == "repeat item":
            lists = [value for value in said.values() if isinstance(value, list) and value]
            for value in lists:
                value.append(value[0])
        schema = method.schema("response")
        if schema:
            self.complaints += discovery.faults(method.api, schema, said, f"{method.id} answer")
            if chosen := call.one("fields"):
                try:
                    said = discovery.select(method.api, schema, discovery.parse_fields(chosen), said)
                except discovery.BadFields as error:
                    self.complaints.append(f"{method.id}: fields: {error}")
                    return self._error(Refusal(400, "invalidParameter", f"Invalid field selection {error}"))
        content = (json.dumps(said).encode() if schema else b"") + b" " * (HUGE if fault == "huge" else 0)
        return Answer(200 if schema else 204, content, {"Content-Type": "application/json"}, is_truncated=fault == "truncate")

    def _error(self, refusal: Refusal) -> Answer:
        if refusal.reason == "html":
            return Answer(refusal.status, b"<html><title>Error 502 (Server Error)!!1</title></html>", {"Content-Type": "text/html"})
        return Answer(refusal.status, json.dumps(refusal.said()).encode(), {"Content-Type": "application/json", **refusal.headers})

    def _signed_in(self, verb: str, target: str, content: bytes) -> Answer:
        said = {name: values[0] for name, values in parse_qs(urlsplit(target).query if verb == "GET" else content.decode()).items()}
        kind = urlsplit(target).path[1:]
        with self.lock:
            try:
                struck = next((one.kind for one in self.faults if one.strikes(f"oauth.{kind}")), "")
                if struck == "huge":
                    return Answer(200, b" " * HUGE)
                if struck:
                    raise Refusal(400, "invalid_grant", "Token has been expired or revoked.")  # noqa: TRY301 - answered below
                if kind == "auth":
                    return Answer(302, b"", {"Location": self.oauth.consent(said)})
                if kind == "revoke":
                    self.oauth.revoke(said["token"])
                    return Answer(200, b"{}", {"Content-Type": "application/json"})
                return Answer(200, json.dumps(self.oauth.token(said)).encode(), {"Content-Type": "application/json"})
            except Refusal as refusal:
                return Answer(refusal.status, oauth.error(refusal), {"Content-Type": "application/json"})


def slow_tail(seed: int, low: float = 0.04, high: float = 0.12) -> Callable[[str], float]:
    """Make a latency: lognormal between `low` and `high` seconds for most requests, with a slow tail."""
    chance = random.Random(seed)
    return lambda _method: min(max(chance.lognormvariate(-2.7, 0.35), low), high) * (5 if chance.random() < 0.005 else 1)
