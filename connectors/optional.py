"""What some connections can do beyond the port; told by what they have, so that no provider has to say what it cannot."""

from __future__ import annotations

from collections.abc import Mapping
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
