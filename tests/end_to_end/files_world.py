"""A small office on disk: mail in a Maildir, a calendar folder, a config; and the service run on it as a process."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from rules.suggestions import CloseReason, State
from worker.store import outbox
from worker.store.entry import Entry
from worker.store.store import Store

ROOT = Path(__file__).parent.parent.parent
ME = "ada@example.org"
CANARY = "zirkonfalter"
"""Stands in every body and description, and may appear nowhere else."""

CONFIG = """
[owners.ada]
name = "Ada Owner"
addresses = ["ada@example.org"]
zone = "UTC"
hours = "00:00-24:00"
workdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
signature = "Ada"

[owners.ada.accounts.disk]
provider = "files"
mail = ["mail"]
calendar = ["calendar"]
out = "out"

[rules]
file = "rules.toml"

[web]
enabled = false
"""
RULES = """
[rules.thank_you]
timing = { delay = "0m", hours = "00-24" }

[rules.check_in]
timing = { hours = "00-24" }
"""
SERVE = """
import sys
from datetime import timedelta
from pathlib import Path
from worker.app import App
from worker.config import load
app = App.open(load(Path("config.toml")))
code = app.run(poll=timedelta(seconds=0.5))
app.close()
sys.exit(code)
"""


@dataclass
class Office:
    """The owner's files, and the outbox as it stands."""

    home: Path
    extra_config: str = ""
    count: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        for folder in ("mail/Inbox", "mail/Sent"):
            for part in ("cur", "new", "tmp"):
                (self.home / folder / part).mkdir(parents=True, exist_ok=True)
        (self.home / "calendar").mkdir(exist_ok=True)
        (self.home / "config.toml").write_text(CONFIG + self.extra_config)
        (self.home / "rules.toml").write_text(RULES)

    def mail(self, *, from_: str, to: str, at: datetime, subject: str = "Hello", answers: str = "") -> str:
        """Put a message into its folder and return its Message-ID."""
        self.count += 1
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = from_, to, subject
        message["Date"] = format_datetime(at)
        message["Message-ID"] = f"<{self.count}.{at.timestamp():.0f}@office.example>"
        if answers:
            message["In-Reply-To"] = message["References"] = answers
        message.set_content(f"{CANARY} {subject}")
        folder = self.home / "mail" / ("Sent" if from_ == ME else "Inbox")
        name = f"{self.count}.msg"
        (folder / "tmp" / name).write_bytes(message.as_bytes())
        (folder / "tmp" / name).rename(folder / "cur" / f"{name}:2,S")
        return str(message["Message-ID"])

    def meeting(self, guest: str, *, start: datetime, end: datetime, uid: str = "m1", title: str = "Product talk") -> None:
        text = "\r\n".join(
            [
                "BEGIN:VCALENDAR",
                "VERSION:2.0",
                "PRODID:-//Office//EN",
                "BEGIN:VEVENT",
                f"UID:{uid}@calendar.example",
                f"DTSTAMP:{stamp(start)}",
                f"DTSTART:{stamp(start)}",
                f"DTEND:{stamp(end)}",
                f"SUMMARY:{title}",
                f"DESCRIPTION:{CANARY}",
                f"ORGANIZER:mailto:{ME}",
                f"ATTENDEE;PARTSTAT=ACCEPTED:mailto:{ME}",
                f"ATTENDEE;CN=Eva Beispiel;PARTSTAT=ACCEPTED:mailto:{guest}",
                "END:VEVENT",
                "END:VCALENDAR",
                "",
            ]
        )
        unfinished = self.home / f"{uid}.unfinished"
        unfinished.write_text(text, newline="")
        unfinished.rename(self.home / "calendar" / f"{uid}.ics")

    def correspondence(self, person: str, *, last: datetime, every: timedelta = timedelta(days=14), times: int = 24) -> None:
        """Write letters to and fro that ended then."""
        for number in range(times):
            at = last - every * number
            asked = self.mail(from_=f"Tom Freund <{person}>", to=ME, at=at, subject=f"Question {number}")
            self.mail(from_=ME, to=person, at=at + timedelta(hours=3), subject=f"Re: Question {number}", answers=asked)

    # What came of it

    def drafts(self) -> list[Path]:
        return sorted(path for path in (self.home / "out" / "Drafts").glob("*/*") if path.parent.name != "tmp")

    def holds(self) -> list[Path]:
        return sorted((self.home / "out" / "holds").glob("*.ics"))

    def entries(self, rule: str) -> list[Entry]:
        store = Store.open(f"sqlite:///{self.home / 'rekindle.db'}")
        try:
            with store.read() as db:
                return [e for e in outbox.read_all(db, "ada", states=[*outbox.OPEN, "closed"]) if e.rule == rule]
        finally:
            store.close()

    def states(self, rule: str) -> list[tuple[State, CloseReason | None]]:
        return [(entry.state, entry.close_reason) for entry in self.entries(rule)]

    # The service

    @contextmanager
    def running(self, code: str = SERVE) -> Iterator[subprocess.Popen[str]]:
        """Run the service by a script of its own, once it says that it has started."""
        with self._started("-c", code) as service:
            yield service

    @contextmanager
    def serving(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run `rekindle run` as the owner does, once it says that it has started."""
        with self._started("-m", "worker.cli", "run", "--config", "config.toml", *arguments) as service:
            yield service

    @contextmanager
    def _started(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        with (self.home / "log").open("a") as log:
            said = len(self.log())
            service = subprocess.Popen(
                [sys.executable, *words],
                cwd=self.home,
                env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(self.home)},
                stdout=log,
                stderr=log,
                text=True,
            )
        try:
            assert wait_until(lambda: '"started"' in self.log()[said:] or service.poll() is not None, seconds=120), self.log()
            yield service
        finally:
            if service.poll() is None:
                service.kill()
            service.wait(timeout=20)

    def stop(self, service: subprocess.Popen[str]) -> tuple[int, float]:
        """Send SIGTERM; the exit code and the seconds it took."""
        began = time.monotonic()
        service.send_signal(signal.SIGTERM)
        return service.wait(timeout=30), time.monotonic() - began

    def log(self) -> str:
        return (self.home / "log").read_text()


def rows(office: Office, query: str) -> list[tuple[object, ...]]:
    """Look past the store, at what really lies in the database."""
    with closing(sqlite3.connect(office.home / "rekindle.db")) as db:
        return db.execute(query).fetchall()


def stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def wait_until(is_so: Callable[[], bool], *, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.2)
    return False
