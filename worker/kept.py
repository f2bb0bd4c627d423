"""Connections kept open for a while: a nudge a moment after the last one need not sign in again. One an account, beside its watcher's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from connectors.optional import Counted, Expecting, Keepable, Schedules, Span
from connectors.port import Calendar, Connection, Cursor, Mailbox, RateLimited, Watcher
from rules.facts import Address
from worker.lines import Lines

LONGEST: Final = timedelta(minutes=10)
"""So long after its sign-in it is let go: servers mind what is held."""
AGED: Final = timedelta(seconds=30)
"""So long after its sign-in another takes its place, once it is at rest: a password that has died is to be noticed."""
FRESH: Final = timedelta(seconds=1)
"""Used so shortly ago, it is not asked whether it still answers."""
LOST: Final = timedelta(minutes=5)
"""Whoever has it for longer was interrupted before giving it back: no work goes on for so long."""
PATIENCE: Final = timedelta(seconds=2)
"""So long is waited for whoever uses the account's connection, then the turn is given up: servers allow few, some a handful for all an owner has."""
LINGER: Final = timedelta(seconds=0.5)
"""So long after its last use it is closed where other processes work too: what was read is often delivered by the same one at once."""
AGAIN: Final = 0.05
"""Seconds between two attempts to have an account's line."""
UNTOLD: Final = 0.5
"""Seconds for which nobody is told that another process is waited for."""
AFTER_YOU: Final = 0.2
"""Seconds a process keeps away from an account it has had for long, where others work too: they may have waited in vain."""


