"""A present time in the settings is for trying things out: left there by mistake, it is told wherever one looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker import exit_codes
from worker.cli import run
from worker.doctor import examine

NOW = "now = 2026-11-17T10:30:00+01:00\n"
OWNER = '[owners.ana]\nname = "Ana Lopez"\naddresses = ["ana@home.example"]\nzone = "Europe/Madrid"\n'
ON_DISK = '[owners.ana.accounts.disk]\nprovider = "files"\nmail = ["mail"]\nout = "out"\n'
ON_A_SERVER = '[owners.ana.accounts.post]\nprovider = "imap"\nimap = "imaps://127.0.0.1:1"\nuser = "ana"\npassword_env = "NONE"\n'
TOLD = "It is taken to be Tue 17 Nov 2026 10:30, for `now` in"


def written(folder: Path, text: str) -> Path:
    (folder / "mail").mkdir()
    (folder / "config.toml").write_text(text)
    return folder / "config.toml"


@pytest.mark.parametrize("verb", [("status",), ("run", "--only", "tick")])
def test_status_and_the_start_of_the_service_say_that_the_settings_hold_a_present_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: tuple[str, ...]
) -> None:
    """The service is refused right after: a part alone wants another broker."""
    file = written(tmp_path, NOW + OWNER + ON_DISK)
    run([*verb, "--config", str(file)])
    printed = capsys.readouterr()
    assert f"{TOLD} {file}" in printed.out + printed.err
    file.write_text(OWNER + ON_DISK)
    run([*verb, "--config", str(file)])
    assert "taken to be" not in "".join(capsys.readouterr())


def test_a_time_named_with_the_verb_is_known_to_whoever_named_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, NOW + OWNER + ON_DISK)
    assert run(["status", "--now", "2026-11-18T10:30", "--config", str(file)]) == exit_codes.OK
    assert "taken to be" not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    "now", ["2026-11-17", "2026-11-17T10:30:00", '"yesterday"', "5", "true", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]
)
def test_what_is_no_instant_is_no_present_time(tmp_path: Path, now: str) -> None:
    file = written(tmp_path, f"now = {now}\n" + OWNER + ON_DISK)
    (finding,) = (each for each in examine(file) if not each.is_ok)
    assert "now: " in finding.what
    assert "write it like 2026-11-17T10:30:00+01:00" in finding.what


def test_a_present_time_may_be_written_as_text_too(tmp_path: Path) -> None:
    file = written(tmp_path, 'now = "2026-11-17T10:30:00+01:00"\n' + OWNER + ON_DISK)
    assert any(TOLD in each.what for each in examine(file))


def test_doctor_calls_a_present_time_wrong_beside_an_account_on_a_server(tmp_path: Path) -> None:
    file = written(tmp_path, NOW + OWNER + ON_DISK)
    (finding,) = (each for each in examine(file) if each.subject == "now")
    assert finding.is_ok
    assert TOLD in finding.what
    file.write_text(NOW + OWNER + ON_DISK + ON_A_SERVER)
    (finding,) = (each for each in examine(file) if each.subject == "now")
    assert not finding.is_ok
    assert "Take `now` out" in (finding.remedy or "")
    file.write_text(OWNER + ON_DISK + ON_A_SERVER)
    assert "now" not in {each.subject for each in examine(file)}


def test_doctor_tells_one_date_wherever_it_tells_the_time(tmp_path: Path) -> None:
    file = written(tmp_path, "now = 2026-11-18T00:30:00+01:00\n" + OWNER + ON_DISK)
    assert run(["status", "--config", str(file)]) == exit_codes.OK  # makes the database
    told = {each.subject: each.what for each in examine(file)}
    assert all("Wed 18 Nov 2026 00:30" in told[subject] for subject in ("now", "time zone", "clock"))
