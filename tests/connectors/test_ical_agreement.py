"""The lean reader and the library agree, and our expansion agrees with recurring-ical-events, on calendars nobody wrote by hand."""

from __future__ import annotations

import io
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar
import recurring_ical_events
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connectors import ical, ical_lean, ical_library
from connectors.ical_lines import Line, pieces
from rules.facts import CalendarEvent

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "Asia/Kolkata", "UTC")
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\x85"), max_size=20)
NAME = TEXT.map(lambda text: "".join(one for one in text if one not in '";:,^\\').strip())
WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8)
WALL = st.datetimes(datetime(1975, 1, 1), datetime(2035, 12, 31)).map(lambda at: at.replace(microsecond=0))  # noqa: DTZ001 - wall times
FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


@st.composite
def stamps(draw: st.DrawFn, name: str) -> str:
    wall = draw(WALL)
    form = draw(st.integers(0, 3))
    if form == 0:
        return f"{name}:{wall:%Y%m%dT%H%M%SZ}"
    if form == 1:
        return f"{name};TZID={draw(st.sampled_from(ZONES))}:{wall:%Y%m%dT%H%M%S}"
    if form == 2:
        return f"{name}:{wall:%Y%m%dT%H%M%S}"
    return f"{name};VALUE=DATE:{wall:%Y%m%d}"


@st.composite
def people(draw: st.DrawFn, name: str) -> str:
    params = []
    if draw(st.booleans()):
        params.append(f'CN="{draw(NAME)}"')
    for param, values in (
        ("PARTSTAT", ("ACCEPTED", "DECLINED", "X-ODD")),
        ("ROLE", ("CHAIR",)),
        ("CUTYPE", ("ROOM", "GROUP")),
        ("RSVP", ("TRUE",)),
    ):
        if draw(st.booleans()):
            params.append(f"{param}={draw(st.sampled_from(values))}")
    if draw(st.booleans()):
        params.append(f'SENT-BY="mailto:{draw(WORD)}@x.example"')
    return "".join(f"{part};" for part in [name, *params]).rstrip(";") + f":mailto:{draw(WORD)}@{draw(WORD)}.example"


@st.composite
def plain_events(draw: st.DrawFn) -> list[str]:
    """The lines of an event as the calendars of this world write it, in any order."""
    lines = [draw(stamps("DTSTART"))]
    maybe = [
        st.just(f"UID:{draw(WORD)}"),
        stamps("DTEND"),
        st.sampled_from(["DURATION:PT45M", "DURATION:P1D", "DURATION:P2W", "DURATION:P1DT2H3M4S"]),
        stamps("RECURRENCE-ID"),
        TEXT.map(lambda text: f"SUMMARY:{escaped(text)}"),
        TEXT.map(lambda text: f"LOCATION;LANGUAGE=en:{escaped(text)}"),
        people("ORGANIZER"),
        st.sampled_from(["STATUS:CONFIRMED", "STATUS:CANCELLED", "STATUS:tentative"]),
        st.sampled_from(["TRANSP:OPAQUE", "TRANSP:TRANSPARENT"]),
        st.sampled_from(["CLASS:PRIVATE", "CLASS:PUBLIC"]),
        st.integers(0, 99).map(lambda number: f"SEQUENCE:{number}"),
        WALL.map(lambda at: f"LAST-MODIFIED:{at:%Y%m%dT%H%M%SZ}"),
        WALL.map(lambda at: f"DTSTAMP:{at:%Y%m%dT%H%M%SZ}"),
        st.sampled_from(["RRULE:FREQ=DAILY;COUNT=3", "RRULE:FREQ=WEEKLY"]),
        WALL.map(lambda at: f"EXDATE:{at:%Y%m%dT%H%M%SZ}"),
        st.sampled_from(["X-MICROSOFT-CDO-BUSYSTATUS:FREE", "X-REKINDLE-KEY:0123456789abcdefghijklmnop"]),
        TEXT.map(lambda text: f"DESCRIPTION:{escaped(text)}"),
    ]
    lines += [draw(optional) for optional in maybe if draw(st.booleans())]
    lines += draw(st.lists(people("ATTENDEE"), max_size=4))
    return draw(st.permutations(lines))


