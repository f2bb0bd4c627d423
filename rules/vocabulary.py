"""The words each template may use: what it is given when it is filled in, so that a slip is found before a text is needed."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from typing import Final

OF_A_RULE: Final = frozenset(
    {
        "name", "everyone", "names", "is_plural", "is_first", "span", "next_day", "introducer", "introduced", "topic", "subject",
        "event", "place", "promise", "day", "since", "social",
    }
)  # fmt: skip
"""What rules.words gives every template of a rule."""
MORE: Final = {"hold": frozenset({"why"}), "invite": frozenset({"owner"})}
"""What a hold and an invite are given besides."""
OF_THEIR_OWN: Final = {
    "first_contact": frozenset({"name", "names", "reason", "about", "minutes"}),
    "share_month": frozenset({"name", "month", "count", "names"}),
    "announcement": frozenset({"name", "title", "why", "day", "time"}),
    "account_paused": frozenset({"account", "error", "remedy"}),
}
"""Templates that no rule uses."""


def words_of(template: str) -> frozenset[str]:
    """Return the words a template may use, by its name: `en/check_in@mentor.hold.txt`."""
    stem, _, part = template.rpartition("/")[2].removesuffix(".txt").rpartition(".")
    base = stem.partition("@")[0]
    return OF_THEIR_OWN[base] if base in OF_THEIR_OWN else OF_A_RULE | MORE.get(part, frozenset())


def check_words(template: str, asked: AbstractSet[str]) -> None:
    """Raise ValueError where a template asks for a word it is never given."""
    known = words_of(template)
    for word in sorted(asked - known):
        close = get_close_matches(word, known, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(sorted(known))}"
        raise ValueError(f"there is no word {word!r}; {hint}")
