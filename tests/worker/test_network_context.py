"""What a decision sees beside mail and meetings: trips, introductions, promises, bounces, months, through the store."""

# ruff: noqa: ANN401 -- builders pass on any field of a fact
from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select

from connectors.memory import Connection
from rules.facts import Address, Attendee, MessageMetadata
from rules.month import Choice, Month, Terms
from rules.network import Relation
from rules.people import OwnerKeys
from rules.standing import standing
from tests.worker.world import BOB, DAY, EVE, HOUR, ME, NOW, OWNER, World, mail, meeting
from worker.pull import pull
from worker.store import accounts, histories, identities, months, notes, people, promises, retention
from worker.store.store import Store
from worker.store.tables import message, meta, suggestion
from worker.sweep import retain, sweep

KIM = Address(email="kim@guest.example", name="Kim Guest")
REPORT = "multipart/report; boundary=x; report-type=delivery-status"
MACHINE = Address(email="mailer-daemon@mx.example")
OPENED: list[Store] = []


@pytest.fixture
def world() -> World:
    made = World(given=OPENED[0] if OPENED else None)
    OPENED[:] = [made.store]
    with made.store.write() as db:
        db.execute(delete(meta).where(meta.c.name.startswith("swept:")))
    return made


def exchange(who: Address, *ago: int) -> list[MessageMetadata]:
    pairs = [
        (
            mail(f"{who.email}-in-{days}", who, ME, at=NOW - days * DAY),
            mail(
                f"{who.email}-out-{days}", ME, who, at=NOW - days * DAY + HOUR, in_reply_to=(f"{who.email}-in-{days}@mail.example",)
            ),
        )
        for days in ago
    ]
    return [each for pair in pairs for each in pair]


def relation(world: World, who: Address) -> Relation:
    with world.store.read() as db:
        [found] = people.find(db, "ada", who.email)
    return next(each for each in world.network(found.id).relations if each.person.id == found.id)


# Trips


def test_a_stay_elsewhere_is_a_trip_and_shows_who_was_last_met_there(world: World) -> None:
    world.receive(*exchange(BOB, 30), *exchange(EVE, 30))
    there = "Rua Augusta 1, 1100-048 Lisboa, Portugal"
    world.book(
        meeting("then", NOW - 300 * DAY, BOB, location=there),
        meeting("call", NOW - 200 * DAY, BOB, location="https://zoom.us/j/1"),
        meeting("here", NOW - 100 * DAY, EVE, location="Unter den Linden 1, 10117 Berlin"),
        meeting("trip", NOW + 10 * DAY, location="Lisbon", end=NOW + 12 * DAY, attendees=(), attendee_count=0),
    )
    world.pull_all()
    [trip] = world.network().trips
    assert (trip.uid, trip.place) == ("trip", "Lisbon")
    assert relation(world, BOB).last_met_place == "Lisbon"
    assert relation(world, EVE).last_met_place == "Berlin"


def test_a_declined_or_cancelled_stay_is_no_trip(world: World) -> None:
    stay = meeting("trip", NOW + 10 * DAY, location="Lisbon", end=NOW + 12 * DAY)
    world.book(
        replace(stay, uid="declined", remote_id="declined", attendees=(Attendee(address=ME, response="declined"),)),
        replace(stay, uid="cancelled", remote_id="cancelled", status="cancelled"),
    )
    world.pull_all()
    assert world.network().trips == ()


# Introductions


def introduced(world: World) -> None:
    world.receive(
        *exchange(EVE, 400),
        mail("both", EVE, ME, KIM, at=NOW - 200 * DAY),
        *exchange(KIM, 190, 150),
    )


def test_who_introduced_somebody_is_read_from_the_mail_and_is_in_view_with_them(world: World) -> None:
    introduced(world)
    world.provider.mail.items.clear()
    world.receive(
        *exchange(EVE, 400),
        replace(mail("intro", EVE, ME, KIM, at=NOW - 200 * DAY), subject="Kim <> Ada"),
        *exchange(KIM, 190, 150),
    )
    world.pull_all()
    kim = relation(world, KIM)
    eve = relation(world, EVE)
    assert (kim.introduced_by, kim.introduced_at) == (eve.person.id, NOW - 200 * DAY)
    assert eve.introduced_by == ""
    assert {each.person.id for each in world.network(kim.person.id).relations} == {kim.person.id, eve.person.id}


