"""Whose folders are where (RFC 2342): an owner's own, those of other users, and those shared by all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from connectors.imap_wire import Response

Whose = Literal["own", "others", "shared"]
_TOLD = re.compile(rb"\* NAMESPACE (.*)", re.IGNORECASE | re.DOTALL)
_TOKEN = re.compile(rb'[()]|NIL|"(?:[^"\\]|\\.)*"', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespaces:
    """How wire names begin, by whose they are; nothing where the server does not say."""

    own: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()

    def of(self, name: str) -> tuple[Whose, str]:
        """Tell whose a folder is, and how its name goes on: by the longest beginning that fits, and the owner's own where none does."""
        kinds: tuple[tuple[Whose, tuple[str, ...]], ...] = (("own", self.own), ("shared", self.shared), ("others", self.others))
        fitting = [(len(each), whose) for whose, begun in kinds for each in begun if name.startswith(each) or name == each[:-1]]
        length, whose = max(fitting, key=lambda one: one[0], default=(0, "own"))
        return ("own" if name.upper() == "INBOX" else whose), name[length:]


def told(said: Iterable[Response]) -> Namespaces:
    """Read the answer to NAMESPACE."""
    text = next((match[1] for response in said if (match := _TOLD.match(_written_out(response)))), b"")
    own, others, shared = (*_prefixes(text), (), (), ())[:3]
    return Namespaces(own=own, others=tuple(filter(None, others)), shared=shared)  # not all there is can be of others


def _written_out(response: Response) -> bytes:
    """Put literals into quotes."""
    escaped = (re.sub(rb'(["\\])', rb"\\\1", each) for each in response[1::2])
    return response[0] + b"".join(b'"' + each + b'"' + after for each, after in zip(escaped, response[2::2], strict=False))


def _prefixes(text: bytes) -> list[tuple[str, ...]]:
    """Read the first text of each group in a list of lists; NIL is one without any."""
    kinds: list[tuple[str, ...]] = []
    depth, before = 0, b""
    for token in _TOKEN.findall(text):
        kinds += [()] * (depth == 0 and token != b")")
        if depth == 2 and before == b"(" and token.startswith(b'"'):  # noqa: PLR2004 - a list in a list
            kinds[-1] += (re.sub(rb"\\(.)", rb"\1", token[1:-1]).decode("latin-1"),)
        depth += (token == b"(") - (token == b")")
        before = token
    return kinds
