"""What an event's lines say before it is judged: the shape both readers, the lean one and the library's, must fill alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

SHORT = 500
"""Characters of a line that may be remembered: a hostile one fills no memory."""


class Unreadable(Exception):
    """The event cannot be read; the message is the reason in the owner's words and holds nothing of the event."""


class Stamp(NamedTuple):
    """A DATE or DATE-TIME as written: wall time without zone, the TZID text, and whether it ended in Z."""

    value: datetime | date
    zone: str = ""
    is_utc: bool = False


class Party(NamedTuple):
    """A CAL-ADDRESS as written, with its parameters (upper-case names, decoded values); the same ones come again and again."""

    value: str
    params: frozenset[tuple[str, str]] = frozenset()
    is_short: bool = True
    """Short enough to be remembered."""

    @classmethod
    def of(cls, value: str, params: Mapping[str, str]) -> Party:
        """Make one of what was read."""
        size = len(value) + sum(len(name) + len(given) for name, given in params.items())
        return cls(value.strip(), frozenset(params.items()), size <= SHORT)


@dataclass(slots=True, kw_only=True)
class Fields:
    """The wanted properties of one VEVENT, decoded but not interpreted; "" or None where absent."""

    uid: str = ""
    start: Stamp
    end: Stamp | None = None
    duration: timedelta | None = None
    original: Stamp | None = None
    is_range: bool = False
    recurrence: list[str] = field(default_factory=list)
    summary: str = ""
    location: str = ""
    organizer: Party | None = None
    attendees: list[Party] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)
    """STATUS, TRANSP, CLASS and the X-MICROSOFT-CDO ones, upper-case."""
    sequence: int = 0
    stamp: datetime | None = None
    """LAST-MODIFIED, else DTSTAMP: naive, meant as UTC."""
    rekindle_key: str = ""
    rekindle_by: str = ""