def test_a_plain_mail_to_both_introduces_nobody(world: World) -> None:
    introduced(world)
    world.pull_all()
    assert relation(world, KIM).introduced_by == ""


def test_what_the_owner_gave_is_counted_from_facts_and_from_their_word(world: World) -> None:
    world.receive(
        *exchange(EVE, 40), *exchange(BOB, 40), replace(mail("made", ME, EVE, BOB, at=NOW - 20 * DAY), subject="Eve <> Bob")
    )
    world.pull_all()
    assert (relation(world, EVE).gives, relation(world, BOB).gives) == (1, 1)
    with world.store.write() as db:
        key = "eve@further.example"
        notes.add(db, "ada", "give", address=key, at=NOW, text="read the draft")
        notes.add(db, "ada", "ask", address=key, at=NOW, text="a reference")
    assert (relation(world, EVE).gives, relation(world, EVE).asks) == (2, 1)


# Promises


def promise_mail(subject: str, *to: Address, at: datetime = NOW - DAY, **more: Any) -> MessageMetadata:
    box = Address(email="ada+promise@corp.example")
    return replace(mail("promise", ME, *to, box, at=at, **more), subject=subject)


def test_a_mail_to_the_own_promise_address_is_a_promise_once(world: World) -> None:
    world.receive(*exchange(BOB, 30))
    world.pull_all()
    written = promise_mail("Bob Stone: send the paper by friday")
    world.receive(written)
    world.receive(replace(written, remote_id="copy"), feed="sent")
    world.pull_all()
    [found] = relation(world, BOB).promises
    assert (found.text, found.made_at) == ("send the paper", NOW - DAY)
    assert found.due_at.date().isoformat() == "2026-06-05"


def test_a_promise_with_what_no_database_stores_is_one_all_the_same(world: World) -> None:
    world.receive(*exchange(BOB, 30))
    world.pull_all()
    world.receive(promise_mail("Bob Stone: send\0 the \ud800paper", BOB))
    world.pull_all()
    assert [each.text for each in relation(world, BOB).promises] == ["send the ?paper"]


def test_a_promise_in_copy_is_for_whom_the_mail_went_to(world: World) -> None:
    world.receive(*exchange(BOB, 30), promise_mail("send the paper", BOB))
    world.pull_all()
    assert [each.text for each in relation(world, BOB).promises] == ["send the paper"]


def test_a_promise_to_someone_not_known_yet_finds_them_later(world: World) -> None:
    world.receive(promise_mail("Bob Stone: send the paper"))
    world.pull_all()
    with world.store.read() as db:
        assert [(each.address, each.text) for each in promises.open_(db, "ada")] == [("", "Bob Stone: send the paper")]
    world.receive(*exchange(BOB, 30))
    world.pull_all()
    world.catch_up()
    assert [each.text for each in relation(world, BOB).promises] == ["send the paper"]


def test_only_the_owner_makes_promises(world: World) -> None:
    world.receive(*exchange(BOB, 30), replace(promise_mail("Bob Stone: send money", ME), from_=(EVE,)))
    world.pull_all()
    with world.store.read() as db:
        assert promises.open_(db, "ada") == []


def test_the_mail_that_keeps_a_promise_closes_it_and_counts_as_given(world: World) -> None:
    world.receive(*exchange(BOB, 30), promise_mail("Bob Stone: send the paper by friday"))
    world.pull_all()
    world.catch_up()
    assert len(relation(world, BOB).promises) == 1
    world.receive(mail("paper", ME, BOB, at=NOW - HOUR))
    world.pull_all()
    world.catch_up()
    bob = relation(world, BOB)
    assert (bob.promises, bob.gives) == ([], 1)


# Dead addresses


