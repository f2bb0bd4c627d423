"""What counts as a meeting held and as a contact: golden cases, then promises for any order, replay and duplicate."""

# ruff: noqa: ANN401 -- builders pass on any field of a fact
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.facts import Address, Attendee, CalendarEvent, Occurrence, Response
from rules.interactions import MailRow, MeetingRow, NotHeld, contacts_of, is_held, meeting
from rules.network import Kind, Meeting
from rules.people import OwnerKeys
from rules.rhythm import interaction_days, strength

NOW = datetime(2026, 3, 10, 10, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ME = "olivia@own.example"
OWNER = OwnerKeys(keys=frozenset({ME}), domains=frozenset({"own.example"}), principals={"pa@acme.example": "anna@acme.example"})
KINDS: dict[str, Kind] = {
    "dev@lists.example": "list",
    "bot@ci.example": "machine",
    "room@own.example": "room",
    "anna@acme.example": "human",
}


def kind_of(key: str) -> Kind:
    return KINDS.get(key, "unknown")


def asked(email: str, response: Response = "accepted", **more: Any) -> Attendee:
    return Attendee(address=Address(email=email), response=response, **more)


ANNA = asked("anna@acme.example")
ME_TOO = asked(ME)


def event(
    *attendees: Attendee, organizer: str = ME, start: datetime = NOW - 2 * HOUR, hours: float = 1, **more: Any
) -> CalendarEvent:
    kept: dict[str, Any] = {
        "remote_id": "e1",
        "uid": "u1",
        "start": start,
        "end": start + hours * HOUR,
        "summary": "Roadmap",
        "organizer": Address(email=organizer) if organizer else None,
        "attendees": attendees,
        "attendee_count": len(attendees),
    }
    return CalendarEvent(**(kept | more))


def on(found: CalendarEvent, **more: Any) -> Occurrence:
    kept: dict[str, Any] = {
        "uid": found.uid,
        "original_start": found.start,
        "start": found.start,
        "end": found.end,
        "is_all_day": found.is_all_day,
    }
    return Occurrence(**(kept | more))


def judged(found: CalendarEvent, now: datetime = NOW, owner: OwnerKeys = OWNER, **more: Any) -> Meeting | NotHeld:
    return meeting(found, on(found, **more), owner, kind_of, now)


def held(found: CalendarEvent, **more: Any) -> Meeting:
    result = judged(found, **more)
    assert isinstance(result, Meeting), result
    return result


def reason(found: CalendarEvent, **more: Any) -> str:
    result = judged(found, **more)
    assert isinstance(result, NotHeld), result
    return result.reason


def test_an_ended_meeting_both_accepted_is_held_with_certainty() -> None:
    found = held(event(ME_TOO, ANNA))
    assert (found.size, found.confidence, found.owner_response) == (2, 1.0, "accepted")
    assert found.is_organized_by_owner
    assert is_held(found, NOW)
    assert found.evidence == "not cancelled; you accepted, 1 of 1 others accepted"
    assert [guest.address.email for guest in found.guests] == ["anna@acme.example"]


def test_a_meeting_ahead_or_running_is_not_held() -> None:
    ahead = held(event(ME_TOO, ANNA, start=NOW + DAY))
    assert not is_held(ahead, NOW)
    assert ahead.evidence.startswith("ahead; ")
    assert not is_held(held(event(ME_TOO, ANNA, start=NOW - HOUR / 2)), NOW)
    assert is_held(held(event(ME_TOO, ANNA, start=NOW - HOUR)), NOW)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (event(ME_TOO, ANNA, status="cancelled"), "it was cancelled"),
        (event(ME_TOO, ANNA, method="CANCEL"), "it was cancelled"),
        (event(ME_TOO, ANNA, summary="Canceled: Roadmap"), "it was cancelled"),
        (event(ME_TOO, ANNA, summary="Abgesagt: Roadmap"), "it was cancelled"),
        (event(ME_TOO, ANNA, method="REPLY"), "an answer to an invitation, not a meeting"),
        (event(asked(ME, "declined"), ANNA, organizer="anna@acme.example"), "you declined"),
        (event(asked(ME, "delegated"), ANNA, organizer="anna@acme.example"), "you sent somebody else"),
        (event(ME_TOO, asked("anna@acme.example", "declined")), "everybody else declined"),
        (event(ME_TOO, asked("anna@acme.example", "delegated")), "everybody else declined"),
        (event(ME_TOO), "nobody else was in it"),
        (event(), "nobody else was in it"),
        (event(organizer=""), "nobody else was in it"),
        (event(ME_TOO, asked("room@own.example")), "nobody else was in it"),
        (event(ME_TOO, asked("board@own.example", kind="ROOM")), "nobody else was in it"),
        (event(ME_TOO, asked("car@own.example", kind="resource")), "nobody else was in it"),
        (event(ME_TOO, asked("dev@lists.example")), "nobody else was in it"),
        (event(ME_TOO, asked("team@acme.example", kind="GROUP")), "nobody else was in it"),
        (event(ME_TOO, asked("bot@ci.example")), "nobody else was in it"),
        (event(ME_TOO, asked("fyi@acme.example", role="NON-PARTICIPANT")), "nobody else was in it"),
        (event(ANNA, asked("ben@acme.example"), organizer="anna@acme.example"), "you are neither its organizer nor a guest"),
        (event(ME_TOO, ANNA, event_type="birthday"), "a birthday, not a meeting"),
        (event(ME_TOO, ANNA, event_type="focusTime"), "focus time, not a meeting"),
        (event(ME_TOO, ANNA, event_type="outOfOffice"), "leave, not a meeting"),
        (event(ME_TOO, ANNA, is_out_of_office=True), "leave, not a meeting"),
        (event(ME_TOO, ANNA, event_type="workingLocation"), "a working place, not a meeting"),
        (event(ME_TOO, ANNA, hours=24), "it lasts for days"),
        (event(ME_TOO, ANNA, summary="Anna: vacation", is_transparent=True), "its title says absence, not a meeting"),
        (event(ME_TOO, ANNA, summary="Urlaub", hours=8), "its title says absence, not a meeting"),
        (event(ME_TOO, ANNA, is_all_day=True), "an all-day entry, not a meeting"),
    ],
)
def test_what_is_no_meeting_says_why(found: CalendarEvent, why: str) -> None:
    assert reason(found) == why


