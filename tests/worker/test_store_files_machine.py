"""Whatever happens to mail and calendar files between two readings, the store agrees with the disk in the end."""

from __future__ import annotations

import shutil
import tempfile
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from connectors.files import FilesConnection
from connectors.files.calendar import FilesCalendar
from connectors.files.mail import FilesMailbox
from tests.worker.world import BOB, DAY, EVE, ME, NOW, World
from worker.pull import pull
from worker.pulled import Pulled
from worker.store import accounts
from worker.store.store import Store

STORE = Store.open("sqlite://")
NUMBERS = st.integers(1, 6)


def letter(number: int) -> str:
    """Write a message; the same number is always the same message."""
    who, to = (BOB, ME) if number % 2 else (ME, EVE)
    date = format_datetime(NOW - number * DAY)
    return (
        f"From: {who.name} <{who.email}>\nTo: {to.name} <{to.email}>\nDate: {date}\n"
        f"Message-ID: <{number}@disk.example>\nSubject: about {number}\n\nNobody's business.\n"
    )


def entry(number: int, hours: int) -> str:
    start = NOW + number * DAY + timedelta(hours=hours)
    return (
        f"BEGIN:VEVENT\r\nUID:{number}@disk.example\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:{start:%Y%m%dT%H%M%SZ}\r\nDURATION:PT1H\r\n"
        f"SUMMARY:with {number}\r\nORGANIZER:mailto:{ME.email}\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:{BOB.email}\r\nEND:VEVENT\r\n"
    )


class OnDisk(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World(given=STORE)
        self.folder = Path(tempfile.mkdtemp(prefix="rekindle-files-"))
        for name in ("Inbox/cur", "Inbox/new", "Inbox/tmp"):
            (self.folder / "mail" / name).mkdir(parents=True)
        self.mbox: list[int] = []
        self.maildir: set[int] = set()
        self.events: dict[int, int] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @property
    def _archive(self) -> Path:
        return self.folder / "mail" / "archive.mbox"

    @rule(number=NUMBERS)
    def a_message_is_appended_to_the_mbox(self, number: int) -> None:
        self.mbox.append(number)
        with self._archive.open("a") as file:
            file.write(f"From nobody Mon Jun  1 09:00:00 2026\n{letter(number)}\n")

    @rule(number=NUMBERS)
    def the_mbox_is_written_again_without_one(self, number: int) -> None:
        self.mbox = [each for each in self.mbox if each != number]
        self._archive.unlink(missing_ok=True)
        if self.mbox:
            self._archive.write_text("".join(f"From nobody Mon Jun  1 09:00:00 2026\n{letter(each)}\n" for each in self.mbox))

    @rule(number=NUMBERS)
    def a_message_arrives_in_the_maildir(self, number: int) -> None:
        if number not in self.maildir:
            self.maildir.add(number)
            (self.folder / "mail/Inbox/new" / f"{number}.host").write_text(letter(number))

    @rule(number=NUMBERS, flags=st.sampled_from(["S", "RS", ""]))
    def a_message_is_read_or_marked(self, number: int, flags: str) -> None:
        for path in (self.folder / "mail/Inbox").glob(f"*/{number}.host*"):
            path.rename(self.folder / "mail/Inbox/cur" / f"{number}.host:2,{flags}")

    @rule(number=NUMBERS)
    def a_message_is_deleted_from_the_maildir(self, number: int) -> None:
        self.maildir.discard(number)
        for path in (self.folder / "mail/Inbox").glob(f"*/{number}.host*"):
            path.unlink()

    @rule(number=NUMBERS, hours=st.integers(0, 3), is_there=st.booleans())
    def the_calendar_is_written_again(self, number: int, hours: int, *, is_there: bool) -> None:
        self.events = {key: at for key, at in self.events.items() if key != number} | ({number: hours} if is_there else {})
        text = "".join(entry(key, at) for key, at in sorted(self.events.items()))
        (self.folder / "calendar.ics").write_text(f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{text}END:VCALENDAR\r\n")

    @rule(pages=st.integers(0, 2))
    def a_pull_is_cut_short(self, pages: int) -> None:
        left = iter(range(pages))
        self._pull(left)

    @rule()
    def a_pull_comes_to_its_end(self) -> None:
        pulled = Pulled(is_done=False)
        while not pulled.is_done:
            pulled = self._pull(iter(range(100)))
            assert not pulled.error
        stored = self.world.stored_mail()
        assert sorted(each.message_id for each in stored.values()) == sorted(
            f"{number}@disk.example" for number in [*self.mbox, *self.maildir]
        )
        expected = {f"{number}@disk.example": NOW + number * DAY + timedelta(hours=at) for number, at in self.events.items()}
        assert {each[0]: each[2] for each in self.world.occurrences()} == expected
        assert self.world.rows() == self.world.rebuilt()

    def _pull(self, left: object) -> Pulled:
        calendar = self.folder / "calendar.ics"
        connection = FilesConnection(
            mailbox=FilesMailbox(paths=[self.folder / "mail"], out=None),
            calendar=FilesCalendar(paths=[calendar] if calendar.exists() else [], out=None, zone="Europe/Berlin"),
            addresses=[ME],
        )
        with self.world.store.read() as db:
            account = accounts.get(db, "ada/main")
        return pull(self.world.store, connection, account, self.world.now, budget=lambda: next(left, None) is not None)  # type: ignore[call-overload]  # an iterator of numbers


OnDisk.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=15,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestOnDisk = OnDisk.TestCase
