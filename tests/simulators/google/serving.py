"""The simulator on a port: threads, keep-alive, and connections that break off when a fault says so."""

from __future__ import annotations

import socket
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.simulators.google.exchange import Dropped
from tests.simulators.google.server import Google


@contextmanager
def served(google: Google) -> Iterator[str]:
    """Serve it on a free port of 127.0.0.1; gives the root of all its addresses, `http://127.0.0.1:PORT`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_one(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            content = self.rfile.read(length) if length else b""
            if len(content) < length:  # who asked was killed while asking
                self.close_connection = True
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                answer = google.answer(self.command, self.path, headers, content)
            except Dropped:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            except Exception:
                google.complaints.append(traceback.format_exc())
                raise
            self.send_response_only(answer.status)
            self.send_header("Date", format_datetime(google.clock(), usegmt=True))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            if answer.is_truncated:
                self.close_connection = True
                self.wfile.write(answer.content[: len(answer.content) // 2])
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one  # noqa: N815 - what http.server looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            return

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, request: object, client_address: object) -> None:
            return

    server = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
