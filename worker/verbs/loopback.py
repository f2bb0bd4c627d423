"""A port of 127.0.0.1 on which the browser brings back what a consent page answered (RFC 8252 section 7.3)."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Final, Self

from worker.advice import Refusal
from worker.exit_codes import OWNER

PATIENCE: Final = 300.0
"""Seconds the owner has at the consent page."""
PAGE: Final = b"<!doctype html><title>Rekindle</title><p>Done. You can close this page and go back to the terminal.</p>"


class Loopback:
    """Listens on a free port until it is left; answers one question."""

    def __init__(self, patience: float = PATIENCE) -> None:
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if "state=" in self.path:
                    loopback.answered = f"http://127.0.0.1{self.path}"
                self.send_response(200 if "state=" in self.path else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(PAGE if "state=" in self.path else b"")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002 - the code is in the path: never logged
                return

        self.answered = ""
        self._patience = patience
        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._server.timeout = 1.0
        self.address = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()

    def wait(self) -> str:
        """Wait for the browser; returns the address it was sent to. Raises Refusal when it does not come."""
        left = self._patience
        while not self.answered and left > 0:
            self._server.handle_request()
            left -= self._server.timeout or 1.0
        if not self.answered:
            raise Refusal(
                "Nobody came back from the consent page.", "Start again; without a browser here use --headless.", code=OWNER
            )
        return self.answered
