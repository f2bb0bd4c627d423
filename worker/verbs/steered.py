"""What the steering verbs do, each answered in one line for the owner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Final, assert_never

from sqlalchemy import Connection

from rules.addresses import match_key
from rules.reciprocity import before_an_ask
from rules.suggestions import Draft, Hold, Invite
from worker import feedback
from worker.advice import Refusal
from worker.config import owner_of
from worker.exit_codes import USAGE
from worker.queries import entries_called, person_called
from worker.report import ACTIONS, safe
from worker.store import accounts, audit, looking, network, notes, outbox, people
from worker.store.entry import Entry
from worker.verbs.opened import Here
from worker.views import action_name
from worker.words import moment

FOREVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
SNOOZE: Final = timedelta(weeks=4)


def title_of(entry: Entry) -> str:
    """Name a suggestion in a line: what it is and for whom."""
    match entry.action:
        case Draft(to=to):
            name = ", ".join(each.name or each.email for each in to)
        case Hold(title=title):
            name = entry.name or title
        case Invite(title=title):
            name = title
        case _:
            assert_never(entry.action)
    return safe(f"{ACTIONS[action_name(entry.action)]} {name}")


def approve(here: Here, keys: Sequence[str]) -> Iterator[str]:
    """Approve those named, or everything that waits. Raises Refusal."""
    for entry in _entries(here, keys, waiting=("planned",)):
        if here.write(partial(outbox.approve, key=entry.key, now=here.now)):
            yield f"Approved: {title_of(entry)}, {moment(max(entry.at, here.now), here.zone)}."
        else:
            yield f"{title_of(entry)} does not wait for you: it is {entry.state}."
    if not keys:
        yield "Nothing else waits for you."


def dismiss(here: Here, keys: Sequence[str]) -> Iterator[str]:
    """Dismiss those named, and take away what lies there untouched. Raises Refusal."""
    dismissed: list[Entry] = []
    for entry in _entries(here, keys):
        if here.write(partial(feedback.dismiss, key=entry.key, now=here.now)):
            dismissed.append(entry)
        else:
            yield f"{title_of(entry)} cannot be dismissed any more: it is {entry.state}."
    for account in sorted({entry.account for entry in dismissed if entry.state not in outbox.WAITING}):
        here.working.deliver(account)
    for entry in dismissed:
        yield f"Dismissed: {title_of(entry)}.{_left(here, entry)}"


def _left(here: Here, entry: Entry) -> str:
    now = here.read(lambda connection: outbox.read(connection, entry.key))
    if now is None or now.state == "closed":
        return ""
    if now.close_reason is None:
        return " You have changed it, so it stays where it is."
    return " It is taken away as soon as its account answers."


def _entries(here: Here, named: Sequence[str], waiting: Sequence[str] = ()) -> list[Entry]:
    if named:
        found = here.read(lambda connection: [entries_called(connection, here.name, each) for each in named])
        return [entry for several in found for entry in several]
    return here.read(lambda connection: outbox.read_all(connection, here.name, states=waiting))


def snooze(here: Here, who: str, until: date | timedelta | None, *, is_end: bool) -> str:
    """Leave somebody alone until a day, with what is planned for them. Raises Refusal."""
    person = here.read(lambda connection: person_called(connection, here.name, who))
    at = here.now if is_end else here.after(until) or here.now + SNOOZE

    def change(connection: Connection) -> None:
        people.snooze(connection, here.name, person.id, None if is_end else at)
        people.touch(connection, here.name, [person.id], here.now)
        if is_end:
            return
        for entry in outbox.read_all(connection, here.name, states=outbox.WAITING):
            if entry.address in person.addresses:
                outbox.snooze(connection, entry.key, at, here.now)

    here.write(change)
    audit_line = f"{person.name or person.addresses[0]} is"
    return (
        f"{audit_line} not left alone any more." if is_end else f"{audit_line} left alone until {moment(at, here.zone, here.now)}."
    )


def log(here: Here, who: str, what: str, day: date | timedelta | None, kind: str | None) -> Iterator[str]:
    """Note a contact that no mail or calendar shows, something given or something asked; warn before. Raises Refusal."""
    person = here.read(lambda connection: person_called(connection, here.name, who))
    begin = here.before(day)
    if begin is not None and begin > here.now:
        raise Refusal(f"{day} is still to come.", "Note it when it has happened.", code=USAGE)
    at = here.now if begin is None else min(begin + timedelta(hours=12), here.now)
    if kind == "ask" and (warning := _before_an_ask(here, person.id)):
        yield warning
    noted: notes.NoteKind = "give" if kind == "give" else "ask" if kind == "ask" else "touch"

    def change(connection: Connection) -> None:
        key = match_key(person.addresses[0])
        notes.add(connection, here.name, noted, address=key, person=person.id, at=at, text=what)
        people.touch(connection, here.name, [person.id], here.now)
        looking.look_at(connection, here.name, [key], here.now)
        audit.record(connection, here.now, here.name, "log")

    here.write(change)
    said = {"give": "given to", "ask": "asked of", "touch": "with"}[noted]
    yield f"Noted: {what or 'in touch'} {said} {person.name or person.addresses[0]}, {at.astimezone(here.zone):%a %d %b %Y}."


def _before_an_ask(here: Here, person_id: str) -> str:
    owner = owner_of(here.app.config, here.name)
    seen = here.read(lambda connection: network.load(connection, owner, here.now, person_ids=[person_id]))
    return next((before_an_ask(one) for one in seen.relations if one.person.id == person_id), "")


def pause(here: Here, until: date | timedelta | None, *, is_end: bool) -> str:
    """Make nothing until a day, or until told to go on. Raises Refusal."""
    at = here.now if is_end else here.after(until) or FOREVER

    def change(connection: Connection) -> None:
        accounts.pause_owner(connection, here.name, None if is_end else at)
        audit.record(connection, here.now, here.name, "resume" if is_end else "pause")

    here.app.enrol()
    here.write(change)
    if is_end:
        return "Going on."
    return "Paused. `rekindle pause --end` goes on." if until is None else f"Paused until {moment(at, here.zone, here.now)}."
