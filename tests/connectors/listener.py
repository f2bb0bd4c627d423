"""What scripted mail servers have in common: a port of this machine, and a thread for each connection."""

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
