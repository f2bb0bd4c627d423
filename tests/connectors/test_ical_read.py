"""Reading calendars: what an event says, how it may be broken, and that its neighbours survive."""

from __future__ import annotations

import io
import tracemalloc
from datetime import UTC, date, datetime, timedelta
from typing import cast

import pytest

from connectors import ical
from connectors.port import Skipped
from rules.facts import Address, CalendarEvent

CANARY = "zirkonfalter"


def calendar(*events: str, head: str = "") -> bytes:
    return ("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + head + "".join(events) + "END:VCALENDAR\r\n").encode()


def vevent(*lines: str, uid: str = "a", start: str = "DTSTART:20261117T120000Z") -> str:
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", *([start] if start else []), *lines, "END:VEVENT", ""])


def read(data: bytes, zone: str = "Europe/Berlin") -> list[CalendarEvent | Skipped]:
    return list(ical.read(data, remote_id="x", zone=zone))


def one(*lines: str, start: str = "DTSTART:20261117T120000Z", head: str = "") -> CalendarEvent:
    (event,) = read(calendar(vevent(*lines, start=start), head=head))
    assert isinstance(event, CalendarEvent)
    return event


def reasons(found: list[CalendarEvent | Skipped]) -> list[str]:
    return [item.reason for item in found if isinstance(item, Skipped)]


def uids(found: list[CalendarEvent | Skipped]) -> list[str]:
    return [item.uid for item in found if isinstance(item, CalendarEvent)]


# A bad event never drops its neighbours


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (vevent(start=""), "it has no start"),
        (vevent(start="DTSTART:INVALID-DATE"), "its start cannot be read"),
        (vevent(start="DTSTART:20261332T990000Z"), "its start cannot be read"),
        (vevent(start="DTSTART;TZID=Europe/Berlin:00010101T000000"), "its dates lie outside the calendar"),
        (vevent("DURATION:P99999W", start="DTSTART:99981231T235959Z"), "its dates lie outside the calendar"),
    ],
)
def test_a_bad_event_is_left_out_with_its_reason_and_its_neighbours_survive(bad: str, reason: str) -> None:
    found = read(calendar(vevent(uid="before"), bad, vevent(uid="after")))
    assert uids(found) == ["before", "after"]
    assert reasons(found) == [f"An event was left out: {reason}."]


def test_an_event_without_an_end_mark_does_not_swallow_the_next() -> None:
    torn = vevent(uid="torn").replace("END:VEVENT\r\n", "")
    assert uids(read(calendar(torn, vevent(uid="next")))) == ["torn", "next"]


def test_a_file_cut_in_the_middle_of_an_event_gives_the_ones_before_it() -> None:
    found = read(calendar(vevent(uid="whole"), vevent(uid="cut"))[:-40])
    assert uids(found) == ["whole"]
    assert reasons(found) == ["An event was left out: the file ends in the middle of it."]


@pytest.mark.parametrize(
    "junk", [b"", b"\x00\xff\xfe" * 5000, b"hello\n", b"BEGIN:VCARD\nEND:VCARD\n", "BEGIN:VCALENDAR".encode("utf-16")]
)
def test_what_is_no_calendar_says_so(junk: bytes) -> None:
    assert reasons(read(junk)) == ["it holds no calendar"]


def test_an_event_larger_than_memory_should_bear_is_skipped_and_reading_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.ical_lines.LONGEST_EVENT", 1 << 16)
    monkeypatch.setattr("connectors.ical_lines.CHUNK", 1 << 14)
    huge = vevent("ATTACH;ENCODING=BASE64;VALUE=BINARY:" + "\r\n ".join(["A" * 70] * 5000), uid="huge")
    found = read(calendar(vevent(uid="before"), huge, vevent(uid="after")))
    assert uids(found) == ["before", "after"]
    assert reasons(found) == ["An event was left out: it is larger than 32 MB."]


def test_memory_does_not_grow_with_the_length_of_the_stream() -> None:
    class Endless(io.RawIOBase):
        def __init__(self, events: int) -> None:
            self.left, self.block = events // 1000, "".join(vevent(uid=f"{number}") for number in range(1000)).encode()

        def read(self, _size: int = -1) -> bytes:
            self.left -= 1
            return self.block if self.left >= 0 else b""

    def peak(events: int) -> int:
        tracemalloc.start()
        count = sum(1 for _ in ical.read(cast("io.BufferedReader", Endless(events)), remote_id="x", zone="UTC"))
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == events
        return top

    peak(1000)
    assert peak(20_000) < 1.5 * peak(4_000)


