"""Where a folder or calendar stood before an attempt to add to it, and what has come since by its change log, gone again or not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from connectors.microsoft.failures import NOT_FOUND, Refused
from connectors.microsoft.graph import Graph, Json
from connectors.port import Unavailable, Witness

PAGE: Final = 250
DIGITS: Final = 6
"""Of the digest of an id: enough to tell what lay there before, in kilobytes and not in hundreds of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLog:
    """The delta of one folder or calendar; of what is gone it tells the id, also where it came and went between two looks."""

    graph: Graph
    path: str
    what: str
    prefer: Sequence[str] = ()

    def witness(self, params: Mapping[str, str]) -> Witness:
        """Read all there is, and say when that was, where the log goes on, and what it has told of."""
        items, link = self.read(params)
        known = {_digest(one) for one in items}  # what is told as removed too: Graph may tell it again
        return Witness(json.dumps([self.graph.now().isoformat(), link, "".join(sorted(known))]))

    def since(self, witness: Witness) -> list[Json] | None:
        """Return what did not lie there at the witness and has come since; None where the log no longer reaches back."""
        said = json.loads(witness)
        if len(said) != 3:  # noqa: PLR2004 - noted before what lay there was
            return None
        _, link, known = said
        before = {known[at : at + DIGITS] for at in range(0, len(known), DIGITS)}
        try:
            items, _ = self.read({}, link)
        except Refused:
            return None
        return [one for one in items if _digest(one) not in before]

    def read(self, params: Mapping[str, str], link: str = "") -> tuple[list[Json], str]:
        """Read the log on from a link, or from its beginning; gives its items and the link to go on from.

        Raises Refused where the link is lost, or there is no such place; a beginning that is lost is for another time.
        """
        try:
            return self._read(params, link)
        except Refused as error:
            if link or error.status == NOT_FOUND:
                raise
            raise Unavailable(f"Microsoft 365 answered {error.status} ({self.what}).") from error

    def _read(self, params: Mapping[str, str], link: str) -> tuple[list[Json], str]:
        answer = self._page(link or self.path, None if link else params)
        items: list[Json] = []
        while True:
            items += answer.get("value", ())
            following = answer.get("@odata.nextLink")
            if not following:
                return items, str(answer.get("@odata.deltaLink", ""))
            answer = self._page(following)

    def _page(self, path: str, params: Mapping[str, str] | None = None) -> Json:
        return self.graph.page(path, self.what, size=PAGE, params=params, prefer=self.prefer)


def taken_at(witness: Witness) -> datetime:
    """Say when a witness was taken, by Graph's clock."""
    try:
        return datetime.fromisoformat(json.loads(witness)[0])
    except ValueError:  # none at all, or one of an older form
        return datetime.min.replace(tzinfo=UTC)


def _digest(item: Json) -> str:
    return hashlib.blake2b(str(item["id"]).encode(), digest_size=DIGITS // 2).hexdigest()
