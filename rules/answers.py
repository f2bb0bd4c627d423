"""Answers: what the owner wrote to somebody in person, and how much of it is still without one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rules.rhythm import Contact

STOP: Final = 2
"""So many mails in person without an answer, and it is time to stop and say so."""
IN_PERSON: Final = 5
"""Recipients up to which a mail asks each of them for an answer."""


def left_unanswered(contacts: Sequence[Contact]) -> int:
    """Count the days the owner wrote to them in person since they were last heard; at two it is time to stop.

    The answer that ended an exchange asks for none, and is left out.
    """
    written, is_heard = _since_heard(contacts)
    has_ended = is_heard and written and min(written, key=lambda contact: (contact.at, not contact.is_reply)).is_reply
    return len({contact.at.date() for contact in written}) - bool(has_ended)


def _since_heard(contacts: Sequence[Contact]) -> tuple[list[Contact], bool]:
    """Return what the owner wrote in person since the other side was last heard, and whether it ever was."""
    heard = max((contact.at for contact in contacts if contact.direction == "in"), default=None)
    written = (contact for contact in contacts if contact.direction == "out" and contact.recipients <= IN_PERSON)
    return [contact for contact in written if heard is None or contact.at > heard], heard is not None
