"""A long first read in two processes: the second one reads and packs headers while the pages before them are stored."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, partial
from threading import BoundedSemaphore
from typing import Final

from connectors.cores import cores
from connectors.frames import Pipe, framed
from connectors.imap_reading import Read, Reading
from connectors.imap_told import READY, asked, heard, read_and_packed, tell
from connectors.optional import Packing, Portion
from rules.facts import MessageMetadata

RING: Final = 4 << 20
"""Bytes of memory the answers lie in, one behind the other, and again from the beginning; behind it, as much for what is told."""
PIPE: Final = 1 << 20
"""Bytes that may be told ahead; what Linux allows anybody."""
MOST: Final = 500
"""Answers on their way at once, however short they are: so many questions never wait for room in the pipe."""
FEW: Final = 4
"""Answers of a folder that are read here while the second process begins."""
SILENCE: Final = 60.0
"""Seconds after which a second process that tells nothing is given up."""
MANY: Final = 5000
"""Messages of a folder that are worth a second process."""
SERVE: Final = "import sys; sys.path[:] = sys.argv[2:]; from connectors.imap_told import serve; serve(int(sys.argv[1]))"


class Ahead:
    """Answers on their way to be read, taken back in their order."""

    def __init__(self, reading: Reading, beside: Beside | None = None, packing: Packing | None = None) -> None:
        self._reading, self._beside, self._packing = reading, beside, packing
        self._is_full = False
        self._read_here = 0
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
        told = self._beside.hand(answer, self._reading) if self._beside is not None and self._is_worth_it(self._beside) else None
        self._read_here += told is None
        self._is_full = told is None  # it lies here, where nobody counts what lies
        self._waiting.append((uids, told or partial(self._read, answer)))

    def _is_worth_it(self, beside: Beside) -> bool:
        """Tell whether it will be told sooner than read here: while the second process begins, the first few are not."""
        return self._read_here >= FEW or beside.is_listening()

    def _read(self, answer: bytes) -> Read:
        """Read an answer here, as the second process would: much is read in half of the time in that way."""
        try:
            if self._packing is not None:
                return read_and_packed(answer, self._reading, self._packing)
        except EOFError:
            raise
        except Exception:  # noqa: BLE001, S110 - whoever commits the page finds out what is wrong
            pass
        return self._reading.read(answer)

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


class Beside:
    """The second process."""

    def __init__(self, process: subprocess.Popen[bytes], memory: int, packing: Packing) -> None:
        self._process, self._memory, self._packing = process, memory, packing
        self._asked, self._told = process.stdin or io.BytesIO(), Pipe(process.stdout or io.BytesIO(), SILENCE)
        self._at = self._usual = 0
        self._lying: deque[int] = deque()
        """Where answers lie, from the first on whose room is needed still."""
        self._free: set[int] = set()
        """Where those of them lie whose room is not."""
        self._order: deque[int] = deque()
        """Where those lie that it has said nothing of yet, as it will."""
        self._said: dict[int, bytes] = {}
        """What it has said of others than the one that was wanted."""
        self._is_ready = self._is_over = False

    def has_room(self) -> bool:
        """Tell whether one more answer like the last has its place."""
        return not self._is_over and self._place(self._usual) is not None

    def hand(self, answer: bytes, reading: Reading) -> Callable[[], Read] | None:
        """Have it read an answer; return what says, to be asked once, what was read, None where there is no room for it."""
        size = len(answer)
        self._usual = min(size, RING)
        place = None if self._is_over else self._place(size)
        if place is None:
            return None
        try:
            if os.pwrite(self._memory, answer, place) < size:
                return None
            tell(self._asked, asked(place, size, place + RING, reading))
        except OSError:
            self._is_over = True
            return None
        self._at = place + max(size, 1)  # no two of them lie in one place
        self._order.append(place)
        self._lying.append(place)
        return partial(self.read, place, size, reading)

    def read(self, at: int, size: int, reading: Reading) -> Read:
        """Return what the answer there says, read here where it cannot tell."""
        if not self._is_ready:
            self._hear_it_is_ready()
        while at not in self._said:
            self._said[self._order.popleft()] = self._next()
        self._free.add(at)
        while self._lying and self._lying[0] in self._free:
            self._free.remove(self._lying.popleft())
        return self._heard(self._said.pop(at), at + RING) or reading.read(os.pread(self._memory, size, at))

    def close(self) -> None:
        """Stop it, wherever it is."""
        try:
            self._process.kill()
            self._process.communicate()
        finally:
            os.close(self._memory)

    def _place(self, size: int) -> int | None:
        """Find where so much may lie on nothing whose room is needed still."""
        if not self._lying:
            return 0 if size <= RING else None
        oldest = self._lying[0]
        if self._at < oldest:
            return self._at if self._at + size < oldest else None
        return self._at if self._at + size <= RING else 0 if size < oldest else None

    def is_listening(self) -> bool:
        """Tell whether it has begun, and goes on."""
        if not self._is_ready and not self._is_over and self._told.has_more():
            self._hear_it_is_ready()
        return self._is_ready and not self._is_over

    def _hear_it_is_ready(self) -> None:
        self._is_ready = self._next() == READY
        self._is_over = not self._is_ready

    def _heard(self, told: bytes, room: int) -> Read | None:
        """Take what it told, None where it cannot tell or tells what nobody understands."""
        try:
            return heard(told, self._memory, room, self._packing) if told else None
        except (EOFError, OSError, TypeError, ValueError):
            self._is_over = True
            return None

    def _next(self) -> bytes:
        """Return what it told next, b"" where it is gone or has fallen silent; from then on nothing it tells is believed."""
        if self._is_over:
            return b""
        self._is_over = True  # also where the wait is interrupted: what comes then would be taken for what is asked next
        told = framed(self._told)
        self._is_over = not told
        return told


class Helped:
    """How first reads go on: everything is packed, by a second process for all folders once one of them is long."""

    def __init__(self, packing: Packing) -> None:
        """Begin without it."""
        self._packing, self._second = packing, ExitStack()
        self._beside: Beside | None = None
        self._is_begun = False

    def prepare(self, count: int) -> None:
        """Have the second process begun where so many messages are worth it: it takes a moment."""
        if count >= MANY and not self._is_begun:
            self._is_begun = True
            self._beside = self._second.enter_context(beside(self._packing))

    def ahead(self, reading: Reading) -> Ahead:
        """Have answers of one folder read."""
        return Ahead(reading, self._beside, self._packing)

    def unpack(self, portions: Sequence[Portion]) -> Sequence[MessageMetadata]:
        """Return the messages of a page."""
        return self._packing.unpack(portions)

    def close(self) -> None:
        """End the second process."""
        self._second.close()


@contextmanager
def beside(packing: Packing) -> Iterator[Beside | None]:
    """Have a second process read; None where no core is free for it, or the system has no memory to share in that way."""
    is_possible = hasattr(os, "memfd_create") and bool(sys.executable)
    free = _cores()  # the very one: two threads that begin at once may each have made theirs
    if not (is_possible and free.acquire(blocking=False)):
        yield None
        return
    second = None
    try:
        with suppress(OSError):
            second = _begun(packing)
        yield second
    finally:
        try:
            if second is not None:
                second.close()
        finally:
            free.release()


@cache
def _cores() -> BoundedSemaphore:
    """Stand for the cores beside the one that waits for what is read: no more processes than these."""
    return BoundedSemaphore(cores() - 1)


def _begun(packing: Packing) -> Beside:
    memory = os.memfd_create("rekindle-headers")
    try:
        process = subprocess.Popen(  # noqa: S603 - this very interpreter
            [sys.executable, "-S", "-c", SERVE, str(memory), *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(memory,),
            bufsize=0,  # what is asked is asked at once
            pipesize=PIPE,
        )
    except OSError:
        os.close(memory)
        raise
    second = Beside(process, memory, packing)
    with suppress(BrokenPipeError):
        tell(process.stdin or io.BytesIO(), pickle.dumps(packing))
    return second
