"""One way to speak HTTP: time-outs, no hidden retries, no wandering credentials, and statuses turned into port errors."""  # noqa: A005 - connectors.http is always named whole

from __future__ import annotations

import email.utils
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from connectors.port import AuthorizationExpired, RateLimited, Rejected, Unavailable
from rules.addresses import organisation

_TIMEOUT = (10.0, 60.0)
LARGEST = 32 << 20
"""Bytes of one answer, unpacked: a hostile or broken server fills no memory."""
CHUNK = 1 << 14
"""Bytes taken from the wire at once; packed, they may be a thousand times as many."""
_REDIRECTS = 5
_WRITING = frozenset({"PUT", "DELETE"})
_SLOW_DOWN, _BUSY = 429, 503
_RETRY_DEFAULT, _RETRY_LONGEST = timedelta(seconds=60), timedelta(hours=6)


class TooLarge(Rejected):
    """An answer is larger than is read of one; who asked for many things at once may ask for fewer."""


class Bounded(HTTPAdapter):
    """Reads each answer at once and no further than one may be long, except where it is asked to leave it unread (`stream`).

    Raises TooLarge, and requests' own errors. For every session of ours, also those that others' libraries speak through.
    """

    def __init__(self, name: str, remedy: str, *, max_retries: int = 0) -> None:
        """Take who answers, as it is called in the midst of a sentence, and what the owner can do."""
        super().__init__(max_retries=max_retries)
        self._name, self._remedy = name, remedy

    def send(self, request: requests.PreparedRequest, stream: bool = False, **given: Any) -> requests.Response:  # type: ignore[override]  # noqa: ANN401, FBT001, FBT002 - as requests has it
        """Send a request and read its answer."""
        answer = super().send(request, stream, **given)
        if not stream:
            try:
                hold(answer, self._read(answer))
            except BaseException:
                answer.close()
                raise
        return answer

    def _read(self, answer: requests.Response) -> bytes:
        parts: list[bytes] = []
        left = LARGEST
        for part in answer.iter_content(CHUNK):
            parts.append(part)
            left -= len(part)
            if left < 0:
                message = f"An answer of {self._name} is larger than {LARGEST >> 20} MB."
                raise TooLarge(message, remedy=self._remedy)
        return b"".join(parts)


def hold(answer: requests.Response, read: bytes) -> None:
    """Have an answer hold what was read of it, as requests has it hold what it reads itself."""
    answer._content = read  # noqa: SLF001 - there is no other way in


def bound(session: requests.Session, name: str, remedy: str, *, max_retries: int = 0) -> None:
    """Have a session read no answer further than one may be long."""
    for scheme in ("https://", "http://"):
        session.mount(scheme, Bounded(name, remedy, max_retries=max_retries))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers whatever their case, and the content, whole."""

    status_code: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    is_redirect: bool
    url: str
    """Who answered, after all redirects."""

    @property
    def ok(self) -> bool:
        """Whether it is no error."""
        return self.status_code < 400  # noqa: PLR2004 - the status itself says it best

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:  # noqa: ANN401 - JSON
        """Read the content as JSON. Raises ValueError where it is none."""
        return json.loads(self.content)


class _Session(requests.Session):
    """Leaves redirects alone: where one leads is looked at here."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - its signature
        return None


def joined(base: str, address: str) -> str:
    """Make an address absolute. Raises Rejected for what is none."""
    try:
        return urljoin(base, address)
    except ValueError as error:
        raise _no_address(address) from error


def _as_sent(url: str) -> SplitResult:
    """Take an address apart as the request will: of an odd one, as with a backslash in it, others see another host."""
    try:
        return urlsplit(requests.Request("GET", url).prepare().url or "")
    except ValueError as error:  # requests' own among them
        raise _no_address(url) from error


def _no_address(text: str) -> Rejected:
    return Rejected(f"{text!r} is no web address.", remedy="Write it as https://host/path.")


