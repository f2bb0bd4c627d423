"""A process killed between Google's commit and its own: the next attempt finds what was made, and makes nothing again."""

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
from tests.connectors.google_world import GoogleWorld, google_world

Kind = Literal["draft", "hold", "invite"]
MADE: dict[str, Any] = {"draft": a_draft, "hold": a_hold, "invite": an_invite}
CHILD = """
import json, sys
from dataclasses import replace
from connectors import google
from connectors.account import Account
from connectors.port import Witness
from tests.connectors.google_world import Sealed, settings
from tests.connectors.test_google_crash import attempt
root, kind, witness, words = sys.argv[1:]
secrets = Sealed()
secrets.words = json.loads(words)
attempt(google.open(Account(id="ada/work", settings=settings(root), secrets=secrets, zone="UTC")), kind, Witness(witness))
"""


@pytest.fixture
def world() -> Iterator[GoogleWorld]:
    with google_world() as found:
        yield found


def attempt(connection: Any, kind: Kind, witness: Any) -> Any:  # noqa: ANN401 - either side of the port
    made = MADE[kind]()
    return connection.mailbox.save_draft(made, witness) if kind == "draft" else connection.calendar.save_hold(made, witness)


def count(world: GoogleWorld, kind: Kind) -> int:
    return len(world.drafts()) if kind == "draft" else len(world.holds())


def killed(world: GoogleWorld, kind: Kind) -> Any:  # noqa: ANN401 - the witness
    """Let a process save, and kill it once Google has stored it and not answered yet; returns the witness."""
    connection: Any = world.open()
    witness = connection.mailbox.witness() if kind == "draft" else connection.calendar.witness()
    world.google.fail("commit then delay 3", "gmail.users.drafts.create" if kind == "draft" else "calendar.events.insert")
    words = [world.root, kind, witness, json.dumps(world.secrets.words)]
    child = subprocess.Popen([sys.executable, "-c", CHILD, *words], cwd=Path(__file__).parents[2])
    for _ in range(600):
        if count(world, kind):
            break
        time.sleep(0.05)
    assert child.poll() is None, "it was to be killed in the middle"
    child.kill()
    child.wait()
    assert count(world, kind) == 1
    return witness


@pytest.mark.parametrize("kind", ["draft", "hold", "invite"])
def test_the_next_attempt_finds_what_the_killed_one_made(world: GoogleWorld, kind: Kind) -> None:
    witness = killed(world, kind)
    again = attempt(world.open(), kind, witness)
    assert isinstance(again, Saved)
    assert again.is_adopted
    assert count(world, kind) == 1
    assert len(world.diary.outbox) == (kind == "invite")


@pytest.mark.parametrize("kind", ["draft", "hold"])
def test_what_the_owner_removed_meanwhile_stays_removed(world: GoogleWorld, kind: Kind) -> None:
    witness = killed(world, kind)
    if kind == "draft":
        world.mail.remove(next(iter(world.mail.drafts.values())))
    else:
        world.diary.cancel(a_hold().key)
    assert attempt(world.open(), kind, witness) == Gone(is_sure=kind == "hold"), "a hold has an id of its own, a draft none"
    assert count(world, kind) == 0
