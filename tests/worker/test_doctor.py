"""Doctor names each missing thing and its remedy, one line each, and ends with 3 when there is any."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from worker import exit_codes
from worker.app import App
from worker.cli import run
from worker.config import load
from worker.doctor import examine
from worker.json_views import FindingView
from worker.store import accounts
from worker.store.mapping import micros
from worker.store.store import Store
from worker.store.tables import account

MBOX = """From ana@home.example Tue Nov 17 09:00:00 2026
From: Ana Lopez <ana@home.example>
To: Iris Novak <iris@north.example>
Date: Tue, 17 Nov 2026 09:00:00 +0100
Message-ID: <1@home.example>
Subject: Hello

Body
"""
SETTINGS = """[owners.ana]
name = "Ana Lopez"
addresses = ["ana@home.example"]
zone = "Europe/Madrid"

[owners.ana.accounts.disk]
provider = "files"
mail = ["all.mbox"]
out = "out"
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """A config.toml with one account of files, all there."""
    (tmp_path / "all.mbox").write_text(MBOX)
    file = tmp_path / "config.toml"
    file.write_text(SETTINGS)
    return file


@pytest.fixture
def enrolled(settings: Path) -> Path:
    """The same, with a database that knows its owner and account."""
    app = App.open(load(settings))
    app.enrol()
    app.close()
    return settings


def found(config: Path, subject: str) -> FindingView:
    """Return the one finding on a subject."""
    [finding] = [each for each in examine(config) if each.subject == subject]
    return finding


