"""What the owner does is feedback: deleting, moving, editing, sending, ticking and inviting, and what is learned from it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.port import Edited, Gone, Moved, Sent
from rules.addresses import match_key
from rules.engine import Keep
from rules.facts import Address, Attendee
from rules.people import OwnerKeys
from rules.slots import Slot
from rules.suggestions import Hold, Suggestion
from tests.worker.stage import EVA, ME, MONDAY, Stage, check_in, thank_you
from worker import feedback
from worker.store import accounts, outbox
from worker.store.store import Store


@pytest.fixture
def stage(empty_store: Store) -> Stage:
    stage = Stage(store=empty_store)
    stage.meet()
    return stage


def delivered(stage: Stage, suggestion: Suggestion) -> None:
    stage.plan(suggestion)
    stage.work()
    stage.later(hours=1)


def test_a_deleted_draft_means_not_this_time(stage: Stage) -> None:
    delivered(stage, thank_you())
    stage.delete_all()
    stage.work()
    assert stage.state(thank_you().key) == ("closed", "owner_deleted")
    assert not stage.plan(thank_you())
    assert stage.rows("stop") == []


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (Sent(), "done"),
        (Edited(), "owner_edited"),
        (Moved(), "owner_edited"),
        (Gone(), "owner_deleted"),
        (Gone(is_sure=False), "expired"),  # nothing is learned from it
    ],
)
def test_what_the_owner_took_in_hand_before_it_was_confirmed_ends_as_what_they_did(
    seen: Sent | Edited | Moved | Gone, reason: str
) -> None:
    assert feedback.fate(seen).reason == reason


def test_a_hold_that_cannot_be_looked_for_everywhere_is_let_go_in_the_end_and_teaches_nothing(stage: Stage) -> None:
    delivered(stage, check_in())
    with stage.store.read() as db:
        [entry] = outbox.read_all(db, "ada", states=["delivered"])
    assert feedback.verdict(entry, Gone(is_sure=False), Keep(), None, (), MONDAY) == feedback.Leave()
    ending = feedback.verdict(entry, Gone(is_sure=False), Keep(), None, (), entry.at + feedback.AFTERWARDS)
    assert isinstance(ending, feedback.Finish)
    assert (ending.reason, "could not be searched" in ending.note) == ("expired", True)


def test_two_discarded_for_a_person_stop_the_rule_for_that_person(stage: Stage) -> None:
    for meeting in (1, 2):
        delivered(stage, thank_you(meeting))
        stage.delete_all()
        stage.work()
    assert [(row["person"], row["rule"]) for row in stage.rows("stop")] == [("eva", "thank_you")]


def test_discards_at_two_addresses_of_one_person_count_together() -> None:
    stage = Stage()
    other = Address(email="eva@private.example")
    stage.meet("eva", [EVA.email, other.email])
    for suggestion in (check_in(0, person_id="old"), check_in(1, to=other, person_id="older")):
        delivered(stage, suggestion)
        stage.delete_all()
        stage.work()
    assert len(stage.rows("stop")) == 1


def test_two_discarded_for_different_rules_or_persons_stop_nothing(stage: Stage) -> None:
    other = Address(email="tom@third.example")
    stage.meet("tom", [other.email])
    for suggestion in (thank_you(), check_in(), thank_you(2, to=other, person_id="tom")):
        delivered(stage, suggestion)
        stage.delete_all()
        stage.work()
    assert stage.rows("stop") == []


def test_three_of_five_discarded_put_the_rule_to_review_and_say_so(stage: Stage) -> None:
    people = [Address(email=f"p{number}@third.example") for number in range(5)]
    for number, to in enumerate(people):
        stage.meet(f"p{number}", [to.email])
        delivered(stage, thank_you(number, to=to, person_id=f"p{number}"))
        (stage.send_drafts if number < 2 else stage.delete_all)()
        stage.work()
    [mode] = stage.rows("rule_mode")
    assert (mode["rule"], mode["mode"]) == ("thank_you", "review")
    assert mode["reason"] == "You discarded 3 of the last 5: from now on it asks first"


def test_what_a_rule_had_approved_by_itself_waits_once_it_is_in_review(stage: Stage) -> None:
    people = [Address(email=f"p{number}@third.example") for number in range(3)]
    later = thank_you(9, due_at=MONDAY + timedelta(days=1))
    stage.plan(later)
    for number, to in enumerate(people):
        delivered(stage, thank_you(number, to=to, person_id=f"p{number}"))
        stage.delete_all()
        stage.work()
    assert stage.state(later.key) == ("planned", None)


def test_a_rule_is_judged_only_by_what_came_after_its_last_change_of_mode(stage: Stage) -> None:
    for number in range(4):
        to = Address(email=f"p{number}@third.example")
        stage.meet(f"p{number}", [to.email])
        delivered(stage, thank_you(number, to=to, person_id=f"p{number}"))
        stage.delete_all()
        stage.work()
    [mode] = stage.rows("rule_mode")
    assert mode["at"] == int((MONDAY + timedelta(hours=3)).timestamp() * 1_000_000), (
        "the third decided; the fourth alone does not again"
    )


def test_a_withdrawn_suggestion_teaches_nothing(stage: Stage) -> None:
    for meeting in (1, 2, 3):
        delivered(stage, thank_you(meeting))
        stage.pointless = "You wrote"
        stage.work()
        stage.pointless = ""
    assert stage.rows("stop") == []
    assert stage.rows("rule_mode") == []


def test_a_sent_draft_is_done(stage: Stage) -> None:
    delivered(stage, thank_you())
    stage.send_drafts()
    stage.work()
    assert stage.state(thank_you().key) == ("closed", "done")


def test_an_edited_draft_is_the_owners_and_never_touched_again(stage: Stage) -> None:
    delivered(stage, thank_you())
    stage.edit_drafts()
    stage.pointless = "You met again"
    stage.work()
    assert stage.state(thank_you().key) == ("closed", "owner_edited")
    assert len(stage.drafts) == 1


def test_a_moved_hold_is_rescheduled_and_left_alone_even_when_it_becomes_pointless(stage: Stage) -> None:
    delivered(stage, check_in())
    stage.move_hold(timedelta(days=1))
    stage.work()
    entry = stage.entry(check_in().key)
    assert isinstance(entry.action, Hold)
    assert (entry.state, entry.at) == ("delivered", MONDAY + timedelta(days=3))
    assert entry.action.start == entry.at
    stage.pointless = "You wrote to Eva"
    stage.slot = Slot(start=MONDAY + timedelta(days=20), end=MONDAY + timedelta(days=20, minutes=25))
    for _ in range(12):
        stage.later(days=1)
        stage.work()
    assert [hold.fact.start for hold in stage.holds] == [MONDAY + timedelta(days=3)]
    assert stage.state(check_in().key) == ("closed", "owner_edited")


def test_a_moved_hold_that_is_then_deleted_counts_as_deleted(stage: Stage) -> None:
    delivered(stage, check_in())
    stage.move_hold(timedelta(days=1))
    stage.work()
    stage.delete_all()
    stage.later(hours=1)
    stage.work()
    assert stage.state(check_in().key) == ("closed", "owner_deleted")


@pytest.mark.parametrize("mark", ["✓ ", "✓", "✔️ ", "✅ "])
def test_a_tick_before_the_title_means_we_were_in_touch(stage: Stage, mark: str) -> None:
    delivered(stage, check_in())
    stage.later(days=3)
    stage.change_hold(summary=f"{mark}Eva Beispiel")
    stage.pull_events()
    stage.work()
    assert stage.state(check_in().key) == ("closed", "done")
    [touch] = stage.rows("note")
    assert (touch["person"], touch["kind"]) == ("eva", "touch")
    assert touch["at"] == int((MONDAY + timedelta(days=2)).timestamp() * 1_000_000)


def test_a_tick_that_a_pull_has_not_seen_yet_is_waited_for(stage: Stage) -> None:
    delivered(stage, check_in())
    stage.change_hold(summary="✓ Eva Beispiel")
    stage.work()
    assert stage.state(check_in().key) == ("delivered", None)
    stage.pull_events()
    stage.later(hours=1)
    stage.work()
    assert stage.state(check_in().key) == ("closed", "done")
    assert len(stage.rows("note")) == 1


def test_a_guest_added_by_hand_makes_the_hold_a_booked_meeting(stage: Stage) -> None:
    delivered(stage, check_in())
    stage.change_hold(attendees=(Attendee(address=ME), Attendee(address=EVA)))
    stage.pull_events()
    stage.pointless = "You have booked a meeting"
    stage.work()
    stage.later(days=9)
    stage.work()
    entry = stage.entry(check_in().key)
    assert (entry.state, entry.close_reason, entry.note) == ("closed", "done", "You invited them: it is a meeting now")
    assert len(stage.holds) == 1
    assert stage.rows("note") == []


def test_the_owner_alone_among_the_guests_is_no_invitation(stage: Stage) -> None:
    delivered(stage, check_in())
    stage.change_hold(attendees=(Attendee(address=ME),))
    stage.pull_events()
    stage.work()
    assert stage.state(check_in().key) == ("delivered", None)


def test_a_retitled_hold_is_left_alone_and_closed_when_its_time_has_passed(stage: Stage) -> None:
    delivered(stage, check_in())
    stage.change_hold(summary="Eva, lunch")
    stage.pointless = "You wrote to Eva"
    stage.work()
    assert stage.state(check_in().key) == ("delivered", None)
    stage.later(days=10)
    stage.work()
    assert stage.state(check_in().key) == ("closed", "owner_edited")
    assert len(stage.holds) == 1


def test_dismissing_what_waits_closes_it(stage: Stage) -> None:
    stage.plan(check_in(mode="review"))
    with stage.store.write() as db:
        assert feedback.dismiss(db, check_in().key, stage.now)
        assert not feedback.dismiss(db, check_in().key, stage.now)
    assert stage.state(check_in().key) == ("closed", "dismissed")


def test_dismissing_what_was_delivered_takes_it_away(stage: Stage) -> None:
    delivered(stage, check_in())
    with stage.store.write() as db:
        assert feedback.dismiss(db, check_in().key, stage.now)
    stage.work()
    assert stage.state(check_in().key) == ("closed", "dismissed")
    assert stage.holds == []


def test_dismissing_what_the_owner_has_changed_leaves_it_there(stage: Stage) -> None:
    delivered(stage, thank_you())
    stage.edit_drafts()
    with stage.store.write() as db:
        feedback.dismiss(db, thank_you().key, stage.now)
    stage.work()
    stage.work()
    assert stage.state(thank_you().key) == ("closed", "owner_edited")
    assert len(stage.drafts) == 1


def test_where_an_assistant_may_have_deleted_it_that_means_not_now_and_teaches_nothing(stage: Stage) -> None:
    helped = OwnerKeys(keys=frozenset({match_key(ME.email)}), principals={"pa@example.org": match_key(ME.email)})
    with stage.store.write() as db:
        accounts.register_owner(db, "ada", helped, "UTC")
    for episode in range(4):
        delivered(stage, check_in(episode))
        stage.delete_all()
        stage.later(hours=2)
        stage.work()
        assert stage.state(check_in(episode).key) == ("closed", "put_off")
    assert stage.rows("stop") == stage.rows("rule_mode") == []


def test_an_assistant_of_somebody_else_changes_nothing(stage: Stage) -> None:
    others = OwnerKeys(keys=frozenset({match_key(ME.email)}), principals={"pa@elsewhere.example": "eva@elsewhere.example"})
    with stage.store.write() as db:
        accounts.register_owner(db, "ada", others, "UTC")
    delivered(stage, check_in())
    stage.delete_all()
    stage.later(hours=2)
    stage.work()
    assert stage.state(check_in().key) == ("closed", "owner_deleted")
