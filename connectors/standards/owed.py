"""What a calendar server owes: objects it lists and did not give when asked, to be asked for again, though not for ever."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import islice

Owed = Mapping[str, int]
"""Hrefs, each with the rounds since it was asked for first."""
_ROUNDS = 64
"""Two hours of polling. What is not given by then waits for its next change, or for the calendar to be compared as a whole."""
_MOST = 200
"""At most so many at once: a server that gives none of thousands is asked for them with the next whole comparison."""


def due(owed: Owed, listed: Collection[str], removed: Collection[str]) -> Sequence[str]:
    """List what is to be asked for again: in the next round, then at gaps that double; not what the round tells of anyway."""
    return sorted(href for href, rounds in owed.items() if not rounds & (rounds - 1) and href not in listed and href not in removed)


def begun(owed: Owed, failed: Collection[str]) -> Owed:
    """Add what one more page of a first read was not given."""
    return dict(islice({**dict.fromkeys(failed, 1), **owed}.items(), _MOST))


def still(owed: Owed, settled: Collection[str], failed: Collection[str]) -> Owed:
    """Say what is owed after a round: `settled` was given or is gone, `failed` was asked for and not given."""
    left = {href: rounds + 1 for href, rounds in owed.items() if href not in settled and rounds < _ROUNDS}
    return begun(left, sorted(href for href in failed if href not in owed))