def test_an_all_day_entry_of_dates_is_no_meeting() -> None:
    found = replace(event(ME_TOO, ANNA), start=date(2026, 3, 9), end=date(2026, 3, 10), is_all_day=True)
    assert reason(found) == "an all-day entry, not a meeting"


def test_one_cancelled_instance_of_a_series_is_not_held_and_the_others_are() -> None:
    series = event(ME_TOO, ANNA, recurrence=("RRULE:FREQ=WEEKLY",))
    assert reason(series, is_cancelled=True) == "it was cancelled"
    assert held(series).is_recurring


def test_an_override_goes_before_its_series() -> None:
    series = event(ME_TOO, ANNA, recurrence=("RRULE:FREQ=WEEKLY",))
    declined = event(asked(ME, "declined"), ANNA, organizer="anna@acme.example", original_start=series.start)
    assert reason(series, override=declined) == "you declined"
    renamed = replace(series, recurrence=(), summary="Moved", original_start=series.start)
    found = held(series, override=renamed, start=NOW - 5 * HOUR, end=NOW - 4 * HOUR)
    assert (found.title, found.original_start, found.start) == ("Moved", series.start, NOW - 5 * HOUR)


def test_a_party_for_a_birthday_is_a_meeting() -> None:
    assert held(event(ME_TOO, ANNA, summary="Birthday lunch")).size == 2


@pytest.mark.parametrize(
    ("mine", "theirs", "more", "confidence"),
    [
        ("accepted", "accepted", {}, 1.0),
        ("accepted", "needs-action", {}, 0.8),
        ("accepted", "tentative", {}, 0.9),
        ("needs-action", "accepted", {}, 0.6),
        ("tentative", "accepted", {}, 0.7),
        ("accepted", "accepted", {"status": "tentative"}, 0.8),
        ("accepted", "accepted", {"is_transparent": True}, 0.6),
    ],
)
def test_answers_raise_or_lower_the_confidence(mine: Response, theirs: Response, more: dict[str, Any], confidence: float) -> None:
    found = held(
        event(asked(ME, mine), asked("anna@acme.example"), asked("ben@acme.example", theirs), organizer="x@acme.example", **more)
    )
    alone = held(event(asked(ME, mine), asked("ben@acme.example", theirs), organizer="ben@acme.example", **more))
    assert alone.confidence == pytest.approx(confidence)
    assert found.confidence >= alone.confidence


