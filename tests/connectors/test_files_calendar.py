"""Calendars of files keep the contract; what was skipped has its reason, and what the owner deletes stays deleted."""

from __future__ import annotations

import errno
import io
import os
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors import ical
from connectors.files import holds, ics_feed
from connectors.files.calendar import FilesCalendar
from connectors.port import (
    BEGINNING,
    Calendar,
    Cursor,
    CursorExpired,
    Edited,
    Gone,
    Mailbox,
    Moved,
    PortError,
    Rejected,
    Saved,
    Unavailable,
    Untouched,
    Watcher,
)
from rules.facts import Address, CalendarEvent
from tests.connectors.contract import CANARY, NOON, Ability, Contract, Failure, StoredDraft, StoredHold, World, a_hold, an_invite

NO_MAIL = "this connector is calendars only"
NO_PROVIDER = "a folder has no such failure"


@dataclass(frozen=True)
class OnlyCalendar:
    calendar: Calendar
    mailbox: Mailbox | None = None

    def addresses(self) -> Sequence[Address]:
        return ()

    def watcher(self) -> Watcher | None:
        return None

    def close(self) -> None:
        pass


class FolderWorld:
    """A folder with one .ics for each event, as vdirsyncer and khal keep it."""

    cannot: Mapping[Ability, str] = {
        "mail": NO_MAIL, "remove_mail": NO_MAIL, "edit_draft": NO_MAIL, "send_draft": NO_MAIL, "move_draft": NO_MAIL, "unread": NO_MAIL,
        "lose_answer": "a link is made or not, and the answer cannot be lost",
        "invite": "files cannot send an invitation",
        "authorization": NO_PROVIDER, "rate": NO_PROVIDER, "unavailable": NO_PROVIDER, "rejected": NO_PROVIDER,
    }  # fmt: skip

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "calendar"
        self.out = folder / "out"
        self.folder.mkdir()

    def open(self) -> OnlyCalendar:
        return OnlyCalendar(calendar=FilesCalendar(paths=[self.folder], out=self.out, zone="Europe/Berlin"))

    def add_event(self, uid: str, *, title: str, description: str, start: datetime, end: datetime) -> None:
        guest = "ATTENDEE;CN=Eva Beispiel:mailto:eva@elsewhere.example"
        (self.folder / f"{uid}.ics").write_bytes(calendar(vevent(uid, start, end, title, f"DESCRIPTION:{description}", guest)))

    def remove_event(self, uid: str) -> None:
        (self.folder / f"{uid}.ics").unlink()

    def expire_cursor(self, cursor: Cursor) -> Cursor:
        return Cursor(cursor[:-3])

    def holds(self) -> Sequence[StoredHold]:
        found = []
        for path in sorted(self.out.glob("holds/*.ics")):
            data = path.read_bytes()
            for event in ical.read(data, remote_id="", zone="UTC"):
                assert isinstance(event, CalendarEvent)
                assert isinstance(event.start, datetime)
                found.append(
                    StoredHold(
                        key=event.rekindle_key,
                        start=event.start,
                        attendees=event.attendee_count,
                        has_organizer=event.organizer is not None,
                        has_reminder=b"VALARM" in data,
                        is_private=event.visibility == "private",
                    )
                )
        return found

    def path(self, saved: Saved) -> Path:
        return self.out / "holds" / saved.remote_id.partition("#")[0]

    def edit_hold(self, saved: Saved) -> None:
        data = self.path(saved).read_bytes()
        self.path(saved).write_bytes(data.replace(b"SUMMARY:", b"SUMMARY:\xe2\x9c\x93 "))

    def move_hold(self, saved: Saved, start: datetime, end: datetime) -> None:
        lines = self.path(saved).read_bytes().split(b"\r\n")
        times = {b"DTSTART": f"DTSTART:{start:%Y%m%dT%H%M%SZ}", b"DTEND": f"DTEND:{end:%Y%m%dT%H%M%SZ}"}
        moved = [times.get(line.partition(b":")[0], line.decode()).encode() for line in lines]
        self.path(saved).write_bytes(b"\r\n".join(moved))

    def delete_hold(self, saved: Saved) -> None:
        self.path(saved).unlink()

    def add_mail(self, message_id: str, *, subject: str, body: str, at: datetime) -> None:
        raise NotImplementedError(NO_MAIL)

    def remove_mail(self, message_id: str) -> None:
        raise NotImplementedError(NO_MAIL)

    def unread(self) -> frozenset[str]:
        raise NotImplementedError(NO_MAIL)

    def drafts(self) -> Sequence[StoredDraft]:
        raise NotImplementedError(NO_MAIL)

    def edit_draft(self, saved: Saved) -> None:
        raise NotImplementedError(NO_MAIL)

    def move_draft(self, saved: Saved) -> None:
        raise NotImplementedError(NO_MAIL)

    def send_draft(self, saved: Saved) -> None:
        raise NotImplementedError(NO_MAIL)

    def delete_draft(self, saved: Saved) -> None:
        raise NotImplementedError(NO_MAIL)

    def fail_next(self, failure: Failure) -> None:
        raise NotImplementedError(NO_PROVIDER)

    def lose_next_answer(self) -> None:
        raise NotImplementedError(NO_PROVIDER)


