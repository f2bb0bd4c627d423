"""What the owner's mail program does with a draft over IMAP, before anybody could confirm it and after (PROVIDERS 9.8)."""

from __future__ import annotations

import imaplib
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal, cast

import pytest

from connectors.port import BEGINNING, Edited, Finds, Gone, Moved, Saved, Sent, Unavailable, Untouched, Witness
from tests.conftest import Server
from tests.connectors.contract import a_draft
from tests.connectors.test_imap_makes import box_at
from tests.connectors.test_standards_contract import MailHands
from tests.servers.proxies import ImapProxy

Removal = Literal["expunged", "flagged", "in the trash"]
"""What a program does with the version it has replaced."""
When = Literal["before", "after"]
"""Whether the answer to the APPEND was lost."""
NAME = a_draft().message_id.encode()
OURS = b"thank you for your time"


@pytest.fixture
def proxy(dovecot: Server) -> Iterator[ImapProxy]:
    proxy = ImapProxy((dovecot.host, dovecot.port))
    yield proxy
    proxy.close()


class Program:
    """The owner's mail program, with our draft in front of it."""

    def __init__(self, server: Server) -> None:
        self.hands = MailHands(server).hands

    def content(self) -> bytes:
        self.hands.select("Drafts")
        answer: Any = self.hands.fetch("1", "(BODY.PEEK[])")[1][0]
        return bytes(answer[1])

    def add(self, folder: str, content: bytes) -> None:
        self.hands.append(folder, "(\\Draft \\Seen)", imaplib.Time2Internaldate(time.time()), content)

    def remove(self, how: Removal) -> None:
        self.hands.select("Drafts")
        if how == "in the trash":
            self.hands.copy("1", "Trash")
        self.hands.store("1", "+FLAGS.SILENT", "\\Deleted")
        if how != "flagged":
            self.hands.expunge()

    def replace(self, folder: str, content: bytes, how: Removal = "expunged") -> None:
        self.add(folder, content)
        self.remove(how)

    def there(self) -> list[tuple[str, bytes]]:
        """List every message in every folder but those marked as deleted."""
        found = []
        for folder in ("Drafts", "Sent", "Archive", "Trash"):
            self.hands.select(folder, readonly=True)
            for number in self.hands.search(None, "UNDELETED")[1][0].split():
                answer: Any = self.hands.fetch(number.decode(), "(BODY.PEEK[])")[1][0]
                found.append((folder, bytes(answer[1])))
        return found


@pytest.fixture
def program(dovecot: Server) -> Program:
    return Program(dovecot)


def laid(proxy: ImapProxy, when: When) -> tuple[Saved | None, Witness]:
    """Put the draft there; nobody hears of it where the answer is lost."""
    box = box_at(proxy.port)
    witness = box.witness()
    if when == "after":
        saved = box.save_draft(a_draft(), witness)
        assert isinstance(saved, Saved)
        return saved, witness
    proxy.fault = "lose"
    with pytest.raises(Unavailable):
        box.save_draft(a_draft(), witness)
    return None, witness


def seen_and_left(proxy: ImapProxy, program: Program, saved: Saved | None, witness: Witness) -> object:
    """Say what the next attempt, or the next look, tells; neither that nor a withdrawal changes anything."""
    before = program.there()
    box = box_at(proxy.port)
    told: object = box.save_draft(a_draft(), witness) if saved is None else box.look(saved)
    if saved is not None:
        assert box.withdraw(saved) == told
    assert program.there() == before
    return told


def gone(when: When, how: Removal) -> Gone:
    return Gone(is_sure=when == "after" or how != "expunged")


EDITS: dict[str, Callable[[bytes], bytes]] = {
    "longer": lambda raw: raw + b"A long paragraph of my own, that must not be lost.\r\n",
    "of the same size": lambda raw: raw.replace(OURS, OURS.upper()),
    "dated anew": lambda raw: re.sub(rb"(?m)^Date: .*\r$", b"Date: Wed, 18 Nov 2026 08:30:00 +0000\r", raw),
    "under another subject": lambda raw: re.sub(rb"(?m)^Subject: .*\r$", b"Subject: My very words\r", raw),
    "to one more": lambda raw: raw.replace(b"\r\nSubject:", b"\r\nCc: boss@elsewhere.example\r\nSubject:"),
}


@pytest.mark.parametrize("how", ["expunged", "flagged", "in the trash"])
@pytest.mark.parametrize("when", ["before", "after"])
class TestMatrix:
    """Every deed by every kind of program: none is undone, and nothing is made or removed after it."""

    @pytest.mark.parametrize("name", [NAME, b"new@program.example"], ids=["same name", "new name"])
    def test_edited(self, proxy: ImapProxy, program: Program, when: When, how: Removal, name: bytes) -> None:
        saved, witness = laid(proxy, when)
        program.replace("Drafts", program.content().replace(NAME, name).replace(OURS, b"My own words"), how)
        assert seen_and_left(proxy, program, saved, witness) == Edited()

    def test_sent(self, proxy: ImapProxy, program: Program, when: When, how: Removal) -> None:
        saved, witness = laid(proxy, when)
        program.replace("Sent", program.content(), how)
        assert seen_and_left(proxy, program, saved, witness) == Sent()

    def test_sent_under_a_new_name(self, proxy: ImapProxy, program: Program, when: When, how: Removal) -> None:
        """By its Message-ID nobody can tell it from one that was deleted."""
        saved, witness = laid(proxy, when)
        program.replace("Sent", program.content().replace(NAME, b"new@program.example"), how)
        assert seen_and_left(proxy, program, saved, witness) == gone(when, how)

    def test_moved(self, proxy: ImapProxy, program: Program, when: When, how: Removal) -> None:
        saved, witness = laid(proxy, when)
        program.replace("Archive", program.content(), how)
        assert seen_and_left(proxy, program, saved, witness) == Moved()

    def test_deleted(self, proxy: ImapProxy, program: Program, when: When, how: Removal) -> None:
        saved, witness = laid(proxy, when)
        program.remove(how)
        assert seen_and_left(proxy, program, saved, witness) == gone(when, how)


