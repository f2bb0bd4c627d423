"""The never-list as a file beside config.toml: one person, organisation or word of a title a line, from wherever it comes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from worker.config_values import address, domain

CELLS = re.compile(r"[,;\t]")
WRAPPED = re.compile(r".*<([^<>]+@[^<>]+)>")


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverList:
    """What is left alone everywhere."""

    people: tuple[str, ...] = ()
    """Addresses."""
    domains: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    """Words in a meeting's title."""

    def lines(self) -> tuple[str, ...]:
        """Write it one entry a line, as `read` takes it."""
        return (*self.people, *(f"@{each}" for each in self.domains), *self.titles)


def file_of(config: Path, owner: str) -> Path:
    """Say where an owner's list lies."""
    return config.parent / f"never-{owner}.txt"


def read(lines: Iterable[str]) -> NeverList:
    """Read lines: `bob@firm.example`, `@firm.example`, else words of a title; # begins a comment.

    Of a table (cells parted by comma, semicolon or tab, as address books write them) its addresses and domains count.
    """
    people: list[str] = []
    domains: list[str] = []
    titles: list[str] = []
    for line in lines:
        text = line.partition("#")[0].strip()
        cells = [cell.strip().strip('"') for cell in CELLS.split(text)]
        found = [_entry(cell) for cell in cells]
        people += [entry for kind, entry in found if kind == "person"]
        domains += [entry for kind, entry in found if kind == "domain"]
        if len(cells) == 1 and found[0][0] == "" and text:
            titles.append(text)
    return NeverList(people=_once(people), domains=_once(domains), titles=_once(titles))


def _entry(cell: str) -> tuple[str, str]:
    """Tell a person and an organisation from anything else."""
    wrapped = WRAPPED.fullmatch(cell)
    text = wrapped[1] if wrapped else cell
    try:
        if text.startswith(("@", "*@", "*.")):
            return "domain", domain(text.removeprefix("*"))
        return ("person", address(text)) if "@" in text else ("", "")
    except ValueError:
        return "", ""


def is_unclear(entry: str) -> bool:
    """Tell whether an entry was meant as an address or organisation and is none: "Lunch @ Joe's" is words of a title."""
    cells = (cell.strip().strip('"') for cell in CELLS.split(entry.partition("#")[0]))
    return any(re.search(r"^@|\S@|@\S", cell) is not None and not _entry(cell)[0] for cell in cells)


def _once(entries: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entries))
