"""What is new in an IMAP folder since it was read last comes in pages of bounded size, and wherever that ends it goes on there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from connectors.port import Changes, Cursor, Mailbox, RateLimited
from connectors.standards import fetch, paging
from connectors.standards.session import Session
from rules.facts import MessageMetadata
from tests.conftest import Server
from tests.connectors.test_imap import fill, inbox, mailbox, names
from tests.connectors.test_standards_contract import MailHands
from tests.servers.proxies import ImapProxy

OLD = ("QRESYNC", "CONDSTORE", "LIST-STATUS", "SPECIAL-USE", "UIDPLUS", "ENABLE")
KINDS = pytest.mark.parametrize(
    "without", [(), ("QRESYNC",), OLD], ids=["all Dovecot can", "no QRESYNC", "a server of twenty years ago"]
)
SIZE = 4


@pytest.fixture
def proxy(dovecot: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImapProxy]:
    for name in ("PAGE", "LARGEST"):
        monkeypatch.setattr(paging, name, SIZE)
    for name, value in (("BATCH", 2), ("DEPTH", 1)):
        monkeypatch.setattr(fetch, name, value)
    with closing(ImapProxy((dovecot.host, dovecot.port))) as proxy:
        yield proxy


@pytest.fixture
def owner(dovecot: Server) -> MailHands:
    return MailHands(dovecot)


def some(box: Mailbox, since: Cursor, pages: int) -> list[Changes[MessageMetadata]]:
    """Read so many pages, and break off."""
    feed = next(feed for feed in box.feeds() if feed.role == "\\Inbox")
    with closing(cast("Any", box.changes(feed, since))) as found:
        return [next(found) for _ in range(pages)]


def told(pages: list[Changes[MessageMetadata]]) -> list[str]:
    return [fact.message_id for page in pages for fact in page.upserted]


def gone(pages: list[Changes[MessageMetadata]]) -> list[str]:
    return [each for page in pages for each in page.removed]


def ids(pages: list[Changes[MessageMetadata]]) -> dict[str, str]:
    return {fact.message_id: fact.remote_id for page in pages for fact in page.upserted}


@KINDS
def test_many_arrivals_come_in_pages_of_bounded_size_the_oldest_first(
    owner: MailHands, proxy: ImapProxy, without: tuple[str, ...]
) -> None:
    proxy.without = without
    made = fill(owner, 3)
    first = inbox(mailbox(proxy))
    owner.remove_mail(made[1])
    fresh = fill(owner, 11, first=3)
    pages = inbox(mailbox(proxy), first[-1].cursor)
    assert [[fact.message_id for fact in page.upserted] for page in pages] == [fresh[:4], fresh[4:8], fresh[8:]]
    assert gone(pages) == [ids(first)[made[1]]]
    assert [page.remaining for page in pages] == [7, 3, 0]
    assert [page.is_last for page in pages] == [False, False, True]
    assert [page.covered_since for page in pages] == [None, None, datetime.min.replace(tzinfo=UTC)]
    assert [json.loads(page.cursor)[1] for page in pages] == sorted({json.loads(page.cursor)[1] for page in pages})


@KINDS
def test_a_round_that_breaks_off_goes_on_where_it_was_and_tells_of_every_change_once(
    owner: MailHands, proxy: ImapProxy, without: tuple[str, ...]
) -> None:
    proxy.without = without
    made = fill(owner, 3)
    first = inbox(mailbox(proxy))
    owner.remove_mail(made[0])
    fresh = fill(owner, 13, first=3)
    begun = some(mailbox(proxy), first[-1].cursor, 2)
    assert told(begun) == fresh[:8]
    for name in (made[1], fresh[1], fresh[9]):  # known for long, read a moment ago, not read yet
        owner.remove_mail(name)
    owner.hands.uid("STORE", "1:*", "+FLAGS", "\\Flagged")
    late = fill(owner, 2, first=16)
    rest = inbox(mailbox(proxy), begun[-1].cursor)
    assert told(rest) == [fresh[8], *fresh[10:], *late]
    known = ids([*first, *begun, *rest])
    reverse = {remote: name for name, remote in known.items()}
    assert [reverse[each] for each in gone(begun)] == [made[0]]
    assert sorted(filter(None, (reverse.get(each) for each in gone(rest)))) == sorted([made[1], fresh[1]])
    again = inbox(mailbox(proxy), rest[-1].cursor)
    assert (told(again), gone(again), len(again)) == ([], [], 1)


@KINDS
def test_much_that_has_gone_is_told_in_pages_and_again_where_the_round_breaks_off(
    owner: MailHands, proxy: ImapProxy, without: tuple[str, ...]
) -> None:
    proxy.without = without
    made = fill(owner, 11)
    first = inbox(mailbox(proxy))
    left = {ids(first)[name] for name in made[1:]}
    for name in made[1:]:
        owner.remove_mail(name)
    [begun] = some(mailbox(proxy), first[-1].cursor, 1)
    assert (len(begun.removed), begun.is_last) == (4, False)
    rest = inbox(mailbox(proxy), begun.cursor)
    assert [len(page.removed) for page in rest] == [4, 4, 2]
    assert set(gone(rest)) == left
    assert gone(inbox(mailbox(proxy), rest[-1].cursor)) == []


@KINDS
def test_what_came_before_its_turn_and_is_gone_when_it_has_come_is_told_to_be_gone(
    owner: MailHands, proxy: ImapProxy, monkeypatch: pytest.MonkeyPatch, without: tuple[str, ...]
) -> None:
    monkeypatch.setattr(fetch, "DEPTH", 16)  # Dovecot answers four together
    proxy.without = without
    made = fill(owner, 1)
    pages = inbox(mailbox(proxy))
    for _ in range(40):  # it does so if they have come together
        made += fill(owner, 13, first=len(made))
        pages += some(mailbox(proxy), pages[-1].cursor, 1)
        if len(pages[-1].upserted) > SIZE:
            break
        pages += inbox(mailbox(proxy), pages[-1].cursor)
    assert len(pages[-1].upserted) > SIZE, "none came before its turn"
    early = told(pages)[-1]
    owner.remove_mail(early)
    pages += inbox(mailbox(proxy), pages[-1].cursor)
    assert set(ids(pages).values()).difference(gone(pages)) == {ids(pages)[name] for name in made if name != early}


@KINDS
def test_what_goes_while_the_pages_are_read_is_told_by_the_next_round(
    owner: MailHands, proxy: ImapProxy, without: tuple[str, ...]
) -> None:
    proxy.without = without
    fill(owner, 1)
    cursor = inbox(mailbox(proxy))[-1].cursor
    fresh = fill(owner, 10, first=1)
    box = mailbox(proxy)
    feed = next(feed for feed in box.feeds() if feed.role == "\\Inbox")
    pages: list[Changes[MessageMetadata]] = []
    late: list[str] = []
    for page in box.changes(feed, cursor):
        pages.append(page)
        if len(pages) == 1:
            owner.remove_mail(fresh[0])
            late += fill(owner, 1, first=11)
    later = inbox(mailbox(proxy), pages[-1].cursor)
    assert [told(pages), told(later)] == [fresh, late]
    assert [gone(pages), gone(later)] == [[], [ids(pages)[fresh[0]]]]


class Commands(list[str]):
    """Those a server was asked, which has too many of them once."""

    def __init__(self, proxy: ImapProxy, batches: int) -> None:
        super().__init__()
        self.proxy, self.left = proxy, batches

    def append(self, command: str) -> None:
        super().append(command)
        self.left -= command == "UID FETCH"
        if not self.left:
            self.proxy.fault, self.proxy.failing, self.left = "rate", ("UID FETCH",), -1


@KINDS
def test_what_came_before_the_server_asked_to_slow_down_is_kept(
    owner: MailHands, proxy: ImapProxy, without: tuple[str, ...]
) -> None:
    proxy.without = without
    made = fill(owner, 2)
    first = inbox(mailbox(proxy))
    owner.remove_mail(made[0])
    fresh = fill(owner, 10, first=2)
    proxy.commands = Commands(proxy, 4 + (not without))  # where the server can, one asks for what has vanished
    pages: list[Changes[MessageMetadata]] = []
    box = mailbox(proxy)
    feed = next(feed for feed in box.feeds() if feed.role == "\\Inbox")
    with pytest.raises(RateLimited):
        pages.extend(box.changes(feed, first[-1].cursor))
    assert [told([page]) for page in pages] == [fresh[:4], fresh[4:6]]
    rest = inbox(mailbox(proxy), pages[-1].cursor)
    assert told([*pages, *rest]) == fresh
    assert gone([*pages, *rest]) == [ids(first)[made[0]]]


@KINDS
def test_what_arrives_while_the_folder_is_opened_for_the_first_time_is_not_lost(
    owner: MailHands, proxy: ImapProxy, monkeypatch: pytest.MonkeyPatch, without: tuple[str, ...]
) -> None:
    proxy.without = without
    made, late = fill(owner, 2), list[str]()
    open_with = Session.open_with

    def opened(session: Session, *args: Any, **more: Any) -> Any:  # noqa: ANN401 - as the method
        found = open_with(session, *args, **more)
        late.extend(() if late else fill(owner, 1, first=2))
        assert session.is_alive(), "it shows at once what has arrived, where Dovecot waits for the end of a command"
        return found

    monkeypatch.setattr(Session, "open_with", opened)
    first = inbox(mailbox(proxy))
    later = inbox(mailbox(proxy), first[-1].cursor)
    assert (names(first), told(later)) == (set(made), late)


def test_what_goes_from_a_folder_without_change_marks_is_told_though_the_server_has_them_elsewhere(
    owner: MailHands, proxy: ImapProxy
) -> None:
    proxy.alias = (b"HIGHESTMODSEQ", b"WITHOUTMODSEQ")  # RFC 7162 3.1.2.2: NOMODSEQ
    made = fill(owner, 3)
    first = inbox(mailbox(proxy))
    owner.remove_mail(made[1])
    late = fill(owner, 1, first=3)
    later = inbox(mailbox(proxy), first[-1].cursor)
    assert (gone(later), told(later)) == ([ids(first)[made[1]]], late)
