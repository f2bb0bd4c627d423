"""What may be connected as mail and calendars on disk, and what is refused by what it looks like."""

from __future__ import annotations

import gzip
import os
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from worker.advice import Refusal
from worker.cli import run
from worker.exit_codes import OK, USAGE
from worker.verbs.material import Side, both, holding, only

MBOX = b"From x Mon Nov 16 10:00:00 2026\nFrom: Bo <bo@far.example>\nSubject: Hello\n\nBody\n"
EML = b"Received: from far.example\nFrom: Bo <bo@far.example>\nSubject: Hello\n\nBEGIN:VCALENDAR\n"
ICS = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"

MAIL = {"all.mbox": MBOX, "Inbox": MBOX, "one.eml": EML, "two": EML, "packed.mbox.gz": gzip.compress(MBOX), "to-come.mbox": b""}
CALENDARS = {
    "calendar.ics": ICS,
    "with-mark.ics": b"\xef\xbb\xbf" + ICS,
    "late.ics": b"\n\n  " + ICS,
    "wide.ics": ICS.decode().encode("utf-16"),
    "no-suffix": ICS,
    "to-come.ics": b"",
}
NEITHER = {
    "offer.pdf": (b"%PDF-1.7\n", "a PDF"),
    "photo.jpg": (b"\xff\xd8\xff\xe0", "a picture"),
    "backup.pst": (b"!BDN\0\1", "an Outlook data file"),
    "old.msg": (b"\xd0\xcf\x11\xe0\xa1", "an Outlook message or an old Office document"),
    "letter.docx": (b"PK\x03\x04", "a zip file by another name, or an Office document"),
    "people.vcf": (b"BEGIN:VCARD\r\n", "a book of addresses"),
    "page.html": (b"<!DOCTYPE html>", "a web page"),
    "history.json": (b'{"a": 1}', "JSON"),
    "notes.txt": ("Grüße, From here on".encode(), "plain text"),
    "noise": (bytes(range(256)), "a file of a kind I do not know"),
    "renamed.ics": (b"just words", "plain text"),
}


