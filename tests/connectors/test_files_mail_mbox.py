"""Every dialect of mbox gives every message once, and no word of a body."""

from __future__ import annotations

import gzip
import io
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.files import mbox
from connectors.files.mail import FilesMailbox
from connectors.files.reading import mbox_messages
from connectors.mime import MAX_HEADER
from connectors.port import Skipped
from rules.facts import MessageMetadata
from tests.connectors.contract import pages_of

CANARY = b"zirkonfalter"
FROM = b"From eva@x.example Mon Mar  2 10:00:00 2026\n"
BODIES = (
    CANARY + b" is all\n",
    b"",
    b"From here on it is " + CANARY + b"\n\nFrom: " + CANARY + b"@x.example\n",
    b"\nFrom the desk of " + CANARY + b" at 10:30 in 2026, with regards\nno header follows\n",
    b">From quoted by the writer\n\n>>From " + CANARY + b"\n",
    b"line\n" * 500,
    b"a\x00b\xff" + CANARY + b"\n\n\n\n",
)


def head(number: int) -> bytes:
    return b"From: eva@x.example\nDate: Mon, 2 Mar 2026 10:00:00 +0000\nMessage-ID: <%d@x.example>\nSubject: s%d\n" % (
        number,
        number,
    )


def quoted(body: bytes, *, rd: bool) -> bytes:
    lines = body.split(b"\n")
    return b"\n".join(b">" + line if (line.lstrip(b">") if rd else line).startswith(b"From ") else line for line in lines)


def mboxo(number: int, body: bytes) -> bytes:
    return FROM + head(number) + b"\n" + quoted(body, rd=False) + b"\n"


def mboxrd(number: int, body: bytes) -> bytes:
    return FROM + head(number) + b"\n" + quoted(body, rd=True) + b"\n"


def mboxcl(number: int, body: bytes) -> bytes:
    body = quoted(body, rd=False)
    return FROM + head(number) + b"Content-Length: %d\n\n" % len(body) + body + b"\n"


def mboxcl2(number: int, body: bytes) -> bytes:
    return FROM + head(number) + b"Content-Length: %d\n\n" % len(body) + body + b"\n"


def takeout(number: int, body: bytes) -> bytes:
    start = b"From 17%d@xxx Mon Mar 02 10:00:00 +0000 2026\nX-GM-THRID: 17%d\nX-Gmail-Labels: Inbox,Unread\n" % (number, number)
    return start + head(number) + b"\n" + quoted(body, rd=True) + b"\n"


def thunderbird(number: int, body: bytes) -> bytes:
    return b"From - Mon Mar  2 10:00:00 2026\nX-Mozilla-Status: 0001\n" + head(number) + b"\n" + quoted(body, rd=False) + b"\n"


def without_blank_lines(number: int, body: bytes) -> bytes:
    return FROM + head(number) + b"\n" + quoted(body, rd=True).rstrip(b"\n") + b"\n"


def dateless(number: int, body: bytes) -> bytes:
    return b"From eva@x.example\n" + head(number) + b"\n" + quoted(body, rd=True) + b"\n"


DIALECTS = (mboxo, mboxrd, mboxcl, mboxcl2, takeout, thunderbird, without_blank_lines, dateless)


def read(raw: bytes) -> list[MessageMetadata | Skipped]:
    return [found for found, _ in mbox_messages(io.BytesIO(raw), prefix="", labels=frozenset())]


def names(raw: bytes) -> list[str]:
    return [found.message_id if isinstance(found, MessageMetadata) else found.reason for found in read(raw)]


@pytest.mark.parametrize("line_ends", ["LF", "CRLF"])
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.__name__)
def test_a_dialect_gives_every_message_once(dialect: object, line_ends: str) -> None:
    assert callable(dialect)
    raw = b"".join(dialect(number, body) for number, body in enumerate(BODIES))
    if line_ends == "CRLF":
        if dialect in {mboxcl, mboxcl2}:
            raw = b"".join(
                dialect(number, body.replace(b"\n", b"\r\n")).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
                for number, body in enumerate(BODIES)
            )
        else:
            raw = raw.replace(b"\n", b"\r\n")
    for text in (raw, raw.rstrip(b"\r\n"), b"\n\n" + raw, b"\xef\xbb\xbf" + raw):
        assert names(text) == [f"{number}@x.example" for number in range(len(BODIES))]
        assert CANARY.decode() not in repr(read(text))


