"""Microsoft Graph over requests: immutable ids always, links followed opaquely, one question at a time, bodies dropped unread."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter

from connectors.microsoft.failures import BUSY, PAUSE, UNAUTHORIZED, Refused, failure, instant_of, retry_after
from connectors.port import RateLimited, Rejected, Unavailable

Json = Mapping[str, Any]
"""An answer as it came; parsed into facts on the spot, never kept."""
Token = Callable[[bool], str]
"""Gives an access token; True = the last one was refused, renew it."""

ROOT: Final = "https://graph.microsoft.com/v1.0/"
PRIVATE: Final = frozenset({"body", "bodyPreview", "uniqueBody"})
"""Never asked for, and dropped unread where a write answers with them."""
IMMUTABLE: Final = 'IdType="ImmutableId"'
BATCH: Final = 20
_TIMEOUT: Final = (10.0, 60.0)
_FINE = range(200, 300)
_CONTENT = re.compile(r"\$value|/attachments|\b(body|bodyPreview|uniqueBody)\b")
_BEGINNING = datetime.min.replace(tzinfo=UTC)


class Graph:
    """One mailbox's Graph, for one thread. Nothing is repeated by itself but what a stale token kept from being done."""

    def __init__(
        self, token: Token, *, root: str = ROOT, who: str = "me", ca_file: str = "", gate: Callable[[], None] = lambda: None
    ) -> None:
        """`who` is `me`, or `users/ADDRESS` for a sign-in of the application's own; `gate` is asked before each request."""
        self._token, self._root, self._gate = token, root.rstrip("/") + "/", gate
        self.who = who
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = ca_file or True
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=0))
        self._server_time: datetime | None = None

    def now(self) -> datetime:
        """Return Graph's own clock at its last answer; connectors have no other."""
        if self._server_time is None:
            self.get("me", "asking who you are", params={"$select": "id"})
        return self._server_time or _BEGINNING

    def get(self, path: str, what: str, *, params: Mapping[str, str] | None = None, prefer: Sequence[str] = ()) -> Json:
        """GET a path or a link."""
        return self.ask("GET", path, what, params=params, prefer=prefer)

    def ask(
        self,
        method: str,
        path: str,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        given: Json | bytes | None = None,
        prefer: Sequence[str] = (),
        if_match: str = "",
    ) -> Json:
        """Make one request; raises the port's errors, or Refused. Bytes go as text/plain (MIME in base64)."""
        if (params and _CONTENT.search(params.get("$select", ""))) or _CONTENT.search(urlsplit(path).path):
            raise Rejected(f"Rekindle was about to ask for content ({what}), which it must not.", remedy="Report it.")
        headers = {"Prefer": ", ".join((IMMUTABLE, *prefer)), "Accept": "application/json"}
        if if_match:
            headers["If-Match"] = if_match
        data = given if isinstance(given, bytes) else json.dumps(given).encode() if given is not None else None
        if data is not None:
            headers["Content-Type"] = "text/plain" if isinstance(given, bytes) else "application/json"
        answer = self._once(method, path, params, data, headers, what, is_refused=False)
        if answer.status_code == UNAUTHORIZED:  # the token ended in the middle: nothing was done
            answer = self._once(method, path, params, data, headers, what, is_refused=True)
        return _read(answer, what)

    def pages(self, path: str, what: str, *, params: Mapping[str, str] | None = None, prefer: Sequence[str] = ()) -> Iterator[Json]:
        """Yield every item of a listing over all its pages."""
        answer = self.get(path, what, params=params, prefer=prefer)
        while True:
            yield from answer.get("value", ())
            link = answer.get("@odata.nextLink")
            if not link:
                return
            answer = self.get(link, what, prefer=prefer)

    def batch(self, paths: Mapping[str, str], what: str) -> dict[str, Json]:
        """GET any number of paths, 20 in one call; what is throttled is asked once more by itself, what is missing is left out."""
        found: dict[str, Json] = {}
        throttled: list[Json] = []
        for _ in range(2):
            waiting = [one for one in paths if one not in found]
            throttled = []
            for at in range(0, len(waiting), BATCH):
                throttled += self._batch({one: paths[one] for one in waiting[at : at + BATCH]}, found, what)
            if not throttled:
                return {one: answer for one, answer in found.items() if answer}
        headers = [part.get("headers", {}) for part in throttled]
        longest = max((retry_after(one) for one in headers if "Retry-After" in one), default=PAUSE)
        raise RateLimited(f"Microsoft 365 asks to slow down ({what}).", retry_after=longest)

    def _batch(self, paths: Mapping[str, str], found: dict[str, Json], what: str) -> list[Json]:
        """Ask for up to 20; returns the parts that were throttled."""
        parts = [
            {"id": str(number), "method": "GET", "url": self._own(path), "headers": {"Prefer": IMMUTABLE}}
            for number, path in enumerate(paths.values())
        ]
        names, throttled = list(paths), []
        for part in self.ask("POST", "$batch", what, given={"requests": parts}).get("responses", ()):
            if part["status"] in BUSY:
                throttled.append(part)
            else:
                found[names[int(part["id"])]] = (part.get("body") or {}) if part["status"] in _FINE else {}
        return throttled

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def _once(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        data: bytes | None,
        headers: Mapping[str, str],
        what: str,
        *,
        is_refused: bool,
    ) -> requests.Response:
        signed = {**headers, "Authorization": f"Bearer {self._token(is_refused)}"}
        self._gate()
        try:
            answer = self._session.request(
                method, self._url(path), params=params, data=data, headers=signed, timeout=_TIMEOUT, allow_redirects=False
            )
        except requests.exceptions.RequestException as error:
            raise Unavailable(f"Microsoft 365 cannot be reached or broke off ({what}, {type(error).__name__}).") from error
        self._server_time = instant_of(answer.headers.get("Date", "")) or self._server_time
        return answer

    def _own(self, path: str) -> str:
        """Write a path for whom it is."""
        return "/" + (self.who + path.removeprefix("me") if path == "me" or path.startswith("me/") else path)

    def _url(self, path: str) -> str:
        """Make a path or a link absolute; a link keeps its path and query, but goes to the configured root."""
        parts = urlsplit(path)
        if not parts.netloc:
            return self._root + (path if path.startswith("$") else self._own(path)).lstrip("/")
        root = urlsplit(self._root)
        return urlunsplit((root.scheme, root.netloc, parts.path, parts.query, ""))


def _read(answer: requests.Response, what: str) -> Json:
    if answer.status_code not in _FINE:
        raise failure(answer.status_code, answer.headers, answer.content, what)
    if not answer.content:
        return {}
    try:
        found: Json = _clean(json.loads(answer.content))
    except ValueError as error:
        raise Unavailable(f"Microsoft 365 answered something that cannot be read ({what}).") from error
    return found


def _clean(answer: Any) -> Any:  # noqa: ANN401 - JSON
    """Drop bodies a write answered with, before anything else sees them; a batch's own envelope is called `body` too."""
    if isinstance(answer, dict):
        is_envelope = "status" in answer and "id" in answer and "headers" in answer
        return {key: _clean(value) for key, value in answer.items() if key not in PRIVATE or (is_envelope and key == "body")}
    if isinstance(answer, list):
        return [_clean(one) for one in answer]
    return answer


__all__ = ["BATCH", "IMMUTABLE", "PRIVATE", "ROOT", "Graph", "Json", "Refused", "Token"]
