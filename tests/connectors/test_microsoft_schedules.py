"""Colleagues' time at Microsoft: only whether it is free, unknown where a tenant does not tell, and looked at before a time is chosen."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.optional import Schedules
from connectors.port import RateLimited, Unavailable
from tests.connectors.contract import CANARY, NOON
from tests.connectors.microsoft_world import MicrosoftWorld
from tests.simulators.microsoft.agenda import moment

BEN = "ben@example.org"
HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)
START = NOON.replace(hour=0, minute=0)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[MicrosoftWorld]:
    world = MicrosoftWorld(tmp_path)
    world.graph.box(BEN)
    yield world
    world.close()
    assert world.graph.violations == []


def engage(world: MicrosoftWorld, start: datetime, shown: str = "busy", who: str = BEN) -> None:
    world.graph.box(who).agenda.add(start=start, end=start + HOUR, subject=CANARY, showAs=shown)


def busy(world: MicrosoftWorld, *who: str, days: int = 7) -> dict[str, list[tuple[datetime, datetime]]]:
    connection = world.open()
    assert isinstance(connection, Schedules)
    found = connection.busy(who, START, START + timedelta(days=days))
    assert CANARY not in repr(found)
    return {address: list(spans) for address, spans in found.items()}


def test_a_colleague_is_busy_when_their_calendar_says_so(world: MicrosoftWorld) -> None:
    for hours, shown in ((9, "busy"), (11, "tentative"), (13, "oof"), (15, "free")):
        engage(world, START + hours * HOUR, shown)
    assert busy(world, BEN) == {BEN: [(START + n * HOUR, START + (n + 1) * HOUR) for n in (9, 11, 13)]}
    assert {grant.app for grant in world.graph.grants.values() if grant.can("Calendars.ReadBasic")} == {"reader-app"}


def test_whoever_the_tenant_does_not_tell_of_is_unknown_and_not_free(world: MicrosoftWorld) -> None:
    engage(world, START + 9 * HOUR)
    world.graph.kept_back = {BEN}
    assert busy(world, BEN, "nobody@example.org") == {}
    world.graph.kept_back = set()
    assert list(busy(world, BEN, "nobody@example.org")) == [BEN]


def test_many_are_asked_about_twenty_at_a_time(world: MicrosoftWorld) -> None:
    many = [f"colleague{number}@example.org" for number in range(45)]
    for one in many:
        world.graph.box(one)
    world.graph.requests.clear()
    assert sorted(busy(world, *many, days=60)) == sorted(many)
    assert len(world.graph.requests) == 3


@pytest.mark.parametrize("kind", ["403", "400"])
def test_a_tenant_or_account_without_it_is_unknown(world: MicrosoftWorld, kind: str) -> None:
    world.graph.fault(kind, "POST", "getSchedule")  # type: ignore[arg-type]  # one of the kinds
    assert busy(world, BEN) == {}


@pytest.mark.parametrize(("kind", "error"), [("429", RateLimited), ("503", Unavailable)])
def test_what_is_only_for_now_is_said(world: MicrosoftWorld, kind: str, error: type[Exception]) -> None:
    world.graph.fault(kind, "POST", "getSchedule")  # type: ignore[arg-type]  # one of the kinds
    with pytest.raises(error):
        busy(world, BEN)


def test_times_are_asked_for_and_read_as_utc(world: MicrosoftWorld) -> None:
    berlin = START.astimezone(UTC) + timedelta(minutes=30)
    world.graph.box(BEN).agenda.add(start=berlin, end=berlin + QUARTER, showAs="busy")
    assert busy(world, BEN) == {BEN: [(berlin, berlin + QUARTER)]}
    assert moment(berlin)["timeZone"] == "UTC"