@dataclass(slots=True)
class Kept:
    """At most one connection an account, where one costs a sign-in; taken, it belongs to one thread until it is closed."""

    open_connection: Callable[[str], Connection]
    clock: Callable[[], datetime]
    rest: timedelta = timedelta(seconds=2)
    """How long after its last use one that has aged is renewed: news is not to wait for a sign-in."""
    lines: Lines | None = None
    """What other processes know of; None = there are none."""
    patience: timedelta | None = None
    """How long another process is waited for; None = PATIENCE."""
    waiting: Callable[[str], None] = lambda _: None
    """Told, after a moment, of an account for which another process is waited for."""
    _idle: dict[str, tuple[Connection, datetime, datetime]] = field(default_factory=dict)
    """With when it was opened and when it was last used."""
    _lent: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    """Which thread has that of an account, or opens it, and since when."""
    _yielded: dict[str, float] = field(default_factory=dict)
    """Until when, by the monotonic clock, others go first."""
    _lock: threading.Condition = field(default_factory=threading.Condition)
    _is_closed: bool = False

    def __post_init__(self) -> None:
        """Let go of what is idle while others work too."""
        if self.lines is not None:
            self.lines.on_meeting(self._retire_all)

    def open(self, account: str) -> Connection:
        """Take the account's connection once it is idle, if it still answers, else open one. Raises the port's errors."""
        if not self._enter(account):
            return self.open_connection(account)
        try:
            connection = self._opened(account)
        except BaseException:
            self.leave(account)
            raise
        if not isinstance(connection, _Lent):
            self.leave(account)
        return connection

    def enter(self, account: str) -> bool:
        """Have an account to oneself, whoever connects to it, until `leave`; False for who had it already.

        Raises RateLimited where another does not let go of it, StoreError.
        """
        if not self._enter(account):
            return False
        is_ours = False
        try:
            is_ours = self.lines is None or self.lines.has(account) or self._taken(account)
        finally:
            if not is_ours:
                self.leave(account)
        if not is_ours:
            raise _in_use()
        return True

    def _enter(self, account: str) -> bool:
        """Wait until nobody else has it; False for who has it already (and opens another to tell what went wrong, say)."""
        me = threading.get_ident()
        with self._lock:
            if not self._lock.wait_for(lambda: self._holder(account) in (None, me), PATIENCE.total_seconds()):
                raise _in_use()
            is_first = self._holder(account) is None
            if is_first:
                self._lent[account] = me, self.clock()
        return is_first

    def _holder(self, account: str) -> int | None:
        thread, since = self._lent.get(account, (None, None))
        return thread if since is not None and self.clock() - since < LOST else None

    def leave(self, account: str) -> None:
        """Let others have it, and other processes where it is not kept; where that is so already, take it from nobody."""
        with self._lock:
            is_mine = self._lent.get(account, (0,))[0] == threading.get_ident()
            is_kept = account in self._idle
        if is_mine and not is_kept and self.lines is not None:
            self.lines.leave(account)
        with self._lock:
            if self._lent.get(account, (0,))[0] == threading.get_ident():
                del self._lent[account]
                self._lock.notify_all()

    def _opened(self, account: str) -> Connection:
        with self._lock:
            found = self._idle.pop(account, None)
        if found is not None:
            connection, opened, used = found
            now = self.clock()
            is_ours = timedelta(0) <= now - opened < LONGEST and self._has_line(account, connection)
            if is_ours and isinstance(connection, Keepable) and (now - used < FRESH or connection.is_alive()):
                return _Lent(self, account, connection, opened)
            connection.close()
        connection = self.open_connection(account)
        if not isinstance(connection, Keepable):
            return connection
        if not self._has_line(account, connection) and not self._taken(account):
            connection.close()
            raise _in_use()
        return _Lent(self, account, connection, self.clock())

    def _has_line(self, account: str, connection: Connection) -> bool:
        """Tell whether no other process may have such a connection now."""
        return self.lines is None or not _is_counted(connection) or self.lines.has(account)

    def _taken(self, account: str) -> bool:
        """Take the account's line; where another process has it, or is to go first, wait for that."""
        time.sleep(max(0.0, self._yielded.pop(account, 0.0) - time.monotonic()))
        begun, is_told = time.monotonic(), False
        while self.lines is not None and not self.lines.take(account):
            waited = time.monotonic() - begun
            if waited >= (self.patience or PATIENCE).total_seconds():
                return False
            if waited >= UNTOLD and not is_told:
                is_told = True
                self.waiting(account)
            time.sleep(AGAIN)
        return True

    def give_back(self, account: str, connection: Connection, opened: datetime) -> None:
        """Keep a connection for the next use; a second idle one is closed, and one others have waited for."""
        with self._lock:
            is_kept = not self._is_closed and account not in self._idle and not self._is_waited_for(account, connection)
            if is_kept:
                self._idle[account] = (connection, opened, self.clock())
        if not is_kept:
            connection.close()
        self.leave(account)
        if is_kept and self._is_in_company(connection):
            self._later(LINGER, self._retire, account, connection)
        elif is_kept and self.clock() - opened >= AGED:
            self._later(self.rest, self._renew, account, connection)

    def _is_waited_for(self, account: str, connection: Connection) -> bool:
        """Tell whether other processes may have given up waiting for it; they go first then, by a little."""
        _, since = self._lent.get(account, (0, self.clock()))
        is_long = self._is_in_company(connection) and self.clock() - since >= PATIENCE
        if is_long:
            self._yielded[account] = time.monotonic() + AFTER_YOU
        return is_long

    def _is_in_company(self, connection: Connection) -> bool:
        return self.lines is not None and not self.lines.is_alone() and _is_counted(connection)

    def _later(self, wait: timedelta, what: Callable[[str, Connection], None], account: str, connection: Connection) -> None:
        timer = threading.Timer(wait.total_seconds(), what, (account, connection))
        timer.daemon = True
        timer.start()

    def _taken_out(self, account: str, connection: Connection) -> bool:
        """Take a connection for oneself if it is idle."""
        with self._lock:
            found = self._idle.get(account)
            is_idle = found is not None and found[0] is connection and account not in self._lent
            if is_idle:
                del self._idle[account]
                self._lent[account] = threading.get_ident(), self.clock()
        return is_idle

    def _retire(self, account: str, connection: Connection) -> None:
        """Close a connection nobody uses, for other processes to have one."""
        if self._taken_out(account, connection):
            connection.close()
            self.leave(account)

    def _retire_all(self) -> None:
        with self._lock:
            idle = [(account, connection) for account, (connection, *_) in self._idle.items() if _is_counted(connection)]
        for account, connection in idle:
            self._retire(account, connection)

    def _renew(self, account: str, aged: Connection) -> None:
        """Sign in anew in place of a connection that has aged, where nobody uses it; what stands in the way the next use finds."""
        if not self._taken_out(account, aged):
            return
        aged.close()
        if not self._has_line(account, aged):
            self.leave(account)
            return
        try:
            fresh = self.open_connection(account)
            if isinstance(fresh, Keepable) and fresh.is_alive():
                self.give_back(account, fresh, self.clock())
            else:
                fresh.close()
        except Exception:  # noqa: BLE001, S110 - nobody is there to tell: the next use meets it again, and says so
            pass
        finally:
            self.leave(account)

    def close(self) -> None:
        """Close all that is idle, and from now on whatever is given back."""
        with self._lock:
            self._is_closed = True
            idle = [connection for connection, *_ in self._idle.values()]
            self._idle.clear()
        for connection in idle:
            connection.close()
        if self.lines is not None:
            self.lines.close()


def _is_counted(connection: Connection) -> bool:
    return isinstance(connection, Counted) and connection.is_counted


def _in_use() -> RateLimited:
    return RateLimited("The account is in use by another part of the service.", retry_after=FRESH, is_paced=True)


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
