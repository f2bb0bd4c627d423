"""A glance at a header shows the same people, signs and times as reading all of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.glance import Glance, glance
from connectors.mime import FIELDS, Unreadable, parse_header
from rules.facts import MessageMetadata
from rules.people import OwnerKeys, Side, addressed, observe
from rules.signals import list_addresses

OWNER = OwnerKeys(keys=frozenset({"ada@own.example"}))
NOW = datetime(2026, 11, 17, tzinfo=UTC)

PEOPLE = (
    "Ada Owner <ada@own.example>", "eva@x.example", '"Muster, Bo" <Bo@Y.example>', "=?utf-8?q?Zo=C3=AB?= <zoe@x.example>", "<>", "nobody",
    "talk@lists.example", "no-reply@bot.example", "Eva via Talk <talk@lists.example>", "a@x.example,\n\tb@x.example,\n c@x.example", "",
)  # fmt: skip
VALUES: dict[str, tuple[str, ...]] = {
    "Date": ("Mon, 16 Nov 2026 10:00:00 +0100", "Mon, 16 Nov 2026 10:00:00 -0000", "Thu, 1 Jan 1970 00:00:00 +0000", "long ago", ""),
    "Subject": ("Hello", "Re: Hello", "Accepted: Talk", "Invitation: Talk @ Monday", "=?utf-8?q?Accepted:_Talk?=", "Accepted: ", ""),
    "Message-ID": ("<1@x.example>", "<2@x.example>  ", "<a b@x.example>", "3@x.example", "<>", ""),
    "In-Reply-To": ("<1@x.example>", "your mail of Monday", "<a@b> <c@d>", ""),
    "References": ("<0@x.example>\n <1@x.example>", ""),
    "List-Id": ("Talk <talk.lists.example>", "talk.lists.example", ""),
    "List-Post": ("<mailto:talk@lists.example>", "NO", ""),
    "List-Unsubscribe": ("<https://x.example/u/1>", "<https://x.example/u/2>", "mailto:u@x.example", " ", "\u200b", ""),
    "Precedence": ("list", "bulk", "auto_reply", "first-class", ""),
    "Auto-Submitted": ("auto-generated", "auto-replied", "no", ""),
    "X-Auto-Response-Suppress": ("All", "None", ""),
    "Return-Path": ("<>", " <> ", "<b-1@x.example>", "<b-2@x.example>", "<\u200b>", "b@x.example", ""),
    "Feedback-ID": ("1:2:x", "=?utf-8?q??=", " ", ""),
    "Content-Type": (
        "text/plain", "TEXT/PLAIN; charset=x", "multipart/mixed; boundary=1", "multipart/report; report-type=disposition-notification",
        "multipart/report; report-type=delivery-status", "text/calendar; method*0=REQ; method*1=UEST", "text/plain*; x*=utf-8''y", "",
    ),
    "Content-Class": ("urn:content-classes:calendarmessage", "urn:content-classes:message", ""),
}  # fmt: skip
ADDRESSES = frozenset({"From", "Sender", "Reply-To", "To", "Cc", "Bcc"})


def field(name: str) -> st.SearchStrategy[tuple[str, str]]:
    values = PEOPLE if name in ADDRESSES else VALUES.get(name, ("1", "2", ""))
    spelled = st.sampled_from((name, name, name.lower(), name.upper()))
    return st.tuples(spelled, st.sampled_from(values))


ANY = st.sampled_from((*FIELDS, "X-Mailer", "MIME-Version")).flatmap(field)
USUAL = st.tuples(*(field(name) for name in ("From", "To", "Date", "Subject", "Message-ID")))


@st.composite
def headers(draw: st.DrawFn) -> bytes:
    fields = draw(st.permutations([*(draw(USUAL) if draw(st.booleans()) else ()), *draw(st.lists(ANY, max_size=8))]))
    end, body = draw(st.sampled_from(("\n", "\r\n"))), draw(st.sampled_from(("", "\n", "\n\nTo: eva@x.example\n")))
    text = "".join(f"{name}:{draw(st.sampled_from((' ', '', '  ')))}{value}\n" for name, value in fields) + body
    return text.replace("\n", end).encode()


def read_twice(raw: bytes, labels: frozenset[str]) -> tuple[Glance, MessageMetadata] | str:
    """Look at a header in both ways; where it cannot be read, return the reason both give."""
    given_ = {"remote_id": "1", "labels": labels, "received_at": NOW, "size": 1, "thread_id": ""}
    try:
        whole = parse_header(raw, **given_)  # type: ignore[arg-type]  # of several kinds
    except Unreadable as error:
        with pytest.raises(Unreadable, match=str(error)):
            glance(raw, **given_)  # type: ignore[arg-type]
        return str(error)
    return glance(raw, **given_), whole  # type: ignore[arg-type]


@settings(max_examples=600, deadline=None)
@given(
    headers(), st.sampled_from((frozenset[str](), frozenset({"\\Sent"}), frozenset({"\\Junk"}), frozenset({"CATEGORY_PROMOTIONS"})))
)
def test_a_glance_shows_what_the_whole_header_shows(raw: bytes, labels: frozenset[str]) -> None:
    found = read_twice(raw, labels)
    if isinstance(found, str):
        return
    seen, whole = found
    facts = seen.envelope.facts
    side = Side(replace(facts, subject=seen.subject or facts.subject), OWNER)
    route = seen.route
    assert addressed(side, route.to, route.cc, route.bcc, route.recipients, OWNER) == observe(whole, OWNER)
    offset = None if seen.offset is None else timedelta(seconds=seen.offset)
    assert (seen.message_id, seen.sent_at, offset) == (whole.message_id, whole.sent_at, whole.sent_offset)
    assert seen.in_reply_to == next(iter(whole.in_reply_to), "")
    assert (facts.is_sent, facts.is_draft, facts.from_[:1]) == (whole.is_sent, whole.is_draft, whole.from_[:1])
    assert list_addresses(facts) == list_addresses(whole)
    assert (seen.subject, seen.thread_id, seen.references()) == (whole.subject, whole.thread_id, whole.references)


def test_newsletters_that_differ_in_their_tokens_come_in_one_envelope() -> None:
    issues = [
        f"Return-Path: <b-{n}@x.example>\nFrom: Weekly <w@x.example>\nTo: ada@own.example\nDate: {n} Nov 2026 10:00:00 +0000\n"
        f"Subject: Issue {n}\nMessage-ID: <{n}@x.example>\nList-Unsubscribe: <https://x.example/{n}>\n"
        f"Feedback-ID: {n}:x\nX-Campaign-Id: {n}\nContent-Type: multipart/mixed; boundary={n}\n".encode()
        for n in (1, 2)
    ]
    one, other = (
        glance(issue, remote_id="", labels=frozenset(), received_at=None, size=None, thread_id="").envelope for issue in issues
    )
    assert one is other
    assert one.is_shared


def test_of_a_long_chain_of_references_both_ends_are_kept() -> None:
    chain = " ".join(f"<{number}@x.example>" for number in range(4000))
    raw = f"From: eva@x.example\nTo: ada@own.example\nDate: 1 Nov 2026 10:00:00 +0000\nMessage-ID: <1@x.example>\nReferences: {chain}\n"
    found = read_twice(raw.encode(), frozenset())
    assert not isinstance(found, str)
    seen, whole = found
    assert seen.references() == whole.references
    assert len(seen.chain) == len(whole.references) < 100
