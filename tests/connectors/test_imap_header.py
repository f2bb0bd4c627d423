"""A header read as a letter says what the header says that is read in full."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors import imap_header as header
from connectors.imap_header import read_header
from connectors.letter import Letter, messages
from connectors.mime import Unreadable, parse_header
from tests.connectors.odd_headers import USUAL, headers, usual_headers

RECEIVED = datetime(2026, 11, 17, tzinfo=UTC)
SLIPS = [b":", b"::", b" ", b"\t", b"\0", b"\r", b"\n", b"\r\n", b"\x1c", b"\x85", b"\xff", b"<", b"=?", b"a:"]


def read_whole(raw: bytes) -> object:
    try:
        return parse_header(raw, remote_id="1", labels=frozenset({"\\Inbox"}), received_at=RECEIVED, size=1, thread_id="t")
    except Unreadable as error:
        return str(error)


def read_shared(raw: bytes) -> object:
    arrived = int(RECEIVED.timestamp())
    try:
        found = read_header(raw, remote_id="1", labels=frozenset({"\\Inbox"}), arrived=arrived, size=1, thread_id="t")
    except Unreadable as error:
        return str(error)
    return messages([found])[0]


@settings(max_examples=1000, deadline=None)
@given(headers() | usual_headers())
def test_a_header_read_as_a_letter_says_what_the_whole_header_says(raw: bytes) -> None:
    assert read_shared(raw) == read_whole(raw)


@settings(max_examples=1000, deadline=None)
@given(usual_headers(), st.data())
@example(b"".join(b":%b: %b\r\n" % (name.encode(), value.encode()) for name, value in USUAL) + b"\r\n", None)
def test_a_usual_header_with_a_slip_in_it_says_what_the_whole_header_says(raw: bytes, data: st.DataObject | None) -> None:
    if data is not None:
        lines = raw.split(b"\r\n")
        place, slip = data.draw(st.integers(0, len(lines) - 1)), data.draw(st.sampled_from(SLIPS))
        at = data.draw(st.just(0) | st.integers(0, len(lines[place])))
        lines[place] = lines[place][:at] + slip + lines[place][at:]
        raw = b"\r\n".join(lines)
    assert read_shared(raw) == read_whole(raw)


def test_a_usual_header_is_read_without_the_whole_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "parse_header", None)
    raw = "".join(f"{name}: {value}\r\n" for name, value in USUAL).encode() + b"\r\n"
    found = header.read_header(raw, remote_id="1", labels=frozenset(), arrived=int(RECEIVED.timestamp()), size=1, thread_id="")
    assert isinstance(found, Letter)
    assert (found.subject, found.message_id, found.route.recipients) == ("Hello", "1@x.example", 2)


def test_letters_of_one_sender_come_in_the_same_envelope_whatever_is_their_own() -> None:
    def of(**own: str) -> Letter:
        fields = dict(USUAL) | {"List-Id": "<list.x.example>"} | {name.replace("_", "-"): value for name, value in own.items()}
        raw = "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode()
        found = read_header(raw, remote_id="1", labels=frozenset(), arrived=int(RECEIVED.timestamp()), size=1, thread_id="")
        assert isinstance(found, Letter)
        return found

    first = of(List_Unsubscribe="<https://x.example/u/1>", Return_Path="<b+1@x.example>", Content_Type="text/plain")
    again = of(
        List_Unsubscribe="<https://x.example/u/2>", Return_Path="<b+2@x.example>", Content_Type="text/html; a=b", Subject="Ho"
    )
    assert first.envelope is again.envelope
    assert first.route is again.route
    assert of(List_Unsubscribe="", Return_Path="<b@x.example>").envelope is not first.envelope
