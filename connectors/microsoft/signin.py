"""Signing in to Microsoft 365 by msal: a reader, a writer and, where wanted, a listener; none of them can send.

The reader's token (Mail.ReadBasic, Calendars.ReadBasic) opens no body at all; the writer's could read what the reader's
cannot, and that nothing here does is held by tests. The listener's could read calendars whole; it makes subscriptions and
nothing else. That none can send is held by Microsoft, and looked at here too.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msal
import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connectors.account import Secrets
from connectors.http import bound
from connectors.microsoft.failures import NOT_OURS
from connectors.port import AuthorizationExpired, Rejected, Unavailable

Role = Literal["reader", "writer", "listener"]
Access = Literal["read", "drafts"]
AUTHORITY: Final = "https://login.microsoftonline.com/common"
OPT_IN: Final = "opt_in"
"""The secret that says which mailbox's owner has agreed to the application acting for it."""
PERMISSIONS: Final[Mapping[Role, tuple[str, ...]]] = {
    "reader": ("Mail.ReadBasic", "Calendars.ReadBasic", "User.Read"),
    "writer": ("Mail.ReadWrite", "Calendars.ReadWrite", "User.Read"),
    "listener": ("Calendars.Read",),
}
_HARMLESS: Final = frozenset({"openid", "profile", "email", "offline_access", "user.read"})
_EARLY: Final = timedelta(minutes=5)
_TIMEOUT: Final = 30.0
_LATER: Final = frozenset({"temporarily_unavailable", "server_error", "service_unavailable", "slow_down", "request_timeout"})
_CONDITIONS: Final = ("AADSTS53003", "AADSTS530036", "AADSTS50005", "AADSTS50097")
"""Conditional Access says no; 530036 is how it forbids the device code."""
_REGISTER: Final = "Look at the app registrations; deploy/microsoft.md has a text for your administrator."
_CONSENT: Final = ("Microsoft wants consent first", "Show your administrator deploy/microsoft.md.")
_SAID: Final[Mapping[str, tuple[str, str]]] = {
    "AADSTS65001": _CONSENT,
    "AADSTS90094": _CONSENT,
    "AADSTS90008": _CONSENT,
    "AADSTS50105": ("Your organisation lets only chosen people use this application, and you are not among them", _REGISTER),
    "AADSTS700016": ("Your organisation does not know the app registration", _REGISTER),
    "AADSTS7000112": ("Your organisation has switched the app registration off", _REGISTER),
    "AADSTS700027": (
        "The certificate has expired, or is not the one that was uploaded",
        "Upload a new one; see deploy/microsoft.md.",
    ),
}
"""Codes that say exactly what stands in the way (Microsoft Entra authentication error codes)."""

Answer = Mapping[str, Any]


class _Wire(requests.Session):
    """What msal speaks HTTP with: time-outs, and no certificates or passwords from the environment."""

    def __init__(self, ca_file: str) -> None:
        super().__init__()
        self.trust_env = False
        self.verify = ca_file or True
        bound(self, "Microsoft's sign-in", NOT_OURS)

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - as requests has it
        """Ask with a time-out."""
        return super().request(*args, **{"timeout": _TIMEOUT, **kwargs})


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One app registration at one authority."""

    role: Role
    client_id: str
    authority: str = AUTHORITY
    resource: str = "https://graph.microsoft.com"
    """Where Graph is: scheme and host, as scopes are written with."""
    certificate: str = field(default="", repr=False)
    """Private key and certificate in PEM, for a sign-in of the application's own."""
    ca_file: str = ""

    @property
    def scopes(self) -> list[str]:
        """Return what is asked for; an application's own sign-in has what its administrator assigned."""
        asked = [".default"] if self.certificate else PERMISSIONS[self.role]
        return [f"{self.resource}/{one}" for one in asked]


