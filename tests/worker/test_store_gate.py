"""The gate at a provider: no more inside at once than may be, over all threads and stores, whoever came first going first."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from worker.store.gate import LASTING, StoredGate
from worker.store.mapping import micros
from worker.store.store import Store
from worker.store.tables import quota

ROOT = Path(__file__).parents[2]
START = datetime(2026, 11, 22, 6, tzinfo=UTC)
AT_ONCE, AT_MOST = timedelta(0), timedelta(seconds=60)


class Hand:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/gate.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    found = Store.open(url)
    yield found
    found.close()


def test_three_are_let_in_and_a_fourth_when_one_has_left(store: Store) -> None:
    gate = StoredGate(store, Hand())
    inside = [gate.enter("ada", width=1, limit=3, wait=AT_ONCE) for _ in range(3)]
    assert None not in inside
    assert gate.enter("ada", width=1, limit=3, wait=AT_ONCE) is None
    assert gate.enter("ben", width=1, limit=3, wait=AT_ONCE) is not None, "another mailbox has a gate of its own"
    inside[1]()  # type: ignore[misc]  # it was let in
    assert gate.enter("ada", width=1, limit=3, wait=AT_ONCE) is not None


def test_whoever_needs_the_whole_gate_waits_until_all_have_left_and_lets_nobody_past(store: Store) -> None:
    gate = StoredGate(store, Hand())
    first = gate.enter("ada", width=1, limit=3, wait=AT_ONCE)
    entered: list[str] = []

    def enter(name: str, width: int) -> None:
        leave = gate.enter("ada", width=width, limit=3, wait=AT_MOST)
        entered.append(name)
        assert leave is not None
        leave()

    wide = threading.Thread(target=enter, args=("wide", 3))
    wide.start()
    time.sleep(0.3)
    narrow = threading.Thread(target=enter, args=("narrow", 1))
    narrow.start()
    time.sleep(0.3)
    assert entered == [], "one is inside still, and nobody overtakes"
    assert first is not None
    first()
    wide.join(60)
    narrow.join(60)
    assert entered == ["wide", "narrow"]


def test_over_several_stores_of_one_database_no_more_are_inside_than_may_be(store: Store, url: str) -> None:
    other = Store.open(url)
    inside, most, lock = 0, 0, threading.Lock()

    def ask(gate: StoredGate) -> None:
        nonlocal inside, most
        for _ in range(5):
            leave = gate.enter("ada", width=1, limit=3, wait=AT_MOST)
            assert leave is not None
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.005)
            with lock:
                inside -= 1
            leave()

    gates = [StoredGate(each, Hand()) for each in (store, other)]
    threads = [threading.Thread(target=ask, args=(gates[number % 2],)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert 1 <= most <= 3
    assert all(gate.enter("ada", width=3, limit=3, wait=AT_ONCE) for gate in gates[:1]), "everybody has left"
    other.close()


CHILD = """
import sys, time
from datetime import UTC, datetime, timedelta
from worker.store.gate import StoredGate
from worker.store.store import Store
gate = StoredGate(Store.open(sys.argv[1]), lambda: datetime(2026, 11, 22, 6, tzinfo=UTC))
assert gate.enter("ada", width=3, limit=3, wait=timedelta(0))
print("in", flush=True)
time.sleep(600)
"""


def test_the_place_of_a_process_that_was_killed_runs_out(store: Store, url: str) -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD, url], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "in\n"
    child.kill()
    child.wait()
    child.stdout.close()
    hand = Hand()
    gate = StoredGate(store, hand)
    assert gate.enter("ada", width=1, limit=3, wait=AT_ONCE) is None
    hand.now += LASTING + timedelta(seconds=1)
    assert gate.enter("ada", width=1, limit=3, wait=AT_ONCE) is not None


def test_a_request_that_takes_long_keeps_its_place(store: Store, url: str) -> None:
    hand, other = Hand(), Store.open(url)
    leave = StoredGate(store, hand, every=timedelta(seconds=0.05)).enter("ada", width=3, limit=3, wait=AT_ONCE)
    assert leave is not None
    for _ in range(4):
        hand.now += LASTING * 0.9
        assert within_a_minute(lambda: until(store) >= micros(hand.now + LASTING)), "it is renewed"
        assert StoredGate(other, hand).enter("ada", width=1, limit=3, wait=AT_ONCE) is None
    leave()
    assert StoredGate(other, hand).enter("ada", width=3, limit=3, wait=AT_ONCE) is not None
    other.close()


def test_one_that_hangs_is_renewed_no_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    hand = Hand()
    gate = StoredGate(store, hand, every=timedelta(seconds=0.05))
    monkeypatch.setattr("worker.store.gate.LONGEST", timedelta(0))
    assert gate.enter("ada", width=3, limit=3, wait=AT_ONCE) is not None
    assert within_a_minute(lambda: not [one for one in threading.enumerate() if one.name == "gate"])
    hand.now += LASTING + timedelta(seconds=1)
    assert StoredGate(store, hand).enter("ada", width=3, limit=3, wait=AT_ONCE) is not None


def test_one_that_hangs_stands_in_nobodys_way_in_its_own_process_either(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    hand = Hand()
    gate = StoredGate(store, hand, every=timedelta(seconds=0.05))
    monkeypatch.setattr("worker.store.gate.LONGEST", timedelta(0))
    leave = gate.enter("ada", width=3, limit=3, wait=AT_ONCE)
    assert leave is not None
    assert within_a_minute(lambda: not [one for one in threading.enumerate() if one.name == "gate"])
    hand.now += LASTING + timedelta(seconds=1)
    assert gate.enter("ada", width=3, limit=3, wait=AT_ONCE) is not None
    leave()  # it came back after all, too late to take anything from anybody


def test_a_beat_that_fails_is_not_the_last(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    hand = Hand()
    leave = StoredGate(store, hand, every=timedelta(seconds=0.05)).enter("ada", width=3, limit=3, wait=AT_ONCE)
    assert leave is not None
    failed = threading.Event()

    def fail(*_: object, **__: object) -> None:
        failed.set()
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(store, "write", fail)
        assert failed.wait(60)
    hand.now += LASTING * 0.9
    assert within_a_minute(lambda: until(store) >= micros(hand.now + LASTING)), "it is renewed all the same"
    leave()


def until(store: Store) -> int:
    """Say how long the one place in the queue lasts, in microseconds."""
    with store.read() as db:
        (place,) = json.loads(db.execute(select(quota.c.spent)).scalar_one())
    return int(place["until"])


def within_a_minute(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.01)
    return is_so()


def test_who_did_not_get_in_leaves_the_queue(store: Store) -> None:
    gate = StoredGate(store, Hand())
    leave = gate.enter("ada", width=2, limit=3, wait=AT_ONCE)
    assert gate.enter("ada", width=2, limit=3, wait=AT_ONCE) is None
    assert gate.enter("ada", width=1, limit=3, wait=AT_ONCE) is not None, "the one that was turned away stands in no one's way"
    assert leave is not None


def test_who_waits_is_let_in_also_where_the_clock_has_leapt_meanwhile(store: Store) -> None:
    hand = Hand()
    gate = StoredGate(store, hand)
    first = gate.enter("ada", width=3, limit=3, wait=AT_ONCE)
    assert first is not None
    found: list[bool] = []
    waiting = threading.Thread(target=lambda: found.append(gate.enter("ada", width=3, limit=3, wait=AT_MOST) is not None))
    waiting.start()
    time.sleep(0.3)
    hand.now += AT_MOST + 2 * LASTING  # the machine was asleep
    first()
    waiting.join(60)
    assert found == [True]


def test_whoever_is_broken_off_while_waiting_leaves_the_queue(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = StoredGate(store, Hand())
    first = gate.enter("ada", width=3, limit=3, wait=AT_ONCE)
    assert first is not None

    def broken_off(*_: object, **__: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(threading.Condition, "wait_for", broken_off)
        with pytest.raises(KeyboardInterrupt):
            gate.enter("ada", width=3, limit=3, wait=AT_ONCE)
    first()
    assert gate.enter("ada", width=3, limit=3, wait=AT_ONCE) is not None
