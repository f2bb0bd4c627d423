"""Google Calendar as it stores things: masters, exceptions, ghosts and burnt ids; and every way an invitation could leave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from connectors.google import calendar as module
from connectors.port import CursorExpired, Edited, Gone, Moved, PortError, Rejected, Saved, Unavailable, Untouched
from rules.facts import CalendarEvent
from rules.suggestions import Key
from tests.connectors.contract_world import EVA, NOON, a_draft, a_hold, an_invite, gone, names, read
from tests.connectors.google_world import GoogleWorld, google_world
from tests.simulators.google.calendars import Calendar, Told
from worker.pull import pull
from worker.store import accounts, installations
from worker.store.store import Store

HOUR = timedelta(hours=1)


@pytest.fixture
def world() -> Iterator[GoogleWorld]:
    with google_world() as found:
        yield found


def calendar(world: GoogleWorld, *, installation: str = "", **more: Any) -> Any:  # noqa: ANN401 - the port's Calendar, there for sure
    world.account = replace(world.account, installation=installation)
    return world.open(**more).calendar


def facts(world: GoogleWorld, since: Any = None) -> list[CalendarEvent]:  # noqa: ANN401 - cursors by feed
    pages, _ = read(calendar(world), since)
    return [fact for page in pages for fact in page.upserted if isinstance(fact, CalendarEvent)]


def at(when: datetime) -> dict[str, str]:
    return {"dateTime": when.isoformat(), "timeZone": "Europe/Berlin"}


def series(world: GoogleWorld, **more: Any) -> str:  # noqa: ANN401 - fields of an event
    made = world.diary.put(
        {"summary": "Weekly", "start": at(NOON), "end": at(NOON + HOUR), "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=5"], **more}
    )
    return str(made["id"])


# Reading


def test_a_series_comes_as_its_master_unexpanded(world: GoogleWorld) -> None:
    series(world)
    (found,) = facts(world)
    assert found.recurrence == ("RRULE:FREQ=WEEKLY;COUNT=5",)
    assert (found.start, found.zone_id, found.zone_resolution) == (NOON, "Europe/Berlin", "iana")


@pytest.mark.parametrize("is_new", [True, False])
def test_a_cancelled_instance_says_which_of_which_series(world: GoogleWorld, *, is_new: bool) -> None:
    master = series(world)
    cursors = None if is_new else read(calendar(world))[1]
    world.diary.cancel_instance(master, NOON + timedelta(weeks=1))
    found = next(fact for fact in facts(world, cursors) if fact.original_start)
    assert (found.uid, found.original_start, found.status) == (f"{master}@google.com", NOON + timedelta(weeks=1), "cancelled")


def test_a_moved_instance_keeps_its_original_start(world: GoogleWorld) -> None:
    master = series(world)
    original = NOON + timedelta(weeks=2)
    world.diary.put(
        {
            "id": f"{master}_20261201T120000Z",
            "iCalUID": f"{master}@google.com",
            "recurringEventId": master,
            "originalStartTime": at(original),
            "start": at(original + HOUR),
            "end": at(original + 2 * HOUR),
        }
    )
    moved = next(fact for fact in facts(world) if fact.original_start)
    assert (moved.uid, moved.original_start, moved.start) == (f"{master}@google.com", original, original + HOUR)


def test_a_deleted_series_takes_its_exceptions_along_and_ghosts_do_no_harm(world: GoogleWorld) -> None:
    master = series(world)
    world.diary.cancel_instance(master, NOON + timedelta(weeks=1))
    _, cursors = read(calendar(world))
    world.diary.cancel(master)
    home = world.diary.calendars[world.email]
    home.events["ghost0"] = {"kind": "calendar#event", "id": "ghost0", "etag": '"0"', "status": "cancelled"}
    home.log.append("ghost0")
    pages, _ = read(calendar(world), cursors)
    assert {master, "ghost0"} <= set(gone(pages))
    assert [fact.status for page in pages for fact in page.upserted if isinstance(fact, CalendarEvent)] == ["cancelled"]


def test_an_expired_sync_token_is_said_and_not_taken_for_nothing_new(world: GoogleWorld) -> None:
    series(world)
    _, cursors = read(calendar(world))
    world.diary.expire_tokens()
    with pytest.raises(CursorExpired):
        read(calendar(world), cursors)


@pytest.mark.parametrize(
    ("said", "is_transparent", "is_out"),
    [
        ({"eventType": "outOfOffice"}, False, True),
        ({"eventType": "focusTime"}, False, False),
        ({"eventType": "workingLocation"}, True, False),
        ({"eventType": "fromGmail"}, False, False),
        ({"transparency": "transparent"}, True, False),
    ],
)
def test_kinds_of_events_are_told(world: GoogleWorld, said: dict[str, str], *, is_transparent: bool, is_out: bool) -> None:
    world.diary.put({"start": at(NOON), "end": at(NOON + HOUR), **said})
    (found,) = facts(world)
    assert (found.event_type, found.is_transparent, found.is_out_of_office) == (
        said.get("eventType", "default"),
        is_transparent,
        is_out,
    )


def test_all_day_events_are_dates_with_their_end_exclusive(world: GoogleWorld) -> None:
    world.diary.put({"start": {"date": "2026-11-20"}, "end": {"date": "2026-11-22"}})
    (found,) = facts(world)
    assert (found.start, found.end, found.is_all_day) == (date(2026, 11, 20), date(2026, 11, 22), True)


def test_rooms_and_held_back_guests_are_told_from_people(world: GoogleWorld) -> None:
    room = {"email": "room@resource.calendar.google.com", "resource": True, "responseStatus": "accepted"}
    world.diary.put(
        {"start": at(NOON), "end": at(NOON + HOUR), "attendees": [room, {"email": EVA.email}], "attendeesOmitted": True}
    )
    (found,) = facts(world)
    assert [(guest.address.email, guest.kind) for guest in found.attendees] == [(room["email"], "ROOM"), (EVA.email, "INDIVIDUAL")]
    assert found.has_hidden_attendees


def test_a_poison_event_is_skipped_and_its_neighbours_are_read(world: GoogleWorld) -> None:
    for uid in ("1", "2"):
        world.add_event(uid, title="x", description="", start=NOON, end=NOON + HOUR)
    home = world.diary.calendars[world.email]
    home.events["poison"] = {
        "kind": "calendar#event",
        "id": "poison",
        "status": "confirmed",
        "start": {},
        "end": {},
        "iCalUID": "p",
    }
    home.log.append("poison")
    pages, _ = read(calendar(world))
    assert sorted(names(pages)) == ["1", "2"]
    assert [one.remote_id for page in pages for one in page.skipped] == ["poison"]


def test_an_item_twice_over_two_pages_does_no_harm(world: GoogleWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    for number in range(5):
        world.add_event(str(number), title="x", description="", start=NOON, end=NOON + HOUR)
    world.google.fail("repeat item", "calendar.events.list", times=9)
    assert set(names(read(calendar(world))[0])) == set("01234")


def test_only_own_calendars_are_read_unless_others_are_chosen(world: GoogleWorld) -> None:
    world.diary.calendars |= {
        "team@group": Calendar(id="team@group", summary="Team", role="reader"),
        "hidden@group": Calendar(id="hidden@group", summary="Hidden", is_selected=False),
        "side@group": Calendar(id="side@group", summary="Side"),
        "busy@group": Calendar(id="busy@group", summary="Busy", role="freeBusyReader"),
    }
    assert [feed.name for feed in calendar(world).feeds()] == [world.email, "Side"]
    assert [feed.name for feed in calendar(world, calendars=("Team", "primary", "Busy")).feeds()] == [world.email, "Team"]


# Holds


def test_a_hold_the_owner_deleted_before_the_retry_is_not_made_again(world: GoogleWorld) -> None:
    side = calendar(world)
    world.lose_next_answer()
    with pytest.raises(Unavailable):
        side.save_hold(a_hold(), side.witness())
    world.diary.cancel(a_hold().key)
    assert side.save_hold(a_hold(), side.witness()) == Gone()
    assert world.holds() == []


def test_an_id_that_another_holds_raises_the_alarm(world: GoogleWorld) -> None:
    world.diary.put({"id": a_hold().key, "summary": "Mine", "start": at(NOON), "end": at(NOON + HOUR)})
    side = calendar(world)
    with pytest.raises(Rejected):
        side.save_hold(a_hold(), side.witness())


def test_an_edit_between_looking_and_removing_wins(world: GoogleWorld) -> None:
    side = calendar(world)
    saved = side.save_hold(a_hold(), side.witness())
    look = side._holds._looked  # noqa: SLF001 - the moment between

    def edited_after(given: Saved) -> Any:  # noqa: ANN401 - as _looked
        seen = look(given)
        world.edit_hold(saved)
        return seen

    side._holds._looked = edited_after  # noqa: SLF001 - as above
    assert side.withdraw(saved) == Edited()
    assert len(world.holds()) == 1


def test_a_change_that_is_none_leaves_it_untouched(world: GoogleWorld) -> None:
    side = calendar(world)
    saved = side.save_hold(a_hold(), side.witness())
    world.diary.put({"id": saved.remote_id, "colorId": "5"})
    assert side.look(saved) == Untouched()
    assert side.withdraw(saved) == Untouched()
    assert world.holds() == []


def test_a_guest_added_by_hand_makes_it_the_owners(world: GoogleWorld) -> None:
    side = calendar(world)
    saved = side.save_hold(a_hold(), side.witness())
    world.diary.put({"id": saved.remote_id, "attendees": [{"email": EVA.email, "responseStatus": "needsAction"}]})
    assert side.look(saved) == side.withdraw(saved) == Edited()


def test_a_hold_is_private_and_free_and_tentative_by_config(world: GoogleWorld) -> None:
    side = calendar(world)
    side.save_hold(a_hold(), side.witness())
    side.save_hold(replace(a_hold("lapse:9"), is_tentative=True), side.witness())
    stored = world.diary.calendars[world.email].events
    free, tentative = stored[a_hold().key], stored[a_hold("lapse:9").key]
    assert (free["transparency"], free["visibility"], free["reminders"]) == ("transparent", "private", {"useDefault": False})
    assert (tentative["status"], tentative["transparency"]) == ("tentative", "opaque")


def test_holds_go_into_the_calendar_that_is_named(world: GoogleWorld) -> None:
    world.diary.calendars["side@group"] = Calendar(id="side@group", summary="Side")
    side = calendar(world, holds="side@group")
    saved = side.save_hold(a_hold(), side.witness())
    assert list(world.diary.calendars["side@group"].events) == [a_hold().key]
    assert side.look(saved) == Untouched()


# Every way an invitation could leave


def everything_with_a_hold(world: GoogleWorld) -> None:
    """Do to a hold all that Rekindle ever does to one."""
    side = calendar(world)
    saved = side.save_hold(a_hold(), side.witness())
    side.save_hold(a_hold(), side.witness())
    side.look(saved)
    side.withdraw(saved)
    side.save_hold(a_hold(), side.witness())


def test_nothing_done_to_a_hold_or_a_draft_tells_anybody(world: GoogleWorld) -> None:
    everything_with_a_hold(world)
    box: Any = world.open().mailbox
    saved = box.save_draft(a_draft(), box.witness())
    box.look(saved)
    box.withdraw(saved)
    assert world.diary.outbox == []
    assert world.mail.sent == []
    writes = {"insert", "patch", "update", "delete", "move", "import", "quickAdd"}
    asked = [
        target for call, target in zip(world.google.calls, world.google.targets, strict=True) if call.rpartition(".")[2] in writes
    ]
    assert asked
    assert [target for target in asked if "/events" in target and "sendUpdates=none" not in target] == []


def test_a_hold_with_guests_added_by_hand_is_never_deleted_or_changed_by_us(world: GoogleWorld) -> None:
    side = calendar(world)
    saved = side.save_hold(a_hold(), side.witness())
    world.diary.put({"id": saved.remote_id, "attendees": [{"email": EVA.email}]})
    side.withdraw(saved)
    side.save_hold(a_hold(), side.witness())
    assert world.diary.outbox == []
    assert len(world.holds()) == 1


@pytest.mark.parametrize("fault", ["", "commit then drop", "drop before", "truncate", "500 html", "429 seconds 3"])
def test_an_invite_leaves_once_whatever_happens_and_is_never_called_off(world: GoogleWorld, fault: str) -> None:
    side = calendar(world)
    if fault:
        world.google.fail(fault, "calendar.events.insert", times=2)
    saved = None
    for _ in range(4):
        with suppress(PortError):
            saved = side.save_hold(an_invite(), side.witness())
    assert isinstance(saved, Saved)
    side.withdraw(saved)
    assert world.diary.outbox == [Told(kind="invitation", event=an_invite().key, to=(EVA.email,))]
    stored = world.diary.calendars[world.email].events[an_invite().key]
    assert stored["guestsCanInviteOthers"] is False
    assert "rekindle" not in str(stored).lower()


def test_an_answer_to_an_invite_is_no_edit_and_another_time_is_a_move(world: GoogleWorld) -> None:
    side = calendar(world)
    saved = side.save_hold(an_invite(), side.witness())
    answered = [{"email": world.email, "self": True, "organizer": True}, {"email": EVA.email, "responseStatus": "declined"}]
    world.diary.put({"id": saved.remote_id, "attendees": answered})
    assert side.look(saved) == Untouched()
    world.move_hold(saved, NOON + HOUR, NOON + 2 * HOUR)
    assert side.look(saved) == Moved(start=(NOON + HOUR).astimezone(UTC), end=NOON + 2 * HOUR)


def test_a_hold_for_a_whole_day_stands_above_that_day(world: GoogleWorld) -> None:
    side = calendar(world)
    assert isinstance(side.save_hold(replace(a_hold(), is_all_day=True), side.witness()), Saved)
    stored = world.diary.calendars[world.email].events[a_hold().key]
    assert (stored["start"], stored["end"]) == ({"date": "2026-11-17"}, {"date": "2026-11-18"})


class TestTwoInstallations:
    FIRST, SECOND = "20261101T090000Z.first", "20261110T090000Z.second"

    def test_a_hold_says_which_installation_made_it_to_every_other_and_to_nobody_else(self, world: GoogleWorld) -> None:
        mine = calendar(world, installation=self.FIRST)
        mine.save_hold(a_hold(), mine.witness())
        other = calendar(world, installation=self.SECOND)
        found = [
            (one.rekindle_key, one.rekindle_by)
            for page in read(other)[0]
            for one in page.upserted
            if isinstance(one, CalendarEvent)
        ]
        assert found == [(a_hold().key, self.FIRST)]
        private = world.diary.calendars[world.email].events[a_hold().key]["extendedProperties"]
        assert private == {"private": {"rekindleKey": a_hold().key, "rekindleBy": self.FIRST}}, "no guest's copy has it"
        assert isinstance(other.save_hold(a_hold(), other.witness()), Saved), "the same hold is one, whoever makes it"
        assert len(world.holds()) == 1

    def test_the_one_connected_earlier_stops_and_says_why_and_the_later_goes_on(self, world: GoogleWorld) -> None:
        stores = [Store.open("sqlite://") for _ in range(2)]
        marks: list[str] = []
        for store, days in zip(stores, (9, 2), strict=True):
            with store.write() as db:
                accounts.register(db, owner="ada", name="work", provider="google", addresses=[], now=NOON - timedelta(days=days))
                marks.append(installations.marker(db, "ada/work"))
        for mark in marks:
            side = calendar(world, installation=mark)
            side.save_hold(replace(a_hold(), key=Key(f"{marks.index(mark)}{a_hold().key[1:]}")), side.witness())
        said = []
        for store in stores:
            with store.read() as db:
                known = accounts.get(db, "ada/work")
            assert not pull(store, world.open(), known, NOON, budget=lambda: True).error
            with store.read() as db:
                said.append(installations.newer_than_ours(db, "ada/work", NOON))
            store.close()
        assert "Another Rekindle" in said[0]
        assert said[1] == ""
