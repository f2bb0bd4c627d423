"""A made-up mailbox and calendar for the benchmarks of whole networks, brought into a store through its front door."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from connectors.port import Changes, Cursor, Feed
from rules.facts import Address, Attendee, CalendarEvent, MessageMetadata
from rules.people import OwnerKeys
from worker.store import accounts, feeds
from worker.store.statements import chunks
from worker.store.store import Store

NOW = datetime(2026, 3, 10, 10, tzinfo=UTC)
SINCE = NOW - timedelta(days=365)
ME = Address(email="ada@corp.example", name="Ada Owner")
PAGE = 2_000
READ = ("message", "party", "address", "person", "attendance", "event", "occurrence", "note", "suggestion")
"""The tables a decision about everybody reads."""
CONFIG = """
[owners.ada]
name = "Ada Owner"
addresses = ["ada@corp.example"]
zone = "Europe/Berlin"

[owners.ada.accounts.main]
provider = "files"
mail = ["mail.mbox"]
calendar = ["calendar"]
out = "out"

[store]
url = "sqlite:///rekindle.db"

[secrets]
key_file = "master.key"
"""


def someone(number: int) -> Address:
    """Name one of the people."""
    return Address(email=f"given{number}@firm{number % 97}.example", name=f"Given{number} Family{number}")


def letters(count: int, people: int) -> Iterator[MessageMetadata]:
    """Make a year's mail with people of very different liveliness: threads of three, each with what a real one carries."""
    chance = random.Random(7)
    shares = [chance.paretovariate(1.2) for _ in range(people)]
    for number, share in enumerate(shares):
        yield from _exchange(number, max(round(count * share / sum(shares)), 2), chance)


def _exchange(number: int, count: int, chance: random.Random) -> Iterator[MessageMetadata]:
    end, thread = NOW - timedelta(days=chance.choice([1, 5, 20, 60, 120])), tuple[str, ...]()
    for k, at in enumerate(sorted(end - timedelta(seconds=chance.randrange(300 * 86_400)) for _ in range(count))):
        thread = thread if k % 3 else ()
        name = f"CAF{number:05d}x{k:06d}+{chance.getrandbits(128):032x}@mail.firm{number % 97}.example"
        author, to = (someone(number), ME) if k % 2 else (ME, someone(number))
        yield MessageMetadata(
            remote_id=f"1:{number}:{k}",
            message_id=name,
            sent_at=at,
            sent_offset=timedelta(hours=1),
            from_=(author,),
            to=(to,),
            recipients=1,
            subject=f"About matter {k % 7}",
            in_reply_to=thread[-1:],
            references=thread,
            return_path=f"<{author.email}>",
            content_type=f'multipart/alternative; boundary="{chance.getrandbits(112):028x}"',
            size=2_000 + 97 * (k % 400),
        )
        thread = (*thread, name)


def talks(count: int, people: int) -> Iterator[CalendarEvent]:
    """Make single meetings with one or two people, spread over the year."""
    chance = random.Random(8)
    for number in range(count):
        start = NOW - timedelta(days=1 + chance.random() * 300)
        yield _event(f"talk{number}", start, [chance.randrange(people) for _ in range(chance.choice([1, 1, 2]))])


def series(count: int, people: int) -> Iterator[CalendarEvent]:
    """Make weekly and fortnightly series that have run for a year and go on."""
    chance = random.Random(9)
    for number in range(count):
        start = (SINCE + timedelta(days=number % 5)).replace(hour=8 + number % 8)
        guests = [chance.randrange(people) for _ in range(chance.choice([1, 1, 3, 6]))]
        yield _event(f"series{number}", start, guests, (f"RRULE:FREQ=WEEKLY;INTERVAL={1 + number % 2}",))


def _event(uid: str, start: datetime, guests: Sequence[int], recurrence: tuple[str, ...] = ()) -> CalendarEvent:
    everybody = [ME, *(someone(each) for each in dict.fromkeys(guests))]
    return CalendarEvent(
        remote_id=uid,
        uid=uid,
        start=start,
        end=start + timedelta(minutes=30),
        summary="Talk",
        organizer=ME,
        attendees=tuple(Attendee(address=each, response="accepted") for each in everybody),
        attendee_count=len(everybody),
        recurrence=recurrence,
    )


def installed(folder: Path, mails: Sequence[MessageMetadata], events: Sequence[CalendarEvent]) -> Path:
    """Write settings and a store that has read all of it; return the path of the settings."""
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    store = Store.open(f"sqlite:///{folder}/rekindle.db")
    with store.write() as db:
        accounts.register_owner(
            db, "ada", OwnerKeys(keys=frozenset({ME.email}), domains=frozenset({"corp.example"})), "Europe/Berlin"
        )
        accounts.register(db, owner="ada", name="main", provider="files", addresses=[ME], now=SINCE)
    _pull(store, "calendar", events)
    _pull(store, "mail", mails)
    store.close()
    return folder / "config.toml"


def _pull(store: Store, kind: Literal["mail", "calendar"], facts: Sequence[Any]) -> None:
    with store.write() as db:
        feed = feeds.sync_feeds(db, "ada/main", "ada", kind, [Feed(id=kind, name=kind)], NOW)[0]
        feed = feeds.begin_full_read(db, feed)
    pages = list(chunks(facts, PAGE))
    for number, page in enumerate(pages, start=1):
        changes: Any = Changes(upserted=tuple(page), cursor=Cursor(f"{number}"), is_last=number == len(pages))
        with store.write() as db:
            feed = feeds.commit_page(db, feed, changes, NOW)


def read(path: Path, tables: Sequence[str] = READ) -> int:
    """Read every row of the tables the plain way, into tuples; return how many there are."""
    database = sqlite3.connect(path)
    count = sum(len(database.execute(f"SELECT * FROM {table}").fetchall()) for table in tables)  # noqa: S608 - our own names
    database.close()
    return count


def timed(work: Callable[[], object]) -> float:
    """Return the seconds of CPU a piece of work takes: what else the machine does is no matter of ours."""
    start = time.process_time()
    work()
    return time.process_time() - start
