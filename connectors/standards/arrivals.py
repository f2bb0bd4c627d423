"""What there is for a first read, newest arrivals first: as the server sorts it where it can, else by when each message arrived."""

from __future__ import annotations

from array import array
from bisect import bisect
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple, Protocol

from connectors.imap_fetched import ARRIVED, arrival_of, arrived, epoch, stamp
from connectors.port import PortError, Rejected, Unavailable
from connectors.standards import fetch
from connectors.standards.fetch import Headers, searched, sequence_set
from connectors.standards.opened import Opened
from connectors.standards.paging import NOTHING, Place
from connectors.standards.refusals import translated
from connectors.standards.session import Session

WHAT: Final = "listing messages"
AT_ONCE: Final = 500
"""UIDs named in one command: some servers take no line of more than 8 kB."""
REFUSALS: Final = 64
"""So often it is asked for less where a server refuses to list: enough for a few messages among millions."""
LAST: Final = (1 << 32) - 1
"""A UID no message has (RFC 9051 2.3.1.1: the next one is no higher), behind all of one second."""
Mark = tuple[int, int]
"""Arrival (epoch seconds) and UID, before which there is everything that was not read."""


class Order(NamedTuple):
    """What is to be read, and how far that has come with so many of it read, at least a batch."""

    uids: Sequence[int]
    mark: Callable[[int], Mark]


class _UnsortedError(Exception):
    """The server does not sort as it says, or does not say when messages arrived."""


class Asked(Protocol):
    """What waits for the answer."""

    def __call__(self, *, is_waited_for: bool) -> Order:
        """Return it; where nobody waits for it yet, what breaks is left to whoever asks anew. Raises the port's errors."""
        ...


class Arrivals:
    """Asks a server what there is, and remembers whether its SORT (RFC 5256) has failed once.

    It is answered in a quarter of the time of a list with all arrivals. Of one second it cannot tell what is before what, so whoever
    goes on from a mark goes by the list.
    """

    def __init__(self) -> None:
        self._is_trusted = True

    def ask(self, headers: Headers, place: Place, opened: Opened) -> Asked:
        """Ask what arrived before the mark of a place. `opened`: how the folder stands now. Raises the port's errors."""
        session, end = headers.session(), place.next_uid
        is_whole = place.mark == NOTHING and opened.next_uid == end and opened.exists > 0
        if not (is_whole and self._is_trusted and "SORT" in session.capabilities):
            tag = _asked_for(session, 1, end - 1)
            return lambda *, is_waited_for: _by_arrival(session, tag, end, place.mark or NOTHING)  # noqa: ARG005 - it is no more than that
        with translated(WHAT):
            tag = session.send(b"UID SORT (REVERSE ARRIVAL) US-ASCII UID 1:%d" % (end - 1))

        def sorted_by_it(*, is_waited_for: bool) -> Order:
            answer = self._answer(headers, session, tag, is_waited_for=is_waited_for)
            return self._order(headers.session(), answer, end, opened.exists)

        return sorted_by_it

    def _answer(self, headers: Headers, session: Session, tag: bytes, *, is_waited_for: bool) -> bytes:
        """Return what SORT is answered, nothing where it is refused, if only as too much; go on over another connection where it broke."""
        try:
            with translated(WHAT):
                return session.whole(tag, WHAT)
        except PortError as error:
            self._is_trusted = False
            if error.__cause__ is not None:  # it may be the sorting that took too long
                if not (is_waited_for and isinstance(error, Rejected | Unavailable)):
                    raise
                headers.reopen()
        return b""

    def _order(self, session: Session, answer: bytes, end: int, exists: int) -> Order:
        try:
            return _ordered(session, _sorted(answer, end, exists))
        except _UnsortedError:
            self._is_trusted = False
        return _by_arrival(session, _asked_for(session, 1, end - 1), end, NOTHING)


def _sorted(answer: bytes, end: int, exists: int) -> Sequence[int]:
    """Read the answer to SORT. What it leaves out would be lost: it has to be everything, and nothing twice."""
    uids = array("q")
    for line in answer.splitlines():
        if line.startswith(b"* SORT"):
            try:
                uids.extend(map(int, line[6:].split()))
            except (OverflowError, ValueError):
                raise _UnsortedError from None
    if not (exists <= len(uids) == len(set(uids)) and min(uids) > 0 and max(uids) < end):
        raise _UnsortedError
    return uids


