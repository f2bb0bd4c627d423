"""`rekindle run`: health and metrics, its parts apart on a real broker, and errors that say what to do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.conftest import Server, free_port
from tests.end_to_end.files_world import ME, ROOT, SERVE, Office, rows, wait_until
from worker.exit_codes import USAGE

pytestmark = pytest.mark.timeout(240)
TOM = "tom@third.example"
GRACE = 6
"""Seconds that what has begun is given, at least."""


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


HANGS = """
import sys, time
from worker import actors
from worker.pipeline import Pipeline
actors.TIME_LIMIT = {limit}

def hang(*_):
    print("hanging", file=sys.stderr, flush=True)
    while True:
        time.sleep(0.05)

Pipeline.pull = hang
"""


def hanging(limit: int) -> str:
    """Write a service whose pulls never end by themselves; an actor gets so many milliseconds."""
    return HANGS.format(limit=limit) + SERVE


def parts(*names: str) -> str:
    return SERVE.replace("app.run(", f"app.run({names!r}, ")


def test_health_and_metrics_are_served_and_tell_no_names(office: Office) -> None:
    port = free_port()
    config = (office.home / "config.toml").read_text().replace("enabled = false", f"port = {port}")
    (office.home / "config.toml").write_text(config)
    office.correspondence(TOM, last=datetime.now(UTC) - timedelta(days=150))
    with office.running() as service:
        assert wait_until(lambda: office.states("check_in") == [("delivered", None)]), office.log()
        health = json.load(urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5))
        assert health["status"] == "well"
        metrics = urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
        assert 'rekindle_suggestions{rule="check_in",state="delivered"} 1.0' in metrics
        assert 'rekindle_verb_seconds_count{outcome="ok",verb="pull"}' in metrics
        assert "example" not in metrics
        assert office.stop(service)[0] == 0


def test_a_person_at_a_terminal_is_told_what_it_watches_and_how_it_ends(office: Office) -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "worker.cli", "run", "--config", str(office.home / "config.toml")]
    service = subprocess.Popen(command, cwd=ROOT, stderr=theirs, stdout=subprocess.DEVNULL)
    try:
        os.close(theirs)
        said = b""
        while b"started" not in said:
            said += os.read(ours, 4096)
        first = said.decode().splitlines()[0]
        assert first.startswith("Watching disk. ")
        assert first.endswith("Ctrl-C ends it.")
        service.send_signal(signal.SIGINT)
        assert service.wait(60) == 0
    finally:
        service.kill()
        service.wait()
        os.close(ours)


@pytest.mark.timeout(600)
def test_a_sigterm_at_any_instant_ends_it_in_time_and_the_next_run_goes_on(office: Office) -> None:
    office.correspondence(TOM, last=datetime.now(UTC) - timedelta(days=150))
    written = office.count
    for instant in (0.0, 0.05, 0.2, 0.5, 1.0, 2.0):
        for number in range(100):
            at = datetime.now(UTC) - timedelta(days=200, hours=number)
            office.mail(from_=f"p{number % 9}@{instant}.example", to=ME, at=at, subject=f"Letter {number}")
        written += 100
        with office.running() as service:
            time.sleep(instant)
            code, seconds = office.stop(service)
        assert (code, seconds < 20) == (0, True), (instant, seconds, office.log())
        assert "Traceback" not in office.log(), (instant, office.log())
        assert rows(office, "PRAGMA integrity_check") == [("ok",)]
        assert rows(office, "PRAGMA foreign_key_check") == []
        states = [state for state, _ in office.states("check_in")]
        assert len(office.holds()) <= 1, "once, at most"
        assert "delivering" not in states or seconds > GRACE, "what had begun was brought to its end"
    with office.running() as service:
        assert wait_until(lambda: rows(office, "SELECT count(*) FROM message") == [(written,)]), office.log()
        assert wait_until(lambda: office.states("check_in") == [("delivered", None)]), office.log()
        assert office.stop(service)[0] == 0
    assert len(office.holds()) == 1
    assert "Traceback" not in office.log()


def test_what_takes_too_long_is_interrupted(office: Office) -> None:
    with office.running(hanging(1000)) as service:
        assert wait_until(lambda: "TimeLimitExceeded" in office.log() or "ime limit exceeded" in office.log()), office.log()
        assert office.stop(service)[0] == 0


def test_a_second_sigterm_ends_it_at_once_whatever_hangs(office: Office) -> None:
    with office.running(hanging(600_000)) as service:
        assert wait_until(lambda: "hanging" in office.log()), office.log()
        service.send_signal(signal.SIGTERM)
        assert wait_until(lambda: "stopping" in office.log()), office.log()
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=30) == -signal.SIGTERM, "the first one waits for what hangs and ends well"


def test_the_parts_cannot_be_split_without_a_broker(office: Office) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "worker.cli", "run", "--only", "tick", "--config", str(office.home / "config.toml")],
        cwd=office.home,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(office.home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == USAGE
    assert "memory:" in done.stderr


def test_ticker_and_worker_run_apart_on_redis(office: Office, redis_server: Server) -> None:
    apart(office, redis_server.url)


def test_ticker_and_worker_run_apart_on_rabbitmq(office: Office, rabbitmq: Server) -> None:
    apart(office, rabbitmq.url)


def apart(office: Office, url: str) -> None:
    config = office.home / "config.toml"
    config.write_text(f'{config.read_text()}\n[broker]\nurl = "{url}"\n')
    office.correspondence(TOM, last=datetime.now(UTC) - timedelta(days=150))
    with office.running(parts("tick")) as ticker, office.running(parts("work")) as worker:
        assert wait_until(lambda: office.states("check_in") == [("delivered", None)]), office.log()
        assert office.stop(ticker)[0] == 0
        assert office.stop(worker)[0] == 0
    assert len(office.holds()) == 1
    assert "Traceback" not in office.log()
