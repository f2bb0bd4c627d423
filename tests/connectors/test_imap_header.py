"""A header read by its layout says what the header says that is read in full."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import imap_header as header
from connectors.imap_header import read_header
from connectors.mime import FIELDS, Unreadable, parse_header

RECEIVED = datetime(2026, 11, 17, tzinfo=UTC)
VALUES = (
    "Ada Owner <ada@own.example>", '"Muster, Bo" <Bo@Y.example>, eva@x.example', "=?utf-8?q?Zo=C3=AB?= <zoe@x.example>", "nobody", "",
    "a@x.example,\r\n\tb@x.example,\r\n c@x.example", "Mon, 16 Nov 2026 10:00:00 +0100", "Thu, 1 Jan 1970 00:00:00 +0000", "long ago",
    "<1@x.example>", "<1@x.example>\r\n <2@x.example>", "<>", " <2@x.example>  ", "3@x.example", "Re: Hello", "=?utf-8?q?Gr=C3=BC=C3=9Fe?=",
    "Grüße", "a\rb", "a\r\n\r\n b", "a\0b", "auto-generated", "list", "text/calendar; method*0=REQ; method*1=UEST",
    "urn:content-classes:calendarmessage", "urn:content-classes:message", "\u200b",
)  # fmt: skip
USUAL = (("From", VALUES[0]), ("To", VALUES[1]), ("Date", VALUES[6]), ("Subject", "Hello"), ("Message-ID", "<1@x.example>"))


@st.composite
def headers(draw: st.DrawFn) -> bytes:
    spelled = st.sampled_from((*FIELDS, "X-Mailer")).flatmap(lambda name: st.sampled_from((name, name.lower(), name.upper())))
    more = draw(st.lists(st.tuples(spelled, st.sampled_from(VALUES)), max_size=8))
    fields = draw(st.permutations([*(USUAL if draw(st.booleans()) else ()), *more]))
    colon, end, rest = (
        draw(st.sampled_from(some)) for some in ((": ", ":", " :\t"), ("\r\n", "\n"), ("\r\n", "", "\r\nTo: eva@x.example\r\n"))
    )
    return ("".join(f"{name}{colon}{value}{end}" for name, value in fields) + rest).encode()


def read_by(read: Any, raw: bytes) -> object:  # noqa: ANN401 - either of the two
    try:
        return read(raw, remote_id="1", labels=frozenset({"\\Inbox"}), received_at=RECEIVED, size=1, thread_id="t")
    except Unreadable as error:
        return str(error)


@settings(max_examples=1000, deadline=None)
@given(headers())
def test_a_header_read_by_its_layout_says_what_the_whole_header_says(raw: bytes) -> None:
    assert read_by(read_header, raw) == read_by(parse_header, raw)


def test_a_usual_header_is_read_without_the_whole_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "parse_header", None)
    raw = "".join(f"{name}: {value}\r\n" for name, value in USUAL).encode() + b"\r\n"
    found = header.read_header(raw, remote_id="1", labels=frozenset(), received_at=RECEIVED, size=1, thread_id="")
    assert (found.subject, found.message_id, found.recipients) == ("Hello", "1@x.example", 2)
