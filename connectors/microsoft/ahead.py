"""Work that is done beside its caller: one call in a thread of its own, or a chain of pages read ahead of whoever takes them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from queue import Full, Queue
from typing import Final, Generic, TypeVar

Found = TypeVar("Found")
STEP: Final = 0.2
"""Seconds after which a reader that nobody takes from looks whether it is still wanted."""


def beside(call: Callable[[], Found]) -> Future[Found]:
    """Make a call in a thread of its own, which ends with the process."""
    future: Future[Found] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is the caller's
            future.set_exception(error)

    threading.Thread(target=run, name="graph", daemon=True).start()
    return future


class Ahead(Generic[Found]):
    """An iterator whose next items are being made already; it sets off at once, and stops when it is closed or let go of."""

    def __init__(self, items: Iterator[Found], depth: int) -> None:
        """Take what is iterated over, and how many items may lie ready."""
        self._queue: Queue[Future[Found]] = Queue(maxsize=depth)
        self._closing = threading.Event()
        threading.Thread(target=_read, args=(items, self._queue, self._closing), name="graph", daemon=True).start()

    def __iter__(self) -> Iterator[Found]:
        """Return itself."""
        return self

    def __next__(self) -> Found:
        """Return the next item; raises what its making raised, and StopIteration after that."""
        if self._closing.is_set():
            raise StopIteration
        try:
            return self._queue.get().result()
        except BaseException:
            self.close()
            raise

    def is_there(self) -> bool:
        """Tell whether the next item can be taken without waiting for it; satisfies `connectors.optional.ReadAhead`."""
        return not self._queue.empty()

    def close(self) -> None:
        """Stop reading ahead."""
        self._closing.set()

    __del__ = close


def _read(items: Iterator[Found], queue: Queue[Future[Found]], closing: threading.Event) -> None:
    is_over = False
    while not is_over and not closing.is_set():
        made: Future[Found] = Future()
        try:
            made.set_result(next(items))
        except BaseException as error:  # noqa: BLE001 - whoever takes it has it
            made.set_exception(error)
            is_over = True
        _put(made, queue, closing)


def _put(made: Future[Found], queue: Queue[Future[Found]], closing: threading.Event) -> None:
    while not closing.is_set():
        try:
            queue.put(made, timeout=STEP)
        except Full:
            continue
        return
