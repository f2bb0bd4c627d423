"""First reads in the order a server sorts messages in: all of it comes, newest arrivals first, and once more at most where it breaks off."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import imap_wire
from connectors.port import Changes, Cursor, Mailbox, Unavailable
from connectors.standards import fetch, paging
from rules.facts import MessageMetadata
from tests.connectors.listener import Listener, told
from tests.connectors.test_imap import connection

CAN = b"* CAPABILITY IMAP4rev1 LIST-STATUS ENABLE CONDSTORE QRESYNC SORT\r\n"
COMMAND = re.compile(rb"(\S+) (?:UID )?(\S+)(?: (\S+) \((\S+))?")
DAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
Sorting = Callable[[socket.socket, bytes, list[int]], bool]
"""How SORT is answered, by a tag and the UIDs as they should come; False where the connection ends then."""


def says(*words: str) -> Sorting:
    def answer(client: socket.socket, tag: bytes, _uids: list[int]) -> bool:
        client.sendall("".join(f"* {each}\r\n" for each in words).encode() + tag + b" OK done\r\n")
        return True

    return answer


def truly(client: socket.socket, tag: bytes, uids: list[int]) -> bool:
    return says("2 EXISTS", f"SORT {' '.join(map(str, uids))}", "SORT")(client, tag, uids)


def in_two_lines(client: socket.socket, tag: bytes, uids: list[int]) -> bool:
    return says(f"SORT {' '.join(map(str, uids[:3]))}", f"SORT {' '.join(map(str, uids[3:]))}")(client, tag, uids)


def the_other_way_round(client: socket.socket, tag: bytes, uids: list[int]) -> bool:
    return says(f"SORT {' '.join(map(str, uids[::-1]))}")(client, tag, uids)


def but_one(client: socket.socket, tag: bytes, uids: list[int]) -> bool:
    return says(f"SORT {' '.join(map(str, uids[:-1]))}")(client, tag, uids)


def with_words(client: socket.socket, tag: bytes, uids: list[int]) -> bool:
    return says(f"SORT {' '.join(map(str, uids))} (MODSEQ 9)")(client, tag, uids)


def one_twice(client: socket.socket, tag: bytes, uids: list[int]) -> bool:
    return says(f"SORT {' '.join(map(str, [uids[0], *uids[:-1]]))}")(client, tag, uids)


def by_their_place(client: socket.socket, tag: bytes, uids: list[int]) -> bool:
    return says(f"SORT {' '.join(str(uid - 1) for uid in uids)}")(client, tag, uids)


def one_to_come(client: socket.socket, tag: bytes, uids: list[int]) -> bool:
    return says(f"SORT {' '.join(map(str, [*uids[:2], max(uids) + 1, *uids[3:]]))}")(client, tag, uids)


def without_end(client: socket.socket, tag: bytes, uids: list[int]) -> bool:
    with suppress(OSError):
        while True:
            client.sendall(b"* OK 5% sorted\r\n")
            time.sleep(0.05)
    return False


def refuses(words: str) -> Sorting:
    def answer(client: socket.socket, tag: bytes, _uids: list[int]) -> bool:
        client.sendall(tag + f" {words}\r\n".encode())
        return True

    return answer


def hangs_up(_client: socket.socket, _tag: bytes, _uids: list[int]) -> bool:
    return False


def says_goodbye(client: socket.socket, _tag: bytes, _uids: list[int]) -> bool:
    client.sendall(b"* BYE too much to sort\r\n")
    return False


class Sorter(Listener):
    """A server with one folder, that sorts its messages by when they arrived, and of one second the lowest UID first."""

    def __init__(self, arrivals: Mapping[int, datetime | None], sorting: Sorting = truly) -> None:
        self.arrivals, self.sorting = arrivals, sorting
        self.lists = 0
        """How often it was asked for a list of all arrivals."""
        self.sorts = 0
        """How often it was asked to sort."""
        self.has_sorted = threading.Event()
        self.exists = len(arrivals)
        """How many messages it says there are; 0 = it does not say."""
        self.gone: set[int] = set()
        """What is expunged as soon as it was sorted."""
        super().__init__()

    def serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, client.makefile("rb") as lines:
            client.sendall(b"* OK hi\r\n")
            for line in lines:
                tag, verb, what, items = COMMAND.findall(line)[0]
                if verb == b"SORT":
                    assert line.endswith(b" UID SORT (REVERSE ARRIVAL) US-ASCII UID 1:%d\r\n" % max(self.arrivals, default=0))
                    self.sorts += 1
                    self.has_sorted.set()
                    if not self.sorting(client, tag, sorted(self.arrivals, key=self._newest_first)):
                        return
                else:
                    client.sendall(self._said(verb, what, items) + tag + b" OK done\r\n")

    def _newest_first(self, uid: int) -> float:
        return -(self.arrivals[uid] or DAY).timestamp()

    def _said(self, verb: bytes, what: bytes, items: bytes) -> bytes:
        if verb == b"FETCH":
            uids = [uid for uid in fetch.uids_of(what.decode()) if uid in self.arrivals and not (self.sorts and uid in self.gone)]
            if items == b"UID":
                return b"".join(told(uid, b"m%d" % uid) for uid in uids)
            self.lists += what == b"1:%d" % max(self.arrivals)
            return b"".join(map(self._dated, uids))
        opened = b"* OK [UIDVALIDITY 7] so\r\n* OK [UIDNEXT %d] so\r\n* OK [HIGHESTMODSEQ 9] so\r\n" % (
            max(self.arrivals, default=0) + 1
        )
        opened += b"* %d EXISTS\r\n" % self.exists if self.exists else b""
        return {b"CAPABILITY": CAN, b"LIST": b'* LIST () "/" INBOX\r\n', b"EXAMINE": opened}.get(verb, b"")

    def _dated(self, uid: int) -> bytes:
        arrival = self.arrivals[uid]
        date = b"NIL" if arrival is None else b'"%b"' % f"{arrival:%d-%b-%Y %H:%M:%S +0000}".encode()
        return b"* %d FETCH (UID %d INTERNALDATE %b)\r\n" % (uid, uid, date)


@pytest.fixture(autouse=True, scope="module")
def _small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in (("PAGE", 4), ("LARGEST", 4), ("TASTE", 0)):
            monkeypatch.setattr(paging, name, value)
        monkeypatch.setattr(fetch, "BATCH", 2)
        yield


def mailbox(server: Sorter) -> Mailbox:
    box = connection(server.port).mailbox
    assert box is not None
    return box


def read(server: Sorter, since: Cursor | None = None) -> list[Changes[MessageMetadata]]:
    """Read the folder to its end, over a connection of its own."""
    box = mailbox(server)
    return [page for page in box.changes(box.feeds()[0], since) if page.remaining is not None]


def found(pages: Sequence[Changes[MessageMetadata]]) -> list[int]:
    """Name the UIDs that came."""
    return [int(fact.remote_id.partition(":")[2]) for page in pages for fact in page.upserted]


ARRIVALS = {uid: DAY - timedelta(hours=uid * 7 % 11) for uid in range(1, 11)}
NEWEST_FIRST = sorted(ARRIVALS, key=lambda uid: ARRIVALS[uid], reverse=True)


@pytest.mark.parametrize("sorting", [truly, in_two_lines])
def test_a_server_that_sorts_is_not_asked_when_every_message_arrived(sorting: Sorting) -> None:
    with closing(Sorter(ARRIVALS, sorting)) as server:
        pages = read(server)
        assert sorted(found(pages)) == sorted(NEWEST_FIRST)
        assert [{*found([page])} for page in pages] == [{*NEWEST_FIRST[at : at + 4]} for at in (0, 4, 8)]
        assert (server.sorts, server.lists) == (1, 0)
        oldest = [min(ARRIVALS[uid] for uid in found([page])) for page in pages[:-1]]
        assert [page.covered_since for page in pages[:-1]] == oldest
        assert pages[-1].is_last


@pytest.mark.parametrize(
    "sorting",
    [
        *(the_other_way_round, but_one, with_words, one_twice, by_their_place, one_to_come, hangs_up, says_goodbye),
        *(says("SORT"), says(), says("SORT 1 2"), says(f"SORT {10**20}")),
        *(refuses("NO [BADCHARSET] what is US-ASCII?"), refuses("BAD what is SORT?"), refuses("NO [UNAVAILABLE] too much to sort")),
        *(refuses("NO [LIMIT] too many messages"), refuses("NO [EXPIRED] so it says"), refuses("NO that view doesn't exist")),
    ],
)
def test_one_that_does_not_sort_as_it_says_costs_no_message_and_no_order(sorting: Sorting) -> None:
    with closing(Sorter(ARRIVALS, sorting)) as server:
        pages = read(server)
        assert [{*found([page])} for page in pages] == [{*NEWEST_FIRST[at : at + 4]} for at in (0, 4, 8)]
        assert (server.sorts, server.lists) == (1, 1)


def test_one_that_sorts_without_end_is_asked_for_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_wire, "PATIENCE", 0.5)
    with closing(Sorter(ARRIVALS, without_end)) as server:
        assert sorted(found(read(server))) == sorted(NEWEST_FIRST)
        assert (server.sorts, server.lists) == (1, 1)


@pytest.mark.parametrize("sorting", [truly, the_other_way_round, says("SORT")])
@pytest.mark.parametrize("exists", [0, 10])
def test_the_order_of_a_few_messages_is_looked_at_too(sorting: Sorting, exists: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "BATCH", 50)
    with closing(Sorter(ARRIVALS, sorting)) as server:
        server.exists = exists
        assert sorted(found(read(server))) == sorted(NEWEST_FIRST)
        assert server.lists == (0 if exists and sorting is truly else 1)


def test_what_has_come_since_the_newest_were_read_does_not_keep_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "TASTE", 2)
    with closing(Sorter(dict(ARRIVALS))) as server:
        box = mailbox(server)
        newest = next(iter(box.changes(box.feeds()[0], None)))
        assert sorted(found([newest])) == [9, 10]
        assert server.has_sorted.wait(30)
        server.arrivals = {**ARRIVALS, 11: DAY + timedelta(hours=1)}
        pages = read(server, newest.cursor)
        assert sorted(found(pages)) == sorted(NEWEST_FIRST)
        assert server.sorts == 1, "nobody knows how many there were then"


@pytest.mark.parametrize("date", [None, datetime(1969, 12, 31, 12, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
def test_messages_that_do_not_say_when_they_arrived_are_read_wherever_the_read_goes_on(date: datetime | None) -> None:
    with closing(Sorter(dict.fromkeys(range(1, 10), date))) as server:
        box = mailbox(server)
        pages = box.changes(box.feeds()[0], None)
        seen = [next(pages), next(pages)]
        assert sorted([*found(seen), *found(read(server, seen[-1].cursor))]) == [*range(1, 10)]
        assert server.lists == 2


def test_what_is_expunged_as_soon_as_it_was_sorted_takes_nothing_with_it() -> None:
    with closing(Sorter(ARRIVALS)) as server:
        server.gone = {*NEWEST_FIRST[1:4]}
        assert sorted(found(read(server))) == sorted({*NEWEST_FIRST} - server.gone)


def test_a_server_that_can_neither_sort_nor_list_tells_of_it_as_ever() -> None:
    class Dead(Sorter):
        def serve(self, client: socket.socket) -> None:
            if self.sorts:
                client.close()
            super().serve(client)

    with closing(Dead(ARRIVALS, hangs_up)) as server, pytest.raises(Unavailable):
        read(server)


def test_an_empty_folder_is_read_to_its_end() -> None:
    with closing(Sorter({})) as server:
        assert [page.is_last for page in read(server)] == [True]


@settings(max_examples=40, deadline=None)
@given(
    seconds=st.lists(st.integers(0, 5), min_size=1, max_size=30),
    cuts=st.lists(st.integers(1, 3), max_size=4),
    is_sorted=st.booleans(),
)
def test_a_first_read_cut_short_anywhere_reads_every_message_however_many_came_in_one_second(
    seconds: list[int], cuts: list[int], is_sorted: bool
) -> None:
    arrivals = {uid: DAY + timedelta(seconds=each) for uid, each in enumerate(seconds, 1)}
    with closing(Sorter(arrivals, truly if is_sorted else hangs_up)) as server:
        seen: set[int] = set()
        cursor: Cursor | None = None
        for cut in cuts:
            box = mailbox(server)
            for page, _ in zip(box.changes(box.feeds()[0], cursor), range(cut), strict=False):
                seen.update(found([page]))
                cursor = page.cursor
                if page.covered_since is not None and not page.is_last:
                    assert {uid for uid, at in arrivals.items() if at > page.covered_since} <= seen
                if page.is_last:
                    break
        rest = found(read(server, cursor))
        assert seen | {*rest} == {*arrivals}
