"""The mail of a source at a glance, or in outline, one message after the other: for whoever reads everything once and keeps nothing."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import TypeVar

from connectors.files import folder
from connectors.files.reading import Disk, Reader, labels_of, read_archive, read_mbox
from connectors.files.sources import Source
from connectors.glance import Glance, Outline, glance, outline
from connectors.port import PortError, Skipped
from rules.facts import MessageMetadata

T = TypeVar("T")


def all_glances(sources: Iterable[Source], disk: Disk) -> Iterator[Glance | Skipped]:
    """Yield every message of all sources, or why one cannot be read."""
    for source in sources:
        yield from glances(source, disk)


def glances(source: Source, disk: Disk) -> Generator[Glance | Skipped, None, None]:
    """Yield every message of a source, or why one cannot be read. Never raises."""
    return _read(source, disk, glance)


def all_outlines(sources: Iterable[Source], disk: Disk) -> Iterator[Outline | MessageMetadata | Skipped]:
    """Yield of every message what all_glances reads."""
    for source in sources:
        yield from _read(source, disk, outline)


def _read(source: Source, disk: Disk, read: Reader[T]) -> Generator[T | Skipped, None, None]:
    match source.kind:
        case "mbox":
            try:
                with disk.open_mbox(source.path) as stream:
                    for found, _ in read_mbox(stream, read, prefix=f"{source.path}:", labels=labels_of(source.name)):
                        yield found
            except OSError as error:
                yield Skipped(remote_id=str(source.path), reason=f"the file cannot be opened: {error.strerror or error}")
        case "archive":
            for found, _, _ in read_archive(source.path, read, disk):
                yield found
        case "maildir" | "folder" | "message":
            yield from _of_folder(source, disk, read)
        case "missing":
            yield Skipped(remote_id=str(source.path), reason="there is no such file or folder")


def _of_folder(source: Source, disk: Disk, read: Reader[T]) -> Iterator[T | Skipped]:
    try:
        items = sorted(folder.items(source).values(), reverse=True)
    except PortError as error:
        yield Skipped(remote_id=str(source.path), reason=str(error))
        return
    for item in items:
        found = folder.read(source, item, read, disk)
        if found is not None:
            yield found
