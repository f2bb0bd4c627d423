"""The way to a server, step by step: its name, its port, its TLS; each step says what it did, or what to do about it."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from connectors.port import PortError
from connectors.standards.refusals import WITH_TLS, Kind, translated

PATIENCE = 10.0
"""Seconds a server gets for one step."""
Opening = Literal["tls", "starttls", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a check: what was tried, what came of it, and the remedy where it failed."""

    name: str
    """name, port, TLS, sign-in, folders, drafts, calendars, holds or invitations."""
    is_ok: bool
    what: str
    remedy: str = ""


def done(name: str, what: str) -> Step:
    """State that a step went well."""
    return Step(name=name, is_ok=True, what=what)


def failed(name: str, what: str, remedy: str) -> Step:
    """State that a step failed, and what to do."""
    return Step(name=name, is_ok=False, what=what, remedy=remedy)


def reached(host: str, port: int, opening: Opening, ca_file: str = "", server: Kind = "mail server") -> Iterator[Step]:
    """Look the name up, knock at the port, shake hands; ends with the first step that fails. Nothing secret is sent."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        yield failed(
            "name", f"There is no server called {host}.", "Check the address for a typing error, and this machine's network."
        )
        return
    yield done("name", f"{host} is {found[0][4][0]}")
    try:
        connection = socket.create_connection((host, port), timeout=PATIENCE)
    except OSError as error:
        said = error.strerror or type(error).__name__
        yield failed("port", f"Nothing answers at {host}:{port} ({said}).", "Check the port; a firewall may be in the way.")
        return
    with contextlib.closing(connection):
        yield done("port", f"{host}:{port} answers")
        yield _shaken(connection, host, opening, ca_file, server)


def _shaken(connection: socket.socket, host: str, opening: Opening, ca_file: str, server: Kind) -> Step:
    if opening == "none":
        return done("TLS", "none: the server is this machine")
    try:
        with translated("TLS", server):
            context = ssl.create_default_context(cafile=ca_file or None)
            if opening == "starttls":
                _ask_for_tls(connection)
            with context.wrap_socket(connection, server_hostname=host) as secured:
                return done("TLS", f"{secured.version()}; the certificate is trusted")
    except PortError as error:
        return failed("TLS", str(error), error.remedy or WITH_TLS[server])


def _ask_for_tls(connection: socket.socket) -> None:
    """Speak just enough IMAP to ask for STARTTLS (RFC 9051 6.2.1)."""
    with connection.makefile("rb", buffering=0) as lines:
        lines.readline()
        connection.sendall(b"S1 STARTTLS\r\n")
        while (line := lines.readline()) and not line.startswith(b"S1 "):
            pass
    if not line.startswith(b"S1 OK"):
        raise ssl.SSLError("the server offers no STARTTLS")
