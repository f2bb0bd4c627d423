"""Find the zone a TZID means, and say how it was found: an unknown name is never silently the local zone.

Nothing here outlives one calendar but answers that depend on their arguments alone, so no calendar's private zone can
reach another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from io import StringIO
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from dateutil.tz import tzical

from connectors.ical_zone_names import ABBREVIATIONS, DISPLAY_NAMES
from rules.facts import CalendarEvent, ZoneResolution

_OFFSET = re.compile(r"^\(?(?:GMT|UTC)?\s*([+-])(\d{1,2}):?(\d{2})?\)?", re.IGNORECASE)
_DISPLAY = re.compile(r"^\((?:GMT|UTC)(?:([+-])(\d{1,2}):(\d{2}))?\)\s*(.*)$", re.IGNORECASE)
_UTC_NAMES = frozenset(
    {"utc", "z", "zulu", "gmt", "etc/utc", "etc/gmt", "etc/zulu", "universal", "etc/universal", "tzone://microsoft/utc"}
)
_ZONE_LINES = re.compile(
    r"^(BEGIN:(?:STANDARD|DAYLIGHT)|END:(?:STANDARD|DAYLIGHT)|(?:DTSTART|RRULE|RDATE|TZOFFSETFROM|TZOFFSETTO|TZNAME)[;:].*)$",
    re.MULTILINE | re.IGNORECASE,
)


class Zone(NamedTuple):
    """What a TZID was taken for."""

    tz: tzinfo
    id: str = ""
    """The IANA name; "" for UTC and for zones known only by their definition."""
    definition: str = ""
    resolution: ZoneResolution = "iana"


@dataclass(slots=True)
class Zones:
    """The zones of one VCALENDAR: what its VTIMEZONEs define, its own default, and the owner's zone as the last resort."""

    owner: str
    default: str = ""
    """X-WR-TIMEZONE, where it names a zone we know."""
    definitions: dict[str, str] = field(default_factory=dict)
    """TZID to the VTIMEZONE's lines."""
    found: dict[str, Zone] = field(default_factory=dict)

    def define(self, text: str) -> None:
        """Take in a VTIMEZONE (its unfolded lines). The first definition of a name counts."""
        name = re.search(r"^TZID[^:\n]*:(.*)$", text, re.MULTILINE | re.IGNORECASE)
        if name is not None:
            self.definitions.setdefault(name[1].strip(), text)

    def is_settled(self, tzid: str) -> bool:
        """Whether nothing that may still follow in this calendar can change what the name means."""
        return not tzid or tzid in self.definitions or named(tzid) is not None

    def resolve(self, tzid: str) -> Zone:
        """Find the zone of a TZID; "" is floating."""
        if tzid not in self.found:
            self.found[tzid] = self._resolve(tzid)
        return self.found[tzid]

    def _resolve(self, tzid: str) -> Zone:
        if not tzid:
            return Zone(ZoneInfo(self.owner), self.owner, "", "floating")
        zone = named(tzid)
        if zone is not None:
            return zone
        if tzid in self.definitions:
            definition = self.definitions[tzid]
            stated = re.search(r"^X-LIC-LOCATION[^:\n]*:(.*)$", definition, re.MULTILINE | re.IGNORECASE)
            known = named(stated[1]) if stated else None
            if known is not None:
                return known._replace(resolution="vtimezone")
            defined = from_definition(definition)
            if defined is not None:
                return Zone(defined, "", definition, "vtimezone")
        return described(tzid, self.default) or self._last_resort()

    def _last_resort(self) -> Zone:
        if self.default:
            return Zone(ZoneInfo(self.default), self.default, "", "guessed")
        return Zone(ZoneInfo(self.owner), self.owner, "", "unresolved")


@lru_cache(maxsize=1)
def _iana() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones() if name not in {"localtime", "Factory"}}


@lru_cache(maxsize=1)
def _cities() -> dict[str, tuple[str, ...]]:
    cities: dict[str, tuple[str, ...]] = {}
    for name in sorted(available_timezones()):
        area, _, city = name.rpartition("/")
        if area and not area.startswith(("Etc", "US", "SystemV", "posix", "right")):
            key = city.replace("_", " ").lower()
            cities[key] = (*cities.get(key, ()), name)
    return cities


@lru_cache(maxsize=1)
def _windows() -> dict[str, str]:
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON  # noqa: PLC0415 - it takes 0.1 s to load

    return {name.lower(): zone for name, zone in WINDOWS_TO_OLSON.items()}


