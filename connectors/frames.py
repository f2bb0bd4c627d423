"""What one process tells another through a pipe: piece by piece, each after its length, and none waited for without end."""

from __future__ import annotations

import os
import select
from typing import IO, Protocol


class Pipe:
    """The end of a pipe another process tells something through; one that falls silent, also in the middle of a word, has ended."""

    def __init__(self, stream: IO[bytes], patience: float) -> None:
        """Wait no longer than `patience`, in seconds, for more. Nobody else may read the stream."""
        self._stream, self._patience = stream, patience

    def has_more(self, seconds: float = 0.0) -> bool:
        """Tell whether there is something to read, be it the end, or will be within so many seconds."""
        poller = select.poll()
        poller.register(self._stream, select.POLLIN)
        return bool(poller.poll(seconds * 1000))

    def read(self, size: int, /) -> bytes:
        """Return up to so many bytes, b"" at the end."""
        return os.read(self._stream.fileno(), size) if self.has_more(self._patience) else b""


class Readable(Protocol):
    """Where the pieces come from."""

    def read(self, size: int, /) -> bytes:
        """Return up to so many bytes, b"" at the end."""
        ...


def frame(what: bytes) -> bytes:
    """Write what `framed` reads."""
    return len(what).to_bytes(4, "little") + what


def framed(stream: Readable) -> bytes:
    """Return what was told next, b"" where there is nothing or only a part of it."""
    return _exactly(stream, int.from_bytes(_exactly(stream, 4), "little"))


def _exactly(stream: Readable, size: int) -> bytes:
    pieces: list[bytes] = []
    while size and (piece := stream.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"" if size else b"".join(pieces)
