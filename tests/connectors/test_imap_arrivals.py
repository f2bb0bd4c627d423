"""When IMAP messages arrived: read from what a server says, whatever it says, in the smallest form that sorts."""

from __future__ import annotations

import imaplib
import io
from array import array
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import cast

import pytest

from connectors import imap_fetched as fetched
from connectors import imap_wire
from connectors.dates import EPOCH
from connectors.imap_reading import Read, Reading
from connectors.imap_wire import Response
from connectors.standards import fetch, paging
from connectors.standards.answers import Answers
from connectors.standards.arrivals import Arrivals
from connectors.standards.opened import Opened
from connectors.standards.session import Session


def test_dates_of_any_offset_are_read_as_utc() -> None:
    assert fetched.epoch(b" 5-Nov-2026 09:00:00 +0100") == int(datetime(2026, 11, 5, 8, tzinfo=UTC).timestamp())
    assert fetched.epoch(b"05-Nov-2026 23:30:00 -0130") == int(datetime(2026, 11, 6, 1, tzinfo=UTC).timestamp())
    assert fetched.epoch(b"99-Foo-2026 09:00:00 +0100") is None
    assert fetched.epoch(b"31-Dec-9999 23:59:59 -0100") is None
    assert fetched.epoch(b"31-Dec-1969 23:59:59 +0000") is None


class Told:
    """A session whose server says this, whatever it is asked."""

    capabilities: frozenset[str] = frozenset()

    def __init__(self, *answers: bytes) -> None:
        self.answers = answers

    def send(self, _: bytes) -> bytes:
        return b"1"

    def command(self, _: bytes, _what: str) -> list[Response]:
        return []

    def pieces(self, _tag: bytes, _what: str) -> Iterator[bytes]:
        yield from self.answers

    def whole(self, _tag: bytes, _what: str) -> bytes:
        return b"".join(self.answers)


DATED = b'* 1 FETCH (UID %d FLAGS () INTERNALDATE "%b" RFC822.SIZE 9 BODY[HEADER.FIELDS (FROM)] {28}\r\nFrom: ben@elsewhere.example\r\n)\r\n'


def headers(*answers: bytes) -> fetch.Headers:
    told = cast("Session", Told(*answers))
    return fetch.Headers(lambda: told, lambda: told, b"FROM", Reading(validity=7, role=""))


ABSURD = {1: b"31-Dec-1969 12:00:00 +0000", 2: b"31-Dec-9999 23:59:59 -0100", 3: b"07-Feb-2106 06:28:16 +0000"}


def test_a_message_that_arrived_at_an_absurd_time_is_listed_last_and_keeps_no_other_from_being_read() -> None:
    dates = ABSURD | {4: b"05-Nov-2026 09:00:00 +0100", 5: b"19-Jan-2038 03:14:08 +0000", 6: b"07-Feb-2106 06:28:15 +0000"}
    told = headers(*(b'* 1 FETCH (UID %d INTERNALDATE "%b")\r\n' % each for each in dates.items()))
    opened = Opened(validity=7, next_uid=7, modseq=0, exists=6, takes_keywords=False, keywords=())
    listed = Arrivals().ask(told, paging.Place(validity=7, next_uid=7, mark=paging.NOTHING), opened)(is_waited_for=True)
    assert list(listed.uids) == [6, 5, 4, 3, 2, 1]
    assert [listed.mark(done)[0] for done in (4, 5, 6)] == [0, 0, 0]


def test_a_message_that_arrived_at_an_absurd_time_is_read_without_it() -> None:
    rows, skipped = headers(*(DATED % each for each in ABSURD.items())).some([1, 2, 3])
    assert [(row.remote_id, row.sent_at) for row in rows] == [(f"7:{uid}", EPOCH) for uid in (1, 2, 3)]
    assert skipped == []


def test_an_answer_that_ends_in_the_middle_of_a_header_is_asked_for_again_message_by_message() -> None:
    dated = DATED % (1, b"05-Nov-2026 09:00:00 +0100")
    ((batch, (rows, skipped)),) = headers(dated, dated[:-9]).fetch([1, 2])
    assert (list(batch), rows) == ([1, 2], [])
    assert [(each.remote_id, each.reason) for each in skipped] == [
        (f"7:{uid}", "the server fails on this message") for uid in (1, 2)
    ]


def test_labels_sent_as_literals_are_labels_and_no_header() -> None:
    begun = b'* 1 FETCH (UID 5 FLAGS () X-GM-LABELS ("\\\\Sent" {8}\r\na "b" \\c {2}\r\n)( "\\\\Draft") BODY[HEADER] {28}\r\n'
    ((found,), skipped) = Reading(validity=7, role="").read(begun + b"From: ben@elsewhere.example\r\n)\r\n")
    assert found.labels == {"\\Sent", 'a "b" \\c', ")(", "\\Drafts"}
    assert skipped == []
    assert found.from_[0].email == "ben@elsewhere.example"


