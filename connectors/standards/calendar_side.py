"""The calendar side of an account, opened: only then are its libraries needed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from urllib.parse import urlsplit

from connectors.account import Account, text_of, texts_of
from connectors.http import Http
from connectors.port import RateLimited, Rejected
from connectors.standards.calendar import CalDavCalendar
from connectors.standards.dav import Dav
from connectors.standards.mail import ImapMailbox
from connectors.standards.servers import of_calendar


def opened(account: Account, url: str, mailbox: ImapMailbox | None) -> tuple[CalDavCalendar, Http]:
    """Open it, and what it speaks through; nothing is connected before it is needed. Raises Rejected for what is no address."""
    http = _http(account, url)
    return _calendar(account, url, http, mailbox), http


def _http(account: Account, url: str) -> Http:
    secret = account.secrets.get("caldav_password") or account.secrets.get("password") or ""
    user = text_of(account.settings, "caldav_user") or text_of(account.settings, "user") or (urlsplit(url).username or "")
    ca_file, limit = text_of(account.settings, "ca_file"), of_calendar(url).per_minute
    return Http((user.encode(), secret.encode()), name="The calendar server", ca_file=ca_file, pace=_pace(account, limit))


def _pace(account: Account, limit: int) -> Callable[[], None]:
    """Keep to what the server takes in a minute: by the worker's count, else by that of this connection alone."""
    asked, quota = count(1), account.quota

    def pace() -> None:
        if limit and quota is not None:
            quota.take("caldav", price=1, count=1, limit=limit)
        elif limit and next(asked) > limit:
            raise RateLimited("The calendar server is given a rest.", retry_after=timedelta(minutes=1), is_paced=True)

    return pace


def _calendar(account: Account, url: str, http: Http, mailbox: ImapMailbox | None) -> CalDavCalendar:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        message = f"caldav = {url!r} is no web address."
        raise Rejected(message, remedy="Write it as https://host/path.")
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        message = f"caldav = {url!r} would send the password in the clear."
        raise Rejected(message, remedy="Use https://.")
    settings = account.settings
    return CalDavCalendar(
        Dav(http, url, has_sync=of_calendar(url).has_sync),
        start=parts.path,
        zone=account.zone,
        chosen=texts_of(settings, "calendars"),
        holds=text_of(settings, "holds"),
        has_sync=of_calendar(url).has_sync,
        mailbox=mailbox,
        installation=account.installation,
    )
