"""Surroundings of a decision: when the owner is busy, what the ledger remembers, how far back has been read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, cast
from zoneinfo import ZoneInfo

from sqlalchemy import BindParameter, Connection, Row, and_, bindparam, or_, select

from rules.addresses import match_key
from rules.interactions import NotHeld
from rules.keys import text_mark
from rules.network import Busy, Owner, Past, Trip
from rules.social import Social
from rules.suggestions import CloseReason, State
from rules.trips import LONG
from rules.trips import trips as trips_in
from worker.store.feeds import EVER, StoredFeed, stored_feeds
from worker.store.mapping import decode, instant, maybe_instant, micros
from worker.store.meetings import Diary, Entry
from worker.store.tables import account, rule_mode, suggestion

STALE = timedelta(hours=36)
"""A feed not read up for so long may hide anything: nobody is judged silent meanwhile."""
LEDGER = timedelta(days=90)
LEAVE = timedelta(days=3)
"""Leave that ended so recently is loaded too: nothing is put on the two days after it."""
TRAVELLED = timedelta(days=14)
"""Trips and conferences that ended so recently are loaded too: people met there may be written to."""
FREE_TYPES = frozenset({"birthday", "workingLocation", "fromGmail"})
DISCARDED = ("owner_deleted", "dismissed")
FINISHED = ("done", "owner_edited", *DISCARDED)

# Statements are built once: they are run for every mail, and building one takes longer than running it.
_WHOSE: Final[BindParameter[str]] = bindparam("whose")
_CONNECTED: Final = select(account.c.id, account.c.error, account.c.last_ok_at).where(
    account.c.owner == _WHOSE, account.c.state != "disconnected"
)
_IS_SENT: Final = and_(suggestion.c.action == "draft", suggestion.c.close_reason.in_(("done", "owner_edited")))
_REMEMBERED: Final = (
    *(suggestion.c.key, suggestion.c.rule, suggestion.c.cause, suggestion.c.state, suggestion.c.action, suggestion.c.created_at),
    *(suggestion.c.close_reason, suggestion.c.updated_at, suggestion.c.at, suggestion.c.address, suggestion.c.payload),
    suggestion.c.message_id,
)
"""Columns the ledger remembers a suggestion by, for `past`."""
_LEDGER: Final = (
    select(*_REMEMBERED)
    .where(
        suggestion.c.owner == _WHOSE,
        or_(suggestion.c.state != "closed", suggestion.c.created_at >= bindparam("since"), _IS_SENT),
    )
    .order_by(suggestion.c.created_at, suggestion.c.key)
)
_PASTS: Final = (
    select(suggestion.c.person, *_REMEMBERED)
    .where(
        or_(
            and_(suggestion.c.owner == _WHOSE, suggestion.c.person.in_(bindparam("persons", expanding=True))),
            and_(suggestion.c.owner == _WHOSE, suggestion.c.address.in_(bindparam("keys", expanding=True))),
        )
    )
    .order_by(suggestion.c.created_at, suggestion.c.key)
)
_MODES: Final = select(rule_mode.c.rule, rule_mode.c.mode).where(rule_mode.c.owner == _WHOSE)
_FINISHED: Final = (
    select(suggestion.c.rule, suggestion.c.close_reason)
    .where(suggestion.c.owner == _WHOSE, suggestion.c.state == "closed", suggestion.c.close_reason.in_(FINISHED))
    .order_by(suggestion.c.updated_at.desc(), suggestion.c.key)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How far back everything has been read."""

    since: datetime | None
    """Everything newer is known; None = something has not been read, or not for long."""
    history: datetime | None = None
    """How far back there is history, up to date or not; None = all there is."""

    def covers(self, last_at: datetime | None) -> bool:
        """Tell whether everything since then has been read."""
        return self.since is not None and (self.since == EVER or (last_at is not None and self.since <= last_at))


def coverage(connection: Connection, owner: str, now: datetime) -> Coverage:
    """Say how far back every feed of every connected account has been read, as of now."""
    found = connection.execute(_CONNECTED, {"whose": owner}).all()
    errors: dict[str, str] = {each.id: each.error for each in found}
    unread = {each.id for each in found if each.last_ok_at is None}
    marks = [each for each in stored_feeds(connection, owner) if each.account in errors]
    is_known = unread <= {each.account for each in marks} and all(_is_fresh(each, errors[each.account], now) for each in marks)
    since = max((each.covered_since or now for each in marks), default=now)
    is_read = bool(marks) and all(each.covered_since is not None for each in marks)
    return Coverage(since=since if is_known and is_read else None, history=None if since == EVER else since)


def _is_fresh(feed: StoredFeed, error: str, now: datetime) -> bool:
    """Tell whether what has come lately is known: read up not long ago, or in its first read, newest first."""
    if feed.last_ok_at is not None:
        return feed.last_ok_at >= now - STALE
    return feed.is_rereading and not error


def trips_of(entries: Iterable[Entry], diary: Diary, owner: Owner) -> tuple[Trip, ...]:
    """List the trips and conferences among what stands in the calendar and the owner has not declined."""
    own = (each for each in entries if not each.occurrence.is_cancelled and not _owner_declined(each, diary))
    return trips_in(((each.event, each.occurrence) for each in own), owner)


