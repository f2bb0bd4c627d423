"""Outlook's events as facts: instances of a series under their master's UID, UTC as asked for, whole days as dates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Final, Literal

from connectors.ical_zones import Zone, named
from connectors.microsoft.graph import Json
from rules.facts import Address, Attendee, CalendarEvent, Response, ZoneResolution

MARK: Final = "rekindle-"
"""Begins the transactionId of our holds; the key follows."""
MOST: Final = 500
_RESPONSES: Mapping[str, Response] = {
    "accepted": "accepted",
    "organizer": "accepted",
    "declined": "declined",
    "tentativelyAccepted": "tentative",
    "notResponded": "needs-action",
}
_FREE = frozenset({"free", "workingElsewhere"})


def fact(item: Json, master: Json | None = None, *, by: str = "") -> CalendarEvent:
    """Read a single event, an exception, or the stub of an occurrence, which takes its words from the series' master."""
    whole = {**(master or {}), **{key: value for key, value in item.items() if value not in (None, "", [])}}
    is_all_day = bool(whole.get("isAllDay"))
    start, end = (_moment(item[key], is_all_day=is_all_day) for key in ("start", "end"))
    zone = str(whole.get("originalStartTimeZone") or "")
    resolved = named(zone)
    attendees = tuple(one for raw in whole.get("attendees", ()) if (one := _attendee(raw)) is not None)
    return CalendarEvent(
        remote_id=item["id"],
        uid=str((master or item).get("iCalUId") or (master or item)["id"]),
        start=start,
        end=end,
        is_all_day=is_all_day,
        zone="" if is_all_day else zone,
        zone_id="" if is_all_day or resolved is None else resolved.id,
        zone_resolution="date" if is_all_day else _resolution(zone, resolved),
        original_start=_original(item, start) if master is not None else None,
        summary=str(whole.get("subject") or ""),
        location=str((whole.get("location") or {}).get("displayName") or ""),
        organizer=_address(whole.get("organizer") or {}),
        attendees=attendees[:MOST],
        attendee_count=len(attendees),
        has_hidden_attendees=bool(whole.get("hideAttendees")),
        status="cancelled" if item.get("isCancelled") else "confirmed",
        is_transparent=whole.get("showAs") in _FREE,
        is_out_of_office=whole.get("showAs") == "oof",
        visibility=_visibility(str(whole.get("sensitivity", ""))),
        updated_at=_instant(str(whole["lastModifiedDateTime"])) if whole.get("lastModifiedDateTime") else None,
        rekindle_key=key_of(whole),
        rekindle_by=by,
    )


def key_of(event: Json) -> str:
    """Return the key of a hold or invite of ours, "" for other events."""
    given = str(event.get("transactionId") or "")
    return given.removeprefix(MARK) if given.startswith(MARK) else ""


def _original(item: Json, start: datetime | date) -> datetime | date:
    raw = item.get("originalStart")
    if not raw:
        return start
    return _instant(str(raw)) if isinstance(start, datetime) else date.fromisoformat(str(raw)[:10])


def _moment(raw: Json, *, is_all_day: bool) -> datetime | date:
    """Read {dateTime, timeZone}: seven fraction digits, no offset; UTC because every request asks for it."""
    return date.fromisoformat(str(raw["dateTime"])[:10]) if is_all_day else _instant(str(raw["dateTime"]))


def _instant(raw: str) -> datetime:
    head, _, _ = raw.partition(".")
    return datetime.fromisoformat(head.removesuffix("Z")).replace(tzinfo=UTC)


def _resolution(zone: str, resolved: Zone | None) -> ZoneResolution:
    """Say how sure the zone is; the instant itself is, because UTC was asked for."""
    if zone in ("", "tzone://Microsoft/Utc"):
        return "utc"
    return resolved.resolution if resolved is not None else "guessed"


def _address(raw: Json) -> Address | None:
    given = raw.get("emailAddress") or {}
    address, name = str(given.get("address") or ""), str(given.get("name") or "")
    return Address(email=address, name=name if name != address else "") if "@" in address else None


def _attendee(raw: Json) -> Attendee | None:
    address = _address(raw)
    if address is None:
        return None
    return Attendee(
        address=address,
        response=_RESPONSES.get(str((raw.get("status") or {}).get("response", "")), "unknown"),
        role="OPT-PARTICIPANT" if raw.get("type") == "optional" else "REQ-PARTICIPANT",
        kind="RESOURCE" if raw.get("type") == "resource" else "INDIVIDUAL",
    )


def _visibility(raw: str) -> Literal["public", "private", "confidential"]:
    return "private" if raw in ("private", "personal") else "confidential" if raw == "confidential" else "public"
