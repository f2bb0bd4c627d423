"""`rekindle run` on a real Dovecot and a real Radicale: what it makes, imaplib, plain HTTP and curl find, and the owner's hand stands."""

from __future__ import annotations

import imaplib
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from tests.conftest import Server
from tests.end_to_end.files_world import CANARY, ME, rows, stamp, wait_until
from tests.end_to_end.standards_world import HALF_AN_HOUR, ServerOffice, hold_path
from tests.servers.proxies import ImapProxy
from worker.store import accounts
from worker.store.store import Store

T = TypeVar("T")
EVA = "eva@elsewhere.example"
TOM = "tom@third.example"
ANSWER = """
[rules.nudge]
trigger = "reply_owed"
mode = "create"
when = []
timing = { delay = "0m", hours = "00-24" }
caps = { per_person = "0 days", per_day = 100, per_week = 100 }
"""
"""A rule of the owner's own that would answer the same mail any number of times."""


@pytest.fixture
def office(tmp_path: Path, dovecot: Server, radicale: Server) -> ServerOffice:
    return ServerOffice(tmp_path, imap=dovecot, dav=radicale)


def soon_over(office: ServerOffice) -> None:
    """Let the calendar hold a meeting that ends in half a minute, and after the account was connected however slow the machine is."""
    now = datetime.now(UTC)
    office.connected(now)
    office.meeting(EVA, start=now - HALF_AN_HOUR, end=now + timedelta(seconds=30))


def test_a_meeting_ends_its_draft_appears_and_the_owners_own_reply_withdraws_it_by_idle(office: ServerOffice) -> None:
    soon_over(office)
    office.mail(from_=f"Eva Beispiel <{EVA}>", to=ME, at=datetime.now(UTC) - timedelta(days=3), subject="See you")
    with office.serving() as service:
        assert wait_until(lambda: len(office.saved_drafts()) == 1, seconds=120), office.log()
        assert office.saved_drafts()[0].to == (EVA,)
        assert wait_until(lambda: office.states("thank_you") == [("delivered", None)])
        [draft] = office.drafts_by_curl()
        assert f"<{office.saved_drafts()[0].message_id}>" in draft
        assert EVA in draft
        asked = office.mail(from_=f"Eva Beispiel <{EVA}>", to=ME, at=datetime.now(UTC), subject="The slides")
        began = time.monotonic()
        office.mail(from_=ME, to=EVA, at=datetime.now(UTC), subject="Re: The slides", answers=asked)
        office.wake()
        assert wait_until(lambda: office.states("thank_you") == [("closed", "withdrawn")], seconds=40), office.log()
        assert time.monotonic() - began < 40, "the next poll was still far off: the server told us"
        assert office.saved_drafts() == []
        assert office.stop(service)[0] == 0
    assert office.hands.unread() >= {asked.strip("<>")}, "what was read by us stays unread for the owner"
    assert CANARY.encode() not in (office.home / "rekindle.db").read_bytes() + (office.home / "log").read_bytes()


def test_an_owner_who_writes_first_gets_no_draft(office: ServerOffice) -> None:
    """While the service is down the meeting ends and the owner writes; what it then reads makes a draft pointless."""
    with office.serving() as service:
        assert wait_until(lambda: succeeded(office, "ada/home") is not None), office.log()
        assert office.stop(service)[0] == 0
    now = datetime.now(UTC)
    office.meeting(EVA, start=now - HALF_AN_HOUR, end=now + timedelta(seconds=1))
    time.sleep(2)
    office.mail(from_=ME, to=EVA, at=datetime.now(UTC), subject="Thank you for today")
    with office.running() as service:
        assert wait_until(lambda: pulled_mail(office) == 1), office.log()
        assert not wait_until(lambda: bool(office.saved_drafts()), seconds=12)
        assert office.stop(service)[0] == 0


def test_a_deleted_hold_never_comes_back(office: ServerOffice) -> None:
    office.correspondence(TOM, last=datetime.now(UTC) - timedelta(days=150))
    with office.serving() as service:
        assert wait_until(lambda: office.states("check_in") == [("delivered", None)]), office.log()
        [hold] = office.saved_holds()
        assert (hold.attendees, hold.has_organizer, hold.has_reminder, hold.is_private) == (0, False, False, True)
        text = office.hold_by_curl()
        assert "CLASS:PRIVATE" in text
        assert not re.search("(?m)^(ATTENDEE|ORGANIZER|BEGIN:VALARM)", text)
        office.hands.ask("DELETE", hold_path(office))
        office.wake()
        assert wait_until(lambda: office.states("check_in") == [("closed", "owner_deleted")]), office.log()
        assert office.stop(service)[0] == 0
    with office.serving() as service:
        office.wake()
        assert not wait_until(lambda: bool(office.saved_holds()), seconds=10)
        assert office.stop(service)[0] == 0
    assert office.states("check_in") == [("closed", "owner_deleted")]


def test_a_moved_hold_stays_where_the_owner_put_it(office: ServerOffice) -> None:
    office.correspondence(TOM, last=datetime.now(UTC) - timedelta(days=150))
    with office.serving() as service:
        assert wait_until(lambda: office.states("check_in") == [("delivered", None)]), office.log()
        [entry] = office.entries("check_in")
        later, path = entry.at + timedelta(days=1), hold_path(office)
        text = office.hands.ask("GET", path).decode()
        moved = re.sub(r"(?m)^DTSTART[^\r\n]*", f"DTSTART:{stamp(later)}", text)
        moved = re.sub(r"(?m)^DTEND[^\r\n]*", f"DTEND:{stamp(later + timedelta(minutes=25))}", moved)
        office.hands.ask("PUT", path, moved.encode(), {"Content-Type": "text/calendar"})
        office.mail(from_=ME, to=TOM, at=datetime.now(UTC), subject="Long time no see")
        office.wake()
        assert wait_until(lambda: [each.at for each in office.entries("check_in")] == [later]), office.log()
        assert office.states("check_in") == [("delivered", None)]
        assert office.stop(service)[0] == 0
    assert [hold.start for hold in office.saved_holds()] == [later]


