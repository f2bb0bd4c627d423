"""Another time for a hold that was left untouched: by its own rule, in the same kind of time, where the owner then is."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest

from rules.network import Network, Owner, Past, Trip
from rules.placing import another_slot
from rules.rulebook import Rulebook
from rules.social import SocialTime
from rules.suggestions import Hold
from tests.worker.stage import ACCOUNT, MONDAY, Stage, check_in
from worker import rulebooks
from worker.store.entry import Entry

ADA = Owner(name="ada", zone="Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture
def book() -> Rulebook:
    return rulebooks.shipped()


def left(**changes: object) -> Entry:
    """A check-in on Wednesday that nobody touched."""
    stage, planned = Stage(), check_in()
    assert isinstance(planned.action, Hold)
    assert stage.plan(replace(planned, action=replace(planned.action, **changes)))  # type: ignore[arg-type]  # a field and its value
    return stage.entry(planned.key)


def around(**more: object) -> Network:
    return Network(**({"owner": ADA} | more))  # type: ignore[arg-type]  # a field and its value


def test_on_a_trip_it_is_by_the_clock_there(book: Rulebook) -> None:
    trip = Trip(uid="t", title="", start=MONDAY, end=MONDAY + timedelta(days=9), place="New York", zone="America/New_York")
    slot = another_slot(left().suggestion, around(trips=(trip,)), book, MONDAY)
    assert slot is not None
    assert slot.start.astimezone(NEW_YORK).time() == time(9)


def test_a_lunch_stays_a_lunch(book: Rulebook) -> None:
    lunch, coffee = SocialTime(kind="lunch", hours=((time(12), time(14)),)), SocialTime(kind="coffee", hours=((time(9), time(10)),))
    seen = around(owner=replace(ADA, social=(coffee, lunch)))
    slot = another_slot(left(social="lunch").suggestion, seen, book, MONDAY)
    assert slot is not None
    assert (slot.social, slot.start.astimezone(ZoneInfo("Europe/Berlin")).time()) == ("lunch", time(12))
    plain = another_slot(left().suggestion, seen, book, MONDAY)
    assert plain is not None
    assert plain.social is None


def test_the_time_of_another_hold_is_taken_and_its_own_is_not(book: Rulebook) -> None:
    entry = left()
    free = another_slot(entry.suggestion, around(), book, MONDAY)
    assert free is not None
    other = Past(
        key="other",
        rule="month",
        cause="month:2026-11",
        state="delivered",
        action="hold",
        created_at=MONDAY,
        at=free.start,
        until=free.end,
    )
    assert another_slot(entry.suggestion, around(ledger=(replace(other, key=entry.key),)), book, MONDAY) == free
    moved = another_slot(entry.suggestion, around(ledger=(other,)), book, MONDAY)
    assert moved is not None
    assert moved.start > free.start


def test_none_for_a_rule_that_is_gone_or_off(book: Rulebook) -> None:
    off = replace(book, rules=tuple(replace(rule, mode="off") for rule in book.rules))
    assert another_slot(left().suggestion, around(), off, MONDAY) is None
    assert another_slot(left().suggestion, around(), replace(book, rules=()), MONDAY) is None


def test_the_account_is_the_one_it_was_for() -> None:
    assert left().account == ACCOUNT