def busy(entries: Iterable[Entry], diary: Diary, owner: Owner, now: datetime, trips: Iterable[Trip] = ()) -> list[Busy]:
    """List when the owner is not free, from the start of today, and leave that has just ended.

    A stay of a day or more on one of the `trips` says where the owner is, not that they have no time there.
    """
    stays = {trip.uid for trip in trips if trip.place and trip.end - trip.start >= LONG}
    zone = ZoneInfo(owner.zone)
    today = datetime.combine(now.astimezone(zone).date(), time(), zone)
    spans: list[Busy] = []
    for entry in entries:
        if entry.occurrence.is_cancelled or _owner_declined(entry, diary):
            continue
        is_leave = _is_leave(entry)
        is_free = entry.event.is_transparent or entry.event.event_type in FREE_TYPES or entry.occurrence.uid in stays
        start, end = _instant(entry.occurrence.start, zone), _instant(entry.occurrence.end, zone)
        if end > today - LEAVE if is_leave else not is_free and end > today:
            spans.append(Busy(start=start, end=end, is_meeting=not isinstance(entry.found, NotHeld), is_leave=is_leave))
    return sorted(spans, key=lambda span: (span.start, span.end))


def leave_in(entries: Iterable[Entry], diary: Diary, owner: Owner) -> list[tuple[datetime, datetime]]:
    """List the owner's leave among what stands in the calendar."""
    zone = ZoneInfo(owner.zone)
    own = (each for each in entries if _is_leave(each) and not each.occurrence.is_cancelled and not _owner_declined(each, diary))
    return [(_instant(each.occurrence.start, zone), _instant(each.occurrence.end, zone)) for each in own]


def _is_leave(entry: Entry) -> bool:
    return entry.event.is_out_of_office or entry.event.event_type == "outOfOffice"


def _owner_declined(entry: Entry, diary: Diary) -> bool:
    mine = (each.response for each in entry.event.attendees if match_key(each.address.email) in diary.known_as.keys)
    return "declined" in mine


def _instant(at: datetime | date, zone: ZoneInfo) -> datetime:
    return at if isinstance(at, datetime) else datetime.combine(at, time(), zone).astimezone(UTC)


def ledger(connection: Connection, owner: str, now: datetime) -> list[Past]:
    """List the suggestions that are open or were made in the last 90 days, and drafts ever sent, oldest first."""
    return [past(row) for row in connection.execute(_LEDGER, {"whose": owner, "since": micros(now - LEDGER)})]


def pasts_of(
    connection: Connection, owner: str, persons: Collection[str], keys: Collection[str]
) -> Iterator[tuple[str, str, Past]]:
    """Yield person, address and suggestion for all ever made for these persons, or for an address of theirs."""
    for row in connection.execute(_PASTS, {"whose": owner, "persons": list(persons), "keys": list(keys)}):
        yield row.person, row.address, past(row)


def past(row: Row[*tuple[Any, ...]]) -> Past:
    """Read a suggestion as the ledger remembers it."""
    said = _said(row.payload, row.address)
    return Past(
        key=row.key,
        rule=row.rule,
        cause=row.cause,
        state=cast("State", row.state),
        action=cast('Literal["draft", "hold", "invite"]', row.action),
        created_at=instant(row.created_at),
        close_reason=cast("CloseReason | None", row.close_reason),
        closed_at=instant(row.updated_at) if row.state == "closed" else None,
        at=maybe_instant(row.at),
        text_mark=said.text_mark,
        message_id=row.message_id,
        until=said.until,
        social=said.social,
        addresses=said.addresses,
    )


class _Said(NamedTuple):
    text_mark: str
    until: datetime | None
    social: Social | None
    addresses: tuple[str, ...]


@lru_cache(maxsize=1 << 10)
def _said(payload: str, address: str) -> _Said:
    """Read what the ledger needs of an action: the same ones come with every decision."""
    action: dict[str, Any] = decode(payload)
    named = [each["email"] for part in ("to", "cc", "attendees") for each in action.get(part, ())]
    return _Said(
        text_mark=text_mark(action.get("text", "")),
        until=datetime.fromisoformat(action["end"]) if "end" in action else None,
        social=action.get("social"),
        addresses=tuple(dict.fromkeys(key for each in [address, *named] if (key := match_key(each)))),
    )


def modes(connection: Connection, owner: str) -> dict[str, Literal["create", "review", "off"]]:
    """Return the rules whose mode feedback or the owner has changed."""
    rows = connection.execute(_MODES, {"whose": owner})
    return {rule: cast('Literal["create", "review", "off"]', mode) for rule, mode in rows}


def discarded(connection: Connection, owner: str) -> dict[str, tuple[int, int]]:
    """Count per rule how many of the last five finished suggestions the owner discarded, of how many."""
    found: dict[str, list[str]] = {}
    for rule, reason in connection.execute(_FINISHED, {"whose": owner}):
        found.setdefault(rule, []).append(reason)
    return {rule: (sum(each in DISCARDED for each in reasons[:5]), len(reasons[:5])) for rule, reasons in found.items()}