def lines_of(event: list[str]) -> tuple[Line, ...]:
    text = "\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", *event, "END:VEVENT", "END:VCALENDAR", ""])
    (piece,) = (piece for piece in pieces(text.encode()) if piece.kind == "event")
    return piece.lines


@given(plain_events())
@FEW
def test_the_lean_reader_takes_the_plain_event_and_reads_what_the_library_reads(event: list[str]) -> None:
    lean = ical_lean.parse(lines_of(event))
    assert lean is not None, "this is a plain event"
    assert lean == ical_library.parse(lines_of(event))


@given(plain_events(), st.data())
@FEW
def test_the_lean_reader_gives_up_or_reads_what_the_library_reads_however_the_lines_are_bent(
    event: list[str], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(event) - 1))
    place = data.draw(st.integers(0, len(event[at])))
    bent = (
        event[at][:place]
        + data.draw(st.sampled_from(["", " ", ";", ":", '"', "\\", "^", "=", ",", "Z", "\\n"]))
        + event[at][place + 1 :]
    )
    lines = lines_of([*event[:at], bent, *event[at + 1 :]])
    lean = ical_lean.parse(lines)
    if lean is not None:
        assert lean == ical_library.parse(lines)


# An object read at once, and the same as a stream

_UNENDED_ZONE = "BEGIN:VTIMEZONE\r\nTZID:Ours\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0545\r\nTZOFFSETTO:+0545\r\nEND:STANDARD"
_EVENT = "BEGIN:VEVENT\r\nUID:a\r\nDTSTART;TZID=Ours:20260601T100000\r\nEND:VEVENT"
_UNENDED_EVENT = "BEGIN:VEVENT\r\nUID:e\r\nDTSTART:20260601T100000"
_PARTS = [
    "BEGIN:VCALENDAR",
    "END:VCALENDAR",
    _EVENT,
    "BEGIN:VEVENT\r\nUID:b\r\nDTSTART;TZID=Central:20260601T100000\r\nSUMMARY:Lunch\r\nBEGIN:VALARM\r\nSUMMARY:Wake\r\nEND:VALARM\r\nEND:VEVENT",
    "BEGIN:VEVENT\nUID:c\nDTSTART:20260601\nDESCRIPTION:No\n END:VEVENT\nEND:VEVENT ",
    "begin:vevent\r\nUID:d\r\nDTSTART:20260601T100000\r\nend:vevent",
    _UNENDED_EVENT,
    "BEGIN:VEVENTS",
    "END:VEVENT",
    f"{_UNENDED_ZONE}\r\nEND:VTIMEZONE",
    _UNENDED_ZONE,
    "END:VTIMEZONE",
    "METHOD:CANCEL",
    "X-WR-TIMEZONE:America/New_York",
    "PRODID:-//none//EN",
    "",
]


@given(st.lists(st.sampled_from(_PARTS), max_size=6), st.booleans())
@example([_UNENDED_ZONE, _EVENT], True)
@example([_UNENDED_EVENT, "END:VCALENDAR"], True)
@example([_EVENT, _UNENDED_EVENT, "BEGIN:VEVENT", _EVENT], True)
@FEW
def test_an_object_is_read_at_once_as_it_is_read_as_a_stream(parts: list[str], is_begun: bool) -> None:
    data = "\r\n".join([*(["BEGIN:VCALENDAR", "METHOD:REQUEST"] if is_begun else []), *parts, "END:VCALENDAR", ""]).encode()
    at_once = list(ical.read(data, remote_id="x", zone="Europe/Berlin"))
    assert at_once == list(ical.read(io.BytesIO(data), remote_id="x", zone="Europe/Berlin"))


# Whole calendars, expanded

WINDOW = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


