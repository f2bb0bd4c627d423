"""How often an account is looked at by itself: soon while something comes, seldom while nothing does, and never too seldom."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from rules.network import Owner
from rules.people import OwnerKeys
from tests.connectors.contract_world import ME
from tests.connectors.google_world import GoogleWorld
from tests.simulators.google.calendars import Calendar
from tests.simulators.google.exchange import Clock
from tests.simulators.google.server import Google
from tests.simulators.google.serving import served
from worker import rulebooks
from worker.pipeline import Pipeline
from worker.polling import GROWTH, JITTER, next_look
from worker.store import accounts
from worker.store.accounts import StoredAccount
from worker.store.quota import StoredQuota
from worker.store.store import Store

MONDAY = datetime(2026, 11, 16, 10, tzinfo=UTC)
NIGHT, SUNDAY = MONDAY.replace(hour=2), MONDAY - timedelta(days=1)
POLL, PATIENCE = timedelta(minutes=2), timedelta(minutes=30)
OWNER = Owner(name="ada", zone="UTC")
PROJECT = 10_000
"""Requests a minute all owners of one Google project share."""


def an_account(waited: timedelta | None, now: datetime, *, is_early: bool = False) -> StoredAccount:
    last = None if waited is None else now - (waited / 2 if is_early else waited)
    then = now if waited is None or last is None else last + waited
    return StoredAccount(
        id="ada/work", owner="ada", name="work", provider="google", state="active", connected_at=MONDAY, last_ok_at=last, next_attempt_at=then
    )  # fmt: skip


def wait(account: StoredAccount, now: datetime = MONDAY, *, is_new: bool = False) -> timedelta:
    return next_look(account, OWNER, now, is_new=is_new, poll=POLL, patience=PATIENCE) - now


def test_the_first_look_and_any_that_finds_something_is_followed_soon() -> None:
    assert wait(an_account(None, MONDAY)) == POLL
    assert wait(an_account(PATIENCE, MONDAY), is_new=True) == POLL


def test_each_look_that_finds_nothing_lets_the_next_wait_longer_up_to_a_bound() -> None:
    now, waits = MONDAY, [POLL]
    for _ in range(20):
        now += waits[-1]
        waits.append(wait(an_account(waits[-1], now), now))
    assert all(before * GROWTH * (1 - JITTER) <= after <= before * GROWTH for before, after in pairwise(waits[:9]))
    assert PATIENCE * (1 - JITTER) <= waits[-1] <= PATIENCE


@pytest.mark.parametrize("now", [NIGHT, SUNDAY])
def test_outside_working_hours_it_waits_twice_as_long_and_at_work_no_longer(now: datetime) -> None:
    assert PATIENCE < wait(an_account(3 * PATIENCE, now), now) <= 2 * PATIENCE
    assert wait(an_account(3 * PATIENCE, MONDAY)) <= PATIENCE


@pytest.mark.parametrize("minutes", [1, 20, 29, 31, 45, 59])
def test_a_wait_that_began_before_work_leaves_nobody_unread_for_longer_in_working_hours(minutes: int) -> None:
    begins = MONDAY.replace(hour=OWNER.hours[0].hour, minute=OWNER.hours[0].minute)
    now = begins - timedelta(minutes=minutes)
    assert now + wait(an_account(3 * PATIENCE, now), now) <= begins + PATIENCE


def test_looks_that_were_asked_for_are_no_sign_of_idleness() -> None:
    asked = an_account(timedelta(minutes=10), MONDAY, is_early=True)
    assert wait(asked) <= timedelta(minutes=10)


def test_after_an_error_and_where_looks_cost_nothing_it_is_the_usual_poll() -> None:
    assert wait(replace(an_account(PATIENCE, MONDAY), error="Google answered 502.")) == POLL
    free = next_look(an_account(PATIENCE, MONDAY), OWNER, MONDAY, is_new=False, poll=POLL, patience=None)
    assert free == MONDAY + POLL


def test_a_thousand_idle_owners_use_less_than_a_fiftieth_of_their_projects_quota(tmp_path: Path) -> None:
    """One owner with three calendars in which nothing happens, for half a working day on a clock that is turned; times a thousand."""
    google = Google(Clock(at=MONDAY - timedelta(hours=3)))
    with served(google) as root:
        store = Store.open(f"sqlite:///{tmp_path}/idle.db")
        world = GoogleWorld(google, root)
        for name in ("team", "travel"):
            world.diary.calendars[name] = Calendar(id=name, summary=name)
        world.account = replace(world.account, quota=StoredQuota(store, google.clock))
        with store.write() as db:
            accounts.register_owner(db, "ada", OwnerKeys(keys=frozenset({ME.email})), "UTC")
            accounts.register(db, owner="ada", name="work", provider="google", addresses=[ME], now=google.clock())
        pipeline = Pipeline(
            store=store,
            clock=google.clock,
            open_connection=lambda _: world.open(),
            owner=lambda _: OWNER,
            rulebook=lambda _: rulebooks.shipped(),
            wording=rulebooks.wording(),
        )
        while google.clock() < MONDAY + timedelta(hours=4):
            pipeline.pull("ada/work")
            with store.read() as db:
                account = accounts.get(db, "ada/work")
            assert account.error == ""
            google.clock.turn(account.next_attempt_at - google.clock())
        asked = [one for one in google.ledger if one.method.startswith("calendar.") and one.at >= MONDAY]
        a_minute = len(asked) / (4 * 60) * 1000
        assert 0 < a_minute <= 0.02 * PROJECT
        world.add_event("1", title="x", description="", start=MONDAY, end=MONDAY + timedelta(hours=1))
        pipeline.pull("ada/work")
        with store.read() as db:
            assert accounts.get(db, "ada/work").next_attempt_at <= google.clock() + POLL, "something came: soon again"
        store.close()
    assert google.complaints == []
