"""Delivery to Google under crashes, faults and the owner's hand between them: one draft or hold, or none where it was removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from connectors.port import BEGINNING, PortError, Saved, Sent
from rules.engine import Keep, Withdraw
from rules.suggestions import Draft, Hold, Suggestion
from tests.connectors.google_world import GoogleWorld, google_world
from tests.worker.stage import Crash, check_in, thank_you
from worker import deliver
from worker.store import accounts, outbox
from worker.store.store import Store

ACCOUNT = "ada/work"
POINTS: tuple[deliver.Point, ...] = get_args(deliver.Point)
DELIVERING: tuple[deliver.Point, ...] = ("before the claim", "after the claim", "after the call", "after the confirmation")
FAULTS = (
    "commit then drop",
    "drop before",
    "truncate",
    "502 html",
    "500 html",
    "503",
    "429 seconds 5",
    "403 rateLimitExceeded",
    "401",
)
MADE = {"draft": "gmail.users.drafts.create", "hold": "calendar.events.insert"}


@dataclass
class Bench:
    """One installation on a pretended Google, whose clocks go together, and the owner's hands."""

    world: GoogleWorld
    suggestion: Suggestion
    store: Store = field(default_factory=lambda: Store.open("sqlite://"))
    pointless: str = ""
    crash_at: deliver.Point | None = None

    def __post_init__(self) -> None:
        with self.store.write() as db:
            accounts.register(db, owner="ada", name="work", provider="google", addresses=(), now=self.now())
            outbox.plan(db, "ada", ACCOUNT, self.suggestion, (), self.now())

    def now(self) -> datetime:
        return self.world.google.clock()

    @property
    def kind(self) -> str:
        return "draft" if isinstance(self.suggestion.action, Draft) else "hold"

    def work(self) -> None:
        """Attend to what is due on a connection of its own, as a worker does."""
        with self.store.read() as db:
            due = outbox.due(db, ACCOUNT, self.now())
        with closing(self.world.open()) as connection:
            for entry in due:
                deliver.attend(
                    deliver.Desk(
                        store=self.store,
                        connection=connection,
                        clock=self.now,
                        wanted=lambda _: Withdraw(why=self.pointless) if self.pointless else Keep(),
                        next_slot=lambda _: None,
                        passing=self.passing,
                    ),
                    entry,
                )

    def passing(self, point: deliver.Point) -> None:
        if point == self.crash_at:
            self.crash_at = None
            raise Crash

    def settle(self) -> None:
        """Let three more workers come, each after every wait has passed; what Google refuses them is noted."""
        for _ in range(3):
            self.world.google.clock.turn(timedelta(hours=7))
            with suppress(PortError):
                self.work()

    def state(self) -> tuple[str, str | None]:
        with self.store.read() as db:
            [entry] = outbox.read_all(db, "ada", states=[*outbox.OPEN, "closed"])
        return entry.state, entry.close_reason

    def objects(self) -> int:
        return len(self.world.drafts()) + len(self.world.holds())