def test_a_label_that_looks_like_another_item_is_nothing_but_a_label() -> None:
    words = "of UID 77 RFC822.SIZE 5 FLAGS (\\Draft) X-GM-THRID 6 INTERNALDATE "
    begun = b'* 1 FETCH (X-GM-THRID 5 X-GM-LABELS ("%b" "\\\\Inbox") UID 12 FLAGS () ' % words.replace("\\", "\\\\").encode()
    rest = b'INTERNALDATE "05-Nov-2026 09:00:00 +0100" RFC822.SIZE 99 BODY[HEADER] {28}\r\nFrom: ben@elsewhere.example\r\n)\r\n'
    ((found,), skipped) = Reading(validity=7, role="").read(begun + rest)
    assert (found.remote_id, found.size, found.thread_id) == ("7:12", 99, "5")
    assert found.labels == {words, "\\Inbox"}
    assert found.sent_at == datetime(2026, 11, 5, 8, tzinfo=UTC)
    assert skipped == []


class Lines(io.BytesIO):
    """A connection on which nothing more comes, and nobody hangs up."""

    def read1(self, size: int | None = -1) -> bytes:
        found = super().read1(size)
        assert found, "it waits for what never comes"
        return found


def test_a_server_that_hangs_up_is_believed_but_no_header_that_says_so() -> None:
    said = (
        DATED % (1, b"05-Nov-2026 09:00:00 +0100")
        + b"* 2 FETCH (UID 2 BODY[HEADER] {34}\r\n* BYE says the header, not I: x\r\n\r\n)\r\n"
    )
    answers = Answers(Lines(said + b"* BYE too much traffic\r\n"))
    with pytest.raises(imaplib.IMAP4.abort, match="too much traffic"):
        answers.whole(answers.next_tag(), "reading headers")
    file = Lines()
    answers = Answers(file)
    tag = answers.next_tag()
    file.write(said + tag + b" OK done\r\n")
    file.seek(0)
    assert answers.whole(tag, "reading headers") == said


class Endless(Lines):
    """A connection on which the same line comes again and again."""

    def read1(self, size: int | None = -1) -> bytes:
        return b"* 1 EXISTS\r\n" * 8000


@pytest.mark.parametrize(
    "ask", [lambda a, tag: list(a.responses(tag, "x")), lambda a, tag: a.asked(tag, "x"), lambda a, tag: a.together([tag])]
)
def test_an_answer_of_many_short_lines_has_an_end_too(
    ask: Callable[[Answers, bytes], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_wire, "LARGEST", 1 << 20)
    answers = Answers(Endless())
    with pytest.raises(imap_wire.TooLarge):
        ask(answers, answers.next_tag())


def test_flags_that_have_changed_are_passed_by_however_many() -> None:
    file = Lines()
    answers = Answers(file)
    tags = [answers.next_tag() for _ in range(2)]
    flags = b"".join(b"* %d FETCH (UID %d FLAGS (\\Seen) MODSEQ (7))\r\n" % (number, number) for number in range(1, 2000))
    file.write(flags + b"* VANISHED (EARLIER) 5\r\n%b OK\r\n* SEARCH 9\r\n%b OK\r\n" % tuple(tags))
    file.seek(0)
    assert answers.together(tags) == ([[b"* VANISHED (EARLIER) 5\r\n"], [b"* SEARCH 9\r\n"]], [])


def test_what_nobody_waited_for_is_dropped_and_what_comes_out_of_order_is_told_apart() -> None:
    file = Lines()
    answers = Answers(file)
    first, second, third = (answers.next_tag() for _ in range(3))
    file.write(b"* 1 EXISTS\r\n%b OK\r\n* 2 EXISTS\r\n%b OK\r\n* 3 EXISTS\r\n%b OK\r\n" % (first, third, second))
    file.seek(0)
    assert answers.whole(second, "x") == b"* 2 EXISTS\r\n* 3 EXISTS\r\n"
    assert answers.whole(third, "x") == b""
    with pytest.raises(imaplib.IMAP4.abort):
        answers.whole(first, "x")


def test_sequence_sets_go_there_and_back() -> None:
    uids = [1, 2, 3, 7, 9, 10]
    assert fetch.sequence_set(uids) == b"1:3,7,9:10"
    assert list(fetch.uids_of("1:3,7,9:10")) == uids
    assert fetch.sequence_set([]) == b""


def test_a_page_is_full_of_what_was_asked_for_also_where_nothing_of_it_can_be_read() -> None:
    todo = array("Q", (fetched.stamp(at, at) for at in range(5 * paging.PAGE, 0, -1)))
    batches = ([fetched.arrival_of(each)[1] for each in todo[at : at + fetch.BATCH]] for at in range(0, len(todo), fetch.BATCH))
    reading = Reading(validity=7, role="")
    read: Iterator[tuple[Sequence[int], Read]] = (
        (batch, ([], [reading.skipped(uid, "it is no mail") for uid in batch])) for batch in batches
    )
    place = paging.Place(validity=7, next_uid=9999)
    made = list(paging.pages(len(todo), read, lambda _: (), lambda _: (place, None), paging.Size()))
    assert max(len(page.skipped) for page in made) <= paging.LARGEST
    assert sum(len(page.skipped) for page in made) == len(todo)
    assert [page.is_last for page in made] == [False] * (len(made) - 1) + [True]
