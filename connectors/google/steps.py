"""Check a Google account step by step: each token, each API and each scope, with the page that puts right what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from connectors.account import Secrets
from connectors.google import signin
from connectors.google.transport import Service
from connectors.port import AuthorizationExpired, PortError, Watcher

CONSOLE: Final = "https://console.cloud.google.com"
LINKS: Final = {
    "gmail": f"{CONSOLE}/apis/library/gmail.googleapis.com",
    "calendar": f"{CONSOLE}/apis/library/calendar-json.googleapis.com",
    "audience": f"{CONSOLE}/auth/audience",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing looked at: what was found, or what is missing and what to do about it."""

    name: str
    what: str
    is_ok: bool = True
    remedy: str = ""


def token_steps(secrets: Secrets, role: signin.Role, allowed: tuple[str, ...], *, is_broad_allowed: bool) -> Iterator[Step]:
    """Check what a stored token may do, and whether Google will end it by itself."""
    name = f"{role} token"
    try:
        known = signin.known(secrets, role)
        signin.check(role, known.scopes, allowed, is_broad_allowed=is_broad_allowed)
    except PortError as error:
        yield Step(name=name, what=str(error), is_ok=False, remedy=error.remedy)
        return
    short = ", ".join(scope.rpartition("/")[2] for scope in known.scopes)
    yield Step(name=name, what=f"allows {short}")
    if known.dies_at is not None:
        yield Step(
            name=f"{role} consent",
            what=f"Your Google app is in the state Testing: this sign-in ends on {known.dies_at:%Y-%m-%d %H:%M} UTC.",
            is_ok=False,
            remedy=f"Publish it, or make it Internal, at {LINKS['audience']}; then connect again.",
        )


def told_steps(watching: Callable[[], Watcher | None], url: str) -> Iterator[Step]:
    """Check that what Google is to tell of, and where, fits together; nothing is asked for yet."""
    where = urlsplit(url)
    if url and where.scheme != "https" and where.hostname not in ("127.0.0.1", "localhost"):
        what = f"Google tells of calendars at https addresses only, not at {url}."
        yield Step(
            name="notifications",
            what=what,
            is_ok=False,
            remedy="Give notification_url a public https address; see deploy/google.md.",
        )
        return
    try:
        watcher = watching()
    except PortError as error:
        yield Step(name="notifications", what=str(error), is_ok=False, remedy=error.remedy)
        return
    if watcher is not None:
        watcher.close()
        yield Step(name="notifications", what="will be asked for by `rekindle run`")


def call_steps(readers: tuple[Service, Service | None], writers: tuple[Service, Service] | None, holds: str) -> Iterator[Step]:
    """Call each API once with each token; nothing is changed. `readers` and `writers`: Calendar and Gmail."""
    calendar, gmail = readers
    yield _tried("calendars", calendar, lambda api: api.calendarList().list(maxResults=1, fields="items/id"), "calendar")
    if gmail is not None:
        yield _tried("mail", gmail, lambda api: api.users().getProfile(userId="me", fields="emailAddress"), "gmail")
    if writers is not None:
        calendar, mailbox = writers
        yield _tried(
            "drafts", mailbox, lambda api: api.users().drafts().list(userId="me", maxResults=1, fields="drafts/id"), "gmail"
        )
        yield _tried(
            "holds", calendar, lambda api: api.events().list(calendarId=holds, maxResults=1, fields="items/id"), "calendar"
        )


def _tried(name: str, service: Service, request: Callable[[Any], Any], link: str) -> Step:
    try:
        service.call(request(service.api), name)
    except AuthorizationExpired as error:
        return Step(name=name, what=str(error), is_ok=False, remedy=error.remedy)
    except PortError as error:
        remedy = f"Switch it on at {LINKS[link]}." if "switched off" in str(error) else error.remedy or "Try again later."
        return Step(name=name, what=str(error), is_ok=False, remedy=remedy)
    except Exception as error:  # noqa: BLE001 - a status that only other callers have an answer to
        return Step(name=name, what=f"Google answered {error} ({name}).", is_ok=False, remedy="Check the names in config.")
    return Step(name=name, what="Google answers")
