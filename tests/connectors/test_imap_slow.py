"""A mail server that keeps sending and never comes to an end: it is given up, by a limit for each answer as a whole."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest

from connectors import imap_wire
from connectors.imap_wire import PIECE, TooSlow, Wire
from connectors.port import Connection, Unavailable
from connectors.standards import paging
from tests.connectors.listener import Listener
from tests.connectors.test_imap import connection

GREETING, NOTHING = b"", b"none"
TOLD = {
    b"CAPABILITY": b"* CAPABILITY IMAP4rev1 IDLE ENABLE CONDSTORE QRESYNC LIST-STATUS\r\n",
    b"LIST": b'* LIST () "/" INBOX\r\n',
    b"EXAMINE": b"* OK [UIDVALIDITY 7] so\r\n* OK [UIDNEXT 3] so\r\n* OK [HIGHESTMODSEQ 9] so\r\n",
}


class Dripping(Listener):
    """A server of one folder that answers the commands which begin like this with a byte now and then."""

    def __init__(self, on: bytes) -> None:
        self.on = on
        self.asked = 0
        super().__init__()
        self.connection: Connection = connection(self.port)

    def serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, client.makefile("rb") as lines:
            self._say(client, GREETING, b"* OK hi\r\n")
            for line in lines:
                tag, _, command = line.partition(b" ")
                verb, *_ = command.split()
                if verb == b"IDLE":
                    client.sendall(b"+ idling\r\n")
                    lines.readline()
                self._say(client, command, TOLD.get(verb, b"") + tag + b" OK done\r\n")

    def _say(self, client: socket.socket, command: bytes, answer: bytes) -> None:
        is_dripping = command.startswith(self.on) if self.on else not command
        self.asked += is_dripping
        while is_dripping:
            client.sendall(b"*")
            time.sleep(0.02)
        client.sendall(answer)


@pytest.fixture
def dripping(request: pytest.FixtureRequest) -> Iterator[Dripping]:
    server = Dripping(request.param)
    yield server
    server.close()


@pytest.mark.parametrize(
    ("dripping", "doing", "patience"),
    [
        (GREETING, "signing in", 0.5),
        (b"CAPABILITY", "signing in", 0.5),
        (b"LOGIN", "signing in", 0.5),
        (b"LIST", "listing the folders", 5.0),
    ],
    indirect=["dripping"],
)
def test_a_server_that_sends_a_byte_now_and_then_is_given_up(
    dripping: Dripping, doing: str, patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_wire, "PATIENCE", patience)
    assert dripping.connection.mailbox is not None
    with pytest.raises(Unavailable, match=f"too slowly.*{doing}.*minutes"):
        dripping.connection.mailbox.feeds()


@pytest.mark.parametrize("dripping", [b"UID FETCH 1:2 (UID"], indirect=True)
def test_headers_that_never_come_are_waited_for_once(dripping: Dripping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_wire, "PATIENCE", 5.0)
    monkeypatch.setattr(paging, "PAGE", 1)  # so that there is a taste
    box = dripping.connection.mailbox
    assert box is not None
    with pytest.raises(Unavailable, match=r"too slowly.*reading headers"):
        list(box.changes(box.feeds()[0], None))
    assert dripping.asked == 1


@pytest.mark.parametrize("dripping", [NOTHING], indirect=True)
def test_a_wait_for_news_has_no_such_limit(dripping: Dripping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_wire, "PATIENCE", 4.0)
    watcher = dripping.connection.watcher()
    assert watcher is not None
    assert watcher.wait(timedelta(seconds=60)) is True
    assert watcher.wait(timedelta(seconds=5)) is False
    watcher.close()


class Line:
    """A line to a server on which a piece of this size comes after so many seconds of the clock."""

    def __init__(self, seconds: float, size: int) -> None:
        self.now, self.seconds, self.size = 0.0, seconds, size

    def read1(self, _: int) -> bytes:
        self.now += self.seconds
        return b"x" * (self.size - 1) + (b"\n" if self.now > 4 * imap_wire.PATIENCE else b"x")


@pytest.mark.parametrize(("seconds", "size", "is_given_up"), [(20, PIECE, False), (1, 4096, False), (1, 2000, True), (50, 1, True)])
def test_a_long_answer_is_read_to_its_end_if_only_it_comes_quickly_enough(
    seconds: float, size: int, monkeypatch: pytest.MonkeyPatch, *, is_given_up: bool
) -> None:
    line = Line(seconds, size)
    monkeypatch.setattr(imap_wire, "monotonic", lambda: line.now)
    if is_given_up:
        with pytest.raises(TooSlow):
            Wire(line).read()
        assert line.now < 3 * imap_wire.PATIENCE
    else:
        assert len(Wire(line).read()[0]) > 4 * imap_wire.PATIENCE


def test_each_command_is_waited_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(50, 1)
    line.now = 5 * imap_wire.PATIENCE  # each piece is a line
    monkeypatch.setattr(imap_wire, "monotonic", lambda: line.now)
    wire = Wire(line)
    for _ in range(20):
        wire.is_asked()
        assert wire.read() == [b"\n"]
    for _ in range(5):
        wire.read()
    with pytest.raises(TooSlow):
        wire.read()
