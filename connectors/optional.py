"""What some connections can do beyond the port; told by what they have, so that no provider has to say what it cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from connectors.port import Cursor


@runtime_checkable
class SideBySide(Protocol):
    """A mailbox of which several folders may be read at once, a page of each in turn; `changes` sets off when it is called."""

    at_once: int
    """How many."""


@runtime_checkable
class Expecting(Protocol):
    """A connection that answers several questions with one call where it knows beforehand what will be asked."""

    def expect(self, cursors: Mapping[str, Cursor]) -> None:
        """Take note that addresses, feeds and, from these cursors on, changes are asked for next. Asks nothing itself."""
        ...


@runtime_checkable
class Told(Protocol):
    """A connection whose provider goes on telling of changes, whoever listens, until it is asked to stop."""

    def untell(self) -> None:
        """Have it tell of nothing more, where it was asked to; asks nothing where it was not. Raises the port's errors."""
        ...


Span = tuple[datetime, datetime]
"""When somebody is busy: aware UTC, end exclusive."""


@runtime_checkable
class Schedules(Protocol):
    """A connection that can ask when colleagues are busy, where their organisation tells."""

    def busy(self, addresses: Sequence[str], start: datetime, end: datetime) -> Mapping[str, Sequence[Span]]:
        """Return the busy spans by address; an address that is missing is unknown, not free. Raises the port's errors."""
        ...
