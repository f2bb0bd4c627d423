"""From facts to interactions: was the meeting held, who was in it, and when were the owner and a person in touch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Final, Literal, NamedTuple

from rules.addresses import domain_of, match_key
from rules.facts import Attendee, CalendarEvent, Occurrence, Response
from rules.network import Guest, Kind, Meeting
from rules.people import OwnerKeys
from rules.rhythm import Contact

ALL_HANDS: Final = 25
"""Above so many people a meeting is an audience, not being in touch."""

UNCOUNTED: Final = 10
"""People a list or a hidden guest list stands for at least."""

LONGEST: Final = timedelta(hours=24)
LONG: Final = LONGEST / 4

NO_MEETING: Final = {
    "birthday": "a birthday, not a meeting",
    "focusTime": "focus time, not a meeting",
    "outOfOffice": "leave, not a meeting",
    "workingLocation": "a working place, not a meeting",
}
CANCELLED_TITLE: Final = re.compile(
    r"\s*(?:cancell?ed(?: event)?|abgesagt|annulé|cancelad[oa]|annullato|geannuleerd|odwołane)\s*:", re.IGNORECASE
)
ABSENT_TITLE: Final = re.compile(
    r"\b(?:ooo|out of (?:the )?office|vacation|annual leave|on leave|pto|holidays?|urlaub|abwesend|focus time|fokuszeit"
    r"|birthday|geburtstag|congés)\b",
    re.IGNORECASE,
)
LIKELY: Final[dict[Response, float]] = {"accepted": 1.0, "tentative": 0.7, "needs-action": 0.6, "unknown": 0.8, "delegated": 0.2}
ANSWERED: Final[dict[Response, float]] = {"accepted": 1.0, "tentative": 0.9, "needs-action": 0.8, "unknown": 0.9, "delegated": 0.3}


ORDER: Final = attrgetter("at", "direction", "recipients", "is_reply")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotHeld:
    """Why an occurrence is no interaction, in one clause."""

    reason: str


class MailRow(NamedTuple):
    """One stored message between the owner and a person. A tuple: a mailbox has a hundred thousand of them."""

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

    `event` is the master or single event; the occurrence's own override goes before it. A result with `end` <= now was
    held; a later one is only good as `next_meeting`. `kind_of` takes match keys. Guests carry no person_id: the caller
    knows who they are.
    """
    source = occurrence.override or event
    guests = _guests(source, owner, kind_of)
    response = _owner_response(source, owner)
    here = [guest for guest in guests if _is_human(guest) and guest.response not in {"declined", "delegated"}]
    reason = _no_meeting(source, occurrence) or _not_met(source, owner, guests, here, response)
    start, end = occurrence.start, occurrence.end
    if reason or not isinstance(start, datetime) or not isinstance(end, datetime):
        return NotHeld(reason=reason or "an all-day entry, not a meeting")
    confidence, evidence = _confidence(source, response, here)
    return Meeting(
        uid=occurrence.uid,
        original_start=occurrence.original_start,
        start=start,
        end=end,
        title=source.summary,
        guests=guests,
        size=_size(source, guests, here),
        owner_response=response,
        is_organized_by_owner=_is_owner(source, owner),
        is_private=source.visibility != "public",
        is_recurring=bool(event.recurrence) or event.original_start is not None,
        organizer=source.organizer,
        location=source.location,
        confidence=confidence,
        evidence=evidence if end <= now else f"ahead; {evidence}",
        has_hidden_attendees=source.has_hidden_attendees or source.attendee_count > len(source.attendees),
    )


def _no_meeting(source: CalendarEvent, occurrence: Occurrence) -> str:
    """Return why the entry itself is no meeting, "" if it may be one."""
    if (
        occurrence.is_cancelled
        or source.status == "cancelled"
        or source.method == "CANCEL"
        or CANCELLED_TITLE.match(source.summary)
    ):
        return "it was cancelled"
    if source.method in {"REPLY", "REFRESH", "COUNTER", "DECLINECOUNTER"}:
        return "an answer to an invitation, not a meeting"
    if source.is_out_of_office:
        return NO_MEETING["outOfOffice"]
    if source.event_type in NO_MEETING:
        return NO_MEETING[source.event_type]
    if not isinstance(occurrence.start, datetime) or not isinstance(occurrence.end, datetime) or occurrence.is_all_day:
        return "an all-day entry, not a meeting"
    if occurrence.end - occurrence.start >= LONGEST:
        return "it lasts for days"
    if (source.is_transparent or occurrence.end - occurrence.start > LONG) and ABSENT_TITLE.search(source.summary):
        return "its title says absence, not a meeting"
    return ""


def _not_met(source: CalendarEvent, owner: OwnerKeys, guests: tuple[Guest, ...], here: list[Guest], response: Response) -> str:
    """Return why nobody was met in it, "" if somebody was."""
    if response in {"declined", "delegated"}:
        return "you declined" if response == "declined" else "you sent somebody else"
    is_asked = any(match_key(guest.address.email) in owner.keys for guest in source.attendees) or _is_owner(source, owner)
    if not is_asked and not source.has_hidden_attendees and not any(guest.kind == "list" for guest in guests):
        return "you are neither its organizer nor a guest"
    if here:
        return ""
    if any(_is_human(guest) for guest in guests):
        return "everybody else declined"
    return "nobody else was in it"


def _is_human(guest: Guest) -> bool:
    """Tell whether a guest is a human as far as we know; a held meeting is what makes a stranger known."""
    return guest.kind in {"human", "unknown"}


def _is_owner(source: CalendarEvent, owner: OwnerKeys) -> bool:
    """Tell whether the owner, or their assistant for them, organizes it."""
    if source.organizer is None:
        return not source.attendees or not any(match_key(a.address.email) in owner.keys for a in source.attendees)
    key = match_key(source.organizer.email)
    return owner.principals.get(key, key) in owner.keys