def vevent(uid: str, start: datetime, end: datetime, title: str, *more: str) -> str:
    times = f"DTSTART:{start:%Y%m%dT%H%M%SZ}\r\nDTEND:{end:%Y%m%dT%H%M%SZ}"
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", times, f"SUMMARY:{title}", *more, "END:VEVENT", ""])


def calendar(*events: str, method: str = "") -> bytes:
    return ("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + method + "".join(events) + "END:VCALENDAR\r\n").encode()


def meeting(number: int, *more: str) -> str:
    at = NOON + timedelta(days=number)
    return vevent(f"meeting-{number}@elsewhere.example", at, at + timedelta(hours=1), f"Meeting {number}", *more)


class TestFolder(Contract):
    @pytest.fixture
    def world(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
        monkeypatch.setattr(ics_feed, "PAGE", 3)
        return FolderWorld(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> FolderWorld:
    return FolderWorld(tmp_path)


def everything(calendar: FilesCalendar) -> tuple[list[CalendarEvent], list[str]]:
    pages = [page for feed in calendar.feeds() for page in calendar.changes(feed, None)]
    return [event for page in pages for event in page.upserted], [skip.reason for page in pages for skip in page.skipped]


def read_paths(*paths: Path) -> tuple[list[CalendarEvent], list[str]]:
    return everything(FilesCalendar(paths=paths, out=None, zone="Europe/Berlin"))


def test_an_export_of_many_is_read_page_by_page_and_resumed_in_its_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ics_feed, "PAGE", 4)
    export = tmp_path / "export.ics"
    export.write_bytes(calendar(*(meeting(number) for number in range(11))))
    files = FilesCalendar(paths=[export], out=None, zone="Europe/Berlin")
    feed = files.feeds()[0]
    pages = list(files.changes(feed, None))
    assert [len(page.upserted) for page in pages] == [4, 4, 3]
    rest = list(files.changes(feed, pages[0].cursor))
    assert [event.uid for page in rest for event in page.upserted] == [
        f"meeting-{number}@elsewhere.example" for number in range(4, 11)
    ]


def test_a_first_read_covers_what_the_history_holds_also_when_it_is_resumed_days_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ics_feed, "PAGE", 2)
    export = tmp_path / "export.ics"
    export.write_bytes(calendar(*(meeting(number) for number in range(10))))
    begin = NOON + timedelta(days=4)
    files = FilesCalendar(paths=[export], out=None, zone="Europe/Berlin", since=begin)
    first = next(iter(files.changes(files.feeds()[0], None)))
    later = FilesCalendar(paths=[export], out=None, zone="Europe/Berlin", since=begin + timedelta(days=3))
    rest = list(later.changes(later.feeds()[0], first.cursor))
    found = [event.uid for page in (first, *rest) for event in page.upserted]
    assert found == [f"meeting-{number}@elsewhere.example" for number in range(3, 10)], "a day of grace for zones"
    assert [page.covered_since for page in (first, *rest) if page.is_last] == [begin]


def test_a_meeting_moved_out_of_the_history_is_removed(tmp_path: Path) -> None:
    single = tmp_path / "single.ics"
    single.write_bytes(calendar(meeting(4)))
    files = FilesCalendar(paths=[tmp_path], out=None, zone="Europe/Berlin", since=NOON)
    cursor = list(files.changes(files.feeds()[0], None))[-1].cursor
    single.write_bytes(calendar(meeting(-400)).replace(b"meeting--400", b"meeting-4"))
    (page,) = files.changes(files.feeds()[0], cursor)
    assert (page.upserted, page.removed) == ((), ("single.ics#meeting-4@elsewhere.example",))


def test_a_changed_export_is_read_again_from_the_start_so_that_a_deleted_meeting_is_swept(tmp_path: Path) -> None:
    export = tmp_path / "export.ics"
    export.write_bytes(calendar(meeting(1), meeting(2)))
    files = FilesCalendar(paths=[export], out=None, zone="Europe/Berlin")
    feed = files.feeds()[0]
    cursor = list(files.changes(feed, None))[-1].cursor
    export.write_bytes(calendar(meeting(2)))
    with pytest.raises(CursorExpired):
        list(files.changes(feed, cursor))
    again = list(files.changes(feed, None))
    assert [event.uid for event in again[0].upserted] == ["meeting-2@elsewhere.example"]
    assert again[-1].is_last


def test_an_export_that_changes_while_it_is_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ics_feed, "PAGE", 2)
    export = tmp_path / "export.ics"
    export.write_bytes(calendar(*(meeting(number) for number in range(5))))
    files = FilesCalendar(paths=[export], out=None, zone="Europe/Berlin")
    feed = files.feeds()[0]
    first = next(iter(files.changes(feed, None)))
    export.write_bytes(calendar(*(meeting(number) for number in range(1, 5))))
    with pytest.raises(CursorExpired):
        list(files.changes(feed, first.cursor))