def check(registration: Registration, granted: Sequence[str]) -> None:
    """Refuse a token that can send, or that can do anything else it does not need. Raises Rejected."""
    names = {urlsplit(one).path.rpartition("/")[2] or one for one in granted}
    sending = sorted(one for one in names if "send" in one.lower())
    remedy = f"Take the permission away from the app registration {registration.client_id} and connect again."
    if sending:
        raise Rejected(
            f"The {registration.role} sign-in could send mail ({', '.join(sending)}); Rekindle never may.", remedy=remedy
        )
    wanted = {one.lower() for one in PERMISSIONS[registration.role]}
    broader = sorted(one for one in names if one.lower() not in wanted | _HARMLESS)
    if broader:
        raise Rejected(f"The {registration.role} sign-in can do more than it needs: {', '.join(broader)}.", remedy=remedy)
    if not registration.certificate and wanted - {one.lower() for one in names} - _HARMLESS:
        missing = ", ".join(sorted(wanted - {one.lower() for one in names} - _HARMLESS))
        raise Rejected(f"The {registration.role} sign-in lacks {missing}.", remedy="Connect again and grant all that is asked for.")


class SignIn:
    """Gives the access tokens of one role: one process renews at a time, and every renewal is checked."""

    def __init__(self, secrets: Secrets, registration: Registration) -> None:
        self._secrets, self._registration = secrets, registration
        self._held = ""
        self._lock = threading.Lock()

    def token(self, is_refused: bool) -> str:  # noqa: FBT001 - what `graph.Token` is
        """Return a token; a refused one is renewed, unless another process has. Raises AuthorizationExpired, Rejected, Unavailable."""
        with self._lock:
            return self._current(is_refused=is_refused)

    def _current(self, *, is_refused: bool) -> str:
        if self._held and not is_refused:
            return self._held
        known: Answer = _known(self._secrets, self._registration.role)
        if not is_refused and datetime.fromisoformat(known["until"]) - _EARLY > datetime.now(UTC):
            self._held = str(known["token"])
            return self._held
        with self._secrets.exclusive():
            known = _known(self._secrets, self._registration.role)
            if known["token"] == self._held or not is_refused or not self._held:
                known = self._renewed(known, is_forced=is_refused)
        self._held = str(known["token"])
        return self._held

    def _renewed(self, known: Answer, *, is_forced: bool) -> Answer:
        cache = new_cache()
        cache.deserialize(known["cache"] or None)
        app = application(self._registration, cache)
        try:
            if self._registration.certificate:
                answer = app.acquire_token_for_client(self._registration.scopes)
            else:
                accounts = app.get_accounts() or [None]
                answer = app.acquire_token_silent_with_error(self._registration.scopes, accounts[0], force_refresh=is_forced)
        except requests.exceptions.RequestException as error:
            raise Unavailable(f"Microsoft's sign-in cannot be reached ({type(error).__name__}).") from error
        return keep(self._secrets, self._registration, answer, cache)


def new_cache() -> Any:  # noqa: ANN401 - msal has no types
    """Return an empty cache that can be sealed."""
    return msal.SerializableTokenCache()


def application(registration: Registration, cache: Any = None) -> Any:  # noqa: ANN401 - msal has no types
    """Make msal's application. Raises Rejected, Unavailable."""
    given = {
        "authority": registration.authority,
        "token_cache": cache,
        "http_client": _Wire(registration.ca_file),
        "instance_discovery": False,
    }
    try:
        if not registration.certificate:
            return msal.PublicClientApplication(registration.client_id, **given)
        pem = registration.certificate
        if not isinstance(load_pem_private_key(pem.encode(), None), RSAPrivateKey):
            raise ValueError("Microsoft takes RSA keys alone")  # noqa: TRY004, TRY301 - said below, with all that is wrong with keys
        credential = {"private_key": pem, "public_certificate": pem}
        return msal.ConfidentialClientApplication(registration.client_id, client_credential=credential, **given)
    except requests.exceptions.RequestException as error:
        raise Unavailable(f"Microsoft's sign-in cannot be reached ({type(error).__name__}).") from error
    except ValueError as error:
        remedy = "Check authority, tenant and certificate_file in config."
        raise Rejected(f"{registration.authority} is no place to sign in, or the certificate is none.", remedy=remedy) from error


