"""Microsoft Graph over requests: immutable ids always, links followed opaquely, three questions at once, bodies dropped unread."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import wait
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import requests

from connectors.http import TooLarge
from connectors.microsoft.ahead import beside
from connectors.microsoft.failures import BUSY, PAUSE, Refused, failure, retry_after
from connectors.microsoft.lanes import LANES, Gate, Leave
from connectors.microsoft.oversize import FEWER, TOO_LARGE
from connectors.microsoft.wire import Pay, Token, Wire
from connectors.port import PortError, RateLimited, Rejected, Unavailable

Json = Mapping[str, Any]
"""An answer as it came; parsed into facts on the spot, never kept."""
Part = tuple[str, Sequence[str]]
"""A path to be asked in a batch, and what is preferred of its answer."""
ROOT: Final = "https://graph.microsoft.com/v1.0/"
PRIVATE: Final = frozenset({"body", "bodyPreview", "uniqueBody"})
"""Never asked for, and dropped unread where a write answers with them."""
IMMUTABLE: Final = 'IdType="ImmutableId"'
BATCH: Final = 20
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
        pay: Pay = lambda _: None,
        only: str = "",
    ) -> None:
        """`who` is `me`, or `users/ADDRESS` for a sign-in of the application's own; `gate` is passed by each request, and `pay` asked.

        `only` is all it may be asked for, where that is not everything.
        """
        self._wire = Wire(token, gate, pay, ca_file)
        self._root, self._only = root.rstrip("/") + "/", only
        self.who = who
        self._kept: dict[str, Json] = {}
        """Answers to parts of batches that have to be asked again for others' sake, by path."""

    def now(self) -> datetime:
        """Return Graph's own clock at its last answer; connectors have no other."""
        if self._wire.server_time is None:
            self.get("me", "asking who you are", params={"$select": "id"})
        return self._wire.server_time or _BEGINNING

    def get(
        self, path: str, what: str, *, params: Mapping[str, str] | None = None, prefer: Sequence[str] = (), rank: int = 0
    ) -> Json:
        """GET a path or a link; of those that wait for their turn, the lowest `rank` comes first."""
        return self.ask("GET", path, what, params=params, prefer=prefer, rank=rank)

    def page(
        self, path: str, what: str, *, size: int, params: Mapping[str, str] | None = None, prefer: Sequence[str] = (), rank: int = 0
    ) -> Json:
        """GET a page of a log of up to `size` items, of fewer where it is too large; what alone is too large is only marked TOO_LARGE."""
        while True:
            preferred = (*prefer, f"odata.maxpagesize={size}")
            try:
                return self.ask("GET", path, what, params=params, prefer=preferred, rank=rank, is_one=size == 1)
            except TooLarge:
                if size == 1:
                    raise
                size = max(size // FEWER, 1)

    def make(self, path: str, what: str, *, given: Json | bytes, prefer: Sequence[str] = ()) -> Json:
        """POST what is to be made; an answer that is too large comes when it is made: then it is looked for, as where an answer was lost."""
        try:
            return self.ask("POST", path, what, given=given, prefer=prefer)
        except TooLarge as error:
            raise Unavailable(str(error), remedy=error.remedy) from error

    def ask(  # noqa: PLR0913 - HTTP has as many parts
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
        rank: int = 0,
        is_one: bool = False,
    ) -> Json:
        """Make one request, or one that `takes` so many lanes and requests; raises the port's errors, or Refused. Bytes go as text/plain (MIME in base64).

        TooLarge where the answer is; of a page of one item, which `is_one`, that is read past.
        """
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
        return _read(self._wire.ask(asked, what, takes, rank, is_one=is_one), what)

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
        self,
        paths: Mapping[str, str],
        what: str,
        *,
        prefer: Mapping[str, Sequence[str]] | None = None,
        is_chained: bool = False,
        is_marking: bool = False,
        rank: int = 0,
    ) -> dict[str, Json]:
        """GET any number of paths, 20 in one call; what is missing is left out.

        Where answers are too large together, fewer are asked for; what alone is too large is a TooLarge, unless that `is_marking`:
        then it is only marked TOO_LARGE.

        What fails is asked once more by itself; where Graph says how long to wait first, that is a RateLimited, and what was
        answered is kept until it is asked for again. Calls that are chained are worked on part after part, beside others;
        else four parts at once, and nothing beside.
        """
        found = {one: self._kept.pop(path) for one, path in paths.items() if path in self._kept}
        parts = {one: (path, (prefer or {}).get(one, ())) for one, path in paths.items()}
        try:
            self._fill(found, parts, what, (1 if is_chained else LANES, rank), is_marking=is_marking)
        except PortError:
            self._kept |= {paths[one]: answer for one, answer in found.items()}
            raise
        return {one: answer for one, answer in found.items() if answer}

    def _fill(
        self, found: dict[str, Json], parts: Mapping[str, Part], what: str, width_and_rank: tuple[int, int], *, is_marking: bool
    ) -> None:
        """Ask for what is not found yet until all is, or has failed twice, or is to wait."""
        patience = 2
        while patience:
            names = [one for one in parts if one not in found]
            asked = [{one: parts[one] for one in names[at : at + BATCH]} for at in range(0, len(names), BATCH)]
            calls = [partial(self._batch, found, some, what, width_and_rank, is_marking=is_marking) for some in asked]
            beside_ = [beside(call) for call in calls] if width_and_rank[0] == 1 else []
            wait(beside_)  # where one fails, what the others are answered is kept all the same
            answers = [one.result() for one in beside_] or [call() for call in calls]
            failed = [part for answer in answers for part in answer]
            if not failed:
                return
            patience -= any(part["status"] != NOT_TRIED for part in failed)
            if not patience or any("Retry-After" in part.get("headers", {}) for part in failed):
                raise _gave_up(failed, what)

    def _batch(
        self, found: dict[str, Json], asked: Mapping[str, Part], what: str, width_and_rank: tuple[int, int], *, is_marking: bool
    ) -> list[Json]:
        """Ask for up to 20, for half of them and the other half where that is too much at once; returns what failed, as `_asked`."""
        try:
            return self._asked(found, asked, what, width_and_rank)
        except TooLarge:
            names = list(asked)
            if len(names) == 1:
                if not is_marking:
                    raise
                found[names[0]] = {TOO_LARGE: True}
                return []
            middle = len(names) // 2
            halves = [{one: asked[one] for one in some} for some in (names[:middle], names[middle:])]
            return [part for half in halves for part in self._batch(found, half, what, width_and_rank, is_marking=is_marking)]

    def _asked(self, found: dict[str, Json], asked: Mapping[str, Part], what: str, width_and_rank: tuple[int, int]) -> list[Json]:
        """Ask for up to 20; returns the parts that failed for now, and those that were not tried because of one before."""
        width, rank = width_and_rank
        parts: list[Json] = []
        for number, (path, prefer) in enumerate(asked.values()):
            _check_no_content(path, what)
            after = {"dependsOn": [str(number - 1)]} if width == 1 and number else {}
            headers = {"Prefer": ", ".join((IMMUTABLE, *prefer))}
            parts.append({"id": str(number), "method": "GET", "url": self._own(path), "headers": headers, **after})
        try:
            answer = self.ask("POST", "$batch", what, given={"requests": parts}, takes=(width, len(parts)), rank=rank)
        except Refused as error:  # of a part that would say something, of the whole it is a mistake of Graph's
            raise Unavailable(f"Microsoft 365 answered {error.status} ({what}).") from error
        names, failed = list(asked), []
        for part in answer.get("responses", ()):
            if part["status"] in BUSY or part["status"] >= _BROKEN or part["status"] == NOT_TRIED:
                failed.append(part)
            else:
                found[names[int(part["id"])]] = (part.get("body") or {}) if part["status"] in _FINE else {}
        return failed

    def close(self) -> None:
        """Let go of the lines."""
        self._wire.close()

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
