"""Read one .ics file, a folder of them, or an archive with them as a feed: page by page, and later only what has changed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from stat import S_ISREG

from connectors import ical
from connectors.files.archive import ARCHIVE_SUFFIXES, BROKEN, is_archive, members
from connectors.files.sources import is_ics
from connectors.port import Changes, Cursor, CursorExpired, Skipped, Unavailable
from rules.facts import CalendarEvent

PAGE = 2000
"""Events of one page, a few more where the last UID has several."""
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_ANSWERS = frozenset({"REPLY", "COUNTER", "DECLINECOUNTER", "REFRESH"})

Group = list[CalendarEvent | Skipped]
"""All there is of one UID in a file, or one thing skipped."""


@dataclass(slots=True)
class _File:
    """A file as it was when it was read: `uid` where it held one only, so that its removal can be told."""

    mark: str
    digest: str = ""
    uid: str = ""


@dataclass(slots=True)
class _State:
    """What a cursor remembers: the files read, and how many groups of the one being read have been reported."""

    files: dict[str, _File] = field(default_factory=dict)
    reading: str = ""
    mark: str = ""
    done: int = 0
    begin: datetime | None = None
    """What ended before was passed over: a read that was broken off counts on from the same groups."""

    def is_amid(self, name: str) -> bool:
        """Whether a page ended in the middle of the file."""
        return bool(self.mark) and self.reading == name

    def cursor(self) -> Cursor:
        """Write it down."""
        files = {name: [file.mark, file.digest, file.uid] for name, file in self.files.items()}
        return Cursor(
            json.dumps(
                {"files": files, "at": [self.reading, self.mark, self.done, self.begin and self.begin.isoformat()]},
                separators=(",", ":"),
            )
        )


def survey(path: Path, ignored: frozenset[Path]) -> tuple[str, list[Path]]:
    """Return the change mark of a feed ("" where there is nothing to look at), and the archives below it."""
    if not path.exists():
        return "", []
    files, archives = _found(path, ignored)
    return hashlib.blake2b(json.dumps(files, sort_keys=True).encode(), digest_size=12).hexdigest(), archives


def changes(
    path: Path,
    since: Cursor | None,
    *,
    zone: str,
    ignored: frozenset[Path],
    may_be_missing: bool = False,
    begin: datetime | None = None,
) -> Iterator[Changes[CalendarEvent]]:
    """Yield what is new since the cursor, file by file. Raises CursorExpired where a file of several UIDs has changed or gone.

    Remote ids are `<path within the feed>#<uid>`. Everything of a UID stands in one page. A file that cannot be read is
    skipped with its reason; only the feed's own path missing makes the whole feed Unavailable, unless nothing was read there
    yet and it `may_be_missing`. Single events that ended before `begin` are passed over.
    """
    state = _state(since)
    is_to_come = may_be_missing and not state.files and not path.exists()
    files = {} if is_to_come else _found(path, ignored)[0]
    if state.mark and files.get(state.reading) != state.mark:
        raise CursorExpired("A calendar file has changed while it was being read.")
    if not state.mark:
        state.begin = begin
    page = _Page(state=state)
    for name in [name for name in state.files if name not in files]:
        page.removed.append(_only_id(name, state.files.pop(name)))
    for name, mark in files.items():
        known = state.files.get(name)
        if known is not None and known.mark == mark:
            continue
        digest = _digest(path / name if name else path)
        if known is not None and known.digest == digest:
            known.mark = mark
            continue
        before = _only_id(name, known) if known is not None else ""
        yield from page.read(_groups(path, name, zone, state.begin), name, _File(mark, digest), before)
    yield page.turned(covered_since=state.begin or _BEGINNING)


@dataclass(slots=True, kw_only=True)
class _Page:
    """The page being filled."""

    state: _State
    upserted: list[CalendarEvent] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def read(self, groups: Iterator[Group], name: str, file: _File, before: str) -> Iterator[Changes[CalendarEvent]]:
        """Take in a file; yield each page it fills. `before` is the one remote id it used to hold."""
        ids: set[str] = set()
        resumed = self.state.done if self.state.is_amid(name) else 0
        for number, group in enumerate(groups, start=1):
            ids.update(event.uid for event in group if isinstance(event, CalendarEvent) and len(ids) < 2)  # noqa: PLR2004 - one, or several
            if number <= resumed:
                continue
            for item in group:
                if isinstance(item, Skipped):
                    self.skipped.append(item)
                else:
                    self.upserted.append(item)
            if len(self.upserted) + len(self.skipped) >= PAGE:
                self.state.reading, self.state.mark, self.state.done = name, file.mark, number
                yield self.turned()
        self.state.reading, self.state.mark, self.state.done = "", "", 0
        file.uid = ids.pop() if len(ids) == 1 else ""
        self.state.files[name] = file
        if before and before != f"{name}#{file.uid}":
            self.removed.append(before)

    def turned(self, covered_since: datetime | None = None) -> Changes[CalendarEvent]:
        """Return the page and begin another; the last one of a round says what it covers."""
        page = Changes(
            upserted=tuple(self.upserted),
            removed=tuple(self.removed),
            skipped=tuple(self.skipped),
            cursor=self.state.cursor(),
            covered_since=covered_since,
            is_last=covered_since is not None,
        )
        self.upserted, self.removed, self.skipped = [], [], []
        return page


def _state(since: Cursor | None) -> _State:
    if since is None:
        return _State()
    try:
        said = json.loads(since)
        reading, mark, done, *begin = said["at"]
        files = {name: _File(*map(str, file)) for name, file in said["files"].items()}
        is_bounded = bool(begin and begin[0])
        return _State(files, str(reading), str(mark), int(done), datetime.fromisoformat(begin[0]) if is_bounded else None)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CursorExpired("Where the calendar files were left cannot be read.") from None


def _only_id(name: str, file: _File) -> str:
    """Return the remote id of a file's only UID; what a file of several held, only a new read of all can tell."""
    if not file.uid:
        raise CursorExpired("A calendar file has changed.")
    return f"{name}#{file.uid}"


