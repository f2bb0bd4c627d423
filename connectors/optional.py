"""What some connections can do beyond the port; told by what they have, so that no provider has to say what it cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from connectors.letter import Letter
from connectors.port import Cursor, Feed
from rules.facts import MessageMetadata


@runtime_checkable
class Keepable(Protocol):
    """A connection that costs a sign-in, and so is worth keeping for the next use instead of closing it."""

    def is_alive(self) -> bool:
        """Tell with one cheap request, before it is used again, whether it still answers. Raises nothing."""
        ...


@runtime_checkable
class Counted(Keepable, Protocol):
    """A connection to a server that allows few at a time, whichever process of ours has them. Opening it does not connect yet."""

    is_counted: bool
    """False: this account has no such server."""


@runtime_checkable
class Marked(Protocol):
    """A mailbox whose drafts say which installation made them, although no pull reports drafts."""

    def marks(self, since: datetime) -> Sequence[str]:
        """Name the other installations that have put drafts here since, as `Account.installation` does, perhaps cut short."""
        ...


@runtime_checkable
class Metered(Protocol):
    """A connection whose looks are counted against what many owners share: where nothing comes it is looked at less often."""

    patience: timedelta
    """The longest it may go unread in working hours, if nothing is told at once."""


@runtime_checkable
class SideBySide(Protocol):
    """A mailbox of which several folders may be read at once, page by page; `changes` sets off when it is called."""

    at_once: int
    """How many."""


@runtime_checkable
class ReadAhead(Protocol):
    """Pages that are made before they are taken."""

    def is_there(self) -> bool:
        """Tell whether the next can be taken without waiting for it."""
        ...


Portion = bytes | Sequence[MessageMetadata]
"""Messages as `Packing.pack` has packed them, or as they were read."""


class Packing(Protocol):
    """What becomes of messages, wherever they are read. Pure; pickled where that is another process."""

    def pack(self, found: Sequence[MessageMetadata | Letter]) -> bytes:
        """Make what is to become of them, and put it together so that it can be handed on."""
        ...

    def unpack(self, portions: Sequence[Portion]) -> Sequence[MessageMetadata]:
        """Return the messages of all these portions, in whatever form whoever asked for it likes best. Raises nothing."""
        ...


@runtime_checkable
class Packs(Protocol):
    """A mailbox that reads much mail in a process beside this one, and can have it packed there."""

    def packing(self, by: Packing, first_reads: Sequence[tuple[Feed, Cursor | None]] = ()) -> AbstractContextManager[None]:
        """Until the end, have what a first read reports go through this.

        `first_reads`: those that will be asked for, in this order, if all goes well; each may be begun before it is.
        """
        ...


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
