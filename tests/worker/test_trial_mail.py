"""What a trial keeps in a few bytes tells the same as what rules make of whole messages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.facts import Address, MessageMetadata
from rules.interactions import MailRow, MeetingRow, contacts_of
from rules.people import OwnerKeys
from worker.trial_diary import Diary
from worker.trial_mail import Letters, Seen

NOW = datetime(2026, 11, 17, tzinfo=UTC)
OWNER = OwnerKeys(keys=frozenset({"ada@own.example"}))
ADA, EVA = Address(email="ada@own.example"), Address(email="eva@x.example")

LETTER = st.tuples(st.integers(0, 30), st.booleans(), st.integers(-2, 900), st.integers(0, 30), st.integers(1, 4))


def message(number: int, *, is_out: bool, days: int, parent: int, others: int) -> MessageMetadata:
    to = (EVA if is_out else ADA, *(Address(email=f"o{n}@y.example") for n in range(others - 1)))
    return MessageMetadata(
        remote_id=str(number),
        message_id=f"{number}@x.example",
        sent_at=NOW - timedelta(days=days),
        from_=(ADA if is_out else EVA,),
        to=to,
        recipients=len(to),
        in_reply_to=(f"{parent}@x.example",),
    )


@settings(max_examples=150, deadline=None)
@given(
    st.lists(LETTER, max_size=25, unique_by=lambda one: one[0]),
    st.lists(st.tuples(st.integers(1, 800), st.integers(2, 30)), max_size=5),
)
def test_contacts_are_those_the_rules_make_of_the_same_mail_and_meetings(
    letters: list[tuple[int, bool, int, int, int]], meetings: list[tuple[int, int]]
) -> None:
    kept = Letters(OWNER, NOW)
    rows = []
    for number, is_out, days, parent, others in letters:
        fact = message(number, is_out=is_out, days=days, parent=parent, others=others)
        assert kept.add(fact)
        assert not kept.add(fact)
        rows.append(
            MailRow(
                message_id=fact.message_id,
                at=fact.sent_at,
                direction="out" if is_out else "in",
                recipients=fact.recipients,
                in_reply_to=fact.in_reply_to[0],
            )
        )
    met = [
        MeetingRow(
            uid=str(n), original_start="", start=NOW - timedelta(days=days, hours=1), end=NOW - timedelta(days=days), size=size
        )
        for n, (days, size) in enumerate(meetings)
    ]
    diary = kept.contacts(("eva@x.example",), met)
    assert sorted(map(repr, diary)) == sorted(map(repr, contacts_of(rows, met, NOW)))
    assert [contact.at for contact in diary] == sorted(contact.at for contact in diary)
    assert diary.first() == (diary[0].at if diary else None)
    assert diary.last() == (diary[-1].at if diary else None)
    assert diary.last("out") == max((contact.at for contact in diary if contact.direction == "out"), default=None)
    kept.settle([("eva@x.example",)])
    assert list(kept.contacts(("eva@x.example",), met)) == list(diary)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-(2**53), 2**53 - 1), max_size=300))
def test_seen_is_a_set(names: list[int]) -> None:
    seen, known = Seen(), set[int]()
    for name in [*names, *names]:
        assert seen.add(name) is (name not in known)
        known.add(name)


def test_seen_keeps_a_million_names() -> None:
    seen = Seen()
    names = [(n * 0x9E3779B97F4A7C15) % 2**54 for n in range(1, 300_000)]
    assert all(seen.add(name) for name in names)
    assert not any(seen.add(name) for name in names)


def test_a_diary_can_be_read_again_after_others_were() -> None:
    kept = Letters(OWNER, NOW)
    for number in range(40):
        kept.add(message(number, is_out=number % 2 == 0, days=number, parent=0, others=1))
    diaries: list[Diary] = [kept.contacts(("eva@x.example",), ()) for _ in range(3)]
    first = [list(diary) for diary in diaries]
    assert [list(diary) for diary in reversed(diaries)] == first
    assert diaries[0][3:5] == tuple(first[0][3:5])


def test_a_person_of_two_addresses_is_settled_with_the_answers_that_cross_however_often_one_asks() -> None:
    kept = Letters(OWNER, NOW)
    for number in range(30):
        fact = message(number, is_out=number % 2 == 0, days=60 - number, parent=number - 3, others=1)
        home = Address(email="eva@home.example")
        kept.add(replace(fact, from_=(home,)) if number % 4 == 1 else replace(fact, to=(home,)) if number % 4 == 2 else fact)
    both = ("eva@x.example", "eva@home.example")
    before = list(kept.contacts(both, ()))
    assert len(before) == 30
    assert sum(one.is_reply for one in before) > 20
    kept.settle([both])
    for _ in range(2):
        assert list(kept.contacts(both, ())) == before
    kept.forget(both)
    assert list(kept.contacts(both, ())) == []


def test_whether_the_owner_was_only_copied_is_kept_of_a_mail() -> None:
    letters = Letters(OWNER, NOW)
    meant = message(1, is_out=False, days=1, parent=0, others=2)
    letters.add(meant)
    letters.add(replace(meant, message_id="2@x.example", to=meant.to[1:], cc=(ADA,)))
    letters.add(replace(meant, message_id="3@x.example", to=(ADA,), cc=meant.to[1:]))
    kept = letters.mails(["eva@x.example"])
    assert [(one.message_id, one.is_copy, one.recipients) for one in kept] == [
        ("1@x.example", False, 2),
        ("2@x.example", True, 2),
        ("3@x.example", False, 2),
    ]
