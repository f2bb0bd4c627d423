"""What is too large to be read: a page is asked for in ever smaller pieces, and what alone is too large is passed by, by its id."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from connectors.http import LARGEST, TooLarge
from connectors.microsoft.failures import NOT_OURS

TOO_LARGE: Final = "@rekindle.tooLarge"
"""Marks an item of which nothing is known but its id."""
FEWER: Final = 10
"""A page that is too large is asked for again with so many times fewer items."""
FURTHEST: Final = 8 * LARGEST
"""Bytes of one item that are read past."""
_SEAM: Final = 1 << 14
"""Bytes looked at again with those that follow: more than any link is long."""
_TOLD: Final = re.compile(rb'"(id|@odata\.nextLink|@odata\.deltaLink)"\s*:\s*("(?:[^"\\]|\\.)*")')
"""An id, or a link; within a text its quotes would be escaped."""


def left_out(kind: str) -> str:
    """Say why something is not there, in the owner's words."""
    return f"{kind} was left out: it is larger than {LARGEST >> 20} MB."


def passed(parts: Iterable[bytes]) -> bytes:
    """Read an answer that holds one item: whole, or where it is too large as a page that says only which and what follows.

    Raises TooLarge where there is no end to it, nothing follows, or it holds several items: none may be lost without a word.
    """
    kept: list[bytes] = []
    told: dict[str, bytes] = {}
    ids: set[bytes] = set()
    length, seam = 0, b""
    for part in parts:
        length += len(part)
        if length > FURTHEST:
            break
        kept.append(part)
        if length > LARGEST:
            kept.clear()
        seam += part
        for name, value in _TOLD.findall(seam):
            told.setdefault(name.decode(), value)
            ids |= {value} if name == b"id" else set()
        seam = seam[-_SEAM:]
    if length <= LARGEST:
        return b"".join(kept)
    item = b'{"id": %s, "%s": true}' % (told.pop("id", b'""'), TOO_LARGE.encode())
    if length > FURTHEST or not told or len(ids) > 1:
        raise TooLarge(f"An answer of Microsoft 365 is larger than {LARGEST >> 20} MB.", remedy=NOT_OURS)
    return b'{"value": [%s], %s}' % (item, b", ".join(b'"%s": %s' % (name.encode(), link) for name, link in told.items()))
