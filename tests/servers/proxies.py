"""Two proxies that stand before a real server and fail on request: the faults a server nobody here wrote will not show by itself."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar, Literal

Fault = Literal["authorization", "rate", "in_use", "busy", "unavailable", "rejected", "lose", "cut", "silent", "error_after"]
"""lose: the write is stored and the answer lost; cut: the connection breaks in the middle of the write; silent: stored, and no answer
comes; error_after: stored, then an error."""
_OF_WRITES = ("lose", "cut", "silent", "error_after")

_TAGGED = re.compile(rb"\A(\S+) (\S+)(?: (\S+))?")
_NAMED = re.compile(rb'(HEADER Message-ID ")[^"]+')
_LITERAL = re.compile(rb"\{(\d+)(\+?)\}\r\n\Z")
_SIGN_IN = (b"CAPABILITY", b"LOGIN", b"ENABLE", b"AUTHENTICATE", b"")
_REFUSALS = {
    "authorization": b"NO [AUTHENTICATIONFAILED] no",
    "rate": b"NO [LIMIT] slow down",
    "in_use": b"NO [INUSE] somebody else has it",
    "busy": b"NO [UNAVAILABLE] come again",
    "rejected": b"NO [CANNOT] not this",
    "error_after": b"NO [SERVERBUG] oh",
}


class ImapProxy:
    """A TCP proxy that reads IMAP commands line by line and fails the next one after the sign-in, or the next APPEND."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.fault: Fault | None = None
        self.failing: tuple[str, ...] = ()
        """The commands that may fail; empty for all but those of the sign-in."""
        self.commands: list[str] = []
        self.without: tuple[str, ...] = ()
        """Capabilities the server is to have no more."""
        self.is_gone = False
        """Whether nobody answers."""
        self.is_stored = threading.Event()
        """Set once a write is stored of which the client does not hear."""
        self.is_lagging = False
        """Whether what has come lately is not yet found by what stands in its header, as where a search has an index."""
        self.most = 0
        """The most connections there were at once."""
        self.connections = 0
        """How many there have been."""
        self._clients: list[socket.socket] = []
        self.poison: bytes = b""
        """A UID on which the server breaks the connection whenever its header is fetched."""
        self.alias: tuple[bytes, bytes] = (b"", b"")
        """What the server says, and as long a word the client sees and says instead."""
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.is_gone:
                    client.close()
                    continue
                self._clients = [each for each in [*self._clients, client] if _is_open(each)]
                self.most, self.connections = max(self.most, len(self._clients)), self.connections + 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            state = {"swallow": False}
            threading.Thread(target=self._back, args=(server, client, state), daemon=True).start()
            with contextlib.suppress(OSError), client.makefile("rb") as lines:
                for line in lines:
                    if not self._forward(line, lines, client, server, state):
                        break
            for side in (client, server):
                with contextlib.suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)

    def _forward(self, line: bytes, lines: object, client: socket.socket, server: socket.socket, state: dict[str, bool]) -> bool:
        match = _TAGGED.match(line)
        verb = match[2].upper() if match else b""
        if self.is_lagging:
            line = _NAMED.sub(b"\\1not yet in the index", line)
        self.commands.append(b" ".join(filter(None, (verb, match[3] if match else b""))).decode("ascii", "replace"))
        named = self.commands[-1].startswith(self.failing) if self.failing else verb not in _SIGN_IN
        fault = self.fault if named else None
        is_write = verb == b"APPEND"
        if fault is None or match is None or (fault in _OF_WRITES and not is_write):
            server.sendall(line.replace(self.alias[1], self.alias[0]) if self.alias[0] else line)
            return True
        self.fault = None
        if fault == "unavailable":
            return False
        if fault in _OF_WRITES:
            return self._failing_append(fault, match[1], line, lines, client, server, state)
        if (literal := _LITERAL.search(line)) and literal[2]:
            lines.read(int(literal[1]) + 2)  # type: ignore[attr-defined]  # it comes unasked: RFC 7888
        client.sendall(match[1] + b" " + _REFUSALS[fault] + b"\r\n")
        return True

    def _failing_append(
        self,
        fault: Fault,
        tag: bytes,
        line: bytes,
        lines: object,
        client: socket.socket,
        server: socket.socket,
        state: dict[str, bool],
    ) -> bool:
        literal = _LITERAL.search(line)
        assert literal is not None
        server.sendall(line)
        size = int(literal[1])
        content: bytes = lines.read(size + 2)  # type: ignore[attr-defined]  # a BufferedReader
        if fault == "cut":
            server.sendall(content[: size // 2])
            return False
        state["swallow"] = True
        server.sendall(content)
        while state["swallow"]:
            threading.Event().wait(0.005)
        self.is_stored.set()
        if fault == "silent":
            return True
        if fault == "error_after":
            client.sendall(tag + b" " + _REFUSALS[fault] + b"\r\n")
            return True
        return False

    def _back(self, server: socket.socket, client: socket.socket, state: dict[str, bool]) -> None:
        line = b""
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if state["swallow"]:
                    state["swallow"] = False
                    continue
                if self.poison and re.search(rb"UID %s [^\r\n]*BODY" % self.poison, line + data):
                    break
                line = (line + data).rpartition(b"\n")[2]  # it may come in two pieces
                if self.without and b"CAPABILITY" in data:
                    for word in self.without:
                        data = re.sub(rb" %s(?=[\s\]])" % word.encode(), b"", data)
                client.sendall(data.replace(*self.alias) if self.alias[0] else data)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


def _is_open(client: socket.socket) -> bool:
    """Tell whether whoever is at the other end has not hung up."""
    try:
        return client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


class HttpProxy:
    """An HTTP proxy that fails the next request, or the next write."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.fault: Fault | None = None
        self.is_gone = False
        self.is_stored = threading.Event()
        self.requests: list[str] = []
        self.without = b""
        """What the server refuses to be asked about."""
        self.unseen = 0
        """How many times what is asked for by GET is not there yet."""
        self.announces = ""
        """What the server is to say more in the DAV header of OPTIONS."""
        handler = type("Bound", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: ClassVar[HttpProxy]

    def handle_one_request(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()

    def __getattr__(self, name: str) -> object:
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.proxy.requests.append(f"{self.command} {self.path}")
        if self.proxy.is_gone:
            self._hang_up()
            return
        if self.proxy.without and self.proxy.without in body:
            self._answer(403, [], b"")
            return
        if self.proxy.unseen and self.command == "GET":
            self.proxy.unseen -= 1
            self._answer(404, [], b"")
            return
        fault = self.proxy.fault
        is_write = self.command in ("PUT", "POST", "DELETE")
        if fault is None or (fault in _OF_WRITES and not is_write):
            self._answer(*self._ask(body))
            return
        self.proxy.fault = None
        self._fail(fault, body)

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(*self.proxy.target, timeout=60)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("connection", "accept-encoding")}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        more = [("DAV", self.proxy.announces)] if self.proxy.announces and self.command == "OPTIONS" else []
        return answer.status, [pair for pair in answer.getheaders() if pair[0].upper() != "DAV"] + more, content

    def _fail(self, fault: Fault, body: bytes) -> None:
        if fault == "cut":
            self._ask_half(body)
        if fault in ("lose", "silent", "error_after"):
            self._ask(body)
            self.proxy.is_stored.set()
        if fault == "silent":
            self.connection.recv(1)  # until the client is gone
        if fault in ("unavailable", "lose", "cut", "silent"):
            self._hang_up()
            return
        status = {"authorization": 401, "rate": 429, "rejected": 403, "error_after": 500}[fault]
        self._answer(status, [("Retry-After", "7")] if fault == "rate" else [], b"<html>no</html>")

    def _ask_half(self, body: bytes) -> None:
        """Pass on all of the request but the second half of what is to be written."""
        lines = [f"{self.command} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers.items()), "", ""]
        with socket.create_connection(self.proxy.target) as server:
            server.sendall("\r\n".join(lines).encode() + body[: len(body) // 2])

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        return
