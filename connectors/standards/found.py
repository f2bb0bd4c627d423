"""An object of ours as it lies at the server: its event, and a hash of what else the owner can have put into it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from connectors import ical
from connectors.ical_lean import unescaped
from connectors.written import digest
from rules.facts import CalendarEvent

_LINE = re.compile(r'([A-Z0-9-]+)(?:;(?:"[^"]*"|[^":])*)?:(.*)', re.IGNORECASE)
_WORDS = {"STATUS": "CONFIRMED", "TRANSP": "OPAQUE", "CLASS": "PUBLIC"}
"""What each means where it is left out (RFC 5545)."""
_TELLING = frozenset(
    {*_WORDS, "DESCRIPTION", "LOCATION", "URL", "ATTACH", "CONFERENCE", "CATEGORIES", "COLOR", "RRULE", "RDATE", "RECURRENCE-ID"}
)
"""Only a person changes these: dates of change, numbers of versions and X- properties are servers' and clients' own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One object, read. No text is kept that is no fact."""

    event: CalendarEvent
    """Its first event."""
    gist: str
    """Hash of what the event does not tell: the description, the reminders, the day of an all-day one, whether it repeats."""


def found_in(content: bytes, *, href: str, zone: str) -> Found | None:
    """Read an object; None where no event can be read in it."""
    event = next((item for item in ical.read(content, remote_id=href, zone=zone) if isinstance(item, CalendarEvent)), None)
    if event is None:
        return None
    days = [f"{event.start}/{event.end}"] if event.is_all_day else []
    return Found(event=event, gist=digest("\n".join([*days, *sorted(_told(ical.event_lines(content)))])))


def _told(lines: Sequence[str]) -> Iterator[str]:
    """Say of each telling property what it says, and of each reminder when it reminds."""
    alarm: dict[str, str] | None = None
    for found in filter(None, map(_LINE.fullmatch, lines)):
        name, said = found[1].upper(), " ".join(unescaped(found[2]).split())
        if name in _WORDS or name in ("BEGIN", "END") or alarm is not None:
            said = said.upper()
        if (name, said) == ("BEGIN", "VALARM"):
            alarm = {}
        elif alarm is None:
            if name in _TELLING and said not in ("", _WORDS.get(name)):
                yield f"{name}:{said}"
        elif (name, said) == ("END", "VALARM"):
            if _is_reminding(alarm):
                yield f"VALARM:{alarm.get('TRIGGER', '')}"
            alarm = None
        else:
            alarm[name] = said


def _is_reminding(alarm: dict[str, str]) -> bool:
    """Tell a reminder from the stand-ins by which Apple's calendar notes that there is none, or the default one."""
    return alarm.get("ACTION") != "NONE" and alarm.get("X-APPLE-DEFAULT-ALARM") != "TRUE"
