"""Graph's push for mail: one subscription an account, kept alive by the expiry Graph returned; every notification only a hint."""

from __future__ import annotations

import hmac
import json
import secrets as chance
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import quote

from connectors.microsoft.failures import NOT_FOUND, Refused
from connectors.microsoft.graph import Graph, Json
from connectors.port import Rejected, Secrets

KEPT: Final = "subscription"
"""The secret that is the registry: what was subscribed to, and the word Graph proves itself with."""
LIVES: Final = (timedelta(minutes=10_000), timedelta(minutes=4_200))
"""How long to ask for: a little under what the newer service allows, and under what the older did."""
LARGEST: Final = 1_000_000
"""Bytes of a notification; Graph's are some hundreds."""
Hint = Literal["look", "renew", "again"]
"""What a notification asks for: look at the mail, renew the subscription, or make it again and look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A subscription of ours, as its account's secrets keep it."""

    id: str
    state: str = field(repr=False)
    """The secret clientState."""
    renew_at: datetime
    """Half way between when it was given and when it ends."""

    @classmethod
    def read(cls, secrets: Secrets) -> Registered | None:
        """Read what is registered, if anything."""
        raw = secrets.get(KEPT)
        if not raw:
            return None
        said = json.loads(raw)
        return cls(id=said["id"], state=said["state"], renew_at=datetime.fromisoformat(said["renew_at"]))

    def keep(self, secrets: Secrets) -> None:
        """Seal it."""
        secrets.put(KEPT, json.dumps({"id": self.id, "state": self.state, "renew_at": self.renew_at.isoformat()}))


class MailWatcher:
    """Keeps the subscription alive while it is waited on; satisfies `connectors.port.Watcher`. The web takes what is pushed."""

    def __init__(self, graph: Graph, secrets: Secrets, *, url: str, account: str) -> None:
        self._graph, self._secrets = graph, secrets
        self._url = f"{url}?account={quote(account, safe='')}"
        self._closing = threading.Event()

    def wait(self, timeout: timedelta) -> bool:
        """Tend the subscription, then sleep: True where notifications may have been lost, because it was made anew."""
        is_new = self.tend()
        if not is_new:
            self._closing.wait(timeout.total_seconds())
        return is_new

    def close(self) -> None:
        """End a `wait` in another thread; the subscription stays, for whoever watches next."""
        self._closing.set()
        self._graph.close()

    def tend(self) -> bool:
        """Make the subscription where there is none, renew it in time, remove strays; True where it was made."""
        with self._secrets.exclusive():
            known, now = Registered.read(self._secrets), self._graph.now()
            if known is not None and known.id and now < known.renew_at:
                return False
            if known is not None and known.id and self._renewed(known, now):
                return False
            self._made(known.state if known else chance.token_urlsafe(48), now)
            return True

    def _renewed(self, known: Registered, now: datetime) -> bool:
        try:
            answer = self._lasting("PATCH", f"subscriptions/{known.id}", {}, now)
        except Refused as error:
            if error.status != NOT_FOUND:
                raise
            return False
        replace(known, renew_at=_half_way(answer, now)).keep(self._secrets)
        return True

    def _made(self, state: str, now: datetime) -> None:
        """Subscribe anew. The word is sealed first: the first notification may be faster than the answer."""
        Registered(id="", state=state, renew_at=now).keep(self._secrets)
        self._remove_strays()
        wanted = {
            "changeType": "created",
            "resource": f"{self._graph.who}/messages",
            "notificationUrl": self._url,
            "lifecycleNotificationUrl": self._url,
            "clientState": state,
        }
        answer = self._lasting("POST", "subscriptions", wanted, now)
        Registered(id=answer["id"], state=state, renew_at=_half_way(answer, now)).keep(self._secrets)

    def _lasting(self, method: str, path: str, wanted: Json, now: datetime) -> Json:
        """Ask for the longer life, and for the shorter where that is refused."""
        longer, shorter = ({**wanted, "expirationDateTime": f"{now + life:%Y-%m-%dT%H:%M:%SZ}"} for life in LIVES)
        try:
            return self._graph.ask(method, path, "subscribing to new mail", given=longer)
        except Rejected:
            return self._graph.ask(method, path, "subscribing to new mail", given=shorter)

    def _remove_strays(self) -> None:
        """Delete what we subscribed to and no longer know: Graph does not stop at one."""
        for one in list(self._graph.pages("subscriptions", "listing subscriptions")):
            if one.get("notificationUrl") == self._url:
                self._graph.ask("DELETE", f"subscriptions/{one['id']}", "removing a stray subscription")


def hints(raw: bytes, secrets: Secrets) -> frozenset[Hint]:
    """Read a notification for an account: what it asks for, as far as it proves that it is Graph's; nothing for all else."""
    known = Registered.read(secrets)
    if known is None or len(raw) > LARGEST:
        return frozenset()
    try:
        values = json.loads(raw)["value"]
        return frozenset(_hint(one, known) for one in values if _is_graphs(one, known))
    except (ValueError, KeyError, TypeError, AttributeError):
        return frozenset()


def note(asked: frozenset[Hint], secrets: Secrets) -> None:
    """Take down that the subscription is to be renewed or made again; whoever watches does it."""
    known = Registered.read(secrets)
    if known is not None and asked & {"renew", "again"}:
        replace(known, id="" if "again" in asked else known.id, renew_at=datetime.min.replace(tzinfo=UTC)).keep(secrets)


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
