"""`rekindle try`: mail and calendars from disk, nothing lost, nothing written anywhere, and an answer worth a minute."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own, for this one call
import pytest

from tests.end_to_end.conftest import Demo, rekindle
from worker.exit_codes import FAILED, OK, USAGE
from worker.json_schemas import schema_of

NOW = ("--zone", "Europe/Berlin", "--now", "2026-11-17T10:30")
MAILBOXES = ("dev-p00227", "dev-p05253", "dev-p05860", "dev-p12218", "dev-p16263")


def tried(*arguments: str, cwd: Path) -> dict[str, Any]:
    """What `try --json` prints, once it fits its schema and adds up."""
    done = rekindle("try", *arguments, "--json", cwd=cwd)
    assert done.returncode == OK, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(found, schema_of("try"), jsonschema.Draft202012Validator)
    for tally in (found["messages"], found["events"]):
        assert tally["read"] == tally["stored"] + tally["duplicates"] + sum(each["count"] for each in tally["skipped"])
    return found


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder with its size and its last change."""
    return {str(each.relative_to(folder)): (each.stat().st_size, each.stat().st_mtime_ns) for each in folder.rglob("*")}


def test_it_finds_the_owner_the_network_and_what_is_due(demo_once: Demo, tmp_path: Path) -> None:
    found = tried(str(demo_once.folder / "world"), *NOW, cwd=tmp_path)
    assert set(found["owner_addresses"]) == {"maya@meridian.example", "maya.chen@meridian.example", "maya.chen@kolibri.example"}
    assert found["messages"]["read"] > 7000
    assert found["events"]["read"] > 100
    by_name = {person["name"]: person for person in found["people"]}
    assert by_name["Daniel Okonjo"]["state"] == "quiet"
    assert by_name["Lucía Fernández"]["state"] == "booked"
    assert by_name["Hugo Brandt"]["state"] == "in_touch"
    assert all(person["kind"] == "human" for person in found["people"])
    assert {each["action"] for each in found["suggestions"]} == {"draft", "hold"}
    assert all(each["state"] == "planned" and each["why"] and each["evidence"] for each in found["suggestions"])


def test_it_writes_nothing_anywhere(demo_once: Demo, tmp_path: Path) -> None:
    shutil.copytree(demo_once.folder / "world", tmp_path / "world")
    (tmp_path / "home").mkdir()
    (tmp_path / "temporary").mkdir()
    before = contents(tmp_path)
    done = rekindle("try", str(tmp_path / "world"), cwd=tmp_path / "home", TMPDIR=str(tmp_path / "temporary"))
    assert done.returncode == OK, done.stderr
    assert contents(tmp_path) == before


def test_it_tells_a_tired_executive_what_matters(demo_once: Demo, tmp_path: Path) -> None:
    told = rekindle("try", str(demo_once.folder / "world"), *NOW, cwd=tmp_path).stdout
    for part in ("Your network:", "Gone quiet", "Where your attention goes", "What Rekindle would make today", "and why not"):
        assert part in told
    assert re.search(r"people take \d+% of your meeting hours", told)
    assert "That is certain" in told
    assert "No mail or meeting that I can see since" in told
    assert "addresses that name nobody or that only one side ever wrote to" in " ".join(told.split())
    assert "Nothing was written anywhere, nothing was sent." in told


def test_the_first_names_are_told_while_it_still_reads(demo_once: Demo, tmp_path: Path) -> None:
    done = rekindle("try", str(demo_once.folder / "world"), *NOW, cwd=tmp_path)
    assert "Found so far:" in done.stderr
    assert "Found so far:" not in done.stdout


def test_a_calendar_alone_is_enough(demo_once: Demo, tmp_path: Path) -> None:
    found = tried(str(demo_once.folder / "world" / "calendar.ics"), "--me", "maya@meridian.example", *NOW, cwd=tmp_path)
    assert found["messages"]["read"] == 0
    assert len(found["people"]) > 10
    told = rekindle(
        "try", str(demo_once.folder / "world" / "calendar.ics"), "--me", "maya@meridian.example", *NOW, cwd=tmp_path
    ).stdout
    assert "addresses of which too little was seen" in told
    assert "ever wrote" not in told


def test_saying_who_one_is_wins_over_guessing(demo_once: Demo, tmp_path: Path) -> None:
    found = tried(str(demo_once.folder / "world"), "--me", "hugo.brandt@rheinlogik.example", *NOW, cwd=tmp_path)
    assert found["owner_addresses"] == ["hugo.brandt@rheinlogik.example"]


def test_a_takeout_gives_the_same_zipped_and_unpacked(demo_once: Demo, tmp_path: Path) -> None:
    mail = tmp_path / "Takeout" / "Mail"
    mail.mkdir(parents=True)
    inbox = (demo_once.folder / "world" / "Inbox.mbox").read_bytes()
    (mail / "All mail Including Spam and Trash.mbox").write_bytes(inbox)
    archive = tmp_path / "takeout.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(mail / "All mail Including Spam and Trash.mbox", "Takeout/Mail/All mail Including Spam and Trash.mbox")
    me = ("--me", "maya@meridian.example", *NOW)
    unpacked, zipped = (tried(str(path), *me, cwd=tmp_path) for path in (tmp_path / "Takeout", archive))
    assert unpacked["messages"] == zipped["messages"]
    assert unpacked["people"] == zipped["people"]


