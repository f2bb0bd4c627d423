"""A pretended Microsoft Entra: TLS, discovery, code with PKCE, device code, client credentials, refresh tokens that rotate."""

from __future__ import annotations

import hashlib
import json
import ssl
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import trustme

from tests.simulators.microsoft.graph import Grant, Graph
from tests.simulators.microsoft.problems import HUGE
from tests.simulators.microsoft.wire import Answer, Request, Wire

TENANT = "f0e1d2c3-0000-4000-8000-000000000001"


class Identity:
    """The token endpoint and the consent page, for whoever `user` is at the moment."""

    def __init__(self, graph: Graph, folder: Path, *, user: str) -> None:
        self.graph, self.user = graph, user
        self.added: set[str] = set()
        """Scopes that were consented to before and come along, as they do."""
        self.error: dict[str, Any] | None = None
        """What the token endpoint answers instead of a token."""
        self.is_endless = False
        """Whether it says far more than there is to say."""
        self.life = 3600
        self.refreshes = 0
        self.consented: dict[str, frozenset[str]] = {}
        self.roles: dict[str, frozenset[str]] = {}
        """App roles an administrator has assigned, by application."""
        self.mailboxes: dict[str, frozenset[str]] = {}
        self._codes: dict[str, dict[str, str]] = {}
        self._refresh: dict[str, dict[str, str]] = {}
        self._numbers = count(1)
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self.ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        self.wire = Wire(self._padded, lambda: datetime.now(UTC), context)
        self.host = f"https://127.0.0.1:{self.wire.port}"
        self.authority = f"{self.host}/{TENANT}"

    def close(self) -> None:
        self.wire.close()

    def _padded(self, request: Request) -> Answer:
        answer = self._answer(request)
        return replace(answer, written=answer.raw() + b" " * HUGE) if self.is_endless else answer

    def _answer(self, request: Request) -> Answer:
        path = request.path.removeprefix(f"/{TENANT}")
        form = dict(parse_qsl(request.raw.decode()))
        match request.method, path:
            case "GET", "/v2.0/.well-known/openid-configuration":
                ends = {name: f"{self.authority}/oauth2/v2.0/{end}" for name, end in _ENDS.items()}
                return Answer(status=200, said={"issuer": f"{self.authority}/v2.0", **ends})
            case "GET", "/oauth2/v2.0/authorize":
                return self._authorize(request.query)
            case "POST", "/oauth2/v2.0/devicecode":
                return self._device(form)
            case "POST", "/oauth2/v2.0/token":
                return self._token(form)
            case _:
                pass
        self.graph.violations.append(f"no such route: {request.method} {request.path}")
        return Answer(status=501, said={"error": "not_implemented"})

    def _authorize(self, query: dict[str, str]) -> Answer:
        """Consent at once and go back with a code."""
        assert query["code_challenge_method"] == "S256", "a public client proves itself by PKCE"
        code = f"code-{next(self._numbers)}"
        self._codes[code] = query
        back = urlencode({"code": code, "state": query["state"]})
        return Answer(status=302, headers={"Location": f"{query['redirect_uri']}?{back}"})

    def _device(self, form: dict[str, str]) -> Answer:
        if self.error:
            return Answer(status=400, said=self.error)
        code = f"device-{next(self._numbers)}"
        self._codes[code] = form
        said = {"device_code": code, "user_code": "ABCD1234", "verification_uri": f"{self.host}/device", "expires_in": 900}
        return Answer(status=200, said={**said, "interval": 0, "message": "…"})

    def _token(self, form: dict[str, str]) -> Answer:  # noqa: PLR0911 - one for each grant
        if self.error:
            return Answer(status=400, said=self.error)
        client = form["client_id"]
        match form["grant_type"]:
            case "authorization_code":
                asked = self._codes.pop(form["code"], None)
                if asked is None or asked["code_challenge"] != _challenge(form["code_verifier"]):
                    return _invalid()
                return self._issued(client, asked["scope"], nonce=asked.get("nonce", ""))
            case "urn:ietf:params:oauth:grant-type:device_code":
                asked = self._codes.pop(form["device_code"], None)
                return self._issued(client, asked["scope"]) if asked else _invalid()
            case "refresh_token":
                kept = self._refresh.pop(form["refresh_token"], None)
                if kept is None:
                    return _invalid()
                self.refreshes += 1
                return self._issued(client, kept["scope"], user=kept["user"])
            case "client_credentials":
                if "client_assertion" not in form:
                    return Answer(status=401, said={"error": "invalid_client"})
                return self._application(client)
            case _:
                pass
        return Answer(status=400, said={"error": "unsupported_grant_type"})

    def _issued(self, client: str, scope: str, *, nonce: str = "", user: str = "") -> Answer:
        names = {one.rpartition("/")[2] for one in scope.split()} - {"openid", "profile", "offline_access"} | self.added
        number, user = next(self._numbers), user or self.user
        token, refresh = f"access-{self.wire.port}-{number}", f"refresh-{self.wire.port}-{number}"
        self.graph.grants[token] = Grant(client, user, frozenset(names))
        self._refresh[refresh] = {"scope": scope, "user": user}
        claims: dict[str, Any] = {"aud": client, "iss": f"{self.authority}/v2.0", "oid": f"oid-{user}", "tid": TENANT, "sub": user}
        claims |= {"preferred_username": user, "exp": 4_000_000_000, "iat": 1_700_000_000} | ({"nonce": nonce} if nonce else {})
        info = {"uid": f"oid-{user}", "utid": TENANT}
        said = {
            "token_type": "Bearer",
            "scope": " ".join(f"{self.graph.root[:-5]}{one}" for one in sorted(names)),
            "expires_in": self.life,
            "access_token": token,
            "refresh_token": refresh,
            "id_token": f"{_encoded({'alg': 'none'})}.{_encoded(claims)}.x",
            "client_info": _encoded(info),
        }
        return Answer(status=200, said=said)

    def _application(self, client: str) -> Answer:
        roles = self.roles.get(client, frozenset())
        token = f"{_encoded({'alg': 'none'})}.{_encoded({'roles': sorted(roles)})}.{next(self._numbers)}"
        able = roles | self.consented.get(client, frozenset())
        self.graph.grants[token] = Grant(client, "", able, mailboxes=self.mailboxes.get(client, frozenset()))
        return Answer(status=200, said={"token_type": "Bearer", "expires_in": self.life, "access_token": token})


_ENDS = {"authorization_endpoint": "authorize", "token_endpoint": "token", "device_authorization_endpoint": "devicecode"}


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _encoded(said: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")


def _invalid() -> Answer:
    return Answer(status=400, said={"error": "invalid_grant", "error_description": "AADSTS700082: The refresh token has expired."})
