"""What mute and never do: whom and what Rekindle leaves alone everywhere, for good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy import Connection

from connectors import private
from rules.suggestions import Invite
from worker import never
from worker.advice import Refusal
from worker.exit_codes import OWNER, USAGE
from worker.json_choices import NeverView
from worker.queries import person_called
from worker.store import audit, outbox, people
from worker.verbs.opened import Here
from worker.verbs.undone import is_about, take_back

REASONS = {"died": "they died", "left": "they left", "dispute": "you are in dispute", "": "you said so"}


def mute(here: Here, who: str, because: str, *, is_end: bool) -> str:
    """Leave somebody alone everywhere, and take away what waits or lies there for them. Raises Refusal."""
    person = here.read(lambda connection: person_called(connection, here.name, who))
    name = person.name or person.addresses[0]
    if is_end and not person.is_muted:
        return f"{name} is not left alone."
    keys = here.read(lambda connection: people.keys_of(connection, here.name, person.id))

    def change(connection: Connection) -> None:
        people.describe(connection, here.name, person.id, mute_reason="" if is_end else REASONS[because])
        people.touch(connection, here.name, [person.id], here.now)
        audit.record(connection, here.now, here.name, "log", detail="mute ended" if is_end else "mute")

    here.write(change)
    if is_end:
        return f"{name} is not left alone any more."
    entries = here.read(lambda connection: outbox.read_all(connection, here.name))
    take_back(
        here, [each for each in entries if is_about(each, keys) and not isinstance(each.action, Invite)], "You want them left alone"
    )
    return f"{name} is left alone everywhere: {REASONS[because]}. `rekindle mute --end` takes it back."


def muted(connection: Connection, owner: str) -> tuple[NeverView, ...]:
    """Return who is left alone everywhere."""
    known = (each for each in people.people(connection, owner) if each.is_muted)
    return tuple(NeverView(kind="person", entry=each.addresses[0], reason=each.mute_reason or None) for each in known)


def listed(here: Here) -> tuple[NeverView, ...]:
    """Return the never-list of the settings and its file."""
    said = here.settings.never
    return (
        *(NeverView(kind="person", entry=each, reason=None) for each in said.people),
        *(NeverView(kind="domain", entry=each, reason=None) for each in said.domains),
        *(NeverView(kind="title", entry=each, reason=None) for each in said.titles),
    )


def add(here: Here, lines: Iterable[str]) -> str:
    """Put entries on the never-list, in the file beside config.toml. Raises Refusal."""
    said, fresh = here.settings.never, never.read(lines)
    file = never.file_of(here.app.config.file, here.name)
    known = {*said.people, *said.domains, *said.titles}
    new = never.NeverList(
        people=tuple(each for each in fresh.people if each not in known),
        domains=tuple(each for each in fresh.domains if each not in known),
        titles=tuple(each for each in fresh.titles if each not in known),
    ).lines()
    if not new:
        return "There is nothing new in it: what it names is on the list, or it names no address, @domain or words of a title."
    try:
        with open(file, "a", encoding="utf-8", opener=private.opener) as out:
            out.writelines(f"{line}\n" for line in new)
        file.chmod(0o600)
    except OSError as error:
        raise Refusal(
            f"{file} cannot be written: {error.strerror}.", "Put it there yourself, one entry a line.", code=OWNER
        ) from error
    return f"{len(new)} added to {file}."


def meant(entries: Sequence[str]) -> Sequence[str]:
    """Take what the owner typed. Raises Refusal for what looks like an address and is none."""
    for each in entries:
        if never.is_unclear(each):
            what = "Write bob@firm.example, @firm.example, or words of a title without @."
            raise Refusal(f"{each!r} is neither an address nor an organisation.", what, code=USAGE)
    return entries


def read_file(file: Path) -> list[str]:
    """Return the lines of a list to import."""
    return file.read_text("utf-8-sig", errors="replace").splitlines()
