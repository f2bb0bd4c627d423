"""What `status` is told of a first read that is still under way."""

from __future__ import annotations

from datetime import timedelta

from connectors.port import Changes, Cursor, Feed
from rules.facts import Address, MessageMetadata
from tests.connectors.contract_world import NOON
from worker import queries
from worker.store import accounts
from worker.store.feeds import begin_full_read, commit_page, sync_feeds
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
