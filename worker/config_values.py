"""Values of config.toml that are more than a number or a text: zones, hours, days, spans, addresses, countries."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

from worker.config_problems import KnownValueError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
YEARS = range(2000, 2100)
"""A present time is in one of them."""
_UNITS = {"d": 1, "day": 1, "w": 7, "week": 7, "month": 30, "year": 365}
_SPAN = re.compile(r"(\d{1,2})(?::(\d\d))?\s*[-\u2013]\s*(\d{1,2})(?::(\d\d))?")
_CADENCE = re.compile(r"(\d{1,4})\s*(d|day|w|week|month|year)s?", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@([^\s@<>,;:\"()\[\]\\.]+\.)+[^\s@<>,;:\"()\[\]\\.]+")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
_DOMAIN = re.compile(r"([^\s@<>,;:/.]+\.)+[^\s@<>,;:/.]+")


def span(value: object) -> object:
    """Read "09:00-18:00"; 24:00 is the last instant of the day (23:59:59.999999)."""
    if not isinstance(value, str):
        return value
    if not (match := _SPAN.fullmatch(value.strip())):
        raise ValueError(f"{value!r} is no span of the day; write it like 09:00-18:00.")
    hours = match.groups(default="0")
    start, end = _time_of(hours[0], hours[1]), _time_of(hours[2], hours[3])
    if end <= start:
        raise ValueError(f"{value!r} ends before it begins.")
    return start, end


def _time_of(hour: str, minute: str) -> time:
    if (int(hour), int(minute)) == (24, 0):
        return time.max
    try:
        return time(int(hour), int(minute))
    except ValueError:
        raise ValueError(f"{hour}:{minute} is no time of day.") from None


def present(value: object) -> object:
    """Read an instant as TOML or text has it, with its offset."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        at = None
    if not isinstance(at, datetime) or at.tzinfo is None or at.year not in YEARS:
        raise ValueError(f"{str(value)!r} is no instant; write it like 2026-11-17T10:30:00+01:00, the offset included.")
    return at


def workdays(value: object) -> object:
    """Read "mon-fri", "sun-thu" (over the end of the week) or a list of days; Monday is 0."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple):
        return value
    return frozenset(day for part in value for day in _days_of(str(part)))


def _days_of(part: str) -> Iterable[int]:
    ends = [_day(word.strip()) for word in part.replace("\u2013", "-").split("-", 1)]
    count = (ends[-1] - ends[0]) % 7
    return ((ends[0] + step) % 7 for step in range(count + 1))


def _day(word: str) -> int:
    short = word.casefold()[:3]
    if short not in DAYS:
        raise KnownValueError(f"{word!r} is no day of the week; the days are {', '.join(DAYS)}.", word, DAYS)
    return DAYS.index(short)


def cadence(value: object) -> object:
    """Read "10 days", "6 weeks", "3 months" (of 30 days, twelve a year of 365); "6w" and "10d" do as well."""
    if not isinstance(value, str):
        raise ValueError('A cadence is a text such as "6 weeks".')  # noqa: TRY004 - pydantic collects ValueError only
    match = _CADENCE.fullmatch(value.strip())
    if not match or not int(match[1]):
        raise ValueError(f'{value!r} is no cadence; write it like "10 days", "6 weeks" or "3 months".')
    count, unit = int(match[1]), match[2].casefold()
    years, rest = divmod(count, 12) if unit == "month" else (0, count)
    return timedelta(days=years * _UNITS["year"] + rest * _UNITS[unit])


def zone(value: str) -> str:
    """Check an IANA zone."""
    try:
        return ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = available_timezones()
        cities = {name.rpartition("/")[2].casefold(): name for name in sorted(known, reverse=True)}
        city = value.rpartition("/")[2].strip().replace(" ", "_").casefold()
        raise KnownValueError(f"{value!r} is no IANA time zone.", cities.get(city, value), known) from None


def address(value: str) -> str:
    """Check one addr-spec; the domain comes out in lower case and IDNA."""
    if not _ADDRESS.fullmatch(value.strip()):
        raise ValueError(f"{value!r} is no mail address; write it like ana@firm.example, without name and brackets.")
    local, _, host = value.strip().rpartition("@")
    return f"{local}@{domain(host)}"


def domain(value: str) -> str:
    """Check one domain; it comes out in lower case and IDNA."""
    plain = value.strip().removeprefix("*.").removeprefix("@")
    if not _DOMAIN.fullmatch(plain):
        raise ValueError(f"{value!r} is no domain; write it like firm.example.")
    try:
        return plain.lower().encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError(f"{value!r} is no domain a server could have.") from None


def country(value: str) -> str:
    """Check a country or a country with its region: "DE", "DE-BY"; "" is none."""
    if not value:
        return ""
    from holidays import list_supported_countries  # noqa: PLC0415 - takes 0.1 s, and only those who name a country need it

    known = list_supported_countries()
    code, _, region = value.upper().partition("-")
    if code not in known:
        raise KnownValueError(f"{value!r} is no country whose holidays are known; write its two letters.", value, known)
    if region and region not in known[code]:
        raise KnownValueError(f"{code} has no region {region!r}.", value, (f"{code}-{part}" for part in known[code]))
    return f"{code}-{region}" if region else code


def language(value: str) -> str:
    """Check the form of a language tag (RFC 5646, language and region); which ones drafts can be written in, the templates say."""
    if value and not _LANGUAGE.fullmatch(value):
        raise ValueError(f"{value!r} is no language; write its letters: en, de, pt-BR.")
    return value


def web_address(value: str) -> str:
    """Check an address that is written to: encrypted, or on this machine."""
    parts = urlsplit(value)
    is_near = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if not parts.hostname or (parts.scheme != "https" and not is_near):
        raise ValueError("This is to be a web address that begins with https://.")
    return value


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Zone = Annotated[str, AfterValidator(zone)]
Span = Annotated[tuple[time, time], BeforeValidator(span)]
Spans = Annotated[tuple[Span, ...], BeforeValidator(_as_list)]
Workdays = Annotated[frozenset[int], BeforeValidator(workdays)]
Present = Annotated[AwareDatetime, BeforeValidator(present)]
Cadence = Annotated[timedelta, BeforeValidator(cadence)]
Country = Annotated[str, AfterValidator(country)]
EMail = Annotated[str, AfterValidator(address)]
Addresses = Annotated[tuple[EMail, ...], BeforeValidator(_as_list)]
DomainName = Annotated[str, AfterValidator(domain)]
Domains = Annotated[tuple[DomainName, ...], BeforeValidator(_as_list)]
Language = Annotated[str, AfterValidator(language)]
WebAddress = Annotated[str, AfterValidator(web_address)]
Words = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
