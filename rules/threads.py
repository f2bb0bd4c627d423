"""Where a mail belongs: the thread it may answer, and the subject the two already had."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache

from rules.addresses import match_key
from rules.case import Case
from rules.network import Mail, Meeting
from rules.wording import one_line

YOUNG = timedelta(days=30)
"""A thread older than that before the meeting is another matter."""
PREFIX = re.compile(r"^\s*(?:(?:re|aw|antw|fwd?|wg|sv|vs|tr|rif|r|odp|enc|ynt)\s*(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)
"""Re:, AW:, Fwd: and their like in other languages."""


@lru_cache(maxsize=4096)
def bare(subject: str) -> str:
    """Return a subject on one line without Re: and its like."""
    return PREFIX.sub("", one_line(subject)).strip()


def thread_for(cases: Sequence[Case], meeting: Meeting) -> Mail | None:
    """Return the newest mail to answer: everyone on it was a guest, everyone to be thanked is on it; else None."""
    guests = _keys_of_guests(cases[0], meeting)
    for mail in cases[0].relation.mails:
        people = {key for key in (mail.author, *mail.others) if key and key not in cases[0].view.owner_keys}
        is_near = meeting.start - YOUNG <= mail.at <= cases[0].view.now
        if is_near and people and people <= guests and all(_is_on(people, case) for case in cases) and bare(mail.subject):
            return mail
    return None


def topic_of(cases: Sequence[Case], meeting: Meeting) -> str:
    """Return the title of the meeting where it was a subject between the owner and everyone to be thanked; else ""."""
    title = bare(meeting.title)
    known = bool(title) and all(_had_subject(case, title, _keys_of_guests(case, meeting)) for case in cases)
    return title if known else ""


def _had_subject(case: Case, title: str, guests: frozenset[str]) -> bool:
    between = (mail for mail in case.relation.mails if {mail.author, *mail.others} - case.view.owner_keys - {""} <= guests)
    return any(bare(mail.subject).casefold() == title.casefold() for mail in between)


def _keys_of_guests(case: Case, meeting: Meeting) -> frozenset[str]:
    """Return every address of every guest, the owner left out."""
    keys: set[str] = set()
    for guest in meeting.guests:
        key = match_key(guest.address.email)
        known = case.view.people.get(guest.person_id) or case.view.holders.get(key)
        keys.add(key)
        keys.update(known.person.addresses if known else ())
    return frozenset(keys) - case.view.owner_keys


def _is_on(people: set[str], case: Case) -> bool:
    return not people.isdisjoint(case.relation.person.addresses)
