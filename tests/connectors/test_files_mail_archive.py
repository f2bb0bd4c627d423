"""A Takeout is read as it lies; an archive that lies about itself costs neither disk nor memory, and hides nothing else."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from connectors.files import archive, mbox_feed
from connectors.files.mail import FilesMailbox
from connectors.port import Changes, Cursor, CursorExpired
from rules.facts import CalendarEvent, MessageMetadata
from tests.connectors.contract import pages_of


def messages(start: int, count: int, label: str = "Inbox") -> bytes:
    return b"".join(
        f"From {n}@xxx Mon Mar 02 10:00:00 +0000 2026\nX-GM-THRID: {n}\nX-Gmail-Labels: {label}\nFrom: eva@x.example\n"
        f"Date: Mon, 2 Mar 2026 10:00:00 +0000\nMessage-ID: <{n}@x.example>\n\nzirkonfalter\n\n".encode()
        for n in range(start, start + count)
    )


def takeout_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def takeout_tgz(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as packed:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
    return path


FILES = {
    "Takeout/archive_browser.html": b"<html>",
    "Takeout/Mail/All mail Including Spam and Trash.mbox": messages(0, 7),
    "Takeout/Mail/Sent.mbox": messages(7, 2, "Sent"),
    "Takeout/Mail/letter.eml": b"From: eva@x.example\nDate: Mon, 2 Mar 2026 10:00:00 +0000\nMessage-ID: <9@x.example>\n\nzirkonfalter\n",
}


def read(
    path: Path, since: Cursor | None = None
) -> tuple[list[MessageMetadata], list[str], list[Changes[MessageMetadata] | Changes[CalendarEvent]]]:
    mailbox = FilesMailbox(paths=[path], out=None)
    (feed,) = mailbox.feeds()
    pages = pages_of(mailbox, feed, since)
    facts = [fact for page in pages for fact in page.upserted if isinstance(fact, MessageMetadata)]
    return facts, [skip.reason for page in pages for skip in page.skipped], pages


@pytest.mark.parametrize(("make", "name"), [(takeout_zip, "takeout.zip"), (takeout_tgz, "takeout.tgz")])
def test_a_takeout_is_read_without_unpacking_it_and_can_be_resumed_after_every_page(
    make: object, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(make)
    monkeypatch.setattr(mbox_feed, "PAGE", 3)
    path = make(tmp_path / name, FILES)
    facts, skipped, pages = read(path)
    assert [fact.message_id for fact in facts] == [f"{n}@x.example" for n in range(10)]
    assert skipped == []
    assert {fact.message_id for fact in facts if fact.is_sent} == {"7@x.example", "8@x.example"}
    assert "zirkonfalter" not in repr(pages)
    assert sorted(tmp_path.iterdir()) == [path]
    for number, page in enumerate(pages):
        rest, _, _ = read(path, page.cursor)
        seen = {fact.message_id for before in pages[: number + 1] for fact in before.upserted if isinstance(fact, MessageMetadata)}
        assert seen | {fact.message_id for fact in rest} == {f"{n}@x.example" for n in range(10)}
    assert read(path, pages[-1].cursor)[0] == []
    make(path, {**FILES, "Takeout/Mail/New.mbox": messages(20, 1)})
    with pytest.raises(CursorExpired):
        read(path, pages[-1].cursor)


def test_a_takeout_unpacked_to_a_folder_reads_the_same(tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    mailbox = FilesMailbox(paths=[tmp_path], out=None)
    facts = [fact for feed in mailbox.feeds() for page in pages_of(mailbox, feed) for fact in page.upserted]
    assert sorted(fact.message_id for fact in facts if isinstance(fact, MessageMetadata)) == [f"{n}@x.example" for n in range(10)]


@pytest.mark.parametrize("name", ["../../etc/evil.mbox", "/etc/evil.mbox", "C:\\evil.mbox", "a\\..\\..\\evil.mbox"])
@pytest.mark.parametrize(("make", "file"), [(takeout_zip, "t.zip"), (takeout_tgz, "t.tgz")])
def test_a_name_that_climbs_out_is_skipped_with_its_reason_and_creates_nothing(
    make: object, file: str, name: str, tmp_path: Path
) -> None:
    assert callable(make)
    folder = tmp_path / "deep" / "er"
    folder.mkdir(parents=True)
    facts, skipped, _ = read(make(folder / file, {name: messages(5, 1), "Takeout/Mail/a.mbox": messages(0, 2)}))
    assert [fact.message_id for fact in facts] == ["0@x.example", "1@x.example"]
    assert skipped == ["a file in the archive was left out: its name points outside the archive"]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [file]


def test_links_and_devices_in_a_tgz_are_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "t.tgz"
    with tarfile.open(path, "w:gz") as packed:
        for name, kind in (("a.mbox", tarfile.SYMTYPE), ("b.mbox", tarfile.LNKTYPE), ("c.mbox", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            packed.addfile(info)
    facts, skipped, _ = read(path)
    assert facts == []
    assert len(skipped) == 3


def test_a_symbolic_link_in_a_zip_is_only_its_own_text(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as packed:
        info = zipfile.ZipInfo("a.mbox")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(info, "/etc/passwd")
    facts, skipped, _ = read(path)
    assert facts == []
    assert skipped == ["the file is no mbox: it does not begin with a From line, as an mbox does"]


@pytest.mark.parametrize(("make", "name"), [(takeout_zip, "bomb.zip"), (takeout_tgz, "bomb.tgz")])
def test_an_archive_made_to_fill_a_disk_stops_early_with_its_reason(
    make: object, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(make)
    monkeypatch.setattr(archive, "FREE", 1 << 20)
    path = make(tmp_path / name, {"Takeout/Mail/bomb.mbox": messages(0, 1) + bytes(200 << 20)})
    assert path.stat().st_size < 1 << 20
    facts, skipped, _ = read(path)
    assert [fact.message_id for fact in facts] in ([], ["0@x.example"])
    assert any("hundreds of times its size" in reason for reason in skipped)


def test_a_line_without_end_in_an_archive_is_not_read_byte_for_byte_and_no_further_than_allowed() -> None:
    class Counting(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.reads += 1
            return super().read(size)

    source = Counting(b"short\n" + bytes(9 << 20))
    stream = archive.Guarded(source, limit=2 << 20)
    assert (stream.readline(), len(stream.readline(1 << 20)), source.reads) == (b"short\n", 1 << 20, 0)
    with pytest.raises(archive.TooBig):
        stream.readline()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"\x1f\x8b broken", bytes(range(256)) * 20])
@pytest.mark.parametrize("name", ["a.zip", "a.tgz"])
def test_a_damaged_archive_is_one_thing_skipped(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    facts, skipped, pages = read(tmp_path / name)
    assert facts == []
    assert all("archive" in reason for reason in skipped)
    assert pages[-1].is_last
    assert skipped or not content


def test_a_member_damaged_in_the_middle_keeps_its_neighbours(tmp_path: Path) -> None:
    path = takeout_zip(tmp_path / "t.zip", {"a.mbox": messages(0, 300), "b.mbox": messages(300, 5)})
    raw = bytearray(path.read_bytes())
    raw[600:640] = bytes(40)
    path.write_bytes(raw)
    facts, skipped, _ = read(path)
    assert {f"{n}@x.example" for n in range(300, 305)} <= {fact.message_id for fact in facts}
    assert any("damaged" in reason for reason in skipped)
