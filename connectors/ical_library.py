"""Read an unusual event with the icalendar library, one event at a time, so that it shares nothing with any other.

Zones are never resolved here: the library keeps custom zones for the whole process, by name, and would give one
calendar's "Customized Time Zone" to the next. Only wall times and the TZID text are taken from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import icalendar

from connectors.ical_fields import Fields, Party, Stamp, Unreadable
from connectors.ical_lines import Line

_TZID = re.compile(r';TZID=("[^"]*"|[^":;]*)', re.IGNORECASE)
_SPACES = re.compile(r"[ \t]*([;=])[ \t]*")
_SERIES = frozenset({"RRULE", "RDATE", "EXDATE", "EXRULE"})
_STAMPS = frozenset({"DTSTART", "DTEND", "RECURRENCE-ID"})
_WORDS = ("STATUS", "TRANSP", "CLASS", "X-MICROSOFT-CDO-BUSYSTATUS", "X-MICROSOFT-CDO-ALLDAYEVENT")


def parse(lines: Sequence[Line]) -> Fields:
    """Return the fields of an event, as far as they can be read. Raises Unreadable without a start."""
    event = _component([line for line in lines if line[0] not in _SERIES])
    zones = {name: _zone(rest) for name, rest in reversed(lines) if name in _STAMPS}
    start = _stamp(event.get("DTSTART"), zones.get("DTSTART", ""))
    if start is None:
        has_start = any(name == "DTSTART" for name, _ in lines)
        raise Unreadable("its start cannot be read" if has_start else "it has no start")
    original = _first(event.get("RECURRENCE-ID"))
    duration = _dt(event.get("DURATION"))
    modified = _stamp(event.get("LAST-MODIFIED"), "") or _stamp(event.get("DTSTAMP"), "")
    organizer = _first(event.get("ORGANIZER"))
    return Fields(
        uid=_text(event.get("UID")),
        start=start,
        end=_stamp(event.get("DTEND"), zones.get("DTEND", "")),
        duration=duration if isinstance(duration, timedelta) else None,
        original=_stamp(original, zones.get("RECURRENCE-ID", "")),
        is_range=str(_params(original).get("RANGE", "")).upper() == "THISANDFUTURE",
        recurrence=[name + rest for name, rest in lines if name in _SERIES],
        summary=_text(event.get("SUMMARY")),
        location=_text(event.get("LOCATION")),
        organizer=_party(organizer) if organizer is not None else None,
        attendees=[_party(value) for value in _all(event.get("ATTENDEE"))],
        words={name: _text(event.get(name)).upper() for name in _WORDS if name in event},
        sequence=_number(event.get("SEQUENCE")),
        stamp=modified.value if modified and isinstance(modified.value, datetime) else None,
        rekindle_key=_text(event.get("X-REKINDLE-KEY")),
        rekindle_by=_text(event.get("X-REKINDLE-BY")),
    )


def _component(lines: Sequence[Line]) -> icalendar.Event:
    text = "".join(f"{name}{_tidy(name, rest)}\r\n" for name, rest in lines)
    try:
        event = icalendar.Event.from_ical(f"BEGIN:VEVENT\r\n{text}END:VEVENT\r\n")
    except Exception:  # noqa: BLE001 - whatever the library trips over concerns this one event; its message may quote it
        raise Unreadable("its lines cannot be told apart") from None
    if not isinstance(event, icalendar.Event):
        raise Unreadable("its lines cannot be told apart")
    return event


def _tidy(name: str, rest: str) -> str:
    """Drop stray spaces around the parts of a time, and its TZID: the library shall not look it up."""
    if name not in _STAMPS:
        return rest
    colon = _colon(rest)
    return _TZID.sub("", _SPACES.sub(r"\1", rest[:colon]).rstrip()) + ":" + rest[colon + 1 :].strip()


def _zone(rest: str) -> str:
    """Return the TZID of a time; "" beside a Z, which every calendar reads as UTC."""
    colon = _colon(rest)
    found = _TZID.search(_SPACES.sub(r"\1", rest[:colon]))
    return found[1].strip('"').strip() if found and rest[-1:].upper() != "Z" else ""


def _colon(rest: str) -> int:
    is_quoted = False
    for at, character in enumerate(rest):
        if character == '"':
            is_quoted = not is_quoted
        elif character == ":" and not is_quoted:
            return at
    return max(rest.find(":"), 0)


def _all(value: Any) -> list[Any]:  # noqa: ANN401 - what the library hands out; it becomes fields here
    return value if isinstance(value, list) else [] if value is None else [value]


def _first(value: Any) -> Any:  # noqa: ANN401 - as above
    return (_all(value) or [None])[0]


def _params(value: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as above
    return getattr(value, "params", None) or {}


def _dt(value: Any) -> object:  # noqa: ANN401 - as above
    try:
        return getattr(_first(value), "dt", None)
    except ValueError:  # the library's mark of a value it could not read
        return None


def _stamp(value: Any, zone: str) -> Stamp | None:  # noqa: ANN401 - as above
    when = _dt(value)
    if not isinstance(when, date):
        return None
    if not isinstance(when, datetime):
        return Stamp(when)
    return Stamp(when.replace(tzinfo=None), zone, when.tzinfo is not None)


def _party(value: Any) -> Party:  # noqa: ANN401 - as above
    params = {
        name.upper(): ",".join(str(item) for item in given) if isinstance(given, list | tuple) else str(given)
        for name, given in _params(value).items()
    }
    return Party.of(str(value), params)


def _text(value: Any) -> str:  # noqa: ANN401 - as above
    return str(_first(value) if value is not None else "").strip()


def _number(value: Any) -> int:  # noqa: ANN401 - as above
    try:
        return int(_first(value) or 0)
    except (TypeError, ValueError):
        return 0
