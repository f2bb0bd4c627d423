"""A server that answers several commands together, as Dovecot does with four: each message comes once, whatever breaks between."""

from __future__ import annotations

import re
import select
import socket
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from connectors.optional import Packs
from connectors.port import Changes
from connectors.standards import fetch, paging
from rules.facts import MessageMetadata
from tests.connectors.listener import Listener, told
from tests.connectors.pickled import Pickled
from tests.connectors.second import wait_for_it
from tests.connectors.test_imap import connection

CAN = b"* CAPABILITY IMAP4rev1 LIST-STATUS ENABLE CONDSTORE QRESYNC\r\n"
COMMAND = re.compile(rb"(\S+) (\S+)(?: FETCH ([\d:,]+) \((\S+))?")
SILENCE = 0.02
"""Seconds after which no more commands are awaited."""
DAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
FAILS = "the server fails on this message"


class Together(Listener):
    """A server with one folder, whose newest message has UID 1; it tells what several commands ask for, then answers them all."""

    def __init__(self, messages: int, commands: int) -> None:
        self.messages, self.commands = messages, commands
        self.breaks_in = 0
        """The answers left before the connection breaks, once, between the answers of commands told together."""
        self.dies_on = 0
        """The UID on which it dies, with all it has not sent yet."""
        self.lies_about = 0
        """The UID of whose header it promises more than it has."""
        self.order = 1
        """-1: it tells what the last of several commands asks for first."""
        super().__init__()

    def serve(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            client.sendall(b"* OK hi\r\n")
            said, asked = b"", list[tuple[bytes, list[int]]]()
            while more := client.recv(1 << 16):
                *lines, said = (said + more).split(b"\r\n")
                is_last = not select.select([client], [], [], SILENCE)[0]
                for number, line in enumerate(lines, 1):
                    tag, verb, uids, items = COMMAND.findall(line)[0]
                    if items == b"UID":
                        asked.append((tag, list(fetch.uids_of(uids.decode()))))
                    else:
                        client.sendall(self._plain(verb.upper(), bool(items)) + tag + b" OK done\r\n")
                    if len(asked) == self.commands or (is_last and number == len(lines)):
                        if not self._answer(client, asked):
                            client.shutdown(socket.SHUT_WR)  # what was sent arrives; closing alone may take it back
                        asked.clear()

    def _plain(self, verb: bytes, is_listing: bool) -> bytes:
        if is_listing:
            dated = ((uid, f"{DAY - timedelta(days=uid):%d-%b-%Y %H:%M:%S +0000}") for uid in range(1, self.messages + 1))
            return b"".join(b'* %d FETCH (UID %d INTERNALDATE "%b")\r\n' % (uid, uid, date.encode()) for uid, date in dated)
        opened = b"* OK [UIDVALIDITY 7] so\r\n* OK [UIDNEXT %d] so\r\n* OK [HIGHESTMODSEQ 9] so\r\n" % (self.messages + 1)
        return {b"CAPABILITY": CAN, b"LIST": b'* LIST () "/" INBOX\r\n', b"EXAMINE": opened}.get(verb, b"")

    def _answer(self, client: socket.socket, asked: list[tuple[bytes, list[int]]]) -> bool:
        if self.dies_on in [uid for _, uids in asked for uid in uids]:
            return False
        client.sendall(b"".join(self._row(uid) for _, uids in asked[:: self.order] for uid in uids))
        for tag, _ in asked:
            client.sendall(tag + b" OK done\r\n")
            self.breaks_in -= 1
            if self.breaks_in == 0:
                return False
        return True

    def _row(self, uid: int) -> bytes:
        return told(uid, b"m%d" % uid, too_long=10_000 if uid == self.lies_about else 0)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PAGE", 4), ("LARGEST", 4), ("TASTE", 1)):
        monkeypatch.setattr(paging, name, value)
    monkeypatch.setattr(fetch, "BATCH", 2)


def read(server: Together) -> list[Changes[MessageMetadata]]:
    """Read its folder, without the taste."""
    box = connection(server.port).mailbox
    assert box is not None
    assert isinstance(box, Packs)
    with box.packing(Pickled()):
        pages = list(box.changes(box.feeds()[0], None))[1:]
    server.close()
    return pages


def found(pages: list[Changes[MessageMetadata]]) -> list[str]:
    return [fact.message_id for page in pages for fact in page.upserted]


def letters(count: int, but: int = 0) -> list[str]:
    return [f"m{uid}@elsewhere.example" for uid in range(1, count + 1) if uid != but]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("answers", [1, 2, 3, 6])
def test_what_is_told_with_an_earlier_batch_comes_once_though_the_connection_breaks_then(answers: int, order: int) -> None:
    server = Together(40, commands=4)
    server.order = order
    server.breaks_in = answers + 1  # the first is for the taste
    pages = read(server)
    assert server.breaks_in < 0, "it did break"
    assert sorted(found(pages)) == sorted(letters(40))
    assert found(pages) == letters(40) or order < 0


def test_what_is_told_with_a_batch_that_cannot_be_read_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for_it(monkeypatch)
    server = Together(40, commands=4)
    server.lies_about = 9
    pages = read(server)
    assert found(pages) == letters(40, but=9)
    assert [(skip.remote_id, skip.reason) for page in pages for skip in page.skipped] == [("7:9", FAILS)]


def test_a_server_that_dies_on_a_message_with_all_it_was_asked_before_fails_on_that_one_alone() -> None:
    server = Together(40, commands=fetch.DEPTH)
    server.dies_on = 31
    pages = read(server)
    assert found(pages) == letters(40, but=31)
    assert [(skip.remote_id, skip.reason) for page in pages for skip in page.skipped] == [("7:31", FAILS)]


def test_what_is_set_aside_among_the_newest_is_told_of_once() -> None:
    server = Together(12, commands=1)
    server.lies_about = 12
    box = connection(server.port).mailbox
    assert box is not None
    pages = list(box.changes(box.feeds()[0], None))
    server.close()
    assert pages[0].remaining is None, "the taste"
    assert [(each.remote_id, each.reason) for page in pages for each in page.skipped] == [("7:12", FAILS)]
    assert sorted(found(pages)) == sorted(letters(12, but=12))
