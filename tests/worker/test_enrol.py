"""Enrolling: owners, accounts and key people of the config reach the store, also those first seen by a later pull."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.memory import Connection
from connectors.memory_provider import Provider
from rules.facts import Address, MessageMetadata
from worker.app import App, frozen_clock
from worker.config import load
from worker.store import accounts, people
from worker.store.people import StoredPerson

NOW = datetime(2026, 11, 17, 10, tzinfo=UTC)
ME = Address(email="ada@example.org", name="Ada")
CONFIG = """
[owners.ada]
addresses = ["ada@example.org"]
zone = "Europe/Berlin"

[owners.ada.accounts.main]
provider = "memory"
"""
NAMED = """
[[owners.ada.people]]
addresses = ["eva@elsewhere.example"]
cadence = "6 weeks"
circle = "strategic"
"""
NEVER = """
[owners.ada.never]
people = ["eva@elsewhere.example"]
"""


@pytest.fixture
def provider() -> Provider:
    provider = Provider(addresses=[ME])
    for number, (from_, to) in enumerate([("eva@elsewhere.example", ME.email), (ME.email, "eva@elsewhere.example")]):
        fact = MessageMetadata(
            remote_id=str(number),
            message_id=f"{number}@x.example",
            sent_at=NOW,
            from_=(Address(email=from_, name="Eva Beispiel" if number == 0 else ""),),
            to=(Address(email=to),),
            recipients=1,
        )
        provider.mail.put("inbox" if number == 0 else "sent", fact)
    return provider


def opened(folder: Path, provider: Provider, text: str) -> App:
    (folder / "config.toml").write_text(text)
    return App.open(load(folder / "config.toml"), clock=frozen_clock(NOW), open_connection=lambda _: Connection(provider))


def eva(app: App) -> StoredPerson:
    with app.store.read() as db:
        [found] = people.find(db, "ada", "eva@elsewhere.example")
    return found


def test_an_account_written_into_the_config_is_connected_from_now(tmp_path: Path, provider: Provider) -> None:
    app = opened(tmp_path, provider, CONFIG)
    app.enrol()
    with app.store.read() as db:
        assert [(each.id, each.connected_at) for each in accounts.accounts(db)] == [("ada/main", NOW)]
        assert accounts.owner_zone(db, "ada") == "Europe/Berlin"
    app.close()


def test_key_people_are_known_as_soon_as_a_pull_has_seen_them(tmp_path: Path, provider: Provider) -> None:
    app = opened(tmp_path, provider, CONFIG + NAMED)
    app.pull("ada/main")
    assert (eva(app).is_key, eva(app).cadence_days, eva(app).circle) == (True, 42, "strategic")
    app.close()


def test_who_is_on_the_never_list_is_muted_before_anything_is_decided_and_until_taken_off(
    tmp_path: Path, provider: Provider
) -> None:
    app = opened(tmp_path, provider, CONFIG + NEVER)
    app.pull("ada/main")
    assert eva(app).is_muted
    app.close()
    app = opened(tmp_path, provider, CONFIG)
    app.enrol()
    assert not eva(app).is_muted
    app.close()


def test_an_unchanged_config_writes_nothing(tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(tmp_path, provider, CONFIG + NAMED)
    app.pull("ada/main")

    def refuse() -> None:
        raise AssertionError("it writes")

    monkeypatch.setattr(app.store, "write", refuse)
    app.enrol()
    app.close()
