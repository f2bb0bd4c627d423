"""A time with a colleague is chosen so that it suits both, as far as their organisation tells; what it does not tell is unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from connectors.memory import Connection as MemoryConnection
from connectors.memory_provider import Provider
from connectors.optional import Schedules, Span
from connectors.port import Connection, Unavailable
from rules.engine import suggest
from rules.network import Network
from rules.people import OwnerKeys
from rules.suggestions import Hold, Suggestion
from tests.rules.builders import NOW, OLIVIA, fortnightly, holds, human, network
from worker.colleagues import HORIZON, Ask, agreed, informed
from worker.pipeline import Pipeline
from worker.rulebooks import shipped, wording
from worker.store import accounts, feeds
from worker.store.store import Store

TOM = human("Tom Amt <tom@own.example>")
BOB = human("Bob Kay <bob@kay.example>")
HALF = timedelta(minutes=30)
WEEK = timedelta(days=7)


class Asked:
    """What was asked, and one answer for whoever is known."""

    def __init__(self, spans: Mapping[str, Sequence[Span]]) -> None:
        self.spans, self.calls = spans, 0

    def __call__(self, addresses: Sequence[str], start: datetime, end: datetime) -> Mapping[str, Sequence[Span]]:
        self.calls += 1
        assert start <= NOW
        assert end == start + HORIZON
        return {one: self.spans[one] for one in addresses if one in self.spans}


def decided(seen: Network) -> tuple[Suggestion, ...]:
    return tuple(suggest(seen, shipped(), NOW, wording()).suggestions)


def chosen(seen: Network, ask: Ask) -> Hold:
    """Decide, and again with what was learned."""
    (hold,) = holds(agreed(seen, lambda known: suggest(known, shipped(), NOW, wording()), ask, NOW))
    return hold


def test_a_time_in_the_way_of_a_colleagues_is_chosen_anew() -> None:
    seen = network(fortnightly(TOM))
    first = chosen(seen, Asked({}))
    taken = [(first.start - HALF, first.end + HALF)]
    other = chosen(seen, Asked({"tom@own.example": taken}))
    assert other.start >= taken[0][1] or other.end <= taken[0][0]
    assert other.start - first.start < WEEK


def test_a_time_that_suits_them_stands() -> None:
    seen = network(fortnightly(TOM))
    first = chosen(seen, Asked({}))
    ask = Asked({"tom@own.example": [(first.end + HALF, first.end + 3 * HALF)]})
    assert informed(seen, decided(seen), ask, NOW) is None
    assert ask.calls == 1


def test_a_colleague_nobody_can_tell_of_is_asked_to_no_other_time() -> None:
    seen = network(fortnightly(TOM))
    assert informed(seen, decided(seen), Asked({}), NOW) is None


def test_nobody_outside_the_organisation_is_asked_about() -> None:
    ask = Asked({})
    seen = network(fortnightly(BOB))
    assert decided(seen)
    assert informed(seen, decided(seen), ask, NOW) is None
    assert ask.calls == 0


def test_a_colleague_without_a_free_hour_gets_no_time_and_keeps_others_from_none() -> None:
    seen = network(fortnightly(replace(TOM, is_key=True)), fortnightly(BOB))
    known = informed(seen, decided(seen), Asked({"tom@own.example": [(NOW - WEEK, NOW + 5 * WEEK)]}), NOW)
    assert known is not None
    made = holds(suggest(known, shipped(), NOW, wording()))
    assert [hold.title for hold in made] == ["Bob Kay"]


class Telling(MemoryConnection):
    """A connection that can tell when colleagues are busy."""

    def busy(self, addresses: Sequence[str], start: datetime, end: datetime) -> Mapping[str, Sequence[Span]]:
        return {one: [(start, end)] for one in addresses}


@pytest.mark.parametrize(
    ("first", "expected"),
    [("tells", True), ("cannot tell", True), ("is not reached", True)],
)
def test_the_first_account_that_can_tell_is_asked_and_none_that_cannot_stands_in_the_way(first: str, *, expected: bool) -> None:
    store = Store.open("sqlite://")
    with store.write() as db:
        accounts.register_owner(db, "olivia", OwnerKeys(keys=frozenset({"olivia@own.example"})), "UTC")
        for name in ("a", "b"):
            accounts.register(db, owner="olivia", name=name, provider="memory", addresses=OLIVIA.addresses, now=NOW)
            calendar = MemoryConnection(Provider(addresses=list(OLIVIA.addresses))).calendar
            assert calendar is not None
            feeds.sync_feeds(db, f"olivia/{name}", "olivia", "calendar", calendar.feeds(), NOW)

    def opened(account: str) -> Connection:
        if account == "olivia/a" and first == "is not reached":
            raise Unavailable("not now")
        kind = MemoryConnection if account == "olivia/a" and first == "cannot tell" else Telling
        return kind(Provider(addresses=list(OLIVIA.addresses)))

    pipeline = Pipeline(
        store=store,
        clock=lambda: NOW,
        open_connection=opened,
        owner=lambda _: replace(OLIVIA),
        rulebook=lambda _: shipped(),
        wording=wording(),
    )
    assert isinstance(opened("olivia/b"), Schedules)
    assert bool(pipeline.busy("olivia", ["tom@own.example"], NOW, NOW + WEEK)) is expected
    store.close()
