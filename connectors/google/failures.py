"""Google's statuses and error bodies into the port's five errors: JSON of three shapes, HTML, or nothing at all."""

from __future__ import annotations

import email.utils
import json
import random
from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import Final

import requests
from google.auth import exceptions as auth_errors

from connectors.http import TooLarge
from connectors.port import AuthorizationExpired, PortError, RateLimited, Rejected, Unavailable

_THROTTLED: Final = frozenset(
    {
        "rateLimitExceeded",
        "userRateLimitExceeded",
        "quotaExceeded",
        "dailyLimitExceeded",
        "RATE_LIMIT_EXCEEDED",
        "RESOURCE_EXHAUSTED",
    }
)
_LACKING: Final = frozenset({"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "PERMISSION_DENIED", "forbidden"})
_SWITCHED_OFF: Final = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})
_PAUSE: Final = timedelta(seconds=20)
_LONGEST: Final = timedelta(hours=6)
_TERMINAL: Final = ("invalid_grant", "invalid_client", "unauthorized_client", "deleted_client", "invalid_scope")


NOT_OURS: Final = "Google gives no such answers: look for a proxy in between, or tell your administrator."


class Refused(Exception):
    """A status the caller has its own answer to: 400, 404, 409, 410, 412."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status, self.reason = status, reason


def oversized(error: TooLarge, method: str, what: str) -> PortError:
    """Say what an answer that is too large was to; what was to be made is made then, and to be looked for."""
    message = f"{str(error).removesuffix('.')} ({what})."
    return (TooLarge if method == "GET" else Unavailable)(message, remedy=error.remedy)


def broken(error: Exception, what: str) -> PortError:
    """Say what a failure without an answer means."""
    match error:
        case auth_errors.RefreshError():
            return _not_renewed(str(error), what)
        case requests.exceptions.RequestException() | auth_errors.TransportError() | OSError():
            return Unavailable(f"Google cannot be reached or broke off ({what}).")
        case _:
            return Unavailable(f"Google answered something that cannot be read ({what}, {type(error).__name__}).")


def _not_renewed(text: str, what: str) -> PortError:
    """Tell a sign-in that has ended from a token endpoint that is out of order."""
    if "unauthorized_client" in text:
        return AuthorizationExpired(
            "The service account is not allowed to act for this owner.",
            remedy="Have the admin allow exactly the scopes in deploy/google.md under domain-wide delegation.",
        )
    if any(word in text for word in _TERMINAL):
        return AuthorizationExpired(
            "Google no longer accepts the sign-in.",
            remedy="Run `rekindle connect google` again. An app in the state Testing loses its sign-in every 7 days: publish it.",
        )
    return Unavailable(f"Google did not renew the sign-in ({what}).")


def failure(status: int, content: bytes, headers: Mapping[str, str], what: str) -> Exception:
    """Turn a status and an error body into one of the five errors, or Refused."""
    reason, said = _reason(content)
    if reason.startswith("push."):  # 400 or 401 for an address that cannot be told, though the sign-in is in order
        return Refused(status, reason)
    if status == 401:  # noqa: PLR2004 - the status itself says it best
        return AuthorizationExpired("Google refused the sign-in.", remedy="Run `rekindle connect google` again.")
    if status == 429 or (status == 403 and reason in _THROTTLED):  # noqa: PLR2004
        return RateLimited(f"Google asks to slow down ({what}).", retry_after=_retry_after(headers))
    if status == 403 and reason in _SWITCHED_OFF:  # noqa: PLR2004
        return Rejected(f"The API is switched off in your Google project ({what}).", remedy=said or "Switch it on in the console.")
    if status == 403 and reason in _LACKING:  # noqa: PLR2004
        return Rejected(f"The sign-in does not allow this ({what}).", remedy="Run `rekindle doctor`: it names what is missing.")
    if status in (400, 404, 409, 410, 412):
        return Refused(status, reason)
    if status >= 500:  # noqa: PLR2004
        return Unavailable(f"Google answered {status} ({what}).")
    return Rejected(f"Google refused {what} ({status} {reason}).", remedy=said)


def _reason(content: bytes) -> tuple[str, str]:
    """Read `reason` and the first 200 characters of the message; errors are not always JSON."""
    try:
        error = json.loads(content)["error"]
        if isinstance(error, str):
            return error, ""
        reasons = [one.get("reason", "") for one in (*error.get("details", ()), *error.get("errors", ()))]
        return next(filter(None, reasons), error.get("status", "")), str(error.get("message", ""))[:200]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", ""


def _retry_after(headers: Mapping[str, str]) -> timedelta:
    """Read Retry-After in seconds or as a date (RFC 9110 10.2.3), within reason; without it wait a jittered while."""
    raw = headers.get("retry-after", "")
    if raw.isdigit():
        return min(timedelta(seconds=int(raw[:9])), _LONGEST)
    try:
        until = email.utils.parsedate_to_datetime(raw).astimezone(UTC)
        now = email.utils.parsedate_to_datetime(headers.get("date", "")).astimezone(UTC)
        return min(max(until - now, timedelta(seconds=1)), _LONGEST)
    except ValueError:
        return _PAUSE * random.uniform(0.5, 1.5)  # noqa: S311 - spreads load, guards nothing
