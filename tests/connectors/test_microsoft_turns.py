"""Whose turn it is at Microsoft 365: three lanes, ranks, and places at the gate that are handed on and never forgotten."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from connectors.microsoft.lanes import LANES, TURNS, Lanes, Leave

WAIT = timedelta(seconds=60)


class Counted:
    """A gate that notes how many are inside, and how often it was passed."""

    def __init__(self) -> None:
        self.inside = self.most = self.passed = 0
        self.lock = threading.Lock()

    def __call__(self, width: int, wait: timedelta) -> Leave | None:
        with self.lock:
            self.inside += width
            self.passed += 1
            self.most = max(self.most, self.inside)

        def leave() -> None:
            with self.lock:
                self.inside -= width

        return leave


def run(*calls: Callable[[], None]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def test_whoever_has_the_lowest_rank_goes_first_and_nobody_is_forgotten() -> None:
    lanes, order = Lanes(Counted()), list[int]()
    busy = threading.Event()

    def ask(rank: int) -> Callable[[], None]:
        def enter() -> None:
            with lanes.entered(rank, LANES, WAIT) as is_in:
                assert is_in
                order.append(rank)
                if rank == 0:
                    busy.wait(60)

        return enter

    first = threading.Thread(target=ask(0))
    first.start()
    while not order:
        time.sleep(0.01)
    others = [threading.Thread(target=ask(rank)) for rank in (5, -3, 2)]
    for number, other in enumerate(others, start=1):
        other.start()
        while len(lanes._waiting) < number:  # noqa: SLF001 - the order they come in is the point
            time.sleep(0.01)
    busy.set()
    for thread in (first, *others):
        thread.join(60)
    assert order == [0, -3, 2, 5]


def test_many_in_a_row_pass_the_gate_seldom_and_leave_nothing_behind() -> None:
    gate = Counted()
    lanes = Lanes(gate)
    inside, most, lock = 0, 0, threading.Lock()

    def ask() -> None:
        nonlocal inside, most
        for number in range(30):
            width = LANES if number % 10 == 0 else 1
            with lanes.entered(number % 3, width, WAIT) as is_in:
                assert is_in
                with lock:
                    inside += width
                    most = max(most, inside)
                time.sleep(0.001)
                with lock:
                    inside -= width

    run(*[ask] * 8)
    assert most == LANES
    assert gate.most <= LANES, "a place that is handed on is not asked for again"
    assert gate.inside == 0, "and the last one gives it back"
    assert 240 / TURNS <= gate.passed < 240


def test_another_process_has_its_turn_though_requests_never_end() -> None:
    gate = Counted()
    lanes = Lanes(gate)

    def ask() -> None:
        for _ in range(50):
            with lanes.entered(0, 1, WAIT):
                time.sleep(0.001)

    run(*[ask] * 6)
    assert gate.passed >= 300 / TURNS, "no place is handed on for ever"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_request_that_fails_gives_its_place_back(error: type[BaseException]) -> None:
    gate = Counted()
    lanes = Lanes(gate)

    def fail() -> None:
        for _ in range(20):
            with suppress(error), lanes.entered(0, 1, WAIT):
                raise error

    run(*[fail] * 6)
    assert gate.inside == 0
    with lanes.entered(0, LANES, WAIT) as is_in:
        assert is_in


def test_whoever_is_not_let_in_at_the_gate_is_told_so_and_blocks_nobody() -> None:
    lanes = Lanes(lambda _width, _wait: None)
    for _ in range(LANES + 1):
        with lanes.entered(0, LANES, WAIT) as is_in:
            assert not is_in
