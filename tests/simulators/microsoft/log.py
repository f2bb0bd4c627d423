"""An append-only log of changes, and opaque delta links into it, with an epoch that ends them all at once."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


class LostError(Exception):
    """A delta link of another epoch."""


@dataclass(slots=True)
class Log:
    """What changed where, in order; a delta is a round of pages over it."""

    epoch: int = 1
    entries: list[tuple[str, str]] = field(default_factory=list)
    """(scope, id): a folder or calendar, and what changed, came or went there."""
    is_replaying: bool = False
    """Every round reports its first item twice, on two pages."""
    has_empty_pages: bool = False
    """Every round begins with an empty page."""
    _rounds: list[list[str]] = field(default_factory=list)

    def note(self, scope: str, id_: str) -> None:
        """Append a change."""
        self.entries.append((scope, id_))

    def begin(self, ids: Sequence[str], options: Mapping[str, str]) -> str:
        """Start a first round over these ids; returns its token."""
        return self._start(list(ids), options)

    def _start(self, ids: list[str], options: Mapping[str, str]) -> str:
        if self.is_replaying and ids:
            ids = [*ids, ids[0]]
        if self.has_empty_pages:
            ids = ["", *ids]
        self._rounds.append(ids)
        return self._token({"round": len(self._rounds) - 1, "at": 0, "seq": len(self.entries), "options": dict(options)})

    def options(self, token: str) -> Json:
        """Return what was asked for when the chain began. Raises LostError."""
        return dict(self._read(token)["options"])

    def page(self, token: str, size: int, scope: str, shown: Callable[[str], Json]) -> tuple[list[Json], str, bool]:
        """Return a page: its items, the next token, and whether that goes on with this round. Raises LostError."""
        said = self._read(token)
        if "since" in said:
            changed = list(dict.fromkeys(id_ for where, id_ in self.entries[said["since"] :] if where == scope))
            said = self._read(self._start(changed, said["options"]))
        ids = self._rounds[said["round"]]
        taken = ids[said["at"] : said["at"] + size]
        if taken[:1] == [""]:
            taken = [""]
        said["at"] += len(taken)
        items = [shown(id_) for id_ in taken if id_]
        if said["at"] < len(ids):
            return items, self._token(said), True
        return items, self._token({"since": said["seq"], "options": said["options"]}), False

    def _token(self, said: Json) -> str:
        return urlsafe_b64encode(json.dumps({"epoch": self.epoch, **said}).encode()).decode().rstrip("=")

    def _read(self, token: str) -> Json:
        try:
            said: Json = json.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        except ValueError:
            raise LostError from None
        if said["epoch"] != self.epoch:
            raise LostError
        return said
