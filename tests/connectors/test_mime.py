"""Headers as senders really write them become facts; nothing a sender can write breaks the reading."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.mime import MAX_HEADER, Unreadable, head_of, parse_header
from rules.facts import MessageMetadata

RECEIVED = datetime(2026, 3, 2, 12, tzinfo=UTC)
CANARY = "zirkonfalter"


def read(*lines: str | bytes, received_at: datetime | None = RECEIVED) -> MessageMetadata:
    raw = b"\n".join(line.encode() if isinstance(line, str) else line for line in lines)
    return parse_header(raw, remote_id="1", received_at=received_at)


def mail(*lines: str | bytes, received_at: datetime | None = RECEIVED) -> MessageMetadata:
    return read("From: eva@x.example", *lines, received_at=received_at)


def test_a_plain_header_becomes_facts() -> None:
    fact = read(
        "Return-Path: <eva@x.example>",
        "Received: from a by b; Mon, 2 Mar 2026 11:00:03 +0000",
        "Date: Mon, 2 Mar 2026 12:00:00 +0100",
        'From: "Eva Beispiel" <eva@X.example>',
        "To: Ada <ada@example.org>,",
        "\tbo@example.org",
        "Cc: cy@example.org",
        "Subject: Hello",
        " there",
        "Message-ID: <1@x.example>",
        "In-Reply-To: <0@x.example>",
        "References: <a@x.example>",
        " <0@x.example>",
        "List-Id: The list <l.x.example>",
        "Auto-Submitted: no",
        "Content-Type: text/plain; charset=utf-8",
    )
    assert (fact.message_id, fact.subject, fact.recipients) == ("1@x.example", "Hello there", 3)
    assert fact.sent_at == datetime(2026, 3, 2, 11, tzinfo=UTC)
    assert fact.sent_offset == timedelta(hours=1)
    assert [(a.email, a.name) for a in (*fact.from_, *fact.to, *fact.cc)] == [
        ("eva@x.example", "Eva Beispiel"), ("ada@example.org", "Ada"), ("bo@example.org", ""), ("cy@example.org", ""),
    ]  # fmt: skip
    assert (fact.in_reply_to, fact.references) == (("0@x.example",), ("a@x.example", "0@x.example"))
    assert (fact.list_id, fact.auto_submitted, fact.return_path) == ("The list <l.x.example>", "no", "<eva@x.example>")


def test_line_ends_and_a_body_make_no_difference() -> None:
    plain = b"From: eva@x.example\nSubject: a\n b\nMessage-ID: <1@x.example>"
    want = parse_header(plain, remote_id="1", received_at=RECEIVED)
    body = f"\n\nSubject: {CANARY}\n\nFrom: {CANARY}@x.example".encode()
    for raw in (plain + b"\n", plain + body, plain.replace(b"\n", b"\r\n"), (plain + body).replace(b"\n", b"\r\n")):
        found = parse_header(raw, remote_id="1", received_at=RECEIVED)
        assert found == want
        assert CANARY not in repr(found)


def test_no_half_of_a_line_break_is_left_behind_the_last_field() -> None:
    whole = b"From: eva@x.example\r\nContent-Type: text/plain\r\n\r\n"
    assert head_of(whole) == head_of(whole + b"body\r\n") == b"\nFrom: eva@x.example\nContent-Type: text/plain"


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("=?utf-8?q?J=C3?= =?utf-8?q?=BCrgen?=", "Jürgen"),
        ("=?utf-8?B?SsO8?=\n =?utf-8?B?cmdlbg==?=", "Jürgen"),
        ("=?iso-8859-1?Q?J=FCrgen?= and =?gb2312?B?xOO6ww==?=", "Jürgen and 你好"),
        ("=?utf-8*de?q?J=C3=BCrgen?=", "Jürgen"),
        ("=?utf-8?b?SsO8cmdlbg?=", "Jürgen"),
        ("=?utf-8?q?two words?=", "two words"),
        ("=?us-ascii?q?J=FCrgen?=", "Jürgen"),
        ("=?no-such-charset?q?J=C3=BCrgen?=", "Jürgen"),
        ("=?zip?b?AAAA?=", ""),
        ("=?unicode_escape?q?=5Cu0041?=", "\\u0041"),
        ("=?utf-8?q?a=0D=0ABcc:_x?=", "aBcc: x"),
        ("=?utf-8?q?=E2=80=AEevil?=", "evil"),
        ("not =? an =?encoded?= word", "not =? an =?encoded?= word"),
        (b"J\xfcrgen", "Jürgen"),
        ("Jürgen", "Jürgen"),
        (b"a\x00b\x07c", "abc"),
        ("{{ 7 * 7 }} <script>alert(1)</script>", "{{ 7 * 7 }} <script>alert(1)</script>"),
    ],
)
def test_a_subject_is_decoded_whatever_wrote_it(subject: str | bytes, text: str) -> None:
    raw = subject if isinstance(subject, bytes) else subject.encode()
    assert mail(b"Subject: " + raw).subject == text


@pytest.mark.parametrize(
    ("date", "sent_at", "offset"),
    [
        ("Mon, 2 Mar 2026 10:00:00 +0530", datetime(2026, 3, 2, 4, 30, tzinfo=UTC), timedelta(hours=5, minutes=30)),
        ("2 Mar 2026 10:00:00 GMT", datetime(2026, 3, 2, 10, tzinfo=UTC), timedelta(0)),
        ("Mon, 2 Mar 2026 10:00:00 -0000", datetime(2026, 3, 2, 10, tzinfo=UTC), None),
        ("Mon, 2 Mar 2026 10:00 +0100", datetime(2026, 3, 2, 9, tzinfo=UTC), timedelta(hours=1)),
        ("Mon, 2 Mar 2026 10:00:00 +9900", datetime(2026, 3, 2, 10, tzinfo=UTC), None),
        ("Mon, 2 Mar 2026 10:00:60 +0000", datetime(2026, 3, 2, 10, 0, 59, tzinfo=UTC), timedelta(0)),
        ("Tue, 3 Mar 2026 10:00:00 +0000", datetime(2026, 3, 3, 10, tzinfo=UTC), timedelta(0)),
        ("Fri, 2 Mar 2126 10:00:00 +0000", RECEIVED, None),
        ("Thu, 1 Jan 1970 00:00:00 +0000", RECEIVED, None),
        ("Mon, 31 Feb 2026 10:00:00 +0000", RECEIVED, None),
        ("Mon, 2 Mar 2026 25:00:00 +0000", RECEIVED, None),
        ("Mon, 2 Mar 2026 10:75:00 GMT", RECEIVED, None),
        ("yesterday", RECEIVED, None),
        ("", RECEIVED, None),
        ("Mon, 2 Mar 99999999999 10:00:00 +0000", RECEIVED, None),
    ],
)
def test_an_absurd_date_gives_way_to_when_it_was_received(date: str, sent_at: datetime, offset: timedelta | None) -> None:
    fact = mail(f"Date: {date}")
    assert (fact.sent_at, fact.sent_offset) == (sent_at, offset)


def test_without_a_date_and_a_receipt_the_newest_received_field_tells() -> None:
    trace = "Received: from a (x; y)\n\tby b; Mon, 2 Mar 2026 12:00:00 +0000"
    older = "Received: from c by d; Sun, 1 Mar 2026 12:00:00 +0000"
    assert mail(trace, older, received_at=None).sent_at == RECEIVED
    assert mail(trace, older, "Date: Fri, 2 Mar 2126 10:00:00 +0000", received_at=None).sent_at == RECEIVED


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("<1@x.example>", "1@x.example"),
        ("\n <1@x.example>", "1@x.example"),
        ("<[abc]@x.example>", "[abc]@x.example"),
        ("1@x.example", "1@x.example"),
        ("< 1@x.example >", "1@x.example"),
        ("junk <1@x.example> more", "1@x.example"),
    ],
)
def test_a_message_id_is_found_in_what_clients_write(field: str, name: str) -> None:
    assert mail(f"Message-ID: {field}").message_id == name


@pytest.mark.parametrize(
    "field", ["", "Message-ID:", "Message-ID: <>", "Message-ID: none", "Message-ID: <@>", f"Message-ID: <{'x' * 5000}@y>"]
)
def test_a_missing_message_id_is_made_of_what_the_message_says_of_itself(field: str) -> None:
    lines = ("Date: Mon, 2 Mar 2026 10:00:00 +0000", "To: ada@example.org", *([field] if field else []))
    made = mail(*lines, "Subject: one").message_id
    assert made.startswith("sha256.")
    assert made.endswith("@missing.invalid")
    assert made == mail(*lines, "Subject: one", "X-Other: field").message_id
    assert made != mail(*lines, "Subject: two").message_id


def test_a_reply_names_several_parents_and_a_long_thread_keeps_both_its_ends() -> None:
    assert mail("In-Reply-To: Your message <1@x.example> and <2@x.example>, junk").in_reply_to == ("1@x.example", "2@x.example")
    references = mail("References: " + "\n ".join(f"<{n}@x.example>" for n in range(1000))).references
    assert len(references) <= 50
    assert (references[0], references[-1]) == ("0@x.example", "999@x.example")


def test_the_first_of_two_from_fields_counts_and_every_to_field() -> None:
    fact = read(
        "From: Eva <eva@x.example>", "From: Boss <boss@example.org>", "To: a@x.example", "TO: b@x.example", "to: c@x.example"
    )
    assert [address.email for address in fact.from_] == ["eva@x.example"]
    assert [address.email for address in fact.to] == ["a@x.example", "b@x.example", "c@x.example"]


def test_machine_telling_fields_are_reported_verbatim_and_not_judged() -> None:
    fact = mail(
        "Precedence: bulk", "X-Autoreply: yes", "x-google-group-id: 5", "Content-Type: text/calendar; method*0=RE; method*1=QUEST"
    )
    assert fact.precedence == "bulk"
    assert fact.bulk_headers == {"x-autoreply", "x-google-group-id"}
    assert fact.content_type == "text/calendar; method=REQUEST"
    assert read("From: <>", "Return-Path: <>", "Date: Mon, 2 Mar 2026 10:00:00 +0000").return_path == "<>"


def test_a_hundred_thousand_recipients_are_counted_and_two_hundred_kept() -> None:
    to = ",\n ".join(f"Person {n} <p{n}@x.example>" for n in range(100_000))
    began = time.perf_counter()
    fact = mail(f"To: {to}", "Cc: last@x.example")
    assert (len(fact.to), fact.recipients) == (200, 100_001)
    assert time.perf_counter() - began < 20, "seconds; linear, whatever the machine"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n\n",
        b"\x00\x01\x02" * 1000,
        b"%PDF-1.7 junk\n" * 10,
        b"X-Only: this\n\nbody",
        b"From eva Mon Mar 2\n",
        b"From: eva@x.example\nX: " + b"y" * MAX_HEADER,
    ],
    ids=["empty", "lines", "binary", "pdf", "no mail", "envelope", "50 MB and the like"],
)
def test_what_is_no_mail_has_a_reason(raw: bytes) -> None:
    with pytest.raises(Unreadable) as raised:
        parse_header(raw, remote_id="1", received_at=RECEIVED)
    assert str(raised.value)


HOSTILE = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.tuples(
            st.sampled_from(
                ["From", "To", "Cc", "Date", "Subject", "Message-ID", "References", "In-Reply-To", "Content-Type", "Sender"]
            ),
            st.one_of(
                st.binary(max_size=60),
                st.text(alphabet='<>@,;:"()\\= ?abcQq_\n\t', max_size=60).map(str.encode),
                st.text(alphabet="=?utf-8qbBQ_ +/\n", max_size=60).map(str.encode),
            ),
        ),
        max_size=8,
    ).map(lambda fields: b"\n".join(name.encode() + b": " + value for name, value in fields)),
)


@settings(max_examples=400, deadline=None)
@given(HOSTILE)
def test_any_bytes_give_facts_or_a_reason_and_never_a_control_character(raw: bytes) -> None:
    try:
        fact = parse_header(raw, remote_id="1", received_at=RECEIVED)
    except Unreadable:
        return
    texts = [fact.subject, fact.message_id, *fact.in_reply_to, *fact.references, fact.content_type, fact.list_id]
    texts += [text for a in (*fact.from_, *fact.to, *fact.cc) for text in (a.name, a.email)]
    assert not any(character < " " or character == "\x7f" for text in texts for character in text)
    assert fact.sent_at.tzinfo is UTC
    assert fact.sent_at <= RECEIVED + timedelta(days=1)
    assert all(a.email.count("@") >= 1 and " " not in a.email.split('"')[-1] for a in (*fact.from_, *fact.to, *fact.cc))
    assert fact.message_id


@pytest.mark.parametrize(
    ("value", "expected"),
    [("urn:content-classes:message", frozenset()), ("urn:content-classes:calendarmessage", frozenset({"content-class"}))],
)
def test_exchange_names_every_mails_class_and_only_its_calendars_is_a_machines(value: str, expected: frozenset[str]) -> None:
    raw = f"From: Eva <eva@firm.example>\r\nDate: Tue, 17 Nov 2026 10:00:00 +0100\r\nContent-Class: {value}\r\n\r\n".encode()
    assert parse_header(raw, remote_id="1").bulk_headers == expected


@pytest.mark.parametrize("other", ["", " <é@x.example>"])
def test_an_id_with_a_control_character_in_it_is_none_whatever_stands_beside_it(other: str) -> None:
    raw = f"From: a@x.example\nMessage-ID: <1@x.example>\nIn-Reply-To: <a\0b@x.example> <c@x.example>{other}\n".encode()
    assert parse_header(raw, remote_id="1").in_reply_to[:1] == ("c@x.example",)
