"""The outbox: what is planned once is planned for ever, and only one attempt at a time holds it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.port import Saved, Witness
from rules.addresses import match_key
from rules.facts import Address
from rules.suggestions import CloseReason, Draft, Suggestion
from tests.worker.stage import ACCOUNT, EVA, MONDAY, Stage, check_in, invitation, thank_you
from worker.store import accounts, outbox
from worker.store.due import due
from worker.store.entry import Entry
from worker.store.store import Store

LEASE = timedelta(minutes=5)
WITNESS = Witness("7")


@pytest.fixture
def stage(empty_store: Store) -> Stage:
    return Stage(store=empty_store)


def claim(stage: Stage, suggestion: Suggestion, witness: Witness = WITNESS) -> Entry | None:
    with stage.store.write() as db:
        return outbox.claim(db, suggestion.key, witness, stage.now, LEASE)


def confirm(stage: Stage, claimed: Entry, remote_id: str = "1") -> Entry | None:
    with stage.store.write() as db:
        return outbox.confirm(db, claimed, Saved(remote_id=remote_id, version="1", place="x"), stage.now, stage.now + LEASE)


def close(stage: Stage, suggestion: Suggestion, reason: CloseReason) -> bool:
    entry = stage.entry(suggestion.key)
    with stage.store.write() as db:
        return outbox.close(db, entry, reason, "", stage.now)


@pytest.mark.parametrize("suggestion", [thank_you(), check_in(), invitation()], ids=["draft", "hold", "invite"])
def test_a_suggestion_is_read_back_as_it_was_planned(stage: Stage, suggestion: Suggestion) -> None:
    stage.plan(suggestion)
    entry = stage.entry(suggestion.key)
    assert entry.action == suggestion.action
    assert replace(entry.suggestion, due_at=None) == suggestion


def test_planning_the_same_suggestion_again_changes_nothing(stage: Stage) -> None:
    assert stage.plan(thank_you())
    assert not stage.plan(replace(thank_you(), why="Another why"))
    assert stage.entry(thank_you().key).why == "You met on Monday"


def test_a_cause_known_for_another_address_of_the_person_is_not_planned_again(stage: Stage) -> None:
    other = Address(email="eva@private.example")
    assert stage.plan(thank_you())
    assert not stage.plan(thank_you(to=other), [match_key(EVA.email), match_key(other.email)])
    assert stage.plan(thank_you(meeting=2, to=other), [match_key(EVA.email), match_key(other.email)])


def test_somebody_who_was_on_the_draft_for_a_meeting_gets_no_second_one_for_it(stage: Stage) -> None:
    tom = Address(email="tom@third.example")
    both = thank_you()
    assert isinstance(both.action, Draft)
    assert stage.plan(replace(both, action=replace(both.action, to=(EVA, tom))))
    assert not stage.plan(thank_you(to=tom, person_id="tom"), [match_key(tom.email)])
    assert stage.plan(thank_you(meeting=2, to=tom, person_id="tom"), [match_key(tom.email)])


def test_a_closed_suggestion_is_never_planned_again(stage: Stage) -> None:
    stage.plan(thank_you())
    close(stage, thank_you(), "withdrawn")
    assert not stage.plan(thank_you())


def test_what_is_in_review_waits_for_approval(stage: Stage) -> None:
    stage.plan(thank_you(mode="review"))
    assert stage.due() == []
    with stage.store.write() as db:
        assert outbox.approve(db, thank_you().key, stage.now)
        assert not outbox.approve(db, thank_you().key, stage.now)
    assert [entry.key for entry in stage.due()] == [thank_you().key]


def test_an_invite_waits_for_the_owner_whatever_its_mode(stage: Stage) -> None:
    stage.plan(invitation())
    assert stage.state(invitation().key) == ("planned", None)


def test_nothing_is_due_before_its_time(stage: Stage) -> None:
    stage.plan(thank_you(due_at=MONDAY + timedelta(hours=1)))
    assert stage.due() == []
    assert claim(stage, thank_you()) is None
    stage.later(hours=1)
    assert len(stage.due()) == 1
    assert claim(stage, thank_you()) is not None


def test_only_one_claims_and_the_lease_runs_out(stage: Stage) -> None:
    stage.plan(thank_you())
    first = claim(stage, thank_you())
    assert first is not None
    assert claim(stage, thank_you()) is None
    stage.later(minutes=5)
    second = claim(stage, thank_you(), Witness("9"))
    assert second is not None
    assert second.fence > first.fence
    assert second.witness == WITNESS, "every attempt gets the witness of the first"


def test_a_stale_claim_can_neither_confirm_nor_postpone_nor_close(stage: Stage) -> None:
    stage.plan(thank_you())
    stale = claim(stage, thank_you())
    stage.later(minutes=5)
    current = claim(stage, thank_you())
    assert stale is not None
    assert current is not None
    assert confirm(stage, stale) is None
    with stage.store.write() as db:
        assert not outbox.postpone(db, stale, stage.now, "", stage.now)
        assert not outbox.close(db, stale, "failed", "", stage.now)
    assert confirm(stage, current) is not None


def test_what_was_closed_meanwhile_is_not_confirmed(stage: Stage) -> None:
    stage.plan(thank_you())
    claimed = claim(stage, thank_you())
    assert claimed is not None
    assert close(stage, thank_you(), "failed")
    assert confirm(stage, claimed) is None
    assert stage.state(thank_you().key) == ("closed", "failed")


def test_what_two_have_seen_is_closed_by_one(stage: Stage) -> None:
    stage.meet()
    stage.plan(check_in())
    seen = stage.entry(check_in().key)
    with stage.store.write() as db:
        assert outbox.close(db, seen, "done", "", stage.now)
        assert not outbox.close(db, seen, "dismissed", "", stage.now)
    assert stage.state(check_in().key) == ("closed", "done")
    assert [row["episode"] for row in stage.rows("person")] == [1]


def test_what_is_being_taken_away_is_closed_by_nobody_who_saw_it_before(stage: Stage) -> None:
    stage.plan(thank_you())
    stage.work()
    seen = stage.entry(thank_you().key)
    with stage.store.write() as db:
        assert outbox.intend(db, thank_you().key, "withdrawn", "You wrote", stage.now)
        assert not outbox.intend(db, thank_you().key, "dismissed", "", stage.now), "the first reason stands"
        assert not outbox.close(db, seen, "owner_deleted", "", stage.now)
    assert stage.state(thank_you().key) == ("delivered", "withdrawn")


def test_an_invite_is_never_to_be_taken_away(stage: Stage) -> None:
    stage.plan(invitation())
    with stage.store.write() as db:
        outbox.approve(db, invitation().key, stage.now)
    assert claim(stage, invitation()) is not None
    with stage.store.write() as db:
        assert not outbox.intend(db, invitation().key, "dismissed", "", stage.now)


def test_what_is_held_or_paused_is_no_reason_to_wake_anybody(stage: Stage) -> None:
    stage.plan(thank_you())
    assert due_verbs(stage) == [("deliver", ACCOUNT)]
    claim(stage, thank_you())
    assert due_verbs(stage) == [], "it is being worked on"
    stage.later(minutes=5)
    assert due_verbs(stage) == [("deliver", ACCOUNT)]
    with stage.store.write() as db:
        accounts.pause(db, ACCOUNT, "Signed out", "Connect again")
    assert due_verbs(stage) == []


def test_a_postponed_claim_stays_in_delivery_for_its_object_may_exist(stage: Stage) -> None:
    stage.plan(thank_you())
    claimed = claim(stage, thank_you())
    assert claimed is not None
    with stage.store.write() as db:
        assert outbox.postpone(db, claimed, stage.now + timedelta(minutes=1), "Too many requests", stage.now)
    assert stage.state(thank_you().key) == ("delivering", None)
    assert stage.due() == []
    stage.later(minutes=1)
    assert len(stage.due()) == 1


def test_what_a_clock_since_set_back_put_off_is_taken_up_at_once(stage: Stage) -> None:
    stage.plan(thank_you())
    stage.work_until_crash("after the call")
    assert stage.due() == [], "the crashed attempt still holds it"
    stage.later(days=-1)
    assert due_verbs(stage) == [("deliver", ACCOUNT)]
    stage.work()
    assert stage.state(thank_you().key) == ("delivered", None)
    assert len(stage.drafts) == 1
    assert (stage.due(), due_verbs(stage)) == ([], []), "looked at in an hour, as ever"


def test_what_was_delivered_before_the_clock_was_set_back_is_looked_at_and_what_is_planned_keeps_its_time(stage: Stage) -> None:
    stage.plan(thank_you())
    stage.work()
    stage.plan(thank_you(2, due_at=stage.now + timedelta(hours=3)))
    stage.later(days=-1)
    assert [entry.key for entry in stage.due()] == [thank_you().key]
    assert due_verbs(stage) == [("deliver", ACCOUNT)]
    stage.work()
    assert (stage.due(), due_verbs(stage)) == ([], [])
    stage.later(hours=1)
    assert [entry.key for entry in stage.due()] == [thank_you().key]


def due_verbs(stage: Stage) -> list[tuple[str, str]]:
    """Say what is to be delivered, as the ticker asks it."""
    with stage.store.read() as db:
        return [each for each in due(db, stage.now) if each[0] == "deliver"]


def test_a_paused_account_or_owner_claims_nothing(stage: Stage) -> None:
    stage.plan(thank_you())
    with stage.store.write() as db:
        accounts.pause_owner(db, "ada", stage.now + timedelta(days=1))
    assert claim(stage, thank_you()) is None
    stage.later(days=1)
    with stage.store.write() as db:
        accounts.pause(db, ACCOUNT, "Signed out", "Connect again")
    assert claim(stage, thank_you()) is None
    with stage.store.write() as db:
        accounts.resume(db, ACCOUNT, stage.now)
    assert claim(stage, thank_you()) is not None


def test_an_episode_rises_when_a_lapse_closes_and_not_otherwise(stage: Stage) -> None:
    stage.meet()
    stage.plan(check_in())
    stage.plan(thank_you())
    close(stage, thank_you(), "done")
    assert [row["episode"] for row in stage.rows("person")] == [0]
    close(stage, check_in(), "done")
    assert [row["episode"] for row in stage.rows("person")] == [1]


def test_an_episode_rises_for_whoever_has_the_address_after_a_merge(stage: Stage) -> None:
    stage.meet("merged")
    stage.plan(check_in(person_id="eva"))
    close(stage, check_in(), "done")
    assert [(row["id"], row["episode"]) for row in stage.rows("person")] == [("merged", 1)]


def test_snoozing_puts_off_the_suggestion_and_the_person(stage: Stage) -> None:
    stage.meet()
    stage.plan(check_in())
    until = MONDAY + timedelta(days=7)
    with stage.store.write() as db:
        assert outbox.snooze(db, check_in().key, until, stage.now)
    assert stage.due() == []
    stage.now = until
    assert len(stage.due()) == 1
    assert [row["snoozed_until"] for row in stage.rows("person")] == [int(until.timestamp() * 1_000_000)]


def test_what_waits_too_long_expires(stage: Stage) -> None:
    stage.plan(thank_you(mode="review", expires_at=MONDAY + timedelta(days=3)))
    with stage.store.write() as db:
        assert outbox.close_expired(db, "ada", stage.now) == 0
    stage.later(days=3)
    with stage.store.write() as db:
        assert outbox.close_expired(db, "ada", stage.now) == 1
    assert stage.state(thank_you().key) == ("closed", "expired")


def test_the_audit_says_what_was_written_and_is_only_added_to(stage: Stage) -> None:
    stage.plan(thank_you())
    stage.work()
    stage.delete_all()
    stage.later(hours=1)
    stage.work()
    verbs = [row["verb"] for row in stage.rows("audit")]
    assert verbs == ["plan", "create", "close"]
    assert all(row["key"] == thank_you().key for row in stage.rows("audit"))
