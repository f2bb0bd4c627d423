"""What Graph answers when it does not do as asked, in the port's words; the request id is kept for its support."""

from __future__ import annotations

import email.utils
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from connectors.port import AuthorizationExpired, PortError, RateLimited, Rejected, Unavailable

PAUSE: Final = timedelta(seconds=30)
"""How long to wait where Graph asks to slow down and does not say for how long."""
LONGEST: Final = timedelta(hours=6)
BUSY: Final = frozenset({429, 503, 504})
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT, GONE, CHANGED = 401, 403, 404, 409, 410, 412
_THROTTLED, _BROKEN = 429, 500
_LOST = frozenset({"syncstatenotfound", "syncstateinvalid", "resyncrequired"})
NOT_OURS: Final = "Microsoft 365 gives no such answers: look for a proxy in between, or tell your administrator."
DUPLICATE: Final = "ErrorDuplicateTransactionId"
"""400 or 409: an event was made in this transaction, and there is another in its place or none."""


class Refused(Exception):
    """A status the caller has its own answer to: 404, 409, 412, 410 or a lost sync state, a transaction that was used before."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code = status, code


def failure(status: int, headers: Mapping[str, str], raw: bytes, what: str) -> PortError | Refused:
    """Turn a status and an error's JSON (or whatever came instead) into one of the five errors, or Refused."""
    code, inner = _code(raw)
    request_id = headers.get("request-id", "") or inner
    trace = f" (request {request_id})" if request_id else ""
    if code.lower() in _LOST or code == DUPLICATE or status in (NOT_FOUND, CONFLICT, GONE, CHANGED):
        return Refused(status, code)
    if status == UNAUTHORIZED:
        return AuthorizationExpired(f"Microsoft 365 refused the sign-in{trace}.", remedy="Run `rekindle connect microsoft` again.")
    if status == _THROTTLED or (status in BUSY and "Retry-After" in headers):
        return RateLimited(f"Microsoft 365 asks to slow down ({what}){trace}.", retry_after=retry_after(headers))
    if status == FORBIDDEN:
        remedy = "Connect again and grant what deploy/microsoft.md names, or ask your administrator to."
        return Rejected(f"The sign-in does not allow {what}{trace}.", remedy=remedy)
    if status >= _BROKEN:
        return Unavailable(f"Microsoft 365 answered {status} ({what}){trace}.")
    return Rejected(f"Microsoft 365 refused {what} ({status} {code}){trace}.")


def retry_after(headers: Mapping[str, str]) -> timedelta:
    """Read Retry-After in seconds or as a date (RFC 9110 10.2.3), within reason."""
    raw = headers.get("Retry-After", "")
    if raw.isdigit():
        return min(timedelta(seconds=int(raw[:9])), LONGEST)
    until, now = instant_of(raw), instant_of(headers.get("Date", ""))
    return min(max(until - now, timedelta(seconds=1)), LONGEST) if until and now else PAUSE


def instant_of(http_date: str) -> datetime | None:
    """Read an HTTP date."""
    try:
        return email.utils.parsedate_to_datetime(http_date).astimezone(UTC)
    except ValueError:
        return None


def _code(raw: bytes) -> tuple[str, str]:
    try:
        error = json.loads(raw)["error"]
        return str(error.get("code", "")), str(error.get("innerError", {}).get("request-id", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", ""
