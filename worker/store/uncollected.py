"""Work without the collector of cycles: reading a whole network makes a tree of frozen facts, and nothing to collect."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

MANY: Final = 2_000
"""So few new objects are soon walked."""
_HERE: Final = threading.local()
Page = TypeVar("Page")


@contextmanager
def uncollected() -> Iterator[None]:
    """Do without the collector, which walks everything read so far again and again: a quarter of the time it takes.

    Where much was read it counts as old at the end: else the next small object made would have it all walked once more. Not in
    a process that has settled: there what is there for good would be old with it, and that is more than what was read.
    It is on after the outermost of a thread, whatever it was: of two threads at once the first to end lets it run, and none
    leaves it off.
    """
    is_outermost = not getattr(_HERE, "is_in", False)
    _HERE.is_in = True
    gc.disable()
    try:
        yield
    finally:
        if is_outermost:
            _HERE.is_in = False
            _collect_again()


def taken(pages: Iterator[Page]) -> Iterator[Page]:
    """Yield page after page; one is thousands of facts, and nothing in them to collect."""
    while True:
        with uncollected():
            page = next(pages, None)
        if page is None:
            return
        yield page
        del page


def _collect_again() -> None:
    if gc.get_count()[0] > MANY and not gc.get_freeze_count():
        gc.freeze()  # both together put the young among the old, without a look at any
        gc.unfreeze()
    gc.enable()


def settle() -> None:
    """Count what is there by now as there for good, for a process that has started to serve.

    Modules, tables and templates are 150,000 objects: to walk them all takes 40 ms, in which news would wait.
    """
    gc.collect()
    gc.freeze()
