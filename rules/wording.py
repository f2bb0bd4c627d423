"""Turn a decision into words: subject and text of a draft, title and description of a hold, and the one-sentence why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Word = str | int | bool | tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A mail in words: one line of subject, plain text, and the same text as HTML."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Titled:
    """A calendar entry in words."""

    title: str
    description: str


class WordingError(Exception):
    """A template cannot be used; the message names it and says what to do."""


class Wording:
    """The templates of every language, compiled once; rendering is sandboxed, strict and capped in size."""

    def __init__(self, templates: Mapping[str, str]) -> None:
        """Take texts by name, `<language>/<file name>` (`en/thank_you.1.txt`). Raises WordingError naming every fault."""

    def draft(self, template: str, language: str, words: Mapping[str, Word], *, variant: int = 0) -> Written:
        """Write a mail."""
        raise NotImplementedError

    def hold(self, template: str, language: str, words: Mapping[str, Word]) -> Titled:
        """Write a calendar entry."""
        raise NotImplementedError
