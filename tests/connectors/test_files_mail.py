"""Mail of files keeps the contract, in a Maildir and in an mbox; a draft is made once, whatever is killed or runs beside."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime
from mailbox import Maildir
from pathlib import Path

import pytest

from connectors.files import FilesConnection, drafts, folder, mbox_feed
from connectors.files.mail import FilesMailbox
from connectors.mime import parse_header
from connectors.port import (
    BEGINNING,
    Connection,
    Cursor,
    CursorExpired,
    Edited,
    Gone,
    Rejected,
    Saved,
    Sent,
    Unavailable,
    Untouched,
)
from rules.suggestions import Draft
from tests.connectors.contract import Ability, Contract, Failure, StoredDraft, StoredHold, World, a_draft, pages_of

NO_CALENDAR = "this test is of mail only"
NO_PROVIDER = "a folder has no such failure"
CANNOT: Mapping[Ability, str] = {
    "calendar": NO_CALENDAR, "remove_event": NO_CALENDAR, "move_hold": NO_CALENDAR, "edit_hold": NO_CALENDAR, "invite": NO_CALENDAR,
    "lose_answer": "a draft is claimed or not; killing the process is tested below",
    "authorization": NO_PROVIDER, "rate": NO_PROVIDER, "unavailable": NO_PROVIDER, "rejected": NO_PROVIDER,
}  # fmt: skip


def letter(message_id: str, *, subject: str, body: str, at: datetime) -> bytes:
    head = f"From: Eva Beispiel <eva@elsewhere.example>\nTo: Ada Owner <ada@example.org>\nDate: {format_datetime(at)}\n"
    return f"{head}Subject: {subject}\nMessage-ID: <{message_id}>\n\n{body}\n".encode()


def maildir(path: Path) -> Path:
    for name in ("cur", "new", "tmp"):
        (path / name).mkdir(parents=True)
    return path


class OwnersHands:
    """What an owner does with the drafts in `out`, as a mail program on a Maildir does it."""

    cannot: Mapping[Ability, str] = CANNOT
    out: Path

    def path(self, saved: Saved) -> Path:
        return next(path for path in self.out.rglob(f"{saved.remote_id}*") if path.parent.name in {"new", "cur"})

    def drafts(self) -> Sequence[StoredDraft]:
        found = []
        for path in sorted(self.out.rglob("*")):
            if path.is_file() and path.parent.name in {"new", "cur"}:
                fact = parse_header(path.read_bytes(), remote_id="")
                to = tuple(address.email for address in fact.to)
                found.append(StoredDraft(message_id=fact.message_id, is_sent=path.parent.parent.name == "Sent", to=to))
        return found

    def edit_draft(self, saved: Saved) -> None:
        old = self.path(saved)
        new = old.parent.parent / "cur" / "1700000009.M1P2.laptop:2,DS"
        new.write_bytes(old.read_bytes() + b"P.S. Hello to Bo\n")
        old.unlink()

    def _moved(self, saved: Saved, name: str) -> None:
        if not (self.out / name).exists():
            maildir(self.out / name)
        self.path(saved).rename(self.out / name / "cur" / f"{saved.remote_id}:2,S")

    def move_draft(self, saved: Saved) -> None:
        self._moved(saved, "Later")

    def send_draft(self, saved: Saved) -> None:
        self._moved(saved, "Sent")

    def delete_draft(self, saved: Saved) -> None:
        self.path(saved).unlink()

    def holds(self) -> Sequence[StoredHold]:
        raise NotImplementedError

    def add_event(self, uid: str, *, title: str, description: str, start: datetime, end: datetime) -> None:
        raise NotImplementedError

    def remove_event(self, uid: str) -> None:
        raise NotImplementedError

    def edit_hold(self, saved: Saved) -> None:
        raise NotImplementedError

    def move_hold(self, saved: Saved, start: datetime, end: datetime) -> None:
        raise NotImplementedError

    def delete_hold(self, saved: Saved) -> None:
        raise NotImplementedError

    def fail_next(self, failure: Failure) -> None:
        raise NotImplementedError

    def lose_next_answer(self) -> None:
        raise NotImplementedError


class MaildirWorld(OwnersHands):
    """A Maildir that some other program fills."""

    def __init__(self, place: Path) -> None:
        self.mail = maildir(place / "mail")
        self.out = place / "out"
        self.count = 0

    def open(self) -> Connection:
        return FilesConnection(mailbox=FilesMailbox(paths=[self.mail], out=self.out), calendar=None, addresses=())

    def add_mail(self, message_id: str, *, subject: str, body: str, at: datetime) -> None:
        self.count += 1
        name = f"{int(at.timestamp())}.M{self.count}P1.host"
        (self.mail / "new" / name).write_bytes(letter(message_id, subject=subject, body=body, at=at))

    def remove_mail(self, message_id: str) -> None:
        next(path for path in (self.mail / "new").iterdir() if message_id.encode() in path.read_bytes()).unlink()

    def expire_cursor(self, cursor: Cursor) -> Cursor:
        return Cursor("file:1:of-an-mbox:0:")

    def unread(self) -> frozenset[str]:
        return frozenset(parse_header(path.read_bytes(), remote_id="").message_id for path in (self.mail / "new").iterdir())


class MboxWorld(OwnersHands):
    """An mbox to which a delivery agent appends."""

    cannot: Mapping[Ability, str] = {
        **CANNOT,
        "remove_mail": "a message can only be removed by writing the mbox anew, and then its cursor has expired",
        "unread": "an mbox that is only read has no flags of its own",
    }

    def __init__(self, place: Path) -> None:
        self.mail = place / "archive.mbox"
        self.out = place / "out"
        self.mail.touch()

    def open(self) -> Connection:
        return FilesConnection(mailbox=FilesMailbox(paths=[self.mail], out=self.out), calendar=None, addresses=())

    def add_mail(self, message_id: str, *, subject: str, body: str, at: datetime) -> None:
        with self.mail.open("ab") as file:
            file.write(f"From eva@elsewhere.example {at:%a %b %e %H:%M:%S %Y}\n".encode())
            file.write(letter(message_id, subject=subject, body=body, at=at) + b"\n")

    def remove_mail(self, message_id: str) -> None:
        raise NotImplementedError

    def expire_cursor(self, cursor: Cursor) -> Cursor:
        self.mail.write_bytes(self.mail.read_bytes().replace(b"Subject", b"SUBJECT"))
        return cursor

    def unread(self) -> frozenset[str]:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "PAGE", 3)
    monkeypatch.setattr(mbox_feed, "PAGE", 3)


class TestMaildir(Contract):
    @pytest.fixture
    def world(self, tmp_path: Path) -> World:
        return MaildirWorld(tmp_path)


class TestMbox(Contract):
    @pytest.fixture
    def world(self, tmp_path: Path) -> World:
        return MboxWorld(tmp_path)


# Drafts

SAVE = """
import os, signal, sys
from pathlib import Path
from connectors.files import drafts
from connectors.files.mail import FilesMailbox
from tests.connectors.contract import a_draft

