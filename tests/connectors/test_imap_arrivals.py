"""When IMAP messages arrived: read from what a server says, whatever it says, in the smallest form that sorts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import cast

from connectors import imap_fetched as fetched
from connectors.dates import EPOCH
from connectors.imap_reading import Reading
from connectors.standards import fetch
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
    listed = headers(*(b'* 1 FETCH (UID %d INTERNALDATE "%b")\r\n' % each for each in dates.items())).arrivals(7)()
    assert [fetched.arrival_of(one)[1] for one in listed] == [6, 5, 4, 3, 2, 1]
    assert [fetched.arrival_of(one)[0] for one in listed[3:]] == [0, 0, 0]


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


def test_sequence_sets_go_there_and_back() -> None:
    uids = [1, 2, 3, 7, 9, 10]
    assert fetch.sequence_set(uids) == b"1:3,7,9:10"
    assert list(fetch.uids_of("1:3,7,9:10")) == uids
    assert fetch.sequence_set([]) == b""
