"""IMAP servers of other makes: how they sign one in, what they list, what they cannot, and what they refuse only now and then."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import BinaryIO, cast

import pytest

from connectors import standards
from connectors.port import (
    BEGINNING,
    AuthorizationExpired,
    Changes,
    Connection,
    CursorExpired,
    Edited,
    Feed,
    Gone,
    Mailbox,
    Moved,
    PortError,
    RateLimited,
    Rejected,
    Saved,
    Unavailable,
    Untouched,
)
from connectors.standards import fetch as fetched
from connectors.standards import idle, paging
from connectors.standards.mail_server import Server as ImapServer
from connectors.standards.session import Session
from rules.facts import MessageMetadata
from tests.conftest import Server
from tests.connectors.contract import a_draft
from tests.connectors.listener import Listener
from tests.connectors.test_standards_contract import MailHands, account
from tests.servers.proxies import ImapProxy

INBOX = Feed(id="INBOX", name="INBOX")
STANDS = b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] so\r\n* OK [UIDNEXT %d] so\r\n* OK [HIGHESTMODSEQ 5] so\r\n"
HEADER = b"From: Eva <eva@elsewhere.example>\r\nMessage-ID: <m%d@elsewhere.example>\r\n\r\n"
Said = bytes | tuple[bytes, bytes]
"""Untagged lines, and how the tagged one goes on, where not with OK."""


class Make(Listener):
    """A mail server that says what a test has it say to a command; to any other it says that it is done."""

    def __init__(self, can: str, **said: Callable[[str], Said]) -> None:
        self.can, self.said = f"IMAP4rev1 {can}".strip().encode(), said
        self.asked: list[str] = []
        self.replies: list[bytes] = []
        """What was sent in answer to a challenge."""
        self.hung_up = threading.Event()
        """Set once a client has let go."""
        super().__init__()

    def serve(self, client: socket.socket) -> None:
        with suppress(OSError), client.makefile("rb") as lines:
            client.sendall(b"* OK [CAPABILITY " + self.can + b"] hi\r\n")
            for line in lines:
                tag, _, command = line.decode("latin-1").rstrip("\r\n").partition(" ")
                self.asked.append(command)
                verb = command.removeprefix("UID ").split(" ")[0].lower()
                if verb == "idle" and "idle" not in self.said:
                    client.sendall(b"+ idling\r\n")
                    self.asked.append(next(lines).decode().strip())
                if verb == "authenticate":
                    self._challenge(client, cast("BinaryIO", lines))
                said = self._said(verb, command)
                untagged, end = said if isinstance(said, tuple) else (said, b"OK done")
                client.sendall(untagged + tag.encode() + b" " + end + b"\r\n")
        self.hung_up.set()

    def _said(self, verb: str, command: str) -> Said:
        if verb == "capability":
            return b"* CAPABILITY " + self.can + b"\r\n"
        return self.said[verb](command) if verb in self.said else b""

    def _challenge(self, client: socket.socket, lines: BinaryIO) -> None:
        why = (b"eyJzdGF0dXMiOiI0MDEifQ==",)  # {"status":"401"}: RFC 7628 3.2.3, and XOAUTH2 alike
        for challenge in (b"", *(why if "authenticate" in self.said else ())):
            client.sendall(b"+ " + challenge + b"\r\n")
            self.replies.append(b64decode(next(lines)))


@pytest.fixture
def make() -> Iterator[Callable[..., Make]]:
    made: list[Make] = []

    def maker(can: str = "", **said: Callable[[str], Said]) -> Make:
        made.append(Make(can, **said))
        return made[-1]

    yield maker
    for each in made:
        each.close()


def connected(port: int, password: str = "secret", **settings: str) -> Connection:
    return standards.open(account({"imap": f"imap://127.0.0.1:{port}", **settings}, password))


def box_at(port: int, password: str = "secret", **settings: str) -> Mailbox:
    found = connected(port, password, **settings).mailbox
    assert found is not None
    return found


def message(number: int) -> bytes:
    header = HEADER % number
    head = (
        b'* %d FETCH (UID %d FLAGS () INTERNALDATE " 1-Nov-2026 09:00:00 +0000" RFC822.SIZE 99 BODY[HEADER.FIELDS (FROM)] {%d}\r\n'
    )
    return head % (number, number, len(header)) + header + b")\r\n"


class TestSigningIn:
    @pytest.mark.parametrize(
        ("auth", "shown"),
        [("xoauth2", b"user=ana\1auth=Bearer t0ken\1\1"), ("oauthbearer", b"n,a=ana,\1auth=Bearer t0ken\1\1")],
    )
    def test_a_token_signs_in(self, make: Callable[..., Make], auth: str, shown: bytes) -> None:
        server = make(f"AUTH={auth.upper()}", list=lambda _: b'* LIST () "/" INBOX\r\n')
        assert [feed.name for feed in box_at(server.port, "t0ken", auth=auth).feeds()] == ["INBOX"]
        assert server.replies == [shown]

    @pytest.mark.parametrize(("auth", "last"), [("xoauth2", b""), ("oauthbearer", b"\1")])
    def test_a_token_that_has_died_is_shown_once_and_the_reason_is_waited_for(
        self, make: Callable[..., Make], auth: str, last: bytes
    ) -> None:
        server = make(f"AUTH={auth.upper()}", authenticate=lambda _: (b"", b"NO [AUTHENTICATIONFAILED] Invalid credentials"))
        with pytest.raises(AuthorizationExpired):
            box_at(server.port, "t0ken", auth=auth).feeds()
        assert b"auth=Bearer t0ken" in server.replies[0]
        assert server.replies[1] == last

    @pytest.mark.parametrize("can", ["", "LOGINDISABLED AUTH=PLAIN"])
    def test_a_password_of_any_letters_signs_in(self, dovecot: Server, can: str) -> None:
        with (dovecot.folder / "users").open("a+") as users:
            users.seek(0)
            [ana, *_] = users.read().splitlines()
            users.write(ana.replace("ana:", "zoe:", 1).replace("{PLAIN}secret", "{PLAIN}pässwört €") + "\n")
        time.sleep(1.1)  # Dovecot looks for new users once a second
        proxy = ImapProxy((dovecot.host, dovecot.port))
        if can:
            proxy.alias = (b"CAPABILITY IMAP4rev1", b"CAPABILITY IMAP4rev1 LOGINDISABLED")
        try:
            assert box_at(proxy.port, "pässwört €", user="zoe").feeds()
        finally:
            proxy.close()
        assert "AUTHENTICATE PLAIN" in proxy.commands

    @pytest.mark.parametrize(("user", "said"), [("ana x", '"ana x"'), ("FIRM\\ana", '"FIRM\\\\ana"'), ("a{3}", '"a{3}"')])
    def test_a_user_name_of_any_letters_is_told_as_one_word(self, make: Callable[..., Make], user: str, said: str) -> None:
        server = make()
        box_at(server.port, 'p"w', user=user).feeds()
        assert f'LOGIN {said} "p\\"w"' in server.asked

    def test_a_line_break_in_a_password_begins_no_command(self, make: Callable[..., Make]) -> None:
        server = make()
        with pytest.raises(Rejected) as raised:
            box_at(server.port, "a\r\nX NOOP").feeds()
        assert raised.value.remedy
        assert not any("LOGIN" in each or "NOOP" in each for each in server.asked)

    def test_starttls_comes_before_the_password_and_shows_what_the_server_can(self, dovecot: Server) -> None:
        ca_file = str(dovecot.folder / "cert.pem")
        server = ImapServer(host="localhost", port=dovecot.port, security="starttls", user="ana", secret="secret", ca_file=ca_file)
        session = Session(server)
        assert isinstance(session._client.socket(), ssl.SSLSocket)  # noqa: SLF001 - nothing else tells
        assert {"LIST-STATUS", "QRESYNC"} <= session.capabilities
        session.close()

    def test_without_starttls_no_password_is_sent_and_what_to_do_is_said(self, make: Callable[..., Make]) -> None:
        made = make()
        server = ImapServer(host="localhost", port=made.port, security="starttls", user="ana", secret="secret")
        with pytest.raises(Rejected, match="STARTTLS") as raised:
            Session(server)
        assert "imaps://" in raised.value.remedy
        assert not any("LOGIN" in each for each in made.asked)


class TestFolders:
    @pytest.mark.parametrize(
        "refused", [b"NO [NOPERM] Not yours", b"NO [SERVERBUG] Internal error", b"NO [INUSE] Locked", b"NO [UNAVAILABLE] Away"]
    )
    def test_a_folder_one_may_not_look_at_hides_no_other(self, make: Callable[..., Make], refused: bytes) -> None:
        rows = b'* LIST () "/" INBOX\r\n* LIST () "/" "Board"\r\n'
        stands = b"* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 7)\r\n"
        server = make(list=lambda _: rows, status=lambda said: stands if "INBOX" in said else (b"", refused))
        assert [(feed.name, feed.hint) for feed in box_at(server.port).feeds()] == [("INBOX", "7.2.1.0"), ("Board", "")]

    @pytest.mark.parametrize(
        ("said", "raised"), [((b"* BYE no more\r\n", b"OK"), Unavailable), ((b"", b"NO [LIMIT] Too many"), RateLimited)]
    )
    def test_folders_are_not_listed_without_what_a_server_that_breaks_off_or_slows_down_does_not_tell(
        self, make: Callable[..., Make], said: Said, raised: type[PortError]
    ) -> None:
        server = make(list=lambda _: b'* LIST () "/" INBOX\r\n', status=lambda _: said)
        with pytest.raises(raised):
            box_at(server.port).feeds()

    def test_a_name_that_breaks_the_rules_hides_no_folder(self, make: Callable[..., Make]) -> None:
        server = make(
            "LIST-STATUS",
            list=lambda _: b'* LIST () "/" INBOX\r\n* LIST () "/" "Pl\xe4ne & so"\r\n',
            examine=lambda _: STANDS % (0, 1),
        )
        box = box_at(server.port)
        feeds = {feed.name: feed for feed in box.feeds()}
        [odd] = feeds.keys() - {"INBOX"}
        assert list(box.changes(feeds[odd], None))[-1].is_last
        assert any(each.startswith('EXAMINE "Pl\xe4ne & so"') for each in server.asked)

    def test_roles_are_asked_for_where_the_server_tells_them_only_then(self, make: Callable[..., Make]) -> None:
        def rows(said: str) -> bytes:
            role = b"\\Sent" if "RETURN (SPECIAL-USE)" in said else b""
            return b'* LIST () "/" INBOX\r\n* LIST (' + role + b') "/" "Old mail"\r\n'

        server = make("SPECIAL-USE LIST-EXTENDED", list=rows)
        assert {feed.name: feed.role for feed in box_at(server.port).feeds()} == {"INBOX": "\\Inbox", "Old mail": "\\Sent"}

    @pytest.mark.parametrize(
        ("spaces", "names", "drafts"),
        [
            (b"", ["Archive/2019/Drafts", "Archive/2019/Sent", "Posteingang", "Drafts", "INBOX", "Sent"], "Drafts"),
            (
                b'(("INBOX." ".")) (("user." ".")) (("" "."))',
                ["INBOX", "INBOX.Clients.Drafts", "INBOX.Drafts", "INBOX.Sent", "Team.Drafts", "user.ben", "user.ben.Sent"],
                "INBOX.Drafts",
            ),
            (
                b'(("" "/" "X-A" ("/" "B"))) (("Andere/" "/")) NIL',
                ["Andere/ben/Drafts", "Andere/ben/INBOX", "Andere/ben/Sent", "Drafts", "INBOX", "Sent"],
                "Drafts",
            ),
        ],
    )
    @pytest.mark.parametrize("has_use", [False, True])
    def test_a_folder_is_for_drafts_or_sent_mail_only_if_it_is_the_owners_and_none_lies_above_it(
        self, make: Callable[..., Make], spaces: bytes, names: list[str], drafts: str, *, has_use: bool
    ) -> None:
        uses = {name: f"\\{name[-6:].strip('./')}" for name in names if has_use and name.endswith(("Drafts", "Sent"))}
        rows = "".join(f'* LIST ({uses.get(name, "")}) "/" "{name}"\r\n' for name in names).encode()
        can = "NAMESPACE SPECIAL-USE LIST-EXTENDED" if has_use else "NAMESPACE"
        server = make(
            can,
            list=lambda _: rows,
            namespace=lambda _: b"* NAMESPACE " + spaces + b"\r\n" if spaces else (b"", b"NO not now"),
            select=lambda _: STANDS % (0, 1),
        )
        box = box_at(server.port)
        roles = {feed.name: feed.role for feed in box.feeds()}
        assert roles["INBOX"] == "\\Inbox"
        assert roles[drafts.replace("Drafts", "Sent")] == "\\Sent"
        assert list(roles.values()).count("\\Inbox") == 1
        assert not any(name.startswith(("user.", "Andere/")) for name in roles), "what is another's is not the owner's mail"
        with suppress(Rejected):  # it shows no draft
            box.save_draft(a_draft(), BEGINNING)
        assert next(each for each in server.asked if each.startswith("APPEND")).startswith(f'APPEND "{drafts}"')

    def test_a_folder_of_another_user_is_read_where_the_owner_names_it(self, make: Callable[..., Make]) -> None:
        server = make(
            "NAMESPACE",
            list=lambda _: b'* LIST () "/" INBOX\r\n* LIST () "/" "Andere/ben/Projekte"\r\n',
            namespace=lambda _: b'* NAMESPACE (("" "/")) (("Andere/" "/")) NIL\r\n',
        )
        assert [feed.name for feed in box_at(server.port).feeds()] == ["INBOX"]
        named = {"imap": f"imap://127.0.0.1:{server.port}", "folders": ("Andere/ben/Projekte",)}
        chosen = standards.open(account(named)).mailbox  # type: ignore[arg-type]  # as config has them
        assert chosen is not None
        assert [feed.name for feed in chosen.feeds()] == ["Andere/ben/Projekte"]


class TestDrafts:
    def test_a_folder_for_drafts_is_made_where_folders_belong(self, make: Callable[..., Make]) -> None:
        rows = b'* LIST () "." INBOX\r\n* LIST () "." "INBOX.Sent"\r\n'
        server = make("NAMESPACE", list=lambda _: rows, namespace=lambda _: b'* NAMESPACE (("INBOX." ".")) NIL NIL\r\n')
        with suppress(Rejected):  # it shows no draft
            box_at(server.port).save_draft(a_draft(), BEGINNING)
        assert 'CREATE "INBOX.Drafts"' in server.asked

    def test_the_folder_the_owner_has_named_is_made_where_there_is_none(self, dovecot: Server) -> None:
        hands = MailHands(dovecot)
        box = box_at(dovecot.port, drafts="Thank yous")
        assert isinstance(box.save_draft(a_draft(), box.witness()), Saved)
        assert "Drafts" not in {feed.name for feed in box_at(dovecot.port, drafts="Thank yous").feeds()}, "its own is no history"
        hands.hands.select('"Thank yous"')
        assert len(hands.hands.search(None, "ALL")[1][0].split()) == 1
        hands.hands.select("INBOX")
        hands.hands.delete('"Thank yous"')

    def test_a_folder_for_drafts_that_went_meanwhile_is_made_again(self, dovecot: Server) -> None:
        hands = MailHands(dovecot)
        box = box_at(dovecot.port, drafts="Mine")
        hands.hands.create("Mine")
        box.feeds()
        witness = box.witness()
        hands.hands.delete("Mine")
        assert isinstance(box.save_draft(a_draft(), witness), Saved)
        hands.hands.select("Mine")
        assert len(hands.hands.search(None, "ALL")[1][0].split()) == 1
        hands.hands.select("INBOX")
        hands.hands.delete("Mine")

    def test_a_draft_whose_folder_has_gone_is_gone(self, dovecot: Server) -> None:
        hands = MailHands(dovecot)
        hands.hands.create("Mine")
        box = box_at(dovecot.port, drafts="Mine")
        saved = box.save_draft(a_draft(), box.witness())
        assert isinstance(saved, Saved)
        hands.hands.delete("Mine")
        assert box_at(dovecot.port, drafts="Mine").look(saved) == Gone()

    @pytest.mark.parametrize("beside", ["To: zoe@elsewhere.example\r\nSubject: Later\r\n", "X-Mailer: some\r\n"])
    def test_a_draft_of_the_owners_that_bears_no_name_yet_stands_in_no_ones_way(self, dovecot: Server, beside: str) -> None:
        hands, draft = MailHands(dovecot), a_draft()
        box = box_at(dovecot.port)
        witness = box.witness()
        hands.hands.append("Drafts", "", "", f"{beside}\r\n...".encode())
        saved = box.save_draft(draft, witness)
        assert isinstance(saved, Saved)
        hands.hands.append("Drafts", "", "", f"{beside}\r\n...".encode())
        hands.delete_draft(saved)
        assert box_at(dovecot.port).look(saved) == Gone()

    @pytest.mark.parametrize("step", ["withdraw", "retry"])
    def test_what_the_owner_made_of_a_draft_under_its_very_name_is_not_removed_with_it(self, dovecot: Server, step: str) -> None:
        hands, draft = MailHands(dovecot), a_draft()
        box = box_at(dovecot.port)
        witness = box.witness()
        saved = box.save_draft(draft, witness)
        assert isinstance(saved, Saved)
        theirs = f"Message-ID: <{draft.message_id}>\r\nSubject: My own words\r\n\r\n..."
        hands.hands.append("Drafts", "", "", theirs.encode())
        _ = box.withdraw(saved) if step == "withdraw" else box.save_draft(draft, witness)
        hands.hands.select("Drafts")
        assert hands.hands.search(None, "SUBJECT", '"My own words"')[1] != [b""]

    def test_a_draft_of_ours_whose_name_was_dropped_in_editing_is_edited(self, dovecot: Server) -> None:
        hands, draft = MailHands(dovecot), a_draft()
        box = box_at(dovecot.port)
        saved = box.save_draft(draft, box.witness())
        assert isinstance(saved, Saved)
        to = ", ".join(address.email for address in draft.to)
        hands.hands.append("Drafts", "", "", f"To: {to}\r\nSubject: Mine now\r\n\r\n...".encode())
        hands.delete_draft(saved)
        assert box_at(dovecot.port).look(saved) == Edited()

    @pytest.mark.parametrize("refused", ["Drafts", "Sent"])
    def test_a_draft_is_not_taken_for_gone_where_one_may_not_look_for_a_moment(
        self, make: Callable[..., Make], refused: str
    ) -> None:
        """Exchange says so of every folder for a while, and in no words of RFC 5530."""
        rows = b'* LIST () "/" INBOX\r\n* LIST (\\Drafts) "/" Drafts\r\n* LIST (\\Sent) "/" Sent\r\n'
        server = make(
            "SPECIAL-USE LIST-EXTENDED",
            list=lambda _: rows,
            examine=lambda said: (b"", b"BAD User is authenticated but not connected.") if refused in said else STANDS % (0, 9),
        )
        saved = Saved(remote_id="7:5", version=f"7 5 99 whom {a_draft().message_id}", place="Drafts", is_adopted=False)
        with pytest.raises(Unavailable):
            box_at(server.port).look(saved)

    def test_a_draft_of_an_earlier_attempt_is_not_made_again_where_one_may_not_look_whether_it_was_sent(
        self, make: Callable[..., Make]
    ) -> None:
        rows = b'* LIST () "/" INBOX\r\n* LIST (\\Drafts) "/" Drafts\r\n* LIST (\\Sent) "/" Sent\r\n'
        server = make(
            "SPECIAL-USE LIST-EXTENDED",
            list=lambda _: rows,
            examine=lambda _: (b"", b"BAD User is authenticated but not connected."),
            select=lambda _: STANDS % (0, 9),
        )
        with pytest.raises(Unavailable, match="opening"):
            box_at(server.port).save_draft(a_draft(), BEGINNING)
        assert not any(each.startswith("APPEND") for each in server.asked)

    def test_a_draft_whose_folder_was_renamed_is_found_there(self, dovecot: Server) -> None:
        hands = MailHands(dovecot)
        hands.hands.create("Mine")
        box = box_at(dovecot.port, drafts="Mine")
        saved = box.save_draft(a_draft(), box.witness())
        assert isinstance(saved, Saved)
        hands.hands.rename("Mine", "Ours")
        try:
            assert box_at(dovecot.port, drafts="Ours").look(saved) in (Untouched(), Moved())
        finally:
            hands.hands.delete("Ours")


class TestWhatTheServerCan:
    def test_a_wait_that_cannot_begin_leaves_no_connection_open(self, make: Callable[..., Make]) -> None:
        server = make("IDLE", examine=lambda _: (b"", b"NO [NOPERM] Not yours"))
        held = idle.Idle(ImapServer.parse(f"imap://127.0.0.1:{server.port}", user="ana", auth="login", secret="secret"))
        with pytest.raises(Rejected) as raised:
            held.is_able()
        assert server.hung_up.wait(60), "not only when nobody remembers it any more"
        with suppress(Rejected):
            held.wait(timedelta(0))
        assert len([each for each in server.asked if each.startswith("LOGIN")]) == 2, "it signs in anew"
        assert raised.value.__traceback__ is not None, "which alone would have kept it open"

    def test_without_idle_there_is_nothing_to_wait_for(self, make: Callable[..., Make]) -> None:
        assert connected(make().port).watcher() is None

    @pytest.mark.parametrize("refused", [b"NO IDLE not permitted", b"BAD Unknown command"])
    def test_where_idle_is_promised_and_refused_there_is_nothing_to_wait_for(
        self, make: Callable[..., Make], refused: bytes
    ) -> None:
        server = make("IDLE", idle=lambda _: (b"", refused))
        assert connected(server.port).watcher() is None
        assert server.hung_up.wait(60), "no connection is left open"

    def test_where_idle_is_refused_for_a_moment_it_is_tried_again(self, make: Callable[..., Make]) -> None:
        server = make("IDLE", idle=lambda _: (b"", b"NO [UNAVAILABLE] Busy"))
        with pytest.raises(Unavailable):
            connected(server.port).watcher()

    def test_waiting_is_begun_anew_before_anybody_between_forgets_the_connection(
        self, make: Callable[..., Make], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert timedelta(minutes=10) >= idle.Idle._ROUND  # noqa: SLF001 - how long nothing passes
        monkeypatch.setattr(idle.Idle, "_ROUND", timedelta(milliseconds=20))
        server = make("IDLE")
        watcher = connected(server.port).watcher()
        assert watcher is not None
        assert [watcher.wait(timedelta(hours=1)) for _ in range(4)] == [True, False, False, False]
        watcher.close()
        assert [each for each in server.asked if each in ("IDLE", "DONE")] == ["IDLE", "DONE"] * 3

    @pytest.mark.parametrize("can", ["CONDSTORE QRESYNC", "ENABLE CONDSTORE QRESYNC"])
    def test_what_a_server_says_it_can_and_does_not_switch_on_is_not_asked_for(self, make: Callable[..., Make], can: str) -> None:
        server = make(can, examine=lambda _: STANDS % (1, 2), search=lambda _: b"* SEARCH 1\r\n", fetch=lambda _: message(1))
        box = box_at(server.port)
        cursor = list(box.changes(INBOX, None))[-1].cursor
        assert list(box.changes(INBOX, cursor))[-1].is_last
        assert not any("VANISHED" in each for each in server.asked)

    def test_a_server_that_can_qresync_no_more_is_read_anew_so_that_what_went_is_seen(self, make: Callable[..., Make]) -> None:
        server = make(examine=lambda _: STANDS % (1, 2), search=lambda _: b"* SEARCH 1\r\n", fetch=lambda _: message(1))
        with pytest.raises(CursorExpired):
            list(box_at(server.port).changes(INBOX, paging.Place(validity=7, next_uid=2, modseq=3).cursor()))

    @pytest.mark.parametrize("can", ["", "CONDSTORE QRESYNC ENABLE"])
    @pytest.mark.parametrize("count", [0, 5])
    def test_a_server_that_does_not_say_what_comes_next_is_read_at_once_and_once(
        self, make: Callable[..., Make], can: str, count: int
    ) -> None:
        def fetch(said: str) -> bytes:
            uids = [uid for uid in fetched.uids_of(said.split(" ")[2]) if uid <= count]
            dated = b'* %d FETCH (UID %d INTERNALDATE " %d-Nov-2026 09:00:00 +0000")\r\n'
            return b"".join(dated % (uid, uid, uid) if "(INTERNALDATE)" in said else message(uid) for uid in uids)

        def search(said: str) -> bytes:
            uids = range(1 if said.endswith("ALL") else int(said.rpartition(" ")[2].removesuffix(":*")), count + 1)
            return b"* SEARCH " + " ".join(map(str, uids)).encode() + b"\r\n"

        server = make(
            can,
            enable=lambda _: b"* ENABLED QRESYNC\r\n",
            examine=lambda _: b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] so\r\n* OK [HIGHESTMODSEQ 5] so\r\n" % count,
            search=search,
            fetch=lambda said: b"" if "VANISHED" in said else fetch(said),
        )
        box = box_at(server.port)
        pages = list(box.changes(INBOX, None))
        assert sorted(each.remote_id for page in pages for each in page.upserted) == [f"7:{uid}" for uid in range(1, count + 1)]
        assert pages[-1].is_last
        count += 1
        [later] = box.changes(INBOX, pages[-1].cursor)
        assert [each.remote_id for each in later.upserted] == [f"7:{count}"]
        [last] = box.changes(INBOX, later.cursor)
        assert not last.upserted

    def test_the_oldest_and_the_newest_that_cannot_be_had_do_not_keep_back_the_others(self, make: Callable[..., Make]) -> None:
        broken = {1, 5}

        def fetch(said: str) -> Said:
            wanted = [uid for part in said.split(" ")[2].split(",") for uid in range(int(part[0]), int(part[-1]) + 1)]
            return (b"", b"NO cannot convert it") if broken & {*wanted} else b"".join(map(message, wanted))

        server = make(examine=lambda _: STANDS % (5, 6), search=lambda _: b"* SEARCH 1 2 3 4 5\r\n", fetch=fetch)
        place = paging.Place(validity=7, next_uid=1).cursor()
        pages = list(box_at(server.port).changes(INBOX, place))
        assert [each.message_id for page in pages for each in page.upserted] == [f"m{n}@elsewhere.example" for n in (2, 3, 4)]
        assert sorted(each.remote_id for page in pages for each in page.skipped) == ["7:1", "7:5"]

    def test_a_message_that_is_refused_for_a_moment_is_not_lost(self, make: Callable[..., Make]) -> None:
        left = [3]

        def fetch(said: str) -> Said:
            if "BODY" in said and left[0]:
                left[0] -= 1
                return b"", b"NO [UNAVAILABLE] busy"
            return message(2)

        server = make(examine=lambda _: STANDS % (2, 3), search=lambda _: b"* SEARCH 1 2\r\n", fetch=fetch)
        place = paging.Place(validity=7, next_uid=2, uids="1").cursor()
        pages: list[Changes[MessageMetadata]] = []
        while not pages:
            with suppress(Unavailable):
                pages += box_at(server.port).changes(INBOX, place)
        assert [each.message_id for page in pages for each in page.upserted] == ["m2@elsewhere.example"]
        assert not any(page.skipped for page in pages)
