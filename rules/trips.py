"""Trips: which entries of a calendar take the owner to another city or zone, and which are events with many people."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rules.facts import CalendarEvent, Occurrence
from rules.network import Owner, Trip
from rules.workdays import zone_of

LONG: Final = timedelta(hours=20)
"""An entry this long with a place is a stay."""
HALF_DAY: Final = timedelta(hours=3)
AT_HOME: Final = 3
"""Days of ordinary meetings at a place that make it one the owner works at."""
CONFERENCE: Final = re.compile(
    r"\b\w*(?:conf|konferenz|conference|congress|kongress|summit|symposium|fachmesse|barcamp|unconference|meetup|fair|expo)\b"
    r"|\b(?:\w+con|messe|forum|tagung|hackathon)\b(?! call)",
    re.IGNORECASE,
)
ONLINE: Final = re.compile(
    r"https?://|\b(?:zoom|teams|webex|google meet|hangouts?|skype|jitsi|online|virtual|remote|telefon|phone|call|whereby)\b",
    re.IGNORECASE,
)
ROOM: Final = re.compile(
    r"\b(?:room|raum|saal|floor|etage|stock|office|büro|building|gebäude|hall|halle|hq|meeting|desk|kitchen|küche|canteen|lobby"
    r"|tbd|tba|home|airport|flughafen|bahnhof|station|hotel|restaurant|café|cafe|bar)\b|\d",
    re.IGNORECASE,
)
POSTCODE: Final = re.compile(
    r"^(?:[A-Z]{1,2}-)?\d{4,5}(?:-\d{3})?\s+(\D{2,40})$|^(\D{2,40}?)\s+(?:\d{4,6}|[A-Z]{1,2}\d\w?\s*\d?[A-Z]{0,2})$"
)
COUNTRIES: Final = frozenset(
    """argentina australia austria österreich belgium belgien brazil canada china czechia denmark dänemark england estonia
    finland france frankreich germany deutschland greece hungary india ireland israel italia italy italien japan luxembourg
    mexico nederland netherlands niederlande norway poland polen portugal romania schweiz suisse switzerland scotland singapore
    slovakia slovenia españa spain spanien sweden schweden turkey ukraine uk usa us""".split()  # noqa: SIM905 -- reads best as words
) | {"united kingdom", "united states", "great britain", "south korea", "new zealand", "czech republic"}
SAME: Final = {
    "münchen": "munich", "muenchen": "munich", "köln": "cologne", "koeln": "cologne", "wien": "vienna", "zürich": "zurich",
    "lisboa": "lisbon", "praha": "prague", "warszawa": "warsaw", "københavn": "copenhagen", "kopenhagen": "copenhagen",
    "mailand": "milan", "milano": "milan", "rom": "rome", "roma": "rome", "brüssel": "brussels", "bruxelles": "brussels",
    "genf": "geneva", "genève": "geneva", "athen": "athens", "nürnberg": "nuremberg", "hannover": "hanover",
    "lissabon": "lisbon", "prag": "prague", "warschau": "warsaw",
}  # fmt: skip
"""Cities that calendars name in two languages, by the one name used here."""


def city_of(location: str) -> str:
    """Return the city a location names, "" where that cannot be told: rooms, links and bare venues have none.

    "Altice Arena, 1990-231 Lisbon, Portugal" and "Lisbon" give "Lisbon"; so does "Lisboa".
    """
    text = " ".join(location.replace("\n", ", ").split())
    if not text or ONLINE.search(text):
        return ""
    parts = [part.strip() for part in re.split(r"[,;|]", text) if part.strip()]
    while len(parts) > 1 and (parts[-1].casefold() in COUNTRIES or re.fullmatch(r"[A-Z]{2}(?: \d{5})?", parts[-1])):
        parts.pop()
    if not parts:
        return ""
    with_code = [found for part in parts if (found := POSTCODE.match(part))]
    name = (with_code[-1][1] or with_code[-1][2]) if with_code else parts[-1]
    if ROOM.search(name) or len(name.split()) > 3:  # noqa: PLR2004 -- Rio de Janeiro
        return ""
    plain = name.strip()
    same = SAME.get(plain.casefold())
    return same.title() if same else plain


def trips(entries: Iterable[tuple[CalendarEvent, Occurrence]], owner: Owner) -> tuple[Trip, ...]:
    """List what takes the owner elsewhere and what is a conference, ascending by start, each occurrence once.

    `entries`: what stands in the calendar and is neither cancelled nor declined. Elsewhere is another zone, or a stay or
    an address in another city than the owner's own; a city with ordinary meetings on three days is one of these.
    """
    known = list(entries)
    homes = {*_home_cities(owner), *_worked_at(known, owner)}
    found = [trip for source, occurrence in known if (trip := _trip(source, occurrence, owner, homes)) is not None]
    return tuple(sorted(found, key=lambda trip: (trip.start, trip.end, trip.uid)))


def _trip(source: CalendarEvent, occurrence: Occurrence, owner: Owner, homes: set[str]) -> Trip | None:
    start, end = _instants(occurrence, owner)
    length = end - start
    if source.event_type not in {"default", "outOfOffice"} or length <= timedelta(0):
        return None
    is_abroad = _is_other_zone(source.zone_id, owner, start)
    place = city_of(source.location) or (_zone_city(source.zone_id) if is_abroad else "")
    is_away = bool(place) and place.casefold() not in homes and (is_abroad or length >= LONG or _is_address(source.location))
    is_conference = CONFERENCE.search(source.summary) is not None and length >= HALF_DAY
    if not is_away and not is_conference:
        return None
    return Trip(
        uid=occurrence.uid,
        title=source.summary,
        start=start,
        end=end,
        place=place if is_away else "",
        is_conference=is_conference,
        zone=source.zone_id if is_abroad else "",
    )


def _instants(occurrence: Occurrence, owner: Owner) -> tuple[datetime, datetime]:
    return _instant(occurrence.start, owner), _instant(occurrence.end, owner)


def _instant(at: datetime | date, owner: Owner) -> datetime:
    return at if isinstance(at, datetime) else datetime.combine(at, time(), zone_of(owner))


def _is_other_zone(zone_id: str, owner: Owner, at: datetime) -> bool:
    if not zone_id or zone_id in {"UTC", owner.zone}:
        return False
    try:
        there = ZoneInfo(zone_id)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return at.astimezone(there).utcoffset() != at.astimezone(zone_of(owner)).utcoffset()


def _zone_city(zone_id: str) -> str:
    area, _, city = zone_id.partition("/")
    return city.rpartition("/")[2].replace("_", " ") if area != "Etc" else ""


def _is_address(location: str) -> bool:
    """Tell an address with street or country from the bare name of a place, which may be a room."""
    return "," in location or "\n" in location


def _home_cities(owner: Owner) -> Iterator[str]:
    yield from (city.casefold() for city in (city_of(owner.home), _zone_city(owner.zone)) if city)


def _worked_at(entries: Iterable[tuple[CalendarEvent, Occurrence]], owner: Owner) -> Iterator[str]:
    """Yield cities with short entries in the owner's own zone on several days."""
    days: defaultdict[str, set[date]] = defaultdict(set)
    for source, occurrence in entries:
        start, end = _instants(occurrence, owner)
        if end - start < HALF_DAY and not _is_other_zone(source.zone_id, owner, start) and (city := city_of(source.location)):
            days[city.casefold()].add(start.date())
    yield from (city for city, on in days.items() if len(on) >= AT_HOME)
