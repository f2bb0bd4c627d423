"""The demo's world is the same every time, believable, and holds each case the demo is to show."""

from __future__ import annotations

import hashlib
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses, parseaddr, parsedate_to_datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from connectors import ical
from rules.facts import CalendarEvent, Occurrence
from worker.config import load
from worker.demo import World, latest_tuesday, write_world
from worker.demo_cast import GONE_QUIET, KEY_PEOPLE, OWNER_ZONE, WORK

SATURDAY = datetime(2026, 11, 21, 15, tzinfo=UTC)
BOXES = ("Inbox.mbox", "Sent.mbox", "Lists.mbox")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return write_world(tmp_path_factory.mktemp("demo"), now=SATURDAY)


@pytest.fixture(scope="module")
def mail(world: World) -> list[Letter]:
    return [message for name in BOXES for message in messages(world.folder / "world" / name)]


@pytest.fixture(scope="module")
def occurrences(world: World) -> list[tuple[CalendarEvent, Occurrence]]:
    data = (world.folder / "world" / "calendar.ics").read_bytes()
    groups: dict[str, list[CalendarEvent]] = defaultdict(list)
    for event in ical.read(data, remote_id="c", zone=OWNER_ZONE, is_export=True):
        assert isinstance(event, CalendarEvent), event
        groups[event.uid].append(event)
    window = (world.now - timedelta(days=600), world.now + timedelta(days=60))
    return [
        (one.override or next(event for event in group if event.original_start is None), one)
        for group in groups.values()
        for one in ical.expand(group, zone=OWNER_ZONE, start=window[0], end=window[1])
    ]


class Letter(NamedTuple):
    head: Message
    at: datetime
    author: str
    others: tuple[str, ...]


def messages(path: Path) -> Iterator[Letter]:
    for part in re.split(rb"^From [^\n]*\n", path.read_bytes(), flags=re.MULTILINE)[1:]:
        head: Message = BytesHeaderParser().parsebytes(part)
        yield Letter(
            head=head,
            at=parsedate_to_datetime(head["Date"]),
            author=parseaddr(head["From"])[1],
            others=tuple(email for _, email in getaddresses([head[name] for name in ("To", "Cc") if head[name]])),
        )


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("now", "pinned"),
    [
        ("2026-11-21T15:00+00:00", "2026-11-17T09:30+00:00"),
        ("2026-11-17T09:30+00:00", "2026-11-17T09:30+00:00"),
        ("2026-11-17T09:29+00:00", "2026-11-10T09:30+00:00"),
        ("2026-07-08T00:00+09:00", "2026-07-07T08:30+00:00"),
        ("2026-07-07T23:30-05:00", "2026-07-07T08:30+00:00"),
    ],
)
def test_now_is_the_latest_tuesday_half_past_ten_of_the_owners_zone(now: str, pinned: str) -> None:
    assert latest_tuesday(datetime.fromisoformat(now)) == datetime.fromisoformat(pinned)


def test_a_second_run_on_any_day_finds_the_same_world(tmp_path: Path) -> None:
    first = write_world(tmp_path, now=SATURDAY)
    files = digest(tmp_path)
    assert write_world(tmp_path, now=SATURDAY + timedelta(days=400)) == first
    assert digest(tmp_path) == files


def test_two_worlds_of_one_week_are_equal_to_the_byte_and_written_in_seconds(tmp_path: Path) -> None:
    began = time.process_time()
    write_world(tmp_path / "a", now=SATURDAY)
    assert time.process_time() - began < 5
    write_world(tmp_path / "b", now=SATURDAY - timedelta(days=2))
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_an_interrupted_write_is_begun_again(tmp_path: Path) -> None:
    whole = write_world(tmp_path, now=SATURDAY)
    (tmp_path / "world" / "world.json").unlink()
    (tmp_path / "world" / "Inbox.mbox").write_bytes(b"torn")
    assert write_world(tmp_path, now=SATURDAY) == whole
    assert (tmp_path / "world" / "Inbox.mbox").stat().st_size > 1_000_000


def test_its_config_loads_and_names_the_key_people_with_their_cadence(world: World) -> None:
    config = load(world.config_path)
    owner = config.owners[world.owner]
    assert owner.addresses[0] == WORK
    assert len(owner.people) == len(KEY_PEOPLE)
    assert all(person.cadence for person in owner.people)
    assert world.folder in Path(config.store.url.removeprefix("sqlite:///")).parents


def test_it_holds_thousands_of_messages_over_eighteen_months_and_none_from_the_future(world: World, mail: list[Letter]) -> None:
    assert 6000 <= len(mail) == world.messages <= 10_000
    dates = [letter.at for letter in mail]
    assert max(dates) <= world.now
    assert world.now - min(dates) > timedelta(days=500)
    assert len({letter.head["Message-ID"] for letter in mail}) == len(mail)


