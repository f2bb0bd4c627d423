"""The bulk FETCH of header fields: pipelined batches, read ahead while a page is stored, one poisonous message set aside."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf
from time import monotonic

from connectors.imap_ahead import Ahead
from connectors.imap_reading import Messages, Packed, Read, Reading
from connectors.imap_wire import TooSlow
from connectors.port import PortError, Rejected, Skipped, Unavailable
from connectors.standards.refusals import translated
from connectors.standards.session import Session
from rules.facts import MessageMetadata

BATCH, DEPTH = 125, 32
"""UIDs in one command, and commands under way: so far the server may run ahead while a page is stored.

Dovecot answers four of them together: as much is read at once, while whoever wants it waits.
"""
MOMENT = 0.02
"""Seconds for which what is there may wait for what is to come, and a page for what can be read while it is stored."""
OTHERS = 4
"""Parts of a folder out of which one message each shows whether any is to be had."""
Batch = Sequence[int]


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


def searched(responses: Iterable[Sequence[bytes]]) -> list[int]:
    """Read the UIDs of SEARCH answers, ascending."""
    heads = (response[0] for response in responses)
    return sorted(int(word) for head in heads if head.startswith(b"* SEARCH") for word in head[8:].split() if word.isdigit())


def vanished(responses: Iterable[Sequence[bytes]]) -> list[int]:
    """Read the UIDs of VANISHED answers (RFC 7162 3.2.10)."""
    found = (response[0].split() for response in responses)
    return [uid for words in found if words[:2] == [b"*", b"VANISHED"] for uid in uids_of(words[-1].decode())]


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


class Course:
    """How far the reading of many messages has come: what is to be asked for, what was asked, and what is being read."""

    __slots__ = ("ahead", "sent", "trouble", "waiting")

    def __init__(self, uids: Batch, ahead: Ahead) -> None:
        """Begin with all of them."""
        self.waiting = deque(uids[at : at + BATCH] for at in range(0, len(uids), BATCH))
        self.sent: deque[tuple[bytes, Batch]] = deque()
        self.ahead = ahead
        self.trouble: PortError | None = None
        """What stands in the way; until that is over nobody goes on."""

    def is_asked(self) -> bool:
        """Tell whether the server has answered all of it."""
        return not self.waiting and not self.sent


class Headers:
    """Fetches header fields of many messages over one session that it may have to renew.

    `then`: called whenever all is answered and not yet taken; the session is free for others.
    """

    def __init__(
        self,
        session: Callable[[], Session],
        reopen: Callable[[], Session],
        fields: bytes,
        reading: Reading,
        then: Callable[[], None] = lambda: None,
    ) -> None:
        self.reading = reading
        self.session, self.reopen, self._fields, self._then = session, reopen, fields, then
        self._renewals = 0
        self._suspects = 0
        """Batches to be asked for one at a time: one of them may be what the connection broke on."""
        self._early: set[str] = set()
        """Remote ids of messages that came with an earlier batch than their own."""

    def some(self, uids: Sequence[int]) -> tuple[list[MessageMetadata], list[Skipped]]:
        """Fetch a few messages with one command."""
        return self._isolated([uid for uid in uids if uid > 0])

    def fetch(self, uids: Batch) -> Iterator[tuple[Batch, Read]]:
        """Read them as `read` does, all of it here."""
        return self.read(Course(uids, Ahead(self.reading)))

    def read(self, course: Course) -> Iterator[tuple[Batch, Read]]:
        """Yield batch after batch in the order given, with what could not be read; keeps `DEPTH` commands under way.

        No message comes twice, though some servers (Dovecot: four) answer several commands together, and the connection may break.
        """
        while course.ahead or not course.is_asked():
            try:
                self.go_on(course)
            except PortError as error:
                course.trouble = error
                while course.ahead:  # what came before it
                    yield self._taken(course)
                if not isinstance(error, Rejected | Unavailable):
                    raise
                _, batch = course.sent.popleft() if course.sent else (b"", course.waiting.popleft())
                yield batch, self._apart(batch, error, course)
            else:
                if course.is_asked():
                    self._then()
                yield self._taken(course)

    def go_on(self, course: Course, seconds: float = inf) -> None:
        """Have commands under way, and of what they are answered as much read ahead as there is room for, or time."""
        waiting, sent, ahead = course.waiting, course.sent, course.ahead
        if course.trouble is not None:
            raise course.trouble
        if course.is_asked():
            return
        session, end = self.session(), monotonic() + seconds
        with translated("reading headers"):
            while (waiting or sent) and monotonic() < end:
                while waiting and len(sent) < (1 if self._suspects else DEPTH):
                    sent.append((self._ask(session, waiting[0]), waiting.popleft()))
                if not ahead.has_room() or ((ahead or seconds < inf) and not session.is_waiting(MOMENT)):
                    break
                ahead.put(sent[0][1], session.whole(sent[0][0], "reading headers"))
                sent.popleft()
                self._suspects = max(0, self._suspects - 1)

    def go_ahead(self, course: Course) -> None:
        """Go on for a moment, before a time in which nobody can."""
        try:
            self.go_on(course, MOMENT)
        except PortError as error:
            course.trouble = error
        else:
            if course.is_asked():
                self._then()

    def _taken(self, course: Course) -> tuple[Batch, Read]:
        batch, answer = course.ahead.take()
        try:
            return batch, self._once(batch, answer())
        except EOFError as error:  # it may have held what is missing in those after it
            course.sent.extendleft((b"", again) for again in reversed(course.ahead.forgotten()))
            return batch, self._apart(batch, Unavailable(str(error)), course)

    def _once(self, batch: Batch, read: Read) -> Read:
        """Leave out what came before its turn, and remember what comes before it now."""
        of = f"{self.reading.validity}:%d".__mod__
        found, skipped = read
        ids = found.remote_ids if isinstance(found, Packed) else [each.remote_id for each in found]
        if not self._early and 0 < len(ids) <= len(batch) and ids[-1] == of(max(batch)):
            return read
        fresh = _without(found, ids, self._early), [each for each in skipped if each.remote_id not in self._early]
        self._early = self._early.union(ids, (each.remote_id for each in skipped)).difference(map(of, batch))
        return fresh

    def _apart(self, batch: Batch, error: PortError, course: Course) -> Read:
        """Read a batch that failed by itself, over a new connection, where the commands under way are asked again."""
        course.trouble = error
        course.waiting.extendleft(reversed([again for _, again in course.sent]))
        self._suspects = len(course.sent)
        course.sent.clear()
        self._renew(error)
        found = self._once(batch, self._isolated(batch))
        course.trouble = None
        return found

    def _ask(self, session: Session, uids: Batch) -> bytes:
        return session.send(b"UID FETCH " + sequence_set(sorted(uids)) + b" " + items(session, self._fields))

    def _isolated(self, uids: Batch) -> tuple[list[MessageMetadata], list[Skipped]]:
        """Halve a batch that fails until only the poisonous messages are left out."""
        try:
            session = self.session()
            with translated("reading headers"):
                return self.reading.read(session.whole(self._ask(session, uids), "reading headers"))
        except (Rejected, Unavailable) as error:
            self._renew(error)
            if len(uids) == 1:
                if self._fails_on_others(uids[0]):
                    raise
                return [], [self.reading.skipped(uids[0], "the server fails on this message")]
        middle = len(uids) // 2
        found, skipped = self._isolated(uids[:middle])
        more, others = self._isolated(uids[middle:])
        return found + more, skipped + others

    def _fails_on_others(self, uid: int) -> bool:
        """Tell whether no other message is to be had either: then none is to blame, and what is set aside now would be lost."""
        there = searched(self.session().command(b"UID SEARCH ALL", "listing messages"))
        first, *spread = there[:: max(1, len(there) // OTHERS)] or [uid]
        others = [other for other in (*spread, first, *there[-1:]) if other != uid]
        for other in others:
            try:
                with translated("reading headers"):
                    self.session().whole(self._ask(self.session(), [other]), "reading headers")
            except (Rejected, Unavailable) as error:
                self._renew(error)
            else:
                return False
        return bool(others)

    def _renew(self, error: PortError) -> None:
        self._renewals += 1
        if isinstance(error.__cause__, TooSlow) or self._renewals > 2 * BATCH.bit_length() + 4:
            raise error
        self.reopen()


def _without(found: Messages, ids: Sequence[str], early: set[str]) -> Messages:
    if early.isdisjoint(ids):
        return found
    return [each for each in (found.messages() if isinstance(found, Packed) else found) if each.remote_id not in early]
