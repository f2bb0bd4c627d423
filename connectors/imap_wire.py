"""The answers of an IMAP server, one response after the other with its literals, out of large pieces from the socket."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from time import monotonic
from typing import Any

Response = list[bytes]
"""One response; odd items are the contents of its literals, even ones the text around them."""

PIECE = 1 << 17
"""Bytes asked of the socket at once: the usual 8 kB make a call for every few messages."""
LARGEST = 64 << 20
"""Bytes of a literal, or of a whole answer, that is read: what is larger is no header."""
PATIENCE, SLOWEST = 300.0, 4096
"""Seconds an answer as a whole is waited for, and the bytes that are worth one more: what comes slower never ends."""
_LITERAL = re.compile(rb"\{(\d{1,19})\}\r?\n\Z")


class TooLarge(EOFError):
    """An answer that is broken off because of its size."""


class TooSlow(TimeoutError):
    """An answer that is given up though now and then something comes."""

    def __init__(self) -> None:
        super().__init__(f"it took more than {PATIENCE / 60:.0f} minutes")


class Wire:
    """Reads responses and never more than has come. Raises EOFError where no more comes, or too much, TooSlow where it takes too long."""

    def __init__(self, file: Any) -> None:  # noqa: ANN401 - imaplib's buffered reader: nothing it holds may be lost
        self._file = file
        self._data = b""
        self._at = 0
        self._waited = 0.0

    def is_asked(self) -> None:
        """Be patient anew: something else is waited for."""
        self._waited = 0.0

    def read(self) -> Response:
        """Read one response, literals and all."""
        line = self._line()
        if line[-3:-2] != b"}" and line[-2:-1] != b"}":
            return [line]
        parts: Response = []
        while (match := _LITERAL.search(line, line.rfind(b"{"))) is not None:
            parts += (line[: match.start()], self._literal(int(match[1])))
            line = self._line()
            if line[-3:-2] != b"}" and line[-2:-1] != b"}":
                break
        parts.append(line)
        return parts

    def pieces(self, mark: bytes) -> Iterator[bytes]:
        """Yield all up to the line that begins with the mark, in pieces that end where a line does.

        Nobody looks at literals here: the mark has to be one that no literal holds.
        """
        while not self._data.startswith(mark, self._at):
            end = self._data.find(b"\n" + mark, self._at) + 1 or self._data.rfind(b"\n", self._at) + 1
            if end:
                piece, self._at = self._data[self._at : end], end
                yield piece
            else:
                line = self._long_line()
                self._data, self._at = line + self._data[self._at :], 0

    def has_read_ahead(self) -> bool:
        """Tell whether more has come than was read: what came in one piece with it makes no socket readable."""
        return self._at < len(self._data)

    def is_done(self) -> bool:
        """Tell whether nothing more comes; asks for it."""
        if self._at >= len(self._data):
            self._data, self._at = self._file.read1(PIECE), 0
        return not self._data

    def _line(self) -> bytes:
        begun = self._at
        end = self._data.find(b"\n", begun) + 1
        if not end:
            return self._long_line()
        self._at = end
        return self._data[begun:end]

    def _long_line(self) -> bytes:
        """Read a line on to its end in pieces that have not come yet."""
        pieces = [self._data[self._at :]]
        self._data, self._at, size = b"", 0, 0
        while not (end := self._data.find(b"\n") + 1):
            pieces.append(self._data)
            size = checked(size + len(self._data))
            self._data = self._piece("the server closed the connection")
        self._at = end
        return b"".join((*pieces, self._data[:end]))

    def _literal(self, size: int) -> bytes:
        begun = self._at
        self._at = end = begun + size
        if end <= len(self._data):
            return self._data[begun:end]
        pieces = [self._data[begun:]]
        left = checked(size) - len(pieces[0])
        while left > 0:
            self._data = self._piece("the server closed the connection in the middle of an answer")
            pieces.append(self._data[:left])
            self._at, left = left, left - len(self._data)
        return b"".join(pieces)

    def _piece(self, otherwise: str) -> bytes:
        begun = monotonic()
        piece: bytes = self._file.read1(PIECE)
        if not piece:
            raise EOFError(otherwise)
        self._waited = max(0.0, self._waited + monotonic() - begun - len(piece) / SLOWEST)
        if self._waited > PATIENCE:
            raise TooSlow
        return piece


def responses_in(answer: bytes) -> Iterator[Response]:
    """Yield response after response of a whole answer."""
    wire = Wire(io.BytesIO(answer))
    while not wire.is_done():
        yield wire.read()


def checked(size: int) -> int:
    """Let no answer grow without end: where one command asks for many messages, fewer are asked for again."""
    if size > LARGEST:
        message = f"more than {LARGEST >> 20} MB"
        raise TooLarge(message)
    return size
