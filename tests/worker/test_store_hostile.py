"""Mail and invitations made to do harm: what is stored of them, and what is left out, is the same in both databases."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from rules.facts import Address, Attendee, CalendarEvent, MessageMetadata
from tests.worker.world import BOB, DAY, EVE, HOUR, ME, NOW, World, mail, meeting
from worker.store import people
from worker.store.storable import LONGEST_NAME, storable
from worker.store.store import Store
from worker.store.tables import note, skip

Thing = TypeVar("Thing")
HARM = ("\0", "\ud800", "\udfff", "\\u0000", "\u202e", "\x7f", "\n", "é", "😀", "ß", '"', "\\", "%s", ":x")
LONG = "".join(random.Random(1).choices([chr(number) for number in range(0x4E00, 0x9FFF)], k=4000))
"""What no compression makes short enough for an index."""


def harmed(text: str) -> st.SearchStrategy[str]:
    """A text as it is, or with something put into it."""

    def put(at: int, harm: str) -> str:
        return text[: at % (len(text) + 1)] + harm + text[at % (len(text) + 1) :]

    return st.just(text) | st.builds(put, st.integers(0, 40), st.sampled_from(HARM))


def one_of(texts: Sequence[str]) -> st.SearchStrategy[str]:
    return st.sampled_from(texts).flatmap(harmed)


ADDRESS = st.builds(
    Address,
    email=one_of(("bob@elsewhere.example", "eve@further.example", "x.y@mail.example")),
    name=one_of(("Bob Stone", "Eve Fox", "")),
)
ADDRESSES = st.lists(ADDRESS, max_size=2).map(tuple)
IDS = st.lists(one_of(("1@mail.example", "2@mail.example")), max_size=2).map(tuple)
MAIL = st.builds(
    MessageMetadata,
    remote_id=st.just(""),
    message_id=one_of(("1@mail.example", "2@mail.example", LONG[:900])),
    sent_at=st.sampled_from([NOW - DAY, NOW - 2 * DAY]),
    from_=st.just((ME,)) | st.lists(ADDRESS, min_size=1, max_size=1).map(tuple),
    sender=st.none() | ADDRESS,
    reply_to=ADDRESSES,
    to=st.just((ME,)) | ADDRESSES,
    cc=ADDRESSES,
    recipients=st.integers(0, 3),
    subject=one_of(("Accepted: lunch", LONG)),
    in_reply_to=IDS,
    references=IDS,
    thread_id=harmed("thread"),
    labels=st.frozensets(one_of(("\\Sent", "\\Drafts", "a label")), max_size=2),
    list_id=one_of(("", "<bob.elsewhere.example>")),
    list_post=one_of(("", "<mailto:bob@elsewhere.example>")),
    auto_submitted=one_of(("", "auto-replied")),
    precedence=one_of(("", "bulk")),
    return_path=one_of(("", "<>")),
    content_type=one_of(("", "multipart/report; report-type=delivery-status")),
    bulk_headers=st.frozensets(harmed("x-autoreply"), max_size=1),
)
GUEST = st.builds(
    Attendee,
    address=ADDRESS,
    response=st.sampled_from(["accepted", "declined"]),
    role=harmed("CHAIR"),
    kind=one_of(("", "ROOM")),
    sent_by=st.none() | ADDRESS,
    delegated_to=st.none() | ADDRESS,
)
EVENT = st.builds(
    CalendarEvent,
    remote_id=st.just(""),
    uid=one_of(("1", "2", LONG)),
    start=st.sampled_from([NOW - 3 * DAY, NOW + 3 * DAY]),
    end=st.just(NOW + 3 * DAY + HOUR),
    zone=harmed("Europe/Berlin"),
    recurrence=st.just(()) | harmed("RRULE:FREQ=WEEKLY;COUNT=3").map(lambda rule: (rule,)),
    summary=one_of(("lunch", LONG)),
    location=harmed("here"),
    organizer=st.none() | st.just(ME) | ADDRESS,
    attendees=st.lists(GUEST, max_size=3).map(lambda guests: (Attendee(address=ME, response="accepted"), *guests)),
    method=harmed(""),
    rekindle_key=one_of(("", "key")),
)


def numbered(found: Sequence[Thing]) -> list[Thing]:
    return [replace(each, remote_id=f"{number}") for number, each in enumerate(found, 1)]  # type: ignore[type-var]


MAILS = st.lists(MAIL, min_size=1, max_size=4).map(numbered)
EVENTS = st.lists(EVENT, max_size=3).map(numbered)


def read(store: Store, mails: Sequence[MessageMetadata], events: Sequence[CalendarEvent]) -> World:
    """Have all of it pulled into an emptied store."""
    world = World(given=store)
    world.receive(*mails)
    world.book(*events)
    world.pull_all()
    world.catch_up()
    return world


def kept(world: World) -> dict[str, Any]:
    """What is stored, and what was left out and why, without ids of this store alone."""
    rows = world.rows()
    with world.store.read() as db:
        left_out = sorted(tuple(row) for row in db.execute(select(skip)))
        noted = sorted((row.kind, row.address, row.text) for row in db.execute(select(note)))
    rows |= {"address": [row[:7] for row in rows["address"]], "person": sorted(row[1:] for row in rows["person"])}
    return rows | {"mail": world.stored_mail(), "events": world.stored_events(), "left out": left_out, "noted": noted}


def check_alike(here: Store, there: Store, mails: Sequence[MessageMetadata], events: Sequence[CalendarEvent]) -> None:
    ours, theirs = read(here, mails, events), read(there, mails, events)
    known = kept(ours)
    assert known == kept(theirs)
    assert known["left out"] == []
    assert len(known["mail"]) == len(mails)
    assert len(known["events"]) == len(events)


@pytest.mark.server
@pytest.mark.xdist_group("store")
@pytest.mark.timeout(300)
def test_of_hostile_mail_and_invitations_both_databases_keep_the_same(sqlite_store: Store, postgresql_store: Store) -> None:
    @settings(max_examples=8, deadline=None)
    @given(MAILS, EVENTS)
    def check(mails: list[MessageMetadata], events: list[CalendarEvent]) -> None:
        check_alike(sqlite_store, postgresql_store, mails, events)

    check()


AUTOMATIC = mail(1, BOB, ME, auto_submitted="auto-replied", in_reply_to=("a\0b@mail.example",))
INVITED = meeting("u\0id", NOW + DAY, EVE)
ROOM = replace(meeting("room", NOW + DAY), attendees=(Attendee(address=ME), Attendee(address=EVE, kind="RO\0OM")))


@pytest.mark.server
@pytest.mark.xdist_group("store")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("mails", "events"),
    [([AUTOMATIC], []), ([], [INVITED]), ([], [ROOM]), ([], [replace(INVITED, uid=LONG, remote_id="1")])],
    ids=["an automatic answer to NUL", "NUL in a UID", "NUL in a kind", "a UID longer than an index takes"],
)
def test_what_one_database_would_refuse_both_keep(
    sqlite_store: Store, postgresql_store: Store, mails: list[MessageMetadata], events: list[CalendarEvent]
) -> None:
    check_alike(sqlite_store, postgresql_store, mails, events)


@settings(max_examples=15, deadline=None)
@given(MAILS, EVENTS)
def test_what_hostile_mail_has_counted_is_what_is_stored_of_it_and_goes_with_it(
    mails: list[MessageMetadata], events: list[CalendarEvent]
) -> None:
    world = World()
    world.receive(*mails)
    world.book(*events)
    world.pull_all()
    world.catch_up()
    assert world.rows() == world.rebuilt()
    for number in range(1, 5):
        world.provider.mail.remove(str(number))
        world.provider.calendar.remove(str(number))
    world.pull_all()
    world.catch_up()
    rows = world.rows()
    assert rows["party"] == []
    assert [row[:5] for row in rows["address"] if row[2]] == []
    world.store.close()


def test_what_any_database_stores_is_left_as_it_is() -> None:
    message, event = replace(mail(1, BOB, ME), subject="Grüße 😀"), meeting("lunch\u200b", NOW, EVE)
    assert storable(message) is message
    assert storable(event) == event


def test_two_uids_that_only_begin_alike_stay_two() -> None:
    one, other = (storable(meeting(LONG + end, NOW)).uid for end in "ab")
    assert one != other
    assert max(len(one.encode()), len(other.encode())) <= LONGEST_NAME


@pytest.mark.parametrize("who", ["J\udcf6rg", "bob\udcff@elsewhere.example", "\udcff", "bob\0stone"])
def test_somebody_asked_for_in_what_no_database_takes_is_nobody(empty_store: Store, who: str) -> None:
    read(empty_store, [mail(1, BOB, ME), mail(2, ME, BOB)], [])
    with empty_store.read() as db:
        assert people.find(db, "ada", who) == []
        assert [each.name for each in people.find(db, "ada", "bob\0 stone")] == ["Bob Stone"]