out, witness, when = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
mailbox = FilesMailbox(paths=[], out=out)

def dying(call, after):
    def wrapped(*args, **kwargs):
        if not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
    return wrapped

match when:
    case "before the claim": drafts.os.link = dying(os.link, after=False)
    case "after the claim": drafts.os.link = dying(os.link, after=True)
    case "before it shows": Path.rename = dying(Path.rename, after=False)
    case "after it shows": Path.rename = dying(Path.rename, after=True)
print(type(mailbox.save_draft(a_draft(), witness)).__name__)
"""
POINTS = ("before the claim", "after the claim", "before it shows", "after it shows")


def save_in_a_process(out: Path, witness: str, when: str, root: Path) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", SAVE, str(out), witness, when]
    return subprocess.Popen(arguments, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, stdout=subprocess.PIPE, text=True)


def shown(out: Path) -> list[Path]:
    return [path for path in (out / "Drafts").rglob("*") if path.is_file()]


@pytest.mark.parametrize("when", POINTS)
def test_a_save_that_was_killed_leaves_one_draft_after_the_next(tmp_path: Path, root: Path, when: str) -> None:
    mailbox = FilesMailbox(paths=[], out=tmp_path)
    witness = mailbox.witness()
    with save_in_a_process(tmp_path, witness, when, root) as process:
        assert process.wait(timeout=60) == -9
    again = mailbox.save_draft(a_draft(), witness)
    assert isinstance(again, Saved)
    assert len(shown(tmp_path)) == 1
    assert mailbox.look(again) == Untouched()


def test_a_draft_the_owner_deleted_after_a_killed_save_is_not_made_again(tmp_path: Path, root: Path) -> None:
    mailbox = FilesMailbox(paths=[], out=tmp_path)
    witness = mailbox.witness()
    with save_in_a_process(tmp_path, witness, "after it shows", root) as process:
        process.wait(timeout=60)
    (only,) = shown(tmp_path)
    only.unlink()
    assert mailbox.save_draft(a_draft(), witness) == Gone()
    assert shown(tmp_path) == []


def test_eight_processes_saving_one_draft_at_once_make_one(tmp_path: Path, root: Path) -> None:
    witness = FilesMailbox(paths=[], out=tmp_path).witness()
    processes = [save_in_a_process(tmp_path, witness, "never", root) for _ in range(8)]
    answers = [process.communicate(timeout=100)[0].strip() for process in processes]
    assert answers == ["Saved"] * 8
    assert len(shown(tmp_path)) == 1


def test_of_two_that_claim_in_the_same_moment_one_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox = FilesMailbox(paths=[], out=tmp_path)
    witness = mailbox.witness()
    claim = drafts.Drafts._claim  # noqa: SLF001 - the moment between looking and claiming

    def second_in_between(of: drafts.Drafts, draft: Draft) -> None:
        monkeypatch.setattr(drafts.Drafts, "_claim", claim)
        assert isinstance(FilesMailbox(paths=[], out=tmp_path).save_draft(draft, witness), Saved)
        claim(of, draft)

    monkeypatch.setattr(drafts.Drafts, "_claim", second_in_between)
    late = mailbox.save_draft(a_draft(), witness)
    assert isinstance(late, Saved)
    assert late.is_adopted
    assert len(shown(tmp_path)) == 1


def test_nothing_of_a_claim_but_its_name_outlives_the_draft(tmp_path: Path) -> None:
    mailbox = FilesMailbox(paths=[], out=tmp_path)
    saved = mailbox.save_draft(a_draft(), mailbox.witness())
    assert isinstance(saved, Saved)
    mailbox.withdraw(saved)
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(path.name for path in left) == sorted([a_draft().key, drafts.IDENTITY])
    assert not any(b"Thank you" in path.read_bytes() for path in left)


def test_a_draft_is_not_made_when_the_folder_of_claims_was_thrown_away_since(tmp_path: Path) -> None:
    mailbox = FilesMailbox(paths=[], out=tmp_path / "one")
    witness = mailbox.witness()
    assert FilesMailbox(paths=[], out=tmp_path / "two").save_draft(a_draft(), witness) == Gone()


def test_a_mail_program_that_only_opens_the_folder_has_not_edited_the_draft(tmp_path: Path) -> None:
    mailbox = FilesMailbox(paths=[], out=tmp_path)
    saved = mailbox.save_draft(a_draft(), mailbox.witness())
    assert isinstance(saved, Saved)
    (only,) = shown(tmp_path)
    only.rename(tmp_path / "Drafts" / "cur" / f"{only.name}:2,DS")
    assert mailbox.look(saved) == Untouched()
    assert mailbox.withdraw(saved) == Untouched()


def test_a_draft_sent_from_another_program_is_known_by_its_message_id(tmp_path: Path) -> None:
    sent = maildir(tmp_path / "mail" / ".Gesendet")
    maildir(tmp_path / "mail" / ".Other")
    mailbox = FilesMailbox(paths=[tmp_path / "mail" / ".Gesendet"], out=tmp_path / "out")
    saved = mailbox.save_draft(a_draft(), mailbox.witness())
    assert isinstance(saved, Saved)
    (only,) = shown(tmp_path / "out")
    (sent / "cur" / "1700000000.M1P1.phone:2,S").write_bytes(only.read_bytes())
    only.unlink()
    assert mailbox.look(saved) == Sent()


def test_a_draft_marked_as_deleted_is_gone(tmp_path: Path) -> None:
    mailbox = FilesMailbox(paths=[], out=tmp_path)
    saved = mailbox.save_draft(a_draft(), mailbox.witness())
    assert isinstance(saved, Saved)
    (only,) = shown(tmp_path)
    only.rename(tmp_path / "Drafts" / "cur" / f"{only.name}:2,DT")
    assert mailbox.look(saved) == Gone()


def test_a_mail_program_finds_a_draft_that_is_to_be_sent(tmp_path: Path) -> None:
    mailbox = FilesMailbox(paths=[], out=tmp_path)
    mailbox.save_draft(a_draft(), mailbox.witness())
    (found,) = Maildir(tmp_path / "Drafts", create=False)
    assert (found["X-Unsent"], found["To"]) == ("1", "Eva Beispiel <eva@elsewhere.example>")
    (only,) = shown(tmp_path)
    assert only.suffix == ".eml", "a double click opens it"
    assert b"\r" not in only.read_bytes()


def test_an_edit_in_the_moment_of_withdrawing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox = FilesMailbox(paths=[], out=tmp_path)
    saved = mailbox.save_draft(a_draft(), mailbox.witness())
    assert isinstance(saved, Saved)
    (only,) = shown(tmp_path)
    rename = Path.rename

    def edited_first(old: Path, new: Path) -> Path:
        monkeypatch.setattr(Path, "rename", rename)
        old.write_bytes(old.read_bytes() + b"One more line\n")
        return rename(old, new)

    monkeypatch.setattr(Path, "rename", edited_first)
    assert mailbox.withdraw(saved) == Edited()
    assert [path.name for path in shown(tmp_path)] == [only.name]


def test_a_full_disk_says_what_to_do_and_leaves_nothing_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox = FilesMailbox(paths=[], out=tmp_path)
    witness = mailbox.witness()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left") as raised:
        mailbox.save_draft(a_draft(), witness)
    assert "out" in raised.value.remedy
    assert shown(tmp_path) == []
    monkeypatch.undo()
    assert isinstance(mailbox.save_draft(a_draft(), witness), Saved)
    assert len(shown(tmp_path)) == 1


def test_without_a_folder_for_drafts_saving_says_which_setting_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Rejected) as raised:
        FilesMailbox(paths=[tmp_path], out=None).save_draft(a_draft(), BEGINNING)
    assert "`out`" in raised.value.remedy


# Reading on


def test_appended_mail_is_the_only_news_of_an_mbox_and_a_rewritten_one_expires(tmp_path: Path) -> None:
    world = MboxWorld(tmp_path)
    at = datetime.fromisoformat("2026-03-02T10:00:00+00:00")
    for number in range(5):
        world.add_mail(f"{number}@x.example", subject="s", body="b", at=at)
    mailbox = FilesMailbox(paths=[world.mail], out=None)
    (feed,) = mailbox.feeds()
    cursor = pages_of(mailbox, feed)[-1].cursor
    world.add_mail("new@x.example", subject="s", body="b", at=at)
    pages = pages_of(mailbox, feed, cursor)
    assert [fact.message_id for page in pages for fact in page.upserted] == ["new@x.example"]  # type: ignore[union-attr]  # mail
    world.mail.write_bytes(world.mail.read_bytes()[300:])
    with pytest.raises(CursorExpired):
        pages_of(mailbox, feed, pages[-1].cursor)


def test_a_message_still_being_appended_is_read_again_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.mbox"
    path.write_bytes(
        b"From a@x.example Mon Mar  2 10:00:00 2026\nFrom: a@x.example\nMessage-ID: <1@x.example>\nDate: Mon, 2 Mar 2026 10"
    )
    mailbox = FilesMailbox(paths=[path], out=None)
    (feed,) = mailbox.feeds()
    first = pages_of(mailbox, feed)
    assert pages_of(mailbox, feed, first[-1].cursor)[0].upserted == ()
    with path.open("ab") as file:
        file.write(b":00:00 +0100\nSubject: whole\n\nbody\n")
    again = pages_of(mailbox, feed, first[-1].cursor)
    assert [fact.subject for page in again for fact in page.upserted] == ["whole"]  # type: ignore[union-attr]  # mail
    assert again[0].upserted[0].remote_id == first[0].upserted[0].remote_id


def test_a_flag_that_changes_what_a_message_is_reports_it_again(tmp_path: Path) -> None:
    world = MaildirWorld(tmp_path)
    world.add_mail("1@x.example", subject="s", body="b", at=datetime.fromisoformat("2026-03-02T10:00:00+00:00"))
    mailbox = FilesMailbox(paths=[world.mail], out=None)
    (feed,) = mailbox.feeds()
    cursor = pages_of(mailbox, feed)[-1].cursor
    (only,) = (world.mail / "new").iterdir()
    seen = only.rename(world.mail / "cur" / f"{only.name}:2,S")
    assert not any(page.upserted or page.removed for page in pages_of(mailbox, feed, cursor))
    seen.rename(world.mail / "cur" / f"{only.name}:2,ST")
    (page,) = pages_of(mailbox, feed, cursor)
    assert [fact.labels for fact in page.upserted] == [frozenset({"\\Trash"})]  # type: ignore[union-attr]  # mail
    assert page.removed == ()


def test_a_path_that_is_not_there_is_unavailable_and_never_looks_empty(tmp_path: Path) -> None:
    world = MaildirWorld(tmp_path)
    mailbox = FilesMailbox(paths=[world.mail, tmp_path / "usb-stick" / "old.mbox"], out=None)
    here, missing = mailbox.feeds()
    assert pages_of(mailbox, here)[-1].is_last
    with pytest.raises(Unavailable, match=r"old\.mbox") as raised:
        pages_of(mailbox, missing)
    assert raised.value.remedy
