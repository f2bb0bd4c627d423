"""What there is for a first read, newest arrivals first: as the server sorts it where it can, else by when each message arrived."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Final, NamedTuple

from connectors.imap_fetched import ARRIVED, arrival_of, arrived, epoch, stamp
from connectors.port import Rejected, Unavailable
from connectors.standards import fetch
from connectors.standards.fetch import Headers, sequence_set
from connectors.standards.paging import NOTHING, Place
from connectors.standards.refusals import translated
from connectors.standards.session import Session

WHAT: Final = "listing messages"
AT_ONCE: Final = 500
"""UIDs named in one command: some servers take no line of more than 8 kB."""
LAST: Final = (1 << 32) - 1
"""A UID no message has (RFC 9051 2.3.1.1: the next one is no higher), behind all of one second."""
Mark = tuple[int, int]
"""Arrival (epoch seconds) and UID, before which there is everything that was not read."""


class Order(NamedTuple):
    """What is to be read, and how far that has come with so many of it read, at least a batch."""

    uids: Sequence[int]
    mark: Callable[[int], Mark]


class _UnsortedError(ValueError):
    """The server does not sort as it says, or does not say when messages arrived."""


def ask(headers: Headers, place: Place, exists: int) -> Callable[[], Order]:
    """Ask what arrived before the mark of a place; return what waits for the answer. `exists`: messages of the folder.

    SORT (RFC 5256) is answered in a quarter of the time of a list with all arrivals; it cannot tell of one second what is before
    what, so whoever goes on from a mark goes by the list.
    """
    session, end = headers.session(), place.next_uid
    if place.mark != NOTHING or "SORT" not in session.capabilities or end <= 1:
        return partial(_by_arrival, session, _asked_for_all(session, end), place.mark or NOTHING)
    with translated(WHAT):
        tag = session.send(b"UID SORT (REVERSE ARRIVAL) US-ASCII UID 1:%d" % (end - 1))
    return partial(_as_sorted, headers, session, tag, end, exists)


def _as_sorted(headers: Headers, session: Session, tag: bytes, end: int, exists: int) -> Order:
    """Take the answer to SORT; what it leaves out would be lost, and so would be what comes in another order than it says."""
    try:
        with translated(WHAT):
            uids = _sorted(session.whole(tag, WHAT), exists)
            marks = _marks(session, uids)
    except ValueError:
        pass
    except (Rejected, Unavailable) as error:  # it may be the sorting that takes too long
        headers.renew(error)
        session = headers.session()
    else:
        step = fetch.BATCH
        return Order(uids, lambda done: marks[done // step])
    return _by_arrival(session, _asked_for_all(session, end), NOTHING)


def _sorted(answer: bytes, exists: int) -> Sequence[int]:
    uids = array("q")
    for line in answer.splitlines():
        if line.startswith(b"* SORT"):
            uids.extend(map(int, line[6:].split()))
    if len(uids) < exists:
        raise _UnsortedError
    return uids


def _marks(session: Session, uids: Sequence[int]) -> Sequence[Mark]:
    """Say for the end of every batch that nothing after it arrived later: all of its second are read again where one goes on."""
    ends = uids[fetch.BATCH - 1 :: fetch.BATCH]
    times: dict[int, int] = {}
    for at in range(0, len(ends), AT_ONCE):
        tag = session.send(b"UID FETCH %b (INTERNALDATE)" % sequence_set(sorted(ends[at : at + AT_ONCE])))
        found = filter(None, map(arrived, session.whole(tag, WHAT).splitlines()))
        times.update((uid, when) for when, uid in found)
    marks = [NOTHING, *((times.get(uid, 0), LAST) for uid in ends)]
    if (0, LAST) in marks or any(later > earlier for earlier, later in pairwise(marks)):
        raise _UnsortedError
    return marks


def _asked_for_all(session: Session, end: int) -> bytes:
    with translated(WHAT):
        return session.send(b"UID FETCH 1:%d (INTERNALDATE)" % (end - 1)) if end > 1 else b""


def _by_arrival(session: Session, tag: bytes, mark: Mark) -> Order:
    """Sort what arrived before the mark."""
    found, before = array("Q"), stamp(*mark)
    with translated(WHAT):
        for piece in session.pieces(tag, WHAT) if tag else ():
            usual = ARRIVED.findall(piece)
            if len(usual) == piece.count(b"\n"):
                found.extend(stamp(epoch(date) or 0, int(uid)) for uid, date in usual)
            else:
                found.extend(stamp(*each) for each in map(arrived, piece.splitlines()) if each)
    stamps = array("Q", sorted((one for one in found if one < before), reverse=True))
    return Order(array("q", (arrival_of(one)[1] for one in stamps)), lambda done: arrival_of(stamps[done - 1]))
