"""Microsoft Graph over requests: immutable ids always, links followed opaquely, three questions at once, bodies dropped unread."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter

from connectors.microsoft.ahead import beside
from connectors.microsoft.failures import BUSY, PAUSE, UNAUTHORIZED, Refused, failure, instant_of, retry_after
from connectors.port import PortError, RateLimited, Rejected, Unavailable

Json = Mapping[str, Any]
"""An answer as it came; parsed into facts on the spot, never kept."""
Token = Callable[[bool], str]
"""Gives an access token; True = the last one was refused, renew it."""
Leave = Callable[[], None]
Gate = Callable[[int, int, timedelta], Leave | None]
"""Lets requests through: how many at once, how many in all, how long to wait; gives what lets the next in. Raises RateLimited."""

ROOT: Final = "https://graph.microsoft.com/v1.0/"
PRIVATE: Final = frozenset({"body", "bodyPreview", "uniqueBody"})
"""Never asked for, and dropped unread where a write answers with them."""
IMMUTABLE: Final = 'IdType="ImmutableId"'
BATCH: Final = 20
LANES: Final = 3
"""Requests under way at once for one mailbox; Graph refuses a fifth, and works on four of a batch at once."""
PATIENCE: Final = timedelta(seconds=30)
"""How long to wait for others at the gate."""
_TIMEOUT: Final = (10.0, 60.0)
_FINE, _BROKEN = range(200, 300), 500
NOT_TRIED: Final = 424
"""What a part of a batch says when the one before it failed."""
_CONTENT: Final = re.compile(r"\$value|/attachments|\b(body|bodyPreview|uniqueBody)\b")
"""What in an address asks for content: refused before it is asked."""
_BEGINNING = datetime.min.replace(tzinfo=UTC)


class Graph:
    """One mailbox's Graph. Nothing is repeated by itself but what a stale token kept from being done."""

    def __init__(
        self,
        token: Token,
        *,
        root: str = ROOT,
        who: str = "me",
        ca_file: str = "",
        gate: Gate = lambda *_: lambda: None,
        only: str = "",
    ) -> None:
        """`who` is `me`, or `users/ADDRESS` for a sign-in of the application's own; `gate` is passed by each request.

        `only` is all it may be asked for, where that is not everything.
        """
        self._only = only
        self._token, self._root, self._gate = token, root.rstrip("/") + "/", gate
        self.who = who
        self._ca_file = ca_file
        self._idle: list[requests.Session] = []
        self._kept: dict[str, Json] = {}
        """Answers to parts of batches that have to be asked again for others' sake, by path."""
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
        takes: tuple[int, int] = (1, 1),
    ) -> Json:
        """Make one request, or one that `takes` so many lanes and requests; raises the port's errors, or Refused. Bytes go as text/plain (MIME in base64)."""
        _check_no_content(path if path.startswith("http") else f"{path}?{(params or {}).get('$select', '')}", what)
        if not self._own(path).startswith(f"/{self._only}"):
            raise Rejected(
                f"Rekindle was about to ask for {what} with a sign-in that is for {self._only} alone.", remedy="Report it."
            )
        headers = {"Prefer": ", ".join((IMMUTABLE, *prefer)), "Accept": "application/json"}
        if if_match:
            headers["If-Match"] = if_match
        data = given if isinstance(given, bytes) else json.dumps(given).encode() if given is not None else None
        if data is not None:
            headers["Content-Type"] = "text/plain" if isinstance(given, bytes) else "application/json"
        asked = requests.Request(method, self._url(path), params=params, data=data, headers=headers)
        answer = self._once(asked, what, takes, is_refused=False)
        if answer.status_code == UNAUTHORIZED:  # the token ended in the middle: nothing was done
            answer = self._once(asked, what, takes, is_refused=True)
        return _read(answer, what)

    def pages(self, path: str, what: str, *, params: Mapping[str, str] | None = None, prefer: Sequence[str] = ()) -> Iterator[Json]:
        """Yield every item of a listing over all its pages."""
        yield from self.rest(self.get(path, what, params=params, prefer=prefer), what, prefer=prefer)

    def rest(self, answer: Json, what: str, *, prefer: Sequence[str] = ()) -> Iterator[Json]:
        """Yield the items of a listing's page, and those of all that follow."""
        while True:
            yield from answer.get("value", ())
            link = answer.get("@odata.nextLink")
            if not link:
                return
            answer = self.get(link, what, prefer=prefer)

    def batch(
        self, paths: Mapping[str, str], what: str, *, prefer: Mapping[str, Sequence[str]] | None = None, is_chained: bool = False
    ) -> dict[str, Json]:
        """GET any number of paths, 20 in one call; what is missing is left out.

        What fails is asked once more by itself; where Graph says how long to wait first, that is a RateLimited, and what was
        answered is kept until it is asked for again. Calls that are chained are worked on part after part, beside others;
        else four parts at once, and nothing beside.
        """
        found = {one: self._kept.pop(path) for one, path in paths.items() if path in self._kept}
        try:
            self._fill(found, paths, what, prefer or {}, is_chained=is_chained)
        except PortError:
            self._kept |= {paths[one]: answer for one, answer in found.items()}
            raise
        return {one: answer for one, answer in found.items() if answer}

    def _fill(
        self,
        found: dict[str, Json],
        paths: Mapping[str, str],
        what: str,
        prefer: Mapping[str, Sequence[str]],
        *,
        is_chained: bool,
    ) -> None:
        """Ask for what is not found yet until all is, or has failed twice, or is to wait."""
        patience = 2
        while patience:
            asked = [(one, path, prefer.get(one, ())) for one, path in paths.items() if one not in found]
            calls = [partial(self._batch, asked[at : at + BATCH], found, what, is_chained) for at in range(0, len(asked), BATCH)]
            asking = [beside(call) for call in calls] if is_chained else []
            answers = [one.result() for one in asking] or [call() for call in calls]
            failed = [part for answer in answers for part in answer]
            if not failed:
                return
            patience -= any(part["status"] != NOT_TRIED for part in failed)
            if not patience or any("Retry-After" in part.get("headers", {}) for part in failed):
                raise _gave_up(failed, what)

    def _batch(
        self,
        asked: Sequence[tuple[str, str, Sequence[str]]],
        found: dict[str, Json],
        what: str,
        is_chained: bool,  # noqa: FBT001 - called with all of them
    ) -> list[Json]:
        """Ask for up to 20; returns the parts that failed for now, and those that were not tried because of one before."""
        parts: list[Json] = []
        failed: list[Json] = []
        for number, (_, path, prefer) in enumerate(asked):
            _check_no_content(path, what)
            after = {"dependsOn": [str(number - 1)]} if is_chained and number else {}
            headers = {"Prefer": ", ".join((IMMUTABLE, *prefer))}
            parts.append({"id": str(number), "method": "GET", "url": self._own(path), "headers": headers, **after})
        answer = self.ask("POST", "$batch", what, given={"requests": parts}, takes=(1 if is_chained else LANES, len(parts)))
        for part in answer.get("responses", ()):
            if part["status"] in BUSY or part["status"] >= _BROKEN or part["status"] == NOT_TRIED:
                failed.append(part)
            else:
                found[asked[int(part["id"])][0]] = (part.get("body") or {}) if part["status"] in _FINE else {}
        return failed

    def close(self) -> None:
        """Let go of the connections."""
        while self._idle:
            self._idle.pop().close()

    def _once(self, asked: requests.Request, what: str, takes: tuple[int, int], *, is_refused: bool) -> requests.Response:
        asked.headers["Authorization"] = f"Bearer {self._token(is_refused)}"
        leave = self._gate(*takes, PATIENCE)
        if leave is None:
            raise RateLimited(f"Others are asking Microsoft 365 ({what}).", retry_after=PAUSE, is_paced=True)
        session = self._free()
        try:
            answer = session.send(session.prepare_request(asked), timeout=_TIMEOUT, allow_redirects=False)
        except requests.exceptions.RequestException as error:
            raise Unavailable(f"Microsoft 365 cannot be reached or broke off ({what}, {type(error).__name__}).") from error
        finally:
            self._idle.append(session)
            leave()
        self._server_time = instant_of(answer.headers.get("Date", "")) or self._server_time
        return answer

    def _free(self) -> requests.Session:
        """Take a connection nobody uses, or open one; whoever asks at the same time may be faster."""
        try:
            return self._idle.pop()
        except IndexError:
            pass
        session = requests.Session()
        session.trust_env = False
        session.verify = self._ca_file or True
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(max_retries=0))
        return session

    def _own(self, path: str) -> str:
        """Write a path for whom it is; a link without its root."""
        if path.startswith("http"):
            root, link = urlsplit(self._root), urlsplit(path)
            return f"/{link.path.removeprefix(root.path)}?{link.query}"
        return "/" + (self.who + path.removeprefix("me") if path == "me" or path.startswith("me/") else path)

    def _url(self, path: str) -> str:
        """Make a path or a link absolute; a link keeps its path and query, but goes to the configured root."""
        parts = urlsplit(path)
        if not parts.netloc:
            return self._root + (path if path.startswith("$") else self._own(path)).lstrip("/")
        root = urlsplit(self._root)
        return urlunsplit((root.scheme, root.netloc, parts.path, parts.query, ""))


def _check_no_content(path: str, what: str) -> None:
    """Refuse to ask for bodies and attachments; a link of Graph's own repeats what was asked before, in words of its own."""
    if _CONTENT.search(urlsplit(path).path if path.startswith("http") else path):
        raise Rejected(f"Rekindle was about to ask for content ({what}), which it must not.", remedy="Report it.")


def _gave_up(failed: Sequence[Json], what: str) -> RateLimited | Unavailable:
    """Say why parts of a batch failed twice."""
    tried = [part for part in failed if part["status"] != NOT_TRIED]
    if all(part["status"] not in BUSY for part in tried):
        return Unavailable(f"Microsoft 365 answered {tried[0]['status']} ({what}).")
    headers = [part.get("headers", {}) for part in tried]
    longest = max((retry_after(one) for one in headers if "Retry-After" in one), default=PAUSE)
    return RateLimited(f"Microsoft 365 asks to slow down ({what}).", retry_after=longest)


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


__all__ = ["BATCH", "IMMUTABLE", "LANES", "ROOT", "Graph", "Json", "Leave", "Refused", "Token"]
