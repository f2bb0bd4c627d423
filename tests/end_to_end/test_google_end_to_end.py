"""`rekindle run` at Google: what it makes stands in Gmail and in Google Calendar once, and what the owner does there stands."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.connectors.google_world import google_world
from tests.end_to_end.files_world import CANARY, ME, wait_until
from tests.end_to_end.google_office import ACCOUNT, HALF_AN_HOUR, GoogleOffice
from worker.app import App
from worker.cli import run
from worker.config import load
from worker.exit_codes import OK

pytestmark = pytest.mark.timeout(400)
EVA, TOM = "eva@elsewhere.example", "tom@third.example"
POINTS = ("before the claim", "after the claim", "after the call", "after the confirmation")
DYING = """
import os, signal, sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from worker.app import App, real_clock
from worker.config import load

class Dying(App):
    def pipeline(self, **more):
        return replace(super().pipeline(**more), passing=self.passing)

    @staticmethod
    def passing(here):
        if here == "{point}":
            os.kill(os.getpid(), signal.SIGKILL)

app = Dying.open(load(Path("config.toml")), clock=lambda: real_clock() + timedelta(minutes={minutes}))
code = app.run(poll=timedelta(seconds=1))
app.close()
sys.exit(code)
"""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[GoogleOffice]:
    with google_world() as world:
        yield GoogleOffice(tmp_path, world=world)


def now() -> datetime:
    return datetime.now(UTC)


def soon_over(office: GoogleOffice, guest: str = EVA) -> None:
    """Let the calendar hold a meeting with somebody known that ends in some seconds."""
    office.mail(from_=f"Eva Beispiel <{guest}>", to=ME, at=now() - timedelta(days=3), subject="See you")
    office.meeting(guest, start=now() - HALF_AN_HOUR, end=now() + timedelta(seconds=25), uid=guest)


def test_a_meeting_leaves_a_draft_a_letter_takes_it_back_and_a_deleted_hold_stays_deleted(office: GoogleOffice) -> None:
    """Nothing waits for the poll, which comes every two minutes: Pub/Sub tells of mail, channels tell of the calendar."""
    office.connected(now())  # before the meeting ends, however long the service takes to start
    soon_over(office)
    office.correspondence(TOM, last=now() - timedelta(days=150))
    world = office.world
    with office.serving() as service:
        assert wait_until(lambda: office.own_drafts() == [EVA], seconds=120), office.log()
        assert wait_until(lambda: len(world.holds()) == 1, seconds=120), office.log()
        [hold] = world.holds()
        assert (hold.attendees, hold.has_organizer, hold.has_reminder, hold.is_private) == (0, False, False, True)
        assert wait_until(lambda: office.states("thank_you") == office.states("check_in") == [("delivered", None)], seconds=120)
        assert wait_until(lambda: bool(world.diary.channels.living(ME) and world.mail.watches), seconds=120), office.log()
        polls = len([one for one in world.google.calls if one == "calendar.events.list"])

        office.mail(from_=ME, to=EVA, at=now(), subject="Thank you for today")
        assert wait_until(lambda: office.states("thank_you") == [("closed", "withdrawn")], seconds=120), office.log()
        assert office.own_drafts() == []

        world.diary.cancel(hold.key)
        world.diary.channels.settle()
        assert world.diary.channels.posted[-1].status == 204
        assert wait_until(lambda: office.states("check_in") == [("closed", "owner_deleted")], seconds=120), office.log()
        assert len([one for one in world.google.calls if one == "calendar.events.list"]) > polls
        office.mail(from_="news@letter.example", to=ME, at=now(), subject="News")
        assert not wait_until(lambda: bool(world.holds() or office.own_drafts()), seconds=6)
        assert office.stop(service)[0] == 0
    assert "Traceback" not in office.log()
    assert CANARY.encode() not in (office.home / "rekindle.db").read_bytes() + (office.home / "log").read_bytes()
    assert world.google.refused == [], "no refusal of our own making"


def test_a_service_killed_at_every_point_leaves_one_and_an_owner_who_wrote_first_gets_none(office: GoogleOffice) -> None:
    over = now() - timedelta(minutes=30)
    office.connected(now() - timedelta(days=1))
    for guest in (EVA, TOM):
        office.mail(from_=f"Eva Beispiel <{guest}>", to=ME, at=now() - timedelta(days=3), subject="See you")
        office.meeting(guest, start=over - HALF_AN_HOUR, end=over, uid=guest)
    office.mail(from_=ME, to=TOM, at=over + timedelta(minutes=1), subject="Thank you for today")
    for turn, point in enumerate(POINTS):
        with office.running(dying(point, minutes=7 * turn)) as service:
            assert service.wait(timeout=120) == -signal.SIGKILL, office.log()
    with office.running(dying("", minutes=7 * len(POINTS))) as service:
        assert wait_until(lambda: office.states("thank_you") == [("delivered", None)], seconds=120), office.log()
        assert wait_until(lambda: office.log().count('"started"') == len(POINTS) + 1, seconds=120), office.log()
        assert office.stop(service)[0] == 0
    assert office.own_drafts() == [EVA]


def dying(point: str, *, minutes: int) -> str:
    """Write a service that is killed when delivery comes by a point, and whose clock is so far ahead: leases have run out."""
    return DYING.format(point=point, minutes=minutes)


@pytest.mark.parametrize("fault", ["", "503"])
def test_an_account_that_is_let_go_of_is_told_of_no_more_and_goes_whatever_google_says(
    office: GoogleOffice, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    office.connected(now())
    app = App.open(load(office.home / "config.toml"))
    watcher = app.open_connection(ACCOUNT).watcher()
    assert watcher is not None
    watcher.wait(timedelta(0))
    watcher.close()
    app.close()
    channels = office.world.diary.channels
    assert channels.living(office.world.email)
    assert office.world.mail.watches
    if fault:
        office.world.google.fail(fault, "calendar.channels.stop")
    assert run(["disconnect", "work", "--yes", "--config", str(office.home / "config.toml")]) == OK
    said = capsys.readouterr().out
    assert "work is let go of" in said
    assert ("ends by itself within a week" in said) == bool(fault)
    assert bool(channels.living(office.world.email)) == bool(fault)
    assert office.world.mail.watches == {}
