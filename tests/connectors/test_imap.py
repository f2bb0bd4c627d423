"""IMAP on a real Dovecot: what servers do to a reader, and what the reader must not do to a mailbox."""

from __future__ import annotations

import imaplib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from connectors import imap_beside, imap_wire, standards
from connectors.cores import cores
from connectors.imap_beside import Beside
from connectors.imap_reading import Packed, Read, Reading
from connectors.optional import Packs
from connectors.port import (
    BEGINNING,
    AuthorizationExpired,
    Changes,
    Connection,
    Cursor,
    CursorExpired,
    Edited,
    Feed,
    Gone,
    Look,
    Mailbox,
    Moved,
    PortError,
    RateLimited,
    Rejected,
    Saved,
    Sent,
    Unavailable,
    Untouched,
)
from connectors.standards import fetch, paging
from connectors.standards.folders import listed
from connectors.standards.mail_server import Server as ImapServer
from connectors.standards.refusals import refusal
from connectors.standards.session import Session
from rules.facts import MessageMetadata
from tests.conftest import Server
from tests.connectors.contract import NOON, a_draft
from tests.connectors.pickled import Pickled
from tests.connectors.test_standards_contract import MailHands, account
from tests.servers.proxies import Fault, ImapProxy


@pytest.fixture
def proxy(dovecot: Server) -> Iterator[ImapProxy]:
    proxy = ImapProxy((dovecot.host, dovecot.port))
    yield proxy
    proxy.close()


@pytest.fixture
def owner(dovecot: Server) -> MailHands:
    return MailHands(dovecot)


def connection(port: int, password: str = "secret", **settings: str) -> Connection:
    return standards.open(account({"imap": f"imap://127.0.0.1:{port}", **settings}, password))


def mailbox(proxy: ImapProxy) -> Mailbox:
    found = connection(proxy.port).mailbox
    assert found is not None
    return found


def fill(owner: MailHands, count: int, first: int = 0) -> list[str]:
    made = [f"m{number}@elsewhere.example" for number in range(first, first + count)]
    for number, name in enumerate(made, first):
        owner.add_mail(name, subject=f"Letter {number}", body="b", at=NOON - timedelta(days=number))
    return made


def inbox(box: Mailbox, since: Cursor | None = None) -> list[Changes[MessageMetadata]]:
    feed = next(feed for feed in box.feeds() if feed.role == "\\Inbox")
    return list(box.changes(feed, since))


def names(pages: list[Changes[MessageMetadata]]) -> set[str]:
    return {fact.message_id for page in pages for fact in page.upserted}


