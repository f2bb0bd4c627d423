"""Pages of mail: how much goes into one, and the cursor that says how far it came."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic

from connectors.imap_reading import Messages, Packed, Read
from connectors.optional import Portion
from connectors.port import Changes, Cursor, PortError, Skipped
from rules.facts import MessageMetadata

PAGE, LARGEST = 1000, 4000
"""Messages of a page: of a first read they get larger as long as they come quickly, for each page costs a commit."""
QUICK = 2.0
"""Seconds in which a page has to come for the next to be larger."""
TASTE = 50
"""Messages read before the others are listed, so that first names come at once."""
NOTHING = (1 << 62, 0)
"""The mark before anything is read."""
BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a cursor holds: where the folder stood, and how far a first read has come."""

    validity: int
    next_uid: int
    modseq: int = 0
    mark: tuple[int, int] | None = None
    """Arrival (epoch seconds) and UID of the oldest message read in an unfinished first read; None when it is finished."""
    uids: str = ""
    """All UIDs known where the server cannot report expunges (no QRESYNC), as a sequence-set."""

    def cursor(self) -> Cursor:
        """Write it down."""
        return Cursor(json.dumps([self.validity, self.next_uid, self.modseq, self.mark, self.uids]))

    @classmethod
    def read(cls, cursor: Cursor) -> Place:
        """Read it back."""
        validity, next_uid, modseq, mark, uids = json.loads(cursor)
        return cls(validity=validity, next_uid=next_uid, modseq=modseq, mark=(mark[0], mark[1]) if mark else None, uids=uids)


class Size:
    """How many messages the next page is to have; of folders read one after the other it goes on."""

    def __init__(self) -> None:
        """Begin small."""
        self.now = PAGE

    def fit(self, seconds: float) -> None:
        """Fit it to how long the last one took."""
        self.now = min(2 * self.now, LARGEST) if seconds < QUICK else PAGE


def taste(place: Place) -> range:
    """Say which UIDs are worth reading before the others are listed: none where there are few, or some were read."""
    return range(place.next_uid - TASTE, place.next_uid) if place.mark == NOTHING and place.next_uid > PAGE else range(0)


def pages(
    left: int,
    read: Iterator[tuple[Sequence[int], Read]],
    unpack: Callable[[Sequence[Portion]], Sequence[MessageMetadata]],
    at: Callable[[int], tuple[Place, datetime | None]],
    size: Size,
) -> Iterator[Changes[MessageMetadata]]:
    """Put what is read of so many messages together to pages; what ends the reading ends the last one early.

    `at`: where a cursor stands, and what is covered, with so many left.
    """
    if not left:
        yield _page((), (), 0, *at(0))
    paged, begun = left, monotonic()
    count, portions = 0, list[Portion]()
    skipped: list[Skipped] = []
    trouble: PortError | None = None
    while left and trouble is None:
        try:
            batch, (found, poisoned) = next(read)
        except PortError as error:
            trouble = error
        else:
            left -= len(batch)
            skipped += poisoned
            portions.append(_portion(found))
            count += len(batch)  # found or not: there may be nothing to be found for long
            del found
        if (left and trouble is None and count < size.now) or left == paged:
            continue
        messages, portions = unpack(portions), []  # what was packed is not held while the page is stored
        yield _page(messages, skipped, left, *at(left))
        del messages
        size.fit(monotonic() - begun)
        count, skipped, paged, begun = 0, [], left, monotonic()
    if trouble is not None:
        raise trouble


def _page(
    upserted: Sequence[MessageMetadata], skipped: Sequence[Skipped], left: int, place: Place, covered: datetime | None
) -> Changes[MessageMetadata]:
    at, is_last = place.cursor(), not left
    return Changes(upserted=upserted, skipped=tuple(skipped), cursor=at, remaining=left, covered_since=covered, is_last=is_last)


def down_to(place: Place, count: int, mark: Callable[[int], tuple[int, int]], left: int) -> tuple[Place, datetime | None]:
    """Say how far a first read of so many has come with so many left; `mark`: before what they arrived, by how many were read."""
    if not left:
        return replace(place, mark=None), BEGINNING
    oldest = mark(count - left)
    return replace(place, mark=oldest), datetime.fromtimestamp(oldest[0], UTC)


def up_to(done: Place, fresh: Sequence[int], left: int) -> tuple[Place, datetime | None]:
    """Say how far arrivals have been read with so many of the fresh UIDs left: all are known, and read up to the next one."""
    return (replace(done, next_uid=fresh[-left]), None) if left else (done, BEGINNING)


def _portion(found: Messages) -> Portion:
    return found.packed if isinstance(found, Packed) else found


def as_read(portions: Sequence[Portion]) -> tuple[MessageMetadata, ...]:
    """Put messages together that nobody has packed."""
    return tuple(each for portion in portions if not isinstance(portion, bytes) for each in portion)
