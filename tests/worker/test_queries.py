"""What `status` is told of a first read that is still under way."""

from __future__ import annotations

from datetime import timedelta

from connectors.port import Changes, Cursor, Feed
from rules.facts import Address, MessageMetadata
from tests.connectors.contract_world import NOON
from worker import queries
from worker.store import accounts
from worker.store.feeds import begin_full_read, commit_page, note_error, sync_feeds
from worker.store.store import Store

MINUTE = timedelta(minutes=1)


def letter(number: int) -> MessageMetadata:
    return MessageMetadata(
        remote_id=str(number),
        message_id=f"{number}@far.example",
        sent_at=NOON - number * MINUTE,
        from_=(Address(email=f"person{number}@far.example"),),
        to=(Address(email="ada@example.org"),),
    )


def test_a_first_read_says_what_is_still_to_come_and_how_long_that_takes() -> None:
    """Three hundred letters in the first two minutes: twelve hundred more take eight."""
    store = Store.open("sqlite://")
    with store.write() as db:
        accounts.register(db, owner="ada", name="work", provider="google", addresses=(), now=NOON)
        [stored] = sync_feeds(db, "ada/work", "ada", "mail", [Feed(id="mail", name="Gmail", role="\\All")], NOON)
        begun = begin_full_read(db, stored)
        page = Changes(upserted=tuple(map(letter, range(300))), cursor=Cursor("1"), remaining=1200)
        begun = commit_page(db, begun, page, NOON + 2 * MINUTE)
    with store.read() as db:
        shown = next(each for each in queries.feeds(db, "ada", NOON + 2 * MINUTE) if each.feed)
    assert (shown.remaining, shown.minutes_left) == (1200, 8)
    with store.write() as db:
        last: Changes[MessageMetadata] = Changes(cursor=Cursor("2"), remaining=0, is_last=True)
        commit_page(db, begun, last, NOON + 9 * MINUTE)
    with store.read() as db:
        shown = next(each for each in queries.feeds(db, "ada", NOON + 9 * MINUTE) if each.feed)
    assert (shown.remaining, shown.minutes_left) == (None, None)
    store.close()


def test_a_folder_without_news_was_read_when_its_account_was() -> None:
    store = Store.open("sqlite://")
    with store.write() as db:
        accounts.register(db, owner="ada", name="work", provider="google", addresses=(), now=NOON)
        well, ill = sync_feeds(db, "ada/work", "ada", "mail", [Feed(id="a", name="A"), Feed(id="b", name="B")], NOON)
        last: Changes[MessageMetadata] = Changes(cursor=Cursor("1"), is_last=True)
        for each in (well, ill):
            commit_page(db, begin_full_read(db, each), last, NOON)
        note_error(db, ill, "It is ill.")
        accounts.succeeded(db, "ada/work", NOON + 5 * MINUTE, NOON + 7 * MINUTE)
    with store.read() as db:
        shown = {each.feed: each.last_ok for each in queries.feeds(db, "ada", NOON + 6 * MINUTE) if each.feed}
    assert shown == {"A": NOON + 5 * MINUTE, "B": NOON}
    store.close()


def test_whatever_else_fails_a_paused_account_says_why_it_was() -> None:
    store = Store.open("sqlite://")
    with store.write() as db:
        accounts.register(db, owner="ada", name="work", provider="imap", addresses=(), now=NOON)
        accounts.pause(db, "ada/work", "The password is wrong.", "Connect again.")
        accounts.held_back(db, "ada/work", NOON + MINUTE)
        accounts.failed(db, "ada/work", "Away", "", NOON + MINUTE)
        accounts.failed_partly(db, "ada/work", "Away", "", NOON + MINUTE)
    with store.read() as db:
        [shown] = queries.feeds(db, "ada", NOON)
    assert (shown.state, shown.error) == ("paused", "The password is wrong. Connect again.")
    store.close()
