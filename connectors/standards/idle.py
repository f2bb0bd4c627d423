"""Being told of news: one IMAP connection that waits in INBOX (RFC 2177)."""

from __future__ import annotations

import contextlib
from datetime import timedelta

from connectors.port import PortError, Rejected, Unavailable
from connectors.standards.mail_server import Server
from connectors.standards.session import Session


class Idle:
    """One IDLE connection on INBOX; satisfies `connectors.port.Watcher`."""

    _ROUND = timedelta(minutes=9)
    """NAT boxes forget a silent connection sooner than the 29 minutes of RFC 2177."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._session: Session | None = None
        self._is_new = False
        self._is_closed = False

    def is_able(self) -> bool:
        """Connect, and tell whether the server can tell of news: some say so, and refuse. Raises the port's errors, not connected then."""
        session = Session(self._server)
        try:
            if "IDLE" in session.capabilities:
                session.open("INBOX")
                if _is_taken(session):
                    self._session, self._is_new = session, True
        finally:
            if self._session is not session:
                session.close()
        return self._session is session

    def wait(self, timeout: timedelta) -> bool:
        """Wait for news; a connection made anew counts as news, because what came in the gap was not announced."""
        if self._is_closed:
            return False
        if self._session is None and not self.is_able():
            raise Unavailable("The mail server tells of no news any more.")
        if self._is_new or self._session is None:
            self._is_new = False
            return True
        try:
            return self._session.idle(min(timeout, self._ROUND).total_seconds())
        except PortError:
            self._session.close()
            self._session = None
            if self._is_closed:
                return False
            raise

    def close(self) -> None:
        """End a wait in another thread."""
        self._is_closed = True
        if self._session is not None:
            with contextlib.suppress(Exception):
                self._session.interrupt()


def _is_taken(session: Session) -> bool:
    try:
        session.begin_idle()
    except Rejected as error:
        if error.__cause__ is not None:  # not refused, but broken off
            raise
        return False
    return True
