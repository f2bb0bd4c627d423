"""No word of a body or description reaches the database, the logs, --json, or what Rekindle itself makes."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.end_to_end.files_world import CANARY, ME, ROOT, Office, wait_until

pytestmark = pytest.mark.timeout(180)
TOM = "tom@third.example"
SUBJECT = "blaubeerkuchen"
"""A subject: it may be stored, but no line of the log may show it."""


def rekindle(office: Office, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "worker.cli", *arguments, "--config", str(office.home / "config.toml")],
        cwd=office.home,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(office.home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_no_word_of_a_body_is_kept_logged_or_printed(tmp_path: Path) -> None:
    office = Office(tmp_path)
    now = datetime.now(UTC)
    office.correspondence(TOM, last=now - timedelta(days=150))
    office.mail(from_="eva@elsewhere.example", to=ME, at=now, subject=SUBJECT)
    office.meeting("eva@elsewhere.example", start=now - timedelta(hours=5), end=now - timedelta(hours=4))
    with office.running() as service:
        assert wait_until(lambda: office.states("check_in") == [("delivered", None)]), office.log()
        assert office.stop(service)[0] == 0

    kept = [path for path in office.home.rglob("rekindle.db*") if path.is_file()]
    assert any(SUBJECT.encode() in path.read_bytes() for path in kept), "the subject is stored, so the search sees something"
    assert not [path for path in kept if CANARY.encode() in path.read_bytes()]

    log = office.log()
    assert "pulled" in log
    assert not [word for word in (CANARY, SUBJECT, TOM, "eva@elsewhere.example", ME) if word in log]

    made = [path for path in (office.home / "out").rglob("*") if path.is_file()]
    assert made
    assert not [path for path in made if CANARY in path.read_text(errors="replace")]

    verbs = [
        ("suggestions", "--all"),
        ("people", "--all"),
        ("status",),
        ("why", TOM),
        ("why-not", "eva@elsewhere.example"),
        ("preview",),
    ]
    printed = "".join(rekindle(office, *verb, "--json") for verb in verbs)
    assert TOM in printed
    assert CANARY not in printed
