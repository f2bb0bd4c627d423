"""Triggers: what in a person's history sets a rule off, as cases for its conditions to judge."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from itertools import takewhile
from types import MappingProxyType

from rules.case import Case, View, cause_of, guest_of, is_first_meeting, is_history_known, is_quiet
from rules.network import Mail, Past, Relation
from rules.rule import Trigger
from rules.workdays import local_day

RECENT = timedelta(days=14)
"""How far back what happened can still set a rule off; conditions narrow it."""
ON_THE_TABLE = timedelta(days=60)
"""How long a mail can wait for an answer before nobody waits any more."""
AHEAD = timedelta(days=21)
DORMANT = timedelta(days=180)
ONE_DAY = timedelta(days=1)
FORGOTTEN = timedelta(days=30)
"""After so long without a word, whoever introduced someone has not heard what came of it."""
INTRODUCING = re.compile(
    r"\b(intro|introduction|introducing|introducción|présentation|mise en relation|vorstellung|bekannt\s?mach\w*|presentazione|"
    r"kennismaking)\b|\S\s*(<>|<->|↔|<=>)\s*\S|\bmeet\b",
    re.IGNORECASE,
)
"""How subjects of introductions look; en, de, fr, es, it, nl."""
CATCHING_UP = frozenset({"lapse", "month", "trip"})
"""Causes of holds in which two people talk who have not for a while."""
Cases = Iterator[Case]


def cases(trigger: Trigger, view: View, relation: Relation) -> Cases:
    """Yield the cases of a trigger in the history of one person."""
    return TRIGGERS[trigger](view, relation)


def _meeting_held(view: View, relation: Relation) -> Cases:
    for meeting in relation.meetings:
        if view.now - RECENT <= meeting.end <= view.now:
            cause = cause_of(meeting.uid, meeting.original_start)
            yield Case(
                view=view, relation=relation, cause=cause, at=meeting.end, meeting=meeting, guest=guest_of(meeting, relation)
            )


def _first_meeting(view: View, relation: Relation) -> Cases:
    """Yield the first meeting ever, where enough has been read to say so."""
    return (case for case in _meeting_held(view, relation) if is_first_meeting(case) and is_history_known(case))


def _met_group(view: View, relation: Relation) -> Cases:
    over = [trip for trip in view.network.trips if trip.is_conference and view.now - RECENT <= trip.end <= view.now]
    for trip in over:
        for meeting in relation.meetings:
            if trip.start <= meeting.start and meeting.end <= trip.end and meeting.uid != trip.uid:
                cause, guest = cause_of(meeting.uid, meeting.original_start), guest_of(meeting, relation)
                yield Case(view=view, relation=relation, cause=cause, at=trip.end, meeting=meeting, guest=guest, trip=trip)


def _lapsing(view: View, relation: Relation) -> Cases:
    if is_quiet(view, relation):
        yield _lapse(view, relation)


def _dormant(view: View, relation: Relation) -> Cases:
    if relation.last_at is not None and view.now - relation.last_at >= DORMANT:
        yield _lapse(view, relation)


def _one_to_one_missed(view: View, relation: Relation) -> Cases:
    if relation.missed_one_to_ones:
        yield _lapse(view, relation)


def _month(view: View, relation: Relation) -> Cases:
    if relation.person.id in view.network.month:
        today = local_day(view.network.owner, view.now)
        yield Case(view=view, relation=relation, cause=f"month:{today:%Y-%m}", at=view.now - timedelta(days=today.day))


def _lapse(view: View, relation: Relation) -> Case:
    return Case(view=view, relation=relation, cause=f"lapse:{relation.episode}", at=relation.last_at or view.now)


def _travel(view: View, relation: Relation) -> Cases:
    for trip in view.network.trips:
        if trip.place and trip.start <= view.now + AHEAD and view.now < trip.end and _same(trip.place, relation.last_met_place):
            yield Case(view=view, relation=relation, cause=f"trip:{trip.uid}", at=view.now, trip=trip)


def _reply_owed(view: View, relation: Relation) -> Cases:
    mail = _last_word(view, relation)
    if mail is not None and mail.direction == "in" and not mail.in_reply_to:
        yield _of_mail(view, relation, mail)


def _awaiting_reply(view: View, relation: Relation) -> Cases:
    mail = _last_word(view, relation)
    if (
        mail is not None
        and mail.direction == "out"
        and mail.subject
        and not mail.in_reply_to
        and not _asks_nothing(view, relation, mail)
    ):
        yield _of_mail(view, relation, mail)


def _asks_nothing(view: View, relation: Relation, mail: Mail) -> bool:
    """Tell whether the owner has sent a draft of ours: thanks, say, wait for no answer; only what begins a hold to catch up does."""
    ours = (past for past in view.ledger_of(relation) if mail.message_id and past.message_id == mail.message_id)
    return any(past.cause.partition(":")[0] != "hold" for past in ours)


def _introduced(view: View, relation: Relation) -> Cases:
    for mail in takewhile(lambda mail: view.now - mail.at <= RECENT, relation.mails):
        if mail.direction == "in" and mail.author in relation.person.addresses:
            other = _newcomer(view, mail)
            if other is not None:
                found = _of_mail(view, relation, mail)
                yield Case(view=view, relation=relation, cause=found.cause, at=mail.at, mail=mail, introduced=other)


def _introduction_paid_off(view: View, relation: Relation) -> Cases:
    """Look from the person introduced; the case is the introducer's."""
    introducer = view.people.get(relation.introduced_by)
    if introducer is not None and relation.introduced_at is not None and introducer is not relation:
        cause, at = f"introduction:{relation.person.addresses[0]}", relation.introduced_at + FORGOTTEN
        if at <= view.now:
            yield Case(view=view, relation=introducer, cause=cause, at=at, introduced=relation)


