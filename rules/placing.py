"""Where a hold goes: a free slot by its rule's timing, of a kind the owner has time for, when the other side is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from rules.caps import eased
from rules.countries import country_of
from rules.network import Network, Relation, Trip
from rules.rule import Limits, Rule, Rulebook
from rules.slots import Slot, next_free
from rules.social import SocialTime
from rules.suggestions import Hold, Suggestion

HORIZON_DAYS = 21
USUAL = timedelta(minutes=25)
GONE = frozenset({"withdrawn", "failed", "owner_deleted", "dismissed", "expired", "put_off"})
"""A hold that closed so takes up no room in the calendar."""


def slot_for(  # noqa: PLR0913 -- what a slot depends on, each by its name
    rule: Rule,
    network: Network,
    limits: Limits,
    now: datetime,
    *,
    relation: Relation | None,
    taken: Sequence[Slot],
    trip: Trip | None = None,
    since: datetime | None = None,
    is_gentle: bool = False,
) -> Slot | None:
    """Find the earliest slot for a hold of a rule, inside the trip where it is for one; None where there is none.

    The notice counts from `since`, None = from now. Where the owner has set times for people aside, a rule that takes up such time goes into one of its kinds.
    """
    begin = max(since or now, now if trip is None else trip.start)
    horizon = HORIZON_DAYS if trip is None else max((trip.end - begin).days, 0)
    found = (
        next_free(
            [*network.busy, *relation.busy] if relation and relation.busy else network.busy,
            network.owner,
            begin,
            notice_days=rule.timing.notice,
            minutes=rule.timing.minutes,
            horizon_days=horizon,
            meeting_hours=limits.meeting_hours,
            taken=taken,
            per_day=eased(limits.holds_per_day, is_gentle=is_gentle),
            per_week=eased(limits.holds_per_week, is_gentle=is_gentle),
            offsets=relation.offsets if relation else None,
            trips=network.trips,
            days_off=network.days_off.get(country_of(relation), ()) if relation else (),
            social=social,
        )
        for social in _kinds(rule, network)
    )
    slots = [slot for slot in found if slot is not None and (trip is None or slot.end <= trip.end)]
    return min(slots, key=lambda slot: slot.start, default=None)


def another_slot(left: Suggestion, seen: Network, rulebook: Rulebook, now: datetime) -> Slot | None:
    """Find another time for a hold that was left untouched, by its rule's own timing; None where its rule is gone or off."""
    rule = rulebook.rule(left.rule)
    if rule is None or rule.mode == "off" or not isinstance(left.action, Hold):
        return None
    kind = left.action.social
    alike = replace(rule, timing=replace(rule.timing, social=() if kind is None else (kind,)))
    relation = next((one for one in seen.relations if left.address in one.person.addresses), None)
    trip = next((trip for trip in seen.trips if left.cause == f"trip:{trip.uid}"), None)
    return slot_for(alike, seen, rulebook.limits, now, relation=relation, taken=taken_by(seen, but=left.key), trip=trip)


def taken_by(network: Network, *, but: str = "") -> list[Slot]:
    """List the slots of the holds in the ledger that still stand, one of them left out by its key."""
    holds = (past for past in network.ledger if past.action != "draft" and past.close_reason not in GONE and past.key != but)
    return [Slot(start=past.at, end=past.until or past.at + USUAL, social=past.social) for past in holds if past.at is not None]


def _kinds(rule: Rule, network: Network) -> Sequence[SocialTime | None]:
    """Return the kinds of time a rule may choose among; None = any of the owner's hours."""
    times = network.owner.social
    return [time for time in times if time.kind in rule.timing.social] if times and rule.timing.social else [None]