def test_no_description_comment_or_attachment_is_ever_held() -> None:
    texts = (
        f"DESCRIPTION:{CANARY}",
        f"COMMENT:{CANARY}",
        f"X-ALT-DESC;FMTTYPE=text/html:<b>{CANARY}</b>",
        f"ATTACH:https://{CANARY}",
    )
    alarm = (
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        f"DESCRIPTION:{CANARY}",
        f"SUMMARY:{CANARY}",
        f"ATTENDEE:mailto:{CANARY}@x.example",
        "END:VALARM",
    )
    found = read(calendar(vevent(*texts, *alarm), vevent(*texts, start="DTSTART:bad"), vevent(*texts, "SEQUENCE:x")))
    assert len(found) == 3
    assert CANARY not in repr(found)


# What an event says


def test_an_event_is_read_whole() -> None:
    event = one(
        "DTEND:20261117T130000Z",
        "SUMMARY:Lunch\\, maybe\\; with \\\\ and",
        "  more",
        "LOCATION:Caf\\nCentral",
        'ORGANIZER;CN="Doe, Jane":MAILTO:Jane@Elsewhere.EXAMPLE',
        'ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED;CN="Eva; Beispiel":mailto:eva@elsewhere.example',
        "ATTENDEE;CUTYPE=ROOM;PARTSTAT=ACCEPTED;CN=Room 4:mailto:room4@elsewhere.example",
        "CLASS:CONFIDENTIAL",
        "STATUS:TENTATIVE",
        "SEQUENCE:3",
        "LAST-MODIFIED:20261101T080000Z",
        "X-REKINDLE-KEY:abc",
    )
    assert (event.start, event.end) == (datetime(2026, 11, 17, 12, tzinfo=UTC), datetime(2026, 11, 17, 13, tzinfo=UTC))
    assert event.summary == "Lunch, maybe; with \\ and more"
    assert event.location == "Caf\nCentral"
    assert event.organizer == Address(email="Jane@elsewhere.example", name="Doe, Jane")
    assert [(guest.address.name, guest.response, guest.kind) for guest in event.attendees] == [
        ("Eva; Beispiel", "accepted", "INDIVIDUAL"),
        ("Room 4", "accepted", "ROOM"),
    ]
    assert (event.visibility, event.status, event.sequence, event.rekindle_key) == ("confidential", "tentative", 3, "abc")
    assert event.updated_at == datetime(2026, 11, 1, 8, tzinfo=UTC)


def test_the_title_alone_may_be_odd_and_all_else_is_read() -> None:
    assert one('SUMMARY;LANGUAGE=de;ALTREP="cid:x":Grüße').summary == "Grüße"


@pytest.mark.parametrize(
    ("lines", "length"),
    [
        (("DTEND:20261117T123000Z",), timedelta(minutes=30)),
        (("DURATION:PT1H30M",), timedelta(minutes=90)),
        (("DURATION:P1DT2H",), timedelta(hours=26)),
        ((), timedelta()),
        (("DTEND:20261117T110000Z",), timedelta(hours=1)),
        (("DURATION:-PT1H",), timedelta(hours=1)),
        (("DTEND:nonsense",), timedelta()),
    ],
)
def test_the_end_of_a_timed_event(lines: tuple[str, ...], length: timedelta) -> None:
    event = one(*lines)
    assert isinstance(event.end, datetime)
    assert isinstance(event.start, datetime)
    assert event.end - event.start == length


@pytest.mark.parametrize(
    ("lines", "days"),
    [
        ((), 1),
        (("DTEND;VALUE=DATE:20261119",), 2),
        (("DTEND;VALUE=DATE:20261117",), 1),
        (("DURATION:P3D",), 3),
        (("DTEND:20261118T170000Z",), 2),
    ],
)
def test_the_end_of_an_all_day_event_is_exclusive(lines: tuple[str, ...], days: int) -> None:
    event = one(*lines, start="DTSTART;VALUE=DATE:20261117")
    assert (event.start, event.end) == (date(2026, 11, 17), date(2026, 11, 17) + timedelta(days=days))
    assert (event.is_all_day, event.zone_resolution) == (True, "date")


def test_outlooks_midnight_to_midnight_is_all_day() -> None:
    lines = ("DTEND;TZID=Europe/Berlin:20261119T000000", "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE")
    event = one(*lines, start="DTSTART;TZID=Europe/Berlin:20261117T000000")
    assert (event.start, event.end, event.is_all_day) == (date(2026, 11, 17), date(2026, 11, 19), True)


@pytest.mark.parametrize(
    ("line", "is_free", "is_away"),
    [
        ("TRANSP:TRANSPARENT", True, False),
        ("TRANSP:OPAQUE", False, False),
        ("X-MICROSOFT-CDO-BUSYSTATUS:FREE", True, False),
        ("X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE", True, False),
        ("X-MICROSOFT-CDO-BUSYSTATUS:OOF", False, True),
        ("X-MICROSOFT-CDO-BUSYSTATUS:BUSY", False, False),
    ],
)
def test_whether_an_event_takes_time(line: str, is_free: bool, is_away: bool) -> None:
    event = one(line)
    assert (event.is_transparent, event.is_out_of_office) == (is_free, is_away)


