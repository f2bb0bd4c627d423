"""Benchmark of deciding after one new message, in stores of 10,000 to 1,000,000 messages.

    python -m benchmarks.decide [--quick]

One message arrives from somebody the owner is in touch with; it is committed and decided on. The CPU time must be flat
within 1.5 over the sizes. `--quick` stops at 100,000.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select

from connectors.port import Changes, Cursor, Feed
from rules.facts import Address, MessageMetadata
from rules.network import Owner
from rules.people import OwnerKeys
from worker.decide import decide
from worker.rulebooks import shipped, wording
from worker.store import accounts, feeds, people
from worker.store.feeds import StoredFeed
from worker.store.mapping import message_row, micros
from worker.store.store import Store
from worker.store.tables import address, message, party, person

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
ME = Address(email="ada@corp.example", name="Ada Owner")
OWNER = Owner(name="ada", addresses=(ME,), domains=frozenset({"corp.example"}), zone="Europe/Berlin")
CIRCLE = 20
"""People the owner is in touch with, each with HISTORY messages; everything else is the size of the mailbox."""
HISTORY = 200
EACH = 50
"""Messages of every other person."""
BOUND = 1.5


RULEBOOK, WORDING = shipped(), wording()


def friend(number: int) -> Address:
    """Name one of the circle."""
    return Address(email=f"friend{number}@firm{number}.example", name=f"Friend Number{number}")


def exchange(number: int) -> MessageMetadata:
    """Make a message to or from one of the circle."""
    who, is_out = friend(number % CIRCLE), (number // CIRCLE) % 2
    pair = ((ME,), (who,)) if is_out else ((who,), (ME,))
    return MessageMetadata(
        remote_id=f"real:{number}",
        message_id=f"real{number}@mail.example",
        sent_at=NOW - timedelta(hours=4 * number + 1),
        from_=pair[0],
        to=pair[1],
        recipients=1,
        subject="lunch",
    )


def make(folder: Path, size: int) -> tuple[Store, StoredFeed]:
    """Make a store of so many messages: the circle through the front door, the rest straight into the tables."""
    store = Store.open(f"sqlite:///{folder}/{size}.db")
    with store.write() as db:
        accounts.register_owner(db, "ada", OwnerKeys(keys=frozenset({ME.email}), domains=OWNER.domains), OWNER.zone)
        accounts.register(db, owner="ada", name="main", provider="memory", addresses=[ME], now=NOW)
        feed = feeds.sync_feeds(db, "ada/main", "ada", "mail", [Feed(id="inbox", name="Inbox")], NOW)[0]
        feed = feeds.begin_full_read(db, feed)
        page = Changes(upserted=tuple(exchange(n) for n in range(CIRCLE * HISTORY)), cursor=Cursor("0"), is_last=True)
        feed = feeds.commit_page(db, feed, page, NOW)
    for at in range(CIRCLE * HISTORY, size, 50_000):
        fill(store, range(at, min(at + 50_000, size)))
    with store.read() as db:
        assert db.execute(select(func.count()).select_from(message)).scalar() == size, "the store has not the size it claims"
    decide(store, OWNER, RULEBOOK, NOW, holder="first", wording=WORDING)
    return store, feed


def fill(store: Store, numbers: range) -> None:
    """Add the mail of others: rows as the store writes them, made without it for speed."""
    messages, parties, others = [], [], set()
    for number in numbers:
        key = f"person{number // EACH}@elsewhere{number // EACH % 997}.example"
        found = MessageMetadata(
            remote_id=f"fill:{number}",
            message_id=f"fill{number}@mail.example",
            sent_at=NOW - timedelta(minutes=number + 1),
            from_=(Address(email=key, name=f"Person {number // EACH}"),),
            to=(ME,),
            recipients=1,
            subject=f"about {number}",
        )
        own = {"id": number + 1, "owner": "ada", "account": "ada/main", "feed": "inbox", "generation": 1, "author": key}
        messages.append(message_row(found) | own)
        parties.append(
            {"owner": "ada", "address": key, "sent_at": micros(found.sent_at), "message": number + 1}
            | {"direction": "in" if number % 3 else "out", "role": "from", "recipients": 1}
        )
        others.add(key)
    rows: list[dict[str, Any]] = [
        {"owner": "ada", "key": key, "email": key, "kind": "human", "person": f"filled {key}"} for key in sorted(others)
    ]
    with store.write() as db:
        db.execute(insert(message), messages)
        db.execute(insert(party), parties)
        db.execute(insert(address), rows)
        db.execute(insert(person), [{"owner": "ada", "id": row["person"], "name": row["key"]} for row in rows])


def one_more(store: Store, feed: StoredFeed, number: int) -> tuple[StoredFeed, float]:
    """Commit one new message and decide; return the CPU milliseconds."""
    fresh = replace(exchange(0), remote_id=f"new:{number}", message_id=f"new{number}@mail.example", sent_at=NOW)
    page = Changes(upserted=(fresh,), cursor=Cursor(f"{number}"), is_last=True)
    now = NOW + timedelta(seconds=number)
    begun = time.process_time()
    with store.write() as db:
        feed = feeds.commit_page(db, feed, page, now)
    decided = decide(store, OWNER, RULEBOOK, now, holder="bench", wording=WORDING)
    took = (time.process_time() - begun) * 1000
    assert decided.reviewed == 1, f"{decided.reviewed} persons were due, not one"
    return feed, took


def measure(folder: Path, size: int, rounds: int) -> float:
    """Return the median CPU milliseconds in a store of one size."""
    store, feed = make(folder, size)
    with store.read() as db:
        assert people.find(db, "ada", friend(0).email)[0].interactions == HISTORY
    took = []
    for number in range(rounds + 2):
        feed, each = one_more(store, feed, number)
        took.append(each)
    store.close()
    return statistics.median(took[2:])


def main() -> int:
    """Measure and print; 1 if the bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="up to 100,000 messages")
    sizes = [10_000, 100_000] if parser.parse_args().quick else [10_000, 100_000, 1_000_000]
    with tempfile.TemporaryDirectory(prefix="rekindle-bench-") as name:
        found = {size: measure(Path(name), size, 5) for size in sizes}
    for size, took in found.items():
        print(f"one message into {size:>9,}: {took:8.1f} ms CPU")
    ratio = max(found.values()) / found[sizes[0]]
    print(f"the slowest over the smallest: {ratio:.2f} (bound {BOUND}) {'' if ratio <= BOUND else 'MISSED'}")
    return int(ratio > BOUND)


if __name__ == "__main__":
    sys.exit(main())
