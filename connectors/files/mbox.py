"""Find the header of every message in an mbox, in whatever dialect, and pass over the bodies without looking at them."""

from __future__ import annotations

import re
import zlib
from collections.abc import Generator, Iterator
from typing import BinaryIO, Final, NamedTuple

from connectors.mime import MAX_HEADER

CHUNK: Final = 1 << 18
"""Bytes read at once; memory stays at a few of these, whatever the size of the file."""
PORTION: Final = 1 << 17
"""Bytes asked for at a time: what a damaged stream gave before the damage is lost with its portion."""
AHEAD: Final = 2048
"""Bytes looked at after a possible separator: the rest of its line and the start of the next."""
FARTHEST: Final = 32 << 20
"""A Content-Length beyond this is not looked up when it contradicts the separators."""

CONTEXT: Final = 2
"""Bytes before a From_ line by which it is told: an empty line."""
MARK: Final = b"\nFrom "
LINE_BREAK: Final = 10
EMPTY: Final = re.compile(rb"\n\n")
"""To search takes half as long as bytes.find."""
LINE: Final = (
    rb"(?:\S+ [A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?:19|20)\d\d|"
    rb"(?=[^\r\n]*\d:\d\d)(?=[^\r\n]*(?:19|20)\d\d)[^\r\n]*)"
)
NEXT_LINE: Final = rb"\r?\n(?:\r?\n|\Z|>From |[!-9;-~]+[ \t]*:)"
DATED: Final = re.compile(b"From %b%b" % (LINE, NEXT_LINE))
FOLLOWING: Final = re.compile(b"\nFrom (?:(%b)%b)?" % (LINE, NEXT_LINE))
"""What begins like a separator; with its first group where it has a date."""
UNDATED: Final = re.compile(
    rb"From [^\r\n]*\r?\n(?:Received|Return-Path|Delivered-To|X-[\w-]+|Date|From|Message-I[dD]|MIME-Version|Status|Subject|To|DKIM-Signature):"
)
"""A separator without a date is only believed where the header of a message follows."""
LENGTH: Final = re.compile(rb"\ncontent-length:[ \t]*(\d{1,18})", re.IGNORECASE)


class Entry(NamedTuple):
    """One message of an mbox."""

    offset: int
    """Where its From_ line begins, in bytes of the unpacked file."""
    envelope: bytes
    """The From_ line without its `From `: usually an address and a date."""
    header: bytes | None
    """The header block; None where it is larger than MAX_HEADER."""
    end: int
    """Where the next From_ line begins, or the file ends."""


class NotMbox(ValueError):
    """The file does not begin like an mbox."""


def scan(stream: BinaryIO, *, start: int = 0) -> Iterator[Entry]:
    """Yield the messages of a stream that stands at `start`, one after the other.

    To go on from the `end` of an earlier entry, stand CONTEXT bytes before it. Reads mboxo, mboxrd, mboxcl and mboxcl2,
    LF and CRLF, with and without blank lines between messages or a final newline.
    Memory does not grow with the file or a message. Raises NotMbox before anything is yielded.
    """
    return _Scan(stream, start).entries()