@pytest.mark.parametrize(
    ("partstat", "response"),
    [
        ("ACCEPTED", "accepted"),
        ("declined", "declined"),
        ("TENTATIVE", "tentative"),
        ("DELEGATED", "delegated"),
        ("NEEDS-ACTION", "needs-action"),
        ("X-MAYBE", "unknown"),
    ],
)
def test_how_an_attendee_answered(partstat: str, response: str) -> None:
    assert one(f"ATTENDEE;PARTSTAT={partstat}:mailto:eva@x.example").attendees[0].response == response


def test_an_attendee_who_never_answered_needs_action() -> None:
    assert one("ATTENDEE:mailto:eva@x.example").attendees[0].response == "needs-action"


def test_delegates_and_assistants_are_told_apart_from_those_they_stand_for() -> None:
    event = one(
        'ATTENDEE;PARTSTAT=DELEGATED;DELEGATED-TO="mailto:deputy@x.example":mailto:boss@x.example',
        'ATTENDEE;SENT-BY="mailto:assistant@x.example":mailto:chief@x.example',
        'ORGANIZER;SENT-BY="mailto:assistant@x.example":mailto:chief@x.example',
    )
    assert event.attendees[0].delegated_to == Address(email="deputy@x.example")
    assert event.attendees[1].sent_by == Address(email="assistant@x.example")
    assert event.organizer_sent_by == Address(email="assistant@x.example")


def test_an_attendee_without_a_mail_address_counts_but_is_nobody_unless_email_says_who() -> None:
    event = one(
        "ATTENDEE;CN=Hidden:urn:uuid:550e8400-e29b-41d4-a716-446655440000",
        "ATTENDEE;CN=Eva;EMAIL=eva@x.example:/principals/users/eva",
        "ATTENDEE;CN=Nobody:invalid:nomail",
    )
    assert [guest.address.email for guest in event.attendees] == ["eva@x.example"]
    assert event.attendee_count == 3


def test_a_name_that_only_repeats_the_address_is_no_name_and_domains_are_in_one_form() -> None:
    event = one("ATTENDEE;CN=Eva@X.example:mailto:Eva@X.example", "ATTENDEE;CN=Jörg:mailto:joerg@müller.example")
    assert [guest.address for guest in event.attendees] == [
        Address(email="Eva@x.example"),
        Address(email="joerg@xn--mller-kva.example", name="Jörg"),
    ]


def test_of_a_thousand_attendees_five_hundred_are_kept_and_all_are_counted() -> None:
    event = one(*(f"ATTENDEE:mailto:p{number}@x.example" for number in range(1000)))
    assert (len(event.attendees), event.attendee_count) == (500, 1000)


def test_a_cancellation_is_cancelled_by_its_method_too() -> None:
    assert one(head="METHOD:CANCEL\r\n").status == "cancelled"
    assert one("STATUS:CANCELLED").status == "cancelled"
    assert one(head="METHOD:REPLY\r\n").method == "REPLY"


def test_the_method_of_one_calendar_does_not_reach_the_next() -> None:
    found = read(calendar(vevent(uid="a"), head="METHOD:CANCEL\r\n") + calendar(vevent(uid="b")))
    assert [item.status for item in found if isinstance(item, CalendarEvent)] == ["cancelled", "confirmed"]


def test_an_override_names_its_instance_in_the_zone_of_its_own_start() -> None:
    event = one("RECURRENCE-ID:20261110T090000", "RRULE:FREQ=DAILY", start="DTSTART;TZID=Asia/Tokyo:20261111T090000")
    assert event.original_start == datetime(2026, 11, 10, 0, tzinfo=UTC)
    assert event.recurrence == ()
    assert one("RECURRENCE-ID;RANGE=THISANDFUTURE:20261110T090000Z").is_range
    assert one("RECURRENCE-ID;VALUE=DATE:20261110").original_start == date(2026, 11, 10)


def test_recurrence_lines_are_kept_as_they_are_and_a_rule_without_sense_makes_a_single_event() -> None:
    lines = ("RRULE:FREQ=WEEKLY;BYDAY=TU", "EXDATE;TZID=Europe/Berlin:20261124T120000", "RDATE:20261201T120000Z")
    assert one(*lines).recurrence == lines
    for rule, reason in (
        ("FREQ=SECONDLY", "it repeats every minute or every second"),
        ("FREQ=MINUTELY;INTERVAL=90", "it repeats every minute or every second"),
        ("FREQ=NEVER", "its recurrence cannot be read"),
        ("FREQ=DAILY;INTERVAL=0", "its recurrence cannot be read"),
        ("RSCALE=CHINESE;FREQ=YEARLY", "it repeats by a calendar other than the Gregorian one"),
    ):
        skipped, event = sorted(read(calendar(vevent(f"RRULE:{rule}"))), key=lambda item: isinstance(item, CalendarEvent))
        assert isinstance(event, CalendarEvent)
        assert event.recurrence == ()
        assert reasons([skipped]) == [f"A series counts as a single event: {reason}."]


