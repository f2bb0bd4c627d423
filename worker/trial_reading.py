"""All mail under some paths as one stream for a trial, with the bytes read so far."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

from connectors.files import folder
from connectors.files.archive import is_archive
from connectors.files.reading import Disk, labels_of, read_archive, read_mbox
from connectors.files.sources import Source, calendars, find, is_ics
from connectors.glance import Glance, glance
from connectors.port import PortError, Skipped
from rules.facts import CalendarEvent, MessageMetadata
from worker import trial_calendar

SAMPLE: Final = 300
"""Messages of each source that are looked at first: enough to see whose Sent mail it is."""
Found = MessageMetadata | Glance | Skipped


class Passed(Protocol):
    """How much has been passed by now."""

    done: int


class Material(Protocol):
    """What a trial reads: files on disk, or a live account."""

    step: int
    """Report progress after so much at the earliest."""

    @property
    def disk(self) -> Passed:
        """What `messages` has passed, in the unit of `size`."""
        ...

    def addresses(self) -> tuple[str, ...]:
        """Return the owner's addresses, where the material itself says."""
        ...

    def messages(self) -> Iterator[Found]:
        """Yield every message, or why one cannot be read."""
        ...

    def sample(self) -> Iterator[Found]:
        """Yield a few hundred messages that show whose mail it is; not counted."""
        ...

    def events(self) -> Iterator[CalendarEvent | Skipped]:
        """Yield every event, or why one cannot be read."""
        ...

    def size(self) -> int:
        """Return how much `messages` will pass, as far as is known."""
        ...

    def calendar_size(self) -> int:
        """Return how much `events` will pass."""
        ...


class Files:
    """Mail and calendars under the paths. `disk.done` counts the bytes passed."""

    step = 1

    def __init__(self, paths: Sequence[Path], zone: str) -> None:
        self._paths, self._zone = paths, zone
        found = list(find([path for path in paths if not is_ics(path.name)]))
        self._skipped = [each for each in found if isinstance(each, Skipped)]
        self._sources = [each for each in found if isinstance(each, Source)]
        self.disk = Disk()

    def messages(self) -> Iterator[Found]:
        """Yield every message, or why one cannot be read."""
        yield from self._skipped
        for source in self._sources:
            yield from _messages(source, self.disk)

    def sample(self) -> Iterator[Found]:
        """Yield the first messages of each source; not counted."""
        for source in self._sources:
            with closing(_messages(source, Disk())) as found:
                yield from islice(found, SAMPLE)

    def size(self) -> int:
        """Return how many bytes `messages` will pass."""
        return sum(_size(source) for source in self._sources)

    def addresses(self) -> tuple[str, ...]:
        """Return nothing: files do not say whose they are."""
        return ()

    def events(self) -> Iterator[CalendarEvent | Skipped]:
        """Yield every event, or why one cannot be read."""
        return trial_calendar.read(self._paths, self._zone)

    def calendar_size(self) -> int:
        """Return how many bytes of calendars there are."""
        return calendar_size(self._paths)


def calendar_size(paths: Sequence[Path]) -> int:
    """Return how many bytes of calendars lie under the paths, those inside archives left out."""
    return sum(file.stat().st_size for file in {*calendars(paths)} if not is_archive(file) and file.is_file())


def _messages(source: Source, disk: Disk) -> Generator[Found, None, None]:
    match source.kind:
        case "mbox":
            try:
                with disk.open_mbox(source.path) as stream:
                    for found, _ in read_mbox(stream, glance, prefix=f"{source.path}:", labels=labels_of(source.name)):
                        yield found
            except OSError as error:
                yield Skipped(remote_id=str(source.path), reason=f"the file cannot be opened: {error.strerror or error}")
        case "archive":
            for found, _, _ in read_archive(source.path, glance, disk):
                yield found
        case "maildir" | "folder" | "message":
            yield from _files(source, disk)
        case "missing":
            yield Skipped(remote_id=str(source.path), reason="there is no such file or folder")


def _files(source: Source, disk: Disk) -> Iterator[Found]:
    try:
        items = sorted(folder.items(source).values(), reverse=True)
    except PortError as error:
        yield Skipped(remote_id=str(source.path), reason=str(error))
        return
    for item in items:
        found = folder.read(source, item, glance, disk)
        if found is not None:
            yield found


def _size(source: Source) -> int:
    try:
        if source.kind in {"maildir", "folder", "message"}:
            return sum(Path(item.path).stat().st_size for item in folder.items(source).values())
        return source.path.stat().st_size
    except (OSError, PortError):
        return 0
