"""The words a template may use, each true of everyone it is addressed to, or empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from rules.case import Case, previous_meeting
from rules.network import Relation
from rules.threads import bare, topic_of
from rules.wording import Word, Wording
from rules.workdays import local_day

MONTH = 30.44
"""Days."""


def called(relation: Relation) -> str:
    """Return what the owner calls a person: the name, else the address."""
    return relation.person.name or next(iter(relation.person.addresses), "")


def words_for(cases: Sequence[Case], wording: Wording, language: str) -> Mapping[str, Word]:
    """Collect the words for one action for one person, or for several guests of one meeting."""
    first = cases[0]
    names = [case.relation.person.first_name for case in cases]
    place = first.trip.place if first.trip else ""
    return {
        "name": called(first.relation),
        "everyone": wording.listed(language, [called(case.relation) for case in cases]),
        "names": wording.listed(language, names) if all(names) else "",
        "is_plural": len(cases) > 1,
        "is_first": is_first(cases),
        "span": span(cases, wording, language),
        "next_day": _next_day(cases, wording, language),
        "introducer": _introducer(cases),
        "introduced": called(first.introduced) if first.introduced else "",
        "topic": topic_of(cases, first.meeting) if first.meeting else "",
        "subject": bare(first.mail.subject) if first.mail else "",
        "event": first.trip.title if first.trip else "",
        "place": place,
        "promise": first.promise.text if first.promise else "",
        "day": wording.day(language, local_day(first.view.network.owner, first.at)),
        "since": _since(first, wording, language),
        "social": "",
    }


def is_first(cases: Sequence[Case]) -> bool:
    """Tell whether the meeting was the first with each of them."""
    return all(case.meeting is not None and previous_meeting(case.relation, case.meeting) is None for case in cases)


def span(cases: Sequence[Case], wording: Wording, language: str) -> str:
    """Return how long they had not met before the meeting, where that is the same for all; else ""."""
    months = {_months_before(case) for case in cases}
    number = months.pop()
    return wording.span(language, number) if not months and number > 1 else ""


def kind_of_reunion(case: Case) -> int:
    """Return the months since the meeting before, 0 for a first meeting: what one text can be true of several people by."""
    return _months_before(case)


def _months_before(case: Case) -> int:
    previous = previous_meeting(case.relation, case.meeting) if case.meeting else None
    if case.meeting is None or previous is None:
        return 0
    return max(round((case.meeting.start - previous).days / MONTH), 2)


def _next_day(cases: Sequence[Case], wording: Wording, language: str) -> str:
    """Return the day of a meeting all of them are in next, where it is an ordinary one of the coming weeks."""
    coming = [case.relation.next_meeting for case in cases]
    first = coming[0]
    if first is None or first.is_private or any(other is None or other.uid != first.uid for other in coming):
        return ""
    today, day = (local_day(cases[0].view.network.owner, at) for at in (cases[0].view.now, first.start))
    return wording.day(language, day) if 3 < (day - today).days <= 90 else ""  # noqa: PLR2004 -- not tomorrow, not next year


def _introducer(cases: Sequence[Case]) -> str:
    """Return who brought them together, where that is one person from outside; colleagues are nobody else's business."""
    if not is_first(cases):
        return ""
    people = {case.relation.introduced_by for case in cases}
    known = cases[0].view.people.get(people.pop())
    return known.person.name if known is not None and not people and not known.person.is_internal else ""


def _since(case: Case, wording: Wording, language: str) -> str:
    owner, now = case.view.network.owner, case.view.now
    other = case.introduced
    last: datetime | None = other.introduced_at if other is not None else case.relation.last_at
    return wording.since(language, local_day(owner, last), local_day(owner, now)) if last is not None else ""
