"""A composed draft is a message any system takes, says nothing of who made it, and cannot be broken out of."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.compose import compose
from connectors.mime import parse_header
from connectors.port import Rejected
from rules.facts import Address
from tests.connectors.contract import EVA, a_draft

DRAFT = a_draft()
KNOWN = {
    "date",
    "from",
    "to",
    "cc",
    "subject",
    "message-id",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
}


def parsed(raw: bytes) -> email.message.EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, email.message.EmailMessage)
    return message


def test_a_draft_is_a_complete_message_and_the_same_every_time() -> None:
    draft = replace(DRAFT, html="<p>Grüße</p>", text="Grüße,\n.\nFrom me\n" + "long " * 300, cc=(EVA,))
    message = parsed(compose(draft))
    assert compose(draft) == compose(draft)
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n") == draft.text + "\n"
    assert html.get_content().replace("\r\n", "\n") == "<p>Grüße</p>\n"
    assert message["Message-ID"] == f"<{draft.message_id}>"
    assert not message.defects


def test_nothing_in_it_shows_a_recipient_where_it_came_from() -> None:
    message = parsed(compose(replace(DRAFT, in_reply_to="1@x.example", references=("0@x.example", "1@x.example"), html="<p>x</p>")))
    assert {name.lower() for name in message.keys()} <= KNOWN  # noqa: SIM118 - a message is no dict
    assert "rekindle" not in compose(DRAFT).decode().lower()


def test_a_reply_names_its_thread_even_with_the_longest_ids() -> None:
    long = "x" * 200 + "@x.example"
    fact = parse_header(compose(replace(DRAFT, in_reply_to=long, references=("0@x.example", long))), remote_id="")
    assert fact.in_reply_to == (long,)
    assert fact.references == ("0@x.example", long)


BREAKS = ("\r\nBcc: all@x.example", "\nX: y", "\r", "\x00", "\u2028Bcc: x", "\x85", "\x0b")


@pytest.mark.parametrize("smuggled", BREAKS)
@pytest.mark.parametrize("field", ["subject", "message_id", "in_reply_to", "references", "name", "address", "from"])
def test_a_line_break_in_a_field_is_refused_and_says_why(field: str, smuggled: str) -> None:
    bad = {
        "subject": replace(DRAFT, subject=f"Hi{smuggled}"),
        "message_id": replace(DRAFT, message_id=f"1{smuggled}@x.example"),
        "in_reply_to": replace(DRAFT, in_reply_to=f"1{smuggled}@x.example"),
        "references": replace(DRAFT, references=(f"1{smuggled}@x.example",)),
        "name": replace(DRAFT, to=(replace(EVA, name=f"Eva{smuggled}"),)),
        "address": replace(DRAFT, to=(Address(email=f"eva{smuggled}@x.example"),)),
        "from": replace(DRAFT, from_=Address(email="ada@example.org", name=f"Ada{smuggled}")),
    }[field]
    with pytest.raises(Rejected) as raised:
        compose(bad)
    assert "Bcc" not in str(raised.value)
    assert raised.value.remedy


@pytest.mark.parametrize(
    "bad",
    ["", "eva", "eva@", "@x.example", "eva@x.example, bo@x.example", "eva x@y.example", "łukasz@x.example", "<eva@x.example>,"],
)
def test_an_address_that_is_none_or_not_for_everyone_is_refused(bad: str) -> None:
    with pytest.raises(Rejected):
        compose(replace(DRAFT, to=(Address(email=bad),)))


def test_a_draft_to_nobody_is_refused() -> None:
    with pytest.raises(Rejected):
        compose(replace(DRAFT, to=()))


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=400))
def test_any_text_arrives_as_it_was_written(text: str) -> None:
    message = parsed(compose(replace(DRAFT, text=text)))
    want = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    payload = message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload.decode().replace("\r\n", "\n").rstrip("\n") == want
    raw = compose(replace(DRAFT, text=text))
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
