"""What is written to disk about people is readable by its owner alone, whatever the umask."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.app import App
from worker.cli import run
from worker.config import load
from worker.exit_codes import OK


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    return [str(each.relative_to(folder)) for each in sorted(folder.rglob("*")) if each.lstat().st_mode & 0o077]


def test_drafts_holds_and_all_that_belongs_to_them(tmp_path: Path) -> None:
    assert run(["demo", str(tmp_path / "demo")]) == OK
    out = tmp_path / "demo" / "out"
    assert {each.name for each in out.iterdir()} == {".rekindle", "Drafts", "Holds.ics", "holds"}
    assert [each.suffix for each in (out / "Drafts" / "new").iterdir()] == [".eml"]
    assert not out.lstat().st_mode & 0o077
    assert open_to_others(out) == []


def test_a_folder_that_was_there_keeps_its_rights(tmp_path: Path) -> None:
    out = tmp_path / "demo" / "out"
    (out / "Drafts").mkdir(parents=True)
    assert run(["demo", str(tmp_path / "demo")]) == OK
    assert open_to_others(out) == ["Drafts"]


def test_settings_key_database_backup_export_and_never_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("REKINDLE_CONFIG", str(home / "rekindle" / "config.toml"))
    file = home / "rekindle" / "config.toml"
    who = ("--name", "Ana Lopez", "--address", "ana@home.example", "--zone", "Europe/Madrid")
    (tmp_path / "all.mbox").write_text("From x Mon Nov 16 10:00:00 2026\nFrom: bo@far.example\n\n")
    assert run(["init", "--config", str(file), *who, "--mail", str(tmp_path / "all.mbox"), "--yes"]) == OK
    assert run(["never", "bo@far.example"]) == OK
    assert run(["backup", str(home / "rekindle" / "copy.db")]) == OK
    assert run(["export", "--output", str(home / "rekindle" / "all.json")]) == OK
    app = App.open(load(file))
    try:
        app.pull("ana/files")
        names = {each.name for each in file.parent.iterdir()}
        assert {"config.toml", "master.key", "rekindle.db", "rekindle.db-wal", "copy.db", "all.json", "never-ana.txt"} <= names
        assert open_to_others(file.parent) == []
    finally:
        app.close()