def _found(path: Path, ignored: frozenset[Path]) -> tuple[dict[str, str], list[Path]]:
    """Return the calendars of a feed, each by its path within it ("" = the feed is one file), with size and time; and archives."""
    if not path.is_dir():
        try:
            return {"": _mark(path.stat())}, []
        except OSError as error:
            raise Unavailable(f"{path} cannot be read: {error.strerror}.", remedy="Put it back, or change `calendar`.") from error
    found: dict[str, str] = {}
    archives: list[Path] = []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and Path(folder, name) not in ignored)
        for name in sorted(name for name in names if not name.startswith(".")):
            file = Path(folder, name) if is_ics(name) or name.lower().endswith(ARCHIVE_SUFFIXES) else None
            if file is None or file in ignored or not file.is_file():  # a pipe might be waited for for ever
                continue
            if not is_ics(name):
                archives.append(file)
                continue
            with suppress(OSError):
                found[file.relative_to(path).as_posix()] = _mark(file.stat())
    return found, archives


def _mark(stat: os.stat_result) -> str:
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def _digest(path: Path) -> str:
    """Return a hash of the content, so that a touched file is not read again."""
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=12)).hexdigest()
    except OSError:
        return ""


def _groups(path: Path, name: str, zone: str, begin: datetime | None) -> Iterator[Group]:
    if is_archive(path):
        yield from _of_archive(path, zone, begin)
        return
    file = path / name if name else path
    try:
        if not S_ISREG(file.stat().st_mode):
            yield [Skipped(remote_id=name or str(path), reason="A calendar was left out: it is a pipe or a device, not a file.")]
            return
        with file.open("rb") as stream:
            yield from grouped(ical.read(stream, remote_id=name, zone=zone, is_export=True, since=begin))
    except OSError as error:
        yield [Skipped(remote_id=name, reason=f"A calendar file was left out: {error.strerror or 'it cannot be read'}.")]


def _of_archive(path: Path, zone: str, begin: datetime | None) -> Iterator[Group]:
    try:
        for member in members(path, is_ics):
            if isinstance(member, Skipped):
                yield [member]
            else:
                yield from grouped(ical.read(member.stream, remote_id=member.name, zone=zone, is_export=True, since=begin))
    except BROKEN:
        yield [Skipped(remote_id=str(path), reason="The rest of an archive was left out: it is damaged, or made to fill a disk.")]


def grouped(items: Iterator[CalendarEvent | Skipped]) -> Iterator[Group]:
    """Keep together what belongs to one UID: series wait for the end of the file, all else passes at once.

    Of several copies of an event the one with the highest SEQUENCE, then the newest, is reported last. An answer to an
    invitation (METHOD:REPLY) is no event.
    """
    series: dict[str, Group] = {}
    ages: dict[str, tuple[int, timedelta]] = {}
    for item in items:
        if isinstance(item, Skipped):
            yield [item]
        elif item.method in _ANSWERS:
            yield [Skipped(remote_id=item.remote_id, reason="An event was left out: it is an answer to an invitation.")]
        elif item.recurrence or item.original_start is not None or item.uid in series:
            series.setdefault(item.uid, []).append(item)
        elif ages.get(item.uid, (-1, timedelta())) <= (age := _age(item)):
            ages[item.uid] = age
            yield [item]
        else:
            yield [Skipped(remote_id=item.remote_id, reason="An event was left out: a newer copy of it is in the same file.")]
    yield from (sorted(group, key=_order) for group in series.values())


def _age(event: CalendarEvent) -> tuple[int, timedelta]:
    return event.sequence, (event.updated_at or _BEGINNING) - _BEGINNING


def _order(item: CalendarEvent | Skipped) -> tuple[bool, int, timedelta]:
    """Masters first, older copies before newer ones: the last one written wins."""
    return (item.original_start is not None, *_age(item)) if isinstance(item, CalendarEvent) else (False, 0, timedelta())
