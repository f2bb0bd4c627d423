"""All mail under some paths as one stream for a trial, with the bytes read so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

from connectors.files import beside, folder
from connectors.files.archive import is_archive
from connectors.files.glances import all_glances, glances
from connectors.files.reading import Disk
from connectors.files.sources import Source, calendars, find, is_ics
from connectors.glance import Glance
from connectors.port import PortError, Skipped
from rules.facts import CalendarEvent, MessageMetadata

SAMPLE: Final = 300
"""Messages of each source that are looked at first: enough to see whose Sent mail it is."""
MUCH: Final = 32 << 20
"""Bytes that take longer to read than a process takes to start."""
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
        self._size = sum(_size(source) for source in self._sources)
        self._beside: beside.Beside | None = None
        self.disk = Disk()

    def begin(self) -> None:
        """Begin to read, in a process beside this one, where there is so much that it comes sooner. Then `close` it."""
        if self._beside is None and self._size >= MUCH:
            self._beside = beside.begin(self._sources)

    def close(self) -> None:
        """Read no more."""
        if self._beside is not None:
            self._beside.close()
            self._beside = None

    def messages(self) -> Iterator[Found]:
        """Yield every message, or why one cannot be read."""
        yield from self._skipped
        self.begin()
        yield from self._beside.messages(self.disk) if self._beside else all_glances(self._sources, self.disk)
        self.close()

    def sample(self) -> Iterator[Found]:
        """Yield the first messages of each source; not counted."""
        for source in self._sources:
            with closing(glances(source, Disk())) as found:
                yield from islice(found, SAMPLE)

    def size(self) -> int:
        """Return how many bytes `messages` will pass."""
        return self._size

    def addresses(self) -> tuple[str, ...]:
        """Return nothing: files do not say whose they are."""
        return ()

    def events(self) -> Iterator[CalendarEvent | Skipped]:
        """Yield every event, or why one cannot be read."""
        from worker import trial_calendar  # noqa: PLC0415 - reading has begun by then

        return trial_calendar.read(self._paths, self._zone)

    def calendar_size(self) -> int:
        """Return how many bytes of calendars there are."""
        return calendar_size(self._paths)


def calendar_size(paths: Sequence[Path]) -> int:
    """Return how many bytes of calendars lie under the paths, those inside archives left out."""
    return sum(file.stat().st_size for file in {*calendars(paths)} if not is_archive(file) and file.is_file())


def _size(source: Source) -> int:
    try:
        if source.kind in {"maildir", "folder", "message"}:
            return sum(Path(item.path).stat().st_size for item in folder.items(source).values())
        return source.path.stat().st_size
    except (OSError, PortError):
        return 0
