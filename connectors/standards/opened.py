"""What an IMAP server says of a folder as it is opened."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Where a folder stands (RFC 9051 6.3.2, RFC 7162 3.1.2.1); 0 = the server did not say."""

    validity: int
    next_uid: int
    modseq: int
    exists: int
    takes_keywords: bool
    keywords: tuple[str, ...]
    """The flags and keywords that occur, or have occurred, in it."""


def opened_by(text: bytes) -> Opened:
    """Read the answer to SELECT or EXAMINE."""
    return Opened(
        validity=_number(rb"\[UIDVALIDITY (\d+)", text) or 0,
        next_uid=_number(rb"\[UIDNEXT (\d+)", text) or 0,
        modseq=_number(rb"\[HIGHESTMODSEQ (\d+)", text) or 0,
        exists=_number(rb"\* (\d+) EXISTS", text) or 0,
        takes_keywords=bool(re.search(rb"\[PERMANENTFLAGS \([^)]*\\\*", text)),
        keywords=tuple(word.decode("ascii", "replace") for word in _words(rb"\* FLAGS \(([^)]*)\)", text)),
    )


def _number(pattern: bytes, text: bytes) -> int | None:
    match = re.search(pattern, text)
    return int(match[1]) if match else None


def _words(pattern: bytes, text: bytes) -> list[bytes]:
    match = re.search(pattern, text)
    return match[1].split() if match else []
