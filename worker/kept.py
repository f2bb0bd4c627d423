"""Connections kept open for a while: a nudge a moment after the last one need not sign in again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from connectors.optional import Expecting, Keepable, Schedules, Span
from connectors.port import Calendar, Connection, Cursor, Mailbox, Watcher
from rules.facts import Address

LONGEST: Final = timedelta(minutes=10)
"""So long after its sign-in it is let go: servers mind what is held."""
AGED: Final = timedelta(seconds=30)
"""So long after its sign-in another takes its place, once it is at rest: a password that has died is to be noticed."""
FRESH: Final = timedelta(seconds=1)
"""Used so shortly ago, it is not asked whether it still answers."""


@dataclass(slots=True)
class Kept:
    """At most one idle connection an account; one that is taken belongs to one thread until it is closed."""

    open_connection: Callable[[str], Connection]
    clock: Callable[[], datetime]
    rest: timedelta = timedelta(seconds=2)
    """How long after its last use one that has aged is renewed: news is not to wait for a sign-in."""
    _idle: dict[str, tuple[Connection, datetime, datetime]] = field(default_factory=dict)
    """With when it was opened and when it was last used."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _is_closed: bool = False

    def open(self, account: str) -> Connection:
        """Take the account's idle connection if it still answers, else open one. Raises the port's errors."""
        with self._lock:
            found = self._idle.pop(account, None)
        if found is not None:
            connection, opened, used = found
            now = self.clock()
            is_young = timedelta(0) <= now - opened < LONGEST
            if is_young and isinstance(connection, Keepable) and (now - used < FRESH or connection.is_alive()):
                return _Lent(self, account, connection, opened)
            connection.close()
        connection = self.open_connection(account)
        return _Lent(self, account, connection, self.clock()) if isinstance(connection, Keepable) else connection

    def give_back(self, account: str, connection: Connection, opened: datetime) -> None:
        """Keep a connection for the next use; a second idle one is closed."""
        with self._lock:
            is_kept = not self._is_closed and account not in self._idle
            if is_kept:
                self._idle[account] = (connection, opened, self.clock())
        if not is_kept:
            connection.close()
        elif self.clock() - opened >= AGED:
            renewal = threading.Timer(self.rest.total_seconds(), self._renew, (account, connection))
            renewal.daemon = True
            renewal.start()

    def _renew(self, account: str, aged: Connection) -> None:
        """Sign in anew in place of a connection that has aged, where nobody uses it; what stands in the way the next use finds."""
        with self._lock:
            found = self._idle.get(account)
            if found is None or found[0] is not aged:
                return
            del self._idle[account]
        aged.close()
        with suppress(Exception):  # nobody is there to tell: the next use meets it again, and says so
            fresh = self.open_connection(account)
            if isinstance(fresh, Keepable) and fresh.is_alive():
                self.give_back(account, fresh, self.clock())
            else:
                fresh.close()

    def close(self) -> None:
        """Close all that is idle, and from now on whatever is given back."""
        with self._lock:
            self._is_closed = True
            idle = [connection for connection, *_ in self._idle.values()]
            self._idle.clear()
        for connection in idle:
            connection.close()


@dataclass(slots=True)
class _Lent:
    """A connection whose `close` gives it back; satisfies `connectors.port.Connection`."""

    _kept: Kept
    _account: str
    _connection: Connection
    _opened: datetime
    _is_back: bool = False

    @property
    def mailbox(self) -> Mailbox | None:
        return self._connection.mailbox

    @property
    def calendar(self) -> Calendar | None:
        return self._connection.calendar

    def addresses(self) -> Sequence[Address]:
        return self._connection.addresses()

    def watcher(self) -> Watcher | None:
        return self._connection.watcher()

    def expect(self, cursors: Mapping[str, Cursor]) -> None:
        """Pass it on to who can make use of it; satisfies `connectors.optional.Expecting`."""
        if isinstance(self._connection, Expecting):
            self._connection.expect(cursors)

    def busy(self, addresses: Sequence[str], start: datetime, end: datetime) -> Mapping[str, Sequence[Span]]:
        """Ask who can tell; of the others nothing is known. Satisfies `connectors.optional.Schedules`."""
        return self._connection.busy(addresses, start, end) if isinstance(self._connection, Schedules) else {}

    def close(self) -> None:
        if not self._is_back:
            self._is_back = True
            self._kept.give_back(self._account, self._connection, self._opened)
