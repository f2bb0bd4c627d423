"""Files whose names are no UTF-8, as old disks have them, are read like others, by ids that any database takes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connectors.files.calendar import FilesCalendar
from connectors.files.mail import FilesMailbox

LETTER = b"From: eva@x.example\nTo: ada@own.example\nDate: Mon, 4 May 2026 10:00:00 +0000\nMessage-ID: <%d@x.example>\n\nhi\n"
LINES = "BEGIN:VCALENDAR", "BEGIN:VEVENT", "UID:one", "DTSTART:20260520T100000Z", "END:VEVENT", "END:VCALENDAR", ""


def folder(where: Path, name: bytes) -> Path:
    """Make a folder of this name, or skip where the disk takes none but UTF-8."""
    try:
        (found := where / os.fsdecode(name)).mkdir()
    except OSError:
        pytest.skip("this disk takes no name that is not UTF-8")
    return found


def test_mail_under_a_name_that_is_no_utf_8_is_read_under_an_id_that_is(tmp_path: Path) -> None:
    old = folder(tmp_path, b"Entw\xfcrfe")
    for name in ("cur", "new", "tmp"):
        (old / name).mkdir()
    (old / "cur" / os.fsdecode(b"\xff:2,S")).write_bytes(LETTER % 1)
    (tmp_path / os.fsdecode(b"Bj\xf6rn.mbox")).write_bytes(b"From x Mon May  4 10:00:00 2026\n" + LETTER % 2)
    ids = {feed.id for feed in FilesMailbox(paths=[tmp_path], out=None).feeds()}
    assert {Path(each).name for each in ids} == {"Entw\\xfcrfe", "Bj\\xf6rn.mbox"}
    box = FilesMailbox(paths=[tmp_path], out=None)  # another run, which knows the ids alone
    feeds = [feed for feed in FilesMailbox(paths=[tmp_path], out=None).feeds() if feed.id.encode()]
    read = [fact.message_id for feed in feeds for page in box.changes(feed, None) for fact in page.upserted]
    assert sorted(read) == ["1@x.example", "2@x.example"]


def test_a_calendar_under_a_name_that_is_no_utf_8_is_read_under_an_id_that_is(tmp_path: Path) -> None:
    old = folder(tmp_path, b"Ferien f\xfcr alle")
    (old / os.fsdecode(b"\xe9t\xe9.ics")).write_text("\n".join(LINES))
    [feed] = FilesCalendar(paths=[old], out=None, zone="UTC").feeds()
    assert Path(feed.id.encode().decode()).name == "Ferien f\\xfcr alle"
    [page] = FilesCalendar(paths=[old], out=None, zone="UTC").changes(feed, None)
    assert [event.uid for event in page.upserted] == ["one"]
    assert page.cursor.encode()
