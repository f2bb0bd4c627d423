"""Date fields into instants: the usual form fast, any other by the standard library, an absurd one by when it arrived."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST: Final = datetime(1980, 1, 2, tzinfo=UTC)
"""Before this no mail had such a Date field: it is a clock that was never set."""
SLACK: Final = timedelta(days=1)
"""A sender's clock may be ahead that much; beyond it the Date is absurd."""
FARTHEST: Final = timedelta(hours=15)
"""No zone is farther from UTC."""

DAY: Final = re.compile(r"(?:[A-Za-z]{3}, {1,2})?(\d{1,2}) ([A-Za-z]{3}) (\d{4}) ", re.ASCII)
ZONE: Final = re.compile(r" ([+-]\d{4})", re.ASCII)
RECEIVED: Final = re.compile(rb"(?:\A|\n)received:[^\n]*(?:\n[ \t][^\n]*)*;\s*([^;\n]+)", re.IGNORECASE)
TWO: Final = {f"{number:02}": number for number in range(100)}
"""Two digits as a number: int takes three times as long."""
SECONDS: Final = {text: min(number, 59) for text, number in TWO.items()}
"""A leap second is the one before it."""
MONTHS: Final = {
    name: number
    for number, name in enumerate(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1)
}


def sent(value: bytes, received_at: datetime | None, header: bytes) -> tuple[datetime | None, timedelta | None]:
    """Return when a message was sent (aware UTC) and the offset its Date states.

    A Date that is missing, junk, before EARLIEST or later than it was received gives way to `received_at`, or to the
    newest Received field of the header. None where nothing tells.
    """
    at, offset = read_date(value)
    if at is None or at < EARLIEST or received_at is None or at > received_at + SLACK:
        newest = None if received_at else RECEIVED.search(header)
        known = received_at or (read_date(newest[1].strip())[0] if newest else None)
        if at is None or (known is not None and (at < EARLIEST or at > known + SLACK)):
            return known, None
    return at, offset


def read_date(value: bytes) -> tuple[datetime | None, timedelta | None]:
    """Return the instant of an RFC 5322 date (aware UTC) and its offset; `-0000` and no zone state none."""
    usual = told(value.decode("latin-1"))
    try:
        return (datetime.fromtimestamp(usual[0], UTC), usual[1]) if usual is not None else _unusual(value)
    except (ValueError, OverflowError):
        return _unusual(value)


def told(value: str) -> tuple[int, timedelta | None] | None:
    """Return a date of the usual form in seconds since 1970, and its offset; None for any other. A byte is a character.

    Its parts come again, and are remembered by how they stand: to take it apart takes three times as long.
    """
    cut = 17 if value[16:17] == " " else _cut(value)
    try:
        offset, stated = _zone(value[cut + 8 :])
        return _day(value[:cut]) + _minute(value[cut : cut + 6]) + SECONDS[value[cut + 6 : cut + 8]] - offset, stated
    except (KeyError, ValueError, OverflowError):
        return None


def _cut(value: str) -> int:
    """Say where the day ends: of a day of the week or none, of one digit or two."""
    return next((cut for cut in (16, 12, 11, 18) if value[cut - 1 : cut] == " "), 0)


@lru_cache(maxsize=4096)
def _day(text: str) -> int:
    """Return when a day begins, in seconds since 1970."""
    match = DAY.fullmatch(text)
    if match is None:
        raise ValueError("no such day")
    number, month, year = match.groups()
    return int(datetime(int(year), MONTHS[month], int(number), tzinfo=UTC).timestamp())


@lru_cache(maxsize=4096)
def _minute(text: str) -> int:
    """Return the seconds at `hh:mm:`."""
    if text[2:3] != ":" or text[5:] != ":":
        raise ValueError("no such time")
    hour, minute = TWO[text[:2]], TWO[text[3:5]]
    if hour >= 24 or minute >= 60:  # noqa: PLR2004 - of a day, and of an hour
        raise ValueError("no such time")
    return hour * 3600 + minute * 60


@lru_cache(maxsize=256)
def _zone(text: str) -> tuple[int, timedelta | None]:
    """Return seconds east of UTC, and the offset stated by that: none by -0000."""
    if text == " GMT":  # what newsletters write
        return 0, timedelta(0)
    match = ZONE.match(text)
    if match is None:
        raise ValueError("no such zone")
    zone = match[1]
    seconds = int(zone[1:3]) * 3600 + int(zone[3:]) * 60
    if seconds > FARTHEST.total_seconds():
        raise ValueError("no zone is that far from UTC")
    if zone[:1] == "-":
        return -seconds, timedelta(seconds=-seconds) if seconds else None
    return seconds, timedelta(seconds=seconds)


def _unusual(value: bytes) -> tuple[datetime | None, timedelta | None]:
    from email.utils import parsedate_tz  # noqa: PLC0415 - a tenth of the time a second process takes to begin

    try:
        parts = parsedate_tz(value[:200].decode("ascii", "replace"))
        if parts is None:
            return None, None
        at = datetime(*parts[:5], min(parts[5], 59), tzinfo=UTC)
        offset = None if parts[9] is None else timedelta(seconds=parts[9])
        if offset is None or abs(offset) > FARTHEST:
            return at, None
        return at - offset, offset
    except (ValueError, OverflowError, TypeError, IndexError):
        return None, None
