"""What is known of single providers' servers, read from servers.toml: where they are, and what they cannot do."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

from rules.addresses import organisation


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One provider; servers nobody has described are taken to keep to the standards."""

    name: str = ""
    domains: tuple[str, ...] = ()
    imap: str = ""
    caldav: str = ""
    password: str = ""
    """Where an app password is made, in words for the owner."""
    instead: Mapping[str, str] = field(default_factory=dict)
    """`imap` or `caldav` -> the provider to connect instead, where a password does not do."""
    has_sync: bool = True
    """Whether its calendars answer sync-collection (RFC 6578)."""
    per_minute: int = 0
    """Requests its calendar server takes in a minute; 0 = no limit is known."""


UNKNOWN = Known()


def of_domain(domain: str) -> Known:
    """Return what is known of the provider of addresses at a domain."""
    return next((one for one in _all() if domain.lower() in one.domains), UNKNOWN)


def of_calendar(url: str) -> Known:
    """Return what is known of the calendar server at a URL: by its host, whichever of the provider's it is."""
    host = urlsplit(url).hostname or ""
    return next((one for one in _all() if host and _is_theirs(one, host)), UNKNOWN)


def guesses(domain: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return IMAP and CalDAV addresses to try at a domain, likeliest first: what is known of it, else the usual names."""
    known = of_domain(domain)
    if known is not UNKNOWN:
        return tuple(filter(None, (known.imap,))), tuple(filter(None, (known.caldav,)))
    mail = (
        f"imaps://imap.{domain}",
        f"imaps://mail.{domain}",
        f"imaps://{domain}",
        f"imap://imap.{domain}",
        f"imap://mail.{domain}",
    )
    dav = (domain, f"caldav.{domain}", f"dav.{domain}", f"calendar.{domain}", f"mail.{domain}", f"cloud.{domain}")
    return mail, tuple(f"https://{host}/.well-known/caldav" for host in dav)


def is_of_same_owner(host: str, domain: str) -> bool:
    """Tell whether a host and a domain have the same registrable domain (publicsuffix.org)."""
    if host == domain or host.endswith(f".{domain}"):
        return True
    home = organisation(f"x@{domain}")
    return bool(home) and home == organisation(f"x@{host}")


def _is_theirs(one: Known, host: str) -> bool:
    here = urlsplit(one.caldav).hostname or ""
    return bool(here) and (host == here or host.endswith("." + ".".join(here.split(".")[-2:])))


@lru_cache(maxsize=1)
def _all() -> tuple[Known, ...]:
    text = resources.files("connectors.standards").joinpath("servers.toml").read_text(encoding="utf-8")
    return tuple(_known(name, table) for name, table in tomllib.loads(text).items())


def _known(name: str, table: dict[str, Any]) -> Known:
    return Known(name=name, **{**table, "domains": tuple(table["domains"])})


def providers() -> Iterator[Known]:
    """List every provider something is known of."""
    yield from _all()
