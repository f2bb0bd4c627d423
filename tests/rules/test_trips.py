"""Trips and conferences read from a calendar."""

# ruff: noqa: ANN401 -- builders pass on any field of a fact
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from rules.facts import CalendarEvent, Occurrence
from rules.network import Owner, Trip
from rules.trips import city_of, trips

OWNER = Owner(name="ada", zone="Europe/Berlin")
NINE = datetime(2026, 6, 10, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("location", "city"),
    [
        ("Lisbon", "Lisbon"),
        ("Lisboa", "Lisbon"),
        ("Altice Arena, 1990-231 Lisbon, Portugal", "Lisbon"),
        ("Marienplatz 1, 80331 München", "Munich"),
        ("1 Hacker Way, Menlo Park, CA 94025", "Menlo Park"),
        ("Messe Wien, Wien, Österreich", "Vienna"),
        ("Room 4", ""),
        ("https://zoom.us/j/1", ""),
        ("Microsoft Teams Meeting", ""),
        ("Office, 3rd floor", ""),
        ("", ""),
    ],
)
def test_a_location_names_a_city_or_nothing(location: str, city: str) -> None:
    assert city_of(location) == city


def entry(uid: str, start: Any = NINE, length: timedelta = HOUR, **more: Any) -> tuple[CalendarEvent, Occurrence]:
    is_all_day = not isinstance(start, datetime)
    source = CalendarEvent(remote_id=uid, uid=uid, start=start, end=start + length, is_all_day=is_all_day, **more)
    return source, Occurrence(uid=uid, original_start=start, start=start, end=start + length, is_all_day=is_all_day)


def only(*entries: tuple[CalendarEvent, Occurrence], owner: Owner = OWNER) -> Trip | None:
    found = trips(entries, owner)
    assert len(found) <= 1
    return found[0] if found else None


def test_a_stay_in_another_city_is_a_trip_in_the_owners_days() -> None:
    found = only(entry("t", date(2026, 6, 10), timedelta(days=2), summary="Lisbon", location="Lisbon"))
    assert found is not None
    assert (found.place, found.is_conference, found.zone) == ("Lisbon", False, "")
    assert (found.start.astimezone(UTC), found.end.astimezone(UTC)) == (
        datetime(2026, 6, 9, 22, tzinfo=UTC),
        datetime(2026, 6, 11, 22, tzinfo=UTC),
    )


def test_an_event_in_another_zone_is_a_trip_to_its_city() -> None:
    found = only(entry("t", zone_id="America/New_York", summary="Board"))
    assert found is not None
    assert (found.place, found.zone) == ("New York", "America/New_York")
    assert only(entry("t", zone_id="Europe/Paris", summary="Board")) is None


@pytest.mark.parametrize(
    "more",
    [
        {"location": "Berlin"},
        {"location": "Atrium"},
        {"location": "Alexanderplatz 1, 10178 Berlin, Germany"},
        {"location": "Munich", "event_type": "birthday"},
        {"summary": "Conference call with Bob"},
        {},
    ],
)
def test_what_is_at_home_or_in_doubt_is_no_trip(more: dict[str, Any]) -> None:
    assert only(entry("t", **more)) is None


def test_an_address_elsewhere_is_a_trip_unless_the_owner_works_there() -> None:
    there = "Rathausmarkt 1, 20095 Hamburg, Germany"
    assert only(entry("t", location=there)) is not None
    assert only(entry("t", location=there), owner=replace(OWNER, home="Hamburg")) is None
    usual = [entry(str(n), NINE + n * timedelta(days=1), location=there) for n in range(3)]
    assert trips(usual, OWNER) == ()


def test_a_conference_is_one_at_home_too() -> None:
    found = only(entry("t", date(2026, 6, 10), timedelta(days=2), summary="DevSummit 2026", location="Berlin"))
    assert found is not None
    assert (found.is_conference, found.place) == (True, "")
    assert only(entry("t", NINE, HOUR, summary="DevSummit planning")) is None


def test_trips_come_in_order_of_time() -> None:
    later = entry("b", date(2026, 6, 20), timedelta(days=2), location="Oslo")
    sooner = entry("a", date(2026, 6, 10), timedelta(days=2), location="Paris")
    assert [trip.place for trip in trips([later, sooner], OWNER)] == ["Paris", "Oslo"]
