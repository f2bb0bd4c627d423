"""iCalendar, read into facts, expanded into occurrences, and written for a hold: the one entry; the rest is in ical_*.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import BinaryIO

from connectors.port import Skipped
from rules.facts import CalendarEvent, Occurrence
from rules.suggestions import Hold, Invite


def read(source: BinaryIO | bytes, *, remote_id: str, zone: str, is_export: bool = False) -> Iterator[CalendarEvent | Skipped]:
    """Yield every VEVENT of a stream of VCALENDARs, or the reason why one cannot be read; never raises for bad content.

    `zone` is the owner's IANA zone: floating times are read in it. All events get `remote_id` (a CalDAV resource), or
    with `is_export` each UID its own: `<remote_id>#<uid>`. Memory does not grow with the length of the stream.
    """
    raise NotImplementedError


def expand(
    events: Sequence[CalendarEvent], *, zone: str, start: datetime, end: datetime, limit: int = 5000
) -> tuple[Occurrence, ...]:
    """Expand the master and the overrides of one UID into the instances that touch [start, end), in order of time.

    Works on facts of every provider. `zone` is the owner's: all-day dates are compared with the window in it. At most
    `limit` instances. Cancelled instances are there and say so. Never raises for bad content: a rule that cannot be
    followed counts as a single event.
    """
    raise NotImplementedError


def hold_bytes(hold: Hold, *, host: str, now: datetime) -> bytes:
    """Write the hold as a VCALENDAR (RFC 5545): private, takes no time, no attendee, no organizer, no alarm, no METHOD.

    UID is `<key>@<host>`; X-REKINDLE-KEY holds the key.
    """
    raise NotImplementedError


def invite_bytes(invite: Invite, *, host: str, now: datetime) -> bytes:
    """Write the invite as a VCALENDAR with ORGANIZER and ATTENDEEs and nothing of ours; no METHOD (RFC 4791 4.1)."""
    raise NotImplementedError