@st.composite
def series(draw: st.DrawFn, uid: str) -> list[str]:
    """A master and overrides of one UID, in working hours: night shifts over a change of summer time are told apart below."""
    zone = draw(st.sampled_from(ZONES))
    start = draw(st.datetimes(datetime(2025, 6, 1), datetime(2026, 11, 30)))  # noqa: DTZ001 - wall time
    start = start.replace(hour=draw(st.integers(8, 17)), minute=draw(st.sampled_from((0, 15, 30))), second=0, microsecond=0)
    is_all_day = draw(st.integers(0, 5)) == 0
    rule, step = draw(
        st.sampled_from(
            [
                ("", None),
                ("FREQ=WEEKLY", timedelta(weeks=1)),
                ("FREQ=WEEKLY;INTERVAL=2", timedelta(weeks=2)),
                ("FREQ=DAILY", timedelta(days=1)),
                ("FREQ=DAILY;INTERVAL=3", timedelta(days=3)),
                ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", None),
                ("FREQ=MONTHLY;BYDAY=2TU", None),
                ("FREQ=MONTHLY;BYMONTHDAY=15,-1", None),
                ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", None),
                ("FREQ=YEARLY;BYMONTH=3,9;BYMONTHDAY=7", None),
            ]
        )
    )
    end = draw(st.sampled_from(["", ";COUNT=12", ";UNTIL=20260701T000000Z"])) if rule else ""

    def stamp(name: str, wall: datetime) -> str:
        if is_all_day:
            return f"{name};VALUE=DATE:{wall:%Y%m%d}"
        return f"{name}:{wall:%Y%m%dT%H%M%SZ}" if zone == "UTC" else f"{name};TZID={zone}:{wall:%Y%m%dT%H%M%S}"

    def vevent(wall: datetime, *more: str) -> str:
        last = wall + (timedelta(days=1) if is_all_day else timedelta(minutes=45))
        return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", stamp("DTSTART", wall), stamp("DTEND", last), *more, "END:VEVENT"])

    more = [f"RRULE:{rule}{end.replace('T000000Z', '') if is_all_day else end}"] if rule else []
    overrides: list[str] = []
    if step is not None:
        picks = draw(st.lists(st.integers(1, 11), unique=True, max_size=4))
        gone, moved = picks[: len(picks) // 2], picks[len(picks) // 2 :]
        more += [stamp("EXDATE", start + number * step) for number in gone]
        for number in moved:
            original = start + number * step
            shifted = original + timedelta(days=draw(st.integers(-3, 40)), hours=draw(st.integers(-1, 1)))
            overrides.append(vevent(shifted, stamp("RECURRENCE-ID", original), *draw(st.sampled_from([(), ("STATUS:CANCELLED",)]))))
    if draw(st.integers(0, 3)) == 0:
        more.append(stamp("RDATE", start + timedelta(days=100, hours=1)))
    return draw(st.permutations([vevent(start, *more), *overrides]))


@st.composite
def calendars(draw: st.DrawFn) -> str:
    events = [event for number in range(draw(st.integers(1, 4))) for event in draw(series(f"uid-{number}"))]
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//x//EN", *events, "END:VCALENDAR", ""])


Found = set[tuple[str, datetime | date, datetime | date, bool]]


def ours(text: str) -> Found:
    groups: dict[str, list[CalendarEvent]] = defaultdict(list)
    for event in ical.read(text.encode(), remote_id="x", zone="UTC"):
        assert isinstance(event, CalendarEvent)
        groups[event.uid].append(event)
    found = [one for group in groups.values() for one in ical.expand(group, zone="UTC", start=WINDOW[0], end=WINDOW[1])]
    assert len({(one.uid, one.original_start) for one in found}) == len(found), "each instance has its own name"
    return {(one.uid, one.start, one.end, one.is_cancelled) for one in found}


def theirs(text: str) -> Found:
    found: list[Any] = recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between(*WINDOW)
    return {(str(one["UID"]), utc(one["DTSTART"].dt), utc(one["DTEND"].dt), str(one.get("STATUS")) == "CANCELLED") for one in found}


def utc(at: datetime | date) -> datetime | date:
    return at.astimezone(UTC) if isinstance(at, datetime) else at


@given(calendars())
@FEW
def test_a_whole_calendar_expands_to_what_recurring_ical_events_finds(text: str) -> None:
    assert ours(text) == theirs(text)