def test_an_event_without_uid_gets_the_same_made_up_one_every_time() -> None:
    bare = "BEGIN:VEVENT\r\nDTSTART:20261117T120000Z\r\nSUMMARY:x\r\nEND:VEVENT\r\n"
    first, again = uids(read(calendar(bare))), uids(read(calendar(bare)))
    assert first == again
    assert first[0].endswith("@missing.invalid")


def test_several_calendars_in_one_stream_a_byte_order_mark_and_old_encodings() -> None:
    data = (
        b"\xef\xbb\xbf"
        + calendar(vevent("SUMMARY:Grüße", uid="1"))
        + calendar(vevent("SUMMARY:Grüße", uid="2")).decode().encode("latin-1")
    )
    found = read(data)
    assert [item.summary for item in found if isinstance(item, CalendarEvent)] == ["Grüße", "Grüße"]


def test_lines_may_be_folded_in_the_middle_of_a_character_and_end_as_they_like() -> None:
    text = "SUMMARY:" + "ü" * 60
    folded = text.encode()[:75] + b"\r\n " + text.encode()[75:]
    data = calendar(vevent("X-HERE:1")).replace(b"X-HERE:1", folded)
    for source in (data, data.replace(b"\r\n", b"\n")):
        (event,) = read(source)
        assert isinstance(event, CalendarEvent)
        assert event.summary == "ü" * 60


def test_names_of_properties_may_be_in_any_case_and_parameters_have_stray_spaces() -> None:
    (event,) = read(
        b"begin:vcalendar\nbegin:vevent\nuid:a\ndtstart ; value = date : 20261117\nsummary:x\nend:vevent\nend:vcalendar\n"
    )
    assert isinstance(event, CalendarEvent)
    assert (event.start, event.summary, event.uid) == (date(2026, 11, 17), "x", "a")


def test_a_time_with_zone_and_z_is_utc_as_every_calendar_reads_it() -> None:
    event = one(start="DTSTART;TZID=America/New_York:20261117T120000Z")
    assert (event.start, event.zone_resolution) == (datetime(2026, 11, 17, 12, tzinfo=UTC), "utc")


def test_an_export_names_each_uid_apart_and_a_resource_does_not() -> None:
    data = calendar(vevent(uid="1"), vevent(uid="2"))
    names = [item.remote_id for item in ical.read(data, remote_id="cal", zone="UTC", is_export=True)]
    assert names == ["cal#1", "cal#2"]
    assert [item.remote_id for item in ical.read(data, remote_id="/a/b.ics", zone="UTC")] == ["/a/b.ics", "/a/b.ics"]


# What is older than the history that is kept

SINCE = datetime(2024, 6, 1, tzinfo=UTC)


def kept(*events: str) -> list[str]:
    return uids(list(ical.read(calendar(*events), remote_id="x", zone="Europe/Berlin", since=SINCE)))


@pytest.mark.parametrize(
    "lines",
    [
        ("DTEND:20230101T130000Z",),
        ("DTEND;TZID=America/New_York:20230101T130000",),
        ("DESCRIPTION:DTEND:20300101T000000Z", "dtend:20230101T130000Z"),
        (),
    ],
)
def test_a_single_event_that_ended_before_the_history_is_passed_over(lines: tuple[str, ...]) -> None:
    assert kept(vevent(*lines, start="DTSTART:20230101T120000Z"), vevent(uid="after")) == ["after"]
    assert kept(vevent(start="DTSTART;VALUE=DATE:20230101"), vevent(uid="after")) == ["after"]


@pytest.mark.parametrize(
    "lines",
    [
        ("DTEND:20240601T000000Z",),
        ("DTEND;TZID=Asia/Tokyo;\r\n X-ODD=1:20240601T080000",),
        ('DTEND;TZID="(UTC+01:00) Amsterdam":20240601T000000',),
        ("DURATION:P9000D",),
        ("RRULE:FREQ=YEARLY",),
        ("rrule:FREQ=YEARLY",),
        ("RDATE:20260101T120000Z",),
        ("RECURRENCE-ID:20260101T120000Z",),
    ],
)
def test_an_event_that_may_reach_into_the_history_is_read(lines: tuple[str, ...]) -> None:
    assert kept(vevent(*lines, start="DTSTART:20230101T120000Z")) == ["a"]
