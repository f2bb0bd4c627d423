"""Outlook mail as Graph really behaves: opaque links, replays, throttling, lost sync states, machines told by their headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.microsoft import mail
from connectors.microsoft.graph import Graph
from connectors.port import (
    AuthorizationExpired,
    Changes,
    Cursor,
    CursorExpired,
    Feed,
    Mailbox,
    RateLimited,
    Rejected,
    Unavailable,
)
from rules.facts import MessageMetadata
from tests.connectors.contract import CANARY, NOON, gone, names, pages_of, read
from tests.connectors.microsoft_world import MicrosoftWorld
from tests.simulators.microsoft.faults import Kind
from tests.simulators.microsoft.post import recipient


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MicrosoftWorld]:
    monkeypatch.setattr(mail, "PAGE", 3)
    world = MicrosoftWorld(tmp_path)
    yield world
    world.close()
    assert world.graph.violations == []


def mailbox(world: MicrosoftWorld) -> Mailbox:
    found = world.open().mailbox
    assert found is not None
    return found


def inbox(world: MicrosoftWorld) -> Feed:
    return next(feed for feed in mailbox(world).feeds() if feed.role == "\\Inbox")


def letters(world: MicrosoftWorld, count: int = 7) -> list[str]:
    made = [f"letter-{number}@elsewhere.example" for number in range(count)]
    for number, name in enumerate(made):
        world.mail(name, at=NOON - timedelta(days=number))
    return made


def facts(world: MicrosoftWorld) -> dict[str, MessageMetadata]:
    pages, _ = read(mailbox(world))
    return {fact.message_id: fact for page in pages for fact in page.upserted if isinstance(fact, MessageMetadata)}


def test_the_newest_mail_comes_first_and_each_page_says_how_far_back_it_reaches(world: MicrosoftWorld) -> None:
    made = letters(world)
    pages = pages_of(mailbox(world), inbox(world))
    assert names(pages) == made
    covered = [page.covered_since for page in pages]
    assert covered == [NOON - timedelta(days=2), NOON - timedelta(days=5), datetime.min.replace(tzinfo=UTC)]


def test_ids_that_differ_in_case_only_are_two_messages(world: MicrosoftWorld) -> None:
    letters(world, 2)
    ids = [fact.remote_id for fact in facts(world).values()]
    assert len({one.lower() for one in ids}) == 1
    assert len(set(ids)) == 2


def test_a_replayed_item_and_an_empty_page_lose_nothing(world: MicrosoftWorld) -> None:
    made = letters(world)
    world.box.post.log.is_replaying = world.box.post.log.has_empty_pages = True
    pages = pages_of(mailbox(world), inbox(world))
    assert pages[0].upserted == ()
    assert not pages[0].is_last
    assert set(names(pages)) == set(made)
    assert len(names(pages)) == len(made) + 1


def test_a_moved_message_leaves_one_folder_and_arrives_in_another_under_its_id(world: MicrosoftWorld) -> None:
    letters(world, 2)
    folder = world.box.post.add_folder("Projects")
    _, cursors = read(mailbox(world))
    moved = next(iter(world.box.post.messages))
    world.box.post.move(moved, folder)
    pages, _ = read(mailbox(world), cursors)
    assert gone(pages) == [moved]
    assert [fact.remote_id for page in pages for fact in page.upserted] == [moved]


def test_new_folders_are_read_and_drafts_junk_and_trash_are_not(world: MicrosoftWorld) -> None:
    world.box.post.add_folder("Kunden")
    roles = {feed.name: feed.role for feed in mailbox(world).feeds()}
    assert roles == {"Posteingang": "\\Inbox", "Gesendete Elemente": "\\Sent", "Archiv": "\\Archive", "Kunden": ""}


@pytest.mark.parametrize("kind", ["410", "syncStateNotFound"])
def test_a_lost_sync_state_is_an_expired_cursor(world: MicrosoftWorld, kind: Kind) -> None:
    letters(world)
    feed = inbox(world)
    cursor = pages_of(mailbox(world), feed)[-1].cursor
    world.graph.fault(kind, path="messages/delta")
    with pytest.raises(CursorExpired):
        pages_of(mailbox(world), feed, cursor)


def test_a_link_to_another_host_is_followed_at_the_configured_root(world: MicrosoftWorld) -> None:
    letters(world)
    feed = inbox(world)
    cursor = pages_of(mailbox(world), feed)[0].cursor
    foreign = Cursor(re.sub(r"http://127\.0\.0\.1:\d+", "https://graph.elsewhere.example", cursor))
    assert foreign != cursor
    assert len(names(pages_of(mailbox(world), feed, foreign))) == 4


def test_a_token_that_ends_in_the_middle_of_paging_is_renewed_and_nothing_is_lost(world: MicrosoftWorld) -> None:
    made = letters(world)
    feed, side = inbox(world), mailbox(world)
    before = world.identity.refreshes
    world.graph.fault("401", "GET", "/messages/delta$", nth=2)
    seen = names(list(side.changes(feed, None)))
    assert seen == made
    assert world.identity.refreshes == before + 1


def test_a_sign_in_that_stays_refused_pauses_the_account(world: MicrosoftWorld) -> None:
    world.graph.fault("401", times=9)
    with pytest.raises(AuthorizationExpired) as raised:
        mailbox(world).feeds()
    assert "connect microsoft" in raised.value.remedy


@pytest.mark.parametrize(
    ("kind", "seconds"), [("429", 7), ("429-date", 30), ("429-silent", 30), ("MailboxConcurrency", 30), ("503-after", 9)]
)
def test_being_asked_to_slow_down_says_for_how_long(world: MicrosoftWorld, kind: Kind, seconds: int) -> None:
    world.graph.fault(kind)
    with pytest.raises(RateLimited) as raised:
        mailbox(world).feeds()
    assert abs(raised.value.retry_after - timedelta(seconds=seconds)) <= timedelta(seconds=1)


@pytest.mark.parametrize("kind", ["503", "504", "500-html", "502-html", "drop", "lose", "truncate", "html"])
def test_what_is_broken_is_unavailable_and_names_the_request(world: MicrosoftWorld, kind: Kind) -> None:
    letters(world)
    feed = inbox(world)
    world.graph.fault(kind, path="delta")
    with pytest.raises(Unavailable) as raised:
        pages_of(mailbox(world), feed)
    assert ("req-" in str(raised.value)) == (kind in {"503", "504", "500-html", "502-html"})
    assert len(names(pages_of(mailbox(world), feed))) == 7


def test_one_throttled_item_of_a_batch_is_asked_for_again_by_itself(world: MicrosoftWorld) -> None:
    made = world.mail("news@elsewhere.example", at=NOON)
    world.graph.crowded_items.add(f"/me/messages/{made['id']}")
    fact = facts(world)["news@elsewhere.example"]
    assert fact.sent_offset == timedelta(0), "the header fields were read"


def test_a_throttled_item_of_a_batch_waits_as_long_as_it_says_and_is_then_asked_for_alone(world: MicrosoftWorld) -> None:
    made = letters(world, 3)
    for number, name in enumerate(made):
        world.box.post.named(name)["from"] = recipient(f"news{number}@list.example")  # type: ignore[index]  # it is there
    side, feed = mailbox(world), inbox(world)
    late = f"/me/messages/{world.box.post.named(made[1])['id']}"  # type: ignore[index]  # as above
    world.graph.throttled_items.add(late)
    with pytest.raises(RateLimited) as raised:
        pages_of(side, feed)
    assert raised.value.retry_after == timedelta(seconds=1)
    world.graph.parts.clear()
    read = [fact for page in pages_of(side, feed) for fact in page.upserted if isinstance(fact, MessageMetadata)]
    assert [fact.sent_offset for fact in read] == [timedelta(0)] * 3, "the header fields of all were read"
    asked = [one.partition("?")[0] for one in world.graph.parts]
    assert asked == [late, f"/me/messages/{world.box.post.named(made[2])['id']}"], "and of what came after it"  # type: ignore[index]  # as above


def test_a_batch_that_stays_throttled_waits_as_long_as_its_item_says(world: MicrosoftWorld) -> None:
    class Stubborn(set[str]):
        def discard(self, element: object) -> None:
            """Keep it."""

    world.mail("news@elsewhere.example", at=NOON)
    feed = inbox(world)
    world.graph.throttled_items = Stubborn(f"/me/messages/{one}" for one in world.box.post.messages)
    with pytest.raises(RateLimited) as raised:
        pages_of(mailbox(world), feed)
    assert raised.value.retry_after == timedelta(seconds=1)


def test_machines_are_told_by_header_fields_asked_for_once_a_sender(world: MicrosoftWorld) -> None:
    sender = recipient("news@list.example", "News")
    for number in range(5):
        made = world.mail(f"news-{number}@list.example", at=NOON - timedelta(days=number))
        made["from"] = sender
        made["internetMessageHeaders"] += [{"name": "List-Id", "value": "<news.list.example>"}]
    found = facts(world)
    assert found["news-0@list.example"].list_id == "<news.list.example>"
    asked = [path for method, path in world.graph.requests if method == "POST" and path.endswith("$batch")]
    assert len(asked) == 2, "one for the folders, one for the sender"


def test_a_message_with_unreadable_fields_is_skipped_and_its_neighbours_come_through(world: MicrosoftWorld) -> None:
    letters(world, 3)
    world.box.post.touch(world.box.post.named("letter-1@elsewhere.example")["id"], receivedDateTime="2026-13-45T00:00:00Z")  # type: ignore[index]  # it is there
    world.graph.violations.clear()
    feed = inbox(world)
    pages = pages_of(mailbox(world), feed)
    assert len(names(pages)) + sum(len(page.skipped) for page in pages) == 3


def test_an_idle_look_at_the_mail_is_one_call(world: MicrosoftWorld) -> None:
    letters(world)
    side = mailbox(world)
    before = [feed.hint for feed in side.feeds()]
    world.graph.requests.clear()
    assert [feed.hint for feed in side.feeds()] == before
    assert world.graph.requests == [("POST", "/v1.0/$batch")]


@pytest.mark.parametrize("what", ["arrives", "goes", "moves", "is edited"])
def test_whatever_happens_in_the_mailbox_changes_the_hint(world: MicrosoftWorld, what: str) -> None:
    letters(world)
    before = {feed.id: feed.hint for feed in mailbox(world).feeds()}
    first = next(iter(world.box.post.messages))
    match what:
        case "arrives":
            world.mail("new@elsewhere.example", at=NOON)
        case "goes":
            world.box.post.remove(first)
        case "moves":
            world.box.post.move(first, "archive")
        case _:
            world.box.post.touch(first, subject="Another")
    after = {feed.id: feed.hint for feed in mailbox(world).feeds()}
    where = world.box.post.folder_id("inbox")
    assert after[where] != before[where]


def test_the_budget_of_a_minute_is_asked_before_each_request(world: MicrosoftWorld) -> None:
    asked: list[tuple[str, int, int, int]] = []

    class Empty:
        def take(self, name: str, *, price: int, count: int, limit: int) -> int:
            asked.append((name, price, count, limit))
            raise RateLimited("enough", retry_after=timedelta(seconds=price), is_paced=True)

    world.quota = Empty()
    with pytest.raises(RateLimited) as raised:
        mailbox(world).feeds()
    assert asked[0] == ("microsoft ada/work", 13, 1, 900), "a batch costs what its parts cost"
    assert raised.value.is_paced
    assert raised.value.retry_after == timedelta(seconds=600), "and it is worth going on when most of the minute is there again"
    assert world.graph.requests == []


@pytest.mark.parametrize("field", ["body", "bodyPreview", "uniqueBody", "id,body"])
def test_content_is_never_asked_for(world: MicrosoftWorld, field: str) -> None:
    graph = Graph(lambda _: "token", root=world.graph.root)
    with pytest.raises(Rejected):
        graph.get("me/messages/x", "a test", params={"$select": field})
    for path in ("me/messages/x/$value", "me/messages/x/attachments", "me/messages/x/body"):
        with pytest.raises(Rejected):
            graph.get(path, "a test")
    assert world.graph.requests == []


def test_asking_for_content_would_fail_every_test_here(world: MicrosoftWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    letters(world, 1)
    monkeypatch.setattr("connectors.microsoft.mail.SELECT", "id,subject,bodyPreview")
    monkeypatch.setattr("connectors.microsoft.graph._CONTENT", re.compile("nothing at all"))
    read(mailbox(world))
    assert [one for one in world.graph.violations if "content asked for" in one]
    world.graph.violations.clear()


def test_what_a_write_answers_is_dropped_unread(world: MicrosoftWorld) -> None:
    token = next(token for token, grant in world.graph.grants.items() if grant.app == "writer-app")
    graph = Graph(lambda _: token, root=world.graph.root)
    made = world.mail("secret@elsewhere.example", at=NOON)
    answer = graph.ask("POST", f"me/messages/{made['id']}/createReply", "a test", given={"message": {"subject": "Re"}})
    assert answer["subject"] == "Re"
    assert CANARY not in repr(answer)
    assert not {"body", "bodyPreview"} & answer.keys()


def test_the_owners_addresses_come_from_the_profile(world: MicrosoftWorld) -> None:
    assert [one.email for one in world.open().addresses()] == ["ada@example.org"]


def test_two_owners_are_never_mixed(tmp_path: Path, world: MicrosoftWorld) -> None:
    (tmp_path / "ben").mkdir()
    other = MicrosoftWorld(tmp_path / "ben", address="ben@example.org", graph=world.graph)
    letters(world, 2)
    other.mail("only-ben@elsewhere.example", at=NOON)
    mine, cursors = read(mailbox(world))
    theirs, _ = read(mailbox(other))
    assert sorted(names(mine)) == ["letter-0@elsewhere.example", "letter-1@elsewhere.example"]
    assert names(theirs) == ["only-ben@elsewhere.example"]
    other.mail("ben-again@elsewhere.example", at=NOON)
    later: list[Changes[MessageMetadata]] = read(mailbox(world), cursors)[0]  # type: ignore[assignment]  # mail alone was read
    assert names(later) == []
    other.identity.close()
