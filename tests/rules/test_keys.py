"""Keys: the same cause always has the same name, and no two causes share one."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.keys import key, message_id

PARTS = st.tuples(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))


def test_a_key_is_known_for_good() -> None:
    assert key("olivia", "thank_you", "meeting:1@x/2026-03-10T09:00:00+00:00", "anna@acme.example") == "jfumlclnmjupcipb9jlgo7t3es"


@given(PARTS)
def test_a_key_is_26_characters_of_base32hex(parts: tuple[str, str, str, str]) -> None:
    assert re.fullmatch("[0-9a-v]{26}", key(*parts))
    assert key(*parts) == key(*parts)


@settings(max_examples=300)
@given(PARTS, PARTS)
def test_different_parts_never_share_a_key_not_even_run_together(
    one: tuple[str, str, str, str], other: tuple[str, str, str, str]
) -> None:
    assert (key(*one) == key(*other)) == (one == other)
    assert key("ab", "c", "", "") != key("a", "bc", "", "")


def test_a_message_id_shows_nothing_but_opaque_characters_and_the_owners_domain() -> None:
    assert re.fullmatch(r"[0-9a-v]{26}@own\.example", message_id(key("o", "r", "c", "a"), "own.example"))
