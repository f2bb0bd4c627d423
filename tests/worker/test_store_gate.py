"""The gate at a provider: no more inside at once than may be, over all threads and stores, whoever came first going first."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from worker.store.gate import LONGEST, StoredGate
from worker.store.store import Store

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


def test_a_place_that_was_never_given_back_runs_out(store: Store) -> None:
    hand = Hand()
    gate = StoredGate(store, hand)
    assert gate.enter("ada", width=3, limit=3, wait=AT_ONCE) is not None
    assert gate.enter("ada", width=1, limit=3, wait=AT_ONCE) is None
    hand.now += LONGEST + timedelta(seconds=1)
    assert gate.enter("ada", width=1, limit=3, wait=AT_ONCE) is not None


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
    hand.now += AT_MOST + 2 * LONGEST  # the machine was asleep
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
