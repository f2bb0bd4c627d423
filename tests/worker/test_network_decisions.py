"""From what the store knows to what the owner sees: decided, delivered and taken back through the pipeline."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from connectors.memory import Connection
from rules.facts import Address
from tests.worker.world import BOB, DAY, EVE, HOUR, ME, NOW, OWNER, World, mail, meeting
from worker.pipeline import Pipeline
from worker.rulebooks import shipped, wording
from worker.store import accounts, notes, people
from worker.store.tables import suggestion

SHIPPED, WORDING = shipped(), wording()
KIM = Address(email="kim@guest.example", name="Kim Guest")
LEO = Address(email="leo@guest.example", name="Leo Host")


@pytest.fixture
def world() -> World:
    made = World()
    with made.store.write() as db:
        accounts.start_owner(db, "ada", NOW - 60 * DAY)
    return made


def pipeline(world: World) -> Pipeline:
    return Pipeline(
        store=world.store,
        clock=lambda: world.now,
        open_connection=lambda _: Connection(world.provider),
        owner=lambda _: OWNER,
        rulebook=lambda _: SHIPPED,
        wording=WORDING,
    )


def rows(world: World) -> list[tuple[str, str, str]]:
    with world.store.read() as db:
        wanted = select(suggestion.c.rule, suggestion.c.address, suggestion.c.state).order_by(suggestion.c.created_at)
        return [(row.rule, row.address, row.state) for row in db.execute(wanted)]


def drafts(world: World) -> int:
    return sum(item.made is not None for item in world.provider.mail.items.values())


def thanked(world: World) -> Pipeline:
    """Two guests of one organisation were met for the first time, and their common draft lies in the mailbox."""
    verbs = pipeline(world)
    verbs.pull("ada/main")
    world.book(meeting("first", NOW + HOUR, KIM, LEO))
    verbs.pull("ada/main")
    world.now = NOW + 4 * HOUR
    verbs.pull("ada/main")
    verbs.decide("ada")
    assert [(rule, state) for rule, _, state in rows(world)] == [("thank_you", "approved")]
    verbs.deliver("ada/main")
    assert drafts(world) == 1
    return verbs


@pytest.mark.parametrize("who", [KIM, LEO])
def test_a_draft_to_two_guests_is_taken_back_when_the_owner_has_written_to_either(world: World, who: Address) -> None:
    verbs = thanked(world)
    world.now += HOUR
    world.receive(replace(mail("own", ME, who, at=world.now - timedelta(minutes=5)), labels=frozenset({"\\Sent"})), feed="sent")
    verbs.pull("ada/main")
    verbs.deliver("ada/main")
    assert drafts(world) == 0
    assert [state for _, _, state in rows(world)] == ["closed"]


def test_a_draft_to_two_guests_stays_while_nobody_was_written_to(world: World) -> None:
    verbs = thanked(world)
    world.now += HOUR
    world.receive(mail("other", ME, BOB, at=world.now - timedelta(minutes=5)), feed="sent")
    verbs.pull("ada/main")
    verbs.deliver("ada/main")
    assert drafts(world) == 1


def test_old_mail_that_comes_in_late_closes_no_open_draft(world: World) -> None:
    verbs = thanked(world)
    world.now += HOUR
    world.receive(mail("older", KIM, ME, at=NOW - 50 * DAY))
    world.receive(mail("old", ME, KIM, at=NOW - 40 * DAY), mail("old too", ME, LEO, at=NOW - 40 * DAY), feed="sent")
    verbs.pull("ada/main")
    verbs.decide("ada")
    verbs.deliver("ada/main")
    assert drafts(world) == 1
    assert [state for _, _, state in rows(world)] == ["delivered"]


def test_old_mail_that_comes_in_late_closes_no_open_hold_and_new_mail_does(world: World) -> None:
    verbs = pipeline(world)
    for days in range(80, 360, 14):
        world.receive(mail(f"in {days}", BOB, ME, at=NOW - days * DAY))
        world.receive(
            mail(f"out {days}", ME, BOB, at=NOW - (days - 1) * DAY, in_reply_to=(f"in {days}@mail.example",)), feed="sent"
        )
    while verbs.pull("ada/main"):
        pass
    verbs.decide("ada")
    verbs.deliver("ada/main")
    assert [(rule, state) for rule, _, state in rows(world)] == [("check_in", "delivered")]
    world.now += 2 * HOUR
    world.receive(mail("late in", BOB, ME, at=NOW - 82 * DAY))
    world.receive(mail("late out", ME, BOB, at=NOW - 81 * DAY), feed="sent")
    for _ in range(2):
        verbs.pull("ada/main")
        verbs.decide("ada")
        verbs.deliver("ada/main")
        assert [state for rule, _, state in rows(world)] == ["delivered"]
        world.now += 2 * HOUR
    world.receive(mail("new", ME, BOB, at=world.now - HOUR), feed="sent")
    verbs.pull("ada/main")
    verbs.decide("ada")
    verbs.deliver("ada/main")
    assert [state for rule, _, state in rows(world)] == ["closed"]


def test_a_promise_gets_time_before_it_is_due_and_loses_it_when_it_is_kept(world: World) -> None:
    verbs = pipeline(world)
    world.receive(mail("in", BOB, ME, at=NOW - 30 * DAY), mail("out", ME, BOB, at=NOW - 29 * DAY, in_reply_to=("in@mail.example",)))
    verbs.pull("ada/main")
    with world.store.write() as db:
        [bob] = people.find(db, "ada", BOB.email)
        due_at = datetime.combine((NOW + 4 * DAY).date(), NOW.timetz())
        notes.add(
            db, "ada", "promise", address="bob@elsewhere.example", person=bob.id, at=NOW, text="send the paper", due_at=due_at
        )
        people.touch(db, "ada", [bob.id], NOW)
    verbs.decide("ada")
    assert [(rule, state) for rule, _, state in rows(world)] == [("promise", "approved")]
    verbs.deliver("ada/main")
    world.now += HOUR
    world.receive(mail("paper", ME, BOB, at=world.now - timedelta(minutes=5)), feed="sent")
    verbs.pull("ada/main")
    verbs.decide("ada")
    verbs.deliver("ada/main")
    assert [state for rule, _, state in rows(world) if rule == "promise"] == ["closed"]
    assert not any(item.made is not None for item in world.provider.calendar.items.values())


def test_going_where_somebody_was_last_met_makes_time_for_them(world: World) -> None:
    verbs = pipeline(world)
    world.receive(
        mail("in", EVE, ME, at=NOW - 200 * DAY), mail("out", ME, EVE, at=NOW - 199 * DAY, in_reply_to=("in@mail.example",))
    )
    world.book(
        meeting("then", NOW - 190 * DAY, EVE, location="Rua Augusta 1, 1100-048 Lisboa, Portugal"),
        meeting("trip", NOW + 7 * DAY, location="Lisbon", end=NOW + 10 * DAY, attendees=(), attendee_count=0),
    )
    verbs.pull("ada/main")
    verbs.decide("ada")
    [(rule, address, _)] = [row for row in rows(world) if row[0] == "in_town"]
    assert (rule, address) == ("in_town", "eve@further.example")
