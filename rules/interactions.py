"""From facts to interactions: was the meeting held, who was in it, and when were the owner and a person in touch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from rules.facts import CalendarEvent, Occurrence
from rules.network import Kind, Meeting
from rules.people import OwnerKeys
from rules.rhythm import Contact


@dataclass(frozen=True, slots=True, kw_only=True)
class NotHeld:
    """Why an occurrence is no interaction, in one clause."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRow:
    """One stored message between the owner and a person."""

    message_id: str
    at: datetime
    direction: Literal["in", "out"]
    recipients: int
    in_reply_to: str = ""
    is_reply: bool = False
    """Set where the parent is known to be the other side's; else it is found by `in_reply_to` among the rows given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingRow:
    """One stored held meeting with a person."""

    uid: str
    original_start: datetime | date | str
    start: datetime
    end: datetime
    size: int
    """Humans incl. the owner who did not decline."""


def meeting(
    event: CalendarEvent, occurrence: Occurrence, owner: OwnerKeys, kind_of: Callable[[str], Kind], now: datetime
) -> Meeting | NotHeld:
    """Say whether an occurrence was, or if it lies ahead will be, a meeting with another human.

    `event` is what speaks for the occurrence (its override, else the master). A result with `end` <= now was held;
    a later one is only good as `next_meeting`. `kind_of` takes match keys. Guests carry no person_id: the caller
    knows who they are.
    """
    raise NotImplementedError


def is_held(meeting: Meeting, now: datetime) -> bool:
    """Tell whether a meeting is over; one that lies ahead or runs is never a last contact."""
    raise NotImplementedError


def weight(size: int) -> float:
    """Weigh a meeting by its size (humans incl. the owner): 1 for one-to-one, 1/(n-1) in groups, 0 for an all-hands."""
    raise NotImplementedError


def contacts_of(mails: Iterable[MailRow], meetings: Iterable[MeetingRow], now: datetime) -> tuple[Contact, ...]:
    """Turn a person's stored rows into contacts in order of time: the same message or meeting once, nothing ahead.

    A message seen through two accounts is one by its Message-ID, a meeting by UID and original start.
    A meeting gives one contact in and one out at its end.
    """
    raise NotImplementedError
