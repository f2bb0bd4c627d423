"""Invitations a calendar server does not mail itself: drafts with the invitation in them, for the owner to send (RFC 6047)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from connectors import ical
from connectors.port import BEGINNING, Look, Made, PortError, Rejected, Saved, Witness
from connectors.standards.dav import Dav
from connectors.standards.mail import ImapMailbox
from rules.suggestions import Draft, Invite

BY_MAIL: Final = "mail "
"""Begins the version of what lies in the mailbox instead of the calendar."""


class InviteDrafts:
    """The account's own mailbox, as far as invitations go through it."""

    def __init__(self, mailbox: ImapMailbox | None, dav: Dav) -> None:
        self._mailbox, self._dav = mailbox, dav

    def witness(self) -> Witness:
        """Say where the drafts stand; BEGINNING where that cannot be told now, so that everything is looked through."""
        try:
            return self._mailbox.witness() if self._mailbox is not None else BEGINNING
        except PortError:
            return BEGINNING

    def save(self, invite: Invite, since: Witness) -> Made:
        """Save it as a draft, once. Raises Rejected where the account has no mailbox."""
        made = self._there().save_draft(draft_of(invite, self._dav.server_time or invite.start), since)
        return replace(made, version=BY_MAIL + made.version) if isinstance(made, Saved) else made

    def find(self, invite: Invite) -> Saved | None:
        """Take it up where it lies among the drafts."""
        found = self._there().find(draft_of(invite, invite.start))
        return replace(found, version=BY_MAIL + found.version) if found is not None else None

    def look(self, saved: Saved) -> Look:
        """Say what became of it: Sent once the owner has sent it."""
        return self._there().look(replace(saved, version=saved.version.removeprefix(BY_MAIL)))

    def _there(self) -> ImapMailbox:
        if self._mailbox is None:
            message = "This calendar server mails no invitations, and the account has no mailbox to put one into."
            raise Rejected(message, remedy='Add imap = "imaps://..." to the account, or invite by hand.')
        return self._mailbox


def host_of(invite: Invite) -> str:
    """Return what ends the invitation's UID and Message-ID: the organizer's domain, so that nothing of ours is in them."""
    return invite.organizer.email.rpartition("@")[2].lower()


def draft_of(invite: Invite, at: datetime) -> Draft:
    """Write the mail: title and text for people, the invitation for their calendars."""
    return Draft(
        key=invite.key,
        message_id=f"{invite.key}@{host_of(invite)}",
        from_=invite.organizer,
        to=invite.attendees,
        subject=invite.title,
        text=invite.description or invite.title,
        date=at,
        calendar=ical.invite_bytes(invite, host=host_of(invite), method="REQUEST").decode(),
    )