def keep(secrets: Secrets, registration: Registration, answer: Answer | None, cache: Any) -> Answer:  # noqa: ANN401 - msal has no types
    """Check what the token endpoint answered and seal it. Raises AuthorizationExpired, Rejected, Unavailable."""
    if not answer or "access_token" not in answer:
        raise refusal(answer or {"error": "no account"})
    known = {
        "token": answer["access_token"],
        "until": (datetime.now(UTC) + timedelta(seconds=int(answer.get("expires_in", 0)))).isoformat(),
        "granted": abilities(answer),
        "cache": "" if registration.certificate else cache.serialize(),
    }
    check(registration, known["granted"])
    secrets.put(registration.role, json.dumps(known))
    return known


def granted(secrets: Secrets, role: Role) -> Sequence[str]:
    """Return what the role's token was given. Raises AuthorizationExpired."""
    found: list[str] = _known(secrets, role)["granted"]
    return found


def whose(secrets: Secrets, role: Role) -> str:
    """Return the home account a role's sign-in was given for, as Microsoft's sign-in names it; "" for an application's own."""
    cache: Mapping[str, Mapping[str, Mapping[str, str]]] = json.loads(_known(secrets, role)["cache"] or "{}")
    return next((one["home_account_id"] for one in cache.get("Account", {}).values()), "")


def abilities(answer: Answer) -> list[str]:
    """Return what a token can do, as far as can be seen: what was granted with it, and the roles in it."""
    claims: Mapping[str, Any] = {}
    part = str(answer.get("access_token", "")).split(".")
    if len(part) == 3:  # noqa: PLR2004 - a JSON Web Token: header, claims, signature
        try:
            claims = json.loads(base64.urlsafe_b64decode(part[1] + "=" * (-len(part[1]) % 4)))
        except ValueError:
            claims = {}
    said = [*str(answer.get("scope", "")).split(), *str(claims.get("scp", "")).split(), *claims.get("roles", ())]
    return sorted({one for one in said if not one.endswith("/.default")})


def refusal(answer: Answer) -> AuthorizationExpired | Unavailable:
    """Say what became of the sign-in and what to do; the description may hold names and stays unsaid but for its code."""
    error = str(answer.get("error", "unknown"))
    described = str(answer.get("error_description", ""))
    code = described.partition(":")[0] if described.startswith("AADSTS") else ""
    if error in _LATER:
        return Unavailable(f"Microsoft's sign-in is busy ({error}).")
    said = f"({' '.join(filter(None, (error, code)))})"
    again = "Run `rekindle connect microsoft` again."
    if code in _SAID:
        what, remedy = _SAID[code]
        return AuthorizationExpired(f"{what} {said}.", remedy=remedy)
    if code in _CONDITIONS or (error == "access_denied" and code):
        return AuthorizationExpired(
            f"Your organisation's Conditional Access does not allow this way of signing in {said}.",
            remedy="Use the browser instead of a device code, or show your administrator deploy/microsoft.md.",
        )
    if answer.get("suberror") == "consent_required" or error in (
        "consent_required",
        "unauthorized_client",
        "invalid_client",
        "access_denied",
    ):
        return AuthorizationExpired(f"Microsoft wants consent first {said}.", remedy="Show your administrator deploy/microsoft.md.")
    if error == "interaction_required":
        return AuthorizationExpired(f"Microsoft wants to see you again {said}.", remedy=again)
    return AuthorizationExpired(f"The sign-in to Microsoft 365 has ended {said}.", remedy=again)


def _known(secrets: Secrets, role: Role) -> dict[str, Any]:
    raw = secrets.get(role)
    if not raw:
        raise AuthorizationExpired(f"There is no {role} sign-in for this account.", remedy="Run `rekindle connect microsoft`.")
    found: dict[str, Any] = json.loads(raw)
    return found
