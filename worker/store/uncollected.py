"""Work without the collector of cycles: reading a whole network makes a tree of frozen facts, and nothing to collect."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Do without the collector, which walks everything read so far again and again: a quarter of the time it takes.

    It is on afterwards, whatever it was: of two threads at once the first to end lets it run, and none leaves it off.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
