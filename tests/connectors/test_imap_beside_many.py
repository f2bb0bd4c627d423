"""How many second processes there are at once, and that each of them ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from connectors import imap_beside
from connectors.imap_beside import beside
from tests.connectors.pickled import Pickled


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be as on a machine of two cores that has begun none yet."""
    monkeypatch.setattr(imap_beside, "cores", lambda: 2)
    imap_beside._cores.cache_clear()  # noqa: SLF001 - as above
    yield
    imap_beside._cores.cache_clear()  # noqa: SLF001 - as on this machine


def test_there_are_no_more_of_them_than_cores_and_none_is_left_behind() -> None:
    held = len(list(Path("/proc/self/fd").iterdir()))
    with beside(Pickled()) as second, beside(Pickled()) as third:
        assert second is not None
        assert third is None
        process = second._process  # noqa: SLF001 - as seen from outside
    with beside(Pickled()) as again:
        assert again is not None
    assert process.poll() is not None
    assert len(list(Path("/proc/self/fd").iterdir())) <= held


def test_two_that_begin_in_the_same_moment_both_end_well(monkeypatch: pytest.MonkeyPatch) -> None:
    both = Barrier(2)

    def counted() -> int:
        time.sleep(0.2)  # what is shown by a system may take a moment
        return 2

    def read() -> bool:
        both.wait(60)
        with beside(Pickled()) as second:
            both.wait(60)
        return second is not None

    monkeypatch.setattr(imap_beside, "cores", counted)
    with ThreadPoolExecutor(2) as threads:
        began = [each.result(60) for each in [threads.submit(read) for _ in range(2)]]
    assert any(began)
    with beside(Pickled()) as again:
        assert again is not None
