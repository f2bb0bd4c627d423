"""Google's APIs over one requests session per thread: no hidden second POST, every endpoint configurable, errors in the port's words.

httplib2 repeats a POST when a connection drops, and a service shared by threads mixes up answers: so the client library is
given this transport, `num_retries=0`, and a service of its own per connection. The one importer of googleapiclient.
"""

from __future__ import annotations

import email.utils
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import requests
from google.auth.credentials import Credentials
from google.auth.transport.requests import AuthorizedSession, Request
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import BatchError, HttpError
from googleapiclient.http import BatchHttpRequest

from connectors.google.failures import NOT_OURS, broken, failure, oversized
from connectors.http import TooLarge, bound
from connectors.port import PortError, Unavailable

_TIMEOUT: Final = 60
BATCH: Final = 50
"""Calls in one batch: Google takes 100 and advises against more than 50; inner calls cost their full quota."""

Json = Mapping[str, Any]
"""An answer as it came; parsed into facts on the spot, never kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roots:
    """Where Google is; tests and private gateways put something else here."""

    gmail: str = "https://gmail.googleapis.com/"
    calendar: str = "https://www.googleapis.com/"
    token: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    auth: str = "https://accounts.google.com/o/oauth2/v2/auth"
    pubsub: str = "https://pubsub.googleapis.com/"


class Answered(dict[str, str]):
    """An answer's headers in lower case, with its status: the shape googleapiclient knows from httplib2."""

    def __init__(self, answer: requests.Response) -> None:
        super().__init__({name.lower(): value for name, value in answer.headers.items()} | {"status": str(answer.status_code)})
        self.status, self.reason = answer.status_code, answer.reason


@dataclass(slots=True)
class Wire:
    """What googleapiclient calls its `http`: one authorised requests session, used by one thread."""

    given: Credentials
    """Not called `credentials`: googleapiclient would then renew it over httplib2, past our own transport."""
    session: AuthorizedSession = field(init=False, repr=False)
    server_time: datetime | None = field(init=False, default=None)
    """Google's own clock at its last answer; connectors have no other."""

    def __post_init__(self) -> None:
        renewing = requests.Session()
        bound(renewing, "Google's sign-in", NOT_OURS, max_retries=3)
        self.session = AuthorizedSession(self.given, max_refresh_attempts=1, auth_request=Request(renewing))  # type: ignore[no-untyped-call]  # google-auth types half of itself
        self.session.auth = lambda request: request  # .netrc never overrules the token
        bound(self.session, "Google", NOT_OURS)

    def request(
        self, uri: str, method: str = "GET", body: bytes | str | None = None, headers: Mapping[str, str] | None = None, **_: object
    ) -> tuple[Answered, bytes]:
        """Send one request once (a second time only where Google answered 401)."""
        data = body.encode() if isinstance(body, str) else body
        answer: requests.Response = self.session.request(  # type: ignore[no-untyped-call]  # as above
            method, uri, data=data, headers=dict(headers or {}), timeout=_TIMEOUT, allow_redirects=False
        )
        self._note_time(answer)
        return Answered(answer), answer.content

    def _note_time(self, answer: requests.Response) -> None:
        try:
            self.server_time = email.utils.parsedate_to_datetime(answer.headers.get("Date", "")).astimezone(UTC)
        except ValueError:
            return

    def close(self) -> None:
        """Let go of the connections."""
        self.session.close()  # type: ignore[no-untyped-call]  # as above


class Service:
    """One Google API for one thread."""

    def __init__(self, name: str, version: str, root: str, wire: Wire) -> None:
        document = json.loads(get_static_doc(name, version))
        root = root.rstrip("/") + "/"
        document["rootUrl"] = root
        document["baseUrl"] = root + document["servicePath"]
        document.pop("mtlsRootUrl", None)
        self.wire = wire
        self.api: Any = build_from_document(document, http=wire)
        self._batch_uri = root + document["batchPath"]

    def call(self, request: Any, what: str, *, if_match: str = "") -> Json:  # noqa: ANN401 - googleapiclient has no types
        """Execute one request; raises the port's errors, or Refused for 400, 404, 409, 410 and 412."""
        if if_match:
            request.headers["If-Match"] = if_match
        try:
            answer = request.execute(num_retries=0)
        except HttpError as error:
            raise failure(error.resp.status, error.content, error.resp, what) from error
        except TooLarge as error:
            raise oversized(error, request.method, what) from error
        except PortError:
            raise
        except Exception as error:
            raise broken(error, what) from error
        return answer if isinstance(answer, dict) else {}

    def batch(self, calls: Sequence[tuple[str, Any]], what: str) -> tuple[dict[str, Json], dict[str, Exception]]:
        """Execute up to 50 reads in one request; answers and failures by id. Raises only when the whole batch failed."""
        found: dict[str, Json] = {}
        failed: dict[str, Exception] = {}

        def answered(name: str, answer: Any, error: Exception | None) -> None:  # noqa: ANN401 - googleapiclient has no types
            match error:
                case None:
                    found[name] = answer
                case HttpError():
                    failed[name] = failure(error.resp.status, error.content, self._dated(error.resp), what)
                case _:
                    failed[name] = broken(error, what)

        batch = BatchHttpRequest(callback=answered, batch_uri=self._batch_uri)
        for name, request in calls[:BATCH]:
            batch.add(request, request_id=name)
        try:
            batch.execute(http=self.wire)
        except HttpError as error:
            raise failure(error.resp.status, error.content, error.resp, what) from error
        except BatchError as error:
            raise Unavailable(f"Google broke off a batch ({what}).") from error
        except TooLarge as error:
            raise oversized(error, "GET", what) from error
        except PortError:
            raise
        except Exception as error:
            raise broken(error, what) from error
        return found, failed

    def _dated(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Give the headers of a call inside a batch the whole answer's date: what they say of time is said by that clock."""
        now = self.wire.server_time
        return {"date": email.utils.format_datetime(now, usegmt=True), **headers} if now is not None else headers
