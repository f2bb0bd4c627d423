"""The bulk FETCH of header fields: pipelined batches, split without a grammar, one poisonous message set aside."""

from __future__ import annotations

import re
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from connectors.port import PortError, Rejected, Skipped, Unavailable
from connectors.standards.refusals import translated
from connectors.standards.session import Session
from connectors.standards.wire import Response

BATCH, DEPTH = 250, 16
"""UIDs in one command, and commands under way: so far the server may run ahead while a page is stored."""
_USUAL = re.compile(rb'\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\) INTERNALDATE "([^"]+)" RFC822\.SIZE (\d+) BODY\[')
_ARRIVED = re.compile(rb'\* \d+ FETCH \(UID (\d+) INTERNALDATE "([^"]+)"\)')
_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")
_DATE = re.compile(rb'\bINTERNALDATE "([^"]+)"')
_FLAGS = re.compile(rb"\bFLAGS \(([^)]*)\)")
_THREAD = re.compile(rb"\b(?:X-GM-THRID (\d+)|THREADID \(([^)]+)\))")
_LABELS = re.compile(rb"\bX-GM-LABELS \(((?:\"(?:[^\"\\]|\\.)*\"|[^)\"])*)\)")
_LABEL = re.compile(rb'"((?:[^"\\]|\\.)*)"|([^\s"]+)')
_QUOTED_HEADER = re.compile(rb'BODY\[[^\]]*\] (?:"((?:[^"\\]|\\.)*)"|NIL)')
FAR = 1 << 32
"""Seconds since 1970 up to which an arrival is believed, and fits a stamp: until 2106."""
_MONTHS = {name: number for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}


@dataclass(slots=True)
class Fetched:
    """One message's answer, undecoded."""

    uid: int
    received_at: datetime | None
    size: int
    flags: bytes
    labels: tuple[str, ...]
    thread_id: str
    header: bytes


def sequence_set(uids: Iterable[int]) -> bytes:
    """Write ascending UIDs as the shortest sequence-set (RFC 9051 9): 1,3:5."""
    out: list[str] = []
    first = last = -1
    for uid in (*uids, -1):
        if uid == last + 1 and first >= 0:
            last = uid
            continue
        if first >= 0:
            out.append(str(first) if first == last else f"{first}:{last}")
        first = last = uid
    return ",".join(out).encode()


def uids_of(sequence: str) -> Iterator[int]:
    """Read a sequence-set without `*` back into UIDs, in the order written."""
    for part in filter(None, sequence.split(",")):
        low, _, high = part.partition(":")
        yield from range(int(low), int(high or low) + 1)


def epoch(raw: bytes) -> int | None:
    """Read INTERNALDATE (` 5-Nov-2026 09:00:00 +0100`) as epoch seconds; None for what is none, or absurd."""
    try:
        at = _midnight(raw[:11]) + _minute(raw[12:17]) + int(raw[18:20]) - _east(raw[21:26])
    except (KeyError, ValueError, OverflowError):
        return None
    return at if 0 <= at < FAR else None


@lru_cache(maxsize=1 << 14)
def _midnight(day: bytes) -> int:
    return int(datetime(int(day[7:11]), _MONTHS[day[3:6]], int(day[0:2]), tzinfo=UTC).timestamp())


@lru_cache(maxsize=1 << 11)
def _minute(clock: bytes) -> int:
    return int(clock[:2]) * 3600 + int(clock[3:]) * 60


@lru_cache(maxsize=1 << 8)
def _east(zone: bytes) -> int:
    """Return how many seconds a zone is ahead of UTC."""
    offset = int(zone[1:3]) * 3600 + int(zone[3:5]) * 60
    return -offset if zone[:1] == b"-" else offset


def stamp(at: int, uid: int) -> int:
    """Put arrival (epoch seconds) and UID into one number, sorted as the pair would be: of a big folder there are many."""
    return at << 32 | uid


def arrival_of(one: int) -> tuple[int, int]:
    """Return arrival and UID of a stamp."""
    return one >> 32, one & 0xFFFFFFFF


def split(response: Response) -> Fetched | None:
    """Take one FETCH response apart; None for anything else, also for an unsolicited one without a header."""
    usual = _USUAL.match(response[0]) if len(response) == 3 else None  # noqa: PLR2004 - text, header, end
    if usual is None:
        return _split(response)
    uid, flags, date, size = usual.groups()
    at = epoch(date)
    return Fetched(
        uid=int(uid),
        received_at=datetime.fromtimestamp(at, UTC) if at is not None else None,
        size=int(size),
        flags=flags,
        labels=(),
        thread_id="",
        header=response[1],
    )