def _promise_due(view: View, relation: Relation) -> Cases:
    for promise in relation.promises:
        if view.now - RECENT <= promise.due_at <= view.now + RECENT:
            yield Case(view=view, relation=relation, cause=f"promise:{promise.id}", at=promise.made_at, promise=promise)


def _hold_starting(view: View, relation: Relation) -> Cases:
    """Yield the holds to catch up about to begin; one to answer a mail or to keep a promise needs no way to begin."""
    for past in view.ledger_of(relation):
        is_catching_up = past.cause.partition(":")[0] in CATCHING_UP
        if past.action == "hold" and past.state == "delivered" and is_catching_up and _is_near(view, past):
            at = past.at or view.now
            yield Case(view=view, relation=relation, cause=f"hold:{past.key}", at=at, hold=past)


def _is_near(view: View, past: Past) -> bool:
    return past.at is not None and view.now - ONE_DAY <= past.at <= view.now + ONE_DAY


def _of_mail(view: View, relation: Relation, mail: Mail) -> Case:
    return Case(view=view, relation=relation, cause=f"message:{mail.message_id}", at=mail.at, mail=mail)


def _last_word(view: View, relation: Relation) -> Mail | None:
    """Return the newest mail between just the two, where nothing of either has followed it."""
    mail = next(iter(relation.mails), None)
    if mail is None or mail.recipients != 1 or (mail.others and mail.direction == "in") or view.now - mail.at > ON_THE_TABLE:
        return None
    met = any(meeting.end > mail.at for meeting in relation.meetings)
    return None if met else mail


def _newcomer(view: View, mail: Mail) -> Relation | None:
    """Return the one person whom a mail made known to the owner."""
    if not INTRODUCING.search(mail.subject):
        return None
    met = [other for key in mail.others if (other := view.holders.get(key)) is not None and other.first_at is not None]
    new = [other for other in met if other.first_at is not None and other.first_at >= mail.at - timedelta(minutes=5)]
    return new[0] if len(new) == 1 and len(mail.others) <= 3 else None  # noqa: PLR2004 -- an introduction names few


def _same(one: str, other: str) -> bool:
    return one.casefold().strip() == other.casefold().strip()


TRIGGERS: Mapping[Trigger, Callable[[View, Relation], Cases]] = MappingProxyType(
    {
        "meeting_held": _meeting_held,
        "first_meeting": _first_meeting,
        "met_group": _met_group,
        "lapsing": _lapsing,
        "dormant": _dormant,
        "travel": _travel,
        "reply_owed": _reply_owed,
        "awaiting_reply": _awaiting_reply,
        "one_to_one_missed": _one_to_one_missed,
        "introduced": _introduced,
        "introduction_paid_off": _introduction_paid_off,
        "promise_due": _promise_due,
        "month": _month,
        "hold_starting": _hold_starting,
    }
)
TIMELY = frozenset({"lapsing", "dormant", "month"})
"""Triggers that propose somebody for no other reason than that it is time."""
SILENCES = frozenset({"lapsing", "dormant", "one_to_one_missed", "month", "reply_owed", "awaiting_reply", "introduction_paid_off"})
"""Triggers that conclude from what is not there: they need everything since the last contact to have been read."""
