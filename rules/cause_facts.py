"""Facts about what set a rule off - a meeting, a mail, an introduction, a trip -, by name."""

from __future__ import annotations

from datetime import datetime, timedelta

from rules.addresses import match_key
from rules.case import Case, guest_in, is_first_meeting, is_history_known, live_address, previous_meeting, wrote_since
from rules.manners import care_for, care_for_domain, care_for_title
from rules.named_facts import NEVER, ONE_DAY, days, number, text, yes
from rules.network import Meeting
from rules.workdays import workdays_between

TWO_MONTHS = 60.0


def _size(case: Case) -> float:
    return float(case.meeting.size) if case.meeting else 0.0


def _has_taken_part(case: Case) -> bool:
    guest = guest_in(case)
    return guest is not None and (guest.is_organizer or guest.response in {"accepted", "tentative", "unknown"})


def _days_before(case: Case) -> float:
    meeting = case.meeting
    previous = previous_meeting(case.relation, meeting) if meeting else None
    return NEVER if meeting is None or previous is None else days(meeting.start - previous)


def _has_true_fact(case: Case) -> bool:
    return (is_first_meeting(case) and is_history_known(case)) or TWO_MONTHS <= _days_before(case) < NEVER


def _is_before_connecting(case: Case) -> bool:
    meeting = case.meeting
    if meeting is None or meeting.account_connected_at is None or case.view.network.is_retrospective:
        return False
    return meeting.end < meeting.account_connected_at


def _matter(case: Case) -> str:
    owner = case.view.network.owner
    if case.meeting is not None:
        return care_for(case.meeting, owner)
    titles = [text for text in (case.mail.subject if case.mail else "", case.trip.title if case.trip else "") if text]
    written = [address for address in (live_address(case.relation),) if address is not None]
    found = [care_for_title(title, owner) for title in titles] + [care_for_domain(address, owner) for address in written]
    return next((matter for matter in found if matter), "")


def _workdays_since(case: Case, at: datetime | None) -> float:
    return NEVER if at is None else float(workdays_between(case.view.network.owner, at, case.view.now))


def _has_owner_written(case: Case) -> bool:
    """Compare with the second a meeting ended in counted as after it: a Date field tells no fractions (RFC 5322 3.3)."""
    return wrote_since(case.relation, case.at - timedelta(seconds=1) if case.meeting is not None else case.at)


def _has_answered(case: Case) -> bool:
    last = case.relation.last_in_at
    return last is not None and last > case.at


def _mail_people(case: Case) -> float:
    return float(len(case.mail.others) + 1) if case.mail else 0.0


def _meets_since(case: Case) -> float:
    """Count the meetings with the person introduced since the introduction."""
    other = case.introduced
    if other is None or other.introduced_at is None:
        return 0.0
    if other.first_at is not None and other.first_at >= other.introduced_at - ONE_DAY:
        return float(other.meetings_held)
    return float(sum(meeting.end > other.introduced_at for meeting in other.meetings))


def _organiser_of(case: Case, meeting: Meeting | None) -> bool:
    guest = guest_in(case)
    organizer = meeting.organizer if meeting else None
    named = organizer is not None and match_key(organizer.email) in case.relation.person.addresses
    return named or (guest is not None and guest.is_organizer)


CAUSE_FACTS = (
    number(
        "meeting.size",
        "people in the meeting, the owner included",
        "The meeting had the wrong size for this ({value} people).",
        _size,
    ),
    number(
        "meeting.confidence",
        "how sure it is that the meeting took place, 0 to 1",
        "I am not sure enough that the meeting with {name} took place.",
        lambda c: c.meeting.confidence if c.meeting else 0.0,
    ),
    number(
        "meeting.days_since_previous",
        "days between this meeting and the one before",
        "You and {name} meet often enough that a thank-you would mean little.",
        _days_before,
    ),
    number(
        "meeting.workdays_ago",
        "working days since the meeting ended",
        "The meeting with {name} is too long ago for a thank-you.",
        lambda c: _workdays_since(c, c.meeting.end if c.meeting else None),
    ),
    yes("meeting.is_first", "the first meeting of the two", "You and {name} have met before.", is_first_meeting),
    yes(
        "meeting.is_organized_by_owner",
        "the owner invited to it",
        "You organised it yourself.",
        lambda c: c.meeting is not None and c.meeting.is_organized_by_owner,
    ),
    yes(
        "meeting.is_accepted",
        "the owner accepted it",
        "You never accepted the invitation.",
        lambda c: c.meeting is not None and c.meeting.owner_response == "accepted",
    ),
    yes(
        "meeting.is_recurring",
        "one of a series",
        "The meeting with {name} is one of a series.",
        lambda c: c.meeting is not None and c.meeting.is_recurring,
    ),
    yes(
        "meeting.is_organized_by_person",
        "the person invited to it",
        "{name} did not organise it.",
        lambda c: _organiser_of(c, c.meeting),
    ),
    yes(
        "meeting.has_taken_part",
        "the person accepted or organised it",
        "{name} never accepted, so I cannot tell whether they were there.",
        _has_taken_part,
    ),
    yes(
        "meeting.has_true_fact",
        "there is something true and personal to say",
        "I had nothing true and personal to say to {name}.",
        _has_true_fact,
    ),
    yes(
        "meeting.is_history_known",
        "the tie began well inside what has been read",
        "I have not read back far enough to say that it was your first meeting with {name}.",
        is_history_known,
    ),
    yes(
        "meeting.is_before_connecting",
        "it ended before the account was connected",
        "The meeting with {name} ended before you connected this account.",
        _is_before_connecting,
    ),
    text(
        "cause.matter",
        "interview, people matter, law, medicine, incident, private or on the never list, in words; empty for nothing",
        "This is {value}: I leave it to you.",
        _matter,
    ),
    yes(
        "cause.has_owner_written",
        "the owner has written to the person since",
        "You have already written to {name} since then.",
        _has_owner_written,
    ),
    yes("cause.is_answered", "the person has been in touch since", "{name} has been in touch since then.", _has_answered),
    number(
        "cause.workdays_ago",
        "working days since it happened",
        "It is not the right time ago for this.",
        lambda c: _workdays_since(c, c.at),
    ),
    number("mail.people", "people on the mail besides the owner", "The mail went to more than the two of you.", _mail_people),
    number(
        "introduction.meetings_since",
        "held meetings since the introduction",
        "Too little has come of the introduction yet.",
        _meets_since,
    ),
)
