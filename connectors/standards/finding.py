"""Find out which of several addresses is really a mail or calendar server, before any password is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from connectors.http import Http
from connectors.port import AuthorizationExpired, PortError
from connectors.standards.dav import Dav, Refused
from connectors.standards.mail_server import Server
from connectors.standards.reach import reached


def first_answering(urls: Sequence[str], ca_file: str = "") -> Iterator[tuple[str, bool]]:
    """Try IMAP or CalDAV addresses in turn: (address, whether it answers as one); ends with the first that does."""
    for url in urls:
        is_there = _is_mail(url, ca_file) if url.startswith("imap") else _is_calendar(url, ca_file)
        yield url, is_there
        if is_there:
            return


def _is_mail(url: str, ca_file: str) -> bool:
    server = Server.parse(url, user="", auth="login", secret="")
    return all(step.is_ok for step in reached(server.host, server.port, server.security, ca_file))


def _is_calendar(url: str, ca_file: str) -> bool:
    """Ask who one is there (RFC 6764 6), without a password: a calendar server wants one or answers; a web page does neither."""
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    if not all(step.is_ok for step in reached(parts.hostname or "", port, "tls" if is_tls else "none", ca_file)):
        return False
    http = Http(None, name="The calendar server", ca_file=ca_file)
    try:
        Dav(http, url).propfind(parts.path or "/", ("d:current-user-principal",), 0)
    except AuthorizationExpired:
        return True
    except (PortError, Refused):
        return False
    finally:
        http.close()
    return True