def test_who_organizes_comes_unless_they_say_otherwise() -> None:
    assert held(event(asked(ME, "needs-action"), ANNA)).owner_response == "accepted"
    assert held(event(ANNA)).owner_response == "accepted"
    assert reason(event(asked(ME, "declined"), ANNA)) == "you declined"
    assert held(event(asked(ME, "needs-action"), ANNA, organizer="anna@acme.example")).evidence.startswith(
        "not cancelled; you have not answered"
    )


def test_an_organizer_who_is_not_listed_is_in_the_room() -> None:
    found = held(event(ME_TOO, organizer="ben@acme.example"))
    assert [(guest.address.email, guest.is_organizer, guest.response) for guest in found.guests] == [
        ("ben@acme.example", True, "accepted")
    ]


def test_an_assistant_who_booked_for_an_executive_is_not_in_the_room() -> None:
    listed = held(event(ME_TOO, ANNA, asked("pa@acme.example"), organizer="pa@acme.example"))
    assert [guest.address.email for guest in listed.guests] == ["anna@acme.example"]
    unlisted = held(event(ME_TOO, ANNA, organizer="pa@acme.example"))
    assert [guest.address.email for guest in unlisted.guests] == ["anna@acme.example"]
    alone = held(event(ME_TOO, asked("pa@acme.example"), organizer="pa@acme.example"))
    assert [guest.address.email for guest in alone.guests] == ["pa@acme.example"]
    mine = OwnerKeys(keys=OWNER.keys, principals={"helper@own.example": ME})
    booked = held(event(ME_TOO, ANNA, organizer="helper@own.example"), owner=mine)
    assert booked.is_organized_by_owner
    assert booked.size == 2


def test_who_has_somebody_book_on_their_behalf_is_who_was_met() -> None:
    pa = Address(email="pa@acme.example")
    booked = event(ME_TOO, organizer="anna@acme.example", organizer_sent_by=pa)
    assert [guest.address.email for guest in held(booked).guests] == ["anna@acme.example"]
    answered = event(ME_TOO, replace(ANNA, sent_by=pa))
    assert [guest.address.email for guest in held(answered).guests] == ["anna@acme.example"]


def test_a_list_or_a_hidden_guest_list_stands_for_a_crowd() -> None:
    assert held(event(ME_TOO, ANNA, asked("dev@lists.example"))).size == 12
    assert held(event(ME_TOO, ANNA, has_hidden_attendees=True)).size == 12
    assert held(event(ME_TOO, ANNA, attendee_count=60)).size == 60
    through_list = held(event(ANNA, asked("dev@lists.example"), organizer="anna@acme.example"))
    assert through_list.owner_response == "unknown"


def test_guests_are_named_once_and_internal_ones_marked() -> None:
    found = held(
        event(ME_TOO, ANNA, asked("Anna@ACME.example"), asked("cy@sub.own.example"), asked("dy@notown.example"), asked(""))
    )
    assert [(guest.address.email, guest.is_internal) for guest in found.guests] == [
        ("anna@acme.example", False),
        ("cy@sub.own.example", True),
        ("dy@notown.example", False),
    ]


def test_declined_guests_do_not_count_to_the_size() -> None:
    assert held(event(ME_TOO, ANNA, asked("ben@acme.example", "declined"))).size == 2


def test_one_to_one_weighs_more_than_a_group_and_an_all_hands_nothing() -> None:
    weights = [strength(contacts_of([], [met(3, size=size)], NOW), NOW) for size in (2, 3, 8, 26, 100)]
    assert weights[0] > weights[1] > weights[2] > weights[3] == weights[4] == 0


def letter(
    days_ago: float,
    direction: Literal["in", "out"],
    message_id: str = "",
    in_reply_to: str = "",
    recipients: int = 1,
    *,
    is_reply: bool = False,
) -> MailRow:
    return MailRow(
        message_id=message_id or f"m{days_ago}{direction}",
        at=NOW - days_ago * DAY,
        direction=direction,
        recipients=recipients,
        in_reply_to=in_reply_to,
        is_reply=is_reply,
    )


def met(days_ago: float, size: int = 2, uid: str = "u") -> MeetingRow:
    start = NOW - days_ago * DAY
    return MeetingRow(uid=uid, original_start=start, start=start, end=start + HOUR, size=size)


def test_a_reply_answers_a_message_of_the_other_side() -> None:
    rows = [letter(5, "in", "a"), letter(4, "out", "b", "a"), letter(3, "out", "c", "b"), letter(2, "in", "d", "elsewhere")]
    assert [contact.is_reply for contact in contacts_of(rows, [], NOW)] == [False, True, False, False]
    assert contacts_of([letter(2, "in", is_reply=True)], [], NOW)[0].is_reply


