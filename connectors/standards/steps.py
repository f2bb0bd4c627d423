"""Check an account over IMAP and CalDAV step by step, from the server's name to where drafts and holds will go."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from connectors.port import AuthorizationExpired, PortError
from connectors.standards.calendar import CalDavCalendar
from connectors.standards.folders import Folder
from connectors.standards.mail import ImapMailbox
from connectors.standards.mail_server import Server
from connectors.standards.reach import Step, done, failed, reached
from connectors.standards.servers import Known, of_calendar, of_domain

_AGAIN = "Put that right, then check again."


def mail_steps(server: Server, mailbox: ImapMailbox) -> Iterator[Step]:
    """Check the mail side; it ends with the first step the others need. Folders are only opened to be looked at."""
    way = list(reached(server.host, server.port, server.security, server.ca_file))
    yield from way
    if not way[-1].is_ok:
        return
    try:
        folders = mailbox.folders()
    except PortError as error:
        yield failed("sign-in", str(error), _remedy(error, of_domain(server.user.rpartition("@")[2])))
        return
    yield done("sign-in", f"{server.user} is signed in")
    yield from _folder_steps(folders)
    try:
        yield done("drafts", mailbox.drafts_place())
    except PortError as error:
        yield failed("drafts", str(error), error.remedy or _AGAIN)


def _folder_steps(folders: tuple[Folder, ...]) -> Iterator[Step]:
    names = {role: next((one.name for one in folders if one.role == role), "") for role in ("\\Sent", "\\Drafts")}
    yield done("folders", f"{len(folders)} folders")
    for role, key in (("\\Sent", "sent"), ("\\Drafts", "drafts")):
        word = role[1:]
        if names[role]:
            yield done(key, f"{word} is “{names[role]}”")
        else:
            listed = ", ".join(sorted(one.name for one in folders)[:20])
            yield failed(key, f"The server does not say which folder is {word}.", f'Say {key} = "NAME", one of: {listed}.')


def _remedy(error: PortError, known: Known) -> str:
    """Say where this provider's app passwords are made, where that is known and the sign-in failed."""
    if not isinstance(error, AuthorizationExpired) or not known.password:
        return error.remedy or _AGAIN
    return f"It wants an app password: {known.password}. Connect again with that."


def calendar_steps(calendar: CalDavCalendar, url: str, ca_file: str) -> Iterator[Step]:
    """Check the calendar side: the way there, sign-in and discovery, the calendars, and where holds may be put."""
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    way = list(reached(parts.hostname or "", port, "tls" if is_tls else "none", ca_file, "calendar server"))
    yield from way
    if not way[-1].is_ok:
        return
    try:
        home = calendar.home()
    except PortError as error:
        yield failed("sign-in", str(error), _remedy(error, of_calendar(url)))
        return
    yield done("sign-in", f"signed in; the calendars are at {home.href}")
    try:
        feeds = calendar.feeds()
        yield (
            done("calendars", ", ".join(f"“{feed.name}”" for feed in feeds))
            if feeds
            else failed("calendars", "No calendar is chosen or there.", "Check `calendars` in config, or make one.")
        )
        yield done("holds", f"holds go into “{calendar.holds_place()}”, which can be written to")
        yield done("invitations", _inviting(is_scheduling=calendar.is_scheduling()))
    except PortError as error:
        yield failed("holds", str(error), error.remedy or _AGAIN)


def _inviting(*, is_scheduling: bool) -> str:
    if is_scheduling:
        return "the server mails an invitation once you have approved it"
    return "the server mails none; an approved one becomes a draft for you to send"
