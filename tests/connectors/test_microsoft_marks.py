"""What Rekindle leaves in a mailbox of Microsoft's beside the words: who made it, and invitations for the owner to send."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.microsoft.drafts import BY
from connectors.port import Saved
from rules.people import OwnerKeys
from rules.suggestions import Draft, Key
from tests.connectors.contract import ME, NOON, a_draft, a_hold
from tests.connectors.microsoft_world import MicrosoftWorld, calendar, mailbox
from worker.pull import pull
from worker.store import accounts, installations
from worker.store.store import Store

FIRST, SECOND = "20261101T090000Z.first", "20261110T090000Z.second"
INVITATION = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[MicrosoftWorld]:
    world = MicrosoftWorld(tmp_path)
    world.installation = FIRST
    yield world
    world.close()
    assert world.graph.violations == []


def marked(world: MicrosoftWorld) -> dict[tuple[str, str], int]:
    """Count the events by key and by who made them."""
    side = calendar(world)
    events = [event for feed in side.feeds() for page in side.changes(feed, None) for event in page.upserted]
    said = [(event.rekindle_key, event.rekindle_by) for event in events]
    return {each: said.count(each) for each in said}


def test_a_hold_says_which_installation_made_it_to_every_other(world: MicrosoftWorld) -> None:
    calendar(world).save_hold(a_hold(), calendar(world).witness())
    world.add_event("m@x.example", title="Lunch", description="", start=NOON, end=NOON + timedelta(hours=1))
    world.installation = SECOND
    assert marked(world) == {(a_hold().key, FIRST): 1, ("", ""): 1}


def test_whoever_may_read_alone_makes_no_holds_and_asks_for_no_marks(world: MicrosoftWorld) -> None:
    calendar(world).save_hold(a_hold(), calendar(world).witness())
    world.settings["access"] = "read"
    assert marked(world) == {(a_hold().key, ""): 1}


@pytest.mark.parametrize(("ours", "is_stopped"), [(FIRST, True), (SECOND, False)])
def test_of_two_installations_the_earlier_sees_that_it_has_to_stop(world: MicrosoftWorld, *, ours: str, is_stopped: bool) -> None:
    store = Store.open("sqlite://")
    connected = NOON.replace(day=1 if ours == FIRST else 20)
    with store.write() as db:
        accounts.register_owner(db, "ada", OwnerKeys(keys=frozenset({ME.email})), "UTC")
        accounts.register(db, owner="ada", name="work", provider="microsoft", addresses=[ME], now=connected)
    with store.read() as db:
        account = accounts.get(db, "ada/work")
    world.installation = SECOND
    calendar(world).save_hold(a_hold(), calendar(world).witness())
    pull(store, world.open(), account, NOON, budget=lambda: True)
    with store.read() as db:
        found = installations.newer_than_ours(db, account.id, NOON)
    assert found.startswith("Another Rekindle, connected on 2026-11-10") == is_stopped
    store.close()


def an_invitation(**changes: object) -> Draft:
    return replace(a_draft(), calendar=INVITATION, **changes)  # type: ignore[arg-type]  # fields of a draft


def attached(world: MicrosoftWorld, saved: object) -> list[tuple[str, str]]:
    assert isinstance(saved, Saved)
    raw = world.box.post.messages[saved.remote_id].get("attachments", ())
    return [(one["contentType"], b64decode(one["contentBytes"]).decode()) for one in raw]


def test_a_new_draft_carries_its_invitation(world: MicrosoftWorld) -> None:
    saved = mailbox(world).save_draft(an_invitation(), mailbox(world).witness())
    assert attached(world, saved) == [("text/calendar; charset=utf-8; method=REQUEST", INVITATION)]
    assert [one["value"] for one in world.box.post.marks[saved.remote_id] if one["id"] == BY] == [FIRST]  # type: ignore[union-attr]  # it was saved


def test_a_reply_carries_its_invitation_by_mime_and_where_graph_makes_it(world: MicrosoftWorld) -> None:
    world.mail("asked@elsewhere.example", at=NOON)
    reply = an_invitation(in_reply_to="asked@elsewhere.example")
    saved = mailbox(world).save_draft(reply, mailbox(world).witness())
    assert attached(world, saved) == [("text/calendar; charset=utf-8; method=REQUEST", INVITATION)]
    world.delete_draft(saved)  # type: ignore[arg-type]  # it was saved
    world.graph.fault("400", "POST", "/messages$")
    other = replace(reply, key=Key("0" * 26), message_id="another@home.example")
    saved = mailbox(world).save_draft(other, mailbox(world).witness())
    assert attached(world, saved) == [("text/calendar; charset=utf-8; method=REQUEST", INVITATION)]


def test_a_draft_without_an_invitation_has_nothing_attached(world: MicrosoftWorld) -> None:
    assert attached(world, mailbox(world).save_draft(a_draft(), mailbox(world).witness())) == []