def test_a_touched_file_is_not_reported_again(tmp_path: Path) -> None:
    export = tmp_path / "export.ics"
    export.write_bytes(calendar(meeting(1), meeting(2)))
    files = FilesCalendar(paths=[export], out=None, zone="Europe/Berlin")
    feed = files.feeds()[0]
    cursor = list(files.changes(feed, None))[-1].cursor
    os.utime(export, (1, 1))
    assert files.feeds()[0].hint != feed.hint
    assert [page.upserted for page in files.changes(feed, cursor)] == [()]


def test_the_hint_changes_with_the_files_and_only_then(folder: FolderWorld) -> None:
    files = folder.open().calendar
    before = files.feeds()[0].hint
    assert files.feeds()[0].hint == before
    folder.add_event("new@elsewhere.example", title="New", description=CANARY, start=NOON, end=NOON)
    assert files.feeds()[0].hint != before


def test_a_changed_event_of_a_folder_is_reported_alone(folder: FolderWorld) -> None:
    for name in ("a", "b", "c"):
        folder.add_event(name, title=name, description=CANARY, start=NOON, end=NOON)
    files = folder.open().calendar
    feed = files.feeds()[0]
    cursor = list(files.changes(feed, None))[-1].cursor
    folder.add_event("b", title="moved", description=CANARY, start=NOON + timedelta(days=1), end=NOON + timedelta(days=1))
    pages = list(files.changes(feed, cursor))
    assert [(event.uid, event.summary) for page in pages for event in page.upserted] == [("b", "moved")]