def test_all_is_well_where_all_is_well(enrolled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--config", str(enrolled)]) == exit_codes.OK
    assert "All is well." in capsys.readouterr().out


def test_a_database_that_is_not_there_yet_is_no_fault(settings: Path) -> None:
    assert found(settings, "database").is_ok
    assert not (settings.parent / "rekindle.db").exists()


def test_missing_settings_lead_to_init(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json", "--config", str(tmp_path / "none.toml")]) == exit_codes.OWNER
    finding = json.loads(capsys.readouterr().out)[-1]
    assert (finding["subject"], finding["is_ok"]) == ("settings", False)
    assert "rekindle init" in finding["remedy"]


def test_every_problem_of_the_settings_is_a_line_of_its_own(settings: Path) -> None:
    settings.write_text(SETTINGS.replace("Europe/Madrid", "Europe/Madird").replace("mail =", "mial ="))
    findings = [each for each in examine(settings) if not each.is_ok]
    assert len(findings) == 2
    assert any("Europe/Madrid" in each.what for each in findings)
    assert any("'mail'" in each.what for each in findings)


def test_a_missing_key_matters_once_an_account_has_secrets(settings: Path) -> None:
    assert found(settings, "key").is_ok
    settings.write_text(SETTINGS + 'password_env = "NONE"\n')
    finding = found(settings, "key")
    assert not finding.is_ok
    assert finding.remedy


def test_a_database_of_a_newer_rekindle_is_named(enrolled: Path) -> None:
    with sqlite3.connect(enrolled.parent / "rekindle.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    finding = found(enrolled, "database")
    assert not finding.is_ok
    assert "newer" in finding.what
    assert finding.remedy


def test_a_file_that_is_no_database_is_named(settings: Path) -> None:
    (settings.parent / "rekindle.db").write_bytes(b"this is no database" * 100)
    assert not found(settings, "database").is_ok


def test_a_database_that_may_not_be_written_is_named(enrolled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = enrolled.parent / "rekindle.db"
    if os.geteuid() == 0:  # root may write any file: let SQLite itself refuse
        opened = Store.open
        monkeypatch.setattr(Store, "open", lambda _: opened(f"sqlite:///file:{database}?mode=ro&uri=true"))
    else:
        database.chmod(0o400)
    finding = found(enrolled, "database")
    assert not finding.is_ok
    assert "may not be written" in finding.what
    assert finding.remedy


def test_a_folder_that_has_gone_is_named_with_its_account(enrolled: Path) -> None:
    (enrolled.parent / "all.mbox").unlink()
    finding = found(enrolled, "ana/disk")
    assert not finding.is_ok
    assert "all.mbox" in finding.what
    assert finding.remedy


def test_a_paused_account_says_what_the_owner_is_to_do(enrolled: Path) -> None:
    app = App.open(load(enrolled))
    with app.store.write() as connection:
        accounts.pause(connection, "ana/disk", "The password is refused.", "Connect the account again.")
    app.close()
    finding = found(enrolled, "ana/disk")
    assert (finding.is_ok, finding.what, finding.remedy) == (False, "The password is refused.", "Connect the account again.")


def test_a_clock_that_was_set_back_is_noticed(enrolled: Path) -> None:
    app = App.open(load(enrolled))
    with app.store.write() as connection:
        connection.execute(update(account).values(last_ok_at=micros(datetime.now(UTC) + timedelta(days=1))))
    app.close()
    finding = found(enrolled, "clock")
    assert not finding.is_ok
    assert "clock" in (finding.remedy or "")


def test_a_pause_is_not_forgotten(enrolled: Path) -> None:
    assert run(["pause", "--config", str(enrolled)]) == exit_codes.OK
    assert "pause --end" in (found(enrolled, "pause").remedy or "")
    assert run(["pause", "--end", "--config", str(enrolled)]) == exit_codes.OK
    assert not [each for each in examine(enrolled) if each.subject == "pause"]


def test_another_now_counts_for_the_clock_the_zone_and_a_pause(enrolled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pause", "--until", "2026-12-01", "--now", "2026-11-17T10:30", "--config", str(enrolled)]) == exit_codes.OK
    for now, is_paused in (("2026-11-20T09:00", True), ("2026-12-02T09:00", False)):
        capsys.readouterr()
        code = run(["doctor", "--json", "--now", now, "--config", str(enrolled)])
        told = {each["subject"]: each for each in json.loads(capsys.readouterr().out)}
        assert (code, "pause" in told) == ((exit_codes.OWNER, True) if is_paused else (exit_codes.OK, False))
        assert f"{now[:10]} 08:00 UTC" in told["clock"]["what"]
        assert "09:00" in told["time zone"]["what"]


def test_an_owner_without_an_account_is_told_how_to_add_one(settings: Path) -> None:
    settings.write_text(SETTINGS.partition("[owners.ana.accounts")[0])
    App.open(load(settings)).close()
    assert "connect" in (found(settings, "accounts").remedy or "")


def test_a_broker_that_does_not_answer_is_named(settings: Path) -> None:
    settings.write_text(SETTINGS + '[broker]\nurl = "redis://127.0.0.1:1/0"\n')
    finding = found(settings, "broker")
    assert not finding.is_ok
    assert "127.0.0.1:1" in finding.what


def test_a_broken_rulebook_is_named_with_its_key(settings: Path) -> None:
    (settings.parent / "mine.toml").write_text("[rules.thank_you]\nmodee = 'off'\n")
    settings.write_text(SETTINGS + '[rules]\nfile = "mine.toml"\n')
    finding = found(settings, "rulebook")
    assert not finding.is_ok
    assert "modee" in finding.what


def test_another_package_named_rules_is_noticed(settings: Path, tmp_path: Path, root: Path) -> None:
    """PyPI has others that install a top-level `rules`; one of them before ours would decide in our place."""
    stranger = tmp_path / "site" / "rules"
    stranger.mkdir(parents=True)
    for name in (root / "rules").iterdir():
        (stranger / name.name).symlink_to(name)
    program = f"from worker.doctor import examine\nfrom pathlib import Path\nprint(examine(Path({str(settings)!r}))[0])"
    environ = os.environ | {"PYTHONPATH": f"{tmp_path / 'site'}:{root}"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert "is_ok=False" in done.stdout
    assert str(stranger) in done.stdout