def bounce(answering: str, at: datetime) -> MessageMetadata:
    return mail("bounce", MACHINE, ME, at=at, content_type=REPORT, in_reply_to=(answering,))


def test_an_address_that_bounced_is_dead_until_it_writes_again(world: World) -> None:
    world.receive(*exchange(BOB, 30), mail("last", ME, BOB, at=NOW - 3 * DAY), bounce("last@mail.example", NOW - 2 * DAY))
    world.pull_all()
    assert relation(world, BOB).dead_addresses == {"bob@elsewhere.example"}
    world.receive(mail("alive", BOB, ME, at=NOW - DAY))
    world.pull_all()
    assert relation(world, BOB).dead_addresses == frozenset()


def test_a_bounce_to_one_of_several_kills_nobody(world: World) -> None:
    world.receive(*exchange(BOB, 30), mail("last", ME, BOB, EVE, at=NOW - 3 * DAY), bounce("last@mail.example", NOW - 2 * DAY))
    world.pull_all()
    assert relation(world, BOB).dead_addresses == frozenset()


def test_the_same_name_elsewhere_is_asked_about_when_an_address_died(world: World) -> None:
    home = Address(email="robert.s@new.example", name="Bob Stone")
    world.receive(*exchange(BOB, 60), *exchange(home, 10), mail("last", ME, BOB, at=NOW - 3 * DAY))
    world.pull_all()
    world.receive(bounce("last@mail.example", NOW - 2 * DAY))
    world.pull_all()
    with world.store.read() as db:
        reasons = [each.reason for each in identities.links(db, "ada") if each.verdict == "unsure"]
    assert reasons == ["bob@elsewhere.example takes no mail any more, and the same name writes from elsewhere"]


# Two accounts, and assistants


def test_the_same_message_and_meeting_through_two_accounts_count_once(world: World) -> None:
    world.receive(*exchange(BOB, 30))
    world.book(meeting("held", NOW - 10 * DAY, BOB))
    world.pull_all()
    before = relation(world, BOB)
    with world.store.write() as db:
        second = accounts.register(db, owner="ada", name="second", provider="memory", addresses=[ME], now=NOW)
    pull(world.store, Connection(world.provider), second, NOW, budget=lambda: True)
    after = relation(world, BOB)
    assert (after.interactions, after.meetings_held, after.contacts) == (before.interactions, before.meetings_held, before.contacts)
    with world.store.read() as db:
        assert len(db.execute(select(message.c.id)).all()) == 4


def test_what_an_assistant_writes_and_books_is_credited_to_the_executive(world: World) -> None:
    helper = Address(email="pa@elsewhere.example", name="Pat Helper")
    with world.store.write() as db:
        keys = OwnerKeys(
            keys=frozenset({"ada@corp.example"}),
            domains=OWNER.domains,
            principals={"pa@elsewhere.example": "bob@elsewhere.example"},
        )
        accounts.register_owner(db, "ada", keys, OWNER.zone)
    world.receive(*exchange(helper, 30))
    world.book(meeting("booked", NOW - 10 * DAY, BOB, organizer=helper))
    world.pull_all()
    bob = relation(world, BOB)
    assert {each.direction for each in bob.contacts} == {"in", "out"}
    assert bob.meetings_held == 1
    with world.store.read() as db:
        assert people.find(db, "ada", "pa@elsewhere.example") == []


# Absences


