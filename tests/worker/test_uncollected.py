"""Work without the collector of cycles leaves it on, however many threads do so at once and however they end."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

from worker.store.uncollected import MANY, settle, uncollected


@pytest.fixture(autouse=True)
def _on_afterwards() -> Iterator[None]:
    yield
    gc.enable()


def test_the_collector_rests_while_the_work_goes_on_and_only_then() -> None:
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_work_that_fails_leaves_it_on() -> None:
    with pytest.raises(ZeroDivisionError), uncollected():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_one_within_another_leaves_it_off_for_the_rest() -> None:
    with uncollected():
        with uncollected():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_one_that_ends_while_another_thread_begins_does_not_leave_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    has_begun, may_end = threading.Event(), threading.Event()

    def work() -> None:
        with uncollected():
            has_begun.set()
            may_end.wait(60)

    other = threading.Thread(target=work)
    other.start()
    has_begun.wait(60)
    disable = gc.disable

    def late() -> None:
        may_end.set()
        other.join(60)
        disable()

    monkeypatch.setattr(gc, "disable", late)
    with uncollected():
        monkeypatch.undo()
    assert gc.isenabled()


@pytest.mark.parametrize("many", [100, 2 * MANY])
def test_what_counts_as_there_for_good_stays_so_however_much_is_read(many: int) -> None:
    settle()
    frozen = gc.get_freeze_count()
    try:
        with uncollected():
            read = [[] for _ in range(many)]  # type: ignore[var-annotated]  # of nothing
        assert 0.9 * frozen < gc.get_freeze_count() <= frozen, "some may have gone by themselves, but none was let go of or added"
        assert read
    finally:
        gc.unfreeze()
