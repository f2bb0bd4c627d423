"""Decide: the persons due, loaded, looked at by the rules, and what they suggest planned in the outbox."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection, bindparam, select

from rules.engine import suggest
from rules.network import Network, Owner, Relation
from rules.rulebook import Rulebook
from rules.suggestions import Draft, Suggestion
from rules.wording import Wording
from worker.colleagues import Ask, agreed
from worker.heartbeat import LASTING, LONGEST, beating
from worker.store import accounts, judging, leases, network, occurrences, outbox, promises, sums
from worker.store.statements import lock_owner
from worker.store.store import Store
from worker.store.tables import account, feed

MORNING = time(0, 10)
"""Local time at which whoever may have gone quiet overnight is looked at."""
LATELY = timedelta(days=7)
_PLACES: Final = (
    select(feed.c.kind, feed.c.account, feed.c.role)
    .join(account, account.c.id == feed.c.account)
    .where(feed.c.owner == bindparam("whose"), account.c.state == "active")
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What one decision did."""

    reviewed: int = 0
    """Persons looked at."""
    planned: tuple[str, ...] = ()
    """Keys of new suggestions."""
    is_held: bool = False
    """Whether another worker was deciding for this owner: nothing was done."""


def decide(
    store: Store,
    owner: Owner,
    rulebook: Rulebook,
    now: datetime,
    *,
    holder: str,
    wording: Wording,
    is_retrospective: bool = False,
    ask: Ask = lambda *_: {},
) -> Decided:
    """Decide for the persons of one owner that are due; one decision per owner at a time, by lease.

    Whatever was suggested by a decision that has lost its lease is not written. Where a chosen time turns out to be taken
    for a colleague by what `ask` says, it is decided again with that known.
    """
    taken = now + LONGEST
    with store.write(is_lasting=False) as db:
        lease = leases.acquire(db, f"decide:{owner.name}", holder, now, LASTING)
        if lease is None:
            return Decided(is_held=True)
        lock_owner(db, owner.name)
        catch_up(db, owner.name, now)
        due = sums.claim(db, owner.name, now, taken)
    with beating(store, lambda db, at: leases.renew(db, lease, at, LASTING), now):
        with store.read() as db:
            seen = network.load(db, owner, now, person_ids=due, is_retrospective=is_retrospective)
            places = places_of(db, owner.name)
        decision = agreed(seen, lambda known: suggest(known, rulebook, now, wording), ask, now)
    with store.write(is_lasting=False) as db:
        lock_owner(db, owner.name)
        if not leases.is_current(db, lease):
            return Decided(is_held=True)
        planned = _plan(db, owner, seen, decision.suggestions, places, now)
        _settle(db, owner, seen, due, taken, now)
        outbox.close_expired(db, owner.name, now)
        leases.release(db, lease)
    return Decided(reviewed=len(due), planned=planned)


def catch_up(connection: Connection, owner: str, now: datetime) -> None:
    """Take note of what time alone has changed: meetings that have ended, and series whose future runs short."""
    known_as, zone = accounts.keys_and_zone(connection, owner)
    ended = occurrences.freeze(connection, owner, now)
    met = occurrences.attended(connection, owner, ended)
    judging.review(connection, owner, met, known_as, now)
    occurrences.roll(connection, owner, known_as, now, zone)
    promises.follow(connection, owner, now)


def next_review(relation: Relation, owner: Owner, now: datetime) -> datetime | None:
    """Return when time alone may change what is to be done about a person; None = only news can."""
    is_tie = relation.last_in_at is not None and relation.last_out_at is not None
    is_recent = any(each.end > now - LATELY for each in relation.meetings) or bool(relation.promises)
    if not (is_tie or is_recent or relation.person.is_key or relation.person.cadence):
        return None
    zone = ZoneInfo(owner.zone)
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, MORNING, zone).astimezone(UTC)


def _plan(
    connection: Connection,
    owner: Owner,
    seen: Network,
    suggestions: Collection[Suggestion],
    places: Mapping[str, list[str]],
    now: datetime,
) -> tuple[str, ...]:
    """Write the suggestions into the outbox, each for the account it will be delivered to."""
    people = {each.person.id: each for each in seen.relations}
    planned: list[str] = []
    for each in suggestions:
        relation = people.get(each.person_id)
        place = place_for(connection, each, relation, places)
        if place is None:
            log.warning("no account can take it", action="decide", owner=owner.name, rule=each.rule)
            continue
        addresses = relation.person.addresses if relation is not None else (each.address,)
        if outbox.plan(connection, owner.name, place, each, addresses, now):
            planned.append(each.key)
    return tuple(planned)


def places_of(connection: Connection, owner: str) -> dict[str, list[str]]:
    """List the active accounts with mail, and with calendars, main ones first."""
    rows = connection.execute(_PLACES, {"whose": owner})
    found: dict[str, list[str]] = {"mail": [], "calendar": []}
    for kind, account_id, _ in sorted(rows, key=lambda row: (row.role not in {"primary", "\\Drafts"}, row.account)):
        if account_id not in found[kind]:
            found[kind].append(account_id)
    return found


def place_for(
    connection: Connection, suggestion: Suggestion, relation: Relation | None, places: Mapping[str, list[str]]
) -> str | None:
    """Choose the account: the one the draft is written from, else the one that saw the cause, else the first."""
    able = places["mail" if isinstance(suggestion.action, Draft) else "calendar"]
    wanted = _cause_account(suggestion, relation)
    if isinstance(suggestion.action, Draft):
        sender = accounts.keys_of([suggestion.action.from_])
        own = [each for each in able if sender <= accounts.keys_of(accounts.get(connection, each).addresses)]
        able = [*own, *able]
    return wanted if wanted in able else next(iter(able), None)


def _cause_account(suggestion: Suggestion, relation: Relation | None) -> str:
    if relation is None:
        return ""
    meetings = {f"meeting:{each.uid}/{each.original_start.isoformat()}": each.account for each in relation.meetings}
    mails = {f"message:{each.message_id}": each.account for each in relation.mails}
    return (meetings | mails).get(suggestion.cause, "")


def _settle(connection: Connection, owner: Owner, seen: Network, due: Collection[str], taken: datetime, now: datetime) -> None:
    reviewed = [each for each in seen.relations if each.person.id in set(due)]
    sums.save(connection, owner.name, seen.relations)
    nexts: dict[str, datetime | None] = dict.fromkeys(due)
    nexts.update((each.person.id, next_review(each, owner, now)) for each in reviewed)
    sums.settle(connection, owner.name, taken, nexts, now)
