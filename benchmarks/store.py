"""Benchmark of the store: upserts beside plain sqlite3, and what a tick over 1,000 idle accounts costs.

    python -m benchmarks.store [--quick]

Bounds: upserts at least 0.55 of the rate of sqlite3's executemany with the same statement and rows, by CPU, so that a busy
machine tells the same; a tick at most 10 ms of CPU.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from rules.facts import Address, MessageMetadata
from worker.store.due import due
from worker.store.mapping import message_row, micros
from worker.store.messages import KEY
from worker.store.statements import upsert_rows
from worker.store.store import Store
from worker.store.tables import account, message, owner

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PAGE = 500
LEAST, MOST_MS = 0.55, 10.0


def rows_of(count: int, subject: str) -> list[dict[str, Any]]:
    """Make message rows as the store writes them."""
    me, rows = Address(email="ada@corp.example", name="Ada Owner"), []
    for number in range(count):
        found = MessageMetadata(
            remote_id=f"1:{number}",
            message_id=f"{number}.{number * 7919}@mail.example",
            sent_at=NOW - timedelta(minutes=number),
            sent_offset=timedelta(hours=2),
            from_=(Address(email=f"person{number % 900}@firm{number % 70}.example", name=f"Person Number {number % 900}"),),
            to=(me,),
            recipients=1,
            subject=f"{subject} {number}",
            references=(f"{number - 1}@mail.example",),
            in_reply_to=(f"{number - 1}@mail.example",),
        )
        more = {"owner": "ada", "account": "ada/main", "feed": "INBOX", "generation": 1, "author": "x@firm.example", "signals": 0}
        rows.append(message_row(found) | more)
    return rows


def ours(folder: Path, name: str, rows: list[dict[str, Any]]) -> float:
    """Upsert through the store as pages are committed, a transaction a page; seconds of CPU."""
    store = Store.open(f"sqlite:///{folder}/{name}.db")
    begun = time.process_time()
    for at in range(0, len(rows), PAGE):
        with store.write() as db:
            upsert_rows(db, message, KEY, rows[at : at + PAGE])
    took = time.process_time() - begun
    store.close()
    return took


def theirs(folder: Path, name: str, rows: list[dict[str, Any]], statement: str) -> float:
    """Upsert the same with sqlite3 alone; seconds of CPU."""
    raw = sqlite3.connect(f"{folder}/{name}.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "temp_store=MEMORY", "cache_size=-32000"):
        raw.execute(f"PRAGMA {pragma}")
    names = list(rows[0])
    begun = time.process_time()
    for at in range(0, len(rows), PAGE):
        raw.execute("BEGIN IMMEDIATE")
        raw.executemany(statement, [tuple(row[name] for name in names) for row in rows[at : at + PAGE]])
        raw.execute("COMMIT")
    took = time.process_time() - begun
    raw.close()
    return took


def statement_of(row: dict[str, Any]) -> str:
    """Write by hand what the store's upsert says."""
    names = list(row)
    sets = ", ".join(f"{name} = excluded.{name}" for name in names if name not in KEY)
    places = ", ".join("?" for _ in names)
    return f"INSERT INTO message ({', '.join(names)}) VALUES ({places}) ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET {sets}"  # noqa: S608


def upserts(folder: Path, count: int, rounds: int) -> list[float]:
    """Return sqlite3's time over ours, per round: half of the rows are new, half exist."""
    old, new = rows_of(count // 2, "old"), rows_of(count, "new")
    statement, ratios = statement_of(new[0]), []
    for number in range(rounds):
        for name in (f"a{number}", f"b{number}"):
            Store.open(f"sqlite:///{folder}/{name}.db").close()
        ours(folder, f"a{number}", old)
        theirs(folder, f"b{number}", old, statement)
        ratios.append(theirs(folder, f"b{number}", new, statement) / ours(folder, f"a{number}", new))
        check(folder / f"a{number}.db", folder / f"b{number}.db")
    return ratios


def check(a: Path, b: Path) -> None:
    """Both must hold the same rows, or the figure means nothing."""
    found = [
        sqlite3.connect(each).execute("SELECT remote_id, subject, facts FROM message ORDER BY id").fetchall() for each in (a, b)
    ]
    assert found[0] == found[1], "the two ways wrote different rows"
    assert found[0], "nothing was written"


def tick(folder: Path, accounts: int, rounds: int) -> list[float]:
    """Return the CPU milliseconds of a tick over accounts that are all idle."""
    store = Store.open(f"sqlite:///{folder}/tick.db")
    later = micros(NOW + timedelta(minutes=2))
    with store.write() as db:
        db.execute(insert(owner), [{"id": f"o{n}", "next_review_at": later} for n in range(accounts)])
        made = {"provider": "imap", "connected_at": 0, "next_attempt_at": later}
        db.execute(insert(account), [made | {"id": f"o{n}/main", "owner": f"o{n}", "name": "main"} for n in range(accounts)])
    took = [timed(lambda: look(store)) for _ in range(rounds + 1)]
    store.close()
    return took[1:]


def look(store: Store) -> None:
    """Ask what is due, as the ticker does."""
    with store.read() as db:
        assert due(db, NOW) == []


def timed(work: Callable[[], None]) -> float:
    """Return the CPU milliseconds of a piece of work."""
    begun = time.process_time()
    work()
    return (time.process_time() - begun) * 1000


def main() -> int:
    """Measure and print; 1 if a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows and rounds")
    is_quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory(prefix="rekindle-bench-") as name:
        folder = Path(name)
        ratio = statistics.median(upserts(folder, 10_000 if is_quick else 50_000, 3 if is_quick else 5))
        cpu = statistics.median(tick(folder, 1_000, 5))
    print(f"{'what':44} {'median':>9} {'bound':>9}")
    print(f"{'upserts, share of sqlite3 executemany':44} {ratio:9.2f} {'>= 0.55':>9} {'' if ratio >= LEAST else 'MISSED'}")
    print(f"{'a tick over 1,000 idle accounts, CPU ms':44} {cpu:9.2f} {'<= 10':>9} {'' if cpu <= MOST_MS else 'MISSED'}")
    return int(ratio < LEAST or cpu > MOST_MS)


if __name__ == "__main__":
    sys.exit(main())
