"""A small office on a pretended Microsoft 365: an installation with its sign-ins sealed, and mail that asks for an answer."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.connectors.microsoft_world import MicrosoftWorld
from tests.simulators.microsoft.graph import Graph
from tests.simulators.microsoft.post import recipient
from worker.app import App
from worker.config import load
from worker.credentials import Credentials, make_key

CONFIG = """
[owners.ada]
name = "Ada Owner"
addresses = ["ada@example.org"]
zone = "UTC"
hours = "00:00-24:00"
workdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

[owners.ada.accounts.work]
provider = "microsoft"
{account}

[secrets]
key_file = "key"

[rules]
file = "rules.toml"

[web]
enabled = {is_served}
port = {port}
"""
RULES = """
[limits]
drafts_per_day = 10000
drafts_per_week = 10000

[rules.nudge]
trigger = "reply_owed"
mode = "create"
when = []
timing = { delay = "0m", hours = "00-24" }
caps = { per_person = "1 days", per_day = 10000, per_week = 10000 }
"""
"""A rule of the owner's own that has an answer to every mail drafted at once."""


def real_now() -> datetime:
    return datetime.now(UTC)


class MicrosoftOffice:
    """An installation in a folder beside a Graph whose clock is the real one."""

    def __init__(self, home: Path, *, is_pushed: bool = False) -> None:
        self.home = home
        self.world = MicrosoftWorld(home, graph=Graph(real_now))
        self.config = home / "config.toml"
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = int(probe.getsockname()[1])
        if is_pushed:
            self.world.settings["notification_url"] = f"http://127.0.0.1:{port}/hooks/microsoft"
        account = "\n".join(f"{key} = {json.dumps(value)}" for key, value in self.world.settings.items())
        self.config.write_text(CONFIG.format(account=account, is_served=str(is_pushed).lower(), port=port))
        (home / "rules.toml").write_text(RULES)
        make_key(home / "key")
        app = App.open(load(self.config))
        secrets = Credentials(app.store, app.config.secrets.key, app.clock).of("ada/work", {})
        for name, value in self.world.secrets.words.items():
            secrets.put(name, value)
        app.close()

    def acquaint(self, number: int) -> None:
        """Let somebody and the owner have written to each other, the owner last."""
        them, me = recipient(*self._eva(number)), recipient("ada@example.org", "Ada Owner")
        for folder, from_, to, days in (("inbox", them, me, 30), ("sentitems", me, them, 20)):
            at = real_now() - timedelta(days=days)
            said = {"from": from_, "sender": from_, "toRecipients": [to], "isRead": True}
            made = self.world.mail(f"{number}.{folder}@office.example", at=at, folder=folder, **said)  # type: ignore[arg-type]  # JSON has no shape
            made["internetMessageHeaders"] = []

    def ask(self, number: int) -> None:
        """Have somebody the owner knows write to the owner."""
        them = recipient(*self._eva(number))
        said = {"from": them, "sender": them, "subject": "A question"}
        made = self.world.mail(f"question.{number}@office.example", at=real_now(), **said)  # type: ignore[arg-type]  # JSON has no shape
        made["internetMessageHeaders"] = []

    @staticmethod
    def _eva(number: int) -> tuple[str, str]:
        return f"eva{number}@elsewhere{number}.example", "Eva Beispiel"
