"""Where a mailbox is, and how to sign in there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote, urlsplit

from connectors.port import Rejected

Security = Literal["tls", "starttls", "none"]
Auth = Literal["login", "xoauth2", "oauthbearer"]
_AUTHS: Mapping[str, Auth] = {"login": "login", "xoauth2": "xoauth2", "oauthbearer": "oauthbearer"}
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where a mailbox is and how to sign in; the secret never shows in a repr."""

    host: str
    port: int
    security: Security
    user: str
    auth: Auth = "login"
    secret: str = field(repr=False)
    ca_file: str = ""

    @classmethod
    def parse(cls, url: str, *, user: str, auth: str, secret: str, ca_file: str = "") -> Server:
        """Read `imaps://host[:993]` or `imap://host[:143]` (STARTTLS; in the clear only to this machine)."""
        parts = urlsplit(url)
        if parts.scheme not in ("imap", "imaps") or not parts.hostname:
            raise Rejected(f"{url!r} is no IMAP address.", remedy="Write imaps://host or imap://host:143.")
        if auth not in _AUTHS:
            raise Rejected(f"auth = {auth!r} is unknown.", remedy="Use login, xoauth2 or oauthbearer.")
        security: Security = "tls" if parts.scheme == "imaps" else "starttls"
        if parts.scheme == "imap" and parts.hostname in _LOOPBACK:
            security = "none"
        port = parts.port or (993 if security == "tls" else 143)
        name = user or unquote(parts.username or "")
        return cls(host=parts.hostname, port=port, security=security, user=name, auth=_AUTHS[auth], secret=secret, ca_file=ca_file)
