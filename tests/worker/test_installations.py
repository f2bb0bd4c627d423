"""Two installations on one account, and one that comes back from a backup: who goes on, who stops, and what is read first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors import standards
from connectors.account import Account
from connectors.port import Connection as Opened
from connectors.standards.drafts import MARK
from tests.conftest import Server
from tests.connectors.contract import NOON, a_hold
from tests.connectors.test_standards_contract import CalendarHands, MailHands, Words, account
from tests.worker.stage import ACCOUNT, ME, MONDAY, Stage, thank_you
from tests.worker.test_pipeline import pipeline
from worker import deliver
from worker.store import accounts, installations
from worker.store.due import due
from worker.store.store import Store


def state(stage: Stage) -> tuple[str, str]:
    with stage.store.read() as db:
        found = accounts.get(db, ACCOUNT)
    return found.state, found.error


def read_up(stage: Stage) -> None:
    """Note that the account was just read, without a mail in it that could make anything pointless."""
    with stage.store.write() as db:
        accounts.succeeded(db, ACCOUNT, stage.now, stage.now + timedelta(minutes=2))


def connected(at_days: int, now_days: int, folder: Path, name: str) -> Stage:
    """An installation whose account was connected on one day, and which works on another."""
    stage = Stage(store=Store.open(f"sqlite:///{folder}/{name}.db"), now=MONDAY + timedelta(days=at_days))
    stage.now = MONDAY + timedelta(days=now_days)
    return stage


class TestTwoOnOneCalendar:
    """Both write to one real calendar, each with its own database."""

    @staticmethod
    def opened(stage: Stage, radicale: Server) -> Opened:
        with stage.store.read() as db:
            mark = installations.marker(db, ACCOUNT)
        return standards.open(
            Account(
                id=ACCOUNT,
                settings={"caldav": radicale.url, "user": "ana"},
                secrets=Words(password="secret"),
                zone="UTC",
                addresses=(ME,),
                installation=mark,
            )
        )

    def pull(self, stage: Stage, radicale: Server) -> None:
        replace(pipeline(stage), open_connection=lambda _: self.opened(stage, radicale)).pull(ACCOUNT)

    def put(self, stage: Stage, radicale: Server) -> None:
        calendar = self.opened(stage, radicale).calendar
        assert calendar is not None
        calendar.save_hold(a_hold(start=NOON), calendar.witness())

    @pytest.fixture
    def early(self, radicale: Server, tmp_path: Path) -> Stage:
        CalendarHands(radicale)
        return connected(0, 10, tmp_path, "early")

    @pytest.fixture
    def late(self, tmp_path: Path) -> Stage:
        return connected(5, 10, tmp_path, "late")

    def test_the_one_connected_earlier_stops_and_says_why(self, early: Stage, late: Stage, radicale: Server) -> None:
        self.put(late, radicale)
        self.pull(early, radicale)
        paused, error = state(early)
        assert paused == "paused"
        assert "Another Rekindle, connected on 2026-11-21, works in this account too" in error

    def test_the_one_connected_later_goes_on(self, early: Stage, late: Stage, radicale: Server) -> None:
        self.put(early, radicale)
        self.pull(late, radicale)
        assert state(late) == ("active", "")

    def test_ones_own_holds_stop_nobody(self, early: Stage, radicale: Server) -> None:
        self.put(early, radicale)
        self.pull(early, radicale)
        assert state(early) == ("active", "")

    def test_a_hold_of_long_ago_stops_nobody(self, early: Stage, late: Stage, radicale: Server) -> None:
        self.put(late, radicale)
        early.now = NOON + timedelta(days=30)
        self.pull(early, radicale)
        assert state(early) == ("active", "")

    def test_the_mark_is_read_back_as_it_was_written(self, early: Stage, radicale: Server) -> None:
        self.put(early, radicale)
        calendar = self.opened(early, radicale).calendar
        assert calendar is not None
        [page] = calendar.changes(next(feed for feed in calendar.feeds() if feed.role == "primary"), None)
        with early.store.read() as db:
            assert [event.rekindle_by for event in page.upserted] == [installations.marker(db, ACCOUNT)]


class TestComingBack:
    def test_what_was_not_read_for_a_day_is_read_before_anything_is_put_into_it(self) -> None:
        stage = Stage()
        stage.meet()
        verbs = pipeline(stage)
        verbs.pull(ACCOUNT)
        stage.plan(thank_you())
        stage.later(days=2)
        assert verbs.deliver(ACCOUNT) == 0
        assert stage.drafts == []
        with stage.store.read() as db:
            assert ("deliver", ACCOUNT) not in due(db, stage.now)
            assert ("pull", ACCOUNT) in due(db, stage.now)
        verbs.pull(ACCOUNT)
        assert stage.entry(thank_you().key).state == "approved"
        verbs.deliver(ACCOUNT)
        assert stage.entry(thank_you().key).state != "approved"

    def test_after_a_restore_everything_is_read_and_looked_at_first(self, tmp_path: Path) -> None:
        stage = Stage(store=Store.open(f"sqlite:///{tmp_path}/a.db"))
        stage.meet()
        read_up(stage)
        stage.plan(thank_you(1))
        stage.work()
        stage.plan(thank_you(2))
        stage.store.backup(tmp_path / "b.db")
        stage.work()
        assert len(stage.drafts) == 2
        restored = Stage.__new__(Stage)
        restored.__dict__.update(stage.__dict__ | {"store": Store.open(f"sqlite:///{tmp_path}/b.db")})
        assert {entry.key for entry in restored.due()} == {thank_you(1).key, thank_you(2).key}
        assert pipeline(restored).deliver(ACCOUNT) == 0
        with restored.store.read() as db:
            assert due(db, restored.now) == [("pull", ACCOUNT)]
        read_up(restored)
        restored.work()
        assert len(stage.drafts) == 2
        assert restored.state(thank_you(2).key) == ("delivered", None)


class TestTwoOnOneMailbox:
    """Both write to one real mailbox, each with its own database; the marks are keywords, which no mail carries."""

    @staticmethod
    def opened(stage: Stage, dovecot: Server) -> Opened:
        with stage.store.read() as db:
            mark = installations.marker(db, ACCOUNT)
        settings: Mapping[str, str] = {"imap": dovecot.url, "user": "ana"}
        secrets = Words(password="secret")
        return standards.open(
            Account(id=ACCOUNT, settings=settings, secrets=secrets, zone="UTC", addresses=(ME,), installation=mark)
        )

    def put(self, stage: Stage, dovecot: Server, cause: int) -> None:
        """Put one thank-you into the mailbox, whatever rules say of it."""
        stage.plan(thank_you(cause))
        desk = replace(stage.desk(), connection=self.opened(stage, dovecot))
        for entry in stage.due():
            deliver.attend(desk, entry)
        assert stage.entry(thank_you(cause).key).state == "delivered"

    def is_stopped(self, stage: Stage, dovecot: Server, cause: int) -> bool:
        """Have one more delivered; what becomes of it, where the account goes on, is up to the rules."""
        stage.plan(thank_you(cause))
        read_up(stage)
        replace(pipeline(stage), open_connection=lambda _: self.opened(stage, dovecot)).deliver(ACCOUNT)
        return stage.entry(thank_you(cause).key).state == "approved" and state(stage)[0] == "paused"

    @pytest.fixture
    def hands(self, dovecot: Server) -> MailHands:
        return MailHands(dovecot)

    @pytest.fixture
    def early(self, hands: MailHands, tmp_path: Path) -> Stage:
        return met(connected(0, 10, tmp_path, "early"))

    @pytest.fixture
    def late(self, tmp_path: Path) -> Stage:
        return met(connected(5, 10, tmp_path, "late"))

    def test_the_one_connected_earlier_stops_before_its_next_draft_and_says_why(
        self, early: Stage, late: Stage, dovecot: Server
    ) -> None:
        self.put(early, dovecot, 1)
        self.put(late, dovecot, 2)
        assert self.is_stopped(early, dovecot, 3)
        assert "Another Rekindle, connected on 2026-11-21, works in this account too" in state(early)[1]
        assert not self.is_stopped(late, dovecot, 4)
        assert state(late) == ("active", "")

    def test_a_draft_that_was_removed_stops_nobody(self, early: Stage, late: Stage, hands: MailHands, dovecot: Server) -> None:
        """The server goes on listing its keyword as one that may occur."""
        self.put(late, dovecot, 1)
        hands.hands.select("Drafts")
        assert any(word.lower().startswith(b"$rekindle.2026") for word in hands.hands.response("FLAGS")[1][0].strip(b"()").split())
        hands.hands.store("1:*", "+FLAGS.SILENT", "\\Deleted")
        hands.hands.expunge()
        assert not self.is_stopped(early, dovecot, 2)

    def test_a_draft_of_long_ago_stops_nobody(self, early: Stage, late: Stage, dovecot: Server) -> None:
        self.put(late, dovecot, 1)
        early.now = max(early.now, datetime.now(UTC)) + timedelta(days=30)
        assert not self.is_stopped(early, dovecot, 2)

    def test_a_server_that_changes_the_case_of_keywords_is_understood(self, late: Stage, hands: MailHands, dovecot: Server) -> None:
        with late.store.read() as db:
            mark = installations.marker(db, ACCOUNT)
        hands.hands.append("Drafts", f"({(MARK + mark)[:40].lower()})", "", b"Subject: x\r\n\r\n")
        mailbox = standards.open(account({"imap": dovecot.url})).mailbox
        assert mailbox is not None
        [found] = mailbox.marks(datetime(2026, 1, 1, tzinfo=UTC))
        assert len(found) < len(mark)
        assert mark.startswith(found)

    def test_nothing_in_the_mail_itself_tells_of_it(self, early: Stage, hands: MailHands, dovecot: Server) -> None:
        self.put(early, dovecot, 1)
        hands.hands.select("Drafts")
        [answer, *_] = hands.hands.fetch("1", "(BODY.PEEK[])")[1]
        assert isinstance(answer, tuple)
        assert b"rekindle" not in answer[1].lower()
        with early.store.read() as db:
            assert installations.marker(db, ACCOUNT)[17:].encode() not in answer[1]


def met(stage: Stage) -> Stage:
    stage.meet()
    return stage
