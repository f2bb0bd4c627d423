"""HTTP on 127.0.0.1 with threads, for the simulators: one request in, one answer out, or the line goes dead."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit


@dataclass(slots=True, kw_only=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    raw: bytes = b""

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.raw)


@dataclass(slots=True, kw_only=True)
class Answer:
    status: int
    said: Any = None
    """JSON, text, or None for nothing."""
    headers: dict[str, str] = field(default_factory=dict)
    is_cut: Literal["", "dead", "short"] = ""
    written: bytes | None = None
    """As it goes out, where that was written down beforehand."""

    def raw(self) -> bytes:
        if self.written is not None:
            return self.written
        if self.said is None:
            return b""
        return self.said.encode() if isinstance(self.said, str) else json.dumps(self.said).encode()


class Wire:
    """A server that asks `answer` for each request."""

    def __init__(self, answer: Callable[[Request], Answer], now: Callable[[], datetime], tls: ssl.SSLContext | None = None) -> None:  # noqa: C901 - a class made around the answer
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1
            disable_nagle_algorithm = True

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (ConnectionError, ssl.SSLError):
                    self.close_connection = True

            def take(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                query = dict(parse_qsl(parts.query, keep_blank_values=True))
                raw = self.rfile.read(length)
                if len(raw) < length:  # who asked was killed while asking
                    self.close_connection = True
                    return
                self.give(answer(Request(method=self.command, path=parts.path, query=query, headers=dict(self.headers), raw=raw)))

            def give(self, given: Answer) -> None:
                if given.is_cut == "dead":
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                raw = given.raw()
                self.send_response_only(given.status)
                kind = "text/html" if isinstance(given.said, str) else "application/json"
                headers = {"Date": format_datetime(now(), usegmt=True), "Content-Type": kind, **given.headers}
                for name, value in {**headers, "Content-Length": str(len(raw))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw[: len(raw) // 2] if given.is_cut == "short" else raw)
                self.wfile.flush()
                if given.is_cut:
                    self.close_connection = True

            do_GET = do_POST = do_PATCH = do_DELETE = take  # noqa: N815 - http.server's names

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *args: object) -> None:
                """Say nothing of lines that went dead."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = int(self.server.server_address[1])
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=lambda: self.server.serve_forever(poll_interval=0.05), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(timeout=5)
