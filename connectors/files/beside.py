"""Read mail in a process beside this one: the second core finds and splits the headers while the first concludes from them."""

from __future__ import annotations

import gc
import io
import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

from connectors.cores import cores
from connectors.files.glances import all_glances
from connectors.files.reading import Disk
from connectors.files.sources import Source
from connectors.files.told import tell, told
from connectors.frames import Pipe
from connectors.glance import Glance
from connectors.port import Skipped

SILENCE: Final = 600.0
"""Seconds after which a reader that tells nothing is given up: on a slow disk, a portion of large mails takes minutes."""
PIPE: Final = 1 << 20
"""Bytes a pipe holds; what Linux allows anybody."""
AHEAD: Final = 1 << 19
"""Bytes kept back where the other side is not there yet: what is told while it starts."""
SERVE: Final = "import sys; sys.path[:] = sys.argv[1:]; from connectors.files.beside import serve; serve()"


class Beside:
    """A reader of its own. Whoever starts one closes it."""

    def __init__(self, process: subprocess.Popen[bytes], sources: Sequence[Source]) -> None:
        self._process = process
        self._sources = sources

    def messages(self, disk: Disk) -> Iterator[Glance | Skipped]:
        """Yield what all_glances yields of the sources. Should the reader be stopped or fall silent, the rest is read here."""
        count, is_whole = 0, False
        for is_last, passed, rows in told(Pipe(self._process.stdout or io.BytesIO(), SILENCE)):
            disk.done += passed
            count += len(rows)
            is_whole = is_last
            yield from rows
        if not is_whole:
            disk.done = 0
            yield from islice(all_glances(self._sources, disk), count, None)

    def close(self) -> None:
        """Stop it, wherever it is."""
        self._process.kill()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process.wait()


def begin(sources: Sequence[Source]) -> Beside | None:
    """Begin to read the sources beside; None where there is no second core or no way to start a process."""
    if cores() < 2 or not sys.executable:  # noqa: PLR2004
        return None
    try:
        process = subprocess.Popen(  # noqa: S603 - this very interpreter
            [sys.executable, "-S", "-c", SERVE, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pipesize=PIPE,
        )
    except OSError:
        return None
    with suppress(OSError), process.stdin or io.BytesIO() as way:
        pickle.dump(sources, way)
    return Beside(process, sources)


def serve() -> None:
    """Be the reader: take the sources from stdin, tell the messages on stdout. It ends when nobody listens."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who listens is told, and stops us
    gc.disable()
    sources = pickle.load(sys.stdin.buffer)  # noqa: S301 - whoever started us wrote it
    with suppress(BrokenPipeError):
        tell(sources, _Patient(sys.stdout.fileno()))


class _Patient:
    """Writes to a pipe and does not wait for whoever reads it, as long as no more than AHEAD is kept back."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._kept = deque[bytes]()
        self._size = 0

    def write(self, portion: bytes, /) -> None:
        self._kept.append(portion)
        self._size += len(portion)
        os.set_blocking(self._pipe, self._size > AHEAD)
        with suppress(BlockingIOError):
            self._pass_on()

    def flush(self) -> None:
        os.set_blocking(self._pipe, True)
        self._pass_on()

    def _pass_on(self) -> None:
        while self._kept:
            passed = os.write(self._pipe, self._kept[0])
            rest = self._kept.popleft()[passed:]
            if rest:
                self._kept.appendleft(rest)
            self._size -= passed
