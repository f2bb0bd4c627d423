"""One message's answer to a FETCH: taken apart without a grammar, and undecoded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from connectors.dates import MONTHS
from connectors.imap_wire import Response, responses_in

USUAL = re.compile(
    r'\* \d+ FETCH \(UID ([1-9]\d{0,9}) FLAGS \(([^)]*+)\) INTERNALDATE "([ \d]\d-\w{3}-\d{4}) \d\d:\d\d:\d\d ([+-]\d{4})" '
    r"RFC822\.SIZE (\d{1,19}) BODY\[[^]]*+\] \{(\d{1,9})\}\r\n",
    re.ASCII,
)
"""All before the header, as we have asked for it."""
ARRIVED = re.compile(rb'^\* \d+ FETCH \(UID (\d{1,10}) INTERNALDATE "([^"]+)"\)\r?$', re.MULTILINE)
"""The usual line of an answer that lists when messages arrived."""
_UID = re.compile(rb"\bUID (\d{1,10})\b")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d{1,19})\b")
_DATE = re.compile(rb'\bINTERNALDATE "([^"]+)"')
_FLAGS = re.compile(rb"\bFLAGS \(([^)]*)\)")
_THREAD = re.compile(rb"\b(?:X-GM-THRID (\d+)|THREADID \(([^)]+)\))")
_LABELS = re.compile(rb"\bX-GM-LABELS \(((?:\"(?:[^\"\\]|\\.)*\"|[^)\"])*)\)")
_LABEL = re.compile(rb'"((?:[^"\\]|\\.)*)"|([^\s"]+)')
_HEADER = re.compile(rb"BODY\[[^\]]*\] \Z")
_QUOTED_HEADER = re.compile(rb'BODY\[[^\]]*\] (?:"((?:[^"\\]|\\.)*)"|NIL)')
FAR = 1 << 32
"""Seconds since 1970 up to which an arrival is believed, and fits a stamp: until 2106."""


class Fetched(NamedTuple):
    """One message's answer, undecoded."""

    uid: int
    arrived: int | None
    """In seconds since 1970."""
    size: int
    flags: bytes
    labels: tuple[str, ...]
    thread_id: str
    header: bytes


def fetched_in(answer: bytes) -> Iterator[Fetched]:
    """Take untagged responses apart, whatever they look like. Raises EOFError where a literal is not as long as it says."""
    return filter(None, map(split, responses_in(answer)))


def split(response: Response) -> Fetched | None:
    """Take one FETCH response apart whatever the order of its items; None for anything else, also for one without a header."""
    text, header = response[0], None
    for literal, after in zip(response[1::2], response[2::2], strict=True):
        if header is None and _HEADER.search(text):
            header, literal = literal, b""  # noqa: PLW2901 - the header is no part of the text
        text += b'"' + re.sub(rb'(["\\])', rb"\\\1", literal) + b'"' + after
    labels = _LABELS.search(text)
    if labels is not None:  # the owner's words, which may be anything
        text = text[: labels.start()] + text[labels.end() :]
    uid = _UID.search(text)
    if uid is None or b" FETCH (" not in text:
        return None
    if header is None:
        plain = _QUOTED_HEADER.search(text)
        if plain is None:
            return None
        header = re.sub(rb"\\(.)", rb"\1", plain[1] or b"")
    date, size, flags, thread = _DATE.search(text), _SIZE.search(text), _FLAGS.search(text), _THREAD.search(text)
    return Fetched(
        uid=int(uid[1]),
        arrived=epoch(date[1]) if date else None,
        size=int(size[1]) if size else 0,
        flags=flags[1] if flags else b"",
        labels=tuple((re.sub(rb"\\(.)", rb"\1", one) or two).decode("utf-8", "replace") for one, two in _LABEL.findall(labels[1]))
        if labels
        else (),
        thread_id=(thread[1] or thread[2]).decode("ascii", "replace") if thread else "",
        header=header,
    )


def arrived(line: bytes) -> tuple[int, int] | None:
    """Read when a message arrived (epoch seconds, 0 where that is unknown) and its UID; None for what does not tell.

    Raises EOFError where the server says that it hangs up.
    """
    if line.startswith(b"* BYE"):
        raise EOFError(line.decode("utf-8", "replace"))
    uid = _UID.search(line)
    if uid is None:
        return None
    date = _DATE.search(line)
    return (epoch(date[1]) or 0 if date else 0), int(uid[1])


def epoch(raw: bytes) -> int | None:
    """Read INTERNALDATE (` 5-Nov-2026 09:00:00 +0100`) as epoch seconds; None for what is none, or absurd."""
    text = raw.decode("ascii", "replace")
    try:
        at = _midnight(text[:11]) + _minute(text[12:17]) + int(text[18:20]) - _east(text[21:26])
    except (KeyError, ValueError, OverflowError):
        return None
    return at if 0 <= at < FAR else None


def beginning(day: str, zone: str) -> int | None:
    """Say when the day of an INTERNALDATE (` 5-Nov-2026`, `+0100`) begins there: nothing that arrived that day did before."""
    return epoch(f"{day} 00:00:00 {zone}".encode("latin-1"))


@lru_cache(maxsize=1 << 14)
def _midnight(day: str) -> int:
    return int(datetime(int(day[7:11]), MONTHS[day[3:6]], int(day[0:2]), tzinfo=UTC).timestamp())


@lru_cache(maxsize=1 << 11)
def _minute(clock: str) -> int:
    return int(clock[:2]) * 3600 + int(clock[3:]) * 60


@lru_cache(maxsize=1 << 8)
def _east(zone: str) -> int:
    """Return how many seconds a zone is ahead of UTC."""
    offset = int(zone[1:3]) * 3600 + int(zone[3:5]) * 60
    return -offset if zone[:1] == "-" else offset


def stamp(at: int, uid: int) -> int:
    """Put arrival (epoch seconds) and UID into one number, sorted as the pair would be: of a big folder there are many."""
    return at << 32 | uid


def arrival_of(one: int) -> tuple[int, int]:
    """Return arrival and UID of a stamp."""
    return one >> 32, one & 0xFFFFFFFF