def test_every_address_is_at_an_example_domain(mail: list[Letter]) -> None:
    assert all(email.endswith(".example") for letter in mail for email in (letter.author, *letter.others))


def test_machines_lists_and_strangers_make_the_din_of_a_real_mailbox(mail: list[Letter]) -> None:
    kinds = Counter[str]()
    for letter in mail:
        kinds["newsletter"] += "List-Unsubscribe" in letter.head
        kinds["list"] += "List-Post" in letter.head
        kinds["bot"] += "Auto-Submitted" in letter.head
        kinds["bounce"] += letter.head.get_content_type() == "multipart/report"
        kinds["from an alias"] += letter.author.startswith("maya.chen@")
        kinds["encoded name"] += letter.head["From"].startswith("=?utf-8")
    assert kinds["newsletter"] > 300
    assert kinds["list"] > 300
    assert kinds["bot"] > 1000
    assert kinds["bounce"] == 1
    assert kinds["from an alias"] > 50
    assert kinds["encoded name"] > 20


def test_mail_comes_from_many_time_zones(mail: list[Letter]) -> None:
    offsets = Counter(letter.at.utcoffset() for letter in mail)
    assert len(offsets) >= 8
    assert offsets[timedelta(hours=9)] > 50


def test_the_strong_ties_that_went_quiet_are_two_way_and_then_silent(world: World, mail: list[Letter]) -> None:
    for tie in GONE_QUIET:
        came = [letter.at for letter in mail if letter.author == tie.who.email]
        went = [letter.at for letter in mail if letter.others == (tie.who.email,)]
        assert min(len(came), len(went)) >= 15, tie.who.name
        silence = world.now - max(came + went)
        assert timedelta(days=tie.until - 8) < silence <= timedelta(days=tie.until), tie.who.name


def test_replies_answer_messages_that_exist(mail: list[Letter]) -> None:
    ids = {letter.head["Message-ID"] for letter in mail}
    replies = [letter.head["In-Reply-To"] for letter in mail if letter.head["In-Reply-To"]]
    assert len(replies) > 1500
    assert set(replies) <= ids


def found(occurrences: list[tuple[CalendarEvent, Occurrence]], title: str) -> list[tuple[CalendarEvent, Occurrence]]:
    return [(event, one) for event, one in occurrences if title in event.summary]


def test_the_calendar_has_each_kind_of_entry(world: World, occurrences: list[tuple[CalendarEvent, Occurrence]]) -> None:
    events = [event for event, _ in occurrences]
    guests = [guest for event in events for guest in event.attendees]
    assert any(guest.kind == "ROOM" for guest in guests)
    assert any(guest.kind == "GROUP" for guest in guests)
    assert any(event.attendee_count > 40 for event in events)
    assert any(one.is_cancelled for _, one in occurrences)
    assert any(one.override and one.start != one.original_start for _, one in occurrences)
    assert any(event.visibility == "private" for event in events)
    assert any(event.is_out_of_office for event in events)
    assert {event.zone_resolution for event in events} >= {"iana", "windows", "display-name", "vtimezone", "floating", "date"}
    assert any(guest.response == "declined" and guest.address.email == WORK for guest in guests)
    assert sum(one.start > world.now for _, one in occurrences if isinstance(one.start, datetime)) > 50


@pytest.mark.parametrize(
    ("title", "days"),
    [("Edge inference", 1), ("Brackwater pilot", 1), ("Interview", 1), ("Lagunare", 1), ("Dr. Amsel", 1), ("Kestrel review", 4)],
)
def test_what_the_demo_tells_of_happened_just_before_now(
    world: World, occurrences: list[tuple[CalendarEvent, Occurrence]], title: str, days: int
) -> None:
    ((_, one),) = found(occurrences, title)
    assert isinstance(one.end, datetime)
    zone = ZoneInfo(OWNER_ZONE)
    assert (world.now.astimezone(zone).date() - one.end.astimezone(zone).date()).days == days


def test_the_vendor_calls_every_week_and_the_lunch_was_the_first_in_months(
    world: World, occurrences: list[tuple[CalendarEvent, Occurrence]]
) -> None:
    calls = [
        one.start
        for _, one in found(occurrences, "Cloudharbor weekly")
        if isinstance(one.start, datetime) and one.start < world.now
    ]
    assert len(calls) > 50
    assert world.now - max(calls) < timedelta(days=7)
    lunches = sorted(one.start for _, one in found(occurrences, "Lunch with Elena") if isinstance(one.start, datetime))
    assert lunches[-1] - lunches[-2] > timedelta(days=60)


def test_days_leave_room_for_a_hold(world: World, occurrences: list[tuple[CalendarEvent, Occurrence]]) -> None:
    hours: dict[date, float] = defaultdict(float)
    for event, one in occurrences:
        if isinstance(one.start, datetime) and isinstance(one.end, datetime) and world.now < one.start and event.attendees:
            hours[one.start.date()] += (one.end - one.start) / timedelta(hours=1)
    assert max(hours.values()) < 5
