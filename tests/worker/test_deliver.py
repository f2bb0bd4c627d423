"""Delivery: exactly one object, or none where the owner removed it, whatever crashes, retries or runs beside it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest

from connectors.memory import Calendar
from connectors.port import AuthorizationExpired, Gone, PortError, RateLimited, Rejected, Saved, Unavailable
from rules.addresses import match_key
from rules.engine import Keep
from rules.facts import MessageMetadata
from rules.slots import Slot
from rules.suggestions import Hold, Suggestion
from tests.worker.stage import EVA, MONDAY, Crash, Stage, check_in, invitation, thank_you
from worker import deliver
from worker.heartbeat import LASTING
from worker.store import looking, outbox
from worker.store.entry import Entry
from worker.store.store import Store

POINTS: tuple[deliver.Point, ...] = get_args(deliver.Point)
DELIVERING: tuple[deliver.Point, ...] = ("before the claim", "after the claim", "after the call", "after the confirmation")
BOTH = pytest.mark.parametrize("suggestion", [thank_you(), check_in()], ids=["draft", "hold"])


@pytest.fixture
def stage(empty_store: Store) -> Stage:
    return Stage(store=empty_store)


def objects(stage: Stage) -> int:
    return len(stage.drafts) + len(stage.holds)


@BOTH
def test_what_is_approved_is_delivered_once(stage: Stage, suggestion: Suggestion) -> None:
    stage.plan(suggestion)
    stage.work()
    stage.later(hours=1)
    stage.work()
    assert objects(stage) == 1
    assert stage.state(suggestion.key) == ("delivered", None)


@BOTH
@pytest.mark.parametrize("point", DELIVERING)
def test_a_crash_at_any_point_of_delivery_leaves_one(stage: Stage, suggestion: Suggestion, point: deliver.Point) -> None:
    stage.plan(suggestion)
    assert stage.work_until_crash(point)
    for _ in range(3):
        stage.work()  # another worker at once
        stage.later(minutes=6)
        stage.work()
    assert objects(stage) == 1
    assert stage.state(suggestion.key) == ("delivered", None)


@BOTH
@pytest.mark.parametrize("point", ["after the call"])
@pytest.mark.parametrize("hand", [Stage.delete_all, Stage.edit_drafts, Stage.send_drafts], ids=["deleted", "edited", "sent"])
def test_what_the_owner_did_between_crash_and_retry_stands(
    stage: Stage, suggestion: Suggestion, point: deliver.Point, hand: Callable[[Stage], None]
) -> None:
    stage.plan(suggestion)
    stage.work_until_crash(point)
    hand(stage)
    left = objects(stage)
    for _ in range(3):
        stage.later(hours=2)
        stage.pointless = "You wrote to them"
        stage.work()
    if hand is Stage.delete_all:
        assert objects(stage) == 0
        assert stage.state(suggestion.key) == ("closed", "owner_deleted")
    elif isinstance(suggestion.action, Hold):
        assert objects(stage) == 0, "nobody touched the hold, so it is withdrawn as pointless"
    else:
        assert objects(stage) == left == 1


@BOTH
def test_a_lost_answer_is_followed_by_adoption_not_by_a_second(stage: Stage, suggestion: Suggestion) -> None:
    stage.plan(suggestion)
    stage.provider.fail_next(Unavailable("lost"), is_stored=True)
    with suppress(PortError):
        stage.work()
    assert stage.state(suggestion.key) == ("delivering", None)
    stage.later(hours=1)
    stage.work()
    assert objects(stage) == 1
    assert [row["verb"] for row in stage.rows("audit")] == ["plan", "adopt"]


def test_while_the_search_lags_nothing_is_created(stage: Stage) -> None:
    stage.plan(thank_you())
    stage.work_until_crash("after the call")
    stage.provider.is_lagging = True
    stage.later(minutes=6)
    stage.work()
    entry = stage.entry(thank_you().key)
    assert (entry.state, objects(stage)) == ("delivering", 1)
    assert entry.next_attempt_at == stage.now + timedelta(seconds=60)
    stage.provider.is_lagging = False
    stage.later(minutes=1)
    stage.work()
    assert (stage.state(thank_you().key), objects(stage)) == (("delivered", None), 1)


def test_after_a_restore_an_attempt_the_ledger_forgot_is_found(stage: Stage) -> None:
    stage.plan(thank_you())
    stage.work_until_crash("after the call")
    restored = Stage(provider=stage.provider)
    restored.plan(thank_you())
    restored.store.ledger_epoch = lambda: 1  # type: ignore[method-assign]  # what opening a backup sets
    restored.work()
    assert objects(restored) == 1
    assert restored.state(thank_you().key) == ("delivered", None)


def test_the_witness_is_committed_with_the_claim_and_never_changes(stage: Stage) -> None:
    stage.plan(thank_you())
    stage.work_until_crash("after the claim")
    first = stage.entry(thank_you().key).witness
    stage.plan(thank_you(meeting=2))
    stage.work()
    stage.later(minutes=6)
    stage.work_until_crash("after the claim")
    assert first is not None
    assert stage.entry(thank_you().key).witness == first


@BOTH
def test_a_worker_that_comes_back_late_leaves_one_object(stage: Stage, suggestion: Suggestion) -> None:
    """The first worker stalls after its call for longer than its lease; a second one adopts and confirms."""
    stage.plan(suggestion)

    def stall(point: deliver.Point) -> None:
        if point == "after the call":
            stage.between = lambda _: None
            stage.later(minutes=6)
            stage.work()

    stage.between = stall
    stage.work()
    stage.later(hours=1)
    stage.work()
    assert objects(stage) == 1
    assert stage.state(suggestion.key) == ("delivered", None)


def test_a_worker_that_creates_after_all_was_taken_away_removes_its_own(stage: Stage) -> None:
    """The first stalls before its call; the second delivers, and the owner deletes; the first then creates again."""
    stage.plan(thank_you())

    def stall(point: deliver.Point) -> None:
        if point == "after the claim":
            stage.between = lambda _: None
            stage.later(minutes=6)
            stage.work()
            stage.delete_all()
            stage.later(hours=1)
            stage.work()
            log = stage.provider.mail.log
            log[:] = [replace(entry, marker="") for entry in log]  # a provider that remembers nothing of what was deleted

    stage.between = stall
    stage.work()
    assert objects(stage) == 0
    assert stage.state(thank_you().key) == ("closed", "owner_deleted")


def test_what_a_late_worker_made_while_another_is_under_way_is_noted_and_taken_away(stage: Stage) -> None:
    stage.plan(thank_you())
    stale = claimed(stage)
    stage.later(minutes=6)
    current = claimed(stage)
    strange = stage.provider.mail.put("drafts", stage_fact("stray"), is_made=True)
    with stage.store.write() as db:
        assert outbox.hand_over(db, stale, saved("stray", strange.made_version), stage.now) is None
    with stage.store.write() as db:
        outbox.postpone(db, current, stage.now, "", stage.now)
    stage.work()
    assert [item.fact.subject for item in stage.drafts] == ["Thank you"]
    assert stage.entry(thank_you().key).stray is None


def test_a_stray_that_was_adopted_meanwhile_stays(stage: Stage) -> None:
    """The first made it and came late; the second, under way by then, finds that very object."""
    stage.plan(thank_you())

    def come_late(point: deliver.Point) -> None:
        if point == "after the call":
            stage.between = lambda _: None
            made = stage.drafts[0]
            stage.later(minutes=6)
            claimed(stage)
            with stage.store.write() as db:
                is_left = outbox.hand_over(db, stale, saved(made.fact.remote_id, made.made_version), stage.now)
            assert is_left is None

    stale = claimed(stage)
    stage.later(minutes=6)
    stage.between = come_late
    stage.work()
    stage.later(minutes=6)
    stage.work()
    assert objects(stage) == 1
    assert stage.state(thank_you().key) == ("delivered", None)
    assert stage.entry(thank_you().key).stray is None


def test_a_stray_is_taken_away_also_after_a_crash_behind_the_confirmation(stage: Stage) -> None:
    stage.plan(thank_you())
    stale = claimed(stage)
    stage.later(minutes=6)
    current = claimed(stage)
    strange = stage.provider.mail.put("drafts", stage_fact("stray"), is_made=True)
    with stage.store.write() as db:
        assert outbox.hand_over(db, stale, saved("stray", strange.made_version), stage.now) is None
        outbox.postpone(db, current, stage.now, "", stage.now)
    assert stage.work_until_crash("after the confirmation")
    assert len(stage.drafts) == 2
    stage.later(hours=1)
    stage.work()
    assert [item.fact.subject for item in stage.drafts] == ["Thank you"]


def test_one_that_was_taken_up_by_a_late_worker_is_the_owners_by_then(stage: Stage) -> None:
    """It stalled before its call; another delivered, and the owner has edited what the late one then finds."""
    stage.plan(thank_you())

    def stall(point: deliver.Point) -> None:
        if point == "after the claim":
            stage.between = lambda _: None
            stage.later(minutes=6)
            stage.work()
            for item in stage.drafts:
                item.made_version = stage.provider.mail.put("drafts", replace(item.fact, subject="Dear Eva")).version

    stage.between = stall
    stage.work()
    assert [item.fact.subject for item in stage.drafts] == ["Dear Eva"]


def test_two_who_look_at_once_while_one_takes_it_away_see_no_will_of_the_owners_in_it(stage: Stage) -> None:
    stage.plan(thank_you())
    stage.work()
    stage.pointless = "You wrote to Eva"
    stage.later(hours=1)
    (seen_before,) = stage.due()

    def other(point: deliver.Point) -> None:
        if point == "after the removal":
            stage.between = lambda _: None
            deliver.attend(stage.desk(), seen_before)

    stage.between = other
    stage.work()
    assert stage.state(thank_you().key) == ("closed", "withdrawn")
    assert stage.rows("stop") == []


def test_what_became_pointless_before_delivery_closes_itself(stage: Stage) -> None:
    stage.plan(thank_you())
    stage.pointless = "You wrote to Eva on Tuesday"
    stage.work()
    entry = stage.entry(thank_you().key)
    assert (entry.state, entry.close_reason, entry.note) == ("closed", "withdrawn", "You wrote to Eva on Tuesday")
    assert objects(stage) == 0


@BOTH
@pytest.mark.parametrize("point", [None, "after the intent", "after the removal", "after the closing"])
def test_an_untouched_object_that_became_pointless_is_withdrawn_and_not_read_as_deleted(
    stage: Stage, suggestion: Suggestion, point: deliver.Point | None
) -> None:
    stage.plan(suggestion)
    stage.work()
    stage.pointless = "You wrote to Eva on Tuesday"
    stage.later(hours=1)
    if point is None:
        stage.work()
    else:
        assert stage.work_until_crash(point)
        stage.pointless = ""
        stage.work()
        stage.later(hours=1)
        stage.work()
    assert objects(stage) == 0
    assert stage.state(suggestion.key) == ("closed", "withdrawn")


@BOTH
@pytest.mark.parametrize("is_about_them", [True, False])
def test_news_that_comes_while_one_is_looked_at_is_seen_at_the_next_turn(
    stage: Stage, suggestion: Suggestion, is_about_them: bool
) -> None:
    stage.meet()
    stage.plan(suggestion)
    stage.work()
    stage.later(hours=1)
    (entry,) = stage.due()

    def decided_before_it_was_stored(_: Entry) -> Keep:
        stage.later(seconds=1)
        stage.pointless = "You wrote to Eva"
        with stage.store.write() as db:
            if is_about_them:
                looking.look_at(db, "ada", [match_key(EVA.email)], stage.now)
            else:
                looking.look_again(db, "ada", stage.now)
        return Keep()

    deliver.attend(replace(stage.desk(), wanted=decided_before_it_was_stored), entry)
    assert stage.state(suggestion.key) == ("delivered", None)
    stage.later(seconds=1)
    stage.work()
    assert stage.state(suggestion.key) == ("closed", "withdrawn")


def test_a_pointless_attempt_whose_answer_was_lost_is_found_and_taken_away(stage: Stage) -> None:
    stage.plan(thank_you())
    stage.work_until_crash("after the call")
    assert objects(stage) == 1
    stage.pointless = "You wrote to Eva"
    stage.later(minutes=6)
    stage.work()
    assert objects(stage) == 0
    assert stage.state(thank_you().key) == ("closed", "withdrawn")


def test_an_edit_between_intent_and_removal_saves_the_draft(stage: Stage) -> None:
    stage.plan(thank_you())
    stage.work()
    stage.pointless = "You wrote to Eva"
    stage.later(hours=1)
    stage.between = lambda point: stage.edit_drafts() if point == "after the intent" else None
    stage.work()
    stage.between = lambda _: None
    assert stage.state(thank_you().key) == ("delivered", None)
    stage.work()
    assert objects(stage) == 1
    assert stage.state(thank_you().key) == ("closed", "owner_edited")


def test_a_draft_nobody_sent_is_taken_away_when_it_expires(stage: Stage) -> None:
    stage.plan(thank_you(expires_at=MONDAY + timedelta(days=3)))
    stage.work()
    stage.later(days=3)
    stage.work()
    assert objects(stage) == 0
    assert stage.state(thank_you().key) == ("closed", "expired")


def test_an_untouched_past_hold_is_moved_once_and_then_dropped(stage: Stage) -> None:
    stage.plan(check_in())
    stage.work()
    start = MONDAY + timedelta(days=7)
    stage.slot = Slot(start=start, end=start + timedelta(minutes=25))
    stage.later(days=4)
    stage.work()
    assert (stage.state(check_in().key), objects(stage)) == (("approved", None), 0)
    stage.work()
    assert [hold.fact.start for hold in stage.holds] == [start]
    stage.later(days=6)
    stage.work()
    assert (stage.state(check_in().key), objects(stage)) == (("closed", "expired"), 0)


@pytest.mark.parametrize("point", ["after the intent", "after the removal", "after the closing"])
def test_a_crash_while_a_hold_is_moved_leaves_one_hold(stage: Stage, point: deliver.Point) -> None:
    stage.plan(check_in())
    stage.work()
    start = MONDAY + timedelta(days=7)
    stage.slot = Slot(start=start, end=start + timedelta(minutes=25))
    stage.later(days=4)
    assert stage.work_until_crash(point)
    for _ in range(3):
        stage.work()
    assert [hold.fact.start for hold in stage.holds] == [start]


def test_an_invite_is_delivered_once_released_and_never_withdrawn(stage: Stage) -> None:
    stage.plan(invitation())
    stage.work()
    assert objects(stage) == 0
    with stage.store.write() as db:
        outbox.approve(db, invitation().key, stage.now)
    stage.work()
    stage.pointless = "You met"
    for _ in range(3):
        stage.later(hours=2)
        stage.work()
    assert [len(hold.fact.attendees) for hold in stage.holds] == [1]


@pytest.mark.parametrize(
    ("error", "state", "wait"),
    [
        (RateLimited("Slow down", retry_after=timedelta(seconds=90)), "delivering", timedelta(seconds=90)),
        (Unavailable("Away"), "delivering", None),
        (AuthorizationExpired("Signed out"), "delivering", None),
        (Rejected("Too long.", remedy="Shorten it."), "closed", None),
        (Rejected("No.", is_sure=False), "delivering", None),
    ],
)
def test_a_failure_of_the_call_decides_what_is_next(stage: Stage, error: PortError, state: str, wait: timedelta | None) -> None:
    stage.plan(thank_you())
    stage.between = lambda point: stage.provider.fail_next(error) if point == "after the claim" else None
    with suppress(PortError):
        stage.work()
    entry = stage.entry(thank_you().key)
    assert (entry.state, objects(stage)) == (state, 0)
    if state == "closed":
        assert (entry.close_reason, entry.note) == ("failed", "Too long. Shorten it.")
    elif wait is not None:
        assert entry.next_attempt_at == stage.now + wait
    else:
        assert stage.now < entry.next_attempt_at < stage.now + timedelta(minutes=5)


def test_a_hold_its_owner_may_have_put_where_one_cannot_look_is_made_nowhere_else(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = check_in()
    stage.plan(hold)
    stage.work()
    with stage.store.write() as db:
        assert outbox.intend(db, hold.key, "expired", "It was left untouched", stage.now)
    stage.slot = Slot(start=stage.now + timedelta(days=9), end=stage.now + timedelta(days=9, hours=1))
    monkeypatch.setattr(Calendar, "withdraw", lambda *_: Gone(is_sure=False))
    for _ in range(3):
        stage.later(hours=2)
        stage.work()
    assert (stage.state(hold.key)[0], stage.entry(hold.key).moves, len(stage.holds)) == ("delivered", 0, 1)


def test_what_is_refused_again_and_again_without_a_reason_fails_in_the_end(stage: Stage) -> None:
    stage.plan(thank_you())
    for number in range(deliver.ATTEMPTS):
        assert stage.entry(thank_you().key).state != "closed", number
        stage.between = lambda point: (
            stage.provider.fail_next(Rejected("No.", is_sure=False)) if point == "after the claim" else None
        )
        stage.now = max(stage.now, stage.entry(thank_you().key).next_attempt_at)
        stage.work()
    entry = stage.entry(thank_you().key)
    assert (entry.state, entry.close_reason, entry.note, objects(stage)) == ("closed", "failed", "No.", 0)


def test_waiting_doubles_with_every_attempt_and_has_an_end(stage: Stage) -> None:
    stage.plan(thank_you())
    waits = []
    for _ in range(14):
        stage.between = lambda point: stage.provider.fail_next(Unavailable("Away")) if point == "after the claim" else None
        with suppress(PortError):
            stage.work()
        waits.append(stage.entry(thank_you().key).next_attempt_at - stage.now)
        stage.now = stage.entry(thank_you().key).next_attempt_at
    assert waits == sorted(waits)
    assert waits[1] == 2 * waits[0]
    assert waits[-1] <= timedelta(hours=6)


def test_a_crash_never_reaches_an_exception_handler() -> None:
    assert not issubclass(Crash, Exception)


def stage_fact(remote_id: str) -> MessageMetadata:
    return MessageMetadata(remote_id=remote_id, message_id="stray@example.org", sent_at=MONDAY)


def saved(remote_id: str, version: int) -> Saved:
    return Saved(remote_id=remote_id, version=str(version), place="drafts")


def claimed(stage: Stage) -> Entry:
    desk = stage.desk()
    assert desk.connection.mailbox is not None
    witness = desk.connection.mailbox.witness()
    with stage.store.write() as db:
        entry = outbox.claim(db, thank_you().key, witness, stage.now, LASTING)
    assert entry is not None
    return entry
