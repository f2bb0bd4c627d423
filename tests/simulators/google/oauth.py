"""Google's sign-in: consent with PKCE, tokens that expire, are renewed, minted down and revoked, and service accounts."""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit

from google.auth import jwt

from tests.simulators.google.exchange import Clock, Json, Refusal

LIFE = timedelta(seconds=3599)
TESTING_LIFE = timedelta(days=7)
CLIENT = ("rekindle-test.apps.example", "client-secret")


@dataclass(slots=True, kw_only=True)
class Grant:
    """What a token permits, for whom and until when."""

    email: str
    scopes: frozenset[str]
    dies_at: datetime | None
    client: str = CLIENT[0]


@dataclass(slots=True, kw_only=True)
class Delegation:
    """A service account: its public key, and the scopes the admin allowed it for the whole domain."""

    public_key: str
    scopes: frozenset[str]


@dataclass(slots=True)
class OAuth:
    """The consent page and the token endpoint."""

    clock: Clock
    who: str = "ada@example.org"
    """Who sits at the consent page."""
    is_testing: bool = False
    is_denied: bool = False
    unticked: frozenset[str] = frozenset()
    """Scopes whose box the owner leaves empty."""
    access: dict[str, Grant] = field(default_factory=dict)
    refresh: dict[str, Grant] = field(default_factory=dict)
    codes: dict[str, Json] = field(default_factory=dict)
    delegations: dict[str, Delegation] = field(default_factory=dict)
    refreshes: int = 0

    def consent(self, query: Mapping[str, str]) -> str:
        """Let the owner decide; returns where the browser is sent."""
        if query.get("client_id") != CLIENT[0]:
            raise Refusal(401, "invalid_client")
        host = urlsplit(query.get("redirect_uri", "")).hostname
        if (
            host not in ("127.0.0.1", "localhost")
            or query.get("code_challenge_method") != "S256"
            or not query.get("code_challenge")
        ):
            raise Refusal(400, "redirect_uri_mismatch" if host not in ("127.0.0.1", "localhost") else "invalid_request")
        if self.is_denied:
            return f"{query['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': query.get('state', '')})}"
        code = secrets.token_urlsafe(16)
        self.codes[code] = dict(query) | {"who": query.get("login_hint") or self.who}
        said = {"state": query.get("state", ""), "code": code, "scope": " ".join(sorted(self._ticked(query["scope"])))}
        return f"{query['redirect_uri']}?{urlencode(said)}"

    def token(self, form: Mapping[str, str]) -> Json:
        """Answer the token endpoint. Raises Refusal."""
        match form.get("grant_type"):  # type: ignore[exhaustive-match]  # others are refused below
            case "authorization_code":
                return self._redeemed(form)
            case "refresh_token":
                return self._renewed(form)
            case "urn:ietf:params:oauth:grant-type:jwt-bearer":
                return self._delegated(form)
        raise Refusal(400, "unsupported_grant_type")

    def revoke(self, token: str) -> None:
        """Take a token, and all that came of it, away."""
        grant = self.refresh.pop(token, None) or self.access.pop(token, None)
        if grant is None:
            raise Refusal(400, "invalid_token")
        for name in [name for name, one in self.access.items() if (one.email, one.scopes) == (grant.email, grant.scopes)]:
            del self.access[name]

    def issue(self, email: str, scopes: frozenset[str]) -> Json:
        """Give a token without a consent page, as a test wants it stored."""
        return self._answer(email, scopes, with_refresh=True)

    def look(self, header: str) -> Grant:
        """Find what a bearer token permits. Raises Refusal 401."""
        grant = self.access.get(header.removeprefix("Bearer "))
        if grant is None or (grant.dies_at is not None and grant.dies_at <= self.clock()):
            raise Refusal(401, "authError", "Invalid Credentials")
        return grant

    def expire_all(self) -> None:
        """Let every access token end now; refresh tokens stay."""
        self.access.clear()

    def _ticked(self, scope: str) -> frozenset[str]:
        return frozenset(scope.split()) - self.unticked

    def _redeemed(self, form: Mapping[str, str]) -> Json:
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or asked["redirect_uri"] != form.get("redirect_uri"):
            raise Refusal(400, "invalid_grant")
        if (form.get("client_id"), form.get("client_secret")) != CLIENT:
            raise Refusal(401, "invalid_client")
        proof = urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if proof != asked["code_challenge"]:
            raise Refusal(400, "invalid_grant")
        return self._answer(asked["who"], self._ticked(asked["scope"]), with_refresh=asked.get("access_type") == "offline")

    def _renewed(self, form: Mapping[str, str]) -> Json:
        self.refreshes += 1
        grant = self.refresh.get(form.get("refresh_token", ""))
        if grant is None or (grant.dies_at is not None and grant.dies_at <= self.clock()):
            raise Refusal(400, "invalid_grant", "Token has been expired or revoked.")
        asked = frozenset(form["scope"].split()) if form.get("scope") else grant.scopes
        if not asked <= grant.scopes:
            raise Refusal(400, "invalid_scope")
        return self._answer(grant.email, asked, with_refresh=False)

    def _delegated(self, form: Mapping[str, str]) -> Json:
        unverified = jwt.decode(form["assertion"], verify=False)  # type: ignore[no-untyped-call]  # google-auth types half of itself
        known = self.delegations.get(unverified["iss"])
        if known is None:
            raise Refusal(400, "invalid_grant")
        said = jwt.decode(form["assertion"], certs=known.public_key, clock_skew_in_seconds=300)  # type: ignore[no-untyped-call]  # as above
        scopes = frozenset(said["scope"].split())
        if "sub" in said and not scopes <= known.scopes:
            raise Refusal(401, "unauthorized_client", "Client is unauthorized for one of the scopes requested.")
        return self._answer(said.get("sub", said["iss"]), scopes, with_refresh=False)

    def _answer(self, email: str, scopes: frozenset[str], *, with_refresh: bool) -> Json:
        token = "ya29." + secrets.token_urlsafe(16)
        self.access[token] = Grant(email=email, scopes=scopes, dies_at=self.clock() + LIFE)
        found: Json = {"access_token": token, "expires_in": int(LIFE.total_seconds()), "token_type": "Bearer"}
        found["scope"] = " ".join(sorted(scopes))
        if with_refresh:
            found["refresh_token"] = "1//" + secrets.token_urlsafe(16)
            dies = self.clock() + TESTING_LIFE if self.is_testing else None
            self.refresh[found["refresh_token"]] = Grant(email=email, scopes=scopes, dies_at=dies)
            if self.is_testing:
                found["refresh_token_expires_in"] = int(TESTING_LIFE.total_seconds())
        return found


def error(refusal: Refusal) -> bytes:
    """Write an OAuth error (RFC 6749 5.2)."""
    return json.dumps({"error": refusal.reason, "error_description": refusal.message}).encode()
