"""A process killed between Graph's commit and its own: the next attempt finds what was made, and makes nothing again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from connectors.port import Gone, Saved
from tests.connectors.contract_world import a_draft, a_hold, an_invite
from tests.connectors.microsoft_world import MicrosoftWorld

Kind = Literal["draft", "hold", "invite"]
MADE: dict[str, Any] = {"draft": a_draft, "hold": a_hold, "invite": an_invite}
CHILD = """
import json, sys
from connectors import microsoft
from connectors.account import Account
from connectors.port import Witness
from tests.connectors.microsoft_world import Words
from tests.connectors.test_microsoft_crash import attempt
settings, kind, witness, words = sys.argv[1:]
secrets = Words()
secrets.words = json.loads(words)
attempt(microsoft.open(Account(id="ada/work", settings=json.loads(settings), secrets=secrets, zone="UTC")), kind, Witness(witness))
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[MicrosoftWorld]:
    world = MicrosoftWorld(tmp_path)
    yield world
    world.close()
    assert world.graph.violations == []


def attempt(connection: Any, kind: Kind, witness: Any) -> Any:  # noqa: ANN401 - either side of the port
    made = MADE[kind]()
    return connection.mailbox.save_draft(made, witness) if kind == "draft" else connection.calendar.save_hold(made, witness)


def made(world: MicrosoftWorld, kind: Kind) -> list[str]:
    return list(world.box.post.messages if kind == "draft" else world.box.agenda.events)


def killed(world: MicrosoftWorld, kind: Kind) -> Any:  # noqa: ANN401 - the witness
    """Let a process save, and kill it once Graph has stored it and not answered yet; returns the witness."""
    connection: Any = world.open()
    witness = connection.mailbox.witness() if kind == "draft" else connection.calendar.witness()
    world.graph.latency = 3
    words = [json.dumps(world.settings), kind, witness, json.dumps(world.secrets.words)]
    child = subprocess.Popen([sys.executable, "-c", CHILD, *words], cwd=Path(__file__).parents[2])
    for _ in range(1200):
        if made(world, kind):
            break
        time.sleep(0.05)
    assert child.poll() is None, "it was to be killed in the middle"
    child.kill()
    child.wait()
    assert len(made(world, kind)) == 1
    world.graph.latency = 0
    return witness


@pytest.mark.parametrize("kind", ["draft", "hold", "invite"])
def test_the_next_attempt_finds_what_the_killed_one_made(world: MicrosoftWorld, kind: Kind) -> None:
    witness = killed(world, kind)
    again = attempt(world.open(), kind, witness)
    assert isinstance(again, Saved)
    assert again.is_adopted
    assert made(world, kind) == [again.remote_id]
    assert len(world.box.agenda.mails) == (kind == "invite")


@pytest.mark.parametrize("kind", ["draft", "hold", "invite"])
def test_what_the_owner_removed_meanwhile_stays_removed(world: MicrosoftWorld, kind: Kind) -> None:
    witness = killed(world, kind)
    (one,) = made(world, kind)
    world.box.post.remove(one) if kind == "draft" else world.box.agenda.remove(one)
    assert attempt(world.open(), kind, witness) == Gone(is_sure=False), "the log tells of what is gone no more than its id"
    assert made(world, kind) == []
    assert len(world.box.agenda.mails) == (kind == "invite")
