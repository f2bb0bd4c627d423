"""Answers of Microsoft 365 that are larger than is read of one: what is too large is left out by name, and stops nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.http import LARGEST, TooLarge
from connectors.microsoft import mail, oversize
from connectors.port import Connection, Saved, Unavailable
from rules.people import OwnerKeys
from tests.connectors.contract import ME, NOON, a_draft, a_hold, gone, names, pages_of, read
from tests.connectors.microsoft_world import MicrosoftWorld, calendar, mailbox
from tests.simulators.microsoft.log import Json
from tests.simulators.microsoft.post import recipient
from worker.pull import pull
from worker.store import accounts
from worker.store.store import Store

HOUR = timedelta(hours=1)
GIANT = "x" * (LARGEST + 1)
LARGE = "x" * (LARGEST // 5)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[MicrosoftWorld]:
    world = MicrosoftWorld(tmp_path)
    yield world
    world.close()
    assert world.graph.violations == []


def letters(world: MicrosoftWorld, count: int = 6) -> list[Json]:
    return [world.mail(f"{number}@elsewhere.example", at=NOON - number * HOUR) for number in range(count)]


def inbox_pages(connection: Connection) -> list[object]:
    side = connection.mailbox
    assert side is not None
    return [page for feed in side.feeds() if feed.role == "\\Inbox" for page in pages_of(side, feed)]


def test_one_mail_that_is_too_large_is_left_out_by_name_and_no_other(world: MicrosoftWorld) -> None:
    giant = letters(world)[2]
    giant["subject"] = GIANT
    pages, cursors = read(mailbox(world))
    assert sorted(names(pages)) == [f"{number}@elsewhere.example" for number in (0, 1, 3, 4, 5)]
    skipped = [each for page in pages for each in page.skipped]
    assert [(each.remote_id, each.reason) for each in skipped] == [
        (giant["id"], "A message was left out: it is larger than 32 MB.")
    ]
    world.mail("later@elsewhere.example", at=NOON + HOUR)
    after, _ = read(mailbox(world), cursors)
    assert (names(after), gone(after)) == (["later@elsewhere.example"], []), "it was read on from behind what is too large"


def test_mails_that_are_too_large_only_together_are_all_read(world: MicrosoftWorld) -> None:
    for letter in letters(world):
        letter["subject"] = LARGE
        letter["internetMessageHeaders"] = []
    pages, _ = read(mailbox(world))
    assert len(names(pages)) == 6
    assert [each for page in pages for each in page.skipped] == []


def test_header_fields_that_are_too_large_cost_their_own_mail_and_no_other(world: MicrosoftWorld) -> None:
    for number, letter in enumerate(letters(world)):
        letter["from"] = recipient(f"robot{number}@far.example")
        if number == 2:
            letter["internetMessageHeaders"] += [{"name": "X-Junk", "value": GIANT}]
    pages, _ = read(mailbox(world))
    assert len(names(pages)) == 5
    assert [each.reason for page in pages for each in page.skipped] == ["A message was left out: it is larger than 32 MB."]


def test_an_event_that_is_too_large_is_left_out_by_name_and_no_other(world: MicrosoftWorld) -> None:
    for number in range(4):
        world.add_event(f"{number}@x.example", title=GIANT if number == 1 else "Lunch", description="", start=NOON, end=NOON + HOUR)
    giant = next(one["id"] for one in world.box.agenda.events.values() if one["subject"] == GIANT)
    pages, cursors = read(calendar(world))
    assert sorted(names(pages)) == [f"{number}@x.example" for number in (0, 2, 3)]
    skipped = [each for page in pages for each in page.skipped]
    assert [(each.remote_id, each.reason) for each in skipped] == [(giant, "An event was left out: it is larger than 32 MB.")]
    connection = world.open()
    assert connection.calendar is not None
    world.box.agenda.touch(giant, subject=GIANT + "!")
    connection.expect(cursors)  # type: ignore[attr-defined]  # what an idle look asks in one batch
    again = [page for feed in connection.calendar.feeds() for page in connection.calendar.changes(feed, cursors[feed.id])]
    assert [each.remote_id for page in again for each in page.skipped] == [giant], "a look round splits what is too large as well"


def test_an_account_with_something_too_large_is_read_and_says_so(world: MicrosoftWorld) -> None:
    letters(world)[2]["subject"] = GIANT
    store = Store.open("sqlite://")
    with store.write() as db:
        accounts.register_owner(db, "ada", OwnerKeys(keys=frozenset({ME.email})), "UTC")
        accounts.register(db, owner="ada", name="work", provider="microsoft", addresses=[ME], now=NOON)
    with store.read() as db:
        account = accounts.get(db, "ada/work")
    done = pull(store, world.open(), account, NOON, budget=lambda: True)
    assert (done.error, done.is_done, done.upserted, done.skipped) == ("", True, 5, 1)
    store.close()


def test_an_item_without_end_is_not_read_for_ever(world: MicrosoftWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oversize, "FURTHEST", LARGEST)
    letters(world)[2]["subject"] = GIANT
    with pytest.raises(TooLarge, match=r"Microsoft 365 is larger than 32 MB \(reading Posteingang\)") as raised:
        inbox_pages(world.open())
    assert "proxy" in raised.value.remedy


def test_a_list_that_is_too_large_is_named(world: MicrosoftWorld) -> None:
    world.graph.fault("huge", "GET", "/me/calendars$", times=9)
    with pytest.raises(TooLarge, match=r"Microsoft 365 is larger than 32 MB \(listing calendars\)"):
        calendar(world).feeds()


def test_a_sign_in_that_answers_without_end_is_named(world: MicrosoftWorld) -> None:
    world.identity.is_endless = True
    for grant in world.graph.grants.values():
        grant.is_alive = False
    with pytest.raises(TooLarge, match="Microsoft's sign-in is larger than 32 MB"):
        mailbox(world).feeds()


def test_a_draft_or_hold_that_is_answered_at_too_great_length_is_made_once(world: MicrosoftWorld) -> None:
    side, holds = mailbox(world), calendar(world)
    drafts_before, holds_before = side.witness(), holds.witness()
    world.graph.fault("huge", "POST", r"/(messages|events)$", times=2)
    with pytest.raises(Unavailable, match="larger than 32 MB"):
        side.save_draft(a_draft(), drafts_before)
    with pytest.raises(Unavailable, match="larger than 32 MB"):
        holds.save_hold(a_hold(), holds_before)
    drafted, held = side.save_draft(a_draft(), drafts_before), holds.save_hold(a_hold(), holds_before)
    assert isinstance(drafted, Saved)
    assert isinstance(held, Saved)
    assert (drafted.is_adopted, held.is_adopted) == (True, True)
    assert (len(world.drafts()), len(world.holds())) == (1, 1)


@pytest.mark.parametrize("page", [2, 25])
def test_pages_are_asked_for_in_full_again_behind_what_is_too_large(
    world: MicrosoftWorld, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(mail, "PAGE", page)
    letters(world, 8)[3]["subject"] = GIANT
    pages, _ = read(mailbox(world))
    assert len(names(pages)) == 7


@pytest.mark.parametrize("size", [1_000, 1 << 14, 17_001])
@pytest.mark.parametrize("is_first", [True, False])
def test_what_follows_is_found_wherever_it_stands_and_never_in_somebodys_words(size: int, is_first: bool) -> None:
    words = '"@odata.nextLink":"https://far.example/" \\"@odata.nextLink\\":\\"https://far.example/\\"'
    link, item = {"@odata.nextLink": 'https://graph.example/?$skiptoken=é"\\a'}, {"id": "A=", "subject": words + GIANT + words}
    raw = json.dumps({**link, "value": [item]} if is_first else {"value": [item], **link}).encode()
    found = json.loads(oversize.passed(raw[at : at + size] for at in range(0, len(raw), size)))
    assert found == {"value": [{"id": "A=", oversize.TOO_LARGE: True}], **link}


def test_of_several_items_in_one_answer_that_is_too_large_none_is_left_out_without_a_word() -> None:
    raw = json.dumps(
        {"value": [{"id": "A=", "subject": GIANT}, {"id": "B="}], "@odata.nextLink": "https://graph.example/"}
    ).encode()
    with pytest.raises(TooLarge):
        oversize.passed([raw])