def test_a_series_is_reported_whole_in_one_page_wherever_its_exceptions_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ics_feed, "PAGE", 2)
    override = meeting(0, f"RECURRENCE-ID:{NOON + timedelta(days=7):%Y%m%dT%H%M%SZ}")
    export = tmp_path / "export.ics"
    export.write_bytes(calendar(override, *(meeting(number) for number in range(1, 7)), meeting(0, "RRULE:FREQ=WEEKLY;COUNT=5")))
    files = FilesCalendar(paths=[export], out=None, zone="Europe/Berlin")
    pages = [
        page for page in files.changes(files.feeds()[0], None) if any(event.uid.startswith("meeting-0@") for event in page.upserted)
    ]
    assert len(pages) == 1
    assert [event.original_start is None for event in pages[0].upserted if event.uid.startswith("meeting-0@")] == [True, False]


def test_of_several_copies_the_newest_is_reported_last(tmp_path: Path) -> None:
    export = tmp_path / "export.ics"
    newer, older = calendar(meeting(1, "SEQUENCE:2", "LOCATION:new")), calendar(meeting(1, "SEQUENCE:1", "LOCATION:old"))
    export.write_bytes(newer + older)
    events, skipped = read_paths(export)
    assert events[-1].location == "new"
    assert skipped == ["An event was left out: a newer copy of it is in the same file."]
    export.write_bytes(older + newer)
    events, skipped = read_paths(export)
    assert (events[-1].location, skipped) == ("new", [])


def test_an_answer_to_an_invitation_is_no_meeting(tmp_path: Path) -> None:
    export = tmp_path / "export.ics"
    export.write_bytes(calendar(meeting(1), method="METHOD:REQUEST\r\n") + calendar(meeting(1), method="METHOD:REPLY\r\n"))
    events, reasons = read_paths(export)
    assert [event.method for event in events] == ["REQUEST"]
    assert reasons == ["An event was left out: it is an answer to an invitation."]


def test_a_takeout_zip_and_a_tgz_are_read_as_they_lie(tmp_path: Path) -> None:
    data = calendar(meeting(1), meeting(2))
    with zipfile.ZipFile(tmp_path / "takeout.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Takeout/Calendar/me@meridian.example.ics", data)
        archive.writestr("../../etc/evil.ics", calendar(meeting(3)))
        archive.writestr("Takeout/Mail/All mail.mbox", b"From nobody")
    with tarfile.open(tmp_path / "takeout.tgz", "w:gz") as archive:
        entry = tarfile.TarInfo("Takeout/Calendar/Ühersee.ics")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    for name, skips in (("takeout.zip", 1), ("takeout.tgz", 0)):
        events, reasons = read_paths(tmp_path / name)
        assert len(events) == 2
        assert len(reasons) == skips
    assert sorted(path.name for path in tmp_path.iterdir()) == ["takeout.tgz", "takeout.zip"]


def test_archives_below_a_folder_are_feeds_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "single.ics").write_bytes(calendar(meeting(3)))
    with zipfile.ZipFile(tmp_path / "takeout-001.zip", "w") as archive:
        archive.writestr("Takeout/Calendar/a.ics", calendar(meeting(1)))
    events, _ = read_paths(tmp_path)
    assert sorted(event.uid for event in events) == ["meeting-1@elsewhere.example", "meeting-3@elsewhere.example"]


def test_a_calendar_that_is_not_there_is_unavailable_and_nothing_counts_as_removed(folder: FolderWorld) -> None:
    folder.add_event("a", title="a", description=CANARY, start=NOON, end=NOON)
    files = folder.open().calendar
    feed = files.feeds()[0]
    cursor = list(files.changes(feed, None))[-1].cursor
    folder.folder.rename(folder.folder.with_name("unmounted"))
    with pytest.raises(Unavailable):
        list(folder.open().calendar.changes(feed, cursor))


def test_a_file_that_is_no_calendar_does_not_stop_the_others(folder: FolderWorld) -> None:
    folder.add_event("a", title="a", description=CANARY, start=NOON, end=NOON)
    (folder.folder / "junk.ics").write_bytes(os.urandom(4000))
    (folder.folder / "empty.ics").write_bytes(b"")
    events, reasons = everything(FilesCalendar(paths=[folder.folder], out=None, zone="Europe/Berlin"))
    assert [event.uid for event in events] == ["a"]
    assert len(reasons) == 2


