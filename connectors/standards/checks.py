"""Check an account over IMAP and CalDAV step by step, from the server's name to where drafts and holds will go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from connectors.port import AuthorizationExpired, PortError
from connectors.standards.calendar import CalDavCalendar
from connectors.standards.folders import Folder
from connectors.standards.mail import ImapMailbox
from connectors.standards.mail_server import Server
from connectors.standards.reach import Step, done, failed, reached
from connectors.standards.servers import Known, of_calendar, of_domain

_AGAIN = "Put that right, then check again."


def mail_steps(server: Server, mailbox: ImapMailbox, named: Mapping[str, str]) -> Iterator[Step]:
    """Check the mail side; it ends with the first step the others need. Folders are only opened to be looked at.

    `named`: the folders the owner has named, by the settings' keys.
    """
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
    yield done("folders", f"{len(folders)} folders")
    yield _sent_step(folders, named.get("sent", ""))
    yield _drafts_step(folders, named.get("drafts", ""), mailbox)


def _sent_step(folders: tuple[Folder, ...], named: str) -> Step:
    if found := _of_role(folders, "\\Sent"):
        return done("sent", f"Sent is “{found}”")
    what = f"There is no folder “{named}”." if named else "The server does not say which folder is Sent."
    return failed("sent", what, _choice("sent", folders))


def _drafts_step(folders: tuple[Folder, ...], named: str, mailbox: ImapMailbox) -> Step:
    """Say where drafts will go; the folder is made by the first where it is missing, which only an owner who named it can have meant."""
    try:
        place = mailbox.drafts_place()
    except PortError as error:
        return failed("drafts", str(error), error.remedy or _AGAIN)
    if found := _of_role(folders, "\\Drafts"):
        return done("drafts", f"Drafts is “{found}”: {place}")
    if named:
        usual = next((one.name for one in folders if one.usual == "\\Drafts"), "")
        return done("drafts", f"{place}; there is no such folder yet, “{usual}” is another" if usual else place)
    what = "The server does not say which folder is Drafts. Until you do, “Drafts” is made for the first."
    return failed("drafts", what, _choice("drafts", folders))


def _of_role(folders: tuple[Folder, ...], role: str) -> str:
    return next((one.name for one in folders if one.role == role), "")


def _choice(key: str, folders: tuple[Folder, ...]) -> str:
    return f'Say {key} = "NAME", one of: {", ".join(sorted(one.name for one in folders)[:20])}.'


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
