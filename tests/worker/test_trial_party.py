"""Mails between the same people are counted together, and come to what each by itself would have come to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.glance import glance
from connectors.mime import parse_header
from rules.people import OwnerKeys
from worker.trial_mail import Letters
from worker.trial_party import Acquaintance

NOW = datetime(2026, 11, 17, tzinfo=UTC)
OWNER = OwnerKeys(keys=frozenset({"ada@own.example"}))
PEOPLE = ("Ada <ada@own.example>", "Eva Muster <eva@x.example>", "eva@x.example", "Bo <bo@y.example>", "no-reply@bot.example")
SUBJECTS = ("Hello", "Accepted: Talk", "Invitation: Talk @ Monday")
LETTER = st.tuples(
    st.sampled_from(PEOPLE),
    st.lists(st.sampled_from(PEOPLE), max_size=4).map(", ".join),
    st.sampled_from(SUBJECTS),
    st.integers(-3, 200),
    st.sampled_from(("", "List-Id: <talk.x.example>\n", "Auto-Submitted: auto-generated\n")),
)


def header(number: int, letter: tuple[str, str, str, int, str]) -> bytes:
    sender, to, subject, days, more = letter
    sent = f"{NOW - timedelta(days=days):%a, %d %b %Y %H:%M:%S} +0100"
    return f"From: {sender}\nTo: {to}\nDate: {sent}\nSubject: {subject}\nMessage-ID: <{number}@x.example>\n{more}".encode()


def told(letters: Letters) -> list[Acquaintance]:
    letters.close()
    return list(letters.addresses.values())


@settings(max_examples=150, deadline=None)
@given(st.lists(LETTER, max_size=6), st.integers(1, 4))
def test_mails_counted_together_come_to_what_each_comes_to(letters: list[tuple[str, str, str, int, str]], times: int) -> None:
    together, alone = Letters(OWNER, NOW), Letters(OWNER, NOW)
    for number, letter in enumerate(letters * times):
        raw = header(number, letter)
        assert together.add(glance(raw, remote_id="", labels=frozenset(), received_at=None, size=None, thread_id=""))
        assert alone.add(parse_header(raw, remote_id=""))  # read in full it shares nothing
    assert told(together) == told(alone)


@given(st.lists(st.integers(0, 2**21), unique=True).map(sorted))
def test_interactions_far_apart_are_told_by_their_numbers(numbers: list[int]) -> None:
    known = Acquaintance("eva@x.example")
    for number in numbers:
        known.touch(number)
    assert known.rows().tolist() == numbers
