"""What is left of old subjects, and that the rules read the same from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.facts import Address, MessageMetadata
from rules.introductions import introduction
from rules.people import OwnerKeys, observe
from rules.signals import signals
from rules.subjects import reduced

ME = Address(email="ada@corp.example")
ANNA = Address(email="anna@acme.example", name="Anna Berg")
BEN = Address(email="ben@cole.example", name="Ben Cole")
OWNER = OwnerKeys(keys=frozenset({"ada@corp.example"}))


def mail(subject: str, *to: Address) -> MessageMetadata:
    return MessageMetadata(
        remote_id="1",
        message_id="1",
        sent_at=datetime(2026, 1, 1, tzinfo=UTC),
        from_=(ANNA,),
        to=to,
        subject=subject,
        recipients=len(to),
    )


@pytest.mark.parametrize(
    ("subject", "left"),
    [
        ("The salary of Ben", ""),
        ("Re: the salary of Ben", ""),
        ("Accepted: the salary of Ben", "Accepted:"),
        ("Invitation: the salary of Ben @ Mon 1 Jan", "Invitation: @ "),
        ("Ben <> Ada", "Ben <> Ada"),
    ],
)
def test_of_a_subject_only_what_rules_need_is_left(subject: str, left: str) -> None:
    assert reduced(mail(subject, ME, BEN), OWNER) == left


@given(st.sampled_from(["", "Re", "Accepted", "Invitation", "Intro", "Zugesagt"]), st.text(max_size=20), st.booleans())
def test_rules_read_the_same_from_what_is_left(prefix: str, rest: str, is_both: bool) -> None:
    whole = mail(f"{prefix}: {rest}", *([ME, BEN] if is_both else [ME]))
    short = replace(whole, subject=reduced(whole, OWNER))
    assert signals(short) == signals(whole)
    assert introduction(short, OWNER) == introduction(whole, OWNER)
    assert observe(short, OWNER) == observe(whole, OWNER)
    assert reduced(short, OWNER) == short.subject
