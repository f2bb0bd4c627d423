"""Facts come back from their rows as they went in, and there is no place in a row for anything else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.facts import Address, Attendee, CalendarEvent, MessageMetadata
from worker.store import mapping
from worker.store.event_facts import EventWriter
from worker.store.tables import metadata

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
WORD = st.text("abcxyz0-9._", min_size=1, max_size=10)
ANYTHING = st.text(max_size=6) | st.text('a\\"\0\n\ud800é', max_size=6)
ADDRESS = st.builds(Address, email=WORD.map(lambda word: f"{word}@mail.example"), name=TEXT)
ADDRESSES = st.lists(ADDRESS, max_size=3).map(tuple)
INSTANT = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - given its zone here
WORDS = st.lists(WORD, max_size=3).map(tuple)
MESSAGE = st.builds(
    MessageMetadata,
    remote_id=WORD,
    message_id=WORD,
    sent_at=INSTANT,
    sent_offset=st.none() | st.integers(-840, 840).map(lambda minutes: timedelta(minutes=minutes)),
    from_=ADDRESSES,
    sender=st.none() | ADDRESS,
    reply_to=ADDRESSES,
    to=ADDRESSES,
    cc=ADDRESSES,
    bcc=ADDRESSES,
    recipients=st.integers(0, 10**6),
    subject=TEXT,
    in_reply_to=WORDS,
    references=WORDS,
    thread_id=st.just("") | WORD,
    labels=st.frozensets(st.sampled_from(["\\Sent", "\\Inbox", "CATEGORY_PROMOTIONS", "a label"])),
    size=st.none() | st.integers(0, 10**9),
    bulk_headers=st.frozensets(WORD, max_size=3),
    **dict.fromkeys(("list_id", "list_post", "list_unsubscribe", "precedence", "auto_submitted"), TEXT),
    **dict.fromkeys(("auto_response_suppress", "return_path", "feedback_id", "content_type"), TEXT),
)
WHEN = INSTANT | st.dates(date(1970, 1, 1), date(2100, 1, 1))
ATTENDEE = st.builds(
    Attendee,
    address=ADDRESS,
    response=st.sampled_from(["needs-action", "accepted", "declined", "tentative", "delegated", "unknown"]),
    role=st.sampled_from(["", "CHAIR", "NON-PARTICIPANT"]),
    kind=st.sampled_from(["", "ROOM", "INDIVIDUAL"]),
    sent_by=st.none() | ADDRESS,
    delegated_to=st.none() | ADDRESS,
)
EVENT = st.builds(
    CalendarEvent,
    remote_id=WORD,
    uid=WORD,
    start=WHEN,
    end=WHEN,
    is_all_day=st.booleans(),
    zone=TEXT,
    zone_id=st.sampled_from(["", "Europe/Berlin"]),
    zone_definition=TEXT,
    zone_resolution=st.sampled_from(["utc", "iana", "guessed", "date"]),
    recurrence=st.lists(st.sampled_from(["RRULE:FREQ=DAILY", "EXDATE:20260101"]), max_size=2).map(tuple),
    original_start=st.none() | WHEN,
    is_range=st.booleans(),
    summary=TEXT,
    location=TEXT,
    organizer=st.none() | ADDRESS,
    organizer_sent_by=st.none() | ADDRESS,
    attendees=st.lists(ATTENDEE, max_size=3).map(tuple),
    attendee_count=st.integers(0, 10**6),
    has_hidden_attendees=st.booleans(),
    status=st.sampled_from(["confirmed", "tentative", "cancelled"]),
    is_transparent=st.booleans(),
    is_out_of_office=st.booleans(),
    visibility=st.sampled_from(["public", "private", "confidential"]),
    event_type=st.sampled_from(["default", "focusTime"]),
    method=st.sampled_from(["", "REPLY"]),
    sequence=st.integers(0, 99),
    updated_at=st.none() | INSTANT,
    rekindle_key=st.just("") | WORD,
)


@given(MESSAGE)
@settings(max_examples=150, deadline=None)
def test_a_message_comes_back_as_it_went_in(message: MessageMetadata) -> None:
    assert mapping.message_of(mapping.message_row(message)) == message


@given(MESSAGE, ANYTHING)
@settings(max_examples=150, deadline=None)
def test_the_facts_of_a_message_are_written_in_one_way_only_so_that_what_is_stored_never_looks_changed(
    message: MessageMetadata, text: str
) -> None:
    strange = replace(message, list_id=text, references=(text, "b@mail.example"), from_=(Address(email=text, name=text),))
    for each in (message, strange):
        facts = mapping.message_row(each)["facts"]
        assert facts == json.dumps(json.loads(facts), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        assert "\0" not in json.loads(facts).get("li", "")
        facts.encode()


def test_the_facts_of_a_message_are_written_as_they_are_in_databases_made_before() -> None:
    message = MessageMetadata(
        remote_id="1:1",
        message_id="a@b.example",
        sent_at=datetime(2026, 1, 1, tzinfo=UTC),
        from_=(Address(email="ann@b.example", name="Ann Ünal"),),
        sender=Address(email="bo@b.example"),
        reply_to=(Address(email="r@b.example"),),
        to=(Address(email="ada@c.example", name='Ada "A"'), Address(email="x@c.example")),
        bcc=(Address(email="y@c.example"),),
        in_reply_to=("p@b.example", "q@b.example"),
        references=("o@b.example", "p@b.example"),
        feedback_id="f",
        list_id="<l.b.example>",
        content_type="text/plain",
        bulk_headers=frozenset({"x-b", "x-a"}),
        size=0,
    )
    assert mapping.message_row(message)["facts"] == (
        '{"b":[["y@c.example"]],"bh":["x-a","x-b"],"ct":"text/plain","f":[["ann@b.example","Ann Ünal"]],"fb":"f",'
        '"i":["p@b.example","q@b.example"],"li":"<l.b.example>","r":[["r@b.example"]],"s":["bo@b.example",""],'
        '"t":[["ada@c.example","Ada \\"A\\""],["x@c.example"]],"x":["o@b.example","p@b.example"],"z":0}'
    )


@given(EVENT)
@settings(max_examples=150, deadline=None)
def test_an_event_comes_back_as_it_went_in(event: CalendarEvent) -> None:
    assert mapping.event_of(EventWriter().text(event)) == event


@given(st.lists(EVENT, min_size=1, max_size=3), ANYTHING)
@settings(max_examples=150, deadline=None)
def test_the_facts_of_an_event_are_written_in_one_way_only_so_that_what_is_stored_never_looks_changed(
    events: list[CalendarEvent], text: str
) -> None:
    writer = EventWriter()
    guests = tuple(guest for event in events for guest in event.attendees)
    for each in (*events, replace(events[0], summary=text, zone=text, recurrence=(text,), attendees=guests)):
        facts = writer.text(each)
        assert facts == json.dumps(json.loads(facts), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        assert mapping.event_of(facts) == each


def test_the_facts_of_an_event_are_written_as_they_are_in_databases_made_before() -> None:
    ann = Address(email="ann@b.example", name='Ann "A" Ünal')
    event = CalendarEvent(
        remote_id="/cal/1.ics",
        uid="1@b.example",
        start=datetime(2026, 1, 1, 9, tzinfo=UTC),
        end=date(2026, 1, 2),
        zone="Europe/Berlin",
        zone_id="Europe/Berlin",
        zone_resolution="iana",
        recurrence=("RRULE:FREQ=DAILY", "EXDATE:20260102T090000Z"),
        original_start=date(2026, 1, 1),
        is_range=True,
        summary="Lunch\n\\",
        location="Café",
        organizer=ann,
        organizer_sent_by=Address(email="b@b.example"),
        attendees=(
            Attendee(address=ann, response="accepted", role="CHAIR", kind="INDIVIDUAL"),
            Attendee(address=Address(email="x@b.example"), role="unknown", kind="unknown", sent_by=ann, delegated_to=ann),
        ),
        attendee_count=2,
        status="tentative",
        sequence=3,
        updated_at=datetime(2026, 1, 1, 8, tzinfo=UTC),
    )
    assert EventWriter().text(event) == (
        '{"attendee_count":2,"attendees":[{"a":["ann@b.example","Ann \\"A\\" Ünal"],"k":"INDIVIDUAL","p":"accepted","r":"CHAIR"},'
        '{"a":["x@b.example",""],"d":["ann@b.example","Ann \\"A\\" Ünal"],"s":["ann@b.example","Ann \\"A\\" Ünal"]}],'
        '"end":"2026-01-02","is_range":true,"location":"Café","organizer":["ann@b.example","Ann \\"A\\" Ünal"],'
        '"organizer_sent_by":["b@b.example",""],"original_start":"2026-01-01","recurrence":["RRULE:FREQ=DAILY","EXDATE:20260102T090000Z"],'
        '"remote_id":"/cal/1.ics","sequence":3,"start":"2026-01-01T09:00:00+00:00","status":"tentative","summary":"Lunch\\n\\\\",'
        '"uid":"1@b.example","updated_at":"2026-01-01T08:00:00+00:00","zone":"Europe/Berlin","zone_id":"Europe/Berlin","zone_resolution":"iana"}'
    )


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_comes_back_to_the_microsecond(at: datetime) -> None:
    assert mapping.instant(mapping.micros(at)) == at


def test_a_start_is_written_in_utc_whatever_its_zone() -> None:
    berlin = datetime(2026, 6, 1, 11, tzinfo=UTC).astimezone(tz=None)
    assert mapping.iso(berlin) == "2026-06-01T11:00:00+00:00"
    assert mapping.from_iso("2026-06-01") == date(2026, 6, 1)


def test_no_table_has_a_place_for_a_body() -> None:
    names = {column.name for table in metadata.tables.values() for column in table.columns}
    assert not names & {"body", "snippet", "description", "content", "html", "preview", "attachment"}