def _split(response: Response) -> Fetched | None:
    """Take an answer apart whatever the order of its items."""
    text = response[0] if len(response) == 1 else b"".join(response[::2])
    uid = _UID.search(text)
    if uid is None or b" FETCH (" not in text:
        return None
    header = response[1] if len(response) > 1 and b"BODY[" in response[-3] else None
    if header is None:
        plain = _QUOTED_HEADER.search(text)
        if plain is None:
            return None
        header = re.sub(rb"\\(.)", rb"\1", plain[1] or b"")
    date, size, flags, thread = _DATE.search(text), _SIZE.search(text), _FLAGS.search(text), _THREAD.search(text)
    labels = _LABELS.search(text)
    at = epoch(date[1]) if date else None
    return Fetched(
        uid=int(uid[1]),
        received_at=datetime.fromtimestamp(at, UTC) if at is not None else None,
        size=int(size[1]) if size else 0,
        flags=flags[1] if flags else b"",
        labels=tuple((one or two).decode("utf-8", "replace").replace("\\\\", "\\") for one, two in _LABEL.findall(labels[1]))
        if labels
        else (),
        thread_id=(thread[1] or thread[2]).decode("ascii", "replace") if thread else "",
        header=header,
    )


def items(session: Session, fields: bytes) -> bytes:
    """Name what to ask for: never a body, always with PEEK, threads where the server knows them."""
    extra = (
        b" X-GM-THRID X-GM-LABELS"
        if "X-GM-EXT-1" in session.capabilities
        else b" THREADID"
        if "OBJECTID" in session.capabilities
        else b""
    )
    return b"(UID FLAGS INTERNALDATE RFC822.SIZE" + extra + b" BODY.PEEK[HEADER.FIELDS (" + fields + b")])"


class Headers:
    """Fetches header fields of many messages over one session that it may have to renew."""

    def __init__(self, session: Callable[[], Session], reopen: Callable[[], Session], fields: bytes) -> None:
        self._session, self._reopen, self._fields = session, reopen, fields
        self._renewals = 0

    def arrivals(self, next_uid: int) -> Sequence[int]:
        """List the stamp of every message below `next_uid`, newest first."""
        found: list[int] = []
        if next_uid <= 1:
            return found
        session = self._session()
        with translated("listing messages"):
            for response in session.responses(session.send(b"UID FETCH 1:%d (INTERNALDATE)" % (next_uid - 1)), "listing messages"):
                if usual := _ARRIVED.match(response[0]):
                    found.append(stamp(epoch(usual[2]) or 0, int(usual[1])))
                elif uid := _UID.search(response[0]):
                    date = _DATE.search(response[0])
                    found.append(stamp(epoch(date[1]) or 0 if date else 0, int(uid[1])))
        found.sort(reverse=True)
        return array("Q", found)

    def some(self, uids: Sequence[int]) -> tuple[list[Fetched], list[Skipped]]:
        """Fetch a few messages with one command."""
        return self._isolated([uid for uid in uids if uid > 0])

    def fetch(self, uids: Sequence[int]) -> Iterator[tuple[Sequence[int], list[Fetched], list[Skipped]]]:
        """Yield batch after batch in the order given, with what could not be read; keeps `DEPTH` commands under way."""
        waiting = deque(uids[at : at + BATCH] for at in range(0, len(uids), BATCH))
        sent: deque[tuple[bytes, Sequence[int]]] = deque()
        while waiting or sent:
            session = self._session()
            try:
                with translated("reading headers"):
                    while waiting and len(sent) < DEPTH:
                        sent.append((self._ask(session, waiting[0]), waiting.popleft()))
                    tag, batch = sent[0]
                    rows = [row for response in session.responses(tag, "reading headers") if (row := split(response))]
                sent.popleft()
                skipped: list[Skipped] = []
            except (Rejected, Unavailable) as error:
                _, batch = sent.popleft() if sent else (b"", waiting.popleft())
                waiting.extendleft(reversed([again for _, again in sent]))
                sent.clear()
                self._renew(error)
                rows, skipped = self._isolated(batch)
            yield batch, rows, skipped

    def _ask(self, session: Session, uids: Sequence[int]) -> bytes:
        return session.send(b"UID FETCH " + sequence_set(sorted(uids)) + b" " + items(session, self._fields))

    def _isolated(self, uids: Sequence[int]) -> tuple[list[Fetched], list[Skipped]]:
        """Halve a batch that fails until only the poisonous messages are left out."""
        try:
            session = self._session()
            with translated("reading headers"):
                return [
                    row for response in session.responses(self._ask(session, uids), "reading headers") if (row := split(response))
                ], []
        except (Rejected, Unavailable) as error:
            self._renew(error)
            if len(uids) == 1:
                return [], [Skipped(remote_id=str(uids[0]), reason="the server fails on this message")]
        middle = len(uids) // 2
        rows, skipped = self._isolated(uids[:middle])
        more, others = self._isolated(uids[middle:])
        return rows + more, skipped + others

    def _renew(self, error: PortError) -> None:
        self._renewals += 1
        if self._renewals > 2 * BATCH.bit_length() + 4:
            raise error
        self._reopen()
