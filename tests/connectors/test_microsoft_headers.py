"""Header fields at Microsoft: of all that is new, so that a person's own mailbox answering is told; of a first read one a year."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.microsoft.graph import Graph
from connectors.port import Cursor, Feed, Mailbox, Unavailable
from rules.facts import MessageMetadata
from tests.connectors.contract import EVA, NOON
from tests.connectors.microsoft_world import MicrosoftWorld
from tests.simulators.microsoft.post import recipient

YEAR = timedelta(days=365)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[MicrosoftWorld]:
    world = MicrosoftWorld(tmp_path)
    yield world
    world.close()
    assert world.graph.violations == []


def inbox(world: MicrosoftWorld) -> tuple[Mailbox, Feed]:
    side = world.open().mailbox
    assert side is not None
    return side, next(feed for feed in side.feeds() if feed.role == "\\Inbox")


def read(world: MicrosoftWorld, since: Cursor | None = None) -> tuple[dict[str, MessageMetadata], Cursor]:
    side, feed = inbox(world)
    pages = list(side.changes(feed, since))
    return {fact.message_id: fact for page in pages for fact in page.upserted}, pages[-1].cursor


def letter(world: MicrosoftWorld, name: str, days: float = 0, *, is_automatic: bool = False) -> None:
    made = world.mail(f"{name}@elsewhere.example", at=NOON - timedelta(days=days))
    if is_automatic:
        made["internetMessageHeaders"] += [{"name": "Auto-Submitted", "value": "auto-replied"}]


def test_a_persons_own_mailbox_answering_is_told_although_the_person_is_known(world: MicrosoftWorld) -> None:
    letter(world, "human", 3)
    _, cursor = read(world)
    letter(world, "human-again")
    letter(world, "away", is_automatic=True)
    found, _ = read(world, cursor)
    assert {name: fact.auto_submitted for name, fact in found.items()} == {
        "away@elsewhere.example": "auto-replied",
        "human-again@elsewhere.example": "",
    }


def test_a_first_read_looks_at_a_sender_once_a_year(world: MicrosoftWorld) -> None:
    for number in range(6):
        letter(world, f"old-{number}", 365 + number, is_automatic=True)
        letter(world, f"new-{number}", number)
    found, _ = read(world)
    told = {name for name, fact in found.items() if fact.auto_submitted}
    assert len(found) == 12
    assert told == {"old-0@elsewhere.example"}, "the newest of each year stands for the others"


def test_much_at_once_is_read_as_a_first_read_is(world: MicrosoftWorld) -> None:
    letter(world, "first", 3)
    _, cursor = read(world)
    for number in range(60):
        made = world.mail(f"moved-{number}@elsewhere.example", at=NOON - timedelta(minutes=number))
        made["from"] = recipient(EVA.email)
    before = len(world.graph.requests)
    found, _ = read(world, cursor)
    assert len(found) == 60
    assert len(world.graph.requests) - before == 3, "the folders, the page, and one look at the sender"


def test_what_is_answered_beside_a_call_that_fails_is_not_asked_again(world: MicrosoftWorld) -> None:
    for number in range(60):
        letter(world, f"letter-{number}", number / 10)
    paths = {one: f"me/messages/{one}?$select=internetMessageHeaders" for one in world.box.post.messages}
    token = next(token for token, grant in world.graph.grants.items() if grant.app == "reader-app")
    graph = Graph(lambda _: token, root=world.graph.root)
    world.graph.latency = 0.02
    world.graph.fault("503", "POST", "batch")
    with pytest.raises(Unavailable):
        graph.batch(paths, "a test", is_chained=True)
    world.graph.parts.clear()
    assert len(graph.batch(paths, "a test", is_chained=True)) == 60
    assert len(world.graph.parts) == 20, "of three calls one had failed"
