"""Mail of files: every mbox, Maildir, folder of .eml and Takeout under the owner's paths, one feed each; drafts beside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from connectors.files import folder, mbox_feed
from connectors.files.drafts import Drafts
from connectors.files.reading import Disk
from connectors.files.sources import Source, find, spelled
from connectors.port import BEGINNING, Changes, Cursor, Feed, Gone, Look, Rejected, Saved, Skipped, Unavailable, Unclear, Witness
from rules.facts import MessageMetadata
from rules.suggestions import Draft

NO_OUT = "This account has no folder for drafts."
SET_OUT = "Set `out` to a folder that Rekindle may write to."


class FilesMailbox:
    """The mail half of a files account. It reads `paths` and never writes there; drafts go to the Maildir `out/Drafts`."""

    def __init__(self, *, paths: Sequence[Path], out: Path | None) -> None:
        self._paths = list(paths)
        self._drafts = Drafts(out, self._maildirs) if out is not None else None
        self._sources: dict[str, Source | Skipped] = {}

    def feeds(self) -> Sequence[Feed]:
        """List every place that holds mail now; a path that is not there is a feed too, and says so when it is read."""
        self._sources = {_id(source): source for source in find(self._paths)}
        return tuple(_feed(name, source) for name, source in self._sources.items())

    def changes(self, feed: Feed, since: Cursor | None) -> Iterator[Changes[MessageMetadata]]:
        """Yield pages since the cursor. One bad file or message never keeps another from being read."""
        if feed.id not in self._sources:
            self.feeds()
        source = self._sources.get(feed.id)
        match source:
            case Skipped():
                yield Changes(skipped=(source,), cursor=Cursor("none"), covered_since=folder.ALL_TIME, is_last=True)
            case Source(kind="mbox" | "archive"):
                yield from mbox_feed.changes(source, since, Disk())
            case Source(kind="maildir" | "folder" | "message"):
                yield from folder.changes(source, since, Disk())
            case _:
                raise Unavailable(
                    f"{feed.id} is not there.", remedy="Bring it back (is a drive missing?) or take it out of the settings."
                )

    def witness(self) -> Witness:
        """Name the folder of claims."""
        return self._drafts.witness() if self._drafts else BEGINNING

    def save_draft(self, draft: Draft, since: Witness) -> Saved | Gone | Unclear:
        """Publish the draft as `out/Drafts/new/<key>.eml`, once."""
        if self._drafts is None:
            raise Rejected(NO_OUT, remedy=SET_OUT)
        return self._drafts.save(draft, since)

    def look(self, saved: Saved) -> Look:
        """Say what became of the draft: by its name, else by its Message-ID in the Maildirs it may have been moved to."""
        if self._drafts is None:
            raise Rejected(NO_OUT, remedy=SET_OUT)
        return self._drafts.look(saved)

    def withdraw(self, saved: Saved) -> Look:
        """Remove the draft if it is Untouched."""
        if self._drafts is None:
            raise Rejected(NO_OUT, remedy=SET_OUT)
        return self._drafts.withdraw(saved)

    def _maildirs(self) -> Iterator[Path]:
        for source in find(self._paths):
            if isinstance(source, Source) and source.kind == "maildir":
                yield source.path


def _id(source: Source | Skipped) -> str:
    return spelled(source.path if isinstance(source, Source) else Path(source.remote_id))


def _feed(name: str, source: Source | Skipped) -> Feed:
    if isinstance(source, Skipped):
        return Feed(id=name, name=Path(name).name)
    return Feed(id=name, name=source.name, role=source.role, hint=_hint(source))


def _hint(source: Source) -> str:
    """Return what changes with every change; a folder of .eml has none, as a file in it may be written over."""
    try:
        match source.kind:
            case "maildir":
                return ":".join(str((source.path / place).stat().st_mtime_ns) for place in ("cur", "new"))
            case "mbox" | "archive" | "message":
                stat = source.path.stat()
                return f"{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ino}"
            case _:
                return ""
    except OSError:
        return ""
