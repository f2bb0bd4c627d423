"""SIGKILL at every named point of delivery, on files and SQLite: one object, or none where it was withdrawn."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from rules.suggestions import Hold, Suggestion
from tests.end_to_end.files_world import ROOT, Office
from tests.worker.stage import check_in, thank_you
from worker.deliver import Point
from worker.store import accounts, outbox
from worker.store.store import Store

pytestmark = pytest.mark.timeout(120)
POINTS: tuple[Point, ...] = get_args(Point)
DELIVERING: tuple[Point, ...] = ("before the claim", "after the claim", "after the call", "after the confirmation")
WITHDRAWING: tuple[Point, ...] = ("after the intent", "after the removal", "after the closing")

WORKER = """
import os, signal, sys
from datetime import datetime, timedelta
from pathlib import Path
from rules.engine import Keep, Withdraw
from worker import deliver
from worker.app import App
from worker.config import load
from worker.store import outbox

point, minutes, pointless = sys.argv[1], float(sys.argv[2]), sys.argv[3]
app = App.open(load(Path("config.toml")))
now = app.clock() + timedelta(minutes=minutes)

def passing(here):
    if here == point:
        os.kill(os.getpid(), signal.SIGKILL)

desk = deliver.Desk(
    store=app.store,
    connection=app.open_connection("ada/disk"),
    clock=lambda: now,
    wanted=lambda _: Withdraw(why=pointless) if pointless else Keep(),
    next_slot=lambda _: None,
    passing=passing,
)
with app.store.read() as db:
    due = outbox.due(db, "ada/disk", now)
for entry in due:
    deliver.attend(desk, entry)
app.close()
"""


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def plan(office: Office, suggestion: Suggestion) -> None:
    now = datetime.now(UTC)
    store = Store.open(f"sqlite:///{office.home / 'rekindle.db'}")
    with store.write() as db:
        accounts.register(db, owner="ada", name="disk", provider="files", addresses=(), now=now)
        outbox.plan(db, "ada", "ada/disk", suggestion, (), now)
    store.close()


def work(office: Office, *, kill_at: str = "", minutes: float = 0, pointless: str = "") -> int:
    done = subprocess.run(
        [sys.executable, "-c", WORKER, kill_at, str(minutes), pointless],
        cwd=office.home,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(office.home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in {0, -9}, done.stderr
    return done.returncode


def objects(office: Office) -> int:
    return len(office.drafts()) + len(office.holds())


@pytest.fixture(params=["draft", "hold"])
def suggestion(request: pytest.FixtureRequest) -> Suggestion:
    """A draft, or a hold three weeks ahead of the real clock the worker reads."""
    if request.param == "draft":
        return thank_you()
    hold = check_in()
    assert isinstance(hold.action, Hold)
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=21)
    return replace(hold, action=replace(hold.action, start=start, end=start + timedelta(minutes=25)))


@pytest.mark.parametrize("point", DELIVERING)
def test_a_kill_while_delivering_leaves_exactly_one(office: Office, suggestion: Suggestion, point: Point) -> None:
    plan(office, suggestion)
    assert work(office, kill_at=point) == -9, "the point was reached"
    assert work(office) == 0
    assert work(office, minutes=6) == 0
    assert objects(office) == 1
    assert office.states(suggestion.rule) == [("delivered", None)]


@pytest.mark.parametrize("point", WITHDRAWING)
def test_a_kill_while_withdrawing_leaves_none_and_is_not_read_as_the_owners_will(
    office: Office, suggestion: Suggestion, point: Point
) -> None:
    plan(office, suggestion)
    assert work(office) == 0
    assert work(office, kill_at=point, minutes=90, pointless="You wrote to Eva") == -9, "the point was reached"
    assert work(office, minutes=180) == 0
    assert objects(office) == 0
    assert office.states(suggestion.rule) == [("closed", "withdrawn")]


def test_what_the_owner_deleted_after_the_kill_never_comes_back(office: Office, suggestion: Suggestion) -> None:
    plan(office, suggestion)
    assert work(office, kill_at="after the call") == -9
    for path in (*office.drafts(), *office.holds()):
        path.unlink()
    assert work(office, minutes=6) == 0
    assert work(office, minutes=120) == 0
    assert objects(office) == 0
    assert office.states(suggestion.rule) == [("closed", "owner_deleted")]


def test_every_point_is_tried() -> None:
    assert {*DELIVERING, *WITHDRAWING} == set(POINTS)
