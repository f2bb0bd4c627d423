"""The demo's world: eighteen months of a fictional CTO's mail and calendar, written to a folder, the same every time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A written world: what `rekindle demo` runs on."""

    folder: Path
    config_path: Path
    """config.toml with one owner, `maya`, and one account of provider `files`."""
    now: datetime
    """The instant the demo takes for now: a Tuesday 10:30 in the owner's zone; kept in the folder, the same for every run."""
    owner: str
    messages: int
    events: int


def write_world(folder: Path, *, now: datetime) -> World:
    """Write mail, calendar and config into the folder, or find the ones written there before.

    `now` is the real time (aware): a fresh world is pinned to the latest Tuesday 10:30 before it. A folder that already
    holds a world keeps it, whatever `now` is. An interrupted write is begun again.
    """
    raise NotImplementedError
