"""Google's events as facts: masters, single events and exceptions, with cancelled ones that say no more than their id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from connectors.address_list import address_of
from connectors.google.transport import Json
from connectors.ical_zones import named
from rules.facts import Address, Attendee, CalendarEvent, Response, ZoneResolution

ITEM: Final = (
    "id,etag,iCalUID,status,summary,location,visibility,transparency,eventType,start,end,endTimeUnspecified,recurrence,recurringEventId,"
    "originalStartTime,organizer,attendees(email,displayName,organizer,self,resource,optional,responseStatus),attendeesOmitted,"
    "guestsCanSeeOtherGuests,extendedProperties/private,sequence,updated"
)
"""What is asked for of an event: all but its description, attachments and conference."""
MOST_GUESTS: Final = 500
_RESPONSES: Mapping[str, Response] = {
    "needsAction": "needs-action",
    "accepted": "accepted",
    "declined": "declined",
    "tentative": "tentative",
}
_ROOMS: Final = ("resource.calendar.google.com", "group.calendar.google.com")


def fact(item: Json, *, uid: str, zone: str) -> CalendarEvent:
    """Read one event. `zone` is the calendar's; a cancelled exception takes its time from the instance it stands for.

    Raises KeyError, ValueError where it has no readable time.
    """
    start, text, is_all_day = moment(item.get("start") or item["originalStartTime"], zone)
    end = moment(item["end"], zone)[0] if "end" in item else start
    guests = [guest for one in item.get("attendees", ()) if (guest := _attendee(one)) is not None]
    zone_id, resolution = _zone(text, is_all_day=is_all_day)
    private = item.get("extendedProperties", {}).get("private", {})
    return CalendarEvent(
        remote_id=item["id"],
        uid=uid,
        start=start,
        end=end,
        is_all_day=is_all_day,
        zone="" if is_all_day else text,
        zone_id=zone_id,
        zone_resolution=resolution,
        recurrence=tuple(item.get("recurrence", ())),
        original_start=moment(item["originalStartTime"], zone)[0] if "recurringEventId" in item else None,
        summary=item.get("summary", ""),
        location=item.get("location", ""),
        organizer=_address(item.get("organizer", {})) if "attendees" in item else None,
        attendees=tuple(guests[:MOST_GUESTS]),
        attendee_count=len(item.get("attendees", ())),
        has_hidden_attendees=bool(item.get("attendeesOmitted")) or item.get("guestsCanSeeOtherGuests") is False,
        status=_status(item.get("status", "")),
        is_transparent=item.get("transparency") == "transparent" or item.get("eventType") == "workingLocation",
        is_out_of_office=item.get("eventType") == "outOfOffice",
        visibility=_visibility(item.get("visibility", "")),
        event_type=item.get("eventType", "default"),
        sequence=int(item.get("sequence", 0)),
        updated_at=datetime.fromisoformat(item["updated"]) if "updated" in item else None,
        rekindle_key=private.get("rekindleKey", ""),
        rekindle_by=private.get("rekindleBy", ""),
    )


def moment(raw: Json, zone: str) -> tuple[datetime | date, str, bool]:
    """Read a date, or a dateTime as aware UTC, with its zone and whether it is a whole day."""
    if "date" in raw:
        return date.fromisoformat(raw["date"]), "", True
    text = raw.get("timeZone") or zone or "UTC"
    value = datetime.fromisoformat(raw["dateTime"])
    if value.tzinfo is None:
        known = named(text)
        value = value.replace(tzinfo=known.tz if known else ZoneInfo("UTC"))
    return value.astimezone(UTC), text, False


def _zone(text: str, *, is_all_day: bool) -> tuple[str, ZoneResolution]:
    if is_all_day:
        return "", "date"
    known = named(text)
    return (known.id, known.resolution) if known is not None else ("", "unresolved")


def _address(raw: Json) -> Address | None:
    return address_of(str(raw.get("email", "")), str(raw.get("displayName", "")))


def _attendee(raw: Json) -> Attendee | None:
    address = _address(raw)
    if address is None:
        return None
    is_room = bool(raw.get("resource")) or address.email.endswith(_ROOMS)
    role = "CHAIR" if raw.get("organizer") else "OPT-PARTICIPANT" if raw.get("optional") else "REQ-PARTICIPANT"
    return Attendee(
        address=address,
        response=_RESPONSES.get(raw.get("responseStatus", ""), "unknown"),
        role=role,
        kind="ROOM" if is_room else "INDIVIDUAL",
    )


def _status(raw: str) -> Literal["confirmed", "tentative", "cancelled"]:
    return "cancelled" if raw == "cancelled" else "tentative" if raw == "tentative" else "confirmed"


def _visibility(raw: str) -> Literal["public", "private", "confidential"]:
    return "private" if raw == "private" else "confidential" if raw == "confidential" else "public"
