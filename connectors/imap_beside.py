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
from connectors.imap_ahead import Ahead
from connectors.imap_reading import Read, Reading
from connectors.imap_told import READY, TAKEN, UNTAKEN, asked, heard, room_for, tell
from connectors.optional import Packing, Portion
from rules.facts import MessageMetadata

RING: Final = 6 << 20
"""Bytes of memory the answers lie in, one behind the other, and again from the beginning; behind it there is room for what is told."""
SAID: Final = 4 << 20
"""Bytes of answers it has told of and nobody has taken: about a page, so that it goes on while one is stored."""
LEAST: Final = 2
"""Bytes that even an empty answer takes: no two of them have their room in one place."""
PIPE: Final = 1 << 20
"""Bytes that may be told ahead; what Linux allows anybody."""
SILENCE: Final = 60.0
"""Seconds after which a second process that tells nothing is given up."""
MANY: Final = 5000
"""Messages of a folder that are worth a second process."""
SERVE: Final = "import sys; sys.path[:] = sys.argv[2:]; from connectors.imap_told import serve; serve(int(sys.argv[1]))"


class _Answer:
    """Where one lies, and of which folder it is. Told apart by identity: the next may lie in the same place."""

    __slots__ = ("place", "reading", "size")

    def __init__(self, place: int, size: int, reading: Reading) -> None:
        self.place, self.size, self.reading = place, size, reading


class Beside:
    """The second process. Whoever asks it waits for nothing it has not begun to read, but reads that here, the last first."""

    def __init__(self, process: subprocess.Popen[bytes], memory: int, packing: Packing) -> None:
        self._process, self._memory, self._packing = process, memory, packing
        self._asked, self._told = process.stdin or io.BytesIO(), Pipe(process.stdout or io.BytesIO(), SILENCE)
        self._at = self._usual = 0
        self._order: deque[_Answer] = deque()
        """What lies there, as it has said nothing of it yet, in the order in which it will."""
        self._back: set[_Answer] = set()
        """Those of them that were taken back."""
        self._said: dict[_Answer, Callable[[], Read]] = {}
        """What it has said of others, or what says it."""
        self._is_ready = self._is_over = False

    def has_room(self) -> bool:
        """Tell whether one more answer like those so far has its place, and a little larger; of what it has said, too, there is an end."""
        while self._order and self._has_told():
            self._hear()
        return (
            not self._is_over
            and sum(each.size for each in self._said) < SAID
            and self._place(min(self._usual * 3 // 2, RING)) is not None
        )

    def hand(self, content: bytes, reading: Reading) -> Callable[[], Read] | None:
        """Have it read an answer; return what says, to be asked once, what was read, None where there is no room for it."""
        size = len(content)
        self._usual = max(size if size <= RING else 0, self._usual * 7 // 8)
        place = None if self._is_over else self._place(size)
        if place is None:
            return None
        try:
            os.pwrite(self._memory, UNTAKEN, _room(place))
            if os.pwrite(self._memory, content, place) < size:
                return None
            tell(self._asked, asked(place, size, _room(place), reading))
        except OSError:
            self._is_over = True
            return None
        answer = _Answer(place, size, reading)
        self._at = place + max(size, LEAST)
        self._order.append(answer)
        return partial(self.read, answer)

    def read(self, answer: _Answer) -> Read:
        """Return what an answer says, read here where it cannot tell; in the time it takes, what it has not come to is read here."""
        while answer not in self._said:
            spare = None if self._has_told() else self._spare(answer)
            if spare is None:
                self._hear()
                continue
            self._said[spare] = here = self._read_here(spare)
            with suppress(Exception):  # whoever asks for that one is told
                self._said[spare] = partial(_same, here())
        return self._said.pop(answer)()

    def _spare(self, wanted: _Answer) -> _Answer | None:
        """Take back what it would come to last, down to the one that is wanted; None where it has begun all of that."""
        for each in reversed(self._order):
            if each not in self._back and self._is_taken_back(each):
                return each
            if each is wanted:
                break
        return None

    def is_listening(self) -> bool:
        """Tell whether it has begun, and goes on."""
        if not self._is_ready and self._has_told():
            self._hear()
        return self._is_ready and not self._is_over

    def _has_told(self) -> bool:
        return not self._is_over and self._told.has_more()

    def _hear(self) -> None:
        """Take what it tells next, and out of the memory what is needed of it: another answer may lie there from now on."""
        if not self._is_ready and not self._is_over:
            self._is_ready = self._next() == READY
            self._is_over = not self._is_ready
            return
        told, answer = self._next(), self._order.popleft()
        if answer in self._back:
            self._back.remove(answer)
        else:
            read = self._heard(told, _room(answer.place))
            self._said[answer] = self._read_here(answer) if read is None else partial(_same, read)

    def _read_here(self, answer: _Answer) -> Callable[[], Read]:
        return partial(answer.reading.at_best, os.pread(self._memory, answer.size, answer.place), self._packing)

    def _is_taken_back(self, answer: _Answer) -> bool:
        """Have it not read what it has not begun: it is about to start, or gets no core. False where it has, or is over."""
        if self._is_over or os.pread(self._memory, 1, _room(answer.place)) != UNTAKEN:
            return False
        os.pwrite(self._memory, TAKEN, _room(answer.place))
        self._back.add(answer)
        return True

    def close(self) -> None:
        """Stop it, wherever it is."""
        try:
            self._process.kill()
            self._process.communicate()
        finally:
            os.close(self._memory)

    def _place(self, size: int) -> int | None:
        """Find where so much may lie on nothing whose room is needed still; what is empty needs some, too."""
        size = max(size, LEAST)
        if not self._order:
            return 0 if size <= RING else None
        oldest = self._order[0].place
        if self._at < oldest:
            return self._at if self._at + size < oldest else None
        return self._at if self._at + size <= RING else 0 if size < oldest else None

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


def _room(place: int) -> int:
    return RING + room_for(place)


def _same(read: Read) -> Read:
    return read


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