def test_a_hold_deleted_before_its_retry_is_gone_and_not_made_again(folder: FolderWorld) -> None:
    files = folder.open().calendar
    saved = files.save_hold(a_hold(), files.witness())
    assert isinstance(saved, Saved)
    folder.delete_hold(saved)
    assert files.save_hold(a_hold(), files.witness()) == Gone()
    assert files.save_hold(a_hold(), BEGINNING) == Gone()
    assert folder.holds() == []


def test_a_withdrawn_hold_may_be_made_again_at_another_time(folder: FolderWorld) -> None:
    files = folder.open().calendar
    saved = files.save_hold(a_hold(), files.witness())
    assert isinstance(saved, Saved)
    assert files.withdraw(saved) == Untouched()
    again = files.save_hold(a_hold(start=NOON + timedelta(days=3)), files.witness())
    assert isinstance(again, Saved)
    assert [hold.start for hold in folder.holds()] == [NOON + timedelta(days=3)]


def test_all_holds_stand_in_one_calendar_that_follows_them(folder: FolderWorld) -> None:
    files = folder.open().calendar
    first = files.save_hold(a_hold("lapse:1"), files.witness())
    files.save_hold(a_hold("lapse:2", start=NOON + timedelta(days=1)), files.witness())
    view = folder.out / "Holds.ics"
    assert {event.uid for event in read_paths(view)[0]} == {f"{a_hold(cause).key}@{holds.HOST}" for cause in ("lapse:1", "lapse:2")}
    assert not view.stat().st_mode & 0o222, "it is a view: changes belong into the file of the hold"
    assert isinstance(first, Saved)
    files.withdraw(first)
    assert [event.rekindle_key for event in read_paths(view)[0]] == [a_hold("lapse:2").key]


def test_our_own_folder_below_the_calendars_is_read_once(tmp_path: Path) -> None:
    files = FilesCalendar(paths=[tmp_path], out=tmp_path / "out", zone="Europe/Berlin")
    files.save_hold(a_hold(), files.witness())
    events, _ = everything(files)
    assert [event.rekindle_key for event in events] == [a_hold().key]


def test_a_hold_a_program_wrote_anew_with_another_time_is_moved_and_with_another_title_edited(folder: FolderWorld) -> None:
    files = folder.open().calendar
    saved = files.save_hold(a_hold(), files.witness())
    assert isinstance(saved, Saved)
    folder.edit_hold(saved)
    assert files.look(saved) == Edited()
    folder.move_hold(saved, NOON + timedelta(hours=2), NOON + timedelta(hours=3))
    assert files.look(saved) == Moved(start=NOON + timedelta(hours=2), end=NOON + timedelta(hours=3))


def test_a_full_disk_leaves_nothing_half_written_and_says_what_to_do(folder: FolderWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    files = folder.open().calendar
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left") as raised:
        files.save_hold(a_hold(), files.witness())
    assert raised.value.remedy
    assert [path for path in folder.out.rglob("*") if path.is_file()] == []
    monkeypatch.undo()
    assert isinstance(files.save_hold(a_hold(), files.witness()), Saved)


def test_files_neither_send_invitations_nor_write_without_a_folder(folder: FolderWorld, tmp_path: Path) -> None:
    with pytest.raises(Rejected):
        folder.open().calendar.save_hold(an_invite(), BEGINNING)
    reader = FilesCalendar(paths=[tmp_path], out=None, zone="Europe/Berlin")
    with pytest.raises(Rejected) as raised:
        reader.save_hold(a_hold(), BEGINNING)
    assert isinstance(raised.value, PortError)
    assert "out" in raised.value.remedy


def test_no_description_reaches_a_fact(folder: FolderWorld) -> None:
    folder.add_event("a", title="a", description=CANARY, start=NOON, end=NOON.astimezone(UTC))
    files = folder.open().calendar
    pages = [page for feed in files.feeds() for page in files.changes(feed, None)]
    assert CANARY not in repr(pages)
