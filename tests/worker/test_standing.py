"""A draft planned a moment ago by the owner's latest decision is not decided about again; anything new makes it so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rules.suggestions import Suggestion
from tests.worker.stage import Stage, check_in, thank_you
from worker.store import judging, sums
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
