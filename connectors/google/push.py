"""Whether a notification pushed by Pub/Sub proves itself: signature, issuer, audience, and the service account it names."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from google.auth import exceptions, jwt

from connectors.google.failures import NOT_OURS
from connectors.google.notices import address_in
from connectors.http import Http
from connectors.port import Unavailable

LARGEST: Final = 64 * 1024
"""Bytes; a notification is an address and a number."""
CERTIFICATES: Final = "https://www.googleapis.com/oauth2/v1/certs"
FRESH: Final = timedelta(hours=1)
_ISSUERS: Final = ("https://accounts.google.com", "accounts.google.com")


class NotBelieved(Exception):
    """The notification does not prove that it comes from our subscription."""


@dataclass(slots=True, kw_only=True)
class Verifier:
    """Looks at the token Pub/Sub signs; keeps Google's certificates for an hour. Safe to share between threads."""

    clock: Callable[[], datetime]
    address: str = CERTIFICATES
    _certificates: Mapping[str, str] = field(default_factory=dict, repr=False)
    _until: datetime | None = None

    def check(self, header: str, *, audience: str, sender: str) -> None:
        """Check the Authorization header. Raises NotBelieved, Unavailable."""
        kind, _, token = header.partition(" ")
        if kind.lower() != "bearer" or not token or not audience or not sender:
            raise NotBelieved("no token")
        try:
            said: Mapping[str, Any] = jwt.decode(token, certs=dict(self._known()), audience=audience)  # type: ignore[no-untyped-call]  # google-auth types half of itself
        except (ValueError, exceptions.GoogleAuthError) as error:
            raise NotBelieved(type(error).__name__) from error
        is_ours = hmac.compare_digest(str(said.get("email", "")).encode(), sender.encode())
        if said.get("iss") not in _ISSUERS or said.get("email_verified") is not True or not is_ours:
            raise NotBelieved("another sender")

    def _known(self) -> Mapping[str, str]:
        if self._until is None or self.clock() >= self._until:
            http = Http(None, name="Google's certificates", remedy=NOT_OURS)
            try:
                answer = http.send("GET", self.address)
                self._certificates = {str(key): str(value) for key, value in answer.json().items()}
            except (ValueError, AttributeError) as error:
                raise Unavailable("Google's certificates cannot be read.") from error
            finally:
                http.close()
            self._until = self.clock() + FRESH
        return self._certificates


def whom(raw: bytes) -> str:
    """Return whose mailbox a pushed notification names; "" where it cannot be read."""
    try:
        return address_in(str(json.loads(raw)["message"]["data"]))
    except (ValueError, KeyError, TypeError):
        return ""
