"""Graph's push: subscriptions with their handshake, real delivery over HTTP, expiry and lifecycle."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import requests

from tests.simulators.microsoft.graph import Call, Route
from tests.simulators.microsoft.log import Json
from tests.simulators.microsoft.post import stamp
from tests.simulators.microsoft.problems import ProblemError
from tests.simulators.microsoft.wire import Answer

if TYPE_CHECKING:
    from tests.simulators.microsoft.graph import Graph

READ = ("Mail.ReadBasic", "Mail.Read", "Calendars.Read")
NEEDED = {"messages": ("Mail.ReadBasic", "Mail.Read"), "events": ("Calendars.Read",)}
"""What Graph asks for to tell of something: there is no basic permission for events."""


class Subscriptions:
    """Who is told of what, and the telling."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.held: dict[str, Json] = {}
        self.longest = timedelta(minutes=10_080)
        self.copies = 1
        """How often each notification is delivered: duplicates are normal."""

    def routes(self) -> list[Route]:
        return [
            ("GET", "/subscriptions", self._list, "[subscription]", "", READ),
            ("POST", "/subscriptions", self._create, "subscription", "subscription", READ),
            ("PATCH", "/subscriptions/([^/]+)", self._renew, "subscription", "subscription", READ),
            ("DELETE", "/subscriptions/([^/]+)", self._delete, "", "", READ),
        ]

    def _shown(self, one: Json) -> Json:
        return {key: value for key, value in one.items() if key not in ("clientState", "user")}

    def _list(self, call: Call) -> Answer:
        mine = [one for one in self.held.values() if (one["user"], one["applicationId"]) == (call.box.address, call.grant.app)]
        return Answer(status=200, said={"value": [self._shown(one) for one in mine]})

    def _create(self, call: Call) -> Answer:
        given = call.request.json
        self._check(given)
        if not call.grant.can(*NEEDED[given["resource"].rpartition("/")[2]]):
            raise ProblemError(403, "ExtensionError")
        if len(given["clientState"]) > 128:
            raise ProblemError(400, "ValidationError")
        for name in ("notificationUrl", "lifecycleNotificationUrl"):
            if not self._shakes_hands(given[name]):
                raise ProblemError(400, "ValidationError")
        made = {**given, "id": str(uuid4()), "user": call.box.address, "applicationId": call.grant.app}
        self.held[made["id"]] = made
        return Answer(status=201, said=self._shown(made))

    def _check(self, given: Json) -> None:
        if datetime.fromisoformat(given["expirationDateTime"]) - self.graph.now() > self.longest:
            raise ProblemError(400, "ExtensionError")

    def _shakes_hands(self, url: str) -> bool:
        token = "Validation: Testing client application reachability for subscription Request-Id: 1+1"
        try:
            answer = requests.post(url, params={"validationToken": token}, timeout=10)
        except requests.RequestException:
            return False
        return answer.status_code == 200 and answer.text == token and answer.headers["Content-Type"].startswith("text/plain")

    def _renew(self, call: Call) -> Answer:
        if call.parts[0] not in self.held:
            raise ProblemError(404, "ResourceNotFound")
        self._check(call.request.json)
        self.held[call.parts[0]] |= call.request.json
        return Answer(status=200, said=self._shown(self.held[call.parts[0]]))

    def _delete(self, call: Call) -> Answer:
        if self.held.pop(call.parts[0], None) is None:
            raise ProblemError(404, "ResourceNotFound")
        return Answer(status=204)

    def tell(self, address: str, item: str = "AAMk", state: str | None = None, *, of: str = "messages") -> list[int]:
        """Deliver a change to everyone who asked; returns what was answered."""
        answers = []
        for one in [one for one in self.held.values() if one["user"] == address and one["resource"].endswith(of)]:
            if datetime.fromisoformat(one["expirationDateTime"]) <= self.graph.now():
                continue
            value = {
                "subscriptionId": one["id"],
                "clientState": one["clientState"] if state is None else state,
                "changeType": "created",
                "resource": f"Users/{address}/{of.title()}/{item}",
                "subscriptionExpirationDateTime": one["expirationDateTime"],
                "resourceData": {"@odata.type": f"#Microsoft.Graph.{of.title()[:-1]}", "id": item},
                "tenantId": "",
            }
            posted = (requests.post(one["notificationUrl"], json={"value": [value]}, timeout=10) for _ in range(self.copies))
            answers += [answer.status_code for answer in posted]
        return answers

    def lifecycle(self, id_: str, event: str) -> int:
        """Say that a subscription must be reauthorized, was removed, or that something was missed."""
        one = self.held[id_]
        if event == "subscriptionRemoved":
            del self.held[id_]
        value = {"subscriptionId": id_, "clientState": one["clientState"], "lifecycleEvent": event}
        value["subscriptionExpirationDateTime"] = stamp(self.graph.now())
        return requests.post(one["lifecycleNotificationUrl"], json={"value": [value]}, timeout=10).status_code
