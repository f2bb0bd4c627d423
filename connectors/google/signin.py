"""Signing in to Google: two least tokens, a reader and a writer, renewed by one process at a time and refused when broader.

gmail.metadata in a token takes `q` and full reading away from it, also where a broader scope stands beside it: that is
wanted for the reader, and why drafts have a token of their own. Google has no scope for drafts alone; gmail.compose
could do more, and that nothing here does is held by tests, not by Google.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from google.auth.credentials import Credentials as AnyCredentials
from google.auth.transport.requests import Request
from google.oauth2.credentials import Credentials
from google.oauth2.service_account import Credentials as ServiceCredentials

from connectors.account import Secrets
from connectors.port import AuthorizationExpired, Rejected

Role = Literal["reader", "writer"]
Access = Literal["calendar", "mail", "drafts"]
"""The ladder: read calendars; read mail metadata too; write drafts and holds too."""
OPT_IN: Final = "opt_in"
"""The secret that says which mailbox's owner has agreed to a service account acting for it."""

_BASE: Final = "https://www.googleapis.com/auth/"
CALENDAR_SCOPES: Final = (f"{_BASE}calendar.events.readonly", f"{_BASE}calendar.calendarlist.readonly")
MAIL_SCOPE: Final = f"{_BASE}gmail.metadata"
DRAFT_SCOPE: Final = f"{_BASE}gmail.compose"
HOLD_SCOPE: Final = f"{_BASE}calendar.events.owned"
OWN_CALENDAR_SCOPE: Final = f"{_BASE}calendar.app.created"
PUBSUB_SCOPE: Final = f"{_BASE}pubsub"


def roles(access: Access) -> tuple[Role, ...]:
    """Return which tokens a step of the ladder has."""
    return ("reader", "writer") if access == "drafts" else ("reader",)


def scopes(role: Role, access: Access, *, is_own_calendar: bool = False) -> tuple[str, ...]:
    """Return the scopes a token needs on its step of the ladder."""
    if role == "reader":
        return CALENDAR_SCOPES if access == "calendar" else (MAIL_SCOPE, *CALENDAR_SCOPES)
    return (DRAFT_SCOPE, OWN_CALENDAR_SCOPE if is_own_calendar else HOLD_SCOPE)


def check(role: Role, granted: Sequence[str], allowed: Sequence[str], *, is_broad_allowed: bool = False) -> None:
    """Refuse a token that can do more than it needs, or less. Raises Rejected."""
    broader = sorted(set(granted) - set(allowed) - {"openid"})
    if broader and not is_broad_allowed:
        raise Rejected(
            f"The {role} token can do more than it needs: {', '.join(broader)}.",
            remedy="Take that access away at https://myaccount.google.com/permissions and connect again, "
            "or set is_broad_allowed = true.",
        )
    missing = sorted(set(allowed) - set(granted))
    if missing:
        raise Rejected(f"The {role} token lacks {', '.join(missing)}.", remedy="Connect again and tick every box Google shows.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What is known of a token besides the token itself."""

    scopes: tuple[str, ...]
    dies_at: datetime | None
    """When Google ends it for good: in the consent state Testing, seven days after it was given."""


class Token(Credentials):
    """A token in the account's secrets: renewed under the row lock, after reading again what another process renewed."""

    def __init__(self, secrets: Secrets, role: Role, token_uri: str) -> None:
        stored = _stored(secrets, role)
        super().__init__(  # type: ignore[no-untyped-call]  # google-auth types half of itself
            token=stored.get("token"),
            refresh_token=stored.get("refresh_token"),
            token_uri=token_uri,
            client_id=stored.get("client_id"),
            client_secret=stored.get("client_secret"),
            expiry=_naive(stored.get("expiry")),
        )
        self._secrets, self._role = secrets, role

    def refresh(self, request: Request) -> None:
        """Renew it, unless another process has; google-auth calls this before a request and after a 401."""
        used = self.token
        with self._secrets.exclusive():
            stored = _stored(self._secrets, self._role)
            self._refresh_token = stored.get("refresh_token", self._refresh_token)
            expiry = _naive(stored.get("expiry"))
            if stored.get("token") not in ("", None, used) and expiry is not None and expiry > _now():
                self.token, self.expiry = stored["token"], expiry
                return
            super().refresh(request)  # type: ignore[no-untyped-call]  # as above
            expires = self.expiry.isoformat() if self.expiry else ""
            renewed = {"token": self.token, "refresh_token": self.refresh_token, "expiry": expires}
            self._secrets.put(self._role, json.dumps({**stored, **renewed}))


class Acting(ServiceCredentials):
    """A service account's token. google-auth would also ask, at an address nobody can configure, from where it may be used."""

    def _is_regional_access_boundary_lookup_required(self) -> bool:
        return False


def credentials(
    secrets: Secrets, role: Role, allowed: Sequence[str], token_uri: str, *, service_account: str = "", subject: str = ""
) -> AnyCredentials:
    """Return what signs the requests of a role: the owner's own token, or a service account acting for the subject.

    Raises AuthorizationExpired where there is no sign-in, Rejected where the owner has not agreed or the key is no key.
    """
    if not service_account:
        return Token(secrets, role, token_uri)
    agreed = json.loads(secrets.get(OPT_IN) or "{}")
    if not subject or agreed.get("subject") != subject:
        raise Rejected(
            f"{subject or 'The owner'} has not agreed to a service account acting for this mailbox.",
            remedy="The owner runs `rekindle connect google --service-account` and says yes.",
        )
    return service_credentials(service_account, allowed, token_uri, subject=subject)


def service_credentials(file: str, allowed: Sequence[str], token_uri: str, *, subject: str = "") -> AnyCredentials:
    """Read a service account's key. Raises Rejected."""
    try:
        said = {**json.loads(Path(file).read_text(encoding="utf-8")), "token_uri": token_uri}
        found: AnyCredentials = Acting.from_service_account_info(  # type: ignore[no-untyped-call]  # as above
            said, scopes=list(allowed), subject=subject or None
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Rejected(f"{file} is no key of a service account ({type(error).__name__}).", remedy="Download it again.") from error
    return found


def known(secrets: Secrets, role: Role) -> Stored:
    """Return what Google said it granted. Raises AuthorizationExpired."""
    stored = _stored(secrets, role)
    dies = stored.get("dies_at")
    return Stored(scopes=tuple(stored.get("scopes", ())), dies_at=datetime.fromisoformat(dies) if dies else None)


def keep(secrets: Secrets, role: Role, token: Mapping[str, Any], *, client_id: str, client_secret: str, dies_at: str = "") -> None:
    """Seal what the token endpoint answered."""
    stored = {
        "token": token["access_token"],
        "refresh_token": token.get("refresh_token", ""),
        "scopes": str(token.get("scope", "")).split(),
        "client_id": client_id,
        "client_secret": client_secret,
        "expiry": "",
        "dies_at": dies_at,
    }
    with secrets.exclusive():
        secrets.put(role, json.dumps(stored))


def _stored(secrets: Secrets, role: Role) -> dict[str, Any]:
    raw = secrets.get(role)
    if not raw:
        raise AuthorizationExpired(f"There is no {role} sign-in for this Google account.", remedy="Run `rekindle connect google`.")
    found: dict[str, Any] = json.loads(raw)
    return found


def _naive(text: str | None) -> datetime | None:
    """Return an expiry as google-auth wants it: naive, in UTC; None = not known, a 401 will tell."""
    return datetime.fromisoformat(text) if text else None


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
