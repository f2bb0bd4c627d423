"""Whatever the owner does in Outlook and whatever Graph does to us, store and simulator agree in the end, and nothing is there twice."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from sqlalchemy import delete, select

from connectors.microsoft import calendar, mail
from connectors.microsoft.events import key_of
from connectors.port import Calendar, Gone, Mailbox, PortError, Saved, Unclear, Witness
from rules.people import OwnerKeys
from tests.connectors.contract import ME, a_draft, a_hold
from tests.connectors.microsoft_world import MicrosoftWorld
from tests.simulators.microsoft.agenda import moment
from tests.simulators.microsoft.faults import Kind
from tests.simulators.microsoft.graph import NOON
from worker.pull import pull
from worker.pulled import Pulled
from worker.store import accounts
from worker.store.store import Store
from worker.store.tables import event, message, metadata

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NUMBERS = st.integers(0, 20)
KINDS: st.SearchStrategy[Kind] = st.sampled_from(
    ["429", "429-silent", "MailboxConcurrency", "503", "504", "500-html", "drop", "lose", "truncate", "html", "410"]
)
PATHS = st.sampled_from(["batch", "messages/delta", "calendarView/delta", "messages$", "events$", ".*"])
STORE = Store.open("sqlite://")


class Sync(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()
        patch = self.open.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(mail, "PAGE", 3)
        patch.setattr(calendar, "PAGE", 2)
        self.world = MicrosoftWorld(Path(self.open.enter_context(tempfile.TemporaryDirectory())))
        self.open.callback(self.world.close)
        with STORE.write() as db:
            for table in metadata.tables.values():
                if table.name != "meta":
                    db.execute(delete(table))
            accounts.register_owner(db, "ada", OwnerKeys(keys=frozenset({ME.email})), "UTC")
            accounts.register(db, owner="ada", name="work", provider="microsoft", addresses=[ME], now=NOON)
        self.numbers = count()
        self.witnesses: dict[str, Witness] = {}
        self.struck: set[str] = set()
        """Keys of holds the owner has deleted, while the log since they were made is there."""
        self.series: str | None = None

    def teardown(self) -> None:
        violations = list(self.world.graph.violations)
        self.open.close()
        assert violations == []

    # The owner's hands and Graph's moods

    @rule(hours=st.integers(0, 2000), folder=st.sampled_from(["inbox", "sentitems", "archive", "drafts"]))
    def mail_comes(self, hours: int, folder: str) -> None:
        self.world.mail(f"m{next(self.numbers)}@x.example", at=NOON - hours * HOUR, folder=folder)

    @precondition(lambda self: self.world.box.post.messages)
    @rule(which=NUMBERS, where=st.sampled_from(["inbox", "archive", "deleteditems", "junkemail", "for good"]))
    def mail_is_moved_or_deleted(self, which: int, where: str) -> None:
        names = sorted(self.world.box.post.messages)
        name = names[which % len(names)]
        self.world.box.post.remove(name) if where == "for good" else self.world.box.post.move(name, where)

    @rule(number=st.integers(0, 3), days=st.integers(-9, 9))
    def a_meeting_is_booked_or_moved(self, number: int, days: int) -> None:
        start = NOON + days * DAY
        self.world.add_event(f"meeting{number}", title=f"Meeting {number}", description="x", start=start, end=start + HOUR)

    @precondition(lambda self: self.series is None)
    @rule(has_masters=st.booleans())
    def a_series_is_booked(self, *, has_masters: bool) -> None:
        agenda = self.world.box.agenda
        agenda.has_masters_in_views = has_masters
        self.series = agenda.add_series(start=NOON, length=HOUR, every=7 * DAY, count=4, subject="Weekly", iCalUId="weekly")[0][
            "id"
        ]

    @precondition(lambda self: self.world.box.agenda.events)
    @rule(which=NUMBERS, is_struck=st.booleans())
    def an_event_is_struck_or_moved(self, which: int, *, is_struck: bool) -> None:
        agenda = self.world.box.agenda
        name = sorted(agenda.events)[which % len(agenda.events)]
        if is_struck:
            self.struck.add(key_of(agenda.events[name]))
            agenda.remove(name)
            self.series = None if name == self.series else self.series
        elif agenda.events[name]["type"] != "seriesMaster":
            agenda.touch(name, start=moment(NOON + which * DAY), end=moment(NOON + which * DAY + HOUR))

    @rule(is_replaying=st.booleans(), has_empty_pages=st.booleans())
    def deltas_behave_badly(self, *, is_replaying: bool, has_empty_pages: bool) -> None:
        for log in (self.world.box.post.log, self.world.box.agenda.log):
            log.is_replaying, log.has_empty_pages = is_replaying, has_empty_pages

    @rule()
    def every_link_is_lost(self) -> None:
        self.world.graph.expire_everything()
        self.struck.clear()

    @rule(kind=KINDS, path=PATHS, nth=st.integers(1, 3))
    def graph_is_in_a_mood(self, kind: Kind, path: str, nth: int) -> None:
        self.world.graph.fault(kind, path="delta$" if kind == "410" else path, nth=nth)  # said of links alone

    @rule(days=st.integers(1, 70))
    def time_passes_and_the_window_rolls(self, days: int) -> None:
        if self.world.graph.clock < NOON + 200 * DAY:
            self.world.graph.clock += days * DAY

    @rule(seconds=st.sampled_from([0, 5, 90]))
    def a_search_lags(self, seconds: int) -> None:
        self.world.box.lag = timedelta(seconds=seconds)

    # Work

    @rule(pages=st.integers(1, 4))
    def a_slice_is_read(self, pages: int) -> None:
        left = iter(range(pages))
        self.pulled(lambda: next(left, None) is not None)

    @rule(number=st.integers(0, 2), is_draft=st.booleans())
    def something_of_ours_is_saved(self, number: int, *, is_draft: bool) -> None:
        name = f"{'draft' if is_draft else 'hold'}{number}"
        try:
            opened = self.world.open()
            side: Mailbox | Calendar | None = opened.mailbox if is_draft else opened.calendar
            assert side is not None
            if name not in self.witnesses:
                self.witnesses[name] = side.witness()
            found = (
                side.save_draft(a_draft(f"meeting:{number}"), self.witnesses[name])  # type: ignore[union-attr]  # is_draft says which
                if is_draft
                else side.save_hold(a_hold(f"lapse:{number}"), self.witnesses[name])  # type: ignore[union-attr]  # is_draft says which
            )
            assert isinstance(found, Saved | Gone | Unclear)
        except PortError:
            pass
        copies = [one.message_id for one in self.world.drafts()], [one.key for one in self.world.holds()]
        assert not self.struck & set(copies[1]), "what the owner deleted is not made again"
        assert all(len(names) == len(set(names)) for names in copies)

    def pulled(self, budget: object) -> Pulled:
        with STORE.write() as db:
            accounts.resume(db, "ada/work", NOON)
        with STORE.read() as db:
            account = accounts.get(db, "ada/work")
        return pull(STORE, self.world.open(), account, self.world.graph.clock, budget=budget)  # type: ignore[arg-type]  # a callable

    @rule()
    def in_the_end_both_agree(self) -> None:
        self.world.graph.faults.clear()
        done = self.pulled(lambda: True)
        while not done.is_done or done.upserted or done.removed:  # what came while a round went on is in the next
            assert not done.error
            done = self.pulled(lambda: True)
        post, agenda = self.world.box.post, self.world.box.agenda
        unread = {post.folder_id(name) for name in ("drafts", "deleteditems", "junkemail")}
        there = sorted(id_ for id_, one in post.messages.items() if one["parentFolderId"] not in unread)
        with STORE.read() as db:
            assert sorted(db.execute(select(message.c.remote_id)).scalars()) == there
            stored = set(db.execute(select(event.c.remote_id).where(event.c.account != "")).scalars())
        assert stored == {id_ for id_, one in agenda.events.items() if one["type"] != "seriesMaster"}


TestSync = Sync.TestCase
TestSync.settings = settings(
    max_examples=12,
    stateful_step_count=20,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