def test_leave_and_out_of_office_answers_are_taken_out_of_a_silence_however_long_they_are_over(world: World) -> None:
    world.receive(
        *exchange(BOB, *(40 + 14 * n for n in range(6))),
        *exchange(EVE, *(3 + 14 * n for n in range(6))),
        replace(mail("away", BOB, ME, at=NOW - 39 * DAY, auto_submitted="auto-replied"), subject="Back soon"),
        replace(mail("hers", EVE, ME, at=NOW - 39 * DAY, auto_submitted="auto-replied"), subject="Back soon"),
    )
    world.pull_all()
    theirs = (NOW - 39 * DAY, NOW - 25 * DAY)
    assert list(relation(world, BOB).away) == [theirs]
    assert standing(relation(world, BOB), NOW) == "in_touch"
    off = {"attendees": (), "attendee_count": 0, "event_type": "outOfOffice"}
    world.book(
        meeting("leave", NOW - 30 * DAY, end=NOW - 20 * DAY, **off),
        meeting("ahead", NOW + 3 * DAY, end=NOW + 9 * DAY, **off),
        meeting("cancelled", NOW - 12 * DAY, end=NOW - 9 * DAY, status="cancelled", **off),
        meeting("stay", NOW - 12 * DAY, end=NOW - 9 * DAY, attendees=(), attendee_count=0, location="Lisbon"),
    )
    world.pull_all()
    bob = relation(world, BOB)
    assert set(bob.away) == {theirs, (NOW - 30 * DAY, NOW - 20 * DAY)}
    assert relation(world, EVE).away == (), "nobody is silent there"


def test_without_the_leave_the_same_silence_is_one(world: World) -> None:
    world.receive(*exchange(BOB, *(40 + 14 * n for n in range(6))))
    world.pull_all()
    assert standing(relation(world, BOB), NOW) == "quiet"
    world.book(meeting("leave", NOW - 38 * DAY, end=NOW - 20 * DAY, attendees=(), attendee_count=0, is_out_of_office=True))
    world.pull_all()
    assert standing(relation(world, BOB), NOW) == "in_touch"


def test_a_replay_takes_the_same_absences_out(world: World) -> None:
    world.receive(
        *exchange(BOB, *(40 + 14 * n for n in range(6))),
        mail("away", BOB, ME, at=NOW - 39 * DAY, auto_submitted="auto-replied"),
    )
    world.book(meeting("leave", NOW - 30 * DAY, end=NOW - 20 * DAY, attendees=(), attendee_count=0, is_out_of_office=True))
    world.pull_all()
    with world.store.read() as db:
        [history] = histories.past(db, OWNER, NOW, since=NOW - 100 * DAY, until=NOW).histories
    assert set(history.away) == set(relation(world, BOB).away)


# Mails as evidence


def test_whether_the_owner_was_only_copied_is_known_of_a_mail(world: World) -> None:
    copied = mail("copied", BOB, EVE, at=NOW - 2 * DAY, cc=(ME,))
    world.receive(*exchange(BOB, 30), replace(copied, recipients=2), mail("meant", BOB, ME, at=NOW - 3 * DAY, cc=(EVE,)))
    world.pull_all()
    assert [(each.is_copy, each.recipients) for each in relation(world, BOB).mails[:2]] == [(True, 2), (False, 2)]


# The nightly sweep


def swept(world: World) -> Any:
    return sweep(world.store, OWNER, Terms(size=2), world.now)


def retained(world: World) -> Any:
    return retain(world.store, OWNER, world.now)


def subjects(world: World) -> set[str]:
    with world.store.read() as db:
        return set(db.execute(select(message.c.subject)).scalars())


def test_old_subjects_shrink_at_night_and_young_ones_stay(world: World) -> None:
    world.receive(*exchange(BOB, 100, 10), replace(mail("intro", EVE, ME, KIM, at=NOW - 200 * DAY), subject="Kim <> Ada"))
    world.pull_all()
    assert retained(world).shortened == 2
    assert subjects(world) == {"", "Kim <> Ada", f"about {BOB.email}-in-10", f"about {BOB.email}-out-10"}
    assert retained(world) is None
    world.now += DAY
    assert retained(world).shortened == 0


def test_what_is_older_than_the_retention_goes_with_all_that_was_counted_from_it(world: World) -> None:
    world.receive(*exchange(BOB, 900, 30), *exchange(EVE, 900))
    world.book(meeting("old", NOW - 800 * DAY, EVE), meeting("new", NOW - 20 * DAY, BOB))
    world.pull_all()
    world.catch_up()
    assert relation(world, BOB).interactions == 5
    assert retained(world).dropped == 5
    bob = relation(world, BOB)
    assert (bob.interactions, bob.meetings_held) == (3, 1)
    with world.store.read() as db:
        assert people.find(db, "ada", EVE.email) == []
    assert world.network().history_since == NOW - 730 * DAY
    assert world.rows() == world.rebuilt()
    world.now += DAY
    assert retained(world).dropped == 0


