"""Delivery on PostgreSQL: the same single UPDATEs, with real processes' worth of connections at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

from connectors.port import Witness
from tests.conftest import Server
from tests.worker.stage import ACCOUNT, Stage, check_in, thank_you
from worker.store import outbox
from worker.store.due import due
from worker.store.entry import Entry
from worker.store.store import Store


@pytest.fixture
def stage(postgres: Server) -> Iterator[Stage]:
    """A stage on a database of its own."""
    name = f"d{uuid4().hex[:12]}"
    admin = create_engine(postgres.url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    store = Store.open(postgres.url.rpartition("/")[0] + f"/{name}")
    yield Stage(store=store)
    store.close()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def test_deliver_look_after_and_learn(stage: Stage) -> None:
    stage.meet()
    for suggestion in (thank_you(1), thank_you(2), check_in()):
        stage.plan(suggestion)
    with stage.store.read() as db:
        assert ("deliver", ACCOUNT) in due(db, stage.now, of="ada")
    stage.work()
    assert (len(stage.drafts), len(stage.holds)) == (2, 1)
    stage.delete_all()
    stage.later(hours=1)
    stage.work()
    assert stage.state(check_in().key) == ("closed", "owner_deleted")
    assert [row["rule"] for row in stage.rows("stop")] == ["thank_you"]
    assert [row["mode"] for row in stage.rows("rule_mode")] == []
    assert [row["episode"] for row in stage.rows("person")] == [1]


def test_of_many_that_claim_at_once_one_does(stage: Stage) -> None:
    stage.plan(thank_you())
    claimed: list[Entry] = []
    barrier = threading.Barrier(8)

    def claim(number: int) -> None:
        barrier.wait()
        with stage.store.write() as db:
            if entry := outbox.claim(db, thank_you().key, Witness(str(number)), stage.now, timedelta(minutes=5)):
                claimed.append(entry)

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == 1