class _Scan:
    """A window that slides over the stream; indices are into the window, offsets into the stream."""

    def __init__(self, stream: BinaryIO, start: int) -> None:
        self._stream = stream
        self._window = b""
        self._base = start
        self._is_done = False
        self._damage: Exception | None = None
        """Why the stream ended early; raised when all that came before it has been told."""
        self._has_lengths = True
        """Every message so far had a Content-Length and it was right: only such a file is believed to be mboxcl2."""

    def entries(self) -> Iterator[Entry]:
        at = self._first()
        while at is not None:
            if not self._has_lengths:
                at = yield from self._plain(at)
            line_end = self._line_end(at)
            offset, envelope = self._base + at, self._window[at + 5 : line_end].rstrip(b"\r")
            header_end = self._header_end(line_end)  # the window may have slid: `offset` holds
            line_end += offset - self._base - at
            header = None if header_end is None else self._window[line_end + 1 : header_end]
            at = self._next(header or b"", line_end if header_end is None else header_end)
            yield Entry(offset, envelope, header, self._base + (len(self._window) if at is None else at))
        if self._damage is not None:
            raise self._damage

    def _plain(self, at: int) -> Generator[Entry, None, int]:
        """Yield messages as long as a few looks tell them for sure, as they do nearly every one; return where the next begins.

        All of one is in the window, with plain line breaks, and nothing is like a From_ line but the dated one after an empty line.
        """
        window, base, last = self._window, self._base, len(self._window) - AHEAD
        line_end = window.find(b"\n", at)
        envelope = window[at + 5 : line_end]
        while line_end > 0 and (following := FOLLOWING.search(window, line_end + 1)) and following[1] is not None:
            mark = following.start()
            empty = EMPTY.search(window, line_end, mark + 1)
            if empty is None or mark > last or window[mark - 1] != LINE_BREAK:
                break
            header_end = empty.start()
            if window.find(b"\r", at, header_end) >= 0 or header_end - line_end > MAX_HEADER:
                break
            yield Entry(base + at, envelope, window[line_end + 1 : header_end], base + mark + 1)
            at, envelope, line_end = mark + 1, following[1], following.end(1)
        return at

    def _grow(self, keep: int) -> None:
        """Let go of what lies before `keep` and read on."""
        pieces: list[bytes] = []
        size = 0
        while size < CHUNK and not self._is_done:
            try:
                piece = self._stream.read(min(PORTION, CHUNK - size))
            except (OSError, EOFError, zlib.error) as error:
                piece, self._damage = b"", error
            self._is_done = not piece
            size += len(piece)
            pieces.append(piece)
        self._window = b"".join((self._window[keep:], *pieces))
        self._base += keep

    def _first(self) -> int | None:
        while len(self._window) < AHEAD and not self._is_done:
            self._grow(0)
        if self._base:
            return self._separator(0)
        blank = len(self._window) - len(self._window.lstrip(b"\r\n\xef\xbb\xbf"))
        if blank == len(self._window):
            return None
        if not self._window.startswith(b"From ", blank):
            raise NotMbox("it does not begin with a From line, as an mbox does")
        return blank

    def _line_end(self, at: int) -> int:
        end = self._window.find(b"\n", at)
        return len(self._window) if end < 0 else end

    def _header_end(self, start: int) -> int | None:
        """Return the index of the line break before the empty line; None where the header is too long to be read."""
        origin, searched = self._base + start, 0
        while True:
            start = origin - self._base
            end = _blank_line(self._window, start + searched)
            if end is None and not self._is_done and len(self._window) - start <= MAX_HEADER:
                searched = max(len(self._window) - start - 4, 0)
                self._grow(start)
                continue
            if end is None:
                end = len(self._window)
            early = self._window.find(MARK, start + 1, end)
            if early >= 0 and _is_separator(self._window, early):
                return early  # a message without an empty line
            return None if end - start > MAX_HEADER else end

    def _next(self, header: bytes, body: int) -> int | None:
        """Return the index of the next From_ line, None at the end of the file."""
        stated = LENGTH.search(header) if self._has_lengths else None
        if stated is None:
            self._has_lengths = False
            return self._separator(body)
        target = self._base + body + (3 if self._window.startswith(b"\n\r\n", body) else 2) + int(stated[1])
        found = self._separator(body)
        offset = self._base + (len(self._window) if found is None else found)
        if found is not None and offset < target <= offset + FARTHEST:
            jumped = self._at(target, found)
            if jumped is not None:
                return jumped if jumped < len(self._window) else None
            found = offset - self._base
        self._has_lengths = 0 <= offset - target <= 4  # noqa: PLR2004 - an empty line, perhaps CRLF
        return found

    def _at(self, target: int, keep: int) -> int | None:
        """Return the index of a separator or the end of the file right at `target`; None where there is neither."""
        kept = self._base + keep
        while self._base + len(self._window) < target + AHEAD and not self._is_done:
            self._grow(max(kept - self._base - 2, 0))
        index = target - self._base
        if index > len(self._window):
            return None
        while self._window[index : index + 1] in {b"\r", b"\n"}:
            index += 1
        is_end = index == len(self._window) or DATED.match(self._window, index) or UNDATED.match(self._window, index)
        return index if is_end else None

    def _separator(self, start: int) -> int | None:
        while True:
            found = self._window.find(MARK, start)
            if found < 0:
                if self._is_done:
                    return None
                keep = max(len(self._window) - len(MARK) - 2, start)
            elif len(self._window) - found < AHEAD and not self._is_done:
                keep = max(found - 2, 0)
            elif _is_separator(self._window, found):
                return found + 1
            else:
                start = found + len(MARK) - 1
                continue
            self._grow(keep)
            start = 0


def _blank_line(window: bytes, start: int) -> int | None:
    """Return the index of the line break that ends the last header line: the one before an empty line."""
    first = window.find(b"\n", start + 1)
    if window[first - 1 : first] != b"\r":
        end = window.find(b"\n\n", start)
        if end >= 0 and window.find(b"\r", start, end) < 0:
            return end
    usual, other = (b"\n\r\n", b"\n\n") if window[first - 1 : first] == b"\r" else (b"\n\n", b"\n\r\n")
    end = window.find(usual, start)
    mixed = window.find(other, start, end if end >= 0 else len(window))
    return mixed if mixed >= 0 else end if end >= 0 else None


def _is_separator(window: bytes, mark: int) -> bool:
    r"""Tell whether the `\nFrom ` at `mark` begins a message, and is not a line of a body that nobody quoted."""
    before = window[max(mark - 2, 0) : mark]
    if before.endswith((b"\n", b"\n\r")) or mark == 0:
        return bool(DATED.match(window, mark + 1) or UNDATED.match(window, mark + 1))
    match = DATED.match(window, mark + 1)
    return match is not None and match[0].endswith(b":")
