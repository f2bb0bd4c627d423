"""Answers of Google that are larger than is read of one: what is too large is left out by name, and stops nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from connectors.google import consent
from connectors.google.transport import Roots
from connectors.http import LARGEST, TooLarge
from connectors.port import Saved, Unavailable
from tests.connectors.contract_world import NOON, a_draft, a_hold, names, read
from tests.connectors.google_world import GoogleWorld, google_world

HOUR = timedelta(hours=1)
GIANT, LARGE = "x" * (LARGEST + 1), "x" * (LARGEST // 5)


@pytest.fixture
def world() -> Iterator[GoogleWorld]:
    with google_world() as found:
        yield found


def mailbox(world: GoogleWorld) -> Any:  # noqa: ANN401 - the port's Mailbox, there for sure
    return world.open().mailbox


def calendar(world: GoogleWorld) -> Any:  # noqa: ANN401 - as above
    return world.open().calendar


def test_one_mail_that_is_too_large_is_left_out_by_name_and_no_other(world: GoogleWorld) -> None:
    made = [
        world.letter(f"{number}@elsewhere.example", at=NOON - number * HOUR, subject=GIANT if number == 2 else "Hello")
        for number in range(5)
    ]
    pages, _ = read(mailbox(world))
    assert sorted(names(pages)) == [f"{number}@elsewhere.example" for number in (0, 1, 3, 4)]
    skipped = [(each.remote_id, each.reason) for page in pages for each in page.skipped]
    assert skipped == [(made[2].id, "A message was left out: its header is larger than 32 MB.")]


def test_mails_that_are_too_large_only_together_are_all_read(world: GoogleWorld) -> None:
    for number in range(6):
        world.letter(f"{number}@elsewhere.example", at=NOON - number * HOUR, subject=LARGE)
    pages, _ = read(mailbox(world))
    assert len(names(pages)) == 6
    assert [each for page in pages for each in page.skipped] == []


def test_an_event_that_is_too_large_is_left_out_by_name_and_no_other(world: GoogleWorld) -> None:
    for number in range(4):
        world.add_event(f"{number}@x.example", title=GIANT if number == 1 else "Lunch", description="", start=NOON, end=NOON + HOUR)
    pages, cursors = read(calendar(world))
    assert sorted(names(pages)) == [f"{number}@x.example" for number in (0, 2, 3)]
    giant = world.diary.uid("1@x.example")["id"]
    skipped = [(each.remote_id, each.reason) for page in pages for each in page.skipped]
    assert skipped == [(giant, "An event was left out: it is larger than 32 MB.")]
    world.add_event("later@x.example", title="Tea", description="", start=NOON, end=NOON + HOUR)
    after, _ = read(calendar(world), cursors)
    assert names(after) == ["later@x.example"], "it was read on from behind what is too large"


def test_events_that_are_too_large_only_together_are_all_read(world: GoogleWorld) -> None:
    for number in range(6):
        world.add_event(f"{number}@x.example", title=LARGE, description="", start=NOON, end=NOON + HOUR)
    pages, _ = read(calendar(world))
    assert len(names(pages)) == 6
    assert [each for page in pages for each in page.skipped] == []


def test_a_list_that_is_too_large_is_named(world: GoogleWorld) -> None:
    world.google.fail("huge", "calendar.calendarList.list")
    with pytest.raises(TooLarge, match=r"Google is larger than 32 MB \(listing calendars\)") as raised:
        calendar(world).feeds()
    assert "proxy" in raised.value.remedy


def test_a_sign_in_that_answers_without_end_is_named(world: GoogleWorld) -> None:
    world.google.oauth.expire_all()
    world.google.fail("huge", "oauth.token", times=9)
    with pytest.raises(TooLarge, match="Google's sign-in is larger than 32 MB"):
        mailbox(world).feeds()
    client = consent.Client(id="app", secret="s")
    question = consent.ask(client, Roots(token=f"{world.root}/token"), (), redirect="http://localhost/")
    with pytest.raises(TooLarge, match="Google's sign-in is larger than 32 MB"):
        consent.redeem(question, client, Roots(token=f"{world.root}/token"), f"http://localhost/?state={question.state}&code=c")


def test_a_draft_or_hold_that_is_answered_at_too_great_length_is_made_once(world: GoogleWorld) -> None:
    side, holds = mailbox(world), calendar(world)
    before = side.witness()
    world.google.fail("huge", "gmail.users.drafts.create")
    world.google.fail("huge", "calendar.events.insert")
    with pytest.raises(Unavailable, match="larger than 32 MB"):
        side.save_draft(a_draft(), before)
    with pytest.raises(Unavailable, match="larger than 32 MB"):
        holds.save_hold(a_hold(), holds.witness())
    drafted, held = side.save_draft(a_draft(), before), holds.save_hold(a_hold(), holds.witness())
    assert isinstance(drafted, Saved)
    assert isinstance(held, Saved)
    assert (drafted.is_adopted, held.is_adopted) == (True, True)
    assert (len(world.drafts()), len(world.holds())) == (1, 1)
