"""Letters the command line cannot take or a terminal cannot show: said in a sentence, or left out, and never called a bug."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from worker import exit_codes
from worker.cli import run

SETTINGS = '[owners.ana]\nname = "Ana Lopez"\naddresses = ["ana@home.example"]\nzone = "Europe/Madrid"\n'
LETTER = """From x Sun Nov  1 09:00:00 2026
From: {}
To: {}
Date: Sun, 1 Nov 2026 09:00:0{} +0000
Message-ID: <{}@home.example>

"""


def test_settings_are_not_begun_that_would_name_a_file_whose_name_is_no_utf_8(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mail = tmp_path / "caf\udce9.mbox"
    mail.write_text("")
    said = ("--name", "Ana Lopez", "--address", "ana@home.example", "--mail", str(mail), "--yes")
    assert run(["init", "--config", str(tmp_path / "config.toml"), *said]) == exit_codes.USAGE
    told = capsys.readouterr().err
    assert "is no UTF-8" in told
    assert "folder it lies in" in told
    assert [each for each in tmp_path.iterdir() if "config.toml" in each.name] == []


def test_nobody_is_left_alone_under_an_address_that_is_no_utf_8(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.toml").write_text(SETTINGS)
    assert run(["never", "caf\udce9@west.example", "--config", str(tmp_path / "config.toml")]) == exit_codes.USAGE
    assert "is no UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_cannot_show_a_name_shows_the_rest_of_it(tmp_path: Path, encoding: str) -> None:
    people = ("Ana Lopez <ana@home.example>", "=?utf-8?q?Ji=C5=99=C3=AD?= Novak <jiri@north.example>")
    mail = [LETTER.format(*people[:: 1 - number % 2 * 2], number, number) for number in range(8)]
    (tmp_path / "all.mbox").write_text("\n".join(mail))
    command = [sys.executable, "-m", "worker.cli", "try", "all.mbox", "--me", "ana@home.example", "--now", "2026-11-17T10:30"]
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=120, check=False)
    assert done.returncode == exit_codes.OK, done.stderr
    assert "Ji??" in done.stdout.decode("ascii") if encoding == "ascii" else "Ji?í" in done.stdout.decode(encoding)
