"""Read the plain event, which nearly all are, by slicing its lines; anything unusual is left to the library."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache

from connectors.ical_fields import SHORT, Fields, Party, Stamp
from connectors.ical_lines import Line

_PARAM = re.compile(r';([A-Za-z0-9-]+)=(?:"([^"]*)"|([^";:,]*))(?=[;:])')
_QUOTED = re.compile(r'(?:"[^"]*"|[^":])*')
_DURATION = re.compile(r"P(?:(\d{1,5})W|(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,5})M)?(?:(\d{1,5})S)?)?)")
_ONCE = frozenset(
    {
        "UID",
        "DTSTART",
        "DTEND",
        "DURATION",
        "RECURRENCE-ID",
        "SUMMARY",
        "LOCATION",
        "STATUS",
        "TRANSP",
        "CLASS",
        "SEQUENCE",
    }
)
_TEXTS = frozenset({"UID", "SUMMARY", "LOCATION", "X-REKINDLE-KEY", "X-REKINDLE-BY"})
_WORDS = frozenset({"STATUS", "TRANSP", "CLASS", "X-MICROSOFT-CDO-BUSYSTATUS", "X-MICROSOFT-CDO-ALLDAYEVENT"})
DATE_LENGTH = len("20260101")
_SERIES = frozenset({"RRULE", "RDATE", "EXDATE", "EXRULE"})
_NOTHING: Mapping[str, str] = {}
_Once = Mapping[str, tuple[Mapping[str, str], str]]
"""The properties an event has at most one of: their parameters and their value."""


class _Unusual(Exception):
    """Not for this reader."""


def parse(lines: Sequence[Line]) -> Fields | None:
    """Return the fields of a plain event; None where the library has to read it."""
    try:
        return _parse(lines)
    except (_Unusual, ValueError):
        return None


def _parse(lines: Sequence[Line]) -> Fields:
    once: dict[str, tuple[Mapping[str, str], str]] = {}
    attendees: list[Party] = []
    organizer: Party | None = None
    recurrence: list[str] = []
    for name, rest in lines:
        if name == "ATTENDEE":
            attendees.append(_party(rest))
        elif name == "ORGANIZER":
            if organizer is not None:
                raise _Unusual
            organizer = _party(rest)
        elif name in _SERIES:
            recurrence.append(name + rest)
        else:
            params, value = (_NOTHING, rest[1:]) if rest[0] == ":" else _split(rest)
            if ("\\" in value and name not in _TEXTS) or (name in once and name in _ONCE):
                raise _Unusual
            once[name] = (params, value)
    return _fields(once, organizer, attendees, recurrence)


def _party(rest: str) -> Party:
    return _known_party(rest) if len(rest) <= SHORT else _new_party(rest)


def _new_party(rest: str) -> Party:
    params, value = (_NOTHING, rest[1:]) if rest[0] == ":" else _split(rest)
    if "\\" in value:
        raise _Unusual
    return Party.of(value, params)


_known_party = lru_cache(maxsize=8192)(_new_party)


def _fields(once: _Once, organizer: Party | None, attendees: list[Party], recurrence: list[str]) -> Fields:
    if "DTSTART" not in once:
        raise _Unusual
    original = once.get("RECURRENCE-ID")
    modified = once.get("LAST-MODIFIED") or once.get("DTSTAMP")
    return Fields(
        uid=_text(once, "UID"),
        start=_stamp(once["DTSTART"]),
        end=_stamp(once["DTEND"]) if "DTEND" in once else None,
        duration=_duration(once["DURATION"][1]) if "DURATION" in once else None,
        original=_stamp(original) if original else None,
        is_range=bool(original and original[0].get("RANGE", "").upper() == "THISANDFUTURE"),
        recurrence=recurrence,
        summary=_text(once, "SUMMARY"),
        location=_text(once, "LOCATION"),
        organizer=organizer,
        attendees=attendees,
        words={name: once[name][1].strip().upper() for name in _WORDS & once.keys()},
        sequence=int(once["SEQUENCE"][1]) if "SEQUENCE" in once else 0,
        stamp=_instant(modified[1]) if modified else None,
        rekindle_key=_text(once, "X-REKINDLE-KEY"),
        rekindle_by=_text(once, "X-REKINDLE-BY"),
    )


def _split(rest: str) -> tuple[Mapping[str, str], str]:
    """Split `;A=b;C="d":value`; lists, carets (RFC 6868) and stray spaces are unusual."""
    colon = rest.find(":") if '"' not in rest else _QUOTED.match(rest).end()  # type: ignore[union-attr]  # it matches any text
    return _params(rest[: colon + 1]), rest[colon + 1 :]


@lru_cache(maxsize=4096)
def _params(text: str) -> Mapping[str, str]:
    """Read the parameters before a value; the same ones come again and again, hence the cache."""
    params: dict[str, str] = {}
    at = 0
    while text[at : at + 1] == ";":
        found = _PARAM.match(text, at)
        if found is None:
            raise _Unusual
        name, quoted, bare = found.groups()
        params[name.upper()] = value = bare if quoted is None else quoted
        if "^" in value or "\\" in value or value != value.strip():
            raise _Unusual
        at = found.end()
    if text[at:] != ":":
        raise _Unusual
    return params


def _stamp(prop: tuple[Mapping[str, str], str]) -> Stamp:
    params, value = prop
    if len(value) == DATE_LENGTH and value.isdigit() and params.get("VALUE", "DATE").upper() == "DATE":
        return Stamp(date(int(value[:4]), int(value[4:6]), int(value[6:])))
    if params.get("VALUE", "DATE-TIME").upper() != "DATE-TIME":
        raise _Unusual
    is_utc = value[-1:] == "Z"
    return Stamp(_instant(value), "" if is_utc else params.get("TZID", ""), is_utc)


def _instant(value: str) -> datetime:
    if len(value) not in {15, 16} or value[8] != "T" or value[15:] not in {"", "Z"} or not (value[:8] + value[9:15]).isdigit():
        raise _Unusual
    return datetime.fromisoformat(value[:15])  # wall time; the zone comes later


def _duration(value: str) -> timedelta:
    found = _DURATION.fullmatch(value)
    if found is None or not any(found.groups()):
        raise _Unusual
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def _text(once: _Once, name: str) -> str:
    if name not in once:
        return ""
    params, value = once[name]
    if "ENCODING" in params:
        raise _Unusual
    return unescaped(value).strip() if "\\" in value else value.strip()


_ESCAPE = re.compile(r"\\([\\;,nN])")


def unescaped(value: str) -> str:
    """Undo TEXT escaping (RFC 5545 3.3.11)."""
    return _ESCAPE.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)
