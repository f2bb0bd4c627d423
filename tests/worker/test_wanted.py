"""Of whom the owner wants to get to know, `month` says no more than is known: changed is not sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert

from rules import first_contact
from rules.addresses import match_key
from rules.network import Network
from rules.suggestions import CloseReason, Suggestion
from tests.worker.stage import EVA, MONDAY, Stage, thank_you
from tests.worker.world import OWNER
from worker.store import outbox
from worker.store.mapping import micros
from worker.store.store import Store
from worker.store.tables import party
from worker.verbs.wanted import wanted

NOBODY = Network(owner=OWNER)


@pytest.fixture
def stage(empty_store: Store) -> Stage:
    return Stage(store=empty_store)


def asked_for() -> Suggestion:
    return replace(thank_you(), rule=first_contact.RULE)


def ended(stage: Stage, reason: CloseReason) -> None:
    stage.plan(asked_for())
    entry = stage.entry(asked_for().key)
    with stage.store.write() as db:
        assert outbox.close(db, entry, reason, "", stage.now)


def is_done(stage: Stage) -> list[bool]:
    with stage.store.read() as db:
        return [each.is_done for each in wanted(db, "ada", NOBODY, MONDAY - timedelta(days=16))]


def test_a_draft_that_was_sent_is_done(stage: Stage) -> None:
    ended(stage, "done")
    assert is_done(stage) == [True]


def test_a_draft_that_was_changed_is_done_once_the_owner_has_written(stage: Stage) -> None:
    ended(stage, "owner_edited")
    assert is_done(stage) == [False]
    sent = {"owner": "ada", "address": match_key(EVA.email), "message": 1, "direction": "out", "role": "to", "recipients": 1}
    with stage.store.write() as db:
        db.execute(insert(party), sent | {"sent_at": micros(stage.now - timedelta(days=1))})
    assert is_done(stage) == [False], "that was before"
    with stage.store.write() as db:
        db.execute(insert(party), sent | {"sent_at": micros(stage.now + timedelta(days=1))})
    assert is_done(stage) == [True]


def test_a_draft_that_was_thrown_away_is_not_shown(stage: Stage) -> None:
    ended(stage, "owner_deleted")
    assert is_done(stage) == []
