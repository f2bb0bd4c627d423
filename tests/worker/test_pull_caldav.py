"""A calendar server that names no versions: everything in it is looked at each time, and nothing is counted twice for that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connectors import standards
from connectors.port import Connection
from tests.connectors.dav_script import Script, scripted, stocked
from tests.connectors.test_standards_contract import account
from tests.worker.test_pull import account_of
from tests.worker.world import World
from worker.pull import pull
from worker.store import left_out

HELD_AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
"""When the scripted events are."""


def connected(script: Script) -> Connection:
    return standards.open(account({"caldav": f"http://127.0.0.1:{script.port}/cal/"}))


def counted(world: World) -> list[tuple[str, int]]:
    with world.store.read() as db:
        return [(each.reason, each.count) for each in left_out.skips(db, "ada/main")]


def test_what_is_older_than_is_kept_counts_once_however_often_it_is_looked_at() -> None:
    with scripted() as script:
        stocked(script, dict.fromkeys("ab", ""))
        world, kept_since = World(), HELD_AT + timedelta(days=7)
        for _ in range(3):
            pulled = pull(world.store, connected(script), account_of(world), world.now, budget=lambda: True, kept_since=kept_since)
            assert (pulled.error, pulled.is_done) == ("", True)
        assert counted(world) == [(left_out.TOO_OLD, 2)]
