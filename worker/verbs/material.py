"""What lies at a path an owner names: mail, calendars, or both; what is neither is refused by what it looks like."""

from __future__ import annotations

import gzip
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import click

from connectors.files.archive import is_archive
from connectors.files.reading import is_mail
from connectors.files.sources import Source, calendars, find, is_ics
from worker.advice import Refusal
from worker.exit_codes import USAGE

Side = Literal["mail", "calendar"]
BEGINNING: Final = 1 << 16
"""Bytes looked at: a calendar may begin with comments, not with more than this."""
BOTH: Final[frozenset[Side]] = frozenset({"mail", "calendar"})
PST: Final = "an Outlook data file"
SIGNS: Final = (
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"!BDN", PST),
    (b"SQLite format 3", "a database"),
    (b"\xd0\xcf\x11\xe0", "an Outlook message or an old Office document"),
    (b"PK\x03\x04", "a zip file by another name, or an Office document"),
    (b"\x7fELF", "a program"),
    (b"begin:vcard", "a book of addresses"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "XML"),
    (b"{", "JSON"),
    (b"[", "JSON"),
)
"""How files begin, in small letters, and what they are then."""
CALENDAR: Final = (b"begin:vcalendar", b"b\0e\0g\0i\0n\0:\0v\0c\0a\0l")
"""In letters of one byte, and of two."""
TAKES: Final = "Name an mbox, a Maildir, .eml or .ics files, a folder of them, or a Google Takeout (.zip, .tgz)."
TO_COME: Final = "Where some is only to come into this folder, make an empty one in it for that, and name that one."
LEFT_THERE: Final = frozenset({"desktop.ini", "thumbs.db"})
"""Names, in small letters."""
UNPACK: Final = "If it holds some under names without .mbox, .eml or .ics, unpack it and name the folder."
EXPORT: Final = "Export the mail from Outlook as .eml or mbox, its calendar as .ics."


def both(paths: Sequence[Path]) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Sort paths into those that hold mail and those that hold calendars. Raises Refusal for what holds neither.

    A folder may be filled with the other one day.
    """
    found = _useful({path: _fit(path) for path in paths}, BOTH)
    mail, calendar = ([path for path, sides in found.items() if side in sides or path.is_dir()] for side in ("mail", "calendar"))
    return tuple(mail), tuple(calendar)


def only(side: Side, paths: Sequence[Path], remedy: str = "Say {option} {path}.") -> tuple[Path, ...]:
    """Take paths that hold mail, or calendars. Raises Refusal, also for what holds the other, with that remedy."""
    found = _useful({path: _fit(path) for path in paths}, frozenset({side}))
    for path, sides in found.items():
        if side not in sides:
            held = ("a calendar", "no mail", "--calendar") if side == "mail" else ("mail", "no calendar", "--mail")
            raise Refusal(f"{path} holds {held[0]}, {held[1]}.", remedy.format(option=held[2], path=path), code=USAGE)
    return tuple(found)


def holding(side: Side, paths: Sequence[Path]) -> tuple[Path, ...]:
    """List those of the paths that are no empty folder and hold this too, as a Takeout holds mail and calendars."""
    return tuple(path for path in paths if side in _fit(path) and not (path.is_dir() and _is_empty(path)))


def _useful(found: Mapping[Path, frozenset[Side]], wanted: frozenset[Side]) -> Mapping[Path, frozenset[Side]]:
    """Leave out, and say so, archives that hold nothing of what is wanted where another path does: exports are split by their size.

    Raises Refusal for one that holds neither where no other path is of use.
    """
    of_use = {path: sides for path, sides in found.items() if sides & wanted or not is_archive(path)}
    for path in [path for path, sides in found.items() if path not in of_use and (of_use or not sides)]:
        if not of_use:
            raise Refusal(f"{path} holds neither mail nor a calendar that I can see: {_some(_names(path))}.", UNPACK, code=USAGE)
        lacks = "neither mail nor a calendar" if len(wanted) > 1 else "no mail" if "mail" in wanted else "no calendar"
        click.echo(f"{path} holds {lacks} and is left out.", err=True)
    return of_use or found


def _fit(path: Path) -> frozenset[Side]:
    if path.is_dir():
        return _folder(path)
    if is_archive(path):
        return _archive(path)
    begins = _beginning(path)
    if is_ics(path.name) and (not begins or any(sign in begins for sign in CALENDAR)):
        return frozenset({"calendar"})
    if _is_mail(path):
        return frozenset({"mail"})
    if begins.startswith(CALENDAR):
        return frozenset({"calendar"})
    looks = _looks(begins)
    raise Refusal(f"{path} is neither mail nor a calendar: it looks like {looks}.", EXPORT if looks == PST else TAKES, code=USAGE)


def _folder(path: Path) -> frozenset[Side]:
    """Tell what a folder holds; an empty one may be filled with either."""
    if _is_empty(path):
        return BOTH
    sides = _sides(has_mail=_is_mail(path), has_calendar=any(calendars([path])))
    if not sides:
        raise Refusal(f"{path} holds files, but neither mail nor a calendar that I can see.", f"{TAKES} {TO_COME}", code=USAGE)
    return sides


def _is_empty(path: Path) -> bool:
    """Tell whether no file lies in a folder or below it, but for what systems leave there by themselves. Raises OSError."""
    if not any(path.iterdir()):  # a walk is silent about a folder one may not look into
        return True
    left = (name for _, _, names in os.walk(path) for name in names)
    return all(name.startswith(".") or name.lower() in LEFT_THERE for name in left)


def _archive(path: Path) -> frozenset[Side]:
    """Tell what a .zip holds by its list; any other archive has none, and is read to its end when its turn comes."""
    if not path.name.lower().endswith(".zip"):
        return BOTH
    names = _names(path)
    return _sides(has_mail=any(map(is_mail, names)), has_calendar=any(map(is_ics, names)))


def _names(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return [info.filename for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise Refusal(f"{path} is no zip file that can be read: {error}.", "Download it again.", code=USAGE) from None


def _sides(*, has_mail: bool, has_calendar: bool) -> frozenset[Side]:
    held: dict[Side, bool] = {"mail": has_mail, "calendar": has_calendar}
    return frozenset(side for side, is_held in held.items() if is_held)


def _is_mail(path: Path) -> bool:
    return any(isinstance(each, Source) for each in find([path]))


def _some(names: list[str]) -> str:
    return f"it holds {', '.join(names[:3])}{' and more' if len(names) > 3 else ''}" if names else "it is empty"  # noqa: PLR2004 - enough to know it by


def _beginning(path: Path) -> bytes:
    """Read how a file begins, unpacked, in small letters; "" where it cannot be told."""
    if not path.is_file():
        raise Refusal(f"{path} is a pipe or a device, not a file.", TAKES, code=USAGE)
    with path.open("rb") as file:
        begins = file.read(BEGINNING)
    if begins[:2] == b"\x1f\x8b":
        try:
            with gzip.open(path) as packed:
                begins = packed.read(BEGINNING)
        except (OSError, EOFError, zlib.error):
            return begins
    return begins.lstrip(b"\xef\xbb\xbf\r\n\t ").lower()


def _looks(begins: bytes) -> str:
    known = next((what for sign, what in SIGNS if begins.startswith(sign.lower())), "")
    if known:
        return known
    if not begins:
        return "an empty file"
    is_text = b"\0" not in begins and sum(byte < 9 for byte in begins) == 0  # noqa: PLR2004 - control characters before the tabulator
    return "plain text" if is_text else "a file of a kind I do not know"
