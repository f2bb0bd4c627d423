"""Whatever the owner does at Google and whatever Google does to us, store and simulator agree in the end, and nothing is there twice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from sqlalchemy import delete

from connectors.google import calendar, mail, reading
from rules.people import OwnerKeys
from tests.connectors.contract_world import ME
from tests.connectors.google_world import GoogleWorld, google_world
from worker.pull import pull
from worker.pulled import Pulled
from worker.store import accounts
from worker.store.mapping import event_of
from worker.store.store import Store
from worker.store.tables import metadata

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NUMBERS = st.integers(0, 20)
FAULTS = st.sampled_from(
    [
        "429",
        "429 seconds 1",
        "403 rateLimitExceeded",
        "403 quotaExceeded",
        "500 html",
        "502 html",
        "503",
        "drop before",
        "truncate",
        "repeat item",
        "401",
    ]
)
METHODS = st.sampled_from(
    ["*", "gmail.users.history.list", "gmail.users.messages.get", "gmail.users.messages.list", "calendar.events.list", "batch"]
)
STORE = Store.open("sqlite://")


class Sync(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()
        self.patch = self.open.enter_context(pytest.MonkeyPatch.context())
        for place, name, size in ((reading, "LIST_PAGE", 3), (mail, "READ", 2), (calendar, "PAGE", 2)):
            self.patch.setattr(place, name, size)
        self.world: GoogleWorld = self.open.enter_context(google_world())
        self.world.google.limits |= {"gmail": 10**9, "calendar": 10**9}
        with STORE.write() as db:
            for table in metadata.tables.values():
                if table.name != "meta":
                    db.execute(delete(table))
            accounts.register_owner(
                db, "ada", OwnerKeys(keys=frozenset({ME.email}), domains=frozenset({"example.org"})), "Europe/Berlin"
            )
            accounts.register(db, owner="ada", name="work", provider="google", addresses=[ME], now=NOW)
        self.count = 0

    def teardown(self) -> None:
        self.open.close()

    # The owner's hands and Google's moods

    @rule(hours=st.integers(0, 2000), labels=st.sampled_from([("INBOX",), ("SENT",), ("INBOX", "CATEGORY_PROMOTIONS")]))
    def mail_comes_or_goes(self, hours: int, labels: tuple[str, ...]) -> None:
        self.count += 1
        self.world.letter(f"m{self.count}@x.example", at=NOW - hours * HOUR, labels=labels)

    @precondition(lambda self: self.world.mail.mails)
    @rule(which=NUMBERS)
    def mail_is_deleted(self, which: int) -> None:
        names = sorted(self.world.mail.mails)
        self.world.mail.remove(names[which % len(names)])

    @precondition(lambda self: self.world.mail.mails)
    @rule(which=NUMBERS, label=st.sampled_from(["TRASH", "SPAM", "STARRED", "SENT"]))
    def mail_is_labelled(self, which: int, label: str) -> None:
        names = sorted(self.world.mail.mails)
        self.world.mail.label(names[which % len(names)], add={label})

    @rule(number=st.integers(0, 4), days=st.integers(-9, 9))
    def a_meeting_is_booked_or_moved(self, number: int, days: int) -> None:
        start = NOW + days * DAY
        self.world.add_event(f"meeting{number}", title=f"Meeting {number}", description="x", start=start, end=start + HOUR)

    @rule(number=st.integers(0, 4))
    def a_meeting_is_cancelled(self, number: int) -> None:
        found = [one for one in self.world.diary.calendars[ME.email].events.values() if one.get("iCalUID") == f"meeting{number}"]
        if found:
            self.world.diary.cancel(found[0]["id"])

    @rule(week=st.integers(0, 3))
    def a_series_loses_an_instance(self, week: int) -> None:
        when = {"dateTime": NOW.isoformat(), "timeZone": "Europe/Berlin"}
        end = {"dateTime": (NOW + HOUR).isoformat(), "timeZone": "Europe/Berlin"}
        self.world.diary.put({"id": "series0", "start": when, "end": end, "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=4"]})
        self.world.diary.cancel_instance("series0", NOW + timedelta(weeks=week))

    @rule(is_mail=st.booleans())
    def cursors_expire(self, *, is_mail: bool) -> None:
        self.world.mail.forget_history() if is_mail else self.world.diary.expire_tokens()

    @rule(kind=FAULTS, method=METHODS, nth=st.integers(1, 3), times=st.integers(1, 3))
    def google_is_in_a_mood(self, kind: str, method: str, nth: int, times: int) -> None:
        self.world.google.fail(kind, method, nth=nth, times=times, chance=random.Random(1))

    @rule()
    def tokens_end(self) -> None:
        self.world.google.oauth.expire_all()

    # Work

    @rule(pages=st.integers(1, 4))
    def a_slice_is_read(self, pages: int) -> None:
        left = iter(range(pages))
        self.pulled(lambda: next(left, None) is not None)

    @rule()
    def a_notification_comes_twice(self) -> None:
        self.pulled(lambda: True)
        self.pulled(lambda: True)

    def pulled(self, budget: object) -> Pulled:
        with STORE.write() as db:
            accounts.resume(db, "ada/work", NOW)
        with STORE.read() as db:
            account = accounts.get(db, "ada/work")
        return pull(STORE, self.world.open(), account, NOW, budget=budget)  # type: ignore[arg-type]  # a callable

    @rule()
    def in_the_end_both_agree(self) -> None:
        self.world.google.faults.clear()
        while not (done := self.pulled(lambda: True)).is_done:
            assert not done.error
        there = {one.id for one in self.world.mail.mails.values()}
        hidden = {one.id for one in self.world.mail.mails.values() if one.labels & {"SPAM", "TRASH"}}
        here = {remote for remote, *_ in rows("message", "remote_id")}
        assert there - hidden <= here <= there
        alive = {name for name, one in self.world.diary.calendars[ME.email].events.items() if one["status"] != "cancelled"}
        struck = {
            name
            for name, one in self.world.diary.calendars[ME.email].events.items()
            if one["status"] == "cancelled" and "recurringEventId" in one
        }
        stored = {remote for remote, *_ in rows("event", "remote_id", "account") if _[0]}
        assert alive <= stored <= alive | struck
        for remote, facts in rows("event", "remote_id", "facts"):
            if remote in alive:
                said = self.world.diary.calendars[ME.email].events[remote]["start"]["dateTime"]
                assert event_of(facts).start == datetime.fromisoformat(said), "it lies where it was moved to"
        for remote, labels in rows("message", "remote_id", "labels"):
            if remote in there - hidden:
                assert ("\\Sent" in labels) == ("SENT" in self.world.mail.mails[remote].labels)


def rows(table: str, *columns: str) -> Iterator[tuple[str, ...]]:
    found = metadata.tables[table]
    with STORE.read() as db:
        yield from (tuple(row) for row in db.execute(found.select().with_only_columns(*(found.c[name] for name in columns))))


TestSync = Sync.TestCase
TestSync.settings = settings(max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