@lru_cache(maxsize=4096)
def named(tzid: str) -> Zone | None:
    """Find a zone by a name that means one zone only: IANA, also with a vendor's prefix, or Windows."""
    name = tzid.strip().strip('"').lower()
    if name in _UTC_NAMES:
        return Zone(UTC, "", "", "utc")
    parts = name.strip("/").split("/")
    for start in range(max(len(parts) - 3, 0), len(parts) - 1) if name.startswith("/") else (0,):
        known = _iana().get("/".join(parts[start:]))
        if known is not None:
            return Zone(ZoneInfo(known), known, "", "iana")
    if name in _windows():
        return Zone(ZoneInfo(_windows()[name]), _windows()[name], "", "windows")
    return None


@lru_cache(maxsize=4096)
def described(tzid: str, default: str = "") -> Zone | None:
    """Find a zone by a text that describes it: "(UTC+01:00) Amsterdam, Berlin", US-Eastern, GMT+0100, PST."""
    name = tzid.strip().strip('"')
    found = _DISPLAY.match(name)
    if found is not None:
        return _displayed(found, default)
    known = _iana().get(name.replace("-", "/", 1).replace(" ", "_").lower())
    if known is not None:
        return Zone(ZoneInfo(known), known, "", "display-name")
    for part in [name, *name.split(",")]:
        city = _city(part.strip(), None)
        if city:
            return Zone(ZoneInfo(city), city, "", "display-name")
    if name.lower() in ABBREVIATIONS:
        guess = ABBREVIATIONS[name.lower()]
        return Zone(ZoneInfo(guess), guess, "", "guessed")
    stated = _OFFSET.fullmatch(name)
    return _at_offset(_offset(stated[1], stated[2], stated[3]), default) if stated else None


def _displayed(found: re.Match[str], default: str) -> Zone | None:
    offset = _offset(found[1] or "+", found[2] or "0", found[3])
    words = found[4].strip()
    if words.lower().startswith("coordinated universal time") and not found[2]:
        return Zone(UTC, "", "", "utc")
    for part in [words, *words.split(",")]:
        city = _city(part.strip(), offset)
        if city:
            return Zone(ZoneInfo(city), city, "", "display-name")
    return _at_offset(offset, default)


def _city(words: str, offset: timedelta | None) -> str:
    """Return the zone called like a city (or listed by Microsoft); with an offset only if it has it as standard time."""
    key = re.sub(r"\s*\(rtz \d+\)", "", words.lower())
    listed = DISPLAY_NAMES.get(key)
    for name in (*([listed] if listed else []), *_cities().get(key, ())):
        if offset is None or _standard(name) == offset:
            return name
    return ""


def _standard(name: str) -> timedelta:
    offsets = [ZoneInfo(name).utcoffset(datetime(2026, month, 1)) or timedelta() for month in (1, 7)]  # noqa: DTZ001 - wall time
    return min(offsets)


def _offset(sign: str, hours: str, minutes: str | None) -> timedelta:
    size = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return -size if sign == "-" else size


def _at_offset(offset: timedelta, default: str) -> Zone | None:
    """Guess from an offset alone: the calendar's own zone where it has that offset, else the offset without summer time."""
    if abs(offset) > timedelta(hours=14):
        return None
    if default and _standard(default) == offset:
        return Zone(ZoneInfo(default), default, "", "guessed")
    hours, rest = divmod(offset, timedelta(hours=1))
    if not rest:
        name = f"Etc/GMT{-hours:+d}" if hours else "Etc/GMT"
        return Zone(ZoneInfo(name), name, "", "guessed")
    return Zone(timezone(offset), "", _fixed(offset), "guessed")


def _fixed(offset: timedelta) -> str:
    minutes = abs(offset) // timedelta(minutes=1)
    text = f"{'-' if offset < timedelta() else '+'}{minutes // 60:02d}{minutes % 60:02d}"
    return f"TZID:{text}\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:{text}\nTZOFFSETTO:{text}\nEND:STANDARD"


@lru_cache(maxsize=256)
def from_definition(text: str) -> tzinfo | None:
    """Make a zone of the lines of a VTIMEZONE; None where they make none."""
    lines = "\n".join(_ZONE_LINES.findall(text)).upper()
    lines = re.sub(r"^DTSTART[^:\n]*:(\d{8})$", r"DTSTART:\1T000000", lines, flags=re.MULTILINE)
    lines = re.sub(r"^DTSTART;[^:\n]*:", "DTSTART:", lines, flags=re.MULTILINE)
    try:
        zone = tzical(StringIO(f"BEGIN:VTIMEZONE\nTZID:X\n{lines}\nEND:VTIMEZONE\n")).get()
        if zone is not None:
            datetime(2026, 1, 1, tzinfo=zone).utcoffset()
    except Exception:  # noqa: BLE001 - dateutil fails in many ways; each means that the definition is of no use
        return None
    return zone


def zone_of(event: CalendarEvent) -> tzinfo:
    """Return the zone the event's wall times are in; UTC for UTC and dates."""
    if event.zone_id:
        return ZoneInfo(event.zone_id)
    return (from_definition(event.zone_definition) if event.zone_definition else None) or UTC
