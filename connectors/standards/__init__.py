"""Open standards: a mailbox over IMAP and calendars over CalDAV, signed in with the owner's own password or token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.account import Account, SettingKind, text_of, texts_of
from connectors.port import Cursor, PortError, Rejected, Watcher
from connectors.standards.idle import Idle
from connectors.standards.mail import ImapMailbox
from connectors.standards.mail_server import Server
from connectors.standards.reach import Step, failed
from connectors.standards.session import wired
from rules.facts import Address

if TYPE_CHECKING:
    from connectors.http import Http
    from connectors.standards.calendar import CalDavCalendar

SETTINGS: Mapping[str, str] = {
    "imap": "the mail server, imaps://host or imap://host:143 (STARTTLS)",
    "caldav": "the calendar server, https://host/path; discovery finds the rest",
    "user": "the user name at both servers",
    "auth": "how to sign in to IMAP: login (default), xoauth2 or oauthbearer",
    "folders": "the folders to read; all but drafts, junk and trash when left out",
    "drafts": "the folder for drafts, where the server does not say which it is",
    "sent": "the folder of sent mail, where the server does not say which it is",
    "calendars": "the calendars to read, by name; all that may be written to when left out",
    "holds": "the calendar holds are put into, by name; the default one when left out",
    "caldav_user": "the user name at the calendar server, where it differs",
    "ca_file": "a certificate authority of your own, as a PEM file",
    "is_idle": "false = poll only, hold no IDLE connection",
}
KINDS: Mapping[str, SettingKind] = {"folders": "texts", "calendars": "texts", "is_idle": "switch"}
"""The settings that are no plain texts."""
SECRETS: Mapping[str, str] = {
    "password": "the password for both servers; an app password where the provider has them",
    "imap_password": "the password for the mail server, where it differs",
    "caldav_password": "the password for the calendar server, where it differs",
}


@dataclass(slots=True)
class StandardsConnection:
    """One account over IMAP and CalDAV, or either of them; satisfies `connectors.port.Connection`."""

    mailbox: ImapMailbox | None
    calendar: CalDavCalendar | None
    _server: Server | None
    _http: Http | None
    _is_idle: bool

    def addresses(self) -> Sequence[Address]:
        """Say which addresses the calendar server knows as the owner's, and the user name where it is one."""
        known = [Address(email=email) for email in (self.calendar.home().addresses if self.calendar else ())]
        user = self._server.user if self._server else ""
        return [*known, *([Address(email=user)] if "@" in user and user not in {one.email for one in known} else [])]

    def expect(self, cursors: Mapping[str, Cursor]) -> None:
        """Take note of what has been read before: a first read needs no marks of change."""
        if self.calendar is not None:
            self.calendar.expect(cursors.keys())

    def watcher(self) -> Watcher | None:
        """Open an IDLE connection on INBOX, where the server can."""
        idle = Idle(self._server) if self._server is not None and self._is_idle else None
        return idle if idle is not None and idle.is_able() else None

    @property
    def is_counted(self) -> bool:
        """Say that mail servers allow an account few connections; satisfies `connectors.optional.Counted`."""
        return self.mailbox is not None

    def is_alive(self) -> bool:
        """Tell whether the mail server still answers; the calendar server is asked anew each time."""
        return self.mailbox is None or self.mailbox.is_alive()

    def close(self) -> None:
        """Let go of both servers."""
        if self.mailbox is not None:
            self.mailbox.close()
        if self._http is not None:
            self._http.close()


def open(account: Account) -> StandardsConnection:  # noqa: A001 - the port's word
    """Open the account; nothing is connected before it is needed."""
    settings = account.settings
    imap, caldav = text_of(settings, "imap"), text_of(settings, "caldav")
    if not imap and not caldav:
        message = f"{account.id} names neither a mail nor a calendar server."
        raise Rejected(message, remedy='Set imap = "imaps://..." or caldav = "https://..." in config.')
    server = _server(account, imap) if imap else None
    mailbox = None
    if server is not None:
        named = {"\\Drafts": text_of(settings, "drafts"), "\\Sent": text_of(settings, "sent")}
        overrides = {role: wired(name) for role, name in named.items() if name}
        chosen = [wired(name) for name in texts_of(settings, "folders")]
        mailbox = ImapMailbox(server, folders=chosen, overrides=overrides, installation=account.installation)
    calendar, http = None, None
    if caldav:
        from connectors.standards import calendar_side  # noqa: PLC0415 - who only has mail there does without the calendar's libraries

        calendar, http = calendar_side.opened(account, caldav, mailbox)
    return StandardsConnection(mailbox, calendar, server, http, settings.get("is_idle", True) is not False)


def steps(account: Account) -> Iterator[tuple[str, Step]]:
    """Check each side of the account step by step: ("mail" or "calendar", step). Writes nothing anywhere."""
    from connectors.standards.checks import calendar_steps, mail_steps  # noqa: PLC0415 - as above

    try:
        connection = open(account)
    except PortError as error:
        yield "account", failed("address", str(error), error.remedy)
        return
    try:
        if connection.mailbox is not None and connection._server is not None:  # noqa: SLF001 - our own
            named = {key: text_of(account.settings, key) for key in ("drafts", "sent")}
            yield from (("mail", step) for step in mail_steps(connection._server, connection.mailbox, named))  # noqa: SLF001 - as above
        if connection.calendar is not None:
            url, ca_file = text_of(account.settings, "caldav"), text_of(account.settings, "ca_file")
            yield from (("calendar", step) for step in calendar_steps(connection.calendar, url, ca_file))
    finally:
        connection.close()


def _server(account: Account, url: str) -> Server:
    secret = account.secrets.get("imap_password") or account.secrets.get("password") or ""
    settings = account.settings
    return Server.parse(
        url,
        user=text_of(settings, "user"),
        auth=text_of(settings, "auth") or "login",
        secret=secret,
        ca_file=text_of(settings, "ca_file"),
    )
