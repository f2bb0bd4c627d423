"""The service as a process on files: meetings end and drafts appear, and whatever the owner does with them stands."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.end_to_end.files_world import ME, Office, rows, stamp, wait_until

pytestmark = pytest.mark.timeout(240)
EVA = "eva@elsewhere.example"
TOM = "tom@third.example"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def soon_over(office: Office) -> None:
    """Put a meeting into the calendar that ends in some seconds; the service has begun to look by now."""
    assert wait_until(lambda: "started" in office.log())
    now = datetime.now(UTC)
    office.meeting(EVA, start=now - timedelta(minutes=30), end=now + timedelta(seconds=3))


def test_a_meeting_ends_and_its_draft_appears_and_is_withdrawn_when_the_owner_writes_first(office: Office) -> None:
    with office.running() as service:
        soon_over(office)
        assert wait_until(lambda: len(office.drafts()) == 1), office.log()
        assert EVA in office.drafts()[0].read_text()
        office.mail(from_=ME, to=EVA, at=datetime.now(UTC), subject="Thank you for today")
        assert wait_until(lambda: office.states("thank_you") == [("closed", "withdrawn")]), office.log()
        assert office.drafts() == []
        assert office.stop(service)[0] == 0


def test_a_deleted_hold_never_comes_back(office: Office) -> None:
    office.correspondence(TOM, last=datetime.now(UTC) - timedelta(days=150))
    with office.running() as service:
        assert wait_until(lambda: len(office.holds()) == 1), office.log()
        wait_until(lambda: office.states("check_in") == [("delivered", None)])
        office.holds()[0].unlink()
        office.mail(from_="news@letter.example", to=ME, at=datetime.now(UTC))
        assert wait_until(lambda: office.states("check_in") == [("closed", "owner_deleted")]), office.log()
        assert office.stop(service)[0] == 0
    with office.running() as service:
        office.mail(from_="news@letter.example", to=ME, at=datetime.now(UTC), subject="Once more")
        assert not wait_until(lambda: bool(office.holds()), seconds=8)
        assert office.stop(service)[0] == 0
    assert office.states("check_in") == [("closed", "owner_deleted")]


def test_a_moved_hold_stays_where_the_owner_put_it(office: Office) -> None:
    office.correspondence(TOM, last=datetime.now(UTC) - timedelta(days=150))
    with office.running() as service:
        assert wait_until(lambda: office.states("check_in") == [("delivered", None)]), office.log()
        [hold] = office.holds()
        [entry] = office.entries("check_in")
        later = entry.at + timedelta(days=1)
        moved = re.sub(r"(?m)^DTSTART.*$", f"DTSTART:{stamp(later)}\r", hold.read_bytes().decode())
        moved = re.sub(r"(?m)^DTEND.*$", f"DTEND:{stamp(later + timedelta(minutes=25))}\r", moved)
        hold.write_bytes(moved.encode())
        office.mail(from_=ME, to=TOM, at=datetime.now(UTC), subject="Long time no see")
        assert wait_until(lambda: [each.at for each in office.entries("check_in")] == [later]), office.log()
        assert office.states("check_in") == [("delivered", None)]
        assert office.stop(service)[0] == 0
    assert office.holds()[0].read_bytes().decode() == moved


def test_a_tick_in_the_calendar_means_we_were_in_touch(office: Office) -> None:
    office.correspondence(TOM, last=datetime.now(UTC) - timedelta(days=150))
    with office.running() as service:
        assert wait_until(lambda: office.states("check_in") == [("delivered", None)]), office.log()
        [hold] = office.holds()
        hold.write_bytes(hold.read_bytes().replace(b"SUMMARY:", "SUMMARY:✓ ".encode()))
        assert wait_until(lambda: office.states("check_in") == [("closed", "done")]), office.log()
        assert office.stop(service)[0] == 0
    assert rows(office, "SELECT kind FROM note WHERE kind != 'month'") == [("touch",)]
    assert len(office.holds()) == 1


def test_two_services_on_one_database_make_one_of_each(office: Office) -> None:
    office.correspondence(TOM, last=datetime.now(UTC) - timedelta(days=150))
    with office.running() as one, office.running() as two:
        soon_over(office)
        assert wait_until(lambda: len(office.drafts()) == 1 and len(office.holds()) == 1), office.log()
        wait_until(lambda: False, seconds=5)
        assert (len(office.drafts()), len(office.holds())) == (1, 1)
        assert office.stop(one)[0] == 0
        assert office.stop(two)[0] == 0
    assert office.states("thank_you") == [("delivered", None)]
    assert office.states("check_in") == [("delivered", None)]
    assert "Traceback" not in office.log()


def test_sigterm_under_load_ends_within_ten_seconds_and_loses_nothing(office: Office) -> None:
    now = datetime.now(UTC)
    for number in range(3000):
        office.mail(from_=f"p{number % 40}@third.example", to=ME, at=now - timedelta(hours=number), subject=f"Letter {number}")
    with office.running() as service:
        assert wait_until((office.home / "rekindle.db").exists)
        wait_until(lambda: "started" in office.log())
        code, seconds = office.stop(service)
        assert (code, seconds < 10) == (0, True), office.log()
    with office.running() as service:
        assert wait_until(lambda: stored(office) == 3000), office.log()
        assert office.stop(service)[0] == 0


def stored(office: Office) -> int:
    [(count,)] = rows(office, "SELECT count(*) FROM message")
    return int(str(count))