def test_a_meeting_is_one_contact_in_and_one_out_at_its_end() -> None:
    contacts = contacts_of([], [met(3, size=4)], NOW)
    assert [(contact.direction, contact.recipients) for contact in contacts] == [("in", 3), ("out", 3)]
    assert {contact.at for contact in contacts} == {NOW - 3 * DAY + HOUR}
    assert len(interaction_days(contacts)) == 1


def test_an_all_hands_a_running_and_a_coming_meeting_and_coming_mail_are_no_contact() -> None:
    assert contacts_of([letter(-1, "in")], [met(3, size=26), met(0), met(-5)], NOW) == ()
    assert len(contacts_of([], [met(3, size=25)], NOW)) == 2


def test_the_same_message_or_meeting_through_two_accounts_counts_once() -> None:
    start = NOW - 3 * DAY
    rows = [letter(5, "in", "a"), letter(5, "in", "a")]
    meetings = [met(3), replace(met(3), original_start=start.isoformat()), replace(met(3), size=9)]
    assert len(contacts_of(rows, meetings, NOW)) == 3
    assert len(contacts_of([], [met(3), met(10)], NOW)) == 4


def test_a_crowd_gives_a_tie_less_than_a_one_to_one() -> None:
    assert strength(contacts_of([], [met(3, size=20)], NOW), NOW) < strength(contacts_of([], [met(3)], NOW), NOW)


LETTERS = st.lists(
    st.builds(
        letter,
        st.integers(-5, 50),
        st.sampled_from(["in", "out"]),
        st.sampled_from(["a", "b", "c", "d", "e"]),
        st.sampled_from(["", "a", "b", "c"]),
        st.integers(0, 60),
    ),
    max_size=12,
)
MEETINGS = st.lists(st.builds(met, st.integers(-5, 50), st.integers(1, 40), st.sampled_from(["u", "v"])), max_size=8)


@settings(max_examples=150, deadline=None)
@given(LETTERS, MEETINGS, st.randoms())
def test_order_replay_and_duplicates_make_no_difference(letters: list[MailRow], meetings: list[MeetingRow], chance: Any) -> None:
    once = contacts_of(letters, meetings, NOW)
    shuffled, again = [*letters, *letters], [*meetings, *meetings]
    chance.shuffle(shuffled)
    chance.shuffle(again)
    assert contacts_of(shuffled, again, NOW) == once
    assert list(once) == sorted(once, key=lambda contact: contact.at)
    assert all(contact.at <= NOW for contact in once)


RESPONSES: st.SearchStrategy[Response] = st.sampled_from(
    ["needs-action", "accepted", "declined", "tentative", "delegated", "unknown"]
)
ATTENDEES = st.lists(
    st.builds(
        asked,
        st.sampled_from([ME, "anna@acme.example", "bot@ci.example", "room@own.example", "dev@lists.example", "x", "z@z.example"]),
        RESPONSES,
    ),
    max_size=6,
)


def without(emails: Iterable[str], attendees: list[Attendee]) -> list[Attendee]:
    return [each for each in attendees if each.address.email not in emails]


@settings(max_examples=150, deadline=None)
@given(ATTENDEES, RESPONSES, st.sampled_from([ME, "anna@acme.example", "pa@acme.example", ""]))
def test_machines_and_rooms_never_make_or_change_a_meeting(attendees: list[Attendee], response: Response, organizer: str) -> None:
    people = without({"bot@ci.example", "room@own.example"}, attendees)
    machines = [asked("bot@ci.example", response), asked("room@own.example", response)]
    before, after = judged(event(*people, organizer=organizer)), judged(event(*people, *machines, organizer=organizer))
    if isinstance(before, Meeting):
        assert isinstance(after, Meeting)
        assert (after.size, after.confidence) == (before.size, before.confidence)
    else:
        assert isinstance(after, NotHeld)


@settings(max_examples=150, deadline=None)
@given(ATTENDEES, st.sampled_from([ME, "anna@acme.example", ""]))
def test_a_meeting_always_has_another_human_and_a_confidence(attendees: list[Attendee], organizer: str) -> None:
    found = judged(event(*attendees, organizer=organizer))
    if isinstance(found, Meeting):
        assert found.size >= 2
        assert 0 < found.confidence <= 1
        assert found.owner_response != "declined"
        assert any(guest.kind in {"human", "unknown"} for guest in found.guests)
    else:
        assert found.reason
