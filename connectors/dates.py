"""Date fields into instants: the usual form fast, any other by the standard library, an absurd one by when it arrived."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz
from functools import lru_cache
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST: Final = datetime(1980, 1, 2, tzinfo=UTC)
"""Before this no mail had such a Date field: it is a clock that was never set."""
SLACK: Final = timedelta(days=1)
"""A sender's clock may be ahead that much; beyond it the Date is absurd."""
FARTHEST: Final = timedelta(hours=15)
"""No zone is farther from UTC."""

USUAL: Final = re.compile(rb"(?:[A-Za-z]{3}, {1,2})?(\d{1,2} [A-Za-z]{3} \d{4}) (\d\d):(\d\d):(\d\d) ([+-]\d{4})")
RECEIVED: Final = re.compile(rb"(?:\A|\n)received:[^\n]*(?:\n[ \t][^\n]*)*;\s*([^;\n]+)", re.IGNORECASE)
TWO: Final = {b"%02d" % number: number for number in range(100)}
"""Two digits as a number: int takes three times as long."""
MONTHS: Final = {
    name.encode(): number
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
    match = USUAL.match(value)
    if match is None:
        return _unusual(value)
    day, hour, minute, second, zone = match.groups()
    try:
        offset, stated = _offset(zone)
        seconds = _midnight(day) + TWO[hour] * 3600 + TWO[minute] * 60 + min(TWO[second], 59) - offset
        return datetime.fromtimestamp(seconds, UTC), stated
    except (KeyError, ValueError, OverflowError):
        return _unusual(value)


@lru_cache(maxsize=4096)
def _midnight(day: bytes) -> int:
    number, month, year = day.split()
    return int(datetime(int(year), MONTHS[month], int(number), tzinfo=UTC).timestamp())


@lru_cache(maxsize=256)
def _offset(zone: bytes) -> tuple[int, timedelta | None]:
    """Return seconds east of UTC, and the offset stated by that: none by -0000."""
    seconds = int(zone[1:3]) * 3600 + int(zone[3:]) * 60
    if seconds > FARTHEST.total_seconds():
        raise ValueError("no zone is that far from UTC")
    if zone[:1] == b"-":
        return -seconds, timedelta(seconds=-seconds) if seconds else None
    return seconds, timedelta(seconds=seconds)


def _unusual(value: bytes) -> tuple[datetime | None, timedelta | None]:
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
