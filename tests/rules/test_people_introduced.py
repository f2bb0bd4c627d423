"""Introductions and dead addresses read from mail: golden cases."""

# ruff: noqa: ANN401 -- builders pass on any field of a fact
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from typing import Any

import pytest

from rules.endings import dead_address, is_delivery_failure
from rules.facts import Address, MessageMetadata
from rules.introductions import Introduction, introduced_by, introduction
from rules.people import OwnerKeys

ME = "Olivia Ost <olivia@own.example>"
ANNA = "Anna Berg <anna@acme.example>"
BEN = "Ben Cole <ben@cole.example>"
CY = "Cy Dahl <cy@dahl.example>"
OWNER = OwnerKeys(keys=frozenset({"olivia@own.example"}))
AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)
REPORT = "multipart/report; boundary=x; report-type=delivery-status"


def who(text: str) -> Address:
    name, email = parseaddr(text)
    return Address(email=email, name=name)


def mail(author: str, *to: str, **more: Any) -> MessageMetadata:
    kept: dict[str, Any] = {
        "remote_id": "1",
        "message_id": "m1",
        "sent_at": AT,
        "from_": (who(author),),
        "to": tuple(who(text) for text in to),
        "recipients": len(to),
    }
    return MessageMetadata(**(kept | more))


@pytest.mark.parametrize(
    "subject",
    [
        "Intro: Ben <> Olivia",
        "Ben Cole<->Olivia",
        "Olivia, meet Ben",
        "Introduction",
        "Quick intro",
        "Introducing Ben",
        "Vorstellung Ben Cole",
    ],
)
def test_a_first_mail_to_both_that_says_so_is_an_introduction(subject: str) -> None:
    found = introduction(mail(ANNA, ME, BEN, subject=subject), OWNER)
    assert found == Introduction(
        message_id="m1", at=AT, introducer="anna@acme.example", introduced=("ben@cole.example",), is_made_by_owner=False
    )


def test_an_introduction_the_owner_made_names_both() -> None:
    found = introduction(mail(ME, ANNA, BEN, subject="Anna <> Ben"), OWNER)
    assert found is not None
    assert found.is_made_by_owner
    assert found.introduced == ("anna@acme.example", "ben@cole.example")
    assert introduction(mail(ME, ANNA, subject="Anna <> Ben"), OWNER) is None


@pytest.mark.parametrize(
    "message",
    [
        mail(ANNA, ME, BEN, subject="Roadmap"),
        mail(ANNA, ME, BEN, subject="Introduction to category theory"),
        mail(ANNA, ME, BEN, subject="We meet on Monday"),
        mail(ANNA, ME, BEN, subject="Re: Ben <> Olivia", in_reply_to=("x",)),
        mail(ANNA, ME, BEN, subject="Ben <> Olivia", references=("x",)),
        mail(ANNA, ME, BEN, subject="Ben <> Olivia", list_id="<dev.lists.example>"),
        mail(ANNA, ME, BEN, subject="Ben <> Olivia", auto_submitted="auto-generated"),
        mail(ANNA, ME, subject="Ben <> Olivia"),
        mail(ANNA, BEN, subject="Ben <> Olivia"),
        mail(ANNA, ME, BEN, CY, "d@x.example", "e@x.example", subject="Ben <> Olivia"),
        mail(ANNA, ME, BEN, subject="Ben <> Olivia", recipients=40),
    ],
)
def test_what_is_in_doubt_is_no_introduction(message: MessageMetadata) -> None:
    assert introduction(message, OWNER) is None


def test_an_introduction_counts_only_where_the_history_bears_it_out() -> None:
    found = introduction(mail(ANNA, ME, BEN, subject="Ben <> Olivia"), OWNER)
    assert found is not None
    later = Introduction(
        message_id="m2", at=AT + DAY, introducer="cy@dahl.example", introduced=("ben@cole.example",), is_made_by_owner=False
    )
    since = {"anna@acme.example": AT - 90 * DAY, "cy@dahl.example": AT - 90 * DAY}.get
    nobody: dict[str, datetime] = {}
    ben = {"ben@cole.example"}
    assert introduced_by(ben, AT + DAY, [later, found], since) == found
    assert introduced_by(ben, None, [found], since) == found
    assert introduced_by(ben, AT - 2 * DAY, [found], since) is None
    assert introduced_by(ben, AT, [found], {"anna@acme.example": AT}.get) is None
    assert introduced_by(ben, AT, [found], nobody.get) is None
    assert introduced_by({"cy@dahl.example"}, AT, [found], since) is None
    assert introduced_by({"ben@cole.example", "anna@acme.example"}, AT, [found], since) is None
    made = introduction(mail(ME, ANNA, BEN, subject="Anna <> Ben"), OWNER)
    assert made is not None
    assert introduced_by(ben, AT, [made], {"olivia@own.example": AT - DAY}.get) is None


def bounce(**more: Any) -> MessageMetadata:
    return mail(
        "mailer-daemon@mx.example", ME, **({"content_type": REPORT, "subject": "Undelivered Mail Returned to Sender"} | more)
    )


def test_a_bounce_for_good_kills_the_only_address_the_owner_wrote_to() -> None:
    assert is_delivery_failure(bounce())
    assert dead_address(bounce(), mail(ME, ANNA), OWNER) == "anna@acme.example"
    assert dead_address(bounce(), mail(ME, ANNA, BEN), OWNER) == ""
    assert dead_address(bounce(), mail(ME, ANNA, recipients=300), OWNER) == ""
    assert dead_address(bounce(), mail(BEN, ANNA), OWNER) == ""
    assert dead_address(bounce(), None, OWNER) == ""


@pytest.mark.parametrize(
    "message",
    [
        bounce(subject="Delivery Status Notification (Delay)"),
        bounce(subject="Warning: could not send message for past 4 hours"),
        bounce(content_type="multipart/report; report-type=disposition-notification"),
        bounce(content_type="text/plain"),
    ],
)
def test_a_delay_or_a_receipt_kills_no_address(message: MessageMetadata) -> None:
    assert dead_address(message, mail(ME, ANNA), OWNER) == ""


def test_an_automatic_answer_that_somebody_has_left_kills_their_address() -> None:
    left = mail(ANNA, ME, subject="Automatic reply: Anna Berg is no longer with Acme", auto_submitted="auto-replied")
    assert dead_address(left, None, OWNER) == "anna@acme.example"
    assert dead_address(mail(ANNA, ME, subject="Anna has left the company"), None, OWNER) == ""
    away = mail(ANNA, ME, subject="Out of office", auto_submitted="auto-replied")
    assert dead_address(away, None, OWNER) == ""
    mine = mail(ME, ANNA, subject="I am no longer with Own", auto_submitted="auto-replied")
    assert dead_address(mine, None, OWNER) == ""
