"""Asking the owner at Google's consent page: an installed app with PKCE (RFC 8252, RFC 7636), and the code turned into a token."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from connectors.google.failures import NOT_OURS
from connectors.google.transport import Roots
from connectors.http import Http
from connectors.port import Rejected, Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The owner's own OAuth client, of the kind `Desktop app`."""

    id: str
    secret: str = field(repr=False)

    @classmethod
    def read(cls, file: Path) -> Client:
        """Read the JSON the console offers for download. Raises Rejected."""
        try:
            said = json.loads(file.read_text(encoding="utf-8"))["installed"]
            return cls(id=str(said["client_id"]), secret=str(said.get("client_secret", "")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Rejected(
                f"{file} is no OAuth client of the kind Desktop app ({type(error).__name__}).",
                remedy="Make one at https://console.cloud.google.com/auth/clients and download its JSON.",
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question to the owner: the page to open, and what proves that the answer is to it."""

    url: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect: str


def ask(client: Client, roots: Roots, scopes: Sequence[str], *, redirect: str, login_hint: str = "") -> Question:
    """Make the address of the consent page; nothing granted earlier is added to what this token can do."""
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "client_id": client.id,
        "redirect_uri": redirect,
        "response_type": "code",
        "scope": " ".join(scopes),
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "access_type": "offline",
        "prompt": "consent",
        "include_granted_scopes": "false",
    } | ({"login_hint": login_hint} if login_hint else {})
    return Question(url=f"{roots.auth}?{urlencode(asked)}", state=state, verifier=verifier, redirect=redirect)


def redeem(question: Question, client: Client, roots: Roots, answered: str) -> Mapping[str, Any]:
    """Turn the address Google sent the browser to into a token. Raises Rejected, Unavailable."""
    said = {name: values[0] for name, values in parse_qs(urlsplit(answered.strip()).query).items()}
    if not hmac.compare_digest(said.get("state", "").encode(), question.state.encode()):
        raise Rejected(
            "That is not the answer to this question.", remedy="Copy the whole address of the last page, or start again."
        )
    if "code" not in said:
        raise Rejected(f"Google granted nothing ({said.get('error', 'no code')}).", remedy="Start again and choose Allow.")
    form = {
        "grant_type": "authorization_code",
        "code": said["code"],
        "client_id": client.id,
        "client_secret": client.secret,
        "redirect_uri": question.redirect,
        "code_verifier": question.verifier,
    }
    return _token(roots, form)


def _token(roots: Roots, form: Mapping[str, str]) -> Mapping[str, Any]:
    http = Http(None, name="Google's sign-in", remedy=NOT_OURS)
    try:
        answer = http.send(
            "POST",
            roots.token,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
        )
    finally:
        http.close()
    try:
        found: dict[str, Any] = answer.json()
    except ValueError as error:
        raise Unavailable(f"Google's sign-in answered {answer.status_code}.") from error
    if "access_token" not in found:
        raise Rejected(f"Google gave no token ({found.get('error', answer.status_code)}).", remedy="Start again.")
    return found
