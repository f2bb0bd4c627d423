"""Three lanes to a mailbox: who waits here goes by rank, and a place at the gate of all processes is handed on for a while."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Final

LANES: Final = 3
"""Requests under way at once for one mailbox; Graph refuses a fifth, and works on four of a batch at once."""
TURNS: Final = 5
"""So often a place at the gate is handed on before another process may have it."""

Leave = Callable[[], None]
Gate = Callable[[int, timedelta], Leave | None]
"""Lets a request through that takes so many lanes, and waits so long; gives what lets the next in, or None after the wait."""


@dataclass(slots=True)
class _Place:
    """A place at the gate: giving it back and asking for another takes time, in which a lane would lie idle."""

    width: int
    leave: Leave
    turns: int = 1


class Lanes:
    """The lanes of one connection, for several threads."""

    def __init__(self, gate: Gate) -> None:
        """Take the gate all processes pass."""
        self._gate = gate
        self._free = LANES
        self._waiting: list[tuple[int, int]] = []
        self._handed_on: list[_Place] = []
        """Places for whoever waits; nobody waits, nothing lies here."""
        self._moved = threading.Condition()
        self._number = count()

    @contextmanager
    def entered(self, rank: int, width: int, patience: timedelta) -> Iterator[bool]:
        """Wait for one's turn and hold `width` lanes while the block runs; False where others were at the gate for too long.

        Of those that wait the lowest rank comes first, and of these whoever came first.
        """
        place: _Place | None = None
        found = self._passed(rank, width)
        try:
            place = self._kept(found, width)
            if place is None and (leave := self._gate(width, patience)) is not None:
                place = _Place(width, leave)
            yield place is not None
        finally:
            self._left(width, place)

    def _passed(self, rank: int, width: int) -> list[_Place]:
        """Wait for one's turn; returns the places at the gate that are for nobody else: to be used or given back."""
        own = (rank, next(self._number))
        with self._moved:
            heapq.heappush(self._waiting, own)
            try:
                self._moved.wait_for(lambda: self._waiting[0] == own and self._free >= width)
                self._free -= width
            except BaseException:
                self._give_back_what_nobody_waits_for(own)
                raise
            finally:
                self._waiting.remove(own)
                heapq.heapify(self._waiting)
                self._moved.notify_all()
            fitting = [one for one in self._handed_on if one.width == width]
            others = [one for one in self._handed_on if one.width != width]
            left = fitting[1:] if self._waiting else []
            found = fitting[: len(fitting) - len(left)] + others
            self._handed_on = left
            return found

    def _give_back_what_nobody_waits_for(self, own: tuple[int, int]) -> None:
        """Let go of places that were handed on to whoever waits, where that was only somebody who has been broken off."""
        if self._waiting == [own]:
            given_back, self._handed_on = self._handed_on, []
            for one in given_back:
                one.leave()

    @staticmethod
    def _kept(found: list[_Place], width: int) -> _Place | None:
        """Keep one of the places that fits, and give the others back."""
        mine = next((one for one in found if one.width == width), None)
        for one in found:
            if one is not mine:
                one.leave()
        return mine

    def _left(self, width: int, place: _Place | None) -> None:
        with self._moved:
            self._free += width
            is_handed_on = place is not None and place.turns < TURNS and bool(self._waiting)
            if place is not None and is_handed_on:
                place.turns += 1
                self._handed_on.append(place)
            self._moved.notify_all()
        if place is not None and not is_handed_on:
            place.leave()
