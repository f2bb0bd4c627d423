"""Mail and calendars that lie on disk: mbox, Maildir, .eml, .ics and Google Takeout, opened as one account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.account import Account, SettingKind
from connectors.port import Connection, Rejected, Watcher
from rules.facts import Address

if TYPE_CHECKING:
    from connectors.files.calendar import FilesCalendar
    from connectors.files.mail import FilesMailbox

SETTINGS: Mapping[str, str] = {
    "mail": "mbox or .eml files, Maildirs, Takeout archives, or folders that hold any of them",
    "calendar": ".ics files, Takeout archives, or folders that hold them",
    "out": "the folder for what Rekindle makes: drafts in the Maildir `Drafts`, holds in `holds` and, all in one, `Holds.ics`",
}
KINDS: Mapping[str, SettingKind] = {"mail": "texts", "calendar": "texts"}
"""The settings that are no plain texts."""


def open(account: Account) -> Connection:  # noqa: A001 - the port's word
    """Open the account; nothing is read or written yet."""
    mail, calendar = (_paths(account, name) for name in ("mail", "calendar"))
    out = next(iter(_paths(account, "out")), None)
    if not (mail or calendar or out):
        raise Rejected(f"The account {account.id} names no file.", remedy="Set `mail`, `calendar` or both to files or folders.")
    from connectors.files.calendar import FilesCalendar  # noqa: PLC0415 - who only reads mail does without the calendar's libraries
    from connectors.files.mail import FilesMailbox  # noqa: PLC0415

    return FilesConnection(
        mailbox=FilesMailbox(paths=mail, out=out) if mail or out else None,
        calendar=FilesCalendar(paths=calendar, out=out, zone=account.zone, since=account.since) if calendar or out else None,
        addresses=account.addresses,
    )


class FilesConnection:
    """Files, opened: nothing is held open between calls."""

    def __init__(self, *, mailbox: FilesMailbox | None, calendar: FilesCalendar | None, addresses: Sequence[Address]) -> None:
        self.mailbox = mailbox
        self.calendar = calendar
        self._addresses = tuple(addresses)

    def addresses(self) -> Sequence[Address]:
        """Files know nothing of an owner but what the settings say."""
        return self._addresses

    def watcher(self) -> Watcher | None:
        """There is no push: the poll looks at sizes and times."""
        return None

    def close(self) -> None:
        """Nothing is held."""


def _paths(account: Account, name: str) -> tuple[Path, ...]:
    value = account.settings.get(name, ())
    texts = (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()
    return tuple(Path(text).expanduser() for text in texts if text)