def test_forecasts_are_calibrated_from_what_came(world: World) -> None:
    world.receive(
        *[
            each
            for n in range(15)
            for each in exchange(Address(email=f"p{n}@o{n}.example", name=f"Anna Berg{chr(97 + n)}o"), *range(1, 700, 40))
        ]
    )
    world.pull_all()
    found = swept(world)
    assert found.shift < 0
    assert world.network().shift == found.shift


def test_the_month_is_chosen_at_night_and_stays(world: World) -> None:
    world.receive(*exchange(BOB, 90, 120, 200, 300), *exchange(EVE, 80, 160, 240))
    world.pull_all()
    first = swept(world).month
    assert first is not None
    assert len(first.people) == 2
    assert set(world.network().month) == {each.person_id for each in first.people}
    world.receive(mail("hello", ME, BOB, at=NOW + HOUR))
    world.now += 2 * DAY
    world.pull_all()
    assert swept(world).month.people == first.people
    assert list(world.network().month) == [each.person_id for each in first.people]


def test_a_month_survives_a_merge_and_loses_who_is_forgotten(world: World) -> None:
    home = Address(email="robert@home.example", name="Robert Other")
    world.receive(*exchange(BOB, 90), *exchange(EVE, 90), *exchange(home, 90))
    world.pull_all()
    with world.store.write() as db:
        ids = {each.addresses[0]: each.id for each in people.people(db, "ada")}
        chosen = tuple(Choice(person_id=ids[who.email], circle="strategic", why="x") for who in (BOB, EVE))
        months.keep(db, "ada", Month(name="2026-06", people=chosen, trades=("Bob Stone instead of Eve Fox: x.",)), NOW)
        people.merge(db, "ada", ids[home.email], ids[BOB.email])
    assert world.network().month == (ids[home.email], ids[EVE.email])
    with world.store.write() as db:
        people.forget(db, "ada", ("eve@further.example",), NOW)
        [kept] = months.kept(db, "ada")
    assert [each.person_id for each in kept.people] == [ids[home.email]]
    assert kept.trades == ()


def test_a_month_loses_the_lines_that_call_a_forgotten_one_by_a_single_word(world: World) -> None:
    mono = Address(email="teller@stage.example", name="Teller")
    world.receive(*exchange(BOB, 90), *exchange(mono, 90))
    world.pull_all()
    with world.store.write() as db:
        ids = {each.addresses[0]: each.id for each in people.people(db, "ada")}
        chosen = (Choice(person_id=ids[BOB.email], circle="strategic", why="x"),)
        lines = ("Bob Stone instead of Teller: x.", "Bob Stone instead of Ann Storyteller: x.")
        months.keep(db, "ada", Month(name="2026-06", people=chosen, trades=lines), NOW)
        people.forget(db, "ada", (mono.email,), NOW)
        [kept] = months.kept(db, "ada")
    assert kept.trades == ("Bob Stone instead of Ann Storyteller: x.",)


def test_a_ledger_of_long_ago_keeps_its_keys_and_no_words(world: World) -> None:
    long_ago = {
        "created_at": 0,
        "updated_at": 0,
        "evidence": '[{"text":"Bob"}]',
        "why": "Bob Stone",
        "action": "hold",
        "person": "p",
    }
    row = {"key": "k" * 26, "owner": "ada", "rule": "check_in", "cause": "lapse:0", "address": "bob@elsewhere.example"} | long_ago
    with world.store.write() as db:
        db.execute(insert(suggestion), row | {"state": "closed", "payload": '{"title":"Bob Stone","key":"k"}'})
    retention.drop_old(world.store, "ada", NOW - timedelta(days=730), NOW)
    with world.store.read() as db:
        [kept] = db.execute(select(suggestion)).mappings()
    assert "Bob" not in f"{kept['payload']} {kept['why']} {kept['evidence']}"
    assert (kept["key"], kept["cause"]) == ("k" * 26, "lapse:0")
