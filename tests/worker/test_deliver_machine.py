"""Whatever workers, crashes, stalls, lost answers and the owner's hands come together: one object, or none where removed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache
from typing import Literal, get_args

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import delete

from connectors.memory_provider import Item
from connectors.port import PortError, RateLimited, Unavailable
from rules.facts import Address, CalendarEvent, MessageMetadata
from rules.suggestions import Draft, Hold, Suggestion
from tests.worker.stage import MONDAY, Crash, Stage, check_in, thank_you
from worker.deliver import Point
from worker.store.store import Store
from worker.store.tables import metadata

POINTS: tuple[Point, ...] = get_args(Point)
Hand = Literal["delete", "edit", "send or move"]
Fault = Literal["lost answer", "unavailable", "rate limited", "search lags", "search caught up"]


@dataclass(frozen=True)
class Work:
    """One worker: it may stall at a point while other things happen, and may die there."""

    stall_at: Point | None = None
    meanwhile: tuple[Step, ...] = ()
    is_killed: bool = False


@dataclass(frozen=True)
class Wait:
    minutes: int


@dataclass(frozen=True)
class Touch:
    hand: Hand
    which: int


@dataclass(frozen=True)
class Fail:
    fault: Fault


Step = Work | Wait | Touch | Fail

simple: st.SearchStrategy[Step] = st.one_of(
    st.builds(Wait, st.sampled_from([1, 6, 90])),
    st.builds(Touch, st.sampled_from(get_args(Hand)), st.integers(0, 2)),
    st.builds(Fail, st.sampled_from(get_args(Fault))),
    st.just(Work()),
)
inner: st.SearchStrategy[Step] = st.one_of(
    simple, st.builds(Work, st.sampled_from(POINTS), st.lists(simple, max_size=3).map(tuple), st.booleans())
)
works: st.SearchStrategy[Work] = st.builds(Work, st.sampled_from(POINTS), st.lists(inner, max_size=4).map(tuple), st.booleans())


@lru_cache
def shared_store() -> Store:
    return Store.open("sqlite://")


def wiped() -> Store:
    store = shared_store()
    with store.write() as db:
        for table in reversed(metadata.sorted_tables):
            if table.name != "meta":
                db.execute(delete(table))
    return store


def suggestions() -> list[Suggestion]:
    far = MONDAY + timedelta(days=300)
    hold = check_in(to=Address(email="tom@third.example"))
    assert isinstance(hold.action, Hold)
    action = replace(hold.action, start=far, end=far + timedelta(minutes=25))
    return [thank_you(1), thank_you(2, to=Address(email="kim@third.example")), replace(hold, action=action)]


@dataclass
class Touched:
    """What the owner did, by key."""

    deleted: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)


class Delivery(RuleBasedStateMachine):
    @initialize(some=st.sampled_from([[0], [2], [0, 2], [0, 1, 2]]))
    def begin(self, some: list[int]) -> None:
        self.stage = Stage(store=wiped())
        self.planned = [suggestions()[number] for number in some]
        for suggestion in self.planned:
            self.stage.plan(suggestion)
        self.touched = Touched()
        self.was_pointless = False

    # What happens

    @rule(work=works)
    def work(self, work: Work) -> None:
        self.do(work)

    @rule(step=simple)
    def happen(self, step: Step) -> None:
        self.do(step)

    @precondition(lambda self: any(self.objects(each) for each in self.planned))
    @rule(hand=st.sampled_from(get_args(Hand)), which=st.integers(0, 2), then=st.one_of(st.just(Work()), works))
    def touch_and_work(self, hand: Hand, which: int, then: Work) -> None:
        self.touch(hand, which)
        self.do(Wait(90))
        self.do(then)

    @rule()
    def judge(self) -> None:
        """Let the rules change their mind; what was delivered is looked at again, as after a pull."""
        self.stage.pointless = "" if self.stage.pointless else "You wrote to them"
        self.was_pointless |= bool(self.stage.pointless)
        self.stage.later(hours=1)

    def do(self, step: Step) -> None:
        match step:
            case Work():
                self.run_worker(step)
            case Wait(minutes=minutes):
                self.stage.later(minutes=minutes)
            case Touch(hand=hand, which=which):
                self.touch(hand, which)
            case Fail(fault=fault):
                self.fail(fault)

    def run_worker(self, work: Work) -> None:
        """Run a worker over all that is due; nested workers run while it stalls."""
        before = self.stage.between
        is_stalled = False

        def stall(point: Point) -> None:
            nonlocal is_stalled
            if point != work.stall_at or is_stalled:
                return
            is_stalled = True
            for step in work.meanwhile:
                self.do(step)
            if work.is_killed:
                raise Crash

        self.stage.between = stall
        try:
            with suppress(Crash, PortError):
                self.stage.work()
        finally:
            self.stage.between = before

    def objects(self, suggestion: Suggestion) -> list[Item[MessageMetadata] | Item[CalendarEvent]]:
        action = suggestion.action
        if isinstance(action, Draft):
            return [item for item in self.stage.drafts if item.fact.message_id == action.message_id]
        return [item for item in self.stage.holds if item.fact.rekindle_key == action.key]

    def touch(self, hand: Hand, which: int) -> None:
        """Let the owner do something with what lies there, as far as it is still a draft or hold."""
        lying = [(suggestion.key, item) for suggestion in self.planned for item in self.objects(suggestion)]
        for key, item in lying[which % max(len(lying), 1) :][:1]:
            if hand == "delete":
                self.remove(item)
                self.touched.deleted.add(key)
            else:
                self.change(item, hand)
                self.touched.changed.add(key)

    def remove(self, item: Item[MessageMetadata] | Item[CalendarEvent]) -> None:
        shelf = self.stage.provider.mail if isinstance(item.fact, MessageMetadata) else self.stage.provider.calendar
        shelf.remove(item.fact.remote_id)

    def change(self, item: Item[MessageMetadata] | Item[CalendarEvent], hand: Hand) -> None:
        fact = item.fact
        if isinstance(fact, CalendarEvent):
            later = {"start": fact.start + timedelta(hours=1), "end": fact.end + timedelta(hours=1)} if hand != "edit" else {}
            self.stage.provider.calendar.put("main", replace(fact, summary=f"{fact.summary}{'' if later else '!'}", **later))  # type: ignore[arg-type]  # start and end
        elif hand == "edit":
            self.stage.provider.mail.put(item.feed, replace(fact, subject=f"{fact.subject}!"))
        else:
            self.stage.provider.mail.put("sent", replace(fact, labels=frozenset({"\\Sent"})))

    def fail(self, fault: Fault) -> None:
        match fault:
            case "lost answer":
                self.stage.provider.fail_next(Unavailable("lost"), is_stored=True)
            case "unavailable":
                self.stage.provider.fail_next(Unavailable("away"))
            case "rate limited":
                self.stage.provider.fail_next(RateLimited("slow down", retry_after=timedelta(minutes=2)))
            case "search lags" | "search caught up":
                self.stage.provider.is_lagging = fault == "search lags"

    # What holds

    @invariant()
    def never_two(self) -> None:
        for suggestion in getattr(self, "planned", []):
            assert len(self.objects(suggestion)) <= 1

    def teardown(self) -> None:
        """Let everything come to rest, then look at what is left."""
        if not hasattr(self, "planned"):
            return
        self.stage.provider.is_lagging = False
        self.stage.provider.forget_failures()
        for _ in range(6):
            self.stage.later(hours=7)
            with suppress(PortError):
                self.stage.work()
        for suggestion in self.planned:
            self.check(suggestion)

    def check(self, suggestion: Suggestion) -> None:
        state, reason = self.stage.state(suggestion.key)
        left = len(self.objects(suggestion))
        if suggestion.key in self.touched.deleted:
            assert (left, state) == (0, "closed"), "what the owner removed never comes back"
        elif suggestion.key in self.touched.changed:
            assert left == 1, "what the owner changed is never taken away"
        elif self.stage.pointless:
            assert (left, state, reason) == (0, "closed", "withdrawn")
        elif self.was_pointless:
            assert (left, state, reason) in {(1, "delivered", None), (0, "closed", "withdrawn")}
        else:
            assert (left, state) == (1, "delivered"), "exactly one, and it is known"
        assert reason != "owner_deleted" or suggestion.key in self.touched.deleted, "our own doing is never read as the owner's"


Delivery.TestCase.settings = settings(
    max_examples=100, stateful_step_count=10, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestDelivery = Delivery.TestCase
