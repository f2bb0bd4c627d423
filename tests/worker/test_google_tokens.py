"""Google's tokens in the sealed store: many processes on one database, and one renewal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors import google
from tests.connectors.google_world import GoogleWorld, google_world
from worker.app import real_clock
from worker.credentials import Credentials, make_key
from worker.secret_sources import Source
from worker.store.store import Store

ACCOUNT = "ada/work"


@pytest.fixture
def world() -> Iterator[GoogleWorld]:
    with google_world() as found:
        yield found


def test_processes_on_one_database_renew_a_token_once(world: GoogleWorld, tmp_path: Path) -> None:
    """Each has a database of its own opened on the same file, as processes do: the row lock is all they share."""
    make_key(tmp_path / "key")
    stores = [Store.open(f"sqlite:///{tmp_path}/rekindle.db") for _ in range(4)]
    source = Source(key="[secrets] key_file", kind="file", where=(str(tmp_path / "key"),))
    sides = [Credentials(store, source, real_clock).of(ACCOUNT, {}) for store in stores]
    for name, value in world.secrets.words.items():
        sides[0].put(name, value)
    world.google.oauth.expire_all()
    wrong: list[Exception] = []

    def work(secrets: object) -> None:
        try:
            google.open(replace(world.account, secrets=secrets)).addresses()  # type: ignore[arg-type]  # they are Secrets
        except Exception as error:  # noqa: BLE001 - a thread cannot fail a test itself
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(side,)) for side in sides * 3]
    for each in threads:
        each.start()
    for each in threads:
        each.join(timeout=120)
    assert wrong == []
    assert world.google.oauth.refreshes == 1
    for store in stores:
        store.close()
