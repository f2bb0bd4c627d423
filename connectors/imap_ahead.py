"""Answers of one folder on their way to be read, by a second process where there is one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from connectors.imap_reading import Read, Reading
from connectors.optional import Packing

if TYPE_CHECKING:
    from connectors.imap_beside import Beside

MOST: Final = 500
"""Answers on their way at once, however short they are: so many questions never wait for room in the pipe."""


class Ahead:
    """Answers on their way to be read, taken back in their order."""

    def __init__(self, reading: Reading, beside: Beside | None = None, packing: Packing | None = None) -> None:
        self._reading, self._beside, self._packing = reading, beside, packing
        self._is_full = False
        self._waiting: deque[tuple[Sequence[int], Callable[[], Read]]] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def has_room(self) -> bool:
        """Tell whether one more may be put; a first one always."""
        if not self._waiting:
            return True
        return not self._is_full and len(self._waiting) < MOST and self._beside is not None and self._beside.has_room()

    def put(self, uids: Sequence[int], answer: bytes) -> None:
        """Have the answer to a question for these UIDs read."""
        told = self._beside.hand(answer, self._reading) if self._beside is not None and answer else None
        self._is_full = told is None and bool(answer)  # it lies here, where nobody counts what lies
        self._waiting.append((uids, told or partial(self._reading.at_best, answer, self._packing if answer else None)))

    def take(self) -> tuple[Sequence[int], Callable[[], Read]]:
        """Return the UIDs of the first one, and what says, as `Reading.read` does, what was answered; to be asked at once."""
        return self._waiting.popleft()

    def forgotten(self) -> list[Sequence[int]]:
        """Take all and forget what was answered; return the UIDs it was asked for, in their order.

        Also where nobody wants the rest: until the second process is done with an answer, it lies in its memory.
        """
        forgotten: list[Sequence[int]] = []
        while self._waiting:
            uids, answer = self.take()
            forgotten.append(uids)
            with suppress(EOFError):
                answer()
        return forgotten
