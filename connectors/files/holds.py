"""Write holds into a folder: each at most once, as a file of its own, and all of them together in one calendar to open."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

from connectors import ical, private
from connectors.port import Edited, Gone, Look, Moved, Rejected, Saved, Unavailable, Untouched
from rules.facts import CalendarEvent
from rules.suggestions import Hold

HOST = "rekindle.invalid"
"""Ends the UIDs of our holds; .invalid belongs to nobody (RFC 2606)."""


@dataclass(frozen=True, slots=True)
class Holds:
    """The holds of one account in `out`.

    `out/holds/<key>.ics` is a hold, to be changed or deleted by the owner. `out/Holds.ics` shows them all and is made
    anew each time, read-only. `out/.rekindle/holds/<key>` remembers that a hold was once made, so that one the owner has deleted
    is not made again by a retry.
    """

    out: Path

    @property
    def folder(self) -> Path:
        """Where the holds lie."""
        return self.out / "holds"

    @property
    def made(self) -> Path:
        """What was once made, by key."""
        return self.out / ".rekindle" / "holds"

    @property
    def view(self) -> Path:
        """All holds in one calendar."""
        return self.out / "Holds.ics"

    def save(self, hold: Hold) -> Saved | Gone:
        """Write the hold once; a second call adopts it, or finds that the owner has removed it."""
        data = ical.hold_bytes(hold, host=HOST)
        with self._writing():
            for folder in (self.folder, self.made):
                private.folder(folder)
            made = self.made / hold.key
            if made.exists() and not self._path(hold.key).exists():
                return Gone()
            is_new = _link(data, self._path(hold.key))
            made.touch(mode=0o600)
            self._show()
        version = f"{hashlib.sha256(data).hexdigest()} {hold.start.isoformat()} {hold.end.isoformat()}"
        return Saved(remote_id=f"{hold.key}.ics#{hold.key}@{HOST}", version=version, place=str(self.folder), is_adopted=not is_new)

    def look(self, saved: Saved) -> Look:
        """Say what became of it: the same bytes, another time, another change, or no file."""
        digest, *times = saved.version.split(" ")
        with self._writing():
            if not self.out.is_dir():
                raise Unavailable(f"{self.out} is not there.", remedy="Put the folder back, or change `out`.")
            try:
                data = self._path(_key(saved)).read_bytes()
            except FileNotFoundError:
                return Gone()
        if hashlib.sha256(data).hexdigest() == digest:
            return Untouched()
        for event in ical.read(data, remote_id="", zone="UTC"):
            if isinstance(event, CalendarEvent) and [event.start, event.end] != [datetime.fromisoformat(at) for at in times]:
                return Moved(start=_timed(event.start), end=_timed(event.end))
        return Edited()

    def withdraw(self, saved: Saved) -> Look:
        """Remove the hold if it is as we wrote it. It is moved aside first: what the owner saves meanwhile is put back."""
        was = self.look(saved)
        if was != Untouched():
            return was
        path = self._path(_key(saved))
        aside = self.made / f"{_key(saved)}.{secrets.token_hex(4)}"
        with self._writing():
            try:
                path.rename(aside)
            except FileNotFoundError:
                return Gone()
            if hashlib.sha256(aside.read_bytes()).hexdigest() != saved.version.split(" ")[0]:
                os.link(aside, path)
                aside.unlink()
                return Edited()
            (self.made / _key(saved)).unlink(missing_ok=True)
            aside.unlink()
            self._show()
        return was

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.ics"

    def _show(self) -> None:
        """Put all holds into one calendar, in place of the former."""
        events = []
        for path in sorted(self.folder.glob("*.ics")):
            with suppress(OSError):
                events.append(ical.event_lines(path.read_bytes()))
        fresh = self.out / f".Holds.{secrets.token_hex(4)}.tmp"
        private.write(fresh, ical.calendar_bytes(events)).chmod(0o400)
        fresh.replace(self.view)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(
                f"The holds in {self.out} cannot be reached: {error.strerror}.",
                remedy="Make room on the disk, or let Rekindle write there.",
            ) from error


def _link(data: bytes, path: Path) -> bool:
    """Make the file whole and once; False where it was there."""
    fresh = path.parent / f".{path.name}.{secrets.token_hex(4)}.tmp"
    try:
        os.link(private.write(fresh, data), path)
    except FileExistsError:
        return False
    finally:
        fresh.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True


def _key(saved: Saved) -> str:
    key = saved.remote_id.partition(".ics#")[0]
    if not key.isalnum():
        raise Rejected("This is no hold of ours.")
    return key


def _timed(at: datetime | date) -> datetime:
    return at if isinstance(at, datetime) else datetime.combine(at, time(), UTC)
