"""The first read of one folder, newest arrivals first; it may be begun before anybody asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from connectors.imap_ahead import Ahead
from connectors.imap_beside import Helped
from connectors.optional import Portion
from connectors.port import Changes, Cursor, Feed
from connectors.standards.arrivals import Asked, Order
from connectors.standards.fetch import Course, Headers
from connectors.standards.paging import Place, Size, as_read, down_to, pages
from rules.facts import MessageMetadata


class FirstRead:
    """What is left of a first read from the mark of its place on."""

    def __init__(self, feed: Feed, since: Cursor | None, place: Place, headers: Headers, asked: Asked) -> None:
        """Take over what waits to be told what there is to be read."""
        self._of = feed.id, since
        self._place, self._headers = place, headers
        self._asked = asked
        self._todo: Order | None = None
        self._course: Course | None = None
        self.unpack: Callable[[Sequence[Portion]], Sequence[MessageMetadata]] = as_read

    @property
    def is_begun(self) -> bool:
        """Whether it was."""
        return self._course is not None

    def is_for(self, feed: Feed, since: Cursor | None) -> bool:
        """Tell whether it reads that folder from there on."""
        return self._of == (feed.id, since)

    def begin(self, by: Helped | None, *, is_early: bool = False) -> None:
        """Take what arrived before the mark, and have the answers read, with help where there is any.

        `is_early`: whoever asks for it asks anew where that fails.
        """
        self._todo = self._asked(is_waited_for=not is_early)
        if by is not None:
            by.prepare(len(self._todo.uids))
            self.unpack = by.unpack
        ahead = by.ahead(self._headers.reading) if by is not None else Ahead(self._headers.reading)
        self._course = Course(self._todo.uids, ahead)

    def go_on(self) -> None:
        """Ask for more, and have what has come read, as far as there is room. Raises what the server does."""
        if self._course is not None:
            self._headers.go_on(self._course)

    def pages(self, size: Size) -> Iterator[Changes[MessageMetadata]]:
        """Yield its pages."""
        if self._course is None or self._todo is None:
            return
        count = len(self._todo.uids)
        try:
            at = partial(down_to, self._place, count, self._todo.mark)
            yield from pages(count, self._headers.read(self._course), self._unpacked, at, size)
        finally:
            self.forget()

    def _unpacked(self, portions: Sequence[Portion]) -> Sequence[MessageMetadata]:
        """Make a page, and have as much as possible read while it is stored."""
        if self._course is not None:
            self._headers.go_ahead(self._course)
        return self.unpack(portions)

    def forget(self) -> None:
        """Take back what is being read: nobody wants it."""
        if self._course is not None:
            self._course.ahead.forgotten()