@contextmanager
def as_nobody() -> Iterator[None]:
    """Do without the rights of root, who may look anywhere."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.mark.parametrize("name", MAIL)
def test_mail_is_taken_for_mail(tmp_path: Path, name: str) -> None:
    path = made(tmp_path / name, MAIL[name])
    assert both([path]) == ((path,), ())
    assert only("mail", [path]) == (path,)
    with pytest.raises(Refusal) as refused:
        only("calendar", [path])
    assert refused.value.advice.text() == f"{path} holds mail, no calendar.\nSay --mail {path}."


@pytest.mark.parametrize("name", CALENDARS)
def test_a_calendar_is_taken_for_a_calendar(tmp_path: Path, name: str) -> None:
    path = made(tmp_path / name, CALENDARS[name])
    assert both([path]) == ((), (path,))
    assert only("calendar", [path]) == (path,)
    with pytest.raises(Refusal) as refused:
        only("mail", [path])
    assert refused.value.advice.text() == f"{path} holds a calendar, no mail.\nSay --calendar {path}."


@pytest.mark.parametrize("name", NEITHER)
def test_what_is_neither_is_refused_by_what_it_looks_like(tmp_path: Path, name: str) -> None:
    content, looks = NEITHER[name]
    path = made(tmp_path / name, content)
    with pytest.raises(Refusal) as refused:
        both([path])
    assert refused.value.advice.what == f"{path} is neither mail nor a calendar: it looks like {looks}."
    assert refused.value.advice.code == USAGE
    assert ("Outlook" in refused.value.advice.remedy) == (name == "backup.pst")


def test_a_folder_counts_by_what_is_in_it_and_may_be_filled_with_the_other_one_day(tmp_path: Path) -> None:
    letters = made(tmp_path / "letters" / "all.mbox", MBOX).parent
    dates = made(tmp_path / "dates" / "all.ics", ICS).parent
    photos = made(tmp_path / "photos" / "one.jpg", b"\xff\xd8\xff").parent
    empty = tmp_path / "empty"
    empty.mkdir()
    maildir = made(tmp_path / "Maildir" / "cur" / "1", EML).parent.parent
    (maildir / "new").mkdir()
    assert both([letters, dates, empty, maildir]) == ((letters, dates, empty, maildir),) * 2
    assert only("mail", [letters, empty, maildir])
    assert only("calendar", [dates, empty])
    wrong: list[tuple[Side, Path, str]] = [
        ("calendar", maildir, "--mail"),
        ("mail", dates, "--calendar"),
        ("mail", photos, "neither"),
    ]
    for side, path, said in wrong:
        with pytest.raises(Refusal) as refused:
            only(side, [path])
        assert said in refused.value.advice.text()


def test_a_folder_nothing_has_come_into_yet_is_an_empty_one_whatever_folders_are_in_it(tmp_path: Path) -> None:
    to_come = made(tmp_path / "mail" / "Inbox" / ".DS_Store", b"\0\0\0\1").parent.parent
    made(to_come / "Desktop.ini", b"[.ShellClassInfo]")
    assert both([to_come]) == ((to_come,),) * 2
    assert holding("calendar", [to_come]) == ()


def test_a_folder_one_may_not_look_into_is_no_empty_one() -> None:
    with tempfile.TemporaryDirectory() as name:
        closed = Path(name) / "Mail"
        closed.mkdir(mode=0)
        Path(name).chmod(0o755)
        with as_nobody(), pytest.raises(PermissionError):
            both([closed])


def test_a_folder_of_other_files_is_refused_with_a_way_to_have_it_read_once_mail_comes(tmp_path: Path) -> None:
    photos = made(tmp_path / "photos" / "one.jpg", b"\xff\xd8\xff").parent
    with pytest.raises(Refusal, match="files, but neither") as refused:
        both([photos])
    assert "make an empty one in it" in refused.value.advice.remedy
    (photos / "mail").mkdir()
    assert both([photos / "mail"]) == ((photos / "mail",),) * 2


def parts(folder: Path) -> dict[str, Path]:
    """A Takeout in parts, as it is split by size."""
    held = {"mail": ("Mail/All mail.mbox", MBOX), "dates": ("Calendar/me.ics", ICS), "photos": ("Drive/one.jpg", b"x")}
    found = {what: folder / f"takeout-00{number}.zip" for number, what in enumerate(held, 1)}
    for what, (name, content) in held.items():
        with zipfile.ZipFile(found[what], "w") as archive:
            archive.writestr(f"Takeout/{name}", content)
    return found


def test_a_part_of_an_export_that_holds_neither_is_left_out_and_said_to_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = parts(tmp_path)
    assert both(list(part.values())) == ((part["mail"],), (part["dates"],))
    assert capsys.readouterr().err == f"{part['photos']} holds neither mail nor a calendar and is left out.\n"
    assert only("mail", list(part.values())) == (part["mail"],)
    assert capsys.readouterr().err.splitlines() == [
        f"{part['dates']} holds no mail and is left out.",
        f"{part['photos']} holds no mail and is left out.",
    ]
    for paths in ([part["photos"]], [part["photos"], part["photos"]]):
        with pytest.raises(Refusal, match=r"neither mail nor a calendar that I can see: it holds Takeout/Drive/one\.jpg"):
            both(paths)
    with pytest.raises(Refusal, match="holds a calendar, no mail"):
        only("mail", [part["dates"]])
    with pytest.raises(Refusal, match="neither"):
        only("mail", [part["photos"], part["dates"]])


def test_an_archive_counts_by_its_list(tmp_path: Path) -> None:
    both_kinds, other, broken, tar = (tmp_path / name for name in ("takeout.zip", "photos.zip", "broken.zip", "takeout.tgz"))
    with zipfile.ZipFile(both_kinds, "w") as archive:
        archive.writestr("Takeout/Mail/All mail.mbox", MBOX)
        archive.writestr("Takeout/Calendar/me.ics", ICS)
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("one.jpg", b"x")
    made(broken, b"PK\x03\x04 and no more")
    with tarfile.open(tar, "w:gz") as packed:
        packed.add(made(tmp_path / "all.mbox", MBOX))
    assert both([both_kinds, tar]) == ((both_kinds, tar),) * 2
    for path, said, remedy in (
        (other, "it holds one.jpg", "unpack it and name the folder"),
        (broken, "no zip file that can be read", ""),
    ):
        with pytest.raises(Refusal, match=said) as refused:
            both([path])
        assert remedy in refused.value.advice.remedy


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Refusal, match="a pipe or a device"):
        both([tmp_path / "pipe"])


def test_connecting_and_setting_up_refuse_alike_and_write_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = tmp_path / "config.toml"
    monkeypatch.setenv("REKINDLE_CONFIG", str(settings))
    pdf, mail = made(tmp_path / "x.pdf", b"%PDF-1.7"), made(tmp_path / "all.mbox", MBOX)
    who = ("--name", "Ana Lopez", "--address", "ana@home.example", "--zone", "Europe/Madrid", "--yes")
    assert run(["init", *who, "--config", str(settings), "--mail", str(pdf)]) == USAGE
    assert not settings.exists()
    assert run(["init", *who, "--config", str(settings), "--mail", str(mail)]) == OK
    before = settings.read_text()
    assert run(["connect", "files", str(pdf), "--account", "more"]) == USAGE
    assert run(["connect", "files", "--calendar", str(mail), "--account", "more"]) == USAGE
    assert settings.read_text() == before
    said = capsys.readouterr().err
    assert said.count(f"{pdf} is neither mail nor a calendar: it looks like a PDF.") == 2
    assert f"Say --mail {mail}." in said
    assert run(["connect", "files", str(mail), "--account", "more"]) == OK
    assert "calendar" not in settings.read_text().partition("accounts.more")[2]


def made(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
