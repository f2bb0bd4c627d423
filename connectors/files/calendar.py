"""Calendars of .ics files: read where they lie, and holds written beside, once, as one .ics each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from connectors.port import Changes, Cursor, Feed, Look, Saved, Unclear, Gone, Witness
from rules.facts import CalendarEvent
from rules.suggestions import Hold, Invite


class FilesCalendar:
    """The calendar half of a files account; one feed per path given.

    `paths` are .ics files, folders with .ics files below them, or a Google Takeout (folder, .zip, .tgz). `out` is the
    folder holds are written to (`out/holds/<key>.ics`, and all of them together in `out/holds.ics`); None = it never
    writes. `zone` is the owner's IANA zone, `host` ends the UIDs of our holds.
    """

    def __init__(self, *, paths: Sequence[Path], out: Path | None, zone: str, host: str = "rekindle.invalid") -> None:
        raise NotImplementedError

    def feeds(self) -> Sequence[Feed]:
        raise NotImplementedError

    def changes(self, feed: Feed, since: Cursor | None) -> Iterator[Changes[CalendarEvent]]:
        raise NotImplementedError

    def witness(self) -> Witness:
        raise NotImplementedError

    def save_hold(self, hold: Hold | Invite, since: Witness) -> Saved | Gone | Unclear:
        raise NotImplementedError

    def look(self, saved: Saved) -> Look:
        raise NotImplementedError

    def withdraw(self, saved: Saved) -> Look:
        raise NotImplementedError
