"""Benchmark of the back-test: a year of 30,000 messages and 400 meetings, replayed day by day with the shipped rules.

    python -m benchmarks.backtest [--quick]

The peer is plain sqlite3 reading the same rows from a file into tuples. Bound: 10 times that. `--quick` takes a tenth.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from rules.backtest import History, backtest
from rules.facts import Address
from rules.network import Guest, Mail, Meeting, Network, Owner, Person
from rules.rhythm import Contact
from worker.rulebooks import shipped, wording

BOUND = 10.0
ROUNDS = 5
UNTIL = datetime(2026, 3, 10, 10, tzinfo=UTC)
SINCE = UNTIL - timedelta(days=365)
OWNER = Owner(name="ada", full_name="Ada Owner", addresses=(Address(email="ada@corp.example"),), zone="Europe/Berlin")


def main() -> int:
    """Print the table; 1 where the bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    messages = 3_000 if parser.parse_args().quick else 30_000
    histories = world(messages, people=messages // 100)
    rulebook, words, network = shipped(), wording(), Network(owner=OWNER)
    with tempfile.TemporaryDirectory() as folder:
        path = stored(Path(folder) / "rows.db", histories)
        made = 0

        def replay() -> None:
            nonlocal made
            made = len(backtest(histories, network, rulebook, words, since=SINCE, until=UNTIL).replayed)

        pairs = [(timed(lambda: read(path)), timed(replay)) for _ in range(ROUNDS)]
    assert made, "the rules had nothing to say: this measures nothing"
    ratio = statistics.median(ours / theirs for theirs, ours in pairs)
    print(f"{'messages':>10} {'suggestions':>12} {'sqlite3 s':>10} {'back-test s':>12} {'ratio':>7} {'bound':>6}")
    plain, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{messages:>10,} {made:>12} {plain:>10.4f} {ours:>12.3f} {ratio:>7.1f} {BOUND:>6.1f}")
    return 0 if ratio <= BOUND else 1


def world(messages: int, people: int) -> list[History]:
    """Make people of very different liveliness, with mail both ways and a few meetings each."""
    chance = random.Random(7)
    shares = [chance.paretovariate(1.2) for _ in range(people)]
    return [person(n, max(round(messages * share / sum(shares)), 2), chance) for n, share in enumerate(shares)]


def person(n: int, messages: int, chance: random.Random) -> History:
    """Make one person: bursts of mail over the year, then perhaps silence."""
    someone = Person(id=f"p{n}", name=f"P{n} X", addresses=(f"p{n}@o{n % 97}.example",), first_name=f"P{n}")
    end = UNTIL - timedelta(days=chance.choice([1, 5, 20, 60, 120]))
    times = sorted(end - timedelta(days=chance.random() * 300) for _ in range(messages))
    mails = [mail(someone, n, k, at, "in" if k % 2 else "out") for k, at in enumerate(times)]
    meetings = [
        meeting(someone, at)
        for at in sorted(end - timedelta(days=chance.random() * 300) for _ in range(chance.choice([0, 1, 2, 3])))
    ]
    contacts = [Contact(at=one.at, direction=one.direction, recipients=1, is_reply=bool(one.in_reply_to)) for one in mails]
    contacts += [Contact(at=one.end, direction=way, recipients=1, is_reply=True) for one in meetings for way in ("in", "out")]
    return History(
        person=someone, contacts=tuple(sorted(contacts, key=lambda one: one.at)), meetings=tuple(meetings), mails=tuple(mails)
    )


def mail(someone: Person, n: int, k: int, at: datetime, direction: Literal["in", "out"]) -> Mail:
    """Make one message; every other one answers the one before."""
    parent = f"{n}-{k - 1}@x.example" if k % 2 else ""
    author = someone.addresses[0] if direction == "in" else "ada@corp.example"
    return Mail(message_id=f"{n}-{k}@x.example", at=at, direction=direction, subject="Hello", author=author, in_reply_to=parent)


def meeting(someone: Person, end: datetime) -> Meeting:
    """Make a held one-to-one."""
    guest = Guest(address=Address(email=someone.addresses[0]), person_id=someone.id, kind="human", response="accepted")
    start = end - timedelta(minutes=30)
    return Meeting(
        uid=f"{someone.id}-{end:%Y%m%d%H%M%S}", original_start=start, start=start, end=end, title="Talk", guests=(guest,), size=2
    )


def stored(path: Path, histories: list[History]) -> Path:
    """Write every message and meeting as a row."""
    rows: list[tuple[str | int, ...]] = [
        (
            one.person.id,
            mail.message_id,
            int(mail.at.timestamp() * 1e6),
            mail.direction,
            mail.recipients,
            mail.subject,
            mail.author,
            mail.in_reply_to,
        )
        for one in histories
        for mail in one.mails
    ]
    rows += [
        (one.person.id, held.uid, int(held.end.timestamp() * 1e6), "met", held.size, held.title, "", "")
        for one in histories
        for held in one.meetings
    ]
    with sqlite3.connect(path) as database:
        database.execute("create table fact (person, id, at, way, recipients, subject, author, parent)")
        database.executemany("insert into fact values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    database.close()
    return path


def read(path: Path) -> None:
    """Read every row the plain way."""
    database = sqlite3.connect(path)
    assert database.execute("select * from fact order by person, at").fetchall()
    database.close()


def timed(work: Callable[[], None]) -> float:
    """Return the seconds of CPU a piece of work takes: what else the machine does is no matter of ours."""
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    sys.exit(main())