def test_a_password_that_dies_pauses_its_account_and_the_others_go_on(office: ServerOffice, radicale: Server) -> None:
    """Two accounts; the mail server stops accepting the password of one while the service runs."""
    office = ServerOffice(
        office.home,
        extra_config=(
            "[owners.ada.accounts.second]\n"
            f'provider = "caldav"\ncaldav = "http://127.0.0.1:{radicale.port}/"\nuser = "ben"\npassword_file = "password"\n'
        ),
        imap=office.imap,
        dav=office.dav,
        account="is_idle = false",
    )
    with office.running() as service:
        assert wait_until(lambda: succeeded(office, "ada/home") is not None and succeeded(office, "ada/second") is not None)
        users = office.imap.folder / "users"
        before = users.read_text()
        users.write_text(before.replace("ana:{PLAIN}secret", "ana:{PLAIN}changed"))
        try:
            assert wait_until(lambda: state(office, "ada/home") == "paused"), office.log()
            since = succeeded(office, "ada/second")
            assert since is not None
            assert wait_until(lambda: (succeeded(office, "ada/second") or since) > since), office.log()
            assert state(office, "ada/second") == "active"
            assert "password" in remedy(office, "ada/home")
        finally:
            users.write_text(before)
        assert office.stop(service)[0] == 0
    assert "Traceback" not in office.log()


def pulled_mail(office: ServerOffice) -> int:
    return _with_store(office, lambda db: int(db.exec_driver_sql("SELECT count(*) FROM message").scalar_one()))


def state(office: ServerOffice, account: str) -> str:
    return _with_store(office, lambda db: str(accounts.get(db, account).state))


def remedy(office: ServerOffice, account: str) -> str:
    return _with_store(office, lambda db: accounts.get(db, account).remedy)


def succeeded(office: ServerOffice, account: str) -> datetime | None:
    return _with_store(office, lambda db: next((one.last_ok_at for one in accounts.accounts(db) if one.id == account), None))


def _with_store(office: ServerOffice, ask: Callable[[Connection], T]) -> T:
    store = Store.open(f"sqlite:///{office.home / 'rekindle.db'}")
    try:
        with store.read() as db:
            return ask(db)
    finally:
        store.close()


def test_a_service_that_reads_waits_and_delivers_at_once_holds_two_connections_to_the_mail_server(
    tmp_path: Path, dovecot: Server, radicale: Server
) -> None:
    proxy = ImapProxy((dovecot.host, dovecot.port))
    office = ServerOffice(tmp_path, imap=dovecot, dav=radicale, imap_port=proxy.port)
    soon_over(office)
    office.mail(from_=f"Eva Beispiel <{EVA}>", to=ME, at=datetime.now(UTC) - timedelta(days=3), subject="See you")
    with office.serving() as service:
        is_made = False
        end = time.monotonic() + 120
        while not is_made and time.monotonic() < end:
            for _ in range(5):
                office.wake()
            is_made = office.states("thank_you") == [("delivered", None)]
        assert is_made, office.log()
        assert office.stop(service)[0] == 0
    proxy.close()
    assert proxy.most == 2


def test_a_folder_the_server_has_rebuilt_is_read_anew_and_no_rule_fires_for_its_mail_again(office: ServerOffice) -> None:
    with (office.home / "rules.toml").open("a") as rules:
        rules.write(ANSWER)
    hands = office.hands.hands
    hands.create("Projects")
    try:
        office.correspondence(TOM, last=datetime.now(UTC) - timedelta(days=20), times=3)
        with office.serving() as service:
            assert wait_until(lambda: succeeded(office, "ada/home") is not None), office.log()
            now = datetime.now(UTC)
            letter = f"From: Tom Freund <{TOM}>\r\nTo: {ME}\r\nSubject: A question\r\nMessage-ID: <question@third.example>\r\n"
            letter += f"Date: {now:%a, %d %b %Y %H:%M:%S} +0000\r\n\r\nWhen do we meet?\r\n"
            hands.append("Projects", "", imaplib.Time2Internaldate(now), letter.encode())
            office.wake()
            assert wait_until(lambda: office.states("nudge") == [("delivered", None)], seconds=60), office.log()
            assert office.stop(service)[0] == 0
        [draft] = office.entries("nudge")
        assert draft.saved is not None
        office.hands.delete_draft(draft.saved)
        before = known(office, "Projects")
        hands.select("INBOX")
        hands.rename("Projects", "Before")
        hands.create("Projects")
        hands.select("Before")
        hands.uid("COPY", "1:*", "Projects")
        hands.select("INBOX")
        hands.delete("Before")
        with office.serving() as service:
            assert wait_until(lambda: known(office, "Projects") not in ([], before), seconds=60), office.log()
            office.wake()
            assert not wait_until(lambda: len(office.entries("nudge")) > 1 or bool(office.saved_drafts()), seconds=8)
            assert office.stop(service)[0] == 0
    finally:
        hands.select("INBOX")
        hands.delete("Projects")


def known(office: ServerOffice, folder: str) -> list[object]:
    """Return under which ids the mail of a folder is known."""
    return [remote_id for feed, remote_id in rows(office, "SELECT feed, remote_id FROM message") if feed == folder]
