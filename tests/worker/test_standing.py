"""A draft planned a moment ago by the owner's latest decision is not decided about again; anything new makes it so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rules.addresses import match_key
from rules.suggestions import Suggestion
from tests.worker.stage import EVA, Stage, check_in, thank_you
from worker import feedback
from worker.store import judging, people, sums
from worker.store.standing import FRESH, is_fresh
from worker.store.store import Store


@pytest.fixture
def stage(empty_store: Store) -> Stage:
    return Stage(store=empty_store)


def decided(stage: Stage, suggestion: Suggestion) -> None:
    """Plan it as a decision does that leaves nobody to be looked at."""
    stage.plan(suggestion)
    with stage.store.write() as db:
        sums.settle(db, "ada", stage.now, {}, stage.now)


def stands(stage: Stage, suggestion: Suggestion) -> bool:
    entry = stage.entry(suggestion.key)
    with stage.store.read() as db:
        return is_fresh(db, entry, stage.now)


def test_a_draft_of_the_latest_decision_stands(stage: Stage) -> None:
    decided(stage, thank_you())
    assert stands(stage, thank_you())


def test_something_new_about_anybody_makes_it_worth_another_decision(stage: Stage) -> None:
    decided(stage, thank_you())
    with stage.store.write() as db:
        judging.wake(db, "ada", stage.now)
    assert not stands(stage, thank_you())


def test_mail_that_was_read_and_is_not_judged_yet_makes_it_worth_another_decision(stage: Stage) -> None:
    decided(stage, thank_you())
    with stage.store.write() as db:
        judging.put_off(db, "ada", [match_key(EVA.email)])
    assert not stands(stage, thank_you())


def test_whom_the_never_list_names_is_left_alone_also_where_they_are_seen_only_now(stage: Stage) -> None:
    stage.meet()
    decided(stage, thank_you())
    with stage.store.write() as db:
        people.describe(db, "ada", "eva", mute_reason="You put them on the never-list")
    assert not stands(stage, thank_you())


def test_a_dismissal_of_another_makes_it_worth_another_decision(stage: Stage) -> None:
    stage.plan(thank_you(1))
    decided(stage, thank_you(2))
    with stage.store.write() as db:
        feedback.dismiss(db, thank_you(1).key, stage.now)
    assert not stands(stage, thank_you(2))


def test_a_later_decision_in_which_it_was_not_planned_says_nothing_of_it(stage: Stage) -> None:
    decided(stage, thank_you())
    stage.now += timedelta(seconds=1)
    with stage.store.write() as db:
        sums.settle(db, "ada", stage.now, {}, stage.now)
    assert not stands(stage, thank_you())


def test_it_stands_for_a_moment_only(stage: Stage) -> None:
    decided(stage, thank_you())
    stage.now += FRESH
    assert not stands(stage, thank_you())


def test_a_hold_is_always_decided_about_again_for_the_calendar_may_have_filled(stage: Stage) -> None:
    decided(stage, check_in())
    assert not stands(stage, check_in())
