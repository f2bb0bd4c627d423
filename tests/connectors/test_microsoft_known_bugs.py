"""What others' sync engines got wrong with Outlook, as maintainers' threads tell it; the rest stands beside what it is about."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.port import Mailbox
from rules.facts import MessageMetadata
from rules.people import OwnerKeys
from tests.connectors.contract import ME, NOON
from tests.connectors.microsoft_world import MicrosoftWorld
from tests.simulators.microsoft.post import recipient
from worker.pull import pull
from worker.store import accounts, feeds
from worker.store.store import Store

HOUR = timedelta(hours=1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[MicrosoftWorld]:
    world = MicrosoftWorld(tmp_path)
    yield world
    world.close()
    assert world.graph.violations == []


def facts(world: MicrosoftWorld) -> list[MessageMetadata]:
    side: Mailbox | None = world.open().mailbox
    assert side is not None
    return [fact for feed in side.feeds() for page in side.changes(feed, None) for fact in page.upserted]


def test_a_draft_in_any_folder_is_a_draft_and_sent_mail_filed_away_is_from_the_owner(world: MicrosoftWorld) -> None:
    me = {"from": recipient(ME.email), "sender": recipient(ME.email)}
    for name, is_draft in (("filed", False), ("unsent", True)):
        made = world.mail(f"{name}@home.example", at=NOON, folder="archive", isDraft=is_draft, **me)  # type: ignore[arg-type]  # JSON has no shape
        made["internetMessageHeaders"] = []
    found = {fact.message_id: fact for fact in facts(world)}
    assert "\\Drafts" in found["unsent@home.example"].labels
    assert "\\Drafts" not in found["filed@home.example"].labels
    assert [one.email for one in found["filed@home.example"].from_] == [ME.email]


def test_two_messages_with_one_message_id_are_two(world: MicrosoftWorld) -> None:
    for hours in (0, 1):
        world.mail("twice@elsewhere.example", at=NOON - hours * HOUR)
    found = facts(world)
    assert [fact.message_id for fact in found] == ["twice@elsewhere.example"] * 2
    assert len({fact.remote_id for fact in found}) == 2


def test_where_graphs_message_id_is_not_the_one_on_the_wire_the_wire_counts(world: MicrosoftWorld) -> None:
    world.mail("wire@elsewhere.example", at=NOON)["internetMessageId"] = "<graphs-own@outlook.example>"
    assert [fact.message_id for fact in facts(world)] == ["wire@elsewhere.example"]


def test_one_calendar_that_fails_stops_no_other(world: MicrosoftWorld) -> None:
    other = world.box.agenda.add_calendar("Travel")
    world.add_event("m@x.example", title="Lunch", description="", start=NOON, end=NOON + HOUR)
    world.box.agenda.add(start=NOON, end=NOON + HOUR, calendar=other, subject="Flight")
    store = Store.open("sqlite://")
    with store.write() as db:
        accounts.register_owner(db, "ada", OwnerKeys(keys=frozenset({ME.email})), "UTC")
        accounts.register(db, owner="ada", name="work", provider="microsoft", addresses=[ME], now=NOON)
    with store.read() as db:
        account = accounts.get(db, "ada/work")
    world.graph.fault("500-html", "GET", f"/calendars/{other}/calendarView/delta$", times=9)
    done = pull(store, world.open(), account, NOON, budget=lambda: True)
    with store.read() as db:
        stored = {each.name: (each.last_ok_at is not None, bool(each.error)) for each in feeds.stored_feeds(db, "ada", "ada/work")}
    assert done.error
    assert stored["Kalender"] == (True, False)
    assert stored["Travel"] == (False, True)
    assert stored["Posteingang"] == (True, False)
    store.close()