class TestEditedUnderItsOwnName:
    @pytest.mark.parametrize("edit", EDITS)
    def test_before_the_confirmation_it_is_the_owners(self, proxy: ImapProxy, program: Program, edit: str) -> None:
        _, witness = laid(proxy, "before")
        program.replace("Drafts", EDITS[edit](program.content()))
        assert seen_and_left(proxy, program, None, witness) == Edited()

    @pytest.mark.parametrize("edit", [each for each in EDITS if each != "of the same size"])
    def test_it_is_the_owners_where_nobody_knows_how_drafts_stood(self, proxy: ImapProxy, program: Program, edit: str) -> None:
        laid(proxy, "before")
        program.replace("Drafts", EDITS[edit](program.content()))
        assert seen_and_left(proxy, program, None, BEGINNING) == Edited()
        assert cast("Finds", box_at(proxy.port)).find(a_draft()) is None

    def test_one_that_is_being_saved_as_we_withdraw_ours_stays(self, proxy: ImapProxy, program: Program) -> None:
        saved, _ = laid(proxy, "after")
        assert saved is not None
        mine = EDITS["dated anew"](program.content())
        program.add("Drafts", mine)
        assert box_at(proxy.port).withdraw(saved) == Untouched()
        assert program.there() == [("Drafts", mine)]

    def test_one_that_is_being_saved_as_ours_is_found_again_stays(self, proxy: ImapProxy, program: Program) -> None:
        _, witness = laid(proxy, "before")
        mine = EDITS["dated anew"](program.content())
        program.add("Drafts", mine)
        assert isinstance(box_at(proxy.port).save_draft(a_draft(), witness), Saved)
        assert ("Drafts", mine) in program.there()


class TestUntouched:
    def test_one_beside_which_others_were_written_is_ours(self, proxy: ImapProxy, program: Program) -> None:
        box = box_at(proxy.port)
        witness = box.witness()
        program.add("Drafts", b"To: zoe@elsewhere.example\r\nMessage-ID: <one@program.example>\r\n\r\nOne\r\n")
        proxy.fault = "lose"
        with pytest.raises(Unavailable):
            box.save_draft(a_draft(), witness)
        program.add("Drafts", b"To: zoe@elsewhere.example\r\nMessage-ID: <two@program.example>\r\n\r\nTwo\r\n")
        again = box_at(proxy.port).save_draft(a_draft(), witness)
        assert isinstance(again, Saved)
        assert again.is_adopted
        assert box_at(proxy.port).withdraw(again) == Untouched()
        assert len(program.there()) == 2

    def test_one_that_the_server_keeps_in_another_size_is_ours(self, proxy: ImapProxy, program: Program) -> None:
        """Some count line ends otherwise, or add a field of theirs: nothing has gone since, so it is what was put there."""
        _, witness = laid(proxy, "before")
        size = len(program.content())
        proxy.alias = (b"RFC822.SIZE %d" % size, b"RFC822.SIZE %d" % (size + 1))
        again = box_at(proxy.port).save_draft(a_draft(), witness)
        assert isinstance(again, Saved)
        assert again.is_adopted


@pytest.fixture(params=[b"[UIDNEXT", b"UIDNEXT"], ids=["only where it is asked", "nowhere"])
def untold(proxy: ImapProxy, request: pytest.FixtureRequest) -> ImapProxy:
    """A server that does not say on opening a folder which UID comes next, or never does."""
    proxy.alias = (request.param, request.param.replace(b"NEXT", b"NXET"))
    return proxy


class TestWithoutUidnext:
    def test_a_draft_is_made_once_and_withdrawn(self, untold: ImapProxy, program: Program) -> None:
        _, witness = laid(untold, "before")
        again = box_at(untold.port).save_draft(a_draft(), witness)
        assert isinstance(again, Saved)
        assert len(program.there()) == 1
        assert box_at(untold.port).withdraw(again) == Untouched()
        assert program.there() == []

    def test_a_draft_is_known_where_a_search_lags_behind(self, untold: ImapProxy, program: Program) -> None:
        untold.is_lagging = True
        saved, _ = laid(untold, "after")
        assert saved is not None
        assert box_at(untold.port).look(saved) == Untouched()
        assert len(program.there()) == 1

    def test_what_the_owner_did_before_the_retry_is_respected(self, untold: ImapProxy, program: Program) -> None:
        _, witness = laid(untold, "before")
        program.replace("Drafts", EDITS["longer"](program.content()))
        assert seen_and_left(untold, program, None, witness) == Edited()
        program.replace("Sent", program.content())
        assert seen_and_left(untold, program, None, witness) == Sent()

    def test_a_draft_that_was_deleted_is_not_made_again_where_the_server_says_so_when_asked(
        self, proxy: ImapProxy, program: Program
    ) -> None:
        proxy.alias = (b"[UIDNEXT", b"[UIDNXET")
        _, witness = laid(proxy, "before")
        program.remove("expunged")
        assert seen_and_left(proxy, program, None, witness) == Gone(is_sure=False)
