"""The mail of a source at a glance, one message after the other: for whoever reads everything once and keeps nothing."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator

from connectors.files import folder
from connectors.files.reading import Disk, labels_of, read_archive, read_mbox
from connectors.files.sources import Source
from connectors.glance import Glance, glance
from connectors.port import PortError, Skipped


def all_glances(sources: Iterable[Source], disk: Disk) -> Iterator[Glance | Skipped]:
    """Yield every message of all sources, or why one cannot be read."""
    for source in sources:
        yield from glances(source, disk)


def glances(source: Source, disk: Disk) -> Generator[Glance | Skipped, None, None]:
    """Yield every message of a source, or why one cannot be read. Never raises."""
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
            yield from _of_folder(source, disk)
        case "missing":
            yield Skipped(remote_id=str(source.path), reason="there is no such file or folder")


def _of_folder(source: Source, disk: Disk) -> Iterator[Glance | Skipped]:
    try:
        items = sorted(folder.items(source).values(), reverse=True)
    except PortError as error:
        yield Skipped(remote_id=str(source.path), reason=str(error))
        return
    for item in items:
        found = folder.read(source, item, glance, disk)
        if found is not None:
            yield found
