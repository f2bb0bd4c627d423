"""Events of the demo as a calendar program would write them: a builder of VEVENTs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from worker.demo_cast import COMPANY, OWNER_ZONE, Someone
from worker.demo_letters import OWNER

_ANSWERS = {"y": "ACCEPTED", "n": "DECLINED", "?": "TENTATIVE", "-": "NEEDS-ACTION"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Somebody invited, and how they answered: y, n, ? or -."""

    who: Someone
    answer: str = "y"
    kind: str = "INDIVIDUAL"

    def line(self) -> str:
        """Write the ATTENDEE."""
        name = f'"{self.who.name}"' if "," in self.who.name else self.who.name
        return (
            f"ATTENDEE;CUTYPE={self.kind};ROLE=REQ-PARTICIPANT;PARTSTAT={_ANSWERS[self.answer]};CN={name}:mailto:{self.who.email}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One VEVENT. `start` is wall time in `zone`, or a date; `zone` "" is floating."""

    uid: str
    title: str
    start: datetime | date
    minutes: int = 30
    zone: str = OWNER_ZONE
    days: int = 1
    """Length where `start` is a date."""
    guests: tuple[Guest, ...] = ()
    owner: str = "y"
    """How the owner answered."""
    organizer: Someone | None = None
    """None = the owner, where there are guests."""
    recurrence: tuple[str, ...] = ()
    original: datetime | None = None
    extra: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Write the event as unfolded content lines."""
        return [
            "BEGIN:VEVENT",
            f"UID:{self.uid}",
            "DTSTAMP:20200101T000000Z",
            *self._times(),
            f"SUMMARY:{escaped(self.title)}",
            *([f"RECURRENCE-ID{_stamp(self.original, self.zone)}"] if self.original else []),
            *self.recurrence,
            *self._people(),
            *self.extra,
            "DESCRIPTION:Agenda and notes of the meeting\\, which nobody reads here.",
            "END:VEVENT",
        ]

    def _times(self) -> list[str]:
        if not isinstance(self.start, datetime):
            return [f"DTSTART;VALUE=DATE:{self.start:%Y%m%d}", f"DTEND;VALUE=DATE:{self.start + timedelta(days=self.days):%Y%m%d}"]
        end = self.start + timedelta(minutes=self.minutes)
        return [f"DTSTART{_stamp(self.start, self.zone)}", f"DTEND{_stamp(end, self.zone)}"]

    def _people(self) -> list[str]:
        if not self.guests:
            return []
        host = self.organizer or OWNER
        return [
            f"ORGANIZER;CN={host.name}:mailto:{host.email}",
            Guest(who=OWNER, answer=self.owner).line(),
            *(guest.line() for guest in self.guests),
        ]


def accepted(*people: Someone) -> tuple[Guest, ...]:
    """Invite people who all come."""
    return tuple(Guest(who=one) for one in people)


def room(name: str) -> Guest:
    """Book a room."""
    return Guest(who=Someone(name=f"Room {name}", email=f"room-{name.lower()}@resource.meridian.example"), kind="ROOM")


def excluded(*starts: datetime, zone: str = OWNER_ZONE) -> str:
    """Write an EXDATE."""
    return f"EXDATE;TZID={zone}:" + ",".join(f"{start:%Y%m%dT%H%M%S}" for start in starts)


def until(wall: datetime, zone: str = OWNER_ZONE) -> str:
    """Write the UNTIL of a rule, in UTC as RFC 5545 wants it."""
    return f"UNTIL={wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC):%Y%m%dT%H%M%SZ}"


def escaped(text: str) -> str:
    """Escape TEXT (RFC 5545 3.3.11)."""
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """Return the wall time on a day."""
    return datetime.combine(day, time(hour, minute))


def weekday(today: date, back: int, weekday: int) -> date:
    """Return the given weekday of the week that lies `back` weeks before (after, if negative) this one."""
    return today - timedelta(days=today.weekday() - weekday + 7 * back)


def uid(name: str) -> str:
    """Name an event of the owner's own calendar."""
    return f"{name}@calendar.{COMPANY}"


def _stamp(wall: datetime, zone: str) -> str:
    if zone == "UTC":
        return f":{wall:%Y%m%dT%H%M%SZ}"
    return f";TZID={_quoted(zone)}:{wall:%Y%m%dT%H%M%S}" if zone else f":{wall:%Y%m%dT%H%M%S}"


def _quoted(zone: str) -> str:
    return f'"{zone}"' if set(zone) & set(":;,") else zone
