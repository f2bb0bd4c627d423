"""Turn the fields of a VEVENT into a CalendarEvent: zones, ends, answers and marks, in one place for both readers."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple

from connectors.ical_fields import Fields, Party, Stamp, Unreadable
from connectors.ical_zones import Zone, Zones
from rules.facts import Address, Attendee, CalendarEvent, Response, ZoneResolution

MOST_ATTENDEES = 500
DAY = timedelta(days=1)
_IN_UTC = Zone(UTC, "", "", "utc")

_RESPONSES: dict[str, Response] = {
    "": "needs-action",  # RFC 5545 3.2.12: the default
    "NEEDS-ACTION": "needs-action",
    "ACCEPTED": "accepted",
    "DECLINED": "declined",
    "TENTATIVE": "tentative",
    "DELEGATED": "delegated",
}
_VISIBILITIES: dict[str, Literal["public", "private", "confidential"]] = {"PRIVATE": "private", "CONFIDENTIAL": "confidential"}


class _When(NamedTuple):
    """Start, end and zone of an event, resolved."""

    start: datetime | date
    end: datetime | date
    zone: Zone
    resolution: ZoneResolution


def build(fields: Fields, *, remote_id: str, is_export: bool, zones: Zones, method: str) -> CalendarEvent:
    """Return the event; `remote_id` gets `#<uid>` behind it in an export. Raises Unreadable where its dates leave the calendar."""
    try:
        when = _when(fields, zones)
        original = _original(fields, when, zones)
    except (OverflowError, ValueError):
        raise Unreadable("its dates lie outside the calendar") from None
    uid = fields.uid or _made_up_uid(fields)
    found = [_known_attendee(party) if party.is_short else _attendee(party) for party in fields.attendees[: 4 * MOST_ATTENDEES]]
    attendees = [attendee for attendee in found if attendee is not None]
    organizer, sent_by = _booked_by(fields.organizer)
    busy = fields.words.get("X-MICROSOFT-CDO-BUSYSTATUS", "")
    return CalendarEvent(
        remote_id=f"{remote_id}#{uid}" if is_export else remote_id,
        uid=uid,
        start=when.start,
        end=when.end,
        is_all_day=not isinstance(when.start, datetime),
        zone=fields.start.zone,
        zone_id=when.zone.id,
        zone_definition=when.zone.definition,
        zone_resolution=when.resolution,
        recurrence=() if fields.original else tuple(fields.recurrence),
        original_start=original,
        is_range=fields.is_range,
        summary=fields.summary,
        location=fields.location,
        organizer=organizer,
        organizer_sent_by=sent_by,
        attendees=tuple(attendees[:MOST_ATTENDEES]),
        attendee_count=len(fields.attendees),
        status=_status(fields, busy, method),
        is_transparent=fields.words.get("TRANSP") == "TRANSPARENT" or busy in {"FREE", "WORKINGELSEWHERE"},
        is_out_of_office=busy == "OOF",
        visibility=_VISIBILITIES.get(fields.words.get("CLASS", ""), "public"),
        method=method,
        sequence=fields.sequence,
        updated_at=fields.stamp.replace(tzinfo=UTC) if fields.stamp else None,
        rekindle_key=fields.rekindle_key,
        rekindle_by=fields.rekindle_by,
    )


def _when(fields: Fields, zones: Zones) -> _When:
    """Resolve start and end; an end before the start is the other way round (seen in the wild)."""
    start, end = fields.start, fields.end
    if not isinstance(start.value, datetime):
        return _all_day(start.value, _last_day(fields, start.value))
    if _is_all_day_in_disguise(fields):
        return _all_day(start.value.date(), _last_day(fields, start.value.date()))
    zone = _IN_UTC if start.is_utc else zones.resolve(start.zone)
    first = _utc(start.value, zone)
    if end is None:
        last = first + (fields.duration or timedelta())
    else:
        if not isinstance(end.value, datetime):
            end = Stamp(datetime.combine(end.value, time()), end.zone, end.is_utc)
        last = _instant(end, zone, zones)
    return _When(start=min(first, last), end=max(first, last), zone=zone, resolution=zone.resolution)


def _all_day(start: date, end: date) -> _When:
    start, end = min(start, end), max(start, end)
    return _When(start=start, end=max(end, start + DAY), zone=Zone(UTC, "", "", "date"), resolution="date")


def _last_day(fields: Fields, start: date) -> date:
    """Return the exclusive end of an all-day event; a time of day in DTEND means that the day counts."""
    if fields.end is None:
        return start + timedelta(days=max((fields.duration or DAY).days, 1))
    end = fields.end.value
    if not isinstance(end, datetime):
        return end
    return end.date() + (DAY if end.time() != time() else timedelta())


def _is_all_day_in_disguise(fields: Fields) -> bool:
    """Whether Outlook wrote an all-day event as midnight to midnight."""
    if fields.words.get("X-MICROSOFT-CDO-ALLDAYEVENT") != "TRUE" or fields.start.is_utc:
        return False
    ends = [stamp.value for stamp in (fields.start, fields.end) if stamp is not None]
    return all(not isinstance(value, datetime) or value.time() == time() for value in ends)


def _original(fields: Fields, when: _When, zones: Zones) -> datetime | date | None:
    """Resolve RECURRENCE-ID; one without zone is in the zone of the start beside it."""
    if fields.original is None:
        return None
    if not isinstance(fields.original.value, datetime):
        return fields.original.value
    return _instant(fields.original, when.zone if isinstance(when.start, datetime) else zones.resolve(""), zones)


def _instant(stamp: Stamp, floating: Zone, zones: Zones) -> datetime:
    """Resolve a DATE-TIME; one without zone is in the zone `floating`."""
    if not isinstance(stamp.value, datetime):
        raise Unreadable("its dates and times are mixed up")
    if stamp.is_utc:
        return stamp.value.replace(tzinfo=UTC)
    return _utc(stamp.value, zones.resolve(stamp.zone) if stamp.zone else floating)


def _utc(wall: datetime, zone: Zone) -> datetime:
    if zone.tz is UTC:
        return wall.replace(tzinfo=UTC)
    return wall.replace(tzinfo=zone.tz).astimezone(UTC)


def _status(fields: Fields, busy: str, method: str) -> Literal["confirmed", "tentative", "cancelled"]:
    status = fields.words.get("STATUS", "")
    if status == "CANCELLED" or method == "CANCEL":
        return "cancelled"
    return "tentative" if status == "TENTATIVE" or (not status and busy == "TENTATIVE") else "confirmed"


def _made_up_uid(fields: Fields) -> str:
    """Name an event that lacks the UID it must have (RFC 5545 3.8.4.7) by what it says."""
    said = f"{fields.start.value.isoformat()}|{fields.start.zone}|{fields.summary}|{fields.organizer.value if fields.organizer else ''}"
    return f"sha256.{hashlib.sha256(said.encode('utf-8', 'replace')).hexdigest()}@missing.invalid"


def _attendee(party: Party) -> Attendee | None:
    address = _address(party)
    if address is None:
        return None
    params = dict(party.params)
    delegates = params.get("DELEGATED-TO", "")
    return Attendee(
        address=address,
        response=_RESPONSES.get(params.get("PARTSTAT", "").upper(), "unknown"),
        role=params.get("ROLE", "").upper(),
        kind=params.get("CUTYPE", "").upper(),
        sent_by=_sent_by(party),
        delegated_to=_named(delegates.split(",")[0].strip('" '), "", "") if delegates else None,
    )


_known_attendee = lru_cache(maxsize=8192)(_attendee)


def _booked_by(organizer: Party | None) -> tuple[Address | None, Address | None]:
    """Return who organizes an event, and who sent it for them."""
    if organizer is None:
        return None, None
    known = _known_attendee(organizer) if organizer.is_short else _attendee(organizer)
    return (None, _sent_by(organizer)) if known is None else (known.address, known.sent_by)


def _address(party: Party) -> Address | None:
    params = dict(party.params)
    return _named(party.value, params.get("CN", ""), params.get("EMAIL", ""))


def _sent_by(party: Party) -> Address | None:
    sender = dict(party.params).get("SENT-BY", "")
    return _named(sender, "", "") if sender else None


@lru_cache(maxsize=8192)
def _named(value: str, name: str, email: str) -> Address | None:
    """Return the mailbox of a CAL-ADDRESS; None for one that is no mail address (urn:uuid:..., /principals/..., invalid:)."""
    for written in (value, email):
        bare = written[7:] if written[:7].lower() == "mailto:" else written
        local, at, domain = bare.strip().rpartition("@")
        if (
            at
            and local
            and domain
            and ":" not in local
            and "/" not in domain
            and not any(character.isspace() for character in bare.strip())
        ):
            display = " ".join(name.split())
            return Address(
                email=f"{local}@{_domain(domain)}", name="" if display.lower().removeprefix("mailto:") == bare.lower() else display
            )
    return None


@lru_cache(maxsize=4096)
def _domain(domain: str) -> str:
    lowered = domain.strip(".").lower()
    try:
        return lowered if lowered.isascii() else lowered.encode("idna").decode()
    except UnicodeError:
        return lowered
