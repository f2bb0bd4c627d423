"""A history kept as plain values, as a trial keeps it, says just what its contacts do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.rhythm import Contact, History, Row, days_of, interaction_days, is_out_of_rhythm, rows_of, strength, sums
from tests.rules.test_rhythm import CONTACTS, DAY, NOW, weekly


class Kept(History):
    """A history as one is kept, of contacts in order of time."""

    def __init__(self, contacts: Sequence[Contact]) -> None:
        self._contacts = contacts
        self._rows = rows_of(contacts)

    def __len__(self) -> int:
        return len(self._contacts)

    @overload
    def __getitem__(self, index: int) -> Contact: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Contact]: ...
    def __getitem__(self, index: int | slice) -> Contact | Sequence[Contact]:
        return self._contacts[index]

    def rows(self) -> Sequence[Row]:
        return self._rows

    def days(self) -> Sequence[float]:
        return days_of(self._rows)


@settings(max_examples=150, deadline=None)
@given(CONTACTS, st.integers(-200, 400))
def test_a_history_kept_as_rows_says_what_its_contacts_do_at_whatever_moment(contacts: list[Contact], days: int) -> None:
    plain = sorted(contacts, key=lambda one: one.at)
    kept, now = Kept(plain), NOW - days * DAY
    assert sums(kept, now) == sums(plain, now)
    assert strength(kept, now) == strength(plain, now)
    assert is_out_of_rhythm(kept, now=now) == is_out_of_rhythm(plain, now=now)
    assert interaction_days(kept) == interaction_days(plain)


def test_of_a_history_kept_as_rows_nothing_after_the_moment_is_looked_at() -> None:
    contacts = sorted(weekly(30), key=lambda one: one.at)
    now = NOW - 100 * DAY
    assert sums(Kept(contacts), now) == sums([one for one in contacts if one.at <= now], now)
    assert sums(Kept(contacts), now).measures.days < 30
