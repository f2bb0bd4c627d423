"""Promises read from one line, as the owner writes them."""

from __future__ import annotations

from datetime import date

import pytest

from rules.promises import Promised, day_named, is_promise_box, promised

WEDNESDAY = date(2026, 6, 3)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("friday", date(2026, 6, 5)),
        ("Freitag", date(2026, 6, 5)),
        ("next Monday", date(2026, 6, 8)),
        ("wednesday", WEDNESDAY),
        ("tomorrow", date(2026, 6, 4)),
        ("heute", WEDNESDAY),
        ("2026-07-01", date(2026, 7, 1)),
        ("3d", date(2026, 6, 6)),
        ("in 2 weeks", date(2026, 6, 17)),
        ("12 June", date(2026, 6, 12)),
        ("June 12th", date(2026, 6, 12)),
        ("12.6.", date(2026, 6, 12)),
        ("2 March", date(2027, 3, 2)),
        ("30 February", None),
        ("soon", None),
    ],
)
def test_a_day_is_read_as_people_write_it(text: str, day: date | None) -> None:
    assert day_named(text, WEDNESDAY) == day


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Bob Stone: send the paper by friday", Promised(who="Bob Stone", text="send the paper", due=date(2026, 6, 5))),
        (
            "bob@x.example: Angebot schicken bis Montag",
            Promised(who="bob@x.example", text="Angebot schicken", due=date(2026, 6, 8)),
        ),
        ("Re: send the paper (by 12 June)", Promised(text="send the paper", due=date(2026, 6, 12))),
        ("send the paper", Promised(text="send the paper", due=date(2026, 6, 10))),
        ("stop by the office", Promised(text="stop by the office", due=date(2026, 6, 10))),
        ("  ", None),
        ("Re:", None),
    ],
)
def test_a_line_says_what_for_whom_and_by_when(line: str, found: Promised | None) -> None:
    assert promised(line, WEDNESDAY) == found


def test_only_the_owners_own_promise_address_takes_promises() -> None:
    own = {"ada@corp.example"}
    assert is_promise_box("Ada+Promise@corp.example", own)
    assert not is_promise_box("ada@corp.example", own)
    assert not is_promise_box("ada+news@corp.example", own)
    assert not is_promise_box("bob+promise@corp.example", own)
