"""Layout: who speaks for each occurrence of one UID, among the master, its overrides and all calendars it lies in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from connectors.ical import expand
from rules.facts import CalendarEvent, Occurrence
from worker.store.mapping import iso, micros, start_of

AHEAD = timedelta(days=180)
"""How far ahead series are laid out; rolled forward nightly."""
MOST = 5000
"""Instances of one series at most."""
ANSWERS = frozenset({"REPLY", "COUNTER", "DECLINECOUNTER", "REFRESH"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From where to where in time UIDs are laid out: as far back as history is kept."""

    since: datetime
    now: datetime
    zone: str
    """The owner's IANA zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One event row."""

    id: int
    account: str
    """"" for a text kept only because something ended while it held."""
    feed: str
    first_start: str
    event: CalendarEvent

    @property
    def rank(self) -> tuple[int, int, int]:
        """Of several copies the highest SEQUENCE wins, then the newest, then the first seen (RFC 5546 2.1.4)."""
        updated = self.event.updated_at
        return (self.event.sequence, 0 if updated is None else micros(updated), -self.id)


class Spoken(NamedTuple):
    """One occurrence, and the text that speaks for it."""

    occurrence: Occurrence
    text: Text
    is_own: bool
    """The text is about this occurrence alone: an override, or a single event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """An occurrence that has ended."""

    start_at: int
    is_cancelled: bool


def lay(texts: Sequence[Text], frozen: Mapping[str, Frozen], span: Span) -> dict[str, Spoken]:
    """Lay out one UID: original start -> who speaks for it. `frozen` names what has ended."""
    best: dict[str, Spoken] = {}
    singles: list[Text] = []
    live = sorted((text for text in texts if text.account and not _is_ours_alone(text.event)), key=_copy)
    for _, copy in groupby(live, key=_copy):
        group = list(copy)
        if len(group) == 1 and _is_single(group[0].event):
            singles += [] if group[0].event.method in ANSWERS else group
            continue
        for spoken in _series(group, span):
            name = iso(spoken.occurrence.original_start)
            if name not in best or spoken.text.rank > best[name].text.rank:
                best[name] = spoken
    if singles:
        name, spoken = _name_of(singles, frozen, span.now), _single(max(singles, key=lambda text: text.rank))
        if name in frozen or start_of(spoken.occurrence.end) > micros(span.since):
            best.setdefault(name, spoken)
    return best


def is_plain(texts: Sequence[Text]) -> bool:
    """Tell whether a UID is one single event in one calendar, which nearly all are: it speaks for itself."""
    if len(texts) != 1 or not texts[0].account or not texts[0].first_start:
        return False
    event = texts[0].event
    return _is_single(event) and not event.rekindle_key and event.method not in ANSWERS


def is_called_off(event: CalendarEvent) -> bool:
    """Tell whether a single event is cancelled."""
    return event.status == "cancelled" or event.method == "CANCEL"


def is_struck(texts: Sequence[Text], name: str, span: Span) -> bool:
    """Tell whether an instance that is missing was taken out by itself (EXDATE), and not moved with its series."""
    for text in texts:
        rules = tuple(line for line in text.event.recurrence if not line.upper().startswith("EXDATE"))
        if rules and len(rules) < len(text.event.recurrence):
            whole = Text(id=0, account=text.account, feed="", first_start="", event=replace(text.event, recurrence=rules))
            if any(iso(each.occurrence.original_start) == name for each in _series([whole], span)):
                return True
    return False


def _copy(text: Text) -> tuple[str, str]:
    return text.account, text.feed


def _is_single(event: CalendarEvent) -> bool:
    return not event.recurrence and event.original_start is None


def _is_ours_alone(event: CalendarEvent) -> bool:
    """Tell whether it is a hold of ours nobody was added to: no meeting, and it takes no time."""
    return bool(event.rekindle_key) and not event.attendees


def _name_of(singles: Sequence[Text], frozen: Mapping[str, Frozen], now: datetime) -> str:
    """Name a single event by its start as first seen; one that ended and was put ahead again is another occurrence."""
    event = max(singles, key=lambda text: text.rank).event
    start, is_ahead = event.start, start_of(event.end) > micros(now)
    name = min(singles, key=lambda text: text.id).first_start or iso(start)
    past = frozen.get(name)
    is_another = is_ahead and past is not None and past.start_at != start_of(start) and not past.is_cancelled
    return iso(start) if is_another else name


def _single(text: Text) -> Spoken:
    event = text.event
    occurrence = Occurrence(
        uid=event.uid,
        original_start=event.start,
        start=event.start,
        end=event.end,
        is_all_day=event.is_all_day,
        is_cancelled=is_called_off(event),
    )
    return Spoken(occurrence, text, is_own=True)


def _series(texts: Sequence[Text], span: Span) -> Iterator[Spoken]:
    """Expand one calendar's copy."""
    by_event = {id(text.event): text for text in texts}
    masters = [text for text in texts if text.event.original_start is None]
    master = max(masters or texts, key=lambda text: text.rank)
    is_single = _is_single(master.event)
    for each in expand([text.event for text in texts], zone=span.zone, start=span.since, end=span.now + AHEAD, limit=MOST):
        if (override := each.override) is None:
            yield Spoken(each, master, is_single)
        else:
            yield Spoken(each, by_event[id(override)], not override.is_range)
