"""Display names: cleaned of what gateways add, compared, and the first name only when it is certain."""

from __future__ import annotations

from collections.abc import Mapping


def clean_name(name: str) -> str:
    """Return a display name in reading order without quotes, tags, (Company), `via ...`, zero-width and bidi marks.

    "" where nothing human is left, also where the name is itself an address. "Surname, Given" becomes "Given Surname".
    """
    raise NotImplementedError


def name_key(name: str) -> str:
    """Return the form in which spellings of one full name are equal (case, accents, order of tokens); "" if not full."""
    raise NotImplementedError


def best_name(names: Mapping[str, int]) -> str:
    """Choose the display name to call an address by from name -> how often seen; "" where none fits a human."""
    raise NotImplementedError


def first_name(name: str) -> str:
    """Return the given name for a greeting, "" unless it is certain: "Surname, Given (EXT)" and initials are not."""
    raise NotImplementedError
