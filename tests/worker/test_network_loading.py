"""What rules may look at: the persons due, whole and nobody else, and only what has been read is held to be silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event as listening
from sqlalchemy import insert, select, update

from rules.facts import Address, MessageMetadata
from rules.network import Relation
from rules.rulebook import Rulebook
from rules.slots import next_free
from tests.worker.world import BOB, DAY, EVE, HOUR, ME, NOW, OWNER, World, mail, meeting
from worker import rulebooks
from worker.decide import decide, next_review
from worker.store import accounts, leases, network, outbox, people
from worker.store.mapping import maybe_instant, micros
from worker.store.rebuild import rebuild
from worker.store.store import Store
from worker.store.tables import attendance, feed, message, note, owner, party, person, suggestion

STORE = Store.open("sqlite://")
WORDING = rulebooks.wording()
SHIPPED = rulebooks.shipped()
WEEK = timedelta(weeks=1)


@pytest.fixture
def world() -> World:
    return World(given=STORE)


def relation_with(world: World, who: Address) -> Relation:
    with world.store.read() as db:
        [found] = people.find(db, "ada", who.email)
    return next(each for each in world.network(found.id).relations if each.person.id == found.id)


def decided(world: World, rulebook: Rulebook = SHIPPED, holder: str = "test") -> int:
    return decide(world.store, OWNER, rulebook, world.now, holder=holder, wording=WORDING).reviewed


def exchange(who: Address, *days: int) -> list[MessageMetadata]:
    return [mail(f"{who.email} {day} {way}", *pair, at=NOW - day * DAY) for day in days for way, pair in ways(who)]


def ways(who: Address) -> list[tuple[str, tuple[Address, Address]]]:
    return [("in", (who, ME)), ("out", (ME, who))]


def test_mail_and_held_meetings_are_contacts_in_order_of_time(world: World) -> None:
    world.receive(mail(1, BOB, ME, at=NOW - 20 * DAY))
    world.receive(mail(2, ME, BOB, at=NOW - 19 * DAY, in_reply_to=("1@mail.example",)), feed="sent")
    world.book(meeting("held", NOW - 10 * DAY, BOB), meeting("cancelled", NOW - 9 * DAY, BOB, status="cancelled"))
    world.pull_all()
    world.catch_up()
    bob = relation_with(world, BOB)
    assert [(each.direction, each.at) for each in bob.contacts[:2]] == [("in", NOW - 20 * DAY), ("out", NOW - 19 * DAY)]
    assert [each.is_reply for each in bob.contacts[:2]] == [False, True]
    assert {each.at for each in bob.contacts[2:]} == {NOW - 10 * DAY + HOUR}
    assert (bob.interactions, bob.meetings_held, bob.one_to_ones_held) == (3, 1, 1)
    assert [each.reason for each in bob.unheld] == ["it was cancelled"]
    assert bob.last_at == NOW - 10 * DAY + HOUR


def test_what_lies_ahead_is_no_contact_but_the_next_meeting(world: World) -> None:
    world.receive(*exchange(BOB, 30), mail("future", BOB, ME, at=NOW + DAY))
    world.book(meeting("later", NOW + 9 * DAY, BOB), meeting("next", NOW + 2 * DAY, BOB))
    world.pull_all()
    bob = relation_with(world, BOB)
    assert bob.last_at == NOW - 30 * DAY
    assert bob.next_meeting is not None
    assert bob.next_meeting.uid == "next"
    assert bob.interactions == 2
    assert all(each.at <= NOW for each in bob.mails)
    assert bob.meetings == []


def test_a_declined_meeting_ahead_is_nothing_booked(world: World) -> None:
    world.receive(*exchange(BOB, 30))
    booked = meeting("next", NOW + 2 * DAY, BOB)
    me, bob = booked.attendees
    world.book(replace(booked, attendees=(replace(me, response="declined"), bob)))
    world.pull_all()
    assert relation_with(world, BOB).next_meeting is None


def test_recent_mail_is_there_whole_and_old_mail_only_as_contacts(world: World) -> None:
    world.receive(*exchange(BOB, 200), mail(1, BOB, ME, EVE, at=NOW - DAY, references=("root@mail.example",)))
    world.pull_all()
    [recent] = relation_with(world, BOB).mails
    assert (recent.direction, recent.author, recent.others) == ("in", "bob@elsewhere.example", ("eve@further.example",))
    assert (recent.thread, recent.to_alias, recent.account) == ("root@mail.example", "ada@corp.example", "ada/main")


def test_the_hours_of_the_other_side_are_counted(world: World) -> None:
    world.receive(mail(1, BOB, ME, sent_offset=timedelta(hours=-5)), mail(2, ME, BOB, sent_offset=timedelta(hours=2)))
    world.pull_all()
    assert relation_with(world, BOB).offsets == {-300: 1}


def test_whoever_just_met_with_a_person_due_is_loaded_too_and_others_are_not(world: World) -> None:
    kim = Address(email="kim@other.example", name="Kim Other")
    world.receive(*exchange(BOB, 30), *exchange(EVE, 30), *exchange(kim, 30))
    world.book(meeting("three", NOW - DAY, BOB, EVE))
    world.pull_all()
    world.catch_up()
    with world.store.read() as db:
        [bob] = people.find(db, "ada", BOB.email)
    assert {each.person.name for each in world.network(bob.id).relations} == {"Bob Stone", "Eve Fox"}
    [three] = relation_with(world, EVE).meetings
    assert {each.person_id for each in three.guests} == {each.person.id for each in world.network(bob.id).relations}


def test_a_half_done_first_read_judges_only_whom_it_covers(world: World) -> None:
    world.receive(*exchange(EVE, 5), *exchange(BOB, 100, 200, 300))
    with world.store.write() as db:
        accounts.register(db, owner="ada", name="main", provider="memory", addresses=[ME], now=NOW)
    taken = iter([True, True])
    world.pull(budget=lambda: next(taken, False))
    assert any(each.is_rereading for each in world.feeds())
    assert all(not each.is_covered for each in world.network().relations)
    world.pull_all()
    assert all(each.is_covered for each in world.network().relations)


@pytest.mark.parametrize(("since", "is_covered"), [(NOW - 50 * DAY, True), (NOW - 5 * DAY, False), (None, False)])
def test_a_person_is_covered_when_all_since_their_last_interaction_was_read(
    world: World, since: datetime | None, *, is_covered: bool
) -> None:
    world.receive(*exchange(BOB, 30))
    world.pull_all()
    with world.store.write() as db:
        mark = {"covered_since": None if since is None else micros(since)}
        db.execute(update(feed).where(feed.c.id == "sent").values(mark))
    assert relation_with(world, BOB).is_covered is is_covered


def test_an_account_that_was_not_read_for_days_makes_nobody_silent(world: World) -> None:
    world.receive(*exchange(BOB, 30))
    world.pull_all()
    world.now += 3 * DAY
    assert not relation_with(world, BOB).is_covered
    world.pull_all()
    assert relation_with(world, BOB).is_covered


def test_a_disconnected_account_is_not_waited_for(world: World) -> None:
    world.receive(*exchange(BOB, 30))
    world.pull_all()
    with world.store.write() as db:
        accounts.register(db, owner="ada", name="other", provider="memory", addresses=[], now=NOW)
    assert not relation_with(world, BOB).is_covered
    with world.store.write() as db:
        accounts.succeeded(db, "ada/other", NOW, NOW)  # read, and there is nothing in it
    assert relation_with(world, BOB).is_covered
    with world.store.write() as db:
        accounts.register(db, owner="ada", name="third", provider="memory", addresses=[], now=NOW)
        accounts.disconnect(db, "ada/third")
    assert relation_with(world, BOB).is_covered


def test_busy_time_is_what_the_calendar_says_less_what_takes_none(world: World) -> None:
    today = NOW.replace(hour=0)
    declined = meeting("declined", NOW + 5 * HOUR, EVE)
    me, eve = declined.attendees
    world.book(
        meeting("met", NOW + HOUR, BOB),
        meeting("cancelled", NOW + 2 * HOUR, BOB, status="cancelled"),
        meeting("free", NOW + 3 * HOUR, BOB, is_transparent=True),
        replace(declined, attendees=(replace(me, response="declined"), eve)),
        replace(meeting("alone", NOW + 4 * HOUR), attendees=()),
        replace(
            meeting("leave", NOW), start=today.date(), end=today.date() + DAY, is_all_day=True, is_out_of_office=True, attendees=()
        ),
        meeting("yesterday", NOW - DAY, BOB),
    )
    world.pull_all()
    spans = [(each.start, each.is_meeting, each.is_leave) for each in world.network().busy]
    assert spans == [
        (datetime(2026, 5, 31, 22, tzinfo=UTC), False, True),
        (NOW + HOUR, True, False),
        (NOW + 4 * HOUR, False, False),
    ]


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Marquesas", "Europe/Berlin"])
def test_days_off_are_the_owners_own_days_also_west_of_greenwich(world: World, zone: str) -> None:
    first, after = date(2026, 6, 10), date(2026, 6, 13)
    there = replace(OWNER, zone=zone)
    with world.store.write() as db:
        accounts.register_owner(db, "ada", accounts.owner_keys(db, "ada"), zone)
    world.book(replace(meeting("offsite", NOW, BOB), start=first, end=after, is_all_day=True))
    world.pull_all()
    with world.store.read() as db:
        [span] = network.load(db, there, NOW).busy
    local = [each.astimezone(ZoneInfo(zone)) for each in (span.start, span.end)]
    assert [(each.date(), each.time()) for each in local] == [(first, time()), (after, time())]
    assert not span.is_meeting
    assert [uid for uid, *_ in world.occurrences()] == ["offsite"]
    for day in (first, first + DAY, after - DAY):
        begin = datetime.combine(day, time(), ZoneInfo(zone)) - timedelta(minutes=1)
        slot = next_free([span], there, begin, notice_days=0)
        assert slot is not None
        assert slot.start.astimezone(ZoneInfo(zone)).date() not in {first, first + DAY, after - DAY}


def test_a_touch_the_owner_logged_is_a_contact_and_a_promise_is_open_until_it_is_closed(world: World) -> None:
    world.receive(*exchange(BOB, 30))
    world.pull_all()
    with world.store.write() as db:
        [bob] = people.find(db, "ada", BOB.email)
        said = {"owner": "ada", "person": bob.id, "address": "bob@elsewhere.example", "at": micros(NOW - DAY)}
        db.execute(insert(note), said | {"kind": "touch", "text": "coffee"})
        db.execute(insert(note), said | {"kind": "promise", "text": "the paper", "due_at": micros(NOW + DAY)})
    found = relation_with(world, BOB)
    assert found.last_at == NOW - DAY
    assert [each.text for each in found.promises] == ["the paper"]


def test_the_ledger_of_a_person_is_found_by_any_of_their_addresses(world: World) -> None:
    home = Address(email="bob@home.example", name="Robert")
    world.receive(*exchange(BOB, 30), *exchange(home, 30))
    world.pull_all()
    with world.store.write() as db:
        [bob], [robert] = people.find(db, "ada", BOB.email), people.find(db, "ada", home.email)
        given = {"key": "k" * 26, "owner": "ada", "rule": "check_in", "cause": "lapse:0", "person": robert.id, "action": "hold"}
        db.execute(
            insert(suggestion),
            given
            | {"address": "bob@home.example", "payload": "{}", "why": "", "created_at": 0, "updated_at": 0, "message_id": "m"},
        )
        people.merge(db, "ada", bob.id, robert.id)
    assert [(each.key, each.message_id) for each in relation_with(world, BOB).ledger] == [("k" * 26, "m")]


# Decide


def test_a_decision_reviews_whom_something_happened_to_and_nobody_twice(world: World) -> None:
    world.receive(*exchange(BOB, 30), *exchange(EVE, 30))
    world.pull_all()
    assert decided(world) == 2
    assert decided(world) == 0
    world.receive(mail("news", BOB, ME, at=NOW))
    world.pull_all()
    assert decided(world) == 1


def test_whoever_may_have_gone_quiet_is_looked_at_again_in_the_morning(world: World) -> None:
    world.receive(*exchange(BOB, 30))
    world.pull_all()
    decided(world)
    bob = relation_with(world, BOB)
    assert next_review(bob, OWNER, NOW) == datetime(2026, 6, 1, 22, 10, tzinfo=UTC)
    with world.store.read() as db:
        assert maybe_instant(db.execute(select(owner.c.next_review_at)).scalar()) == datetime(2026, 6, 1, 22, 10, tzinfo=UTC)
    assert next_review(replace(bob, last_out_at=None), OWNER, NOW) is None


def test_what_happens_during_a_decision_is_not_missed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.receive(*exchange(BOB, 30))
    world.pull_all()
    planned = outbox.plan
    happened = []

    def meanwhile(*args: object, **more: object) -> bool:
        return planned(*args, **more)  # type: ignore[arg-type]  # handed on as it came

    def news(*args: object) -> bool:
        happened.append(True)
        return True

    monkeypatch.setattr(outbox, "plan", meanwhile)
    current = leases.is_current

    def is_current(db: object, held: object) -> bool:
        news()
        people.touch(db, "ada", [person_id], NOW)  # type: ignore[arg-type]  # the same transaction as a page that came before
        return current(db, held)  # type: ignore[arg-type]  # as above

    with world.store.read() as db:
        person_id = people.find(db, "ada", BOB.email)[0].id
    monkeypatch.setattr(leases, "is_current", is_current)
    assert decided(world) == 1
    monkeypatch.undo()
    assert happened
    assert decided(world) == 1


def test_one_decision_per_owner_at_a_time(world: World) -> None:
    world.receive(*exchange(BOB, 30))
    world.pull_all()
    with world.store.write() as db:
        held = leases.acquire(db, "decide:ada", "another", NOW, timedelta(minutes=5))
    assert held is not None
    found = decide(world.store, OWNER, SHIPPED, NOW, holder="test", wording=WORDING)
    assert (found.is_held, found.reviewed) == (True, 0)
    with world.store.write() as db:
        leases.release(db, held)
    assert decided(world) == 1


def test_a_thank_you_is_planned_for_a_meeting_that_ended(world: World) -> None:
    with world.store.write() as db:
        accounts.start_owner(db, "ada", NOW - 30 * DAY)
    kim = Address(email="kim@guest.example", name="Kim Guest")
    world.pull_all()
    world.book(meeting("first", NOW + HOUR, kim))
    world.pull_all()
    world.now = NOW + 3 * HOUR
    world.pull_all()
    found = decide(world.store, OWNER, SHIPPED, world.now, holder="test", wording=WORDING)
    assert len(found.planned) == 1
    with world.store.read() as db:
        [row] = db.execute(select(suggestion)).all()
    assert (row.rule, row.action, row.account, row.address) == ("thank_you", "draft", "ada/main", "kim@guest.example")
    world.now += 5 * HOUR
    assert decide(world.store, OWNER, SHIPPED, world.now, holder="test", wording=WORDING).planned == ()


def test_sums_are_a_cache_that_a_rebuild_and_a_review_make_again(world: World) -> None:
    world.receive(*exchange(BOB, 30, 60), *exchange(EVE, 10))
    world.book(meeting("held", NOW - 3 * DAY, BOB))
    world.pull_all()
    decided(world)
    before = sums_of(world)
    assert [each["interactions"] for each in before.values()]
    with world.store.write() as db:
        db.execute(update(person).values(sums="{}", last_at=None))
        rebuild(db, "ada", world.now, OWNER.zone)
    decided(world)
    assert sums_of(world) == before


def sums_of(world: World) -> dict[str, dict[str, object]]:
    with world.store.read() as db:
        return {
            each.name: {"interactions": each.interactions, "meetings": each.meetings, "first": each.first_at, "last": each.last_at}
            for each in people.people(db, "ada")
        }


def test_loading_one_person_reads_no_row_of_others(world: World) -> None:
    others = [Address(email=f"p{number}@other{number}.example", name=f"Person Number{number}") for number in range(20)]
    world.receive(*exchange(BOB, 30), *[each for who in others for each in exchange(who, 20)])
    world.pull_all()
    with world.store.read() as db:
        [bob] = people.find(db, "ada", BOB.email)
    read: list[str] = []
    engine = world.store._read  # noqa: SLF001 - to watch what is asked of the database

    @listening.listens_for(engine, "before_cursor_execute")
    def watch(_c: object, _u: object, statement: str, *_: object) -> None:
        read.append(statement)

    world.network(bob.id)
    listening.remove(engine, "before_cursor_execute", watch)
    for table in (party, message, attendance):
        scans = [each for each in read if f"FROM {table.name}" in each and " IN (" not in each and "EXISTS" not in each]
        assert scans == []
    with world.store.read() as db:
        plans = [
            str(row)
            for each in read
            if f"FROM {party.name}" in each
            for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {each}", tuple("?" * each.count("?")))
        ]
    assert plans
    assert not [each for each in plans if "SCAN party" in each or "SCAN message" in each]
