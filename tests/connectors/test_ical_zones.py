"""A TZID means the zone its writer meant, and a guess says that it is one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors import ical
from connectors.ical_zones import Zones
from rules.facts import CalendarEvent

TOKYO_TIME = "BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0900\nTZOFFSETTO:+0900\nEND:STANDARD"
CENTRAL_TIME = (
    "BEGIN:STANDARD\nDTSTART:16010101T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\nEND:STANDARD\n"
    "BEGIN:DAYLIGHT\nDTSTART:16010101T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\nEND:DAYLIGHT"
)


def zone(tzid: str, lines: str) -> str:
    return f"BEGIN:VTIMEZONE\nTZID:{tzid}\n{lines}\nEND:VTIMEZONE\n"


def calendar(*parts: str) -> str:
    return "BEGIN:VCALENDAR\nVERSION:2.0\n" + "".join(parts) + "END:VCALENDAR\n"


def event(tzid: str, wall: str = "20260701T090000") -> str:
    return f'BEGIN:VEVENT\nUID:a\nDTSTART;TZID="{tzid}":{wall}\nEND:VEVENT\n'


def read(text: str, owner: str = "Europe/Berlin") -> list[CalendarEvent]:
    found = list(ical.read(text.encode(), remote_id="x", zone=owner))
    assert all(isinstance(one, CalendarEvent) for one in found)
    return [one for one in found if isinstance(one, CalendarEvent)]


@pytest.mark.parametrize(
    ("tzid", "zone_id", "resolution"),
    [
        ("Europe/Berlin", "Europe/Berlin", "iana"),
        ("europe/berlin", "Europe/Berlin", "iana"),
        ("/freeassociation.sourceforge.net/Europe/Berlin", "Europe/Berlin", "iana"),
        ("/freeassociation.sourceforge.net/Tzfile/America/New_York", "America/New_York", "iana"),
        ("/citadel.org/20250101_1/America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires", "iana"),
        ("Romance Standard Time", "Europe/Paris", "windows"),
        ("W. Europe Standard Time", "Europe/Berlin", "windows"),
        ("Pacific Standard Time", "America/Los_Angeles", "windows"),
        ("UTC", "", "utc"),
        ("tzone://Microsoft/Utc", "", "utc"),
        ("(UTC) Coordinated Universal Time", "", "utc"),
        ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "Europe/Amsterdam", "display-name"),
        ("(GMT+01:00) Brussels, Copenhagen, Madrid, Paris", "Europe/Brussels", "display-name"),
        ("(UTC-05:00) Eastern Time (US & Canada)", "America/New_York", "display-name"),
        ("(UTC-05:00) Bogota, Lima, Quito, Rio Branco", "America/Bogota", "display-name"),
        ("(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi", "Asia/Kolkata", "display-name"),
        ("(UTC+00:00) Dublin, Edinburgh, Lisbon, London", "Europe/Dublin", "display-name"),
        ("(UTC+04:00) Moscow, St. Petersburg, Volgograd (RTZ 3)", "Etc/GMT-4", "guessed"),
        ("Pacific Time (US & Canada), Tijuana", "America/Los_Angeles", "display-name"),
        ("US-Eastern", "US/Eastern", "display-name"),
        ("GMT+0100", "Etc/GMT-1", "guessed"),
        ("GMT-05:00", "Etc/GMT+5", "guessed"),
        ("UTC+2", "Etc/GMT-2", "guessed"),
        ("(UTC+01:00) Nowhere, Atlantis", "Etc/GMT-1", "guessed"),
        ("PST", "America/Los_Angeles", "guessed"),
        ("tzone://Microsoft/Custom", "Europe/Berlin", "unresolved"),
        ("Customized Time Zone", "Europe/Berlin", "unresolved"),
        ("../../etc/passwd", "Europe/Berlin", "unresolved"),
    ],
)
def test_a_name_is_resolved_and_says_how(tzid: str, zone_id: str, resolution: str) -> None:
    found = Zones("Europe/Berlin").resolve(tzid)
    assert (found.id, found.resolution) == (zone_id, resolution)


def test_an_offset_of_half_an_hour_stays_exact_also_in_a_series() -> None:
    (one,) = read(calendar(event("GMT+0545", "20260701T090000")))
    assert one.start == datetime(2026, 7, 1, 3, 15, tzinfo=UTC)
    assert one.zone_resolution == "guessed"
    (again,) = ical.expand([one], zone="UTC", start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2027, 1, 1, tzinfo=UTC))
    assert again.start == one.start


def test_the_same_private_zone_name_in_two_calendars_is_two_zones() -> None:
    tokyo = calendar(zone("Customized Time Zone", TOKYO_TIME), event("Customized Time Zone"))
    berlin = calendar(zone("Customized Time Zone", CENTRAL_TIME), event("Customized Time Zone"))
    hours = [one.start for one in read(tokyo + berlin + tokyo)]
    assert hours == [datetime(2026, 7, 1, hour, tzinfo=UTC) for hour in (0, 7, 0)]
    assert {one.zone_resolution for one in read(tokyo + berlin)} == {"vtimezone"}


def test_a_private_zone_does_not_reach_a_calendar_that_does_not_define_it() -> None:
    read(calendar(zone("Customized Time Zone", TOKYO_TIME), event("Customized Time Zone")))
    (one,) = read(calendar(event("Customized Time Zone")))
    assert (one.zone_resolution, one.zone_id) == ("unresolved", "Europe/Berlin")


def test_a_zone_defined_below_its_events_counts() -> None:
    (one,) = read(calendar(event("Customized Time Zone"), zone("Customized Time Zone", TOKYO_TIME)))
    assert one.start == datetime(2026, 7, 1, tzinfo=UTC)


def test_a_real_name_wins_over_a_definition_that_bends_it() -> None:
    (one,) = read(calendar(zone("Europe/Berlin", TOKYO_TIME), event("Europe/Berlin")))
    assert (one.start, one.zone_resolution) == (datetime(2026, 7, 1, 7, tzinfo=UTC), "iana")


def test_a_definition_that_names_its_place_is_that_place() -> None:
    (one,) = read(calendar(zone("My zone", f"X-LIC-LOCATION:Asia/Tokyo\n{CENTRAL_TIME}"), event("My zone")))
    assert (one.zone_id, one.zone_resolution, one.start.isoformat()) == ("Asia/Tokyo", "vtimezone", "2026-07-01T00:00:00+00:00")


def test_a_broken_definition_leaves_the_zone_unresolved_and_the_event_readable() -> None:
    (one,) = read(calendar(zone("Broken", "BEGIN:STANDARD\nTZOFFSETTO:nonsense\nEND:STANDARD"), event("Broken")))
    assert one.zone_resolution == "unresolved"
    assert one.start == datetime(2026, 7, 1, 7, tzinfo=UTC)


def test_a_private_zone_keeps_its_summer_time_when_its_series_is_expanded() -> None:
    text = calendar(
        zone("Mine", CENTRAL_TIME),
        "BEGIN:VEVENT\nUID:a\nDTSTART;TZID=Mine:20261019T090000\nRRULE:FREQ=WEEKLY;COUNT=3\nEND:VEVENT\n",
    )
    (master,) = read(text)
    assert "TZOFFSETTO:+0100" in master.zone_definition
    found = ical.expand([master], zone="UTC", start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2027, 1, 1, tzinfo=UTC))
    assert [one.start for one in found] == [
        datetime(2026, 10, 19, 7, tzinfo=UTC),
        datetime(2026, 10, 26, 8, tzinfo=UTC),
        datetime(2026, 11, 2, 8, tzinfo=UTC),
    ]


def test_the_calendars_own_zone_stands_in_for_an_unknown_name_and_is_flagged() -> None:
    (one,) = read(calendar("X-WR-TIMEZONE:Asia/Tokyo\n", event("Office time")))
    assert (one.zone_id, one.zone_resolution, one.zone) == ("Asia/Tokyo", "guessed", "Office time")


def test_a_guessed_offset_prefers_the_calendars_own_zone_if_it_has_it() -> None:
    (one,) = read(calendar("X-WR-TIMEZONE:Europe/Madrid\n", event("GMT+0100")))
    assert (one.zone_id, one.zone_resolution) == ("Europe/Madrid", "guessed")


def test_a_floating_time_is_read_in_the_owners_zone_and_says_so_whatever_the_calendar_says() -> None:
    text = calendar("X-WR-TIMEZONE:Asia/Tokyo\n", "BEGIN:VEVENT\nUID:a\nDTSTART:20260701T090000\nEND:VEVENT\n")
    (one,) = read(text, owner="America/New_York")
    assert (one.start, one.zone_resolution) == (datetime(2026, 7, 1, 13, tzinfo=UTC), "floating")


def test_a_wall_time_that_summer_time_skips_is_still_one_instant() -> None:
    (one,) = read(calendar(event("Europe/Berlin", "20260329T023000")))
    assert one.start == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert one.end == one.start
