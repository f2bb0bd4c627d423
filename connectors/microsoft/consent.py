"""Asking the owner at Microsoft's consent page or by a device code, and the answer turned into a sealed sign-in."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from connectors.account import Secrets
from connectors.microsoft import signin
from connectors.microsoft.signin import Registration
from connectors.port import Rejected, Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question to the owner: what to open, what to type there, and what proves that the answer is to it."""

    url: str
    code: str = ""
    """To be typed at `url`; "" where the browser comes back by itself."""
    _application: Any = field(repr=False)
    _flow: Mapping[str, Any] = field(repr=False)
    _registration: Registration = field(repr=False)

    def answered(self, secrets: Secrets, address: str = "") -> None:
        """Turn the answer into a sealed sign-in: the address the browser was sent to, or "" to wait for the device code.

        Raises AuthorizationExpired, Rejected, Unavailable.
        """
        try:
            if self.code:
                answer = self._application.acquire_token_by_device_flow(dict(self._flow))
            else:
                said = {name: values[0] for name, values in parse_qs(urlsplit(address.strip()).query).items()}
                answer = self._application.acquire_token_by_auth_code_flow(dict(self._flow), said)
        except ValueError as error:  # another state: an answer to another question
            remedy = "Copy the whole address of the last page, or start again."
            raise Rejected("That is not the answer to this question.", remedy=remedy) from error
        except requests.exceptions.RequestException as error:
            raise Unavailable(f"Microsoft's sign-in cannot be reached ({type(error).__name__}).") from error
        with secrets.exclusive():
            signin.keep(secrets, self._registration, answer, self._application.token_cache)


def by_browser(registration: Registration, *, redirect: str, login_hint: str = "") -> Question:
    """Ask by authorization code with PKCE (RFC 7636). Raises Rejected, Unavailable."""
    application = signin.application(registration, signin.new_cache())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # form_post: an address the owner copies by hand has to hold the answer
        flow = application.initiate_auth_code_flow(
            registration.scopes, redirect_uri=redirect, login_hint=login_hint or None, prompt="select_account"
        )
    return Question(url=str(flow["auth_uri"]), _application=application, _flow=flow, _registration=registration)


def by_device(registration: Registration) -> Question:
    """Ask by a code to type at any device (RFC 8628). Raises AuthorizationExpired where it is forbidden, Unavailable."""
    application = signin.application(registration, signin.new_cache())
    try:
        flow = application.initiate_device_flow(registration.scopes)
    except requests.exceptions.RequestException as error:
        raise Unavailable(f"Microsoft's sign-in cannot be reached ({type(error).__name__}).") from error
    if "user_code" not in flow:
        raise signin.refusal(flow)
    return Question(
        url=str(flow["verification_uri"]),
        code=str(flow["user_code"]),
        _application=application,
        _flow=flow,
        _registration=registration,
    )


def by_certificate(registration: Registration, secrets: Secrets, *, address: str) -> None:
    """Sign the application itself in for one mailbox whose owner has agreed. Raises AuthorizationExpired, Rejected, Unavailable."""
    try:
        answer = signin.application(registration).acquire_token_for_client(registration.scopes)
    except requests.exceptions.RequestException as error:
        raise Unavailable(f"Microsoft's sign-in cannot be reached ({type(error).__name__}).") from error
    with secrets.exclusive():
        signin.keep(secrets, registration, answer, None)
        secrets.put(signin.OPT_IN, address)
