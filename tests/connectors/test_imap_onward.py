"""A first read goes on into the next folder before the last page of one is taken; whatever comes between, nothing is lost or told twice."""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta

import pytest

from connectors import imap_wire
from connectors.cores import cores
from connectors.optional import Packs
from connectors.port import AuthorizationExpired, Changes, Cursor, Feed, Mailbox, PortError
from connectors.standards import fetch, paging
from rules.facts import MessageMetadata
from tests.connectors.listener import Listener, told
from tests.connectors.pickled import Pickled
from tests.connectors.second import wait_for_it
from tests.connectors.test_imap import connection

COMMAND = re.compile(rb'(\S+) (?:UID )?(\S+)(?: "?([^" ]+)"?)?(?: \((\S+))?')
CAN = b"* CAPABILITY IMAP4rev1 LIST-STATUS ENABLE CONDSTORE QRESYNC\r\n"
DAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
COUNT = 12
SLOWLY = 5 * fetch.MOMENT
MUCH = 1 << 17


def goes(_client: socket.socket, _tag: bytes) -> bool:
    return False


def breaks(client: socket.socket, _tag: bytes) -> bool:
    """Have the connection reset, not closed."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def says_goodbye(client: socket.socket, _tag: bytes) -> bool:
    client.sendall(b"* BYE over\r\n")
    return False


def tells_half(client: socket.socket, _tag: bytes) -> bool:
    client.sendall(Folders.dated(1) + Folders.dated(2)[:20])
    return False


def refuses(client: socket.socket, tag: bytes) -> bool:
    client.sendall(tag + b" NO not now\r\n")
    return True


def waits(client: socket.socket, tag: bytes) -> bool:
    time.sleep(SLOWLY)
    client.sendall(b"".join(map(Folders.dated, range(1, COUNT + 1))) + tag + b" OK done\r\n")
    return True


def sorts(client: socket.socket, tag: bytes) -> bool:
    client.sendall(b"* SORT %b\r\n%b OK done\r\n" % (b" ".join(b"%d" % uid for uid in range(1, COUNT + 1)), tag))
    return True


def sorts_absurdly(client: socket.socket, tag: bytes) -> bool:
    client.sendall(b"* SORT %d\r\n%b OK done\r\n" % (10**20, tag))
    return True


def sorts_slowly(client: socket.socket, tag: bytes) -> bool:
    time.sleep(SLOWLY)
    return sorts(client, tag)


class Folders(Listener):
    """A server with folders of COUNT messages each, whose newest has UID 1; it answers one command after the other."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.begun: list[str] = []
        """The folders that were opened, in order, whoever did."""
        self.refused: set[str] = set()
        """Folders that cannot be opened."""
        self.lies_about = ("", 0)
        """The folder and the UID of whose header it promises more than it has."""
        self.dies_on = ("", 0)
        """The folder and the UID on which it dies, once."""
        self.heavy = range(0)
        """The UIDs in INBOX of which two at once are more than is read."""
        self.sign_ins = 0
        self.are_refused = False
        """Whether nobody more is let in."""
        self.slow = ""
        """The folder whose messages it takes a while to tell."""
        self.fails_to_list: tuple[str, Callable[[socket.socket, bytes], bool]] = "", goes
        """The folder that cannot be listed once, and what it does instead; that says whether it goes on."""
        self.listed: list[str] = []
        """The folders that were to be listed, in order."""
        self.sorts: dict[str, Callable[[socket.socket, bytes], bool]] = {}
        """What it does when it is to sort a folder, if it can: it says so where there is one that it can sort."""
        super().__init__()

    def serve(self, client: socket.socket) -> None:
        folder = ""
        with suppress(OSError), client, client.makefile("rb") as lines:
            client.sendall(b"* OK hi\r\n")
            for line in lines:
                tag, verb, what, items = COMMAND.findall(line)[0]
                if verb == b"LOGIN" and not self._lets_in():
                    client.sendall(tag + b" NO [AUTHENTICATIONFAILED] not any more\r\n")
                    continue
                if verb == b"EXAMINE":
                    folder = what.decode()
                    self.begun.append(folder)
                    if folder in self.refused:
                        client.sendall(tag + b" NO there is none\r\n")
                        continue
                uids = list(fetch.uids_of(what.decode())) if verb == b"FETCH" else []
                goes_on = self._instead(client, tag, verb, folder, uids if items != b"UID" else [])
                if goes_on is False:
                    return
                if goes_on:
                    continue
                if (folder, True) == (self.dies_on[0], self.dies_on[1] in uids) and items == b"UID":
                    self.dies_on = ("", 0)
                    return
                if uids and folder == self.slow and items == b"UID":
                    time.sleep(SLOWLY)
                client.sendall(self._said(verb, folder, uids, is_listing=items != b"UID") + tag + b" OK done\r\n")

    def _instead(self, client: socket.socket, tag: bytes, verb: bytes, folder: str, dated: Sequence[int]) -> bool | None:
        """Do what it does instead of answering, and say whether it goes on; None where it answers. `dated`: whose arrivals are asked."""
        if verb == b"SORT":
            return self.sorts[folder](client, tag)
        if len(dated) == COUNT:
            self.listed.append(folder)
            if folder == self.fails_to_list[0]:
                instead, self.fails_to_list = self.fails_to_list[1], ("", goes)
                return instead(client, tag)
        return None

    def _lets_in(self) -> bool:
        self.sign_ins += 1
        return not self.are_refused or self.sign_ins == 1

    def _said(self, verb: bytes, folder: str, uids: Sequence[int], *, is_listing: bool) -> bytes:
        if verb == b"FETCH":
            return b"".join(self.dated(uid) if is_listing else self._row(folder, uid) for uid in uids)
        opened = b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] so\r\n* OK [UIDNEXT %d] so\r\n* OK [HIGHESTMODSEQ 9] so\r\n"
        listed = b"".join(b'* LIST () "/" %b\r\n' % name.encode() for name in self.names)
        can = CAN.replace(b" QRESYNC", b" QRESYNC SORT" if self.sorts else b" QRESYNC")
        return {b"CAPABILITY": can, b"LIST": listed, b"EXAMINE": opened % (COUNT, COUNT + 1)}.get(verb, b"")

    @staticmethod
    def dated(uid: int) -> bytes:
        return b'* %d FETCH (UID %d INTERNALDATE "%b")\r\n' % (
            uid,
            uid,
            f"{DAY - timedelta(days=uid):%d-%b-%Y %H:%M:%S +0000}".encode(),
        )

    def _row(self, folder: str, uid: int) -> bytes:
        name, place = b"%b.%d" % (folder.encode(), uid), (folder, uid)
        is_heavy = folder == "INBOX" and uid in self.heavy
        return told(uid, name, too_long=10_000 * (place == self.lies_about), size=MUCH * 3 // 4 * is_heavy)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PAGE", 4), ("LARGEST", 4), ("TASTE", 1)):
        monkeypatch.setattr(paging, name, value)
    monkeypatch.setattr(fetch, "BATCH", 2)
    if cores() > 1:
        wait_for_it(monkeypatch)


@pytest.fixture
def server() -> Iterator[Folders]:
    with closing(Folders("INBOX", "Sent", "Work")) as server:
        yield server


def mailbox(server: Folders) -> Mailbox:
    box = connection(server.port).mailbox
    assert box is not None
    return box


def read(box: Mailbox, promised: Sequence[str], asked: Sequence[str]) -> list[list[Changes[MessageMetadata]]]:
    """Read folders from their beginning, having said which will be."""
    feeds = {feed.id: feed for feed in box.feeds()}
    assert isinstance(box, Packs)
    with box.packing(Pickled(), [(feeds[each], None) for each in promised]):
        return [list(box.changes(feeds[each], None)) for each in asked]


def found(pages: list[Changes[MessageMetadata]]) -> list[str]:
    """Name what came, but for the taste."""
    return [fact.message_id for page in pages if page.remaining is not None for fact in page.upserted]


def letters(folder: str, but: int = 0) -> list[str]:
    return [f"{folder}.{uid}@elsewhere.example" for uid in range(1, COUNT + 1) if uid != but]


def test_the_next_folder_is_begun_before_the_last_page_of_one_is_taken(server: Folders) -> None:
    box = mailbox(server)
    feeds: list[Feed] = list(box.feeds())
    assert isinstance(box, Packs)
    with box.packing(Pickled(), [(each, None) for each in feeds]):
        for page in box.changes(feeds[0], None):
            if page.is_last:
                assert server.begun == ["INBOX", "Sent"]
        rest = [list(box.changes(each, None)) for each in feeds[1:]]
    assert [found(pages) for pages in rest] == [letters("Sent"), letters("Work")]
    assert server.begun == ["INBOX", "Sent", "Work"]


def test_folders_read_one_into_the_other_tell_what_each_tells_alone(server: Folders) -> None:
    together = read(mailbox(server), server.names, server.names)
    alone = [read(mailbox(server), (), (name,))[0] for name in server.names]
    assert [found(pages) for pages in together] == [found(pages) for pages in alone] == [*map(letters, server.names)]
    assert [pages[-1] for pages in together] == [pages[-1] for pages in alone], "the cursors, too"


@pytest.mark.parametrize("asked", [("INBOX", "Work", "Sent"), ("Work", "INBOX", "Sent"), ("INBOX", "INBOX", "Sent")])
def test_what_was_begun_for_nothing_is_let_go_of(server: Folders, asked: tuple[str, ...]) -> None:
    server.slow = "Sent"
    pages = read(mailbox(server), server.names, asked)
    assert [found(each) for each in pages] == [*map(letters, asked)]


def test_a_folder_that_cannot_be_opened_is_told_of_when_it_is_asked_for(server: Folders) -> None:
    server.refused.add("Sent")
    box = mailbox(server)
    feeds = list(box.feeds())
    assert isinstance(box, Packs)
    with box.packing(Pickled(), [(each, None) for each in feeds]):
        assert found(list(box.changes(feeds[0], None))) == letters("INBOX")
        assert "Sent" in server.begun
        with pytest.raises(PortError):
            list(box.changes(feeds[1], None))
        assert found(list(box.changes(feeds[2], None))) == letters("Work")


@pytest.mark.parametrize("slow", ["", "Sent"])
@pytest.mark.parametrize("uid", [1, COUNT - 3, COUNT])
def test_what_cannot_be_read_is_found_in_its_folder_though_the_next_is_open(server: Folders, uid: int, slow: str) -> None:
    server.lies_about, server.slow = ("INBOX", uid), slow
    inbox, sent = read(mailbox(server), server.names, ("INBOX", "Sent"))
    assert found(inbox) == letters("INBOX", but=uid)
    assert {skip.remote_id for page in inbox for skip in page.skipped} == {f"7:{uid}"}
    assert found(sent) == letters("Sent")


@pytest.mark.parametrize("folder", ["INBOX", "Sent"])
@pytest.mark.parametrize("uid", [1, COUNT])
def test_a_connection_that_breaks_costs_nothing_whichever_folder_it_was_for(server: Folders, folder: str, uid: int) -> None:
    server.dies_on = (folder, uid)
    inbox, sent = read(mailbox(server), server.names, ("INBOX", "Sent"))
    assert server.dies_on == ("", 0), "it did break"
    assert (found(inbox), found(sent)) == (letters("INBOX"), letters("Sent"))


def test_a_read_that_stops_between_two_folders_leaves_a_connection_others_can_use(server: Folders) -> None:
    server.slow = "Sent"
    box = mailbox(server)
    (pages,) = read(box, server.names, ("INBOX",))
    assert found(pages) == letters("INBOX")
    assert [feed.id for feed in box.feeds()] == [*server.names]
    cursor: Cursor = pages[-1].cursor
    assert found(list(box.changes(box.feeds()[0], cursor))) == []
    assert found(list(box.changes(box.feeds()[1], None))) == letters("Sent")


def test_a_first_read_that_was_cut_short_goes_on_from_there_though_it_is_begun_early(server: Folders) -> None:
    box = mailbox(server)
    feeds = list(box.feeds())
    assert isinstance(box, Packs)
    some = box.changes(feeds[1], None)
    begun = [page for page, _ in zip(some, range(2), strict=False)]
    some.close()  # type: ignore[attr-defined]  # a generator
    since = begun[-1].cursor
    with box.packing(Pickled(), [(feeds[0], None), (feeds[1], since)]):
        assert found(list(box.changes(feeds[0], None))) == letters("INBOX")
        rest = list(box.changes(feeds[1], since))
    assert found(begun) + found(rest) == letters("Sent")
    assert {page.hint for page in rest} == {""}, "what was read before may have gone"


@pytest.mark.parametrize("patience", [0.0, SLOWLY], ids=["at once", "late"])
@pytest.mark.parametrize("instead", [goes, breaks, says_goodbye, tells_half, refuses, waits])
def test_a_next_folder_that_cannot_be_listed_early_is_listed_when_it_is_asked_for(
    server: Folders, instead: Callable[[socket.socket, bytes], bool], patience: float
) -> None:
    box = mailbox(server)
    feeds = list(box.feeds())
    assert isinstance(box, Packs)
    told: dict[str, list[Changes[MessageMetadata]]] = {}
    with box.packing(Pickled(), [(each, None) for each in feeds]):
        server.fails_to_list = "Sent", instead
        for feed in feeds:
            for page in box.changes(feed, None):
                told.setdefault(feed.id, []).append(page)
                time.sleep(patience)  # the page is stored
    assert {each: found(pages) for each, pages in told.items()} == {each: letters(each) for each in server.names}
    assert server.listed == [*server.names[:2], *["Sent"] * (instead is not waits), *server.names[2:]]


@pytest.mark.parametrize("uid", range(1, COUNT, 2))
def test_what_is_too_much_at_once_is_read_one_by_one_wherever_a_page_ends(
    server: Folders, monkeypatch: pytest.MonkeyPatch, uid: int
) -> None:
    monkeypatch.setattr(imap_wire, "LARGEST", MUCH)
    server.heavy = range(uid, uid + 2)
    inbox, sent = read(mailbox(server), server.names, ("INBOX", "Sent"))
    assert [skip for page in inbox for skip in page.skipped] == []
    assert (found(inbox), found(sent)) == (letters("INBOX"), letters("Sent"))


@pytest.mark.parametrize("uid", range(1, COUNT + 1))
def test_a_connection_that_breaks_is_renewed_once_wherever_a_page_ends(server: Folders, uid: int) -> None:
    server.dies_on = ("INBOX", uid)
    (inbox,) = read(mailbox(server), ("INBOX",), ("INBOX",))
    assert found(inbox) == letters("INBOX")
    assert server.sign_ins == 2


@pytest.mark.parametrize("uid", range(1, COUNT + 1))
def test_who_is_refused_after_a_break_is_not_asked_again_before_a_page_is_stored(server: Folders, uid: int) -> None:
    server.dies_on, server.are_refused = ("INBOX", uid), True
    box = mailbox(server)
    (feed,) = (each for each in box.feeds() if each.id == "INBOX")
    pages: list[Changes[MessageMetadata]] = []
    assert isinstance(box, Packs)
    with box.packing(Pickled(), [(feed, None)]), pytest.raises(AuthorizationExpired):
        pages.extend(box.changes(feed, None))
    assert server.sign_ins == 2


@pytest.mark.parametrize("how", [sorts, sorts_slowly, refuses, sorts_absurdly, goes, breaks, says_goodbye])
@pytest.mark.parametrize("folder", ["INBOX", "Sent"])
@pytest.mark.parametrize("patience", [0.0, 0.05])
def test_a_server_that_cannot_sort_a_folder_after_all_costs_nothing_of_any(
    server: Folders, folder: str, how: Callable[[socket.socket, bytes], bool], patience: float
) -> None:
    server.sorts = {**dict.fromkeys(server.names, sorts), folder: how}
    box = mailbox(server)
    feeds = list(box.feeds())
    assert isinstance(box, Packs)
    told = dict[str, list[str]]()
    with box.packing(Pickled(), [(feed, None) for feed in feeds]):
        for feed in feeds:
            pages = []
            for page in box.changes(feed, None):
                pages.append(page)
                time.sleep(patience)
            told[feed.id] = found(pages)
    assert told == {each: letters(each) for each in server.names}
    left = [each for each in server.names if server.names.index(each) >= server.names.index(folder)]
    assert server.listed == ([] if how in (sorts, sorts_slowly) else left), "no more is left to it"


def test_who_is_not_let_in_again_once_the_connection_broke_at_sorting_is_asked_no_second_time(server: Folders) -> None:
    server.sorts = {**dict.fromkeys(server.names, sorts), "Sent": goes}
    box = mailbox(server)
    feeds = list(box.feeds())
    server.are_refused = True
    assert isinstance(box, Packs)
    with box.packing(Pickled(), [(feed, None) for feed in feeds]):
        assert found(list(box.changes(feeds[0], None))) == letters("INBOX")
        with pytest.raises(AuthorizationExpired):
            list(box.changes(feeds[1], None))
    assert server.sign_ins == 2
