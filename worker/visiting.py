"""Visiting: a verb connects to an account only as long as no other process does, but for the one a service waits for news on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from connectors.port import Connection, RateLimited
from worker.app import App, real_clock

if TYPE_CHECKING:
    from worker.kept import Kept

PATIENCE: Final = timedelta(seconds=30)
"""So long a verb waits for an account: as long as a service reads it at most, or one that was killed is not known to be."""
NEVER: Final = timedelta(days=1)
"""A verb has ended long before a connection is to be renewed."""


class Visitor:
    """The connections of one verb; close it to let go of them.

    `waiting` is told, after a moment, of an account for which another process is waited for.
    """

    def __init__(self, app: App, waiting: Callable[[str], None]) -> None:
        """Open nothing yet, and be seen by nobody."""
        self.given_up: set[str] = set()
        """Accounts another process has not let go of in time."""
        self._app, self._waiting = app, waiting
        self._made: Kept | None = None

    def open(self, account: str) -> Connection:
        """Connect to an account once no other process does. Raises the port's errors."""
        with self._noted(account):
            return self._kept().open(account)

    @contextmanager
    def line(self, account: str) -> Iterator[None]:
        """Have an account's line, where somebody else connects for us.

        Raises RateLimited where another process does not let go of it, StoreError.
        """
        with self._noted(account):
            is_first = self._kept().enter(account)
        try:
            yield
        finally:
            if is_first:
                self._kept().leave(account)

    def has_company(self) -> bool:
        """Tell whether another process was seen to work while this one does."""
        lines = self._made.lines if self._made is not None else None
        return lines is not None and lines.has_company()

    @contextmanager
    def _noted(self, account: str) -> Iterator[None]:
        try:
            yield
        except RateLimited as error:
            if error.is_paced:
                self.given_up.add(account)
            raise

    def _kept(self) -> Kept:
        if self._made is None:
            from worker.kept import Kept  # noqa: PLC0415 - most verbs connect to nothing
            from worker.lines import Lines  # noqa: PLC0415 - as above

            lines = Lines(self._app.store, real_clock)
            self._made = Kept(
                self._app.open_connection, real_clock, rest=NEVER, lines=lines, patience=PATIENCE, waiting=self._waiting
            )
        return self._made

    def close(self) -> None:
        """Let go of every connection, and of every account."""
        if self._made is not None:
            self._made.close()
