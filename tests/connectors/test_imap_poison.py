"""First reads of a folder with a message the server fails on, also where it is only asked when its messages arrived."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta

import pytest

from connectors.port import Changes, Cursor, Feed, PortError, Rejected, Unavailable
from connectors.standards import fetch, paging
from rules.facts import MessageMetadata
from tests.connectors.listener import Listener, told
from tests.connectors.test_imap import connection

INBOX = Feed(id="INBOX", name="INBOX", role="\\Inbox")
DAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
ILL = [
    b"NO System Error (Failure)",
    b"NO Some of the requested messages could not be fetched",
    b"NO [SERVERBUG] Internal error occurred",
    b"BAD internal error",
]
Tells = Callable[[list[int], set[int]], list[int]]
"""What is told of these UIDs before a refusal, if these are poisonous."""


def those_before(uids: list[int], poison: set[int]) -> list[int]:
    return uids[: next(at for at, uid in enumerate(uids) if uid in poison)]


def all_others(uids: list[int], poison: set[int]) -> list[int]:
    return [uid for uid in uids if uid not in poison]


def none(_uids: list[int], _poison: set[int]) -> list[int]:
    return []


class Ill(Listener):
    """A server of one folder, whose messages came an hour after each other, that refuses any FETCH with a poisonous one in it."""

    def __init__(self, count: int, poison: set[int], said: bytes = ILL[0], tells: Tells = those_before, can: bytes = b"") -> None:
        self.count, self.poison, self.said, self.tells, self.can = count, poison, said, tells, can
        self.fetches = 0
        super().__init__()

    def serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, client.makefile("rb") as lines:
            client.sendall(b"* OK hi\r\n")
            for line in lines:
                tag, *words = line.split()
                untagged, end = self._fetched(words) if words[:2] == [b"UID", b"FETCH"] else (self._said(words), b"OK done")
                client.sendall(untagged + tag + b" " + end + b"\r\n")

    def _said(self, words: list[bytes]) -> bytes:
        everything = " ".join(map(str, range(1, self.count + 1))).encode()
        newest_first = " ".join(map(str, range(self.count, 0, -1))).encode()
        opened = b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] so\r\n* OK [UIDNEXT %d] so\r\n" % (self.count, self.count + 1)
        return {
            b"CAPABILITY": b"* CAPABILITY IMAP4rev1 " + self.can + b"\r\n",
            b"EXAMINE": opened,
            b"SEARCH": b"* SEARCH " + everything + b"\r\n",
            b"SORT": b"* SORT " + newest_first + b"\r\n",
        }.get(words[words[0] == b"UID"], b"")

    def _fetched(self, words: list[bytes]) -> tuple[bytes, bytes]:
        self.fetches += 1
        uids = [uid for uid in fetch.uids_of(words[2].decode()) if uid <= self.count]
        is_ill = not self.poison.isdisjoint(uids)
        tell = self._dated if words[3] == b"(INTERNALDATE)" else self._told
        return b"".join(map(tell, self.tells(uids, self.poison) if is_ill else uids)), self.said if is_ill else b"OK done"

    def _told(self, uid: int) -> bytes:
        return told(uid, b"m%d" % uid)

    def _dated(self, uid: int) -> bytes:
        return b'* %d FETCH (UID %d INTERNALDATE "%b")\r\n' % (
            uid,
            uid,
            f"{DAY + timedelta(hours=uid):%d-%b-%Y %H:%M:%S +0000}".encode(),
        )


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for where, name, value in ((paging, "PAGE", 4), (paging, "LARGEST", 4), (paging, "TASTE", 0), (fetch, "BATCH", 1)):
        monkeypatch.setattr(where, name, value)


def read(server: Ill, since: Cursor | None = None) -> Iterator[Changes[MessageMetadata]]:
    box = connection(server.port).mailbox
    assert box is not None
    return box.changes(INBOX, since)


def uids(pages: list[Changes[MessageMetadata]]) -> list[int]:
    return [int(fact.remote_id.partition(":")[2]) for page in pages for fact in page.upserted]


def set_aside(pages: list[Changes[MessageMetadata]]) -> list[str]:
    return [each.remote_id for page in pages for each in page.skipped]


@pytest.mark.parametrize("said", ILL)
@pytest.mark.parametrize("tells", [those_before, all_others, none])
@pytest.mark.parametrize("can", [b"", b"SORT"])
@pytest.mark.parametrize("poison", [1, 5, 10])
def test_one_message_the_server_fails_on_keeps_no_other_from_being_read_in_its_order(
    said: bytes, tells: Tells, can: bytes, poison: int
) -> None:
    with closing(Ill(10, {poison}, said, tells, can)) as server:
        pages = list(read(server))
        assert uids(pages) == [uid for uid in range(10, 0, -1) if uid != poison]
        assert set_aside(pages) == [f"7:{poison}"]
        assert pages[-1].is_last


@pytest.mark.parametrize("is_well_again", [False, True])
@pytest.mark.parametrize("cut", [1, 2])
def test_a_first_read_that_breaks_off_goes_on_beside_such_a_message_and_tells_of_everything_once(
    cut: int, *, is_well_again: bool
) -> None:
    with closing(Ill(12, {3, 11})) as server:
        with closing(read(server)) as found:  # type: ignore[type-var]  # it is a generator
            pages = [next(found) for _ in range(cut)]
        if is_well_again:
            server.poison = set()
        pages += read(server, pages[-1].cursor)
        assert sorted([*uids(pages), *(int(each[2:]) for each in set_aside(pages))]) == [*range(1, 13)]
        assert uids(pages) == sorted(uids(pages), reverse=True)


def test_one_among_many_is_found_with_few_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    for where, name, value in ((paging, "PAGE", 1000), (paging, "LARGEST", 1000), (fetch, "BATCH", 125)):
        monkeypatch.setattr(where, name, value)
    with closing(Ill(2000, {10})) as server:
        pages = list(read(server))
        assert (len(uids(pages)), set_aside(pages)) == (1999, ["7:10"])
        assert server.fetches < 80


@pytest.mark.parametrize(
    ("poison", "said", "raised"),
    [
        ({*range(1, 11)}, ILL[0], Unavailable),
        ({*range(1, 11)}, ILL[1], Rejected),
        ({5}, b"NO [UNAVAILABLE] Try again", Unavailable),
        ({5}, b"NO [INUSE] Locked", Unavailable),
    ],
)
def test_no_message_is_set_aside_where_none_is_to_be_had_or_the_server_is_busy(
    poison: set[int], said: bytes, raised: type[PortError]
) -> None:
    with closing(Ill(10, poison, said)) as server:
        pages: list[Changes[MessageMetadata]] = []
        with pytest.raises(raised):
            pages.extend(read(server))
        assert set_aside(pages) == []
        assert server.fetches < 100
