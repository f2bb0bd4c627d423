"""Write our own events as iCalendar text: holds that tell nobody, and invites that carry nothing of ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from rules.facts import Address
from rules.suggestions import Hold, Invite

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\u0085\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
_ADDRESS = re.compile(r"[^\s<>\"(),:;\\\[\]\x00-\x1f\x7f@]+@[^\s<>\"(),:;\\\[\]\x00-\x1f\x7f@]+")
_TOP_BITS, _CONTINUES = 0xC0, 0x80  # of a byte that continues a UTF-8 character
_STAMP = "19700101T000000Z"
"""DTSTAMP of all we write: equal for every attempt, and older than any edit the owner's client stamps."""


def hold_bytes(hold: Hold, *, host: str, by: str = "") -> bytes:
    """Write the hold as a VCALENDAR (RFC 5545): private, takes no time, no attendee, no organizer, no alarm, no METHOD.

    UID is `<key>@<host>`; X-REKINDLE-KEY holds the key, X-REKINDLE-BY the installation. Equal holds give equal bytes.
    """
    return calendar_bytes([_hold_lines(hold, host, by)])


def invite_bytes(invite: Invite, *, host: str, method: str = "") -> bytes:
    """Write the invite as a VCALENDAR with ORGANIZER and ATTENDEEs and nothing of ours.

    No METHOD in what is stored (RFC 4791 4.1); REQUEST in what is mailed (RFC 5546 3.2.2). Raises ValueError for an address that cannot stand in a calendar.
    """
    guests = [
        f"ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE{_cn(guest)}:{_mailto(guest)}"
        for guest in invite.attendees
    ]
    lines = [
        *_event_lines(f"{invite.key}@{host}", invite.title, invite.description, _times(invite.start, invite.end)),
        "STATUS:CONFIRMED",
        "TRANSP:OPAQUE",
        f"ORGANIZER{_cn(invite.organizer)}:{_mailto(invite.organizer)}",
        *guests,
        "END:VEVENT",
    ]
    return calendar_bytes([lines], product="-//Calendar//EN", method=method)


def calendar_bytes(events: Iterable[Sequence[str]], *, product: str = "-//Rekindle//Rekindle//EN", method: str = "") -> bytes:
    """Put events (unfolded content lines) into one VCALENDAR, folded at 75 octets, with CRLF; `product` is its PRODID."""
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{product}", "CALSCALE:GREGORIAN", *([f"METHOD:{method}"] if method else [])]
    lines = [*head, *(line for event in events for line in event), "END:VCALENDAR"]
    return b"".join(_folded(line) for line in lines)


def event_lines(data: bytes) -> list[str]:
    """Return the VEVENTs of a calendar as unfolded content lines, as they are, for `calendar_bytes`."""
    text = re.sub(r"\r?\n[ \t]", "", data.decode("utf-8", "replace"))
    events = re.findall(r"^BEGIN:VEVENT\r?$.*?^END:VEVENT\r?$", text, re.MULTILINE | re.DOTALL)
    return [line for event in events for line in event.splitlines() if line]


def _hold_lines(hold: Hold, host: str, by: str) -> list[str]:
    shown = (
        ("STATUS:TENTATIVE", "TRANSP:OPAQUE", "TENTATIVE")
        if hold.is_tentative
        else ("STATUS:CONFIRMED", "TRANSP:TRANSPARENT", "FREE")
    )
    day = hold.start.date()
    whole = (f"DTSTART;VALUE=DATE:{day:%Y%m%d}", f"DTEND;VALUE=DATE:{day + timedelta(days=1):%Y%m%d}")
    times = whole if hold.is_all_day else _times(hold.start, hold.end)
    return [
        *_event_lines(f"{hold.key}@{host}", hold.title, hold.description, times),
        "CLASS:PRIVATE",
        *shown[:2],
        f"X-MICROSOFT-CDO-BUSYSTATUS:{shown[2]}",
        f"X-REKINDLE-KEY:{_text(hold.key)}",
        *([f"X-REKINDLE-BY:{_text(by)}"] if by else []),
        "END:VEVENT",
    ]


def _event_lines(uid: str, title: str, description: str, times: Iterable[str]) -> list[str]:
    return [
        "BEGIN:VEVENT",
        f"UID:{_text(uid)}",
        f"DTSTAMP:{_STAMP}",
        *times,
        f"SUMMARY:{_text(' '.join(title.split()))}",
        f"DESCRIPTION:{_text(description)}",
    ]


def _times(start: datetime, end: datetime) -> tuple[str, str]:
    return f"DTSTART:{_instant(start)}", f"DTEND:{_instant(end)}"


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(value: str) -> str:
    """Escape TEXT (RFC 5545 3.3.11); no character that could begin a new line is left."""
    plain = _CONTROL.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))
    return plain.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def _cn(address: Address) -> str:
    name = " ".join(_CONTROL.sub("", address.name.replace('"', "'")).split())
    return f';CN="{name}"' if name else ""


def _mailto(address: Address) -> str:
    if _ADDRESS.fullmatch(address.email) is None:
        raise ValueError("This address cannot stand in an invitation.")
    return f"mailto:{address.email}"


def _folded(line: str) -> bytes:
    data = line.encode("utf-8", "replace")
    out = []
    width = 75
    while len(data) > width:
        cut = width
        while data[cut] & _TOP_BITS == _CONTINUES:
            cut -= 1
        out.append(data[:cut])
        data, width = data[cut:], 74
    out.append(data)
    return b"\r\n ".join(out) + b"\r\n"
