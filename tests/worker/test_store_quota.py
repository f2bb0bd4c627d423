"""The shared minute: no worker spends what another has spent, nothing is lost, and the wait is exact."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.port import RateLimited
from worker.store.quota import WINDOW, StoredQuota
from worker.store.store import Store

START = datetime(2026, 11, 22, 6, tzinfo=UTC)


class Hand:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store.open(f"sqlite:///{tmp_path}/quota.db")
    yield found
    found.close()


def test_as_many_calls_are_paid_for_as_fit_into_the_minute(store: Store) -> None:
    quota = StoredQuota(store, Hand())
    assert quota.take("gmail ada", price=20, count=50, limit=1190) == 50
    assert quota.take("gmail ada", price=20, count=50, limit=1190) == 9
    assert quota.take("gmail ada", price=5, count=1, limit=1190) == 1
    with pytest.raises(RateLimited) as held:
        quota.take("gmail ada", price=20, count=1, limit=1190)
    assert held.value.is_paced
    assert held.value.retry_after == WINDOW


def test_owners_do_not_spend_each_others_budget(store: Store) -> None:
    quota = StoredQuota(store, Hand())
    assert quota.take("gmail ada", price=1, count=10, limit=10) == 10
    assert quota.take("gmail bob", price=1, count=10, limit=10) == 10


def test_the_wait_is_until_what_was_wanted_is_free(store: Store) -> None:
    hand = Hand()
    quota = StoredQuota(store, hand)
    quota.take("a", price=1, count=40, limit=100)
    hand.now += timedelta(seconds=20)
    quota.take("a", price=1, count=60, limit=100)
    with pytest.raises(RateLimited) as held:
        quota.take("a", price=1, count=50, limit=100)
    assert held.value.retry_after == WINDOW
    with pytest.raises(RateLimited) as held:
        quota.take("a", price=1, count=40, limit=100)
    assert held.value.retry_after == WINDOW - timedelta(seconds=20)
    hand.now += held.value.retry_after
    assert quota.take("a", price=1, count=40, limit=100) == 40


def test_workers_at_once_never_spend_more_than_there_is(store: Store) -> None:
    quota, paid, lock = StoredQuota(store, Hand()), [0], threading.Lock()

    def work() -> None:
        for _ in range(20):
            try:
                got = quota.take("a", price=3, count=4, limit=200)
            except RateLimited:
                return
            with lock:
                paid[0] += got * 3

    threads = [threading.Thread(target=work) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert 197 < paid[0] <= 200


MEMORY = Store.open("sqlite://")


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 60), st.integers(0, 30)), max_size=40))
def test_no_window_of_a_minute_ever_holds_more_than_the_limit(steps: list[tuple[int, int, int]]) -> None:
    hand = Hand()
    quota = StoredQuota(MEMORY, hand)
    name, spent = repr(steps), list[tuple[datetime, int]]()
    for price, count, seconds in steps:
        hand.now += timedelta(seconds=seconds)
        with suppress(RateLimited):
            spent.append((hand.now, quota.take(name, price=price, count=count, limit=300) * price))
    for at, _ in spent:
        assert sum(units for then, units in spent if at - timedelta(minutes=1) < then <= at) <= 300