def _ordered(session: Session, uids: Sequence[int]) -> Order:
    """Say for the end of every batch that nothing after it arrived later: all of its second are read again where one goes on."""
    step = fetch.BATCH
    ends = uids[step - 1 :: step]
    asked = [uids[0], *ends, uids[-1]]
    times: dict[int, int] = {}
    with translated(WHAT):
        for at in range(0, len(asked), AT_ONCE):
            tag = session.send(b"UID FETCH %b (INTERNALDATE)" % sequence_set(sorted({*asked[at : at + AT_ONCE]})))
            try:
                found = filter(None, map(arrived, session.whole(tag, WHAT).splitlines()))
            except (Rejected, Unavailable) as error:
                if not _may_be_due_to_one(error):
                    raise
                raise _UnsortedError from error
            times.update((uid, when) for when, uid in found)
    told = [times.get(uid, 0) for uid in asked]
    if 0 in told or any(later > earlier for earlier, later in pairwise(told)):
        raise _UnsortedError
    marks = [NOTHING, *((when, LAST) for when in told[1:-1])]
    return Order(uids, lambda done: marks[done // step])


def _asked_for(session: Session, first: int, last: int) -> bytes:
    with translated(WHAT):
        return session.send(b"UID FETCH %d:%d (INTERNALDATE)" % (first, last)) if last > 0 else b""


def _by_arrival(session: Session, tag: bytes, end: int, mark: Mark) -> Order:
    """Sort what arrived before the mark."""
    found, before = array("Q"), stamp(*mark)
    trouble = _told(session, tag, found) if tag else None
    if trouble is not None:
        found = _ask_apart(session, found, end, trouble)
    stamps = array("Q", sorted((one for one in found if one < before), reverse=True))
    return Order(array("q", (arrival_of(one)[1] for one in stamps)), lambda done: arrival_of(stamps[done - 1]))


def _told(session: Session, tag: bytes, found: array[int]) -> PortError | None:
    """Take what the server tells, and return why it does not tell the rest, where that may be due to one message."""
    try:
        with translated(WHAT):
            for piece in session.pieces(tag, WHAT):
                usual = ARRIVED.findall(piece)
                if len(usual) == piece.count(b"\n"):
                    found.extend(stamp(epoch(date) or 0, int(uid)) for uid, date in usual)
                else:
                    found.extend(stamp(*each) for each in map(arrived, piece.splitlines()) if each)
    except (Rejected, Unavailable) as error:
        if not _may_be_due_to_one(error):
            raise
        return error
    return None


def _may_be_due_to_one(error: PortError) -> bool:
    """Tell whether a server may have refused to list messages because of one of them: it neither broke off nor says it is busy."""
    return error.__cause__ is None and not any(code in str(error).upper() for code in ("[UNAVAILABLE]", "[INUSE]"))


def _ask_apart(session: Session, found: array[int], end: int, trouble: PortError) -> array[int]:
    """Halve what a server did not tell of until only messages are left that it refuses by themselves; give all there are.

    Those count as having arrived with the one before them, so that whoever goes on from a mark finds them where they were. Raises
    the refusal where that leads nowhere: then none of them is to blame.
    """
    told = {arrival_of(one)[1] for one in found}
    there = searched(session.command(b"UID SEARCH ALL", WHAT))
    waiting, alone, refusals = [[uid for uid in there if uid < end and uid not in told]], list[int](), 0
    while any(waiting) and refusals < REFUSALS:
        uids = waiting.pop()
        if not uids:
            continue
        more = array("Q")
        is_refused = _told(session, _asked_for(session, uids[0], uids[-1]), more) is not None
        found.extend(more)
        told.update(arrival_of(one)[1] for one in more)
        refusals += is_refused
        left = [uid for uid in uids if is_refused and uid not in told]
        if len(uids) > 1:
            waiting += left[: len(left) // 2], left[len(left) // 2 :]
        else:
            alone += left
    if any(waiting) or not told:
        raise trouble
    arrivals = {uid: when for when, uid in map(arrival_of, sorted(found))}  # told of twice, the flags alone without when
    known = sorted(told)
    beside = {uid: arrivals[known[max(0, bisect(known, uid) - 1)]] for uid in alone}
    return array("Q", (stamp(when, uid) for uid, when in (arrivals | beside).items()))
