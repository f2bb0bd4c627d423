"""Beats: what is to happen every few seconds while something lasts, all of it from one thread, there as long as it is needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

LINGER: Final = 10.0
"""Seconds the thread stays with nothing to do: what is held is mostly held for less time than it takes to start one."""

log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class Beat:
    """Something that happens again and again until it answers no."""

    call: Callable[[], bool]
    every: float
    at: float


class Beats:
    """Calls what was added, each every so many seconds. Safe to share between threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._beats: set[Beat] = set()
        self._is_running = False
        self._wakes_at = 0.0

    def add(self, call: Callable[[], bool], every: float) -> Callable[[], None]:
        """Have it called until it answers no or breaks, or until what is returned here is called."""
        beat = Beat(call, every, time.monotonic() + every)
        with self._changed:
            self._beats.add(beat)
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name="beats", daemon=True).start()
            elif beat.at < self._wakes_at:
                self._changed.notify()

        def end() -> None:
            with self._changed:
                self._beats.discard(beat)

        return end

    def _run(self) -> None:
        while (beat := self._next()) is not None:
            goes_on = _called(beat)
            with self._changed:
                beat.at = time.monotonic() + beat.every
                if not goes_on:
                    self._beats.discard(beat)

    def _next(self) -> Beat | None:
        """Wait for the next beat that is due; None where there has been none for long."""
        idle_since = time.monotonic()
        with self._changed:
            while True:
                now = time.monotonic()
                first = min(self._beats, key=lambda beat: beat.at, default=None)
                if first is not None and first.at <= now:
                    return first
                if first is None and now - idle_since >= LINGER:
                    self._is_running = False
                    return None
                if first is not None:
                    idle_since = now
                self._wakes_at = first.at if first is not None else idle_since + LINGER
                self._changed.wait(self._wakes_at - now)


def _called(beat: Beat) -> bool:
    try:
        return beat.call()
    except Exception:
        log.exception("a beat failed", action="lease")
        return False
