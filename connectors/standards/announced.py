"""DNS service records: where a domain says its mail and its calendars are (RFC 6186, RFC 6764). A hint, and never more.

Whoever can change an answer of the DNS can name a server of their own. So a server outside of the domain's own registrable
domain is told apart: the owner is asked before a password goes there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from connectors.standards.servers import is_of_same_owner

if TYPE_CHECKING:
    from dns.resolver import Resolver

PATIENCE: Final = 2.0
"""Seconds for one answer; where the DNS does not answer at all nothing more is asked."""
_SERVICES: Final = (
    ("imap", "_imaps", "imaps"),
    ("imap", "_imap", "imap"),
    ("caldav", "_caldavs", "https"),
    ("caldav", "_caldav", "https"),
)
"""Side, service and scheme, better ones first; a calendar announced without TLS is tried with it, on the usual port."""


_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_PATH: Final = re.compile(r"/(?!/)[!-\[\]-~]*")
"""Printable ASCII without a backslash; what begins with two slashes would name another host (RFC 3986 4.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """A server a domain names."""

    side: Literal["imap", "caldav"]
    url: str
    host: str
    is_elsewhere: bool
    """It belongs to somebody else than the domain, as far as names tell: ask before credentials go there."""


def announced(domain: str, resolver: Resolver | None = None) -> tuple[Announced, ...]:
    """Ask the DNS for the servers of a domain; what is announced comes first that is wanted first. Empty without a network.

    `resolver` None = the one of this machine.
    """
    import dns.exception  # noqa: PLC0415 - only connecting needs it
    import dns.resolver  # noqa: PLC0415 - as above

    try:
        asking = dns.resolver.Resolver() if resolver is None else resolver
        return tuple(found for service in _SERVICES for found in _servers(asking, domain, *service))
    except (dns.exception.DNSException, OSError):
        return ()


def _servers(resolver: Resolver, domain: str, side: Literal["imap", "caldav"], service: str, scheme: str) -> Iterator[Announced]:
    name = f"{service}._tcp.{domain}"
    records = sorted(_records(resolver, name, "SRV"), key=lambda one: (one.priority, -one.weight))  # type: ignore[attr-defined]  # an SRV's
    path = _path(resolver, name) if side == "caldav" and records else ""
    for one in records:
        host = one.target.to_text(omit_final_dot=True).lower()  # type: ignore[attr-defined]  # as above
        if not _HOST.fullmatch(host):  # also ".": "decidedly not available" (RFC 2782)
            continue
        port = "" if service == "_caldav" else f":{one.port}"  # type: ignore[attr-defined]  # as above
        yield Announced(side=side, url=f"{scheme}://{host}{port}{path}", host=host, is_elsewhere=not is_of_same_owner(host, domain))


def _records(resolver: Resolver, name: str, kind: str) -> list[object]:
    """Ask for records; none where there is no such name, no answer, or one that makes no sense."""
    import dns.resolver  # noqa: PLC0415 - as above

    try:
        return list(resolver.resolve(name, kind, lifetime=PATIENCE, search=False))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.resolver.YXDOMAIN):
        return []


def _path(resolver: Resolver, name: str) -> str:
    """Read where on its host the calendar server begins: TXT `path=/...` (RFC 6764 4), else its well-known address."""
    for record in _records(resolver, name, "TXT"):
        for text in record.strings:  # type: ignore[attr-defined]  # a TXT's
            key, _, value = text.decode("utf-8", "replace").partition("=")
            if key.strip().lower() == "path" and _PATH.fullmatch(value):
                return str(value)
    return "/.well-known/caldav"
