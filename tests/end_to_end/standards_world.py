"""A small office on real servers: mail on a Dovecot, calendars on a Radicale, looked at by imaplib and plain HTTP alone."""

from __future__ import annotations

import imaplib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime

import pytest

from tests.conftest import Server
from tests.connectors.contract import StoredDraft, StoredHold
from tests.connectors.test_standards_contract import CalendarHands, MailHands
from tests.end_to_end.files_world import CANARY, ME, RULES, Office, stamp
from worker.app import App
from worker.config import load
from worker.store import accounts

CONFIG = """
[owners.ada]
name = "Ada Owner"
addresses = ["ada@example.org"]
zone = "UTC"
hours = "00:00-24:00"
workdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
signature = "Ada"

[owners.ada.accounts.home]
provider = "imap"
imap = "imap://127.0.0.1:{imap}"
caldav = "http://127.0.0.1:{dav}/"
user = "ana"
password_file = "password"
{account}
[rules]
file = "rules.toml"

[web]
enabled = false
{more}
"""
ACCOUNT = "ada/home"


class Hands(MailHands, CalendarHands):
    """The owner's hands on both servers, which are emptied at the start."""

    def __init__(self, imap: Server, dav: Server) -> None:
        MailHands.__init__(self, imap)
        CalendarHands.__init__(self, dav)


@dataclass
class ServerOffice(Office):
    """The owner's servers, and the outbox as it stands; the verbs of `Office` that read files read the servers here."""

    imap: Server = field(kw_only=True)
    dav: Server = field(kw_only=True)
    imap_port: int = field(default=0, kw_only=True)
    """Another than the server's own, where a proxy stands before it."""
    dav_port: int = field(default=0, kw_only=True)
    account: str = field(default="", kw_only=True)
    """More lines for the account's table."""
    hands: Hands = field(init=False)

    def __post_init__(self) -> None:
        self.hands = Hands(self.imap, self.dav)
        ports = {"imap": self.imap_port or self.imap.port, "dav": self.dav_port or self.dav.port}
        (self.home / "config.toml").write_text(CONFIG.format(**ports, account=self.account, more=self.extra_config))
        (self.home / "rules.toml").write_text(RULES)
        (self.home / "password").write_text("secret")

    def connected(self, at: datetime) -> None:
        """Let the account have been connected then: what ended since is thanked for."""
        app = App.open(load(self.home / "config.toml"))
        with app.store.write() as db:
            accounts.register(db, owner="ada", name="home", provider="imap", addresses=(), now=at)
        app.close()

    def mail(self, *, from_: str, to: str, at: datetime, subject: str = "Hello", answers: str = "") -> str:
        self.count += 1
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = from_, to, subject
        message["Date"] = format_datetime(at)
        message["Message-ID"] = f"<{self.count}.{at.timestamp():.0f}@office.example>"
        if answers:
            message["In-Reply-To"] = message["References"] = answers
        message.set_content(f"{CANARY} {subject}")
        folder = "Sent" if from_ == ME else "INBOX"
        flags = "(\\Seen)" if from_ == ME else ""
        said = self.hands.hands.append(folder, flags, imaplib.Time2Internaldate(at), message.as_bytes().replace(b"\n", b"\r\n"))
        assert said[0] == "OK"
        return str(message["Message-ID"])

    def meeting(self, guest: str, *, start: datetime, end: datetime, uid: str = "m1", title: str = "Product talk") -> None:
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Office//EN", "BEGIN:VEVENT", f"UID:{uid}@calendar.example"]
        lines += [f"DTSTAMP:{stamp(start)}", f"DTSTART:{stamp(start)}", f"DTEND:{stamp(end)}", f"SUMMARY:{title}"]
        lines += [f"DESCRIPTION:{CANARY}", f"ORGANIZER:mailto:{ME}", f"ATTENDEE;PARTSTAT=ACCEPTED:mailto:{ME}"]
        lines += [f"ATTENDEE;CN=Eva Beispiel;PARTSTAT=ACCEPTED:mailto:{guest}", "END:VEVENT", "END:VCALENDAR", ""]
        self.hands.ask("PUT", f"/ana/work/{uid}.ics", "\r\n".join(lines).encode(), {"Content-Type": "text/calendar"})

    def wake(self) -> None:
        """Have some machine write to the owner: the server then pushes, and the service looks at everything."""
        self.mail(from_="news@letter.example", to=ME, at=datetime.now(UTC), subject=f"News {self.count}")

    # What came of it

    def saved_drafts(self) -> list[StoredDraft]:
        """Everything addressed by a draft of ours in Drafts, Sent and Archive."""
        return [draft for draft in self.hands.drafts() if not draft.message_id.endswith("office.example")]

    def saved_holds(self) -> list[StoredHold]:
        return list(self.hands.holds())

    def drafts_by_curl(self) -> list[str]:
        """Every message in Drafts, whole, as curl reads it."""
        folder = f"{self.imap.url}/Drafts"
        uids = re.findall(r"\d+", by_curl(folder, "--request", "UID SEARCH ALL"))
        return [by_curl(f"{folder};UID={uid}") for uid in uids]

    def hold_by_curl(self) -> str:
        """The one hold, as curl reads it."""
        return by_curl(f"http://127.0.0.1:{self.dav.port}{hold_path(self)}")


def by_curl(url: str, *options: str) -> str:
    """Ask a server by a client that shares no line with us or with the owner's hands."""
    curl = shutil.which("curl")
    if curl is None and not os.environ.get("REKINDLE_REQUIRE_SERVERS"):
        pytest.skip("curl is not installed")
    command = [curl or "curl", "--silent", "--show-error", "--fail", "--max-time", "60", "--user", "ana:secret", *options, url]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def hold_path(office: ServerOffice) -> str:
    """Find the one hold's address, as a client that lists the collection would."""
    listing = office.hands.ask("PROPFIND", "/ana/work/", headers={"Depth": "1"}).decode()
    keys = {hold.key for hold in office.saved_holds()}
    [path] = [f"/ana/work/{key}.ics" for key in keys if f"{key}.ics" in listing]
    return path


HALF_AN_HOUR = timedelta(minutes=30)
