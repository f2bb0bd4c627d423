"""The demo's world: eighteen months of a fictional CTO's mail and calendar, written to a folder, the same every time."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from connectors.ical import calendar_bytes
from worker.demo_calendar import CUSTOM_ZONE, events
from worker.demo_cast import ALIAS, KEY_PEOPLE, OWNER_NAME, OWNER_ZONE, PRIVATE, WORK
from worker.demo_letters import Desk, Letter, mbox
from worker.demo_mail import letters

SEED = 20_261
TUESDAY = 1
OWNER = "maya"
VERSION = 2
"""Rises when the world changes: an older one is then written anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A written world: what `rekindle demo` runs on."""

    folder: Path
    """`folder/world` holds the mail (mbox) and the calendar (.ics); `folder/out` takes what Rekindle makes."""
    config_path: Path
    """config.toml with one owner, `maya`, and one account of provider `files`."""
    now: datetime
    """What the demo takes for now: a Tuesday 10:30 in the owner's zone, in UTC; kept in the folder, the same for every run."""
    owner: str
    messages: int
    events: int
    """VEVENTs in the calendar."""


def write_world(folder: Path, *, now: datetime) -> World:
    """Write mail, calendar and config into the folder, or find the ones written there before.

    `now` is the real time (aware): a fresh world is pinned to the latest Tuesday 10:30 before it. A folder that already
    holds a world keeps it, whatever `now` is. An interrupted write is begun again.
    """
    folder = folder.absolute()
    written = _written(folder)
    if written is not None:
        return written
    pinned = latest_tuesday(now)
    desk = Desk(random.Random(SEED))  # noqa: S311 - invented mail
    mail = list(letters(pinned, desk))
    calendar = [event.lines() for event in events(pinned, desk)]
    (folder / "world").mkdir(parents=True, exist_ok=True)
    for name, content in _boxes(mail):
        _put(folder / "world" / name, content)
    _put(folder / "world" / "calendar.ics", calendar_bytes([CUSTOM_ZONE, *calendar]))
    _put(folder / "config.toml", config(pinned).encode())
    world = World(
        folder=folder, config_path=folder / "config.toml", now=pinned, owner=OWNER, messages=len(mail), events=len(calendar)
    )
    said = {"version": VERSION, "now": pinned.isoformat(), "messages": world.messages, "events": world.events}
    _put(folder / "world" / "world.json", json.dumps(said).encode())
    return world


def latest_tuesday(now: datetime) -> datetime:
    """Return the latest Tuesday 10:30 of the owner's zone that is not after `now`, in UTC."""
    zone = ZoneInfo(OWNER_ZONE)
    local = now.astimezone(zone)
    day = local.date() - timedelta(days=(local.weekday() - TUESDAY) % 7)
    pinned = datetime.combine(day, time(10, 30), zone)
    if pinned > local:
        pinned = datetime.combine(day - timedelta(days=7), time(10, 30), zone)
    return pinned.astimezone(UTC)


def config(now: datetime) -> str:
    """Return the config.toml of the world, which stays at its own now."""
    people = "\n".join(
        f'[[owners.{OWNER}.people]]\nname = "{tie.who.name}"\naddresses = ["{tie.who.email}"]\ncadence = "{cadence}"\ncircle = "{circle}"\n'
        for tie, cadence, circle in KEY_PEOPLE
    )
    return f"""# The world of the demo. Every verb of rekindle works on it: rekindle people --config config.toml
now = {now.astimezone(ZoneInfo(OWNER_ZONE)).isoformat()} # the demo's day; without this line the clock's time counts

[owners.{OWNER}]
name = "{OWNER_NAME}"
addresses = ["{WORK}", "{ALIAS}", "{PRIVATE}"]
domains = ["meridian.example"]
zone = "{OWNER_ZONE}"
hours = "09:00-18:00"
no_go = ["12:00-13:00"]
signature = "{OWNER_NAME}"

[owners.{OWNER}.accounts.disk]
provider = "files"
mail = ["world"]
calendar = ["world"]
out = "out"

{people}
[store]
url = "sqlite:///rekindle.db"

[secrets]
key_file = "master.key"
"""


def _written(folder: Path) -> World | None:
    """Find the world an earlier run finished writing."""
    try:
        said = json.loads((folder / "world" / "world.json").read_bytes())
        if said["version"] != VERSION or not (folder / "config.toml").is_file():
            return None
        return World(
            folder=folder,
            config_path=folder / "config.toml",
            now=datetime.fromisoformat(said["now"]),
            owner=OWNER,
            messages=int(said["messages"]),
            events=int(said["events"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _boxes(mail: Sequence[Letter]) -> Sequence[tuple[str, bytes]]:
    """Sort the mail into folders."""
    sent = [letter for letter in mail if letter.is_from_owner]
    lists = [letter for letter in mail if not letter.is_from_owner and any(name == "List-Post" for name, _ in letter.headers)]
    apart = {letter.id for letter in (*sent, *lists)}
    rest = [letter for letter in mail if letter.id not in apart]
    return (("Inbox.mbox", mbox(rest)), ("Sent.mbox", mbox(sent)), ("Lists.mbox", mbox(lists)))


def _put(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    fresh = path.with_name(f".{path.name}.tmp")
    fresh.write_bytes(content)
    os.replace(fresh, path)  # noqa: PTH105 - Path.replace says the same