@pytest.fixture(params=["draft", "hold"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    hold = check_in()
    assert isinstance(hold.action, Hold)
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=21)
    hold = replace(hold, action=replace(hold.action, start=start, end=start + timedelta(minutes=25)))
    with google_world() as world:
        bench = Bench(world, thank_you() if request.param == "draft" else hold)
        yield bench
        bench.store.close()


# The owner's hands


def delete(bench: Bench) -> None:
    if bench.kind == "draft":
        bench.world.mail.remove(next(iter(bench.world.mail.drafts.values())))
    else:
        bench.world.diary.cancel(bench.suggestion.key)


def edit(bench: Bench) -> None:
    if bench.kind == "draft":
        bench.world.mail.edit_draft(next(iter(bench.world.mail.drafts)))
    else:
        bench.world.diary.put({"id": bench.suggestion.key, "summary": "mine now"})


def send(bench: Bench) -> None:
    if bench.kind != "draft":
        pytest.skip("a hold cannot be sent")
    bench.world.mail.send_draft(next(iter(bench.world.mail.drafts)), keeps_id=False)


def lag(bench: Bench) -> None:
    """Let search not see what was added since, and history be forgotten: nothing tells any more."""
    bench.world.mail.lagging_since = 0
    bench.world.mail.forget_history()


@pytest.mark.parametrize("is_at_once", [True, False], ids=["another worker at once", "the same worker later"])
@pytest.mark.parametrize("point", DELIVERING)
def test_a_crash_at_any_point_leaves_one_whoever_retries(bench: Bench, point: deliver.Point, *, is_at_once: bool) -> None:
    bench.crash_at = point
    with pytest.raises(Crash):
        bench.work()
    if is_at_once:
        bench.work()
    bench.settle()
    assert bench.objects() == 1
    assert bench.state() == ("delivered", None)


@pytest.mark.parametrize("hand", [delete, edit, send])
@pytest.mark.parametrize("point", ["after the call", "after the confirmation"])
def test_what_the_owner_did_in_the_gap_stands(bench: Bench, point: deliver.Point, hand: Callable[[Bench], None]) -> None:
    bench.crash_at = point
    with pytest.raises(Crash):
        bench.work()
    hand(bench)
    before = bench.world.drafts(), bench.world.holds()
    bench.settle()
    bench.pointless = "You wrote to them"
    bench.settle()
    assert (bench.world.drafts(), bench.world.holds()) == before
    assert bench.objects() == (hand is not delete)


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_google_does_to_the_call_there_is_one_in_the_end(bench: Bench, fault: str) -> None:
    bench.world.google.fail(fault, MADE[bench.kind], times=1)
    with suppress(PortError):
        bench.work()
    bench.settle()
    assert bench.objects() == 1
    assert bench.state() == ("delivered", None)


def test_where_nothing_tells_of_the_first_attempt_nothing_is_made_before_it_can_be_known(bench: Bench) -> None:
    bench.crash_at = "after the call"
    with pytest.raises(Crash):
        bench.work()
    lag(bench)
    bench.world.google.clock.turn(timedelta(seconds=30))
    with suppress(PortError):
        bench.work()
    assert bench.objects() == 1
    bench.world.mail.lagging_since = None
    bench.settle()
    assert bench.objects() == 1
    assert bench.state() == ("delivered", None)


@pytest.mark.parametrize("hand", [None, send])
def test_an_installation_restored_from_before_the_call_makes_no_second(bench: Bench, hand: Callable[[Bench], None] | None) -> None:
    """It knows neither the object nor a witness: an intent that is still open looks everywhere first."""
    bench.work()
    if hand is not None:
        hand(bench)
    left = bench.objects()
    action = bench.suggestion.action
    with closing(bench.world.open()) as connection:
        mail, calendar = connection.mailbox, connection.calendar
        assert mail is not None
        assert calendar is not None
        found = mail.save_draft(action, BEGINNING) if isinstance(action, Draft) else calendar.save_hold(action, BEGINNING)
    assert isinstance(found, Sent if hand else Saved)
    assert bench.objects() == left


@pytest.mark.parametrize("point", ["after the intent", "after the removal", "after the closing"])
def test_a_crash_while_withdrawing_leaves_none_and_is_not_read_as_the_owners_will(bench: Bench, point: deliver.Point) -> None:
    bench.work()
    bench.pointless = "You wrote to Eva"
    bench.world.google.clock.turn(timedelta(hours=2))
    bench.crash_at = point
    with pytest.raises(Crash):
        bench.work()
    bench.settle()
    assert bench.objects() == 0
    assert bench.state() == ("closed", "withdrawn")


def test_every_point_is_tried() -> None:
    assert {*DELIVERING, "after the intent", "after the removal", "after the closing"} == set(POINTS)