@pytest.mark.parametrize("name", MAILBOXES)
def test_real_mailboxes_lose_nothing(name: str, shared: Path, tmp_path: Path) -> None:
    mailbox = shared / "data" / "mbox" / f"{name}.mbox.gz"
    with gzip.open(mailbox) as lines:
        written = sum(line.startswith(b"From ") for line in lines)
    found = tried(str(mailbox), "--now", "2026-11-17T10:30", cwd=tmp_path)
    assert found["messages"]["read"] == written
    assert found["people"]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\x00\xff\xfe" * 5000, "junk.mbox"),
        (b"", "empty.mbox"),
        (b"BEGIN:VCALENDAR\r\nBEGIN:VEV", "torn.ics"),
        (b"hello", "note.txt"),
    ],
)
def test_what_cannot_be_read_is_counted_or_refused_and_never_a_traceback(content: bytes, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    done = rekindle("try", str(tmp_path / name), "--me", "ana@home.example", cwd=tmp_path)
    assert done.returncode in {OK, FAILED, USAGE}, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert "bug" not in done.stderr


def test_pipes_and_links_that_lead_nowhere_are_never_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "up").symlink_to("..")
    (folder / "itself").symlink_to("itself")
    (folder / "gone.eml").symlink_to("nowhere.eml")
    (folder / "whole.eml").write_text("From: iris@north.example\nTo: ana@home.example\nMessage-ID: <1@north.example>\n\nHello\n")
    for name in ("pipe.mbox", "pipe.eml", "pipe.ics", "pipe.zip", "pipe"):
        os.mkfifo(folder / name)
    found = tried(str(folder), "--me", "ana@home.example", cwd=tmp_path)
    assert found["messages"]["stored"] == 1
    assert {each["reason"] for each in found["messages"]["skipped"]} == {"it is a pipe or a device, not a file"}
    named = tried(str(folder / "pipe.ics"), "--me", "ana@home.example", cwd=tmp_path)
    assert [each["count"] for each in named["events"]["skipped"]] == [1]


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = rekindle("try", str(tmp_path / "none.mbox"), cwd=tmp_path)
    assert done.returncode == USAGE
    assert "none.mbox" in done.stderr


def test_an_unknown_zone_names_the_nearest(demo_once: Demo, tmp_path: Path) -> None:
    done = rekindle("try", str(demo_once.folder / "world"), "--zone", "Europe/Berln", cwd=tmp_path)
    assert done.returncode == USAGE
    assert "Europe/Berlin" in done.stderr


def test_a_subject_cannot_play_tricks_on_the_terminal(tmp_path: Path) -> None:
    trick = "=?utf-8?b?G1sySgdJcmlz?="  # ESC [2J BEL Iris
    mail = (
        "From a Tue Nov 17 09:00:00 2026\nFrom: {} <{}>\nTo: {}\nDate: Tue, {} Nov 2026 09:00:00 +0100\n"
        "Message-ID: <{}@home.example>\nSubject: Hello\n\nBody\n\n"
    )
    letters = []
    for day in range(1, 13):
        ours = day % 2
        names = ("Ana", "ana@home.example", "iris@north.example") if ours else (trick, "iris@north.example", "ana@home.example")
        letters.append(mail.format(*names, f"{day:02}", day))
    (tmp_path / "all.mbox").write_text("".join(letters))
    done = rekindle("try", str(tmp_path / "all.mbox"), "--me", "ana@home.example", "--now", "2026-11-17T10:30", cwd=tmp_path)
    assert done.returncode == OK, done.stderr
    assert "Iris" in done.stdout
    assert "\x1b[2J" not in done.stdout + done.stderr
    assert "\x07" not in done.stdout + done.stderr


def letters(me: str, other: str, count: int) -> str:
    """An exchange of so many days, each way by turns."""
    mail = (
        "From a Tue Nov 17 09:00:00 2026\nFrom: {}\nTo: {}\nDate: Tue, {:02} Nov 2026 09:00:00 +0100\n"
        "Message-ID: <{}@home.example>\nSubject: Hello\n\nBody\n\n"
    )
    return "".join(mail.format(*((me, other) if day % 2 else (other, me)), day, day) for day in range(1, count + 1))


def test_through_a_pipe_no_line_ends_in_blanks_and_nothing_moves_the_cursor(demo_once: Demo, tmp_path: Path) -> None:
    done = rekindle("try", str(demo_once.folder / "world"), *NOW, cwd=tmp_path, COLUMNS="80")
    assert done.returncode == OK
    assert len(done.stdout.splitlines()) > 30
    for line in [*done.stdout.splitlines(), *done.stderr.splitlines()]:
        assert line == line.rstrip()
        assert line.isprintable()


def test_who_the_owner_is_is_said_without_meetings_that_were_not_read_and_with_their_tag(tmp_path: Path) -> None:
    (tmp_path / "all.mbox").write_text(letters("Ana Lopez <ana+work@home.example>", "Iris Novak <iris@north.example>", 9))
    done = rekindle("try", str(tmp_path / "all.mbox"), "--me", "ana+work@home.example", *NOW, cwd=tmp_path)
    assert "You are ana+work@home.example." in done.stdout
    assert "another +tag, or with none, counts as yours too" in done.stdout
    assert "Next meeting" not in done.stdout
    guessed = rekindle("try", str(tmp_path / "all.mbox"), *NOW, cwd=tmp_path).stdout
    assert "all the messages." in guessed
    assert "meetings." not in guessed
