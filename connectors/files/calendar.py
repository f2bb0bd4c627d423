"""Calendars of .ics files: read where they lie, and holds written beside, once, as one .ics each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from connectors.files import ics_feed
from connectors.files.holds import Holds
from connectors.files.sources import spelled
from connectors.port import Changes, Cursor, Feed, Gone, Look, Rejected, Saved, Unclear, Witness
from rules.facts import CalendarEvent
from rules.suggestions import Hold, Invite


class FilesCalendar:
    """The calendar half of a files account; one feed per path given, and one for our holds.

    `paths` are .ics files, folders with .ics files below them, or a Google Takeout (folder, .zip, .tgz). `out` is the
    folder holds are written to (`out/holds/<key>.ics`, and all of them together in `out/Holds.ics`); None = it never
    writes. `zone` is the owner's IANA zone; what ended before `since` is passed over unread.
    """

    def __init__(self, *, paths: Sequence[Path], out: Path | None, zone: str, since: datetime | None = None) -> None:
        self._zone, self._since = zone, since
        self._holds = Holds(out) if out is not None else None
        self._paths = tuple(dict.fromkeys(path.absolute() for path in paths))
        ours = (self._holds.folder.absolute(), self._holds.view.absolute()) if self._holds else ()
        self._ignored = frozenset(ours)
        self._places: dict[str, Path] = {}
        """By the id of their feed."""

    def feeds(self) -> Sequence[Feed]:
        """List the paths, archives in a folder each by itself, and the folder of our holds."""
        found = [feed for path in self._paths for feed in self._feeds_of(path)]
        if self._holds is not None:
            found.append(self._feed(self._holds.folder, ics_feed.survey(self._holds.folder, frozenset())[0]))
        return tuple({feed.id: feed for feed in found}.values())

    def _feeds_of(self, path: Path) -> Iterator[Feed]:
        hint, archives = ics_feed.survey(path, self._ignored)
        yield self._feed(path, hint)
        for archive in archives:
            yield self._feed(archive, ics_feed.survey(archive, self._ignored)[0])

    def _feed(self, path: Path, hint: str) -> Feed:
        self._places[spelled(path)] = path
        return Feed(id=spelled(path), name=path.stem, role="primary" if (path,) == self._paths[:1] else "", hint=hint)

    def changes(self, feed: Feed, since: Cursor | None) -> Iterator[Changes[CalendarEvent]]:
        """Yield what is new since the cursor. A file with several UIDs that has changed expires the cursor."""
        if feed.id not in self._places:
            self.feeds()
        path = self._places.get(feed.id, Path(feed.id))
        if self._holds is not None and path == self._holds.folder:
            yield from ics_feed.changes(path, since, zone=self._zone, ignored=frozenset(), may_be_missing=True)
        else:
            yield from ics_feed.changes(path, since, zone=self._zone, ignored=self._ignored, begin=self._since)

    def witness(self) -> Witness:
        """Say nothing: the name of a hold's file is its witness, as linking it a second time fails."""
        return Witness("files")

    def save_hold(self, hold: Hold | Invite, since: Witness) -> Saved | Gone | Unclear:  # noqa: ARG002 - see `witness`
        """Write the hold once. A folder cannot send an invitation."""
        if isinstance(hold, Invite):
            raise Rejected("Files on disk cannot send an invitation.", remedy="Connect the calendar's own account for invitations.")
        return self._ours().save(hold)

    def look(self, saved: Saved) -> Look:
        """Say what became of it: gone, another time, another change."""
        return self._ours().look(saved)

    def withdraw(self, saved: Saved) -> Look:
        """Remove the hold if it is as we wrote it."""
        return self._ours().withdraw(saved)

    def _ours(self) -> Holds:
        if self._holds is None:
            raise Rejected("This account has no folder to write holds to.", remedy="Set `out` of the account.")
        return self._holds
