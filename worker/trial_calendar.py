"""What a trial makes of calendars: every event once, expanded, and with whom the owner met, will meet or did not meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from connectors.files.archive import is_archive
from connectors.files.sources import calendars, is_ics
from connectors.port import PortError, Skipped
from rules.facts import Attendee, CalendarEvent, Occurrence
from rules.interactions import ALL_HANDS, MeetingRow, NotHeld, meeting
from rules.network import Busy, Guest, Kind, Meeting, Unheld
from rules.people import OwnerKeys, match_key

AHEAD: Final = timedelta(days=42)
"""How far ahead slots are looked for."""
BEHIND: Final = timedelta(days=3653)
"""How far back series are expanded; single events are taken whatever their age."""
RECENT: Final = timedelta(days=90)
JUST: Final = timedelta(days=14)
FIRST: Final = datetime(1970, 1, 2, tzinfo=UTC)
CALLED_OFF: Final = frozenset({"it was cancelled", "you declined", "everybody else declined"})
Series = dict[str, dict[str, CalendarEvent]]
"""UID -> original start of the override in ISO, "" for the master or single event."""


@dataclass(slots=True)
class Met:
    """The meetings with one address."""

    rows: list[MeetingRow] = field(default_factory=list)
    recent: list[Meeting] = field(default_factory=list)
    next: Meeting | None = None
    one_to_ones: list[datetime] = field(default_factory=list)
    called_off: list[datetime] = field(default_factory=list)
    """Starts of one-to-ones that were cancelled or declined."""
    unheld: list[Unheld] = field(default_factory=list)


@dataclass(slots=True)
class Engagements:
    """All meetings, by the match key of the other person."""

    met: dict[str, Met] = field(default_factory=dict)
    held: list[Meeting] = field(default_factory=list)
    """Held meetings of the last twelve months that were read, without an order."""
    busy: list[Busy] = field(default_factory=list)
    leave: list[tuple[datetime, datetime]] = field(default_factory=list)
    """The owner's own, past and present."""


def read(paths: Sequence[Path], zone: str) -> Iterator[CalendarEvent | Skipped]:
    """Yield every event under the paths, or why one cannot be read; a bad file never hides another."""
    if next(calendars(paths), None) is None:
        return
    from connectors.files.calendar import FilesCalendar  # noqa: PLC0415 - most of the time of a small mailbox, and it has none

    calendar = FilesCalendar(
        paths=[path for path in paths if path.is_dir() or is_archive(path) or is_ics(path.name)], out=None, zone=zone
    )
    for feed in calendar.feeds():
        try:
            for page in calendar.changes(feed, None):
                yield from page.skipped
                yield from page.upserted
        except PortError as error:
            yield Skipped(remote_id=feed.id, reason=str(error))


def store(series: Series, event: CalendarEvent) -> bool:
    """Keep an event, the newer of two copies (RFC 5546 2.1.5); False where it was a copy."""
    copies = series.setdefault(event.uid, {})
    name = event.original_start.isoformat() if event.original_start else ""
    known = copies.get(name)
    if known is None or _age(event) > _age(known):
        copies[name] = event
    return known is None


def names(series: Series, owner: OwnerKeys, count: int, now: datetime) -> tuple[str, ...]:
    """Name who is most in the owner's meetings begun by now, those of a crowd left out; () where it is not known who the owner is."""
    if not owner.keys:
        return ()
    met, called = Counter[str](), dict[str, str]()
    for copies in series.values():
        for event in copies.values():
            for guest in event.attendees if _is_theirs(event, owner, now) else ():
                key = match_key(guest.address.email)
                if key and guest.address.name and guest.kind == "INDIVIDUAL" and key not in owner.keys:
                    met[key] += 1
                    called[key] = guest.address.name
    return tuple(called[key] for key, _ in met.most_common(count))


def _is_theirs(event: CalendarEvent, owner: OwnerKeys, now: datetime) -> bool:
    has_begun = event.start <= now if isinstance(event.start, datetime) else event.start <= now.date()
    asked = (*event.attendees, event.organizer) if has_begun and event.attendee_count <= ALL_HANDS else ()
    emails = ((each.address if isinstance(each, Attendee) else each).email for each in asked if each)
    return any(match_key(email) in owner.keys for email in emails)


def _age(event: CalendarEvent) -> tuple[int, datetime]:
    return event.sequence, event.updated_at or FIRST