def _owner_response(source: CalendarEvent, owner: OwnerKeys) -> Response:
    """Return how the owner answered; who organizes a meeting comes to it unless they say otherwise."""
    for attendee in source.attendees:
        if match_key(attendee.address.email) in owner.keys:
            is_open = attendee.response in {"needs-action", "unknown"}
            return "accepted" if is_open and _is_owner(source, owner) else attendee.response
    return "accepted" if _is_owner(source, owner) else "unknown"


def _guests(source: CalendarEvent, owner: OwnerKeys, kind_of: Callable[[str], Kind]) -> tuple[Guest, ...]:
    """Return everybody invited but the owner, once; the organizer comes first where the provider does not list them.

    An assistant who only booked is not in the room: where their executive is, they are left out.
    """
    attendees = source.attendees
    organizer = match_key(source.organizer.email) if source.organizer is not None else ""
    keys = {match_key(attendee.address.email) for attendee in attendees}
    if source.organizer is not None and organizer not in keys:
        principal = owner.principals.get(organizer, "")
        if not principal:
            attendees = (Attendee(address=source.organizer, response="accepted", role="CHAIR"), *attendees)
    guests: dict[str, Guest] = {}
    for attendee in attendees:
        key = match_key(attendee.address.email)
        principal = owner.principals.get(key, "")
        booked_only = key == organizer and principal and (principal in keys or principal in owner.keys)
        if not key or key in owner.keys or key in guests or booked_only or attendee.role == "NON-PARTICIPANT":
            continue
        guests[key] = Guest(
            address=attendee.address,
            kind=_kind(attendee, key, kind_of),
            response=attendee.response,
            is_organizer=key == organizer,
            is_internal=_is_internal(key, owner),
        )
    return tuple(guests.values())


def _kind(attendee: Attendee, key: str, kind_of: Callable[[str], Kind]) -> Kind:
    """Judge a guest by what the calendar says first."""
    cutype = attendee.kind.upper()
    if cutype in {"ROOM", "RESOURCE"}:
        return "room"
    return "list" if cutype == "GROUP" else kind_of(key)


def _is_internal(key: str, owner: OwnerKeys) -> bool:
    domain = domain_of(key)
    return any(domain == own or domain.endswith(f".{own}") for own in owner.domains)


def _size(source: CalendarEvent, guests: tuple[Guest, ...], here: list[Guest]) -> int:
    """Count the humans incl. the owner who did not decline, with those a list or a hidden guest list stands for."""
    unseen = max(0, source.attendee_count - len(source.attendees))
    if not unseen and (source.has_hidden_attendees or any(guest.kind == "list" for guest in guests)):
        unseen = UNCOUNTED
    return 1 + len(here) + unseen


def _confidence(source: CalendarEvent, response: Response, here: list[Guest]) -> tuple[float, str]:
    """Weigh the answers: how sure it is that it took place, 0 to 1, and the clause that says so."""
    best = max((guest.response for guest in here), key=lambda response: ANSWERED.get(response, 0.0))
    sure = LIKELY.get(response, 0.8) * ANSWERED.get(best, 0.9)
    sure *= 0.8 if source.status == "tentative" else 1.0
    sure *= 0.6 if source.is_transparent else 1.0
    accepted = sum(guest.response == "accepted" for guest in here)
    others = f"{accepted} of {len(here)} others accepted" if accepted else "no other has answered"
    mine = {"accepted": "you accepted", "tentative": "you said maybe"}.get(response, "you have not answered")
    return round(sure, 3), f"not cancelled; {mine}, {others}"


def is_held(meeting: Meeting, now: datetime) -> bool:
    """Tell whether a meeting is over; one that lies ahead or runs is never a last contact."""
    return meeting.end <= now


def contacts_of(mails: Iterable[MailRow], meetings: Iterable[MeetingRow], now: datetime) -> tuple[Contact, ...]:
    """Turn a person's stored rows into contacts in order of time: the same message or meeting once, nothing ahead.

    A message seen through two accounts is one by its Message-ID, a meeting by UID and original start.
    A meeting gives one contact in and one out at its end, in the company of all the others in it; an all-hands gives none.
    """
    messages: dict[str, MailRow] = {}
    for mail in mails:
        if mail.at <= now and (mail.message_id not in messages or _order(mail) < _order(messages[mail.message_id])):
            messages[mail.message_id] = mail
    contacts = [
        Contact(
            at=at, direction=direction, recipients=recipients or 1, is_reply=is_reply or _answers(direction, messages.get(parent))
        )
        for _, at, direction, recipients, parent, is_reply in messages.values()
    ]
    held: dict[tuple[str, str], MeetingRow] = {}
    for row in meetings:
        name = (row.uid, _text(row.original_start))
        if name not in held or (row.size, row.end) > (held[name].size, held[name].end):
            held[name] = row
    for row in held.values():
        if row.end > now or row.size > ALL_HANDS:
            continue
        people = max(1, row.size - 1)
        contacts.append(Contact(at=row.end, direction="in", recipients=people, is_reply=True))
        contacts.append(Contact(at=row.end, direction="out", recipients=people, is_reply=True))
    return tuple(sorted(contacts, key=ORDER))


def _order(mail: MailRow) -> tuple[datetime, str, int, str, bool]:
    """Order copies of one message so that it makes no difference which account was read first."""
    return mail.at, mail.direction, mail.recipients, mail.in_reply_to, mail.is_reply


def _answers(direction: Literal["in", "out"], parent: MailRow | None) -> bool:
    return parent is not None and parent.direction != direction


def _text(start: datetime | date | str) -> str:
    return start if isinstance(start, str) else start.isoformat()
