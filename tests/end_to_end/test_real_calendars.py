"""Real and torture calendars of three projects: each gives its readable events or a named reason, and none takes long."""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors import ical
from connectors.files.calendar import FilesCalendar
from connectors.port import Skipped
from rules.facts import CalendarEvent

EVENT = re.compile(rb"^BEGIN:VEVENT[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)
DECADE = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
MOST_SECONDS = 2.0


@pytest.fixture(scope="module")
def calendars(shared: Path) -> list[Path]:
    found = sorted((shared / "data" / "ics").rglob("*.ics"))
    assert len(found) > 250, "the collection is not complete"
    return found


def read(path: Path) -> list[CalendarEvent | Skipped]:
    with path.open("rb") as stream:
        return list(ical.read(stream, remote_id=path.name, zone="Europe/Berlin", is_export=True))


def test_every_event_of_every_file_is_read_or_named_with_its_reason(calendars: list[Path]) -> None:
    for path in calendars:
        found = read(path)
        events = [item for item in found if isinstance(item, CalendarEvent)]
        left_out = [item.reason for item in found if isinstance(item, Skipped) and not item.reason.startswith("A series")]
        assert len(events) + len([reason for reason in left_out if reason.startswith("An event")]) == len(
            EVENT.findall(path.read_bytes())
        ), path
        assert all(reason.endswith(".") or reason == "it holds no calendar" for reason in left_out), path


def test_only_what_no_calendar_could_show_is_left_out(calendars: list[Path]) -> None:
    reasons = Counter(item.reason for path in calendars for item in read(path) if isinstance(item, Skipped))
    events = sum(isinstance(item, CalendarEvent) for path in calendars for item in read(path))
    assert set(reasons) <= {
        "An event was left out: it has no start.",
        "An event was left out: its start cannot be read.",
        "An event was left out: the file ends in the middle of it.",
        "A series counts as a single event: its recurrence cannot be read.",
        "A series counts as a single event: it repeats by a calendar other than the Gregorian one.",
        "it holds no calendar",
    }
    assert sum(reasons.values()) < 0.05 * events


def test_no_file_takes_longer_than_two_seconds_to_be_read_and_expanded(calendars: list[Path]) -> None:
    for path in calendars:
        began = time.process_time()
        groups: dict[str, list[CalendarEvent]] = defaultdict(list)
        for item in read(path):
            if isinstance(item, CalendarEvent):
                groups[item.uid].append(item)
        for group in groups.values():
            found = ical.expand(group, zone="Europe/Berlin", start=DECADE[0], end=DECADE[1])
            assert all(one.start <= one.end for one in found if isinstance(one.start, datetime) and isinstance(one.end, datetime))
        assert time.process_time() - began < MOST_SECONDS, path


def test_each_instance_has_a_name_of_its_own(calendars: list[Path]) -> None:
    for path in calendars:
        groups: dict[str, list[CalendarEvent]] = defaultdict(list)
        for item in read(path):
            if isinstance(item, CalendarEvent) and item.recurrence:
                groups[item.uid].append(item)
        for uid, group in groups.items():
            names = [one.original_start for one in ical.expand(group[:1], zone="UTC", start=DECADE[0], end=DECADE[1], limit=500)]
            assert len(set(names)) == len(names), (path, uid)


def test_they_are_one_calendar_to_the_files_connector_and_a_second_read_finds_nothing_new(shared: Path) -> None:
    calendar = FilesCalendar(paths=[shared / "data" / "ics"], out=None, zone="Europe/Berlin")
    (feed,) = calendar.feeds()
    pages = list(calendar.changes(feed, None))
    assert sum(len(page.upserted) for page in pages) > 4000
    named = [skip.reason for page in pages for skip in page.skipped if skip.reason.startswith("An event")]
    whole = sum(len(EVENT.findall(path.read_bytes())) for path in (shared / "data" / "ics").rglob("*.ics"))
    assert sum(len(page.upserted) for page in pages) + len(named) == whole, "nothing is lost without a word"
    assert all(len(page.upserted) + len(page.skipped) < 5000 for page in pages)
    again = list(calendar.changes(feed, pages[-1].cursor))
    assert [(page.upserted, page.removed, page.skipped) for page in again] == [((), (), ())]
