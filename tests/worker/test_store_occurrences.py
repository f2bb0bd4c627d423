"""What a calendar says becomes occurrences; what has ended stays as it was, but for its own cancellation or decline."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from connectors.port import Feed
from rules.facts import Address, Attendee, CalendarEvent
from rules.network import Meeting
from rules.people import OwnerKeys
from tests.worker.world import BOB, DAY, EVE, HOUR, NOW, OWNER, World, meeting
from worker.store import accounts, events, feeds, occurrences, people
from worker.store.mapping import Origin
from worker.store.store import Store
from worker.store.tables import event, occurrence

WEEK = timedelta(weeks=1)
KEYS = OwnerKeys(keys=frozenset({"ada@corp.example"}), domains=OWNER.domains)


@pytest.fixture
def world(empty_store: Store) -> World:
    return World(given=empty_store)


def weekly(start: datetime, *guests: Address, count: int = 8, **more: object) -> CalendarEvent:
    return meeting("weekly", start, *guests, recurrence=(f"RRULE:FREQ=WEEKLY;COUNT={count}",), **more)


def held_with(world: World, who: Address) -> list[Meeting]:
    with world.store.read() as db:
        found = people.find(db, "ada", who.email)
    return list(world.network(found[0].id).relations[0].meetings) if found else []


def test_a_series_gives_its_instances_and_each_keeps_its_name_when_moved(world: World) -> None:
    start = NOW + DAY
    world.book(weekly(start, BOB, count=3))
    moved = meeting("weekly", start + WEEK + HOUR, BOB, remote_id="weekly.1", original_start=start + WEEK)
    world.book(moved)
    world.pull_all()
    assert [(name, at) for _, name, at, _, _ in world.occurrences()] == [
        (start.isoformat(), start),
        ((start + WEEK).isoformat(), start + WEEK + HOUR),
        ((start + 2 * WEEK).isoformat(), start + 2 * WEEK),
    ]


def test_a_single_event_keeps_its_first_start_as_its_name_when_it_is_moved_ahead(world: World) -> None:
    world.book(meeting("lunch", NOW + DAY, BOB))
    world.pull_all()
    world.book(meeting("lunch", NOW + 3 * DAY, BOB))
    world.pull_all()
    assert [(each[1], each[2]) for each in world.occurrences()] == [((NOW + DAY).isoformat(), NOW + 3 * DAY)]
    assert world.rows() == world.rebuilt()


def test_moving_a_whole_series_leaves_its_past_where_it_was(world: World) -> None:
    start = NOW - 3 * WEEK
    world.book(weekly(start, BOB, count=6))
    world.pull_all()
    world.catch_up()
    world.book(weekly(start + HOUR, EVE, count=6, summary="now with Eve"))
    world.pull_all()
    past = [each for each in world.occurrences() if each[2] < NOW]
    assert [(each[2], each[4]) for each in past] == [(start + n * WEEK, True) for n in range(3)]
    assert [each[2] for each in world.occurrences() if each[2] >= NOW] == [start + HOUR + n * WEEK for n in range(3, 6)]
    assert [each.title for each in held_with(world, BOB)] == ["with weekly"] * 3
    assert held_with(world, EVE) == []
    assert world.rows() == world.rebuilt()


def test_deleting_a_series_keeps_what_was_held_and_removes_what_lies_ahead(world: World) -> None:
    world.book(weekly(NOW - 2 * WEEK, BOB, count=6))
    world.pull_all()
    world.catch_up()
    world.provider.calendar.remove("weekly")
    world.pull_all()
    assert [each[2] for each in world.occurrences()] == [NOW - 2 * WEEK, NOW - WEEK]
    assert len(held_with(world, BOB)) == 2


def test_deleting_a_single_event_after_it_ended_is_its_own_cancellation(world: World) -> None:
    world.book(meeting("lunch", NOW - DAY, BOB))
    world.pull_all()
    world.catch_up()
    assert len(held_with(world, BOB)) == 1
    world.provider.calendar.remove("lunch")
    world.pull_all()
    assert world.occurrences() == []
    assert held_with(world, BOB) == []


def test_a_cancelled_instance_of_the_past_counts_no_more(world: World) -> None:
    start = NOW - 2 * WEEK
    world.book(weekly(start, BOB))
    world.pull_all()
    world.catch_up()
    world.book(meeting("weekly", start, BOB, remote_id="weekly.0", original_start=start, status="cancelled"))
    world.pull_all()
    assert [each.start for each in held_with(world, BOB)] == [start + WEEK]


def test_an_instance_struck_from_the_past_counts_no_more_but_a_moved_series_does(world: World) -> None:
    start = NOW - 2 * WEEK
    world.book(weekly(start, BOB))
    world.pull_all()
    world.catch_up()
    struck = f"EXDATE:{start:%Y%m%dT%H%M%SZ}"
    world.book(replace(weekly(start, BOB), recurrence=("RRULE:FREQ=WEEKLY;COUNT=8", struck)))
    world.pull_all()
    assert [each.start for each in held_with(world, BOB)] == [start + WEEK]


def test_a_decline_of_the_past_counts_and_another_time_for_it_does_not(world: World) -> None:
    lunch = meeting("lunch", NOW - DAY, BOB)
    world.book(lunch)
    world.pull_all()
    world.catch_up()
    world.book(replace(lunch, start=NOW - DAY + HOUR, end=NOW - DAY + 2 * HOUR))
    world.pull_all()
    assert (NOW - DAY) in [each.start for each in held_with(world, BOB)]
    me, bob = lunch.attendees
    world.book(replace(lunch, attendees=(replace(me, response="declined"), bob)))
    world.pull_all()
    assert held_with(world, BOB) == []


def test_a_past_event_dragged_to_next_week_is_another_meeting(world: World) -> None:
    lunch = meeting("lunch", NOW - DAY, BOB)
    world.book(lunch)
    world.pull_all()
    world.catch_up()
    world.book(replace(lunch, start=NOW + WEEK, end=NOW + WEEK + HOUR))
    world.pull_all()
    assert [(each[1], each[2]) for each in world.occurrences()] == [
        ((NOW - DAY).isoformat(), NOW - DAY),
        ((NOW + WEEK).isoformat(), NOW + WEEK),
    ]
    assert world.rows() == world.rebuilt()


def test_one_meeting_in_two_accounts_is_one_occurrence(world: World) -> None:
    lunch = meeting("lunch", NOW + DAY, BOB)
    world.book(lunch)
    world.pull_all()
    other = Origin(owner="ada", account="ada/other", feed="calendar")
    with world.store.write() as db:
        accounts.register(db, owner="ada", name="other", provider="memory", addresses=[], now=NOW)
        newer = replace(lunch, remote_id="elsewhere", start=NOW + 2 * DAY, end=NOW + 2 * DAY + HOUR, sequence=1)
        events.apply(db, other, [newer], [], KEYS, NOW, zone="UTC", is_first_read=False)
    assert [(each[1], each[2]) for each in world.occurrences()] == [((NOW + DAY).isoformat(), NOW + 2 * DAY)]
    with world.store.write() as db:
        events.apply(db, other, [], ["elsewhere"], KEYS, NOW, zone="UTC", is_first_read=False)
    assert [(each[1], each[2]) for each in world.occurrences()] == [((NOW + DAY).isoformat(), NOW + DAY)]


def test_a_hold_of_ours_is_no_meeting_until_the_owner_adds_somebody(world: World) -> None:
    hold = CalendarEvent(remote_id="hold", uid="hold", start=NOW + DAY, end=NOW + DAY + HOUR, summary="Bob", rekindle_key="0" * 26)
    world.book(hold)
    world.pull_all()
    assert world.occurrences() == []
    assert world.network().busy == []
    world.book(replace(hold, attendees=(Attendee(address=BOB, response="needs-action"),), attendee_count=1))
    world.pull_all()
    assert [each[0] for each in world.occurrences()] == ["hold"]


def test_a_reply_is_no_meeting_and_an_all_day_entry_meets_nobody(world: World) -> None:
    world.book(replace(meeting("reply", NOW - DAY, BOB), method="REPLY"))
    day = (NOW - DAY).date()
    world.book(replace(meeting("fair", NOW - DAY, EVE), start=day, end=day + DAY, is_all_day=True))
    world.pull_all()
    world.catch_up()
    assert held_with(world, BOB) == []
    assert held_with(world, EVE) == []


def test_series_roll_forward_by_night_and_only_those_that_run_short(world: World) -> None:
    world.book(meeting("daily", NOW - DAY, BOB, recurrence=("RRULE:FREQ=DAILY",)))
    world.pull_all()
    before = len(world.occurrences())
    world.now += 10 * DAY
    world.catch_up()
    assert len(world.occurrences()) == before + 10
    with world.store.write() as db:
        assert occurrences.roll(db, "ada", KEYS, world.now, "UTC") == 0


def test_nothing_is_frozen_while_a_first_read_is_under_way(world: World) -> None:
    start = NOW - WEEK
    with world.store.write() as db:
        [main] = feeds.sync_feeds(db, "ada/main", "ada", "calendar", [Feed(id="main", name="Calendar")], NOW)
        feeds.begin_full_read(db, main)
        origin = Origin(owner="ada", account="ada/main", feed="main", generation=1)
        events.apply(db, origin, [weekly(start, BOB, count=2)], [], KEYS, NOW, zone="UTC", is_first_read=True)
        assert occurrences.freeze(db, "ada", NOW) == set()
        moved = meeting("weekly", start + HOUR, BOB, remote_id="weekly.0", original_start=start)
        events.apply(db, origin, [moved], [], KEYS, NOW, zone="UTC", is_first_read=True)
    assert [each[2] for each in world.occurrences()] == [start + HOUR, start + WEEK]


def test_one_event_that_cannot_be_laid_out_never_drops_its_neighbours(world: World) -> None:
    strange = meeting("strange", NOW + DAY, BOB, recurrence=("RRULE:FREQ=NEVER;COUNT=x",))
    world.book(strange, meeting("plain", NOW + DAY, EVE))
    world.pull_all()
    assert {"plain", "strange"} <= {each[0] for each in world.occurrences()}


def test_texts_kept_for_the_past_go_when_nothing_points_at_them(world: World) -> None:
    world.book(meeting("lunch", NOW - DAY, BOB))
    world.pull_all()
    world.catch_up()
    world.book(meeting("lunch", NOW - DAY, BOB, summary="another title"))
    world.pull_all()
    with world.store.read() as db:
        assert len(db.execute(select(event.c.id).where(event.c.account == "")).all()) == 1
    assert [each.title for each in held_with(world, BOB)] == ["with lunch"]
    world.provider.calendar.remove("lunch")
    world.pull_all()
    with world.store.read() as db:
        assert db.execute(select(event.c.id)).all() == []


def test_the_account_that_saw_a_meeting_first_is_known_after_its_text_changed(world: World) -> None:
    world.book(meeting("lunch", NOW - DAY, BOB))
    world.pull_all()
    world.catch_up()
    world.book(meeting("lunch", NOW - DAY, BOB, summary="another title"))
    world.pull_all()
    [lunch] = held_with(world, BOB)
    assert (lunch.account, lunch.account_connected_at) == ("ada/main", NOW)


def test_instants_are_kept_to_the_microsecond(world: World) -> None:
    at = datetime(2027, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    world.book(meeting("exact", at, BOB))
    world.pull_all()
    with world.store.write() as db:
        db.execute(update(occurrence).values(is_frozen=False))
    assert world.occurrences()[0][1] == at.isoformat()
