"""Mail and calendars that lie on disk: mbox, Maildir, .eml, .ics and Google Takeout, opened as one account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.port import Account, Connection

SETTINGS: Mapping[str, str] = {
    "mail": "mbox or .eml files, Maildirs, Takeout archives, or folders that hold any of them",
    "calendar": ".ics files, or folders that hold them",
    "out": "the folder for what Rekindle makes: a Maildir `Drafts`, and `Holds.ics`",
}


def open(account: Account) -> Connection:  # noqa: A001 - the port's word
    """Open the account; nothing is read or written yet."""
    raise NotImplementedError
