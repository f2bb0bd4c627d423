"""Outlook calendars as Graph really behaves: stubs, exceptions, frozen windows, zones, whole days, and holds made once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from connectors import ical_expand
from connectors.microsoft import calendar as calendar_module
from connectors.microsoft.graph import Graph
from connectors.port import CursorExpired, Gone, Saved, Unavailable
from rules.facts import CalendarEvent
from rules.suggestions import Hold
from tests.connectors.contract import EVA, NOON, a_hold, an_invite, gone, names, pages_of, read
from tests.connectors.microsoft_world import MicrosoftWorld, calendar
from tests.simulators.microsoft.agenda import moment
from tests.simulators.microsoft.faults import Kind
from tests.simulators.microsoft.post import recipient

HOUR, WEEK = timedelta(hours=1), timedelta(weeks=1)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MicrosoftWorld]:
    monkeypatch.setattr(calendar_module, "PAGE", 3)
    world = MicrosoftWorld(tmp_path)
    yield world
    world.close()
    assert world.graph.violations == []


def events(world: MicrosoftWorld) -> list[CalendarEvent]:
    pages, _ = read(calendar(world))
    return [fact for page in pages for fact in page.upserted if isinstance(fact, CalendarEvent)]


def guest(address: str = EVA.email, response: str = "accepted", kind: str = "required") -> dict[str, object]:
    return {**recipient(address), "type": kind, "status": {"response": response}}


def a_series(world: MicrosoftWorld, count: int = 4) -> list[dict[str, object]]:
    _, stubs = world.box.agenda.add_series(
        start=NOON, length=HOUR, every=WEEK, count=count, subject="Weekly", attendees=[guest()], iCalUId="series-1"
    )
    return stubs


@pytest.mark.parametrize("has_masters", [False, True])
def test_occurrences_are_stubs_and_take_their_words_from_the_series(world: MicrosoftWorld, has_masters: bool) -> None:
    world.box.agenda.has_masters_in_views = has_masters
    a_series(world)
    found = events(world)
    assert {fact.uid for fact in found} == {"series-1"}
    assert {fact.summary for fact in found} == {"Weekly"}
    assert {one.address.email for fact in found for one in fact.attendees} == {EVA.email}
    assert sorted(str(fact.original_start) for fact in found) == [str(NOON + n * WEEK) for n in range(4)]
    assert all(fact.original_start is not None for fact in found)


def test_recurring_meetings_take_their_time_each_week(world: MicrosoftWorld) -> None:
    a_series(world)
    found = ical_expand.expand(events(world), zone="UTC", start=NOON - WEEK, end=NOON + 9 * WEEK, limit=100)
    assert [one.start for one in found] == [NOON + n * WEEK for n in range(4)]


def test_a_moved_instance_is_an_exception_under_its_original_start(world: MicrosoftWorld) -> None:
    stubs = a_series(world)
    world.box.agenda.touch(
        str(stubs[1]["id"]), start=moment(NOON + WEEK + HOUR), end=moment(NOON + WEEK + 2 * HOUR), subject="Later"
    )
    moved = next(fact for fact in events(world) if fact.summary == "Later")
    assert (moved.uid, moved.original_start, moved.start) == ("series-1", NOON + WEEK, NOON + WEEK + HOUR)


def test_a_struck_instance_and_a_struck_series_are_gone(world: MicrosoftWorld) -> None:
    stubs = a_series(world)
    ids = {fact.original_start: fact.remote_id for fact in events(world)}
    _, cursors = read(calendar(world))
    world.box.agenda.remove(str(stubs[1]["id"]))
    pages, cursors = read(calendar(world), cursors)
    assert gone(pages) == [ids[NOON + WEEK]]
    world.box.agenda.remove(str(stubs[0]["seriesMasterId"]))
    pages, _ = read(calendar(world), cursors)
    assert set(ids.values()) - {ids[NOON + WEEK]} <= set(gone(pages))


def test_a_single_event_that_becomes_a_series_is_no_longer_single(world: MicrosoftWorld) -> None:
    world.box.agenda.has_masters_in_views = True
    made = world.box.agenda.add(start=NOON, end=NOON + HOUR, subject="Once")
    _, cursors = read(calendar(world))
    world.box.agenda.touch(made["id"], type="seriesMaster")
    pages, _ = read(calendar(world), cursors)
    assert (gone(pages), names(pages)) == ([made["id"]], [])


def test_a_cancelled_meeting_that_stays_in_the_calendar_says_so(world: MicrosoftWorld) -> None:
    world.box.agenda.add(start=NOON, end=NOON + HOUR, isCancelled=True)
    assert [fact.status for fact in events(world)] == ["cancelled"]


def test_answers_kinds_and_the_organizer_are_told_apart(world: MicrosoftWorld) -> None:
    people = [
        guest("a@x.example", "tentativelyAccepted"),
        guest("b@x.example", "declined", "optional"),
        guest("r@x.example", "none", "resource"),
    ]
    world.box.agenda.add(start=NOON, end=NOON + HOUR, attendees=people, organizer=recipient("boss@x.example"), showAs="oof")
    fact = events(world)[0]
    assert fact.organizer is not None
    assert fact.organizer.email == "boss@x.example"
    assert [(one.response, one.role, one.kind) for one in fact.attendees] == [
        ("tentative", "REQ-PARTICIPANT", "INDIVIDUAL"),
        ("declined", "OPT-PARTICIPANT", "INDIVIDUAL"),
        ("unknown", "REQ-PARTICIPANT", "RESOURCE"),
    ]
    assert (fact.is_out_of_office, fact.is_transparent) == (True, False)


@pytest.mark.parametrize(
    ("zone", "zone_id", "resolution"),
    [
        ("W. Europe Standard Time", "Europe/Berlin", "windows"),
        ("America/New_York", "America/New_York", "iana"),
        ("UTC", "", "utc"),
        ("tzone://Microsoft/Utc", "", "utc"),
        ("tzone://Microsoft/Custom", "", "guessed"),
        ("Customized Time Zone", "", "guessed"),
    ],
)
def test_the_zone_is_kept_and_the_instant_is_exact(world: MicrosoftWorld, zone: str, zone_id: str, resolution: str) -> None:
    world.box.agenda.add(start=NOON, end=NOON + HOUR, originalStartTimeZone=zone)
    fact = events(world)[0]
    assert (fact.start, fact.zone, fact.zone_id, fact.zone_resolution) == (NOON, zone, zone_id, resolution)


def test_a_whole_day_is_a_date_and_its_end_is_not_in_it(world: MicrosoftWorld) -> None:
    day = datetime(2026, 11, 18, tzinfo=UTC)
    world.box.agenda.add(start=day, end=day + timedelta(days=2), isAllDay=True, originalStartTimeZone="W. Europe Standard Time")
    fact = events(world)[0]
    assert (fact.start, fact.end, fact.zone_resolution) == (date(2026, 11, 18), date(2026, 11, 20), "date")


def test_the_window_rolls_on_before_it_ends(world: MicrosoftWorld) -> None:
    world.add_event("now", title="Now", description="", start=NOON, end=NOON + HOUR)
    later = NOON + timedelta(days=250)
    world.add_event("later", title="Later", description="", start=later, end=later + HOUR)
    side = calendar(world)
    feed = side.feeds()[0]
    pages = pages_of(side, feed)
    assert names(pages) == ["now"]
    world.graph.clock += timedelta(days=119)
    assert names(pages_of(calendar(world), feed, pages[-1].cursor)) == []
    world.graph.clock += timedelta(days=2)
    with pytest.raises(CursorExpired):
        pages_of(calendar(world), feed, pages[-1].cursor)
    assert sorted(names(pages_of(calendar(world), feed))) == ["later", "now"]


def test_what_changes_outside_the_window_does_no_harm(world: MicrosoftWorld) -> None:
    _, cursors = read(calendar(world))
    far = NOON + timedelta(days=900)
    world.add_event("far", title="Far", description="", start=far, end=far + HOUR)
    pages, _ = read(calendar(world), cursors)
    assert names(pages) == []
    assert len(gone(pages)) == 1


def test_every_calendar_the_owner_may_edit_is_read_or_the_chosen_ones(world: MicrosoftWorld) -> None:
    world.box.agenda.add_calendar("Projekte")
    world.box.agenda.add_calendar("Feiertage", can_edit=False)
    assert [(feed.name, feed.role) for feed in calendar(world).feeds()] == [("Kalender", "primary"), ("Projekte", "")]
    world.settings["calendars"] = ("Feiertage",)
    assert [feed.name for feed in calendar(world).feeds()] == ["Feiertage"]


def test_holds_go_into_the_calendar_that_was_named_and_are_found_there(world: MicrosoftWorld) -> None:
    mine = world.box.agenda.add_calendar("Rekindle")
    world.settings["holds"] = mine
    side = calendar(world)
    witness = side.witness()
    first, again = side.save_hold(a_hold(), witness), calendar(world).save_hold(a_hold(), witness)
    assert isinstance(first, Saved)
    assert isinstance(again, Saved)
    assert (again.is_adopted, again.remote_id) == (True, first.remote_id)
    assert list(world.box.agenda.homes.values()) == [mine]


@pytest.mark.parametrize("lag", [0, 600])
@pytest.mark.parametrize("kind", ["lose", "truncate", "ConcurrentItemSave"])
@pytest.mark.parametrize("what", ["hold", "invite"])
def test_a_lost_answer_and_a_search_that_lags_leave_one_event_and_one_invitation(
    world: MicrosoftWorld, what: str, kind: Kind, lag: int
) -> None:
    world.box.lag = timedelta(seconds=lag)
    action = a_hold() if what == "hold" else an_invite()
    side = calendar(world)
    witness = side.witness()
    world.graph.fault(kind, "POST", "/events$")
    with pytest.raises(Unavailable):
        side.save_hold(action, witness)
    for _ in range(2):
        assert isinstance(calendar(world).save_hold(action, witness), Saved)
    assert len(world.holds()) == 1
    assert world.box.agenda.mails == ([(EVA.email,)] if what == "invite" else [])


@pytest.mark.parametrize("kind", ["drop", "503", "429", "500-html"])
def test_a_hold_that_never_arrived_is_made_by_the_next_attempt(world: MicrosoftWorld, kind: Kind) -> None:
    side = calendar(world)
    witness = side.witness()
    world.graph.fault(kind, "POST", "/events$")
    with pytest.raises(Exception, match="Microsoft 365"):
        side.save_hold(a_hold(), witness)
    assert world.holds() == []
    assert isinstance(calendar(world).save_hold(a_hold(), witness), Saved)
    assert len(world.holds()) == 1


def test_a_hold_the_owner_edited_before_a_retry_under_a_lagging_search_is_theirs(world: MicrosoftWorld) -> None:
    world.box.lag = timedelta(minutes=10)
    side = calendar(world)
    witness = side.witness()
    saved = side.save_hold(a_hold(), witness)
    assert isinstance(saved, Saved)
    world.edit_hold(saved)
    again = calendar(world).save_hold(a_hold(), witness)
    assert isinstance(again, Saved)
    assert type(calendar(world).withdraw(again)).__name__ == "Edited"
    assert len(world.holds()) == 1


def test_an_adopted_cancellation_is_the_owners_will(world: MicrosoftWorld) -> None:
    side = calendar(world)
    witness = side.witness()
    saved = side.save_hold(a_hold(), witness)
    assert isinstance(saved, Saved)
    world.box.agenda.touch(saved.remote_id, isCancelled=True)
    assert calendar(world).save_hold(a_hold(), witness) == Gone()
    assert calendar(world).look(saved) == Gone()


def test_the_mark_is_told_without_regard_to_case_by_graph_and_is_unique_all_the_same(world: MicrosoftWorld) -> None:
    assert a_hold().key == a_hold().key.lower()
    side = calendar(world)
    for cause in ("lapse:0", "lapse:1"):
        assert isinstance(side.save_hold(a_hold(cause), side.witness()), Saved)
    assert len({hold.key for hold in world.holds()}) == 2


def test_a_hold_changed_in_the_moment_of_withdrawing_stays(world: MicrosoftWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    side = calendar(world)
    saved = side.save_hold(a_hold(), side.witness())
    assert isinstance(saved, Saved)
    asked = Graph.ask

    def edited_first(graph: Graph, method: str, *args: object, **kwargs: object) -> object:
        if method == "DELETE":
            world.edit_hold(saved)
        return asked(graph, method, *args, **kwargs)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(Graph, "ask", edited_first)
    assert type(side.withdraw(saved)).__name__ == "Edited"
    assert len(world.holds()) == 1


def test_an_invite_tells_the_guest_nothing_of_ours(world: MicrosoftWorld) -> None:
    side = calendar(world)
    saved = side.save_hold(an_invite(), side.witness())
    assert isinstance(saved, Saved)
    assert world.box.agenda.marks[saved.remote_id] == []
    assert not re.search("rekindle", str({**world.box.agenda.events[saved.remote_id], "transactionId": ""}), re.IGNORECASE)


def test_a_tentative_hold_is_tentative_and_others_are_free(world: MicrosoftWorld) -> None:
    side = calendar(world)
    side.save_hold(a_hold(), side.witness())
    other = a_hold("lapse:1")
    tentative = Hold(
        key=other.key, title=other.title, description=other.description, start=other.start, end=other.end, is_tentative=True
    )
    side.save_hold(tentative, side.witness())
    assert [one["showAs"] for one in world.box.agenda.events.values()] == ["free", "tentative"]


def test_a_hold_for_a_whole_day_stands_above_that_day(world: MicrosoftWorld) -> None:
    side = calendar(world)
    assert isinstance(side.save_hold(replace(a_hold(), is_all_day=True), side.witness()), Saved)
    assert [(one.is_all_day, one.start, one.end) for one in events(world)] == [(True, date(2026, 11, 17), date(2026, 11, 18))]
