"""What we write: a hold tells nobody, an invite carries nothing of ours, and no text breaks out of its line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import icalendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import ical
from rules.facts import Address, CalendarEvent
from rules.suggestions import Hold, Invite, Key

KEY = Key("0123456789abcdefghijklmnop")
NOON = datetime(2026, 11, 17, 12, tzinfo=UTC)
HOLD = Hold(
    key=KEY,
    title="Eva Beispiel",
    description="No mail or meeting that I can see since June",
    start=NOON,
    end=NOON + timedelta(minutes=25),
)
INVITE = Invite(
    key=KEY,
    title="Coffee",
    description="Shall we?",
    start=NOON,
    end=NOON + timedelta(hours=1),
    organizer=Address(email="ada@meridian.example", name="Ada Owner"),
    attendees=(Address(email="eva@elsewhere.example", name='Eva "the" Beispiel'),),
)


def parsed(data: bytes) -> icalendar.Component:
    (event,) = icalendar.Calendar.from_ical(data).walk("VEVENT")
    return event


def read(data: bytes) -> CalendarEvent:
    (event,) = ical.read(data, remote_id="x", zone="UTC")
    assert isinstance(event, CalendarEvent)
    return event


def test_a_hold_is_private_free_and_tells_nobody() -> None:
    data = ical.hold_bytes(HOLD, host="x.example")
    for word in (b"ATTENDEE", b"ORGANIZER", b"VALARM", b"METHOD", b"RSVP"):
        assert word not in data
    event = parsed(data)
    marks = {name: str(event[name]) for name in ("CLASS", "TRANSP", "UID", "X-REKINDLE-KEY")}
    assert marks == {"CLASS": "PRIVATE", "TRANSP": "TRANSPARENT", "UID": f"{KEY}@x.example", "X-REKINDLE-KEY": KEY}
    assert "DTSTAMP" in event
    fact = read(data)
    assert (fact.start, fact.end, fact.summary, fact.rekindle_key) == (HOLD.start, HOLD.end, HOLD.title, KEY)
    assert (fact.visibility, fact.is_transparent, fact.attendees, fact.organizer) == ("private", True, (), None)


def test_a_tentative_hold_takes_time_and_says_that_it_is_tentative() -> None:
    fact = read(ical.hold_bytes(replace(HOLD, is_tentative=True), host="x.example"))
    assert (fact.status, fact.is_transparent, fact.visibility) == ("tentative", False, "private")


def test_equal_holds_give_equal_bytes_so_that_a_change_can_be_told() -> None:
    elsewhere = replace(HOLD, start=HOLD.start.astimezone(timezone(timedelta(hours=9))))
    assert ical.hold_bytes(HOLD, host="x.example") == ical.hold_bytes(elsewhere, host="x.example")


def test_an_invite_names_organizer_and_guests_and_carries_nothing_of_ours() -> None:
    data = ical.invite_bytes(INVITE, host="x.example")
    assert b"rekindle" not in data.lower()
    assert b"METHOD" not in data
    fact = read(data)
    assert fact.organizer == INVITE.organizer
    assert [(guest.address.email, guest.address.name, guest.response) for guest in fact.attendees] == [
        ("eva@elsewhere.example", "Eva 'the' Beispiel", "needs-action")
    ]


@pytest.mark.parametrize(
    "email", ["eva@x.example\r\nATTENDEE:mailto:all@x.example", "eva", "eva@x.example,all@x.example", "eva @x.example", ""]
)
def test_an_address_that_would_become_more_than_one_is_refused(email: str) -> None:
    with pytest.raises(ValueError, match="cannot stand"):
        ical.invite_bytes(replace(INVITE, attendees=(Address(email=email),)), host="x.example")


@pytest.mark.parametrize(
    "attack",
    [
        "x\r\nATTENDEE:mailto:all@x.example",
        "x\nEND:VEVENT\nBEGIN:VEVENT",
        "x\rX:1",
        "x\u2028ATTENDEE:y",
        "x\x0bY:1",
        "a\x00b",
        '";X=1:',
    ],
)
def test_no_title_text_or_name_breaks_out_of_its_line(attack: str) -> None:
    for data in (
        ical.hold_bytes(replace(HOLD, title=attack, description=attack), host="x.example"),
        ical.invite_bytes(
            replace(INVITE, title=attack, organizer=Address(email="ada@x.example", name=attack), attendees=()), host="x.example"
        ),
    ):
        names = [line.split(":")[0].split(";")[0] for line in data.decode().replace("\r\n ", "").split("\r\n")]
        assert "ATTENDEE" not in names
        assert names.count("BEGIN") == names.count("END") == 2
        assert not {"X", "Y"} & set(names)
        assert len(list(ical.read(data, remote_id="x", zone="UTC"))) == 1


TEXT = st.text(st.characters(codec="utf-8"), max_size=200)


@given(TEXT, TEXT)
@settings(max_examples=150, deadline=None)
def test_any_text_comes_back_as_it_was_but_for_characters_that_cannot_be_seen(title: str, description: str) -> None:
    data = ical.hold_bytes(replace(HOLD, title=title, description=description), host="x.example")
    assert all(len(line) <= 75 for line in data.split(b"\r\n"))
    event = parsed(data)
    assert len(event.property_items()) == len(parsed(ical.hold_bytes(HOLD, host="x.example")).property_items())
    assert read(data).start == HOLD.start
    if title.isprintable():
        assert read(data).summary == " ".join(title.split())


def test_events_can_be_put_together_in_one_calendar() -> None:
    one, two = (
        ical.hold_bytes(HOLD, host="x.example"),
        ical.hold_bytes(replace(HOLD, key=Key("z" * 26), title="ü" * 90), host="x.example"),
    )
    both = ical.calendar_bytes([ical.event_lines(one), ical.event_lines(two)])
    assert [event.summary for event in ical.read(both, remote_id="x", zone="UTC") if isinstance(event, CalendarEvent)] == [
        HOLD.title,
        "ü" * 90,
    ]
