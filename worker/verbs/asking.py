"""The questions of a dialogue: each is asked again, with a sentence that helps, until its answer can be used."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import parse_qs, urlsplit

import click

from worker import config_languages, config_values
from worker.advice import Refusal
from worker.exit_codes import USAGE
from worker.verbs import material
from worker.verbs.zones import zone_called

Answer = TypeVar("Answer")
MOST_PEOPLE: Final = 10
YES_OR_NO: Final = frozenset({"y", "n", "yes", "no", "j", "ja", "nein"})
"""Answers to another kind of question."""


def asked(question: str, usual: str, read: Callable[[str], Answer], *, is_on_stderr: bool = False) -> Answer:
    """Ask until the answer can be read; `read` raises Refusal where it cannot."""

    def convert(text: str) -> Answer:
        try:
            return read(text)
        except Refusal as refusal:
            raise click.BadParameter(" ".join(refusal.advice.text().split("\n"))) from None

    answer: Answer = click.prompt(question, default=usual, show_default=bool(usual), value_proc=convert, err=is_on_stderr)
    return answer


def name(text: str) -> str:
    """Read what somebody, or something, is called."""
    said = text.strip()
    if not said or said.casefold() in YES_OR_NO:
        raise Refusal(f"{said!r} is no name." if said else "A name is wanted.", "Write it out.", code=USAGE)
    return said


def address(text: str) -> str:
    """Read a mail address, also one of a machine in the house: ana@localhost."""
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", text.strip()):
        raise Refusal(f"{text.strip()!r} is no mail address.", "Write it like ana@firm.example.", code=USAGE)
    return text.strip()


def addresses(text: str) -> tuple[str, ...]:
    """Read mail addresses the settings take; none is an answer too."""
    return tuple(_checked(part, config_values.address) for part in re.split(r"[,;\s]+", text) if part)


def own_addresses(text: str) -> tuple[str, ...]:
    """Read at least one."""
    found = addresses(text)
    if not found:
        raise Refusal("One address at least is wanted.", "Write it like ana@firm.example.", code=USAGE)
    return found


def key_people(text: str) -> tuple[str, ...]:
    """Read up to ten."""
    return at_most_ten(addresses(text))


def at_most_ten(people: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse more: who matters most are few."""
    if len(people) > MOST_PEOPLE:
        raise Refusal(f"These are {len(people)} people; at most {MOST_PEOPLE} can matter most.", "Name fewer.", code=USAGE)
    return people


def mail_server(text: str) -> str:
    """Read the address of a mail server."""
    if not _is_url(text.strip(), {"imap", "imaps"}):
        raise Refusal(
            f"{text.strip()!r} is no address of a mail server.", "Write it like imaps://HOST or imap://HOST:143.", code=USAGE
        )
    return text.strip()


def calendar_server(text: str) -> str:
    """Read the address of a calendar server."""
    if not _is_url(text.strip(), {"http", "https"}):
        raise Refusal(f"{text.strip()!r} is no address of a calendar server.", "Write it like https://HOST/PATH.", code=USAGE)
    return text.strip()


def answer_of_browser(text: str) -> str:
    """Read the address a browser was sent to at the end of a sign-in (RFC 6749 4.1.2)."""
    said = parse_qs(urlsplit(text.strip()).query) if _is_url(text.strip(), {"http", "https"}) else {}
    if not {"code", "error"} & set(said):
        raise Refusal(
            "That is not the address of the last page.", "Copy all of it: it begins with http:// and holds code=.", code=USAGE
        )
    return text.strip()


def paths(text: str) -> tuple[Path, ...]:
    """Read files and folders that are there; none is an answer too."""
    found = tuple(Path(part.strip()).expanduser().absolute() for part in text.split(",") if part.strip())
    for each in found:
        if not each.exists():
            raise Refusal(f"There is no file or folder {each}.", "Write its path, or press Enter alone for none.", code=USAGE)
    return found


def mail(text: str) -> tuple[Path, ...]:
    """Read files and folders of mail."""
    return material.only("mail", paths(text), "Calendars are asked for next.")


def calendar(text: str) -> tuple[Path, ...]:
    """Read files and folders of calendars; `none` is an answer too."""
    if text.strip().casefold() == "none":
        return ()
    return material.only("calendar", paths(text), "`rekindle connect files` adds mail later.")


def zone(text: str) -> str:
    """Read a time zone."""
    return zone_called(text.strip()).key


def hours(text: str) -> str:
    """Read a span of the day."""
    return _checked(text.strip(), config_values.span)


def language(text: str) -> str:
    """Read the letters of a language drafts can be written in."""
    read = _checked(text.strip(), config_values.language)
    if wrong := config_languages.missing(read, config_languages.written_in()):
        raise Refusal(wrong, code=USAGE)
    return read


def number(text: str) -> int:
    """Read a number, 0 included."""
    if not text.strip().isdecimal():
        raise Refusal(f"{text.strip()!r} is no number.", "Write it in digits: 2.", code=USAGE)
    return int(text)


def _checked(text: str, check: Callable[[str], object]) -> str:
    """Ask the settings whether they will take it."""
    try:
        check(text)
    except ValueError as error:
        raise Refusal(str(error), code=USAGE) from None
    return text


def _is_url(text: str, schemes: set[str]) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0) and " " not in text
    except ValueError:
        return False
