"""The words.toml of a language: months, numbers and how a day, a month and a span of time are put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """The words.toml of a language: what is put together from parts."""

    months: tuple[str, ...]
    numbers: tuple[str, ...]
    """The words for 0 to 23."""
    and_: str
    day: str
    """How a day is written: {day} and {month}."""
    month_of_year: str
    """How a month of another year is written: {month} and {year}."""
    for_months: str
    """A span: {number}."""
    for_one_year: str
    for_years: str
    """A span: {number}."""


def phrases_of(words: Mapping[str, object]) -> Phrases:
    """Read the words of a language. Raises ValueError."""
    needed = {"and", "day", "for_months", "for_one_year", "for_years", "month_of_year", "months", "numbers"}
    if set(words) != needed:
        raise ValueError(f"needs exactly these keys: {', '.join(sorted(needed))}")
    return Phrases(
        months=_row(words, "months", 12),
        numbers=_row(words, "numbers", 24),
        and_=_text(words, "and"),
        day=_text(words, "day"),
        month_of_year=_text(words, "month_of_year"),
        for_months=_text(words, "for_months"),
        for_one_year=_text(words, "for_one_year"),
        for_years=_text(words, "for_years"),
    )


def _row(words: Mapping[str, object], key: str, length: int) -> tuple[str, ...]:
    value = words[key]
    if not isinstance(value, list) or len(value) != length:
        raise ValueError(f"{key} must be a list of {length} words")
    return tuple(str(part) for part in value)


def _text(words: Mapping[str, object], key: str) -> str:
    value = words[key]
    if not isinstance(value, str):
        raise ValueError(f"{key} must be a text")  # noqa: TRY004 -- collected with the other faults
    return value
