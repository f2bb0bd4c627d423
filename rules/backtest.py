"""Replay history with the same engine, day by day: what each rule would have done, and what then happened by itself."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from operator import attrgetter
from typing import overload

from rules.engine import suggest
from rules.keys import text_mark
from rules.network import Mail, Meeting, Network, Past, Person, Relation
from rules.rhythm import LATE, SHORTEST, Contact, elapsed, interaction_days
from rules.rulebook import Rulebook
from rules.suggestions import Draft, Hold, Suggestion
from rules.wording import Wording

_at, _end = attrgetter("at"), attrgetter("end")
DAY = timedelta(days=1)
RECENT = timedelta(days=90)
ANYWAY = timedelta(days=30)
"""Being in touch so soon after a suggestion would have happened without it."""
SILENCE = timedelta(days=90)
MAILS = 50
LOOKS = (timedelta(days=5), timedelta(days=8))
"""When a mail without an answer is worth a look."""
LATER = (timedelta(days=181), timedelta(days=366))
"""When a silence that goes on is worth another look, besides when the own rhythm is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All there ever was between the owner and one person; only what lies before a day is looked at on it."""

    person: Person
    contacts: Sequence[Contact] = ()
    """Ascending."""
    meetings: Sequence[Meeting] = ()
    """Held ones, ascending by end."""
    mails: Sequence[Mail] = ()
    """Ascending."""
    sent_at: Sequence[datetime] = ()
    """When each of `mails` was sent, where that can be told without reading them."""
    away: Sequence[tuple[datetime, datetime]] = ()
    """When nobody could expect them to be in touch (rules.absences)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One suggestion that would have been made, and what then happened."""

    at: datetime
    suggestion: Suggestion
    has_talked_anyway: bool
    """They were in touch within thirty days without it."""
    has_gone_silent: bool | None
    """No two-way contact within ninety days; None where the history ends before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What one rule would have done."""

    rule: str
    made: int
    talked_anyway: int
    gone_silent: int
    still_open: int
    """Too recent to say what came of it."""
    per_week: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a rulebook would have done over a span of history."""

    replayed: tuple[Replayed, ...]
    tallies: tuple[Tally, ...]


def backtest(
    histories: Sequence[History], network: Network, rulebook: Rulebook, wording: Wording, *, since: datetime, until: datetime
) -> Report:
    """Replay the days from `since` to `until`. `network` gives owner, busy time and trips; its relations are not looked at."""
    by_id = {one.person.id: one for one in histories}
    due = _due(histories, since, until)
    ledgers: dict[str, list[Past]] = {}
    recent: list[Past] = []
    replayed: list[Replayed] = []
    for day in _days(since, until):
        if not (looked := due.get(day)):
            continue
        recent = [_closed(past, day) for past in recent if past.created_at > day - RECENT]
        relations = [found for one in looked if (found := relation_at(one, day, _own(ledgers, one, day))) is not None]
        seen = replace(network, relations=relations, ledger=recent, is_retrospective=True, started_at=None)
        for made in suggest(seen, rulebook, day, wording).suggestions:
            past = _past(made, by_id, day)
            recent.append(past)
            for who in (made.person_id, *made.companions):
                ledgers.setdefault(who, []).append(past)
            replayed.append(_afterwards(made, by_id[made.person_id], day, until))
    return Report(replayed=tuple(replayed), tallies=tuple(_tallies(replayed, rulebook, until - since)))


def relation_at(history: History, now: datetime, ledger: Sequence[Past] = ()) -> Relation | None:
    """Return the relation as it stood at an instant, with what had been proposed to them; None where there was none yet."""
    contacts = history.contacts[: bisect_right(history.contacts, now, key=_at)]
    if not contacts:
        return None
    held = history.meetings[: bisect_right(history.meetings, now, key=_end)]
    sent = bisect_right(history.sent_at, now) if history.sent_at else bisect_right(history.mails, now, key=_at)
    fresh = [one for one in held if one.end > now - RECENT]
    return Relation(
        person=history.person,
        contacts=contacts,
        meetings=tuple(reversed(fresh)),
        meetings_held=len(held),
        one_to_ones_held=sum(one.size == 2 for one in held),  # noqa: PLR2004 -- the owner and one more
        previous_meeting_at=held[-len(fresh) - 1].end if len(held) > len(fresh) else None,
        mails=Latest(history.mails, sent, now - RECENT),
        first_at=contacts[0].at,
        last_at=contacts[-1].at,
        last_in_at=next((one.at for one in reversed(contacts) if one.direction == "in"), None),
        last_out_at=next((one.at for one in reversed(contacts) if one.direction == "out"), None),
        interactions=len(held) + sent,
        episode=sum(past.state == "closed" for past in ledger),
        ledger=ledger,
        away=history.away,
    )


class Latest(Sequence[Mail]):
    """The last mails before an index and not too old, newest first: none is looked at before a rule does."""

    __slots__ = ("_all", "_found", "_next", "_since", "_until")

    def __init__(self, mails: Sequence[Mail], until: int, since: datetime) -> None:
        self._all = mails
        self._next = until - 1
        self._until = max(until - MAILS, 0)
        self._since = since
        self._found: list[Mail] = []

    def __iter__(self) -> Iterator[Mail]:
        yield from self._found
        while (one := self._one_more()) is not None:
            yield one

    def __len__(self) -> int:
        return len(self._whole())

    @overload
    def __getitem__(self, at: int) -> Mail: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Mail]: ...
    def __getitem__(self, at: int | slice) -> Mail | Sequence[Mail]:
        return self._whole()[at]

    def _whole(self) -> list[Mail]:
        while self._one_more() is not None:
            pass
        return self._found

    def _one_more(self) -> Mail | None:
        if self._next < self._until or (one := self._all[self._next]).at <= self._since:
            self._next = -1
            return None
        self._next -= 1
        self._found.append(one)
        return one


