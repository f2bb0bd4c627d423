"""Which answer belongs to which command of an IMAP connection, whole or as it comes."""

from __future__ import annotations

import contextlib
import imaplib
import re
from collections import deque
from collections.abc import Iterator, Sequence
from secrets import token_hex
from typing import Any

from connectors.imap_wire import Response, Wire, checked, responses_in
from connectors.standards.refusals import refusal

LEAST = 64
"""Bytes that a response counts for however short it is: so much memory does it take."""
_OF_A_MESSAGE = re.compile(rb"\* \d+ FETCH ")


class Answers:
    """The answers of one connection, in the order of the commands. Not for several threads."""

    def __init__(self, file: Any) -> None:  # noqa: ANN401 - imaplib's buffered reader: what it has read already is in there
        self._wire = Wire(file)
        self._count = 0
        self._name = token_hex(6).upper().encode()
        self._under_way: deque[bytes] = deque()
        self._ends: dict[bytes, bytes] = {}
        self.last = b""
        """The text after the tag of the last command that was answered."""

    def next_tag(self) -> bytes:
        """Name a command as nobody can foresee, and so no mail can say: an answer may then be cut off without a look into it."""
        self._wire.is_asked()
        self._count += 1
        tag = b"%sX%d" % (self._name, self._count)
        self._under_way.append(tag)
        return tag

    def responses(self, tag: bytes, what: str) -> Iterator[Response]:
        """Yield the untagged responses of one command; a NO or BAD raises the port's error.

        Commands sent earlier answer earlier: nobody waits for that any more, and it is dropped.
        """
        self._pass_earlier(tag)
        size = 0
        while tag not in self._ends:
            response = self._wire.read()
            if not self._is_end(response):
                size = _checked(size, response)
                yield response
        self._check(tag, what)

    def pieces(self, tag: bytes, what: str) -> Iterator[bytes]:
        """Yield the untagged responses of one command as they come, cut where lines end; a NO or BAD raises the port's error."""
        self._pass_earlier(tag)
        while tag not in self._ends:
            yield from self._wire.pieces(self._name)
            self._is_end(self._wire.read())
        self._check(tag, what)

    def whole(self, tag: bytes, what: str) -> bytes:
        """Return what `pieces` yields."""
        found, size = [], 0
        for piece in self.pieces(tag, what):
            size = checked(size + len(piece))
            found.append(piece)
            if piece.startswith(b"* BYE", piece.rfind(b"\n", 0, -1) + 1):
                self._heed(b"".join(found))
        return b"".join(found)

    @staticmethod
    def _heed(answer: bytes) -> None:
        """Believe the server that it is about to hang up, where no header says so."""
        with contextlib.suppress(EOFError):
            *_, last = responses_in(answer)
            if last[0].startswith(b"* BYE"):
                raise imaplib.IMAP4.abort(last[0].decode("utf-8", "replace").strip())

    def _check(self, tag: bytes, what: str) -> None:
        self.last = self._ends.pop(tag)
        if not self.last.upper().startswith(b"OK"):
            raise refusal(self.last, what)

    def _pass_earlier(self, tag: bytes) -> None:
        if tag not in self._under_way and tag not in self._ends:
            raise imaplib.IMAP4.abort("its answer is gone")
        while tag in self._under_way and self._under_way[0] != tag:
            first = self._under_way[0]
            while first not in self._ends:
                for _ in self._wire.pieces(self._name):
                    pass
                self._is_end(self._wire.read())
            del self._ends[first]

    def _is_end(self, response: Response) -> bool:
        """Tell whether a command of ours ends with this response, and note how."""
        tag, _, answer = response[0].partition(b" ")
        if tag in self._under_way:
            self._under_way.remove(tag)
            self._ends[tag] = answer.strip()
            return True
        if response[0].startswith(b"* BYE"):
            raise imaplib.IMAP4.abort(response[0].decode("utf-8", "replace").strip())
        return False

    def asked(self, tag: bytes, what: str) -> list[Response]:
        """Read on until the server asks for the rest of a command; return what it says before. A NO or BAD raises the port's error."""
        said: list[Response] = []
        size = 0
        while not (response := self._wire.read())[0].startswith(b"+"):
            if self._is_end(response):
                if tag in self._ends:
                    raise refusal(self._ends.pop(tag), what)
                continue
            size = _checked(size, response)
            said.append(response)
        return said

    def together(self, tags: Sequence[bytes]) -> tuple[list[Response], list[bytes]]:
        """Collect the responses of several commands under way, and the refusals: a server may answer them in any order.

        Without what is told of single messages: there may be millions, whose flags alone have changed.
        """
        said: list[Response] = []
        size = 0
        while any(tag in self._under_way for tag in tags):
            response = self._wire.read()
            if not self._is_end(response) and not _OF_A_MESSAGE.match(response[0]):
                size = _checked(size, response)
                said.append(response)
        ends = [self._ends.pop(tag) for tag in tags]
        return said, [each for each in ends if not each.upper().startswith(b"OK")]

    def has_read_ahead(self) -> bool:
        """Tell whether more has come than was read."""
        return self._wire.has_read_ahead()


def _checked(size: int, response: Response) -> int:
    """Add a response to what is kept of an answer, which has an end."""
    return checked(size + max(LEAST, sum(map(len, response))))
