"""A small office at a pretended Google: an installation with its tokens sealed, told of mail by Pub/Sub and of calendars by channels."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from tests.conftest import free_port
from tests.connectors.google_world import GoogleWorld, settings
from tests.connectors.test_google_notices import PRIVATE, PUBLIC, ROBOT, SUBSCRIPTION, TOPIC
from tests.end_to_end.files_world import CANARY, ME, RULES, Office
from tests.simulators.google.oauth import Delegation
from worker.app import App
from worker.config import load
from worker.credentials import Credentials, make_key
from worker.store import accounts

CONFIG = """
[owners.ada]
name = "Ada Owner"
addresses = ["ada@example.org"]
zone = "UTC"
hours = "00:00-24:00"
workdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
signature = "Ada"

[owners.ada.accounts.work]
provider = "google"
{account}

[secrets]
key_file = "key"

[rules]
file = "rules.toml"

[web]
enabled = true
port = {port}
"""
ACCOUNT = "ada/work"


@dataclass
class GoogleOffice(Office):
    """The owner's account at the simulator, and the outbox as it stands; the verbs of `Office` that read files read Google here."""

    world: GoogleWorld = field(kw_only=True)
    """Its address is the owner's."""

    def __post_init__(self) -> None:
        google, port = self.world.google, free_port()
        google.pubsub.subscribe(SUBSCRIPTION, TOPIC)
        google.oauth.delegations[ROBOT] = Delegation(public_key=PUBLIC, scopes=frozenset())
        said = {"type": "service_account", "client_email": ROBOT, "private_key": PRIVATE, "token_uri": "https://elsewhere.example/"}
        (self.home / "robot.json").write_text(json.dumps(said))
        account = settings(
            self.world.root,
            pubsub_key_file=str(self.home / "robot.json"),
            pubsub_topic=TOPIC,
            pubsub_subscription=SUBSCRIPTION,
            notification_url=f"http://127.0.0.1:{port}/hooks/google/calendar",
        )
        lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in account.items())
        (self.home / "config.toml").write_text(CONFIG.format(account=lines, port=port) + self.extra_config)
        (self.home / "rules.toml").write_text(RULES)
        make_key(self.home / "key")
        app = App.open(load(self.home / "config.toml"))
        secrets = Credentials(app.store, app.config.secrets.key, app.clock).of(ACCOUNT, {})
        for name, value in self.world.secrets.words.items():
            secrets.put(name, value)
        app.close()

    def connected(self, at: datetime) -> None:
        """Let the account have been connected then: what ended since is thanked for."""
        app = App.open(load(self.home / "config.toml"))
        with app.store.write() as db:
            accounts.register(db, owner="ada", name="work", provider="google", addresses=(), now=at)
        app.close()

    def mail(self, *, from_: str, to: str, at: datetime, subject: str = "Hello", answers: str = "") -> str:
        self.count += 1
        name = f"<{self.count}.{at.timestamp():.0f}@office.example>"
        headers = [("From", from_), ("To", to), ("Subject", subject), ("Date", format_datetime(at)), ("Message-ID", name)]
        headers += [("In-Reply-To", answers), ("References", answers)] if answers else []
        self.world.mail.receive(headers, f"{CANARY} {subject}", at=at, labels={"SENT"} if from_ == ME else {"INBOX", "UNREAD"})
        return name

    def meeting(self, guest: str, *, start: datetime, end: datetime, uid: str = "m1", title: str = "Product talk") -> None:
        self.world.diary.put(
            {
                "iCalUID": f"{uid}@calendar.example",
                "summary": title,
                "description": CANARY,
                "start": {"dateTime": start.isoformat(), "timeZone": "UTC"},
                "end": {"dateTime": end.isoformat(), "timeZone": "UTC"},
                "attendees": [
                    {"email": ME, "self": True, "organizer": True, "responseStatus": "accepted"},
                    {"email": guest, "displayName": "Eva Beispiel", "responseStatus": "accepted"},
                ],
            }
        )

    def drafts(self) -> list[Path]:
        raise NotImplementedError("drafts lie at Google: `world.drafts`")

    def holds(self) -> list[Path]:
        raise NotImplementedError("holds lie at Google: `world.holds`")

    def own_drafts(self) -> list[str]:
        """Name to whom drafts are addressed, unsent ones."""
        return [address for one in self.world.drafts() if not one.is_sent for address in one.to]


HALF_AN_HOUR = timedelta(minutes=30)
