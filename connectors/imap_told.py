"""The second process of a long first read: it reads answers where they lie in memory, and tells what they say, packed."""

from __future__ import annotations

import gc
import marshal
import os
import pickle
import signal
import sys
from contextlib import suppress
from typing import IO, Final

from connectors.frames import frame, framed
from connectors.imap_reading import Packed, Read, Reading
from connectors.optional import Packing
from connectors.port import Skipped

BEHIND: Final = 5
"""How much less it matters: whoever waits for it has more to do, and so does the mail server where that runs here."""
PLAIN: Final = 2
"""The version of marshal that does not look for what is told twice."""
READY: Final = b"ready"
NOTHING: Final = marshal.dumps(None, PLAIN)


UNTAKEN, BEGUN, TAKEN = b"\0", b"+", b"-"
"""What stands where it will be told what an answer says: nobody has begun to read it, the second process has, the first one has."""


def serve(memory: int) -> None:
    """Be the second process, until nobody asks any more."""
    for one in (signal.SIGINT, signal.SIGTERM):  # the one who asks is told, and stops us
        signal.signal(one, signal.SIG_IGN)
    gc.disable()
    os.nice(BEHIND)
    way, out = sys.stdin.buffer, sys.stdout.buffer
    packing: Packing = pickle.loads(framed(way))  # noqa: S301 - whoever started us wrote it
    with suppress(BrokenPipeError):
        tell(out, READY)
        while question := framed(way):
            tell(out, _told(question, memory, packing))


def room_for(size: int) -> int:
    """Say how much may be told in the memory of answers of this size: hardly one takes more, which comes by the way."""
    return size * 3 // 4


def asked(at: int, size: int, room: int, reading: Reading) -> bytes:
    """Ask what the answer says that lies there in memory, and that it be told where there is room for that."""
    return marshal.dumps((at, size, room, reading.validity, reading.role), PLAIN)


def _told(question: bytes, memory: int, packing: Packing) -> bytes:
    """Say what it says, or how long that is where it lies in memory; NOTHING where that fails: whoever asks finds out why."""
    at, size, room, validity, role = marshal.loads(question)  # noqa: S302 - whoever started us wrote it
    if os.pread(memory, 1, room) == TAKEN:
        return NOTHING
    try:
        os.pwrite(memory, BEGUN, room)
        found, skipped = Reading(validity=validity, role=role).packed(os.pread(memory, size, at), packing)
    except Exception:  # noqa: BLE001 - they read it again themselves, and tell what was wrong
        return NOTHING
    told = marshal.dumps((list(found.remote_ids), found.packed, [(each.remote_id, each.reason) for each in skipped]), PLAIN)
    is_put = len(told) <= room_for(size) and os.pwrite(memory, told, room) == len(told)
    return marshal.dumps(len(told), PLAIN) if is_put else told


def heard(told: bytes, memory: int, room: int, packing: Packing) -> Read | None:
    """Take what was told; None where that could not be."""
    said = marshal.loads(told)  # noqa: S302 - our own process wrote it
    if isinstance(said, int):
        said = marshal.loads(os.pread(memory, said, room))  # noqa: S302 - as above
    if said is None:
        return None
    ids, packed, skipped = said
    return Packed(remote_ids=ids, packed=packed, by=packing), [Skipped(remote_id=of, reason=why) for of, why in skipped]


def tell(out: IO[bytes], what: bytes) -> None:
    """Write what `framed` reads."""
    out.write(frame(what))
    out.flush()