def engage(series: Series, owner: OwnerKeys, kind_of: Callable[[str], Kind], zone: str, now: datetime) -> Engagements:
    """Expand everything and say who was met, who is met next, what was not held, and when the owner is busy."""
    found = Engagements()
    for copies in series.values():
        for event, occurrence in _occurrences(copies, zone, now):
            judged = meeting(event, occurrence, owner, kind_of, now)
            if isinstance(judged, NotHeld):
                _note_unheld(found, occurrence.override or event, occurrence, judged, owner, now)
            else:
                _note(found, judged, now)
            source = occurrence.override or event
            if busy := _busy(source, occurrence, judged, zone, now):
                found.busy.append(busy)
            if source.is_out_of_office and not _is_off(occurrence, judged):
                found.leave.append((_instant(occurrence.start, zone), _instant(occurrence.end, zone)))
    found.busy.sort(key=lambda span: (span.start, span.end))
    for met in found.met.values():
        met.recent.sort(key=lambda one: one.end, reverse=True)
        met.unheld.sort(key=lambda one: _instant(one.start, zone), reverse=True)
    return found


def _occurrences(copies: dict[str, CalendarEvent], zone: str, now: datetime) -> Iterator[tuple[CalendarEvent, Occurrence]]:
    from connectors import ical  # noqa: PLC0415 - as above

    master = copies.get("")
    is_series = any(event.recurrence for event in copies.values())
    start = max(now - BEHIND, FIRST) if is_series else FIRST
    for occurrence in ical.expand(tuple(copies.values()), zone=zone, start=start, end=now + AHEAD):
        event = master or occurrence.override
        if event is not None:
            yield event, occurrence


def _note(found: Engagements, one: Meeting, now: datetime) -> None:
    humans = [
        guest for guest in one.guests if guest.kind in {"human", "unknown"} and guest.response not in {"declined", "delegated"}
    ]
    is_held = one.end <= now
    if is_held and one.size <= ALL_HANDS:
        found.held.append(one)
    for guest in humans:
        met = found.met.setdefault(match_key(guest.address.email), Met())
        if is_held:
            met.rows.append(MeetingRow(uid=one.uid, original_start=one.original_start, start=one.start, end=one.end, size=one.size))
            if one.size == 2:  # noqa: PLR2004 - the owner and one more
                met.one_to_ones.append(one.start)
            if one.end >= now - RECENT:
                met.recent.append(one)
        elif one.start > now and (met.next is None or one.start < met.next.start):
            met.next = one


def _note_unheld(
    found: Engagements, source: CalendarEvent, occurrence: Occurrence, why: NotHeld, owner: OwnerKeys, now: datetime
) -> None:
    keys = {match_key(guest.address.email) for guest in source.attendees} | (
        {match_key(source.organizer.email)} if source.organizer else set()
    )
    others = keys - owner.keys - {""}
    at = occurrence.start
    if isinstance(at, datetime) and at <= now and len(others) == 1 and why.reason in CALLED_OFF:
        found.met.setdefault(min(others), Met()).called_off.append(at)
    if isinstance(at, datetime) and now - JUST <= at <= now and len(others) <= ALL_HANDS:
        for key in others:
            unheld = Unheld(uid=occurrence.uid, original_start=occurrence.original_start, start=at, reason=why.reason)
            found.met.setdefault(key, Met()).unheld.append(unheld)


def _busy(source: CalendarEvent, occurrence: Occurrence, judged: Meeting | NotHeld, zone: str, now: datetime) -> Busy | None:
    """Tell what an occurrence takes of the time from today on."""
    start, end = _instant(occurrence.start, zone), _instant(occurrence.end, zone)
    today = datetime.combine(now.astimezone(ZoneInfo(zone)).date(), time(), ZoneInfo(zone))
    is_leave = source.is_out_of_office
    if end <= today or start >= now + AHEAD or _is_off(occurrence, judged) or not (is_leave or not source.is_transparent):
        return None
    return Busy(start=start, end=end, is_meeting=isinstance(judged, Meeting), is_leave=is_leave)


def _is_off(occurrence: Occurrence, judged: Meeting | NotHeld) -> bool:
    return occurrence.is_cancelled or (isinstance(judged, NotHeld) and judged.reason in {"you declined", "it was cancelled"})


def _instant(value: datetime | date, zone: str) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time(), ZoneInfo(zone)).astimezone(UTC)


def named(one: Meeting, person_of: Callable[[str], str]) -> Meeting:
    """Fill in who the guests are."""
    return replace(one, guests=tuple(_named(guest, person_of) for guest in one.guests))


def _named(guest: Guest, person_of: Callable[[str], str]) -> Guest:
    return replace(guest, person_id=person_of(match_key(guest.address.email)))


def missed(met: Iterable[Met]) -> int:
    """Count the one-to-ones in a row, since the last held one, that were cancelled or declined."""
    all_met = tuple(met)
    last = max((at for one in all_met for at in one.one_to_ones), default=FIRST)
    return sum(at > last for one in all_met for at in one.called_off)