class Http:
    """A session with one provider. Not for several threads.

    Nothing is ever sent twice by itself: whether an attempt succeeded is for the connector to find out. Credentials
    follow a redirect only within the registrable domain they were meant for.
    """

    def __init__(
        self,
        auth: AuthBase | tuple[bytes, bytes] | None,
        *,
        name: str,
        remedy: str = "Tell whoever runs that server, or leave it out: a calendar can be.",
        ca_file: str = "",
        pace: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the credentials; `remedy` is for an answer that is too large.

        `pace` is asked before every request and raises RateLimited where one would be too many.
        """
        self._pace = pace
        self._session = _Session()
        self._session.auth = auth  # type: ignore[assignment]  # bytes too, which its types do not know
        self._session.trust_env = False  # REQUESTS_CA_BUNDLE would overrule ca_file, and .netrc the given credentials
        self._session.verify = ca_file or True
        self._name = name
        bound(self._session, f"the {name[4:]}" if name.startswith("The ") else name, remedy)
        self.server_time: datetime | None = None
        """The provider's own clock at its last answer (Date header); connectors have no other."""

    def send(self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Answer:
        """Send one request and follow redirects with the same method; returns answers of any status but the ones below.

        Raises AuthorizationExpired (401), RateLimited (429, or 503 with Retry-After), Unavailable (other 5xx but 501 and 507, broken connections)
        and Rejected (a redirect to somebody else's host; TooLarge).
        """
        for _ in range(_REDIRECTS):
            answer = self._once(method, url, headers or {}, body)
            if not answer.is_redirect and answer.status_code not in (301, 302, 307, 308):
                return answer
            target = joined(url, answer.headers.get("Location", ""))
            self.check_way(url, target)
            url = target
        message = f"{self._name} redirects in circles."
        raise Rejected(message, remedy="Check the address in config.")

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        self._pace()
        try:
            told = self._session.request(method, url, headers=dict(headers), data=body, timeout=_TIMEOUT, allow_redirects=False)
        except TooLarge as error:
            if method in _WRITING:  # done perhaps: to be looked for, not to be called refused
                raise Unavailable(str(error), remedy=error.remedy) from error
            raise
        except requests.exceptions.SSLError as error:
            raise self._untrusted(error) from error
        except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema) as error:
            raise _no_address(url) from error
        except requests.exceptions.RequestException as error:
            message = f"{self._name} cannot be reached or broke off ({type(error).__name__})."
            raise Unavailable(message) from error
        answer = Answer(told.status_code, told.headers, told.content, is_redirect=told.is_redirect, url=url)
        self._note_time(answer)
        self._check(answer)
        return answer

    def _untrusted(self, error: requests.exceptions.SSLError) -> Rejected:
        """Tell a certificate nobody vouches for from a server that speaks no TLS: OpenSSL's own error lies three deep."""
        found: object = error
        while isinstance(found, Exception) and not isinstance(found, ssl.SSLError):
            found = getattr(found, "reason", None) or next(iter(found.args), None)
        name = self._name[:1].lower() + self._name[1:] if self._name.startswith("The ") else self._name
        if isinstance(found, ssl.SSLError) and not isinstance(found, ssl.SSLCertVerificationError):
            message = f"No TLS with {name}: {found.reason or found}."
            return Rejected(message, remedy="Check the address: https:// is for a port that speaks TLS, mostly 443.")
        said = f": {found.verify_message}" if isinstance(found, ssl.SSLCertVerificationError) else ""
        message = f"The certificate of {name} is not trusted{said}."
        return Rejected(message, remedy="Check the host name; for a private CA set ca_file.")

    def _check(self, answer: Answer) -> None:
        status = answer.status_code
        if status == 401:  # noqa: PLR2004 - the status itself says it best
            message = f"{self._name} refused the sign-in."
            raise AuthorizationExpired(
                message, remedy="Check user and password (many providers want an app password), then reconnect."
            )
        if status == _SLOW_DOWN or (status == _BUSY and "Retry-After" in answer.headers):
            message = f"{self._name} asks to slow down."
            raise RateLimited(message, retry_after=self._retry_after(answer))
        if status >= 500 and status not in (501, 507):  # noqa: PLR2004 - not implemented, and too much at once: for the caller
            message = f"{self._name} answered {status}."
            raise Unavailable(message)

    def _retry_after(self, answer: Answer) -> timedelta:
        """Read Retry-After in seconds or as a date (RFC 9110 10.2.3), within reason."""
        raw = answer.headers.get("Retry-After", "")
        if raw.isdigit():
            return min(timedelta(seconds=int(raw[:9])), _RETRY_LONGEST)
        try:
            until = email.utils.parsedate_to_datetime(raw)
        except ValueError:
            return _RETRY_DEFAULT
        now = self.server_time or until
        return min(max(until.astimezone(UTC) - now, timedelta(seconds=1)), _RETRY_LONGEST)

    def _note_time(self, answer: Answer) -> None:
        try:
            self.server_time = email.utils.parsedate_to_datetime(answer.headers.get("Date", "")).astimezone(UTC)
        except ValueError:
            return

    def check_way(self, url: str, target: str) -> None:
        """Raise Rejected where the credentials meant for one address must not be sent to the other it leads to."""
        here, there = _as_sent(url), _as_sent(target)
        if here.scheme == "https" and there.scheme != "https":
            message = f"{self._name} leads to an unencrypted address."
            raise Rejected(message, remedy="Check the address in config.")
        if here.hostname == there.hostname:
            return
        home = organisation(f"x@{here.hostname}")
        if not home or home != organisation(f"x@{there.hostname}"):
            message = f"{self._name} leads to another host, {there.hostname}; the password was not sent there."
            raise Rejected(message, remedy="If that host is right, write its address into config.")

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()
