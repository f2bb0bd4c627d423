"""How long signing in to a mail server may take as a whole."""

from __future__ import annotations

import contextlib
import imaplib
import socket
from threading import Timer
from typing import Self

from connectors import imap_wire


class Limit:
    """Hangs up where a sign-in as a whole takes too long: each wait in it has a limit, but a server may have many to come."""

    def __init__(self) -> None:
        self.connection: imaplib.IMAP4 | None = None
        self._is_over = False
        self._timer = Timer(imap_wire.PATIENCE, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, _: object, error: BaseException | None, _trace: object) -> None:
        self._timer.cancel()
        if self._is_over:
            raise imap_wire.TooSlow from error

    def _end(self) -> None:
        self._is_over = True
        with contextlib.suppress(AttributeError, OSError):  # it may not be connected yet
            self.connection.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
