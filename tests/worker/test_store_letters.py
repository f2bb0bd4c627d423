"""A letter comes to what its message comes to: the same row, the same people seen on it."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.imap_header import read_header
from connectors.letter import Letter, messages
from connectors.mime import Unreadable
from rules.facts import MessageMetadata
from rules.people import OwnerKeys
from tests.connectors.odd_headers import USUAL, headers, usual_headers
from worker.store.forgotten import Forgotten
from worker.store.mail_page import MailPage, Packing

OWNER = OwnerKeys(
    keys=frozenset({"ada@own.example", "ada@own.test"}),
    principals={"zoe@x.example": "boss@x.example"},
    domains=frozenset({"own.example"}),
)
PACKING = Packing(known_as=OWNER, forgotten=Forgotten(owner="ada", pepper="", digests=frozenset()))
FOLDERS = st.sampled_from(
    [
        frozenset({"\\Inbox"}),
        frozenset({"\\Sent"}),
        frozenset({"\\Junk"}),
        frozenset({"\\Drafts", "\\Sent"}),
        frozenset({"a\0b"}),
        frozenset(),
    ]
)


def letters(raws: Sequence[bytes], labels: frozenset[str]) -> list[MessageMetadata | Letter]:
    found: list[MessageMetadata | Letter] = []
    for number, raw in enumerate(raws):
        try:
            found.append(
                read_header(
                    raw,
                    remote_id=f"7:{number}",
                    labels=labels,
                    arrived=1_795_000_000,
                    size=number or None,
                    thread_id="t" * (number % 2),
                )
            )
        except Unreadable:
            continue
    return found


def come_to(page: MailPage) -> tuple[object, ...]:
    return page.rows, page.seen, page.telling


@settings(max_examples=300, deadline=None)
@given(st.lists(usual_headers() | headers(), max_size=6), FOLDERS)
def test_letters_come_to_what_their_messages_come_to(raws: list[bytes], labels: frozenset[str]) -> None:
    found = letters(raws, labels)
    assert come_to(PACKING.page(found)) == come_to(PACKING.page(messages(found)))


@settings(max_examples=100, deadline=None)
@given(st.lists(usual_headers() | headers(), max_size=6), FOLDERS)
def test_letters_packed_elsewhere_are_taken_out_as_they_were_put_in(raws: list[bytes], labels: frozenset[str]) -> None:
    found = letters(raws, labels)
    there = pickle.loads(pickle.dumps(PACKING))  # noqa: S301 - as another process would have it
    page = PACKING.unpack([there.pack(found)])
    assert isinstance(page, MailPage)
    assert come_to(page) == come_to(PACKING.page(messages(found)))


def test_a_reference_no_index_takes_is_shortened_in_a_letter_too() -> None:
    usual = "".join(f"{name}: {value}\r\n" for name, value in USUAL).encode()
    found = letters([usual + b"References: <" + b"\xe9" * 900 + b"@x.example>\r\n"], frozenset())
    assert isinstance(found[0], Letter)
    assert come_to(PACKING.page(found)) == come_to(PACKING.page(messages(found)))


def test_whoever_is_forgotten_is_left_out_of_letters() -> None:
    raw = "".join(f"{name}: {value}\r\n" for name, value in USUAL).encode()
    (letter,) = letters([raw], frozenset())
    assert isinstance(letter, Letter)

    class Everybody(Forgotten):
        def is_theirs(self, found: MessageMetadata) -> bool:
            return bool(found.from_)

    forgotten = Everybody(owner="ada", pepper="p", digests=frozenset({"x"}))
    assert len(Packing(known_as=OWNER, forgotten=forgotten).page([letter])) == 0
