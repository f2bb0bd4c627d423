"""What scripted mail servers have in common: a port of this machine, a thread for each connection, how a message is told."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Listener:
    """Answers every connection by `serve` until it is closed."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def serve(self, client: socket.socket) -> None:
        raise NotImplementedError("a subclass says what it answers")

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()


def told(uid: int, name: bytes, *, too_long: int = 0, size: int = 0) -> bytes:
    """One message's answer to a FETCH; a literal may be told to be longer than it is, a subject may have a size."""
    header = b"Message-ID: <%b@elsewhere.example>\r\nFrom: eva@elsewhere.example\r\nSubject: %b\r\n\r\n" % (name, b"x" * size)
    begun = b'* %d FETCH (UID %d FLAGS () INTERNALDATE "16-Nov-2026 09:00:00 +0000" RFC822.SIZE 9 BODY[X] {%d}\r\n'
    return begun % (uid, uid, len(header) + too_long) + header + b")\r\n"
