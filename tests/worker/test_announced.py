"""Invites that a hold announces: exactly one goes out when it said, and none once the owner has touched the hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from sqlalchemy import select

from connectors.port import Connection, PortError, Unavailable
from rules.inviting import ANNOUNCEMENT, announcement_key
from rules.network import Past
from rules.suggestions import Hold, Invite, Suggestion
from tests.connectors.contract_world import ME as GOOGLE_ME
from tests.connectors.google_world import GoogleWorld, google_world
from tests.worker.stage import ACCOUNT, EVA, MONDAY, Stage, invitation
from worker import deliver, feedback, report, views
from worker.store import outbox, surroundings
from worker.store.store import Store
from worker.store.tables import suggestion

GOES_OUT = MONDAY + timedelta(days=1)
DELIVERING: tuple[deliver.Point, ...] = ("before the claim", "after the claim", "after the call", "after the confirmation")


def announced(**more: object) -> Suggestion:
    """An invite for Thursday that goes out on Tuesday unless its hold is touched."""
    asked = replace(invitation(), due_at=GOES_OUT, expires_at=GOES_OUT + timedelta(days=1))
    hold = Hold(
        key=announcement_key("ada", asked.key, asked.address),
        title="Invitation to Eva",
        description="It goes out on Tuesday.",
        start=asked.action.start,  # type: ignore[union-attr]  # an invite
        end=asked.action.end,  # type: ignore[union-attr]  # as above
    )
    return replace(asked, announcement=hold, **more)  # type: ignore[arg-type]  # a field and its value


HOLD = announcement_key("ada", invitation().key, invitation().address)


@pytest.fixture
def stage(empty_store: Store) -> Stage:
    made = Stage(store=empty_store)
    made.meet()
    return made


def told(stage: Stage) -> None:
    """Plan it on Monday and let the hold lie there."""
    assert stage.plan(announced())
    stage.work()


def on_tuesday(stage: Stage, *, times: int = 4) -> None:
    """Work when it is to go out, and for some hours after."""
    stage.now = max(stage.now, GOES_OUT)
    for _ in range(times):
        stage.work()
        stage.later(hours=2)


def invites(stage: Stage) -> int:
    return sum(bool(item.fact.attendees) for item in stage.holds)


def holds(stage: Stage) -> int:
    return sum(not item.fact.attendees for item in stage.holds)


def test_the_hold_is_there_at_once_and_tells_nobody(stage: Stage) -> None:
    told(stage)
    (hold,) = stage.holds
    assert (hold.fact.attendees, hold.fact.organizer, hold.fact.visibility) == ((), None, "private")
    assert stage.state(announced().key) == ("approved", None)
    stage.later(hours=23)
    stage.work()
    assert (holds(stage), invites(stage)) == (1, 0)


def test_it_goes_out_once_when_it_said_and_the_hold_goes(stage: Stage) -> None:
    told(stage)
    stage.now = GOES_OUT
    stage.work()
    stage.pointless = "The invitation it announced has gone out."
    on_tuesday(stage)
    assert (holds(stage), invites(stage)) == (0, 1)
    assert stage.state(announced().key) == ("delivered", None)
    assert stage.state(HOLD) == ("closed", "withdrawn")


HANDS = {
    "deleted": Stage.delete_all,
    "moved": lambda stage: stage.move_hold(timedelta(hours=1)),
    "edited": lambda stage: stage.change_hold(summary="Not this week"),
    "ticked": lambda stage: stage.change_hold(summary="✓ Eva"),
}


@pytest.mark.parametrize("hand", HANDS.values(), ids=HANDS)
@pytest.mark.parametrize("is_seen_before", [True, False], ids=["seen before", "seen only then"])
def test_none_goes_out_once_the_owner_has_touched_the_hold(
    stage: Stage, hand: Callable[[Stage], None], is_seen_before: bool
) -> None:
    told(stage)
    hand(stage)
    lying = holds(stage)
    if is_seen_before:
        stage.later(hours=2)
        stage.work()
        assert stage.state(announced().key)[0] == "closed"
    on_tuesday(stage)
    assert (holds(stage), invites(stage)) == (lying, 0)
    assert stage.state(announced().key)[0] == "closed"
    assert stage.state(HOLD)[0] == "closed"


def test_a_veto_teaches_once(stage: Stage) -> None:
    told(stage)
    stage.delete_all()
    on_tuesday(stage)
    assert stage.state(announced().key) == ("closed", "owner_deleted")
    assert stage.rows("stop") == []
    assert stage.rows("rule_mode") == []
    assert stage.plan(replace(announced(), cause="lapse:1", key=type(announced().key)("2" * 26), announcement=None, mode="review"))
    with stage.store.write() as db:
        feedback.dismiss(db, type(announced().key)("2" * 26), stage.now)
    assert [(row["rule"], row["reason"]) for row in stage.rows("stop")] == [("invite", "You discarded it twice")]


@pytest.mark.parametrize("point", DELIVERING)
def test_a_crash_at_any_point_leaves_one_invitation(stage: Stage, point: deliver.Point) -> None:
    told(stage)
    stage.now = GOES_OUT
    assert stage.work_until_crash(point)
    for _ in range(3):
        stage.later(minutes=6)
        stage.work()
    assert invites(stage) == 1
    assert stage.state(announced().key) == ("delivered", None)


@pytest.mark.parametrize("hand", [Stage.delete_all, HANDS["moved"]], ids=["deleted", "moved"])
def test_none_goes_out_where_the_hold_was_touched_between_a_crash_and_the_next_attempt(
    stage: Stage, hand: Callable[[Stage], None]
) -> None:
    told(stage)
    stage.now = GOES_OUT
    assert stage.work_until_crash("after the claim")
    hand(stage)
    for _ in range(4):
        stage.later(minutes=6)
        stage.work()
    assert invites(stage) == 0
    assert stage.state(announced().key) == ("closed", "failed")
    assert "whether it went out" in stage.entry(announced().key).note


def test_one_that_is_out_already_is_adopted_though_the_hold_was_deleted_since(stage: Stage) -> None:
    told(stage)
    stage.now = GOES_OUT
    assert stage.work_until_crash("after the call")
    stage.provider.calendar.remove(f"hold.{HOLD}")
    stage.pull_events()
    stage.later(minutes=6)
    stage.work()
    assert invites(stage) == 1
    assert stage.state(announced().key) == ("delivered", None)


def test_none_goes_out_that_was_announced_too_late(stage: Stage) -> None:
    assert stage.plan(announced())
    stage.now = GOES_OUT - timedelta(hours=3)
    stage.work()
    on_tuesday(stage)
    assert invites(stage) == 0
    assert stage.state(announced().key) == ("closed", "expired")


def test_none_goes_out_that_could_not_be_announced(stage: Stage) -> None:
    assert stage.plan(announced())
    hold = stage.entry(HOLD)
    with stage.store.write() as db:
        outbox.close(db, hold, "failed", "The calendar takes nothing", stage.now)
    on_tuesday(stage)
    assert (holds(stage), invites(stage)) == (0, 0)
    assert stage.state(announced().key) == ("closed", "withdrawn")


def test_none_goes_out_a_day_late(stage: Stage) -> None:
    told(stage)
    stage.now = GOES_OUT + timedelta(days=1, minutes=1)
    on_tuesday(stage)
    assert invites(stage) == 0
    assert stage.state(announced().key) == ("closed", "expired")


def test_none_goes_out_while_the_calendar_cannot_say_whether_the_hold_stands(stage: Stage) -> None:
    told(stage)
    stage.now = GOES_OUT
    stage.provider.fail_next(Unavailable("Later."))
    with pytest.raises(PortError):
        deliver.attend(stage.desk(), stage.entry(announced().key))
    assert invites(stage) == 0
    assert stage.state(announced().key) == ("approved", None)


def test_dismissing_it_takes_the_hold_away_and_counts_once(stage: Stage) -> None:
    told(stage)
    with stage.store.write() as db:
        assert feedback.dismiss(db, announced().key, stage.now)
    stage.pointless = "What it announced does not go out."
    on_tuesday(stage)
    assert (holds(stage), invites(stage)) == (0, 0)
    assert stage.state(HOLD) == ("closed", "withdrawn")


def test_an_invite_that_is_not_announced_waits_for_the_owner(stage: Stage) -> None:
    assert stage.plan(invitation())
    on_tuesday(stage)
    assert stage.state(invitation().key) == ("planned", None)
    assert stage.holds == []


def test_an_invite_nobody_wants_any_more_is_not_sent_though_an_attempt_has_begun(stage: Stage) -> None:
    assert stage.plan(invitation())
    with stage.store.write() as db:
        outbox.approve(db, invitation().key, stage.now)
    assert stage.work_until_crash("after the claim")
    stage.pointless = "You have been in touch since."
    stage.later(minutes=6)
    stage.work()
    assert stage.holds == []
    assert stage.state(invitation().key) == ("closed", "failed")


def test_what_waited_past_its_own_time_is_closed(stage: Stage) -> None:
    assert stage.plan(invitation())
    with stage.store.write() as db:
        assert outbox.close_expired(db, "ada", MONDAY + timedelta(days=2)) == 0
        assert outbox.close_expired(db, "ada", MONDAY + timedelta(days=3, minutes=1)) == 1
    assert stage.state(invitation().key) == ("closed", "expired")


def test_a_declined_invitation_is_noted_as_that_and_the_ledger_says_so(stage: Stage) -> None:
    told(stage)
    stage.now = GOES_OUT
    stage.work()
    (invite,) = (item for item in stage.holds if item.fact.attendees)
    guests = tuple(replace(guest, response="declined") for guest in invite.fact.attendees)
    stage.provider.calendar.put("main", replace(invite.fact, attendees=guests))
    stage.pull_events()
    stage.later(hours=2)
    stage.work()
    assert stage.state(announced().key) == ("closed", "declined")
    with stage.store.read() as db:
        pasts: list[Past] = surroundings.ledger(db, "ada", stage.now)
    assert {past.rule: past.close_reason for past in pasts}["invite"] == "declined"
    assert EVA.email in {address for past in pasts for address in past.addresses}


def test_the_hold_and_its_invite_are_planned_together_or_not_at_all(stage: Stage) -> None:
    assert stage.plan(announced())
    assert not stage.plan(announced())
    with stage.store.read() as db:
        rules = db.execute(select(suggestion.c.rule).order_by(suggestion.c.rule)).scalars().all()
    assert rules == [ANNOUNCEMENT, "invite"]


def test_the_list_of_suggestions_says_when_it_goes_out(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    assert views.planned(announced(), {}).goes_out_at == GOES_OUT
    assert views.planned(invitation(), {}).goes_out_at is None
    told(stage)
    waiting = views.stored(stage.entry(announced().key), None)
    assert waiting.goes_out_at == GOES_OUT
    report.suggestions([waiting], UTC, empty="")
    assert "goes out Tue 17 Nov" in capsys.readouterr().out
    stage.now = GOES_OUT
    stage.work()
    assert views.stored(stage.entry(announced().key), None).goes_out_at is None


# At a calendar that mails its invitations


@pytest.fixture
def google() -> Iterator[GoogleWorld]:
    with google_world() as world:
        yield world


def at_google(stage: Stage, world: GoogleWorld) -> Connection:
    """Let the stage work in a Google calendar, and plan there."""
    connection = world.open()
    me = announced()
    assert isinstance(me.action, Invite)
    assert stage.plan(replace(me, action=replace(me.action, organizer=GOOGLE_ME)))
    return connection


def work(stage: Stage, connection: Connection, *, dies_at: deliver.Point | None = None) -> bool:
    """Attend to what is due; says whether it died."""
    stage.crash_at = dies_at
    desk = replace(stage.desk(), connection=connection)
    try:
        for entry in stage.due():
            deliver.attend(desk, entry)
    except BaseException as crash:
        if type(crash).__name__ != "Crash":
            raise
        return True
    return False


@pytest.mark.parametrize("point", DELIVERING)
def test_google_mails_one_invitation_whatever_crashes(stage: Stage, google: GoogleWorld, point: deliver.Point) -> None:
    connection = at_google(stage, google)
    work(stage, connection)
    assert [hold.attendees for hold in google.holds()] == [0]
    assert google.diary.outbox == []
    stage.now = GOES_OUT
    assert work(stage, connection, dies_at=point)
    for _ in range(3):
        stage.later(minutes=6)
        work(stage, connection)
    assert sorted(hold.attendees for hold in google.holds()) == [0, 1]
    assert len(google.diary.outbox) == 1


def test_google_mails_none_once_the_hold_is_deleted(stage: Stage, google: GoogleWorld) -> None:
    connection = at_google(stage, google)
    work(stage, connection)
    saved = stage.entry(HOLD).saved
    assert saved is not None
    google.delete_hold(saved)
    stage.now = GOES_OUT
    for _ in range(3):
        work(stage, connection)
        stage.later(hours=2)
    assert google.holds() == []
    assert google.diary.outbox == []
    assert stage.state(announced().key) == ("closed", "owner_deleted")
    assert stage.entry(HOLD).account == ACCOUNT
