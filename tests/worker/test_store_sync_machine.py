"""Whatever happens at the provider and however often reading is cut short, the store agrees with the source in the end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from connectors.port import RateLimited, Unavailable
from rules.facts import Address
from tests.worker.world import BOB, DAY, EVE, HOUR, ME, NEWS, NOW, World, mail, meeting
from worker.store.store import Store

NUMBERS = st.integers(1, 9)
PEOPLE = st.sampled_from([BOB, EVE, NEWS, Address(email="Bob+tag@elsewhere.example", name="B. Stone")])
FEEDS = st.sampled_from(["inbox", "sent"])


def chosen(items: Iterable[str], which: int) -> str:
    names = sorted(items)
    return names[which % len(names)]


def without(rows: list[tuple[object, ...]], column: int) -> list[tuple[object, ...]]:
    return sorted((row[:column] + row[column + 1 :] for row in rows), key=str)


HERE, THERE = Store.open("sqlite://"), Store.open("sqlite://")


class Sync(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World(given=HERE)
        self.turns: dict[str, int] = {}

    @rule(number=NUMBERS, who=PEOPLE, feed=FEEDS, is_draft=st.booleans(), days=st.integers(1, 400))
    def a_message_arrives(self, number: int, who: Address, feed: str, days: int, *, is_draft: bool) -> None:
        labels = frozenset({"\\Sent"} if feed == "sent" else set()) | ({"\\Drafts"} if is_draft else set())
        people = (ME, who) if feed == "sent" else (who, ME, EVE)
        fact = mail(number, *people, at=NOW - days * DAY, labels=labels)
        for item in list(self.world.provider.mail.items.values()):  # of copies that differ, the first one read would speak
            if item.fact.message_id == fact.message_id:
                self.world.receive(replace(fact, remote_id=item.fact.remote_id, labels=item.fact.labels), feed=item.feed)
        self.world.receive(fact, feed=feed)

    @precondition(lambda self: self.world.provider.mail.items)
    @rule(which=NUMBERS, copy=NUMBERS, feed=FEEDS)
    def a_message_is_filed_twice(self, which: int, copy: int, feed: str) -> None:
        fact = self.world.provider.mail.items[chosen(self.world.provider.mail.items, which)].fact
        self.world.receive(replace(fact, remote_id=f"copy{copy}"), feed=feed)

    @precondition(lambda self: self.world.provider.mail.items)
    @rule(which=NUMBERS, feed=FEEDS)
    def a_message_is_moved(self, which: int, feed: str) -> None:
        self.world.receive(self.world.provider.mail.items[chosen(self.world.provider.mail.items, which)].fact, feed=feed)

    @precondition(lambda self: self.world.provider.mail.items)
    @rule(which=NUMBERS)
    def a_message_is_removed(self, which: int) -> None:
        self.world.provider.mail.remove(chosen(self.world.provider.mail.items, which))

    @precondition(lambda self: self.world.provider.mail.items)
    @rule(which=NUMBERS)
    def a_message_is_removed_unseen(self, which: int) -> None:
        self.world.pull_all()
        self.world.provider.mail.remove(chosen(self.world.provider.mail.items, which))
        self.world.provider.expire_cursors()

    @rule(number=NUMBERS, who=PEOPLE, days=st.integers(2, 60), is_cancelled=st.booleans())
    def a_meeting_is_booked_or_moved(self, number: int, who: Address, days: int, *, is_cancelled: bool) -> None:
        status = "cancelled" if is_cancelled else "confirmed"
        self.world.book(meeting(f"single{number}", NOW + days * DAY, who, status=status))

    @rule(number=st.integers(1, 2), who=PEOPLE, weeks=st.integers(0, 3), count=st.integers(2, 6))
    def a_series_is_booked_or_changed(self, number: int, who: Address, weeks: int, count: int) -> None:
        start = NOW + 2 * DAY + timedelta(weeks=weeks)
        self.world.book(meeting(f"series{number}", start, who, recurrence=(f"RRULE:FREQ=WEEKLY;COUNT={count}",)))

    @rule(number=st.integers(1, 2), week=st.integers(0, 5), hours=st.integers(-3, 3), is_cancelled=st.booleans())
    def an_instance_is_moved_or_cancelled(self, number: int, week: int, hours: int, *, is_cancelled: bool) -> None:
        item = self.world.provider.calendar.items.get(f"series{number}")
        if item is not None:
            original = item.fact.start + timedelta(weeks=week)
            moved = original + hours * HOUR
            self.world.book(
                replace(
                    item.fact,
                    remote_id=f"series{number}.{original:%m%d}",  # no provider has two for one instance
                    recurrence=(),
                    original_start=original,
                    start=moved,
                    end=moved + HOUR,
                    status="cancelled" if is_cancelled else "confirmed",
                    sequence=1,
                )
            )

    @precondition(lambda self: self.world.provider.calendar.items)
    @rule(which=NUMBERS, is_unseen=st.booleans())
    def an_event_is_deleted(self, which: int, *, is_unseen: bool) -> None:
        self.world.provider.calendar.remove(chosen(self.world.provider.calendar.items, which))
        if is_unseen:
            self.world.provider.expire_cursors()

    @rule()
    def every_cursor_expires(self) -> None:
        self.world.provider.expire_cursors()

    @rule(pages=st.integers(0, 4))
    def a_pull_is_cut_short(self, pages: int) -> None:
        left = iter(range(pages))
        self.world.pull(budget=lambda: next(left, None) is not None)
        self.the_index_is_what_the_facts_give()

    @rule(error=st.sampled_from([Unavailable("down"), RateLimited("slow", retry_after=HOUR)]))
    def a_pull_fails(self, error: Unavailable) -> None:
        self.world.provider.fail_next(error)
        self.world.pull()
        self.world.provider.forget_failures()

    @precondition(lambda self: self.world.provider.mail.log or self.world.provider.calendar.log)
    @rule()
    def a_pull_comes_to_its_end(self) -> None:
        self.world.pull_all()
        assert self.world.stored_mail() == self.world.provided_mail()
        assert self.world.stored_events() == self.world.provided_events()
        self.the_index_is_what_the_facts_give()

    @rule()
    def another_store_reads_everything_at_once(self) -> None:
        self.world.pull_all()
        other = World(provider=self.world.provider, given=THERE)
        other.pull_all()
        here, there = self.world.rows(), other.rows()
        for name, original_start in (("occurrence", 1), ("attendance", 2)):  # a single event is named as first seen: not by all
            assert without(here[name], original_start) == without(there[name], original_start)
        assert here["party"] == there["party"]
        assert [row[:7] for row in here["address"]] == [row[:7] for row in there["address"]]

    def the_index_is_what_the_facts_give(self) -> None:
        assert self.world.rows() == self.world.rebuilt()

    @invariant()
    def no_feed_moves_back(self) -> None:
        for feed in self.world.feeds():
            assert feed.turn >= self.turns.get(feed.id, 0)
            self.turns[feed.id] = feed.turn


Sync.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=20,
    phases=[Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestSync = Sync.TestCase