def _own(ledgers: Mapping[str, Sequence[Past]], history: History, day: datetime) -> tuple[Past, ...]:
    return tuple(_closed(past, day) for past in ledgers.get(history.person.id, ()))


def _due(histories: Iterable[History], since: datetime, until: datetime) -> Mapping[datetime, Sequence[History]]:
    """Say on which days whom to look at: after a meeting, and when a silence has lasted long enough to mean something."""
    due: dict[datetime, dict[str, History]] = {}
    for history in histories:
        for at in _moments(history):
            day = _day_after(at)
            if since <= day <= until:
                due.setdefault(day, {})[history.person.id] = history
    return {day: tuple(found.values()) for day, found in due.items()}


def _moments(history: History) -> Iterator[datetime]:
    """Yield when something about a person can have changed for a rule."""
    yield from (one.end for one in history.meetings)
    days = interaction_days(history.contacts)
    gaps: list[float] = []
    for contact, following in zip_longest(history.contacts, history.contacts[1:]):
        length = timedelta.max if following is None else following.at - contact.at
        if length < LOOKS[0]:
            continue
        known = bisect_right(days, contact.at.timestamp() / DAY.total_seconds())
        for later in range(len(gaps) + 1, known):
            insort(gaps, days[later] - days[later - 1])
        yield from (contact.at + wait for wait in _waits(history, contact, gaps) if wait < length)


def _waits(history: History, contact: Contact, gaps: Sequence[float]) -> Iterator[timedelta]:
    """Yield after how long a silence is worth a look, given the gaps before it."""
    usual = timedelta(days=(gaps[(len(gaps) - 1) // 2] + gaps[len(gaps) // 2]) / 2) if gaps else SHORTEST
    over = history.person.cadence or max(SHORTEST, LATE * usual)
    yield from (over + DAY, over + 8 * DAY, *LATER)
    if history.away:
        yield from (_present(history, contact.at, over + more) for more in (DAY, 8 * DAY))
    if not contact.is_reply:
        yield from LOOKS


def _present(history: History, start: datetime, length: timedelta) -> timedelta:
    """Return after how long a span has passed without the absences in it."""
    reached = length
    while (longer := length + reached - elapsed(start, start + reached, history.away)) > reached:
        reached = longer
    return reached


def _day_after(at: datetime) -> datetime:
    """Return the first midnight, UTC, at which something has happened."""
    return datetime.combine(at.astimezone(UTC).date() + DAY, datetime.min.time(), UTC)


def _days(since: datetime, until: datetime) -> Iterator[datetime]:
    day = _day_after(since - timedelta(microseconds=1))
    while day <= until:
        yield day
        day += DAY


def _past(made: Suggestion, by_id: Mapping[str, History], day: datetime) -> Past:
    people = (by_id[who].person for who in (made.person_id, *made.companions) if who in by_id)
    action = made.action
    return Past(
        key=made.key,
        rule=made.rule,
        cause=made.cause,
        state="delivered",
        action="draft" if isinstance(action, Draft) else "hold" if isinstance(action, Hold) else "invite",
        created_at=day,
        at=action.date if isinstance(action, Draft) else action.start,
        text_mark=text_mark(action.text) if isinstance(action, Draft) else "",
        message_id=action.message_id if isinstance(action, Draft) else "",
        until=None if isinstance(action, Draft) else action.end,
        social=None if isinstance(action, Draft) else action.social,
        addresses=tuple(address for person in people for address in person.addresses),
    )


def _closed(past: Past, day: datetime) -> Past:
    """Close what its time has passed for, as a service that runs would have."""
    if past.state == "closed" or past.at is None or day < past.at + 4 * DAY:
        return past
    return replace(past, state="closed", close_reason="expired" if past.action == "draft" else "done", closed_at=day)


def _afterwards(made: Suggestion, history: History, day: datetime, until: datetime) -> Replayed:
    later = [one for one in history.contacts if one.at > day]
    both = {one.direction for one in later if one.at <= day + SILENCE}
    last = max(until, history.contacts[-1].at if history.contacts else until)
    silent = both != {"in", "out"} if both == {"in", "out"} or last >= day + SILENCE else None
    return Replayed(
        at=day,
        suggestion=made,
        has_talked_anyway=any(one.at <= day + ANYWAY for one in later),
        has_gone_silent=silent,
    )


def _tallies(replayed: Sequence[Replayed], rulebook: Rulebook, span: timedelta) -> Iterator[Tally]:
    weeks = max(span / timedelta(days=7), 1.0)
    for rule in rulebook.rules:
        mine = [one for one in replayed if one.suggestion.rule == rule.name]
        if mine:
            yield Tally(
                rule=rule.name,
                made=len(mine),
                talked_anyway=sum(one.has_talked_anyway for one in mine),
                gone_silent=sum(one.has_gone_silent is True for one in mine),
                still_open=sum(one.has_gone_silent is None for one in mine),
                per_week=len(mine) / weeks,
            )
