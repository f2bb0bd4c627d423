"""An answer told in the usual way says what the same answer says that is told in any other."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.imap_reading import Reading
from connectors.mime import parse_header
from tests.connectors.odd_headers import USUAL, headers, usual_headers

READING = Reading(validity=7, role="\\Inbox")
DATES = (
    "16-Nov-2026 09:00:00 +0000",
    " 6-Nov-2026 23:59:59 -1130",
    "17-Nov-2026 00:00:00 +0100",
    "31-Dec-1969 23:00:00 +0000",
    "31-Foo-2026 00:00:00 +0000",
)


def usual(uid: int, header: bytes, date: str = DATES[0], flags: str = "") -> bytes:
    told = f'* {uid} FETCH (UID {uid} FLAGS ({flags}) INTERNALDATE "{date}" RFC822.SIZE 9 BODY[HEADER.FIELDS (FROM)] {{{len(header)}}}\r\n'
    return told.encode() + header + b")\r\n"


def otherwise(uid: int, header: bytes, date: str = DATES[0], flags: str = "") -> bytes:
    told = f"* {uid} FETCH (FLAGS ({flags}) UID {uid} RFC822.SIZE 9 BODY[HEADER.FIELDS (FROM)] {{{len(header)}}}\r\n"
    return told.encode() + header + f' INTERNALDATE "{date}")\r\n'.encode()


def header(**own: str) -> bytes:
    fields = dict(USUAL) | {name.replace("_", "-"): value for name, value in own.items()}
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n"


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.tuples(headers() | usual_headers(), st.sampled_from(DATES), st.sampled_from(["", "\\Seen \\Draft"])), max_size=3)
)
def test_it_makes_no_difference_in_which_order_a_message_is_told(told: list[tuple[bytes, str, str]]) -> None:
    here = b"".join(usual(uid, *each) for uid, each in enumerate(told, 1))
    there = b"".join(otherwise(uid, *each) for uid, each in enumerate(told, 1))
    assert READING.read(here) == READING.read(there)


def test_what_looks_like_an_answer_in_a_header_is_none() -> None:
    inner = usual(2, header(Subject="never sent"))
    found, skipped = READING.read(usual(1, header(Subject="Hello") + inner) + usual(3, header()))
    assert [(each.remote_id, each.subject) for each in found] == [("7:1", "Hello"), ("7:3", "Hello")]
    assert not skipped


def test_what_is_told_after_a_header_counts_too() -> None:
    told = usual(1, header())[: -len(b")\r\n")] + b" THREADID (t1))\r\n"
    found, _ = READING.read(usual(2, header()) + told + usual(3, header()))
    assert [(each.remote_id, each.thread_id) for each in found] == [("7:2", ""), ("7:1", "t1"), ("7:3", "")]


def test_a_header_shorter_than_it_says_is_no_answer() -> None:
    told = usual(1, header())
    with pytest.raises(EOFError):
        READING.read(told[: len(told) // 2])


@pytest.mark.parametrize(
    ("date", "sent_at"),
    [
        ("Tue, 17 Nov 2026 22:00:00 +0000", datetime(2026, 11, 17, 22, tzinfo=UTC)),
        ("Tue, 17 Nov 2026 23:30:00 +0000", datetime(2026, 11, 17, 23, 30, tzinfo=UTC)),
        ("Wed, 18 Nov 2026 00:00:00 +0000", datetime(2026, 11, 16, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_date_is_believed_up_to_a_day_after_the_message_has_arrived(date: str, sent_at: datetime) -> None:
    (found,), _ = READING.read(usual(1, header(Date=date), "16-Nov-2026 23:59:59 +0000"))
    assert found.sent_at == sent_at


@pytest.mark.parametrize(
    "broken",
    [
        b"Subject: a\tb\r\n",
        b"Subject: a\rb\r\n",
        b"Subject: a\nTo: eva@x.example\r\n",
        b"no field\r\n",
        b"Subject: a\rCc:b\x01\r\n",
        b"\x9e: <a\r:Cc:\tb@x.example\r\n",
    ],
)
@pytest.mark.parametrize("place", range(len(USUAL) + 1))
def test_what_is_no_field_takes_no_other_along(broken: bytes, place: int) -> None:
    lines = header().splitlines(keepends=True)
    raw = b"".join((*lines[:place], broken, *lines[place:]))
    whole = parse_header(
        raw, remote_id="7:1", labels=frozenset({"\\Inbox"}), received_at=datetime(2026, 11, 16, 9, tzinfo=UTC), size=9
    )
    assert READING.read(usual(1, raw)) == ([whole], [])