class TestReading:
    @pytest.mark.parametrize(
        "without", [(), ("QRESYNC",), ("QRESYNC", "CONDSTORE", "LIST-STATUS", "SPECIAL-USE", "UIDPLUS", "ENABLE")]
    )
    def test_arrivals_and_expunges_are_seen_whatever_the_server_can(
        self, owner: MailHands, proxy: ImapProxy, without: tuple[str, ...]
    ) -> None:
        proxy.without = without
        made = fill(owner, 6)
        pages = inbox(mailbox(proxy))
        ids = {fact.message_id: fact.remote_id for page in pages for fact in page.upserted}
        owner.remove_mail(made[2])
        fresh = fill(owner, 2, first=6)
        later = inbox(mailbox(proxy), pages[-1].cursor)
        assert names(later) == set(fresh)
        assert [gone for page in later for gone in page.removed] == [ids[made[2]]]
        again = inbox(mailbox(proxy), later[-1].cursor)
        assert (names(again), [gone for page in again for gone in page.removed]) == (set(), [])

    def test_coverage_is_exact_also_where_uids_do_not_follow_arrival(
        self, owner: MailHands, proxy: ImapProxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(paging, "PAGE", 2)
        monkeypatch.setattr(fetch, "BATCH", 2)
        for day in (3, 0, 4, 1, 5, 2):
            owner.add_mail(f"d{day}@elsewhere.example", subject="x", body="b", at=NOON - timedelta(days=day))
        seen: set[str] = set()
        for page in inbox(mailbox(proxy)):
            seen |= names([page])
            if page.covered_since is not None:
                owed = {f"d{day}@elsewhere.example" for day in range(6) if NOON - timedelta(days=day) > page.covered_since}
                assert owed <= seen

    def test_a_new_uidvalidity_expires_the_cursor(self, owner: MailHands, proxy: ImapProxy) -> None:
        owner.hands.create("Projects")
        owner.hands.append(
            "Projects", "", imaplib.Time2Internaldate(time.time()), b"From: a@b.example\r\nMessage-ID: <p@b.example>\r\n\r\nx"
        )
        box = mailbox(proxy)
        feed = next(feed for feed in box.feeds() if feed.name == "Projects")
        cursor = list(box.changes(feed, None))[-1].cursor
        owner.hands.delete("Projects")
        time.sleep(1.1)  # Dovecot makes UIDVALIDITY of the second
        owner.hands.create("Projects")
        with pytest.raises(CursorExpired):
            list(mailbox(proxy).changes(feed, cursor))
        owner.hands.delete("Projects")

    def test_a_quiet_mailbox_costs_one_command_and_no_select(self, owner: MailHands, proxy: ImapProxy) -> None:
        fill(owner, 2)
        box = mailbox(proxy)
        before = [feed.hint for feed in box.feeds()]
        proxy.commands.clear()
        assert [feed.hint for feed in box.feeds()] == before
        assert proxy.commands == ['LIST ""']
        fill(owner, 1, first=2)
        assert [feed.hint for feed in box.feeds()] != before

    def test_one_poisonous_message_is_set_aside_and_the_others_are_read(self, owner: MailHands, proxy: ImapProxy) -> None:
        made = fill(owner, 7)
        owner.hands.select("INBOX")
        uid = owner.hands.uid("SEARCH", "HEADER", "Message-ID", f'"{made[3]}"')[1][0]
        proxy.poison = uid
        pages = inbox(mailbox(proxy))
        assert names(pages) == set(made) - {made[3]}
        assert [skip.reason for page in pages for skip in page.skipped] == ["the server fails on this message"]

    @pytest.mark.parametrize("is_poisoned", [False, True])
    def test_a_second_process_reads_what_is_stored_later(
        self, owner: MailHands, proxy: ImapProxy, monkeypatch: pytest.MonkeyPatch, *, is_poisoned: bool
    ) -> None:
        for name, value in (("PAGE", 4), ("LARGEST", 4), ("TASTE", 1)):
            monkeypatch.setattr(paging, name, value)
        monkeypatch.setattr(imap_beside, "MANY", 1)
        monkeypatch.setattr(fetch, "BATCH", 2)
        seen: list[Read] = []
        read = Beside.read

        def told(second: Beside, answer: Any) -> Read:  # noqa: ANN401 - what it is told apart by
            seen.append(read(second, answer))
            return seen[-1]

        second: list[Beside] = []
        hand = Beside.hand

        def handed(one: Beside, answer: bytes, reading: Reading) -> Callable[[], Read] | None:
            second.append(one)
            return hand(one, answer, reading)

        monkeypatch.setattr(Beside, "read", told)
        monkeypatch.setattr(Beside, "hand", handed)
        made = fill(owner, 40)
        if is_poisoned:
            owner.hands.select("INBOX")
            proxy.poison = owner.hands.uid("SEARCH", "HEADER", "Message-ID", f'"{made[30]}"')[1][0]
            assert proxy.poison.isdigit(), "the server has found it"
        box = mailbox(proxy)
        pages: list[Changes[MessageMetadata]] = []
        assert isinstance(box, Packs)
        with box.packing(Pickled()):
            for page in box.changes(next(feed for feed in box.feeds() if feed.role == "\\Inbox"), None):
                pages.append(page)
                end = time.monotonic() + 60
                while second and len(pages) < 4 and not second[-1].is_listening() and time.monotonic() < end:
                    time.sleep(0.01)  # storing it takes as long as the second process to begin
                time.sleep(0.3 if len(pages) < 4 else 0)
        assert [fact.message_id for page in pages[1:] for fact in page.upserted] == [
            name for name in made if name != made[30] or not is_poisoned
        ]
        assert [skip.reason for page in pages for skip in page.skipped] == ["the server fails on this message"] * is_poisoned
        if cores() > 1:
            assert sum(len(each[0]) for each in seen if isinstance(each[0], Packed)) > 10

    def test_what_was_read_before_the_server_asked_to_slow_down_is_kept(
        self, owner: MailHands, proxy: ImapProxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in (("BATCH", 2), ("DEPTH", 2)):
            monkeypatch.setattr(fetch, name, value)
        made = fill(owner, 12)

        class Commands(list[str]):
            def append(self, command: str) -> None:
                super().append(command)
                if self.count("UID FETCH") == 5:  # when the ends of batches arrived, then the fourth batch
                    proxy.fault = "rate"

        proxy.commands, proxy.failing = Commands(), ("UID FETCH",)
        box = mailbox(proxy)
        feed = next(feed for feed in box.feeds() if feed.role == "\\Inbox")
        pages: list[Changes[MessageMetadata]] = []
        with pytest.raises(RateLimited):
            pages.extend(box.changes(feed, None))
        assert [fact.message_id for page in pages for fact in page.upserted] == made[:6]
        assert pages[-1].covered_since == NOON - timedelta(days=5)
        rest = list(mailbox(proxy).changes(feed, pages[-1].cursor))
        assert [fact.message_id for page in rest for fact in page.upserted] == made[5:], "that second is read again"

    def test_a_header_without_end_is_set_aside_and_the_others_are_read(
        self, owner: MailHands, proxy: ImapProxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = fill(owner, 5)
        owner.add_mail("endless@elsewhere.example", subject="x" * 9000, body="b", at=NOON)
        monkeypatch.setattr(imap_wire, "LARGEST", 8000)
        pages = inbox(mailbox(proxy))
        assert names(pages) == set(made)
        assert [skip.reason for page in pages for skip in page.skipped] == ["the server fails on this message"]

    def test_localised_folders_are_known_without_special_use(self, owner: MailHands, proxy: ImapProxy) -> None:
        proxy.without = ("SPECIAL-USE", "LIST-STATUS")
        owner.hands.create("Entw&APw-rfe")
        session = Session(ImapServer.parse(f"imap://127.0.0.1:{proxy.port}", user="ana", auth="login", secret="secret"))
        folders = {folder.name: folder.role for folder in listed(session, overrides={})}
        session.close()
        owner.hands.delete("Entw&APw-rfe")
        assert folders["Drafts"] == "\\Drafts"
        assert folders["Entwürfe"] == "", "one folder has a role"
        assert folders["Sent"] == "\\Sent"


class TestDrafts:
    @pytest.mark.parametrize("without", [(), ("UIDPLUS",)])
    @pytest.mark.parametrize("fault", ["lose", "cut", "error_after"])
    def test_whatever_befalls_the_append_one_draft_remains(
        self, owner: MailHands, proxy: ImapProxy, fault: str, without: tuple[str, ...]
    ) -> None:
        proxy.without = without
        box = mailbox(proxy)
        witness = box.witness()
        proxy.fault = fault  # type: ignore[assignment]  # one of the names above
        with pytest.raises((Unavailable, Rejected)):
            box.save_draft(a_draft(), witness)
        time.sleep(0.1)
        assert isinstance(mailbox(proxy).save_draft(a_draft(), witness), Saved)
        assert isinstance(mailbox(proxy).save_draft(a_draft(), witness), Saved)
        assert len([draft for draft in owner.drafts() if draft.message_id == a_draft().message_id]) == 1

    @pytest.mark.parametrize("without", [(), ("UIDPLUS",)], ids=["", "no UIDPLUS"])
    def test_a_draft_is_known_where_a_search_lags_behind(
        self, owner: MailHands, proxy: ImapProxy, without: tuple[str, ...]
    ) -> None:
        proxy.without, proxy.is_lagging = without, True
        box = mailbox(proxy)
        witness = box.witness()
        made = box.save_draft(a_draft(), witness)
        assert isinstance(made, Saved)
        again = mailbox(proxy).save_draft(a_draft(), witness)
        assert isinstance(again, Saved)
        assert (again.remote_id, len(owner.drafts())) == (made.remote_id, 1)
        assert box.withdraw(made) == Untouched()
        assert box.look(made) == Gone()

    def test_a_lost_answer_is_followed_by_no_second_where_a_search_lags_behind(self, owner: MailHands, proxy: ImapProxy) -> None:
        proxy.is_lagging = True
        box = mailbox(proxy)
        witness = box.witness()
        proxy.fault = "lose"
        with pytest.raises(Unavailable):
            box.save_draft(a_draft(), witness)
        assert isinstance(mailbox(proxy).save_draft(a_draft(), witness), Saved)
        assert len(owner.drafts()) == 1

    @pytest.mark.parametrize(
        ("hand", "seen"),
        [("deleted", Gone(is_sure=False)), ("sent", Sent()), ("moved", Moved()), ("edited", Edited())],
        ids=str,
    )
    def test_what_the_owner_did_before_the_retry_is_respected(
        self, owner: MailHands, proxy: ImapProxy, hand: str, seen: Look
    ) -> None:
        box = mailbox(proxy)
        witness = box.witness()
        proxy.fault = "lose"
        with pytest.raises(Unavailable):
            box.save_draft(a_draft(), witness)
        owner.hands.select("Drafts")
        uid = owner.hands.uid("SEARCH", "ALL")[1][0].decode()
        saved = Saved(remote_id=f"0:{uid}", place="Drafts")
        hands = {"deleted": owner.delete_draft, "sent": owner.send_draft, "moved": owner.move_draft, "edited": owner.edit_draft}
        hands[hand](saved)
        before = len(owner.drafts())
        assert mailbox(proxy).save_draft(a_draft(), witness) == seen
        assert len(owner.drafts()) == before

    def test_a_draft_of_the_owners_own_that_came_and_went_before_the_retry_is_no_certain_sign(
        self, owner: MailHands, proxy: ImapProxy
    ) -> None:
        """Programs save what is being written again and again; nothing of ours was ever there, and nobody can tell."""
        box = mailbox(proxy)
        witness = box.witness()
        proxy.fault, proxy.failing = "busy", ("APPEND",)
        with pytest.raises(Unavailable):
            box.save_draft(a_draft(), witness)
        owner.hands.append("Drafts", "(\\Draft)", imaplib.Time2Internaldate(NOON), b"To: x@x\r\nMessage-ID: <mine@x>\r\n\r\n")
        owner.delete_draft(Saved(remote_id="0:*"))
        assert box.save_draft(a_draft(), witness) == Gone(is_sure=False)

    def test_of_several_copies_the_one_that_came_first_stays(self, owner: MailHands, proxy: ImapProxy) -> None:
        """Four that check and then APPEND at the same instant make four (nobody can forbid it); here they are there for certain."""
        box = mailbox(proxy)
        witness = box.witness()
        first = box.save_draft(a_draft(), witness)
        assert isinstance(first, Saved)
        owner.hands.select("Drafts")
        for _ in range(3):
            owner.hands.uid("COPY", first.remote_id.split(":")[1], "Drafts")
        assert len(owner.drafts()) == 4
        again = mailbox(proxy).save_draft(a_draft(), witness)
        assert isinstance(again, Saved)
        assert (again.remote_id, len(owner.drafts())) == (first.remote_id, 1)
        assert box.look(first) == Untouched()

    def test_one_in_the_trash_is_not_made_again_where_nobody_knows_how_drafts_stood(
        self, owner: MailHands, proxy: ImapProxy
    ) -> None:
        box = mailbox(proxy)
        saved = box.save_draft(a_draft(), box.witness())
        assert isinstance(saved, Saved)
        owner.hands.select("Drafts")
        owner.hands.uid("COPY", saved.remote_id.split(":")[1], "Trash")
        owner.delete_draft(saved)
        assert mailbox(proxy).save_draft(a_draft(), BEGINNING) == Gone()
        assert owner.drafts() == []

    def test_what_the_owner_has_marked_as_deleted_is_not_expunged_along(self, owner: MailHands, proxy: ImapProxy) -> None:
        box = mailbox(proxy)
        saved = box.save_draft(a_draft(), box.witness())
        assert isinstance(saved, Saved)
        owner.hands.append("Drafts", "(\\Deleted)", imaplib.Time2Internaldate(NOON), b"Subject: Not yet\r\n\r\nNot yet\r\n")
        assert box.withdraw(saved) == Untouched()
        owner.hands.select("Drafts", readonly=True)
        assert len(owner.hands.uid("SEARCH", "ALL")[1][0].split()) == 1

    def test_one_that_was_edited_under_its_own_message_id_is_left_alone(self, owner: MailHands, proxy: ImapProxy) -> None:
        box = mailbox(proxy)
        saved = box.save_draft(a_draft(), box.witness())
        assert isinstance(saved, Saved)
        text = f"To: eva@elsewhere.example\r\nMessage-ID: <{a_draft().message_id}>\r\n\r\nMine\r\n"
        owner.hands.append("Drafts", "(\\Draft)", imaplib.Time2Internaldate(NOON), text.encode())
        owner.delete_draft(saved)
        assert (box.look(saved), box.withdraw(saved)) == (Edited(), Edited())
        assert len(owner.drafts()) == 1

    def test_after_a_new_uidvalidity_it_is_known_under_whatever_uid(self, owner: MailHands, proxy: ImapProxy) -> None:
        box = mailbox(proxy)
        saved = box.save_draft(a_draft(), box.witness())
        assert isinstance(saved, Saved)
        owner.hands.rename("Drafts", "Old")
        owner.hands.create("Drafts")
        for _ in range(int(saved.remote_id.split(":")[1])):
            owner.hands.append("Drafts", "(\\Draft)", imaplib.Time2Internaldate(NOON), b"To: x@x\r\nMessage-ID: <mine@x>\r\n\r\n")
        owner.hands.select("Old")
        owner.hands.uid("COPY", "1:*", "Drafts")
        owner.hands.select("INBOX")
        owner.hands.delete("Old")
        assert mailbox(proxy).look(saved) == Untouched()
        assert mailbox(proxy).withdraw(saved) == Untouched()
        assert {draft.message_id for draft in owner.drafts()} == {"mine@x"}

    def test_copies_of_a_race_are_swept_to_one(self, owner: MailHands, proxy: ImapProxy) -> None:
        witness = mailbox(proxy).witness()
        threads = [threading.Thread(target=lambda: mailbox(proxy).save_draft(a_draft(), witness)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        mailbox(proxy).save_draft(a_draft(), witness)
        assert len(owner.drafts()) == 1

    def test_one_that_was_deleted_is_gone_though_a_later_one_of_ours_is_for_the_same_people(
        self, owner: MailHands, proxy: ImapProxy
    ) -> None:
        box = mailbox(proxy)
        saved = box.save_draft(a_draft("meeting:1"), box.witness())
        assert isinstance(saved, Saved)
        box.save_draft(a_draft("meeting:2"), box.witness())
        owner.delete_draft(saved)
        assert box.look(saved) == Gone()

    def test_a_draft_sent_under_its_own_message_id_is_seen_as_sent(self, owner: MailHands, proxy: ImapProxy) -> None:
        box = mailbox(proxy)
        saved = box.save_draft(a_draft(), box.witness())
        assert isinstance(saved, Saved)
        owner.send_draft(saved)
        assert box.look(saved) == Sent()


class TestRefusals:
    """RFC 5530: what a NO means is said by its code."""

    @pytest.mark.parametrize(("fault", "raised"), [("rate", RateLimited), ("in_use", Unavailable), ("busy", Unavailable)])
    @pytest.mark.parametrize("command", ["LIST", "EXAMINE", "UID SORT", "UID FETCH"])
    def test_a_busy_server_is_asked_again_later_and_nothing_is_lost(
        self, owner: MailHands, proxy: ImapProxy, fault: Fault, raised: type[PortError], command: str
    ) -> None:
        made = fill(owner, 3)
        box = mailbox(proxy)
        proxy.fault, proxy.failing = fault, (command,)
        if command != "UID SORT":
            with pytest.raises(raised, match=r"\[(LIMIT|INUSE|UNAVAILABLE)\]"):
                inbox(box)
        else:  # the list does as well
            assert names(inbox(box)) == set(made)
        assert proxy.fault is None, "the server did refuse"
        assert names(inbox(box)) == set(made)

    @pytest.mark.parametrize(("fault", "raised"), [("rate", RateLimited), ("in_use", Unavailable), ("busy", Unavailable)])
    def test_a_busy_server_is_not_taken_for_a_wrong_password(self, proxy: ImapProxy, fault: Fault, raised: type[PortError]) -> None:
        proxy.fault, proxy.failing = fault, ("LOGIN",)
        with pytest.raises(raised):
            mailbox(proxy).feeds()
        assert mailbox(proxy).feeds()

    @pytest.mark.parametrize("fault", ["rate", "in_use", "busy"])
    def test_a_refused_append_is_tried_again_and_makes_one_draft(self, owner: MailHands, proxy: ImapProxy, fault: Fault) -> None:
        box = mailbox(proxy)
        witness = box.witness()
        proxy.fault, proxy.failing = fault, ("APPEND",)
        with pytest.raises((RateLimited, Unavailable)):
            box.save_draft(a_draft(), witness)
        assert owner.drafts() == []
        assert isinstance(box.save_draft(a_draft(), witness), Saved)
        assert len(owner.drafts()) == 1


@pytest.mark.parametrize(
    ("said", "raised", "words"),
    [
        (b"NO [OVERQUOTA] Quota exceeded", Unavailable, "Make room"),
        (b"NO [OVERQUOTA] Account exceeded command or bandwidth limits", RateLimited, ""),
        (b"NO [NOPERM] Not yours", Rejected, "folders"),
        (b"BAD what?", Rejected, "whoever runs the mail server"),
        (b"NO [ALERT] You exceeded your mail quota", Unavailable, "Make room"),
        (b"NO Temporary failure, please try again", Unavailable, ""),
        (b"NO Server Unavailable. 15", Unavailable, ""),
        (b"BAD User is authenticated but not connected.", Unavailable, ""),
        (b"* BYE Server shutting down", Unavailable, ""),
        (b"NO Mailbox does not exist", CursorExpired, ""),
        (b"NO no such mailbox", CursorExpired, ""),
        (b"NO Folder not found", CursorExpired, ""),
        (b"NO [TRYCREATE] Mailbox doesn't exist: Internal quota, temporary", CursorExpired, ""),
        (b"NO Mailbox doesn't exist: Temporary", CursorExpired, ""),
        (b"NO [NOPERM] Permission denied: Quotas", Rejected, "folders"),
        (b"NO [CANNOT] Timeout folder", Rejected, ""),
    ],
)
def test_a_refusal_says_what_to_do(said: bytes, raised: type[PortError], words: str) -> None:
    found = refusal(said, "the draft")
    assert type(found) is raised
    assert words in found.remedy


@pytest.mark.parametrize(
    ("said", "is_sure"), [(b"NO [NOPERM] Not yours", True), (b"NO [CANNOT] No", True), (b"NO [ALERT] No", False), (b"NO No", False)]
)
def test_what_is_refused_without_a_reason_is_not_said_to_be_for_ever(said: bytes, *, is_sure: bool) -> None:
    found = refusal(said, "the draft")
    assert isinstance(found, Rejected)
    assert found.is_sure is is_sure


class TestSigningIn:
    def test_a_wrong_password_asks_to_reconnect(self, dovecot: Server) -> None:
        box = connection(dovecot.port, password="wrong").mailbox
        assert box is not None
        with pytest.raises(AuthorizationExpired) as raised:
            box.feeds()
        assert str(raised.value) == "The mail server refused the sign-in: [AUTHENTICATIONFAILED] Authentication failed."
        assert "password" in raised.value.remedy

    @pytest.mark.parametrize("said", [b"[NONEXISTENT] No such user", b"That user doesn't exist", b"Wrong, try again", b"No"])
    def test_a_user_nobody_knows_is_no_folder_that_is_gone(self, said: bytes) -> None:
        listener = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            client, _ = listener.accept()
            client.sendall(b"* OK [CAPABILITY IMAP4rev1] hi\r\n")
            for line in client.makefile("rb"):
                tag, verb, *_ = line.split()
                answer = b" NO " + said if verb == b"LOGIN" else b" OK fine"
                client.sendall(b"* CAPABILITY IMAP4rev1\r\n" + tag + answer + b"\r\n")

        threading.Thread(target=serve, daemon=True).start()
        box = connection(listener.getsockname()[1]).mailbox
        assert box is not None
        with pytest.raises(AuthorizationExpired, match="refused the sign-in"):
            box.feeds()

    @pytest.mark.parametrize(
        ("greeting", "raised"),
        [(b"* BYE Server shutting down.", Unavailable), (b"* BYE [LIMIT] Too many connections", RateLimited)],
    )
    def test_a_server_that_lets_nobody_in_just_now_is_asked_later(self, greeting: bytes, raised: type[PortError]) -> None:
        listener = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.sendall(greeting + b"\r\n")

        threading.Thread(target=serve, daemon=True).start()
        box = connection(listener.getsockname()[1]).mailbox
        assert box is not None
        with pytest.raises(raised):
            box.feeds()

    @pytest.mark.parametrize("imap", ["imap://127.0.0.1:1", "imap://no-such-host.invalid"])
    def test_a_server_that_is_not_there_is_unavailable(self, imap: str) -> None:
        box = standards.open(account({"imap": imap})).mailbox
        assert box is not None
        with pytest.raises(Unavailable):
            box.feeds()

    def test_a_certificate_nobody_vouches_for_is_refused_and_the_remedy_named(self, dovecot: Server) -> None:
        box = standards.open(account({"imap": f"imaps://localhost:{dovecot.port + 1}"})).mailbox
        assert box is not None
        with pytest.raises(Rejected) as raised:
            box.feeds()
        assert "ca_file" in raised.value.remedy

    def test_with_its_certificate_tls_works(self, dovecot: Server) -> None:
        settings = {"imap": f"imaps://localhost:{dovecot.port + 1}", "ca_file": str(dovecot.folder / "cert.pem")}
        box = standards.open(account(settings)).mailbox
        assert box is not None
        assert any(feed.role == "\\Inbox" for feed in box.feeds())

    def test_tls_on_a_plain_port_says_which_scheme_is_for_which(self, dovecot: Server) -> None:
        box = standards.open(account({"imap": f"imaps://localhost:{dovecot.port}"})).mailbox
        assert box is not None
        with pytest.raises((Rejected, Unavailable)):
            box.feeds()


class TestWatching:
    def test_news_end_the_wait_and_a_new_connection_counts_as_news(self, owner: MailHands, dovecot: Server) -> None:
        watcher = connection(dovecot.port).watcher()
        assert watcher is not None
        assert watcher.wait(timedelta(seconds=5)) is True
        assert watcher.wait(timedelta(milliseconds=50)) is False
        threading.Timer(0.2, lambda: fill(owner, 1)).start()
        begun = time.monotonic()
        assert watcher.wait(timedelta(seconds=10)) is True
        assert time.monotonic() - begun < 8
        watcher.close()

    def test_closing_ends_a_wait_in_another_thread(self, dovecot: Server) -> None:
        watcher = connection(dovecot.port).watcher()
        assert watcher is not None
        watcher.wait(timedelta(seconds=1))
        threading.Timer(0.2, watcher.close).start()
        begun = time.monotonic()
        assert watcher.wait(timedelta(seconds=20)) is False
        assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("begun", "ended", "is_new"),
    [
        (b"+ idling\r\n* 5 EXISTS\r\n", b"", True),
        (b"* 5 EXISTS\r\n+ idling\r\n", b"", True),
        (b"+ idling\r\n* OK Still here\r\n", b"* 5 EXISTS\r\n", True),
        (b"+ idling\r\n* OK Still here\r\n", b"", False),
    ],
)
def test_news_are_heard_however_they_are_cut_into_pieces(begun: bytes, ended: bytes, *, is_new: bool) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = listener.accept()
        client.sendall(b"* OK [CAPABILITY IMAP4rev1 IDLE] hi\r\n")
        lines = client.makefile("rb")
        while line := lines.readline():
            tag, *words = line.split()
            if words[0] == b"IDLE":
                client.sendall(begun)
                lines.readline()
                client.sendall(ended + tag + b" OK done\r\n")
            else:
                client.sendall(b"* CAPABILITY IMAP4rev1 IDLE\r\n" + tag + b" OK fine\r\n")

    threading.Thread(target=serve, daemon=True).start()
    watcher = connection(listener.getsockname()[1]).watcher()
    assert watcher is not None
    assert watcher.wait(timedelta(seconds=60)) is True
    begin = time.monotonic()
    assert watcher.wait(timedelta(seconds=60)) is is_new
    assert time.monotonic() - begin < 50
    watcher.close()


def test_a_server_gone_in_the_middle_of_an_answer_is_unavailable() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = listener.accept()
        client.sendall(b"* OK [CAPABILITY IMAP4rev1] hi\r\n")
        tag = client.recv(1000).split()[0]
        client.sendall(tag + b" OK in\r\n* CAPABILITY IMAP4rev1\r\n")
        client.close()

    threading.Thread(target=serve, daemon=True).start()
    box = connection(listener.getsockname()[1]).mailbox
    assert box is not None
    with pytest.raises(Unavailable):
        box.feeds()


@pytest.mark.parametrize(
    ("validity", "marks", "raised"),
    [(2, b"HIGHESTMODSEQ 9", CursorExpired), (1, b"NOMODSEQ", CursorExpired), (1, b"HIGHESTMODSEQ 9", Rejected)],
)
def test_a_folder_that_was_rebuilt_or_keeps_no_marks_is_read_anew_though_what_is_asked_in_it_is_refused(
    validity: int, marks: bytes, raised: type[PortError]
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = listener.accept()
        client.sendall(b"* OK [CAPABILITY IMAP4rev1 ENABLE CONDSTORE QRESYNC] hi\r\n")
        for line in client.makefile("rb"):
            tag, *words = line.split()
            if words[0] == b"EXAMINE":
                client.sendall(b"* OK [UIDVALIDITY %d] so\r\n* OK [%b] so\r\n" % (validity, marks))
            said = b" BAD no MODSEQ here" if words[:2] == [b"UID", b"FETCH"] else b" OK fine"
            told = b"* ENABLED QRESYNC\r\n" if words[0] == b"ENABLE" else b"* CAPABILITY IMAP4rev1 ENABLE CONDSTORE QRESYNC\r\n"
            client.sendall(told + tag + said + b"\r\n")

    threading.Thread(target=serve, daemon=True).start()
    box = connection(listener.getsockname()[1]).mailbox
    assert box is not None
    feed = Feed(id="INBOX", name="INBOX", role="", hint="")
    with pytest.raises(raised):
        list(box.changes(feed, paging.Place(validity=1, next_uid=5, modseq=7).cursor()))
