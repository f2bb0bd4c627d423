"""The bulk FETCH of header fields: pipelined batches, split without a grammar, one poisonous message set aside."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from connectors.port import PortError, Rejected, Skipped, Unavailable
from connectors.standards.session import Response, Session, translated

BATCH, DEPTH = 250, 4
_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")
_DATE = re.compile(rb'\bINTERNALDATE "([^"]+)"')
_FLAGS = re.compile(rb"\bFLAGS \(([^)]*)\)")
_THREAD = re.compile(rb"\b(?:X-GM-THRID (\d+)|THREADID \(([^)]+)\))")
_LABELS = re.compile(rb"\bX-GM-LABELS \(((?:\"(?:[^\"\\]|\\.)*\"|[^)\"])*)\)")
_LABEL = re.compile(rb'"((?:[^"\\]|\\.)*)"|([^\s"]+)')
_QUOTED_HEADER = re.compile(rb'BODY\[[^\]]*\] (?:"((?:[^"\\]|\\.)*)"|NIL)')
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


def internal_date(raw: bytes) -> datetime | None:
    """Read INTERNALDATE (` 5-Nov-2026 09:00:00 +0100`) as aware UTC; None for what is none."""
    try:
        month = _MONTHS[raw[3:6]]
        offset = timedelta(hours=int(raw[22:24]), minutes=int(raw[24:26]))
        zone = timezone(-offset if raw[21:22] == b"-" else offset)
        return datetime(
            int(raw[7:11]), month, int(raw[0:2]), int(raw[12:14]), int(raw[15:17]), min(int(raw[18:20]), 59), tzinfo=zone
        ).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return None


def split(response: Response) -> Fetched | None:
    """Take one FETCH response apart; None for anything else, also for an unsolicited one without a header."""
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
    return Fetched(
        uid=int(uid[1]),
        received_at=internal_date(date[1]) if date else None,
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


def batches(uids: Sequence[int], first: int) -> Iterator[Sequence[int]]:
    """Cut descending UIDs into batches, a small one first so that something shows at once."""
    at = 0
    while at < len(uids):
        size = first if at == 0 else BATCH
        yield uids[at : at + size]
        at += size


class Headers:
    """Fetches header fields of many messages over one session that it may have to renew."""

    def __init__(self, session: Callable[[], Session], reopen: Callable[[], Session], fields: bytes) -> None:
        self._session, self._reopen, self._fields = session, reopen, fields
        self._renewals = 0

    def fetch(self, uids: Sequence[int], first: int = 50) -> Iterator[tuple[Sequence[int], list[Fetched], list[Skipped]]]:
        """Yield batch after batch of the descending UIDs with what could not be read; keeps `DEPTH` commands under way."""
        waiting = deque(batches(uids, first))
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