@pytest.mark.parametrize("chunk", [7, 64, 257, 1000, 4096])
@pytest.mark.parametrize("dialect", [mboxrd, mboxcl2, takeout])
def test_where_a_read_happens_to_end_makes_no_difference(dialect: object, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert callable(dialect)
    raw = b"".join(dialect(number, body) for number, body in enumerate(BODIES * 3))
    monkeypatch.setattr(mbox, "CHUNK", chunk)
    assert names(raw) == [f"{number}@x.example" for number in range(3 * len(BODIES))]


def test_a_wrong_content_length_swallows_nobody() -> None:
    for length in (0, 3, 10**6, 10**17):
        messages = [FROM + head(number) + b"Content-Length: %d\n\nbody\n\n" % length for number in range(3)]
        assert names(b"".join(messages)) == ["0@x.example", "1@x.example", "2@x.example"]


def test_a_content_length_a_sender_made_up_hides_no_later_message() -> None:
    hidden = mboxrd(1, b"x\n")
    liar = FROM + head(0) + b"Content-Length: %d\n\nbody\n\n" % (len(b"body\n\n") + len(hidden) - 1)
    wrong = FROM + head(9) + b"Content-Length: 1\n\nlonger than that\n\n"
    for first in (mboxrd(9, b"honest\n"), wrong):
        assert names(first + liar + hidden + mboxrd(2, b"y\n")) == [f"{n}@x.example" for n in (9, 0, 1, 2)]


def test_reading_can_go_on_from_every_message() -> None:
    raw = b"".join(mboxrd(number, body) for number, body in enumerate(BODIES))
    ends = [end for _, end in mbox_messages(io.BytesIO(raw), prefix="", labels=frozenset())]
    for number, end in enumerate(ends):
        stream = io.BytesIO(raw)
        stream.seek(end - mbox.CONTEXT)
        rest = [found for found, _ in mbox_messages(stream, prefix="", labels=frozenset(), start=end - mbox.CONTEXT)]
        assert [found.message_id for found in rest if isinstance(found, MessageMetadata)] == [
            f"{n}@x.example" for n in range(number + 1, len(BODIES))
        ]


def test_a_header_of_fifty_megabytes_is_skipped_with_its_reason_and_its_neighbours_are_read() -> None:
    huge = FROM + b"From: e@x.example\nX-Junk: " + b"a" * (50 << 20) + b"\n\nbody\n\n"
    found = read(mboxrd(0, b"x\n") + huge + mboxrd(1, b"y\n"))
    assert [type(one).__name__ for one in found] == ["MessageMetadata", "Skipped", "MessageMetadata"]
    assert isinstance(found[1], Skipped)
    assert f"{MAX_HEADER >> 20} MB" in found[1].reason


def test_binary_junk_between_messages_is_part_of_a_body() -> None:
    junk = random.Random(3).randbytes(3 << 20)
    assert names(mboxrd(0, junk) + mboxrd(1, b"")) == ["0@x.example", "1@x.example"]


def test_labels_of_gmail_are_read_where_the_export_puts_them_and_not_where_a_sender_does() -> None:
    labels = "=?UTF-8?Q?Gesendet,Ge=C3=B6ffnet,Kategorie:_Werbung,Kunden/Sent?="
    ours = (
        f"From 1@xxx Mon Mar 02 10:00:00 +0000 2026\nX-GM-THRID: 1789\nX-Gmail-Labels: {labels}\n".encode() + head(0) + b"\nx\n\n"
    )
    forged = FROM + head(1) + b"X-Gmail-Labels: Sent\n\nx\n\n"
    one, other = read(ours + forged)
    assert isinstance(one, MessageMetadata)
    assert isinstance(other, MessageMetadata)
    assert one.labels == {"\\Sent", "Geöffnet", "CATEGORY_PROMOTIONS", "Kunden/Sent"}
    assert one.thread_id == "1789"
    assert other.labels == frozenset()


@pytest.mark.parametrize(
    ("name", "role"), [("Sent", "\\Sent"), ("Gesendete Objekte.mbox", "\\Sent"), ("Papierkorb", "\\Trash"), ("Projects", "")]
)
def test_a_folder_is_known_by_its_name_in_the_owners_language(tmp_path: Path, name: str, role: str) -> None:
    (tmp_path / name).write_bytes(mboxrd(0, b"x\n"))
    mailbox = FilesMailbox(paths=[tmp_path], out=None)
    (feed,) = mailbox.feeds()
    assert feed.role == role
    (page,) = pages_of(mailbox, feed)
    assert page.upserted[0].labels == frozenset({role} - {""})  # type: ignore[union-attr]  # mail


def test_a_packed_mbox_reads_like_the_plain_one_and_a_damaged_end_keeps_what_was_before(tmp_path: Path) -> None:
    raw = b"".join(mboxrd(number, random.Random(number).randbytes(100_000).replace(b"\n", b"")) for number in range(8))
    path = tmp_path / "a.mbox.gz"
    path.write_bytes(gzip.compress(raw))
    mailbox = FilesMailbox(paths=[path], out=None)
    (feed,) = mailbox.feeds()
    whole = [fact for page in pages_of(mailbox, feed) for fact in page.upserted]
    assert len(whole) == 8
    path.write_bytes(gzip.compress(raw)[: len(gzip.compress(raw)) // 2])
    pages = pages_of(mailbox, feed)
    assert 0 < len([fact for page in pages for fact in page.upserted]) < 8
    assert next(skip.reason for page in pages for skip in page.skipped).startswith("the rest of the file is damaged")
    assert pages[-1].is_last


LINE = st.sampled_from(
    [b"", b"From ", b"From x Mon Mar  2 10:00:00 2026", b">From y", b"Subject: " + CANARY, b"text", b"From: z", b"\r"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(LINE, max_size=6), min_size=1, max_size=5), st.sampled_from([b"\n", b"\r\n"]))
def test_any_quoted_bodies_give_as_many_messages_as_there_are(bodies: list[list[bytes]], end: bytes) -> None:
    raw = b"".join(mboxrd(number, b"\n".join(lines) + b"\n") for number, lines in enumerate(bodies))
    assert names(raw.replace(b"\n", end)) == [f"{number}@x.example" for number in range(len(bodies))]
