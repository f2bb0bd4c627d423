"""What a verb works on: settings read, store opened, one owner chosen, and the time it is to take for now."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import click
from sqlalchemy import Connection

from worker import logs
from worker.advice import Refusal
from worker.app import App, frozen_clock
from worker.config import load
from worker.exit_codes import FAILED, OWNER, USAGE
from worker.settings import Config, OwnerSettings
from worker.visiting import Visitor

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """One owner's corner of an opened installation."""

    app: App
    working: App
    """The same, whose connections are those of one more process that works."""
    name: str
    """NAME of [owners.NAME]."""
    settings: OwnerSettings
    zone: ZoneInfo
    now: datetime
    """Aware UTC."""
    given_up: set[str] = field(default_factory=set)
    """Accounts another process has not let go of in time."""

    def read(self, query: Callable[[Connection], Found]) -> Found:
        """Ask the store in one snapshot."""
        with self.app.store.read() as connection:
            return query(connection)

    def write(self, change: Callable[[Connection], Found]) -> Found:
        """Change the store in one transaction."""
        with self.app.store.write() as connection:
            return change(connection)

    def before(self, day: date | timedelta | None) -> datetime | None:
        """Return when a day begins in the owner's zone, or the instant a span ago."""
        return self.now - day if isinstance(day, timedelta) else self._midnight(day)

    def after(self, day: date | timedelta | None) -> datetime | None:
        """Return when a day begins in the owner's zone, or the instant a span ahead; a past one is refused."""
        at = self.now + day if isinstance(day, timedelta) else self._midnight(day)
        if at is not None and at <= self.now:
            raise Refusal(f"{day} has passed.", "Name a day ahead, or say --end.", code=USAGE)
        return at

    def _midnight(self, day: date | None) -> datetime | None:
        return None if day is None else datetime.combine(day, time(), self.zone).astimezone(UTC)


@contextmanager
def opened(config: Path | None, owner: str | None, now: datetime | None = None) -> Iterator[Here]:
    """Open everything a verb needs for one owner. Raises ConfigError, StoreError, Refusal."""
    logs.set_up(is_json=False, level=logging.ERROR)
    settings = load(config)
    name = chosen(settings, owner)
    zone = ZoneInfo(str(settings.owners[name].zone))
    at = instant(now or settings.now, zone)
    app = App.open(settings, clock=None if now is None else frozen_clock(at))
    with closing(app), closing(Visitor(app, waiting)) as visitor:
        working = replace(app, open_connection=visitor.open, has_company=visitor.has_company)
        whose = settings.owners[name]
        yield Here(app=app, working=working, name=name, settings=whose, zone=zone, now=at, given_up=visitor.given_up)


def waiting(account: str) -> None:
    """Say for which account of the owner's a verb waits."""
    waiting_for(account.partition("/")[2])


def waiting_for(what: str) -> None:
    """Say what a verb waits for."""
    click.echo(f"{what} is in use by another Rekindle, the service or a verb; waiting for it …", err=True)


def in_use(account: str) -> Refusal:
    """Say of an account that another process has not let go of it in time."""
    name = account.partition("/")[2]
    return Refusal(f"{name} is in use by another Rekindle, the service or a verb.", "Run it again in a minute.", code=FAILED)


def chosen(settings: Config, owner: str | None) -> str:
    """Say which owner is meant: the one named, else the only one."""
    names = tuple(settings.owners)
    if owner in names:
        return owner
    if owner is not None:
        raise Refusal(f"There is no owner {owner!r}.", f"{settings.file} knows: {', '.join(names)}.", code=USAGE)
    if len(names) > 1:
        raise Refusal("There is more than one owner.", f"Say which: --owner {' | '.join(names)}", code=USAGE)
    if not names:
        raise Refusal("There is no owner yet.", "Run `rekindle init`.", code=OWNER)
    return names[0]


def instant(now: datetime | None, zone: ZoneInfo) -> datetime:
    """Return the time to take for now, aware UTC; without an offset it is read in the owner's zone."""
    if now is None:
        return datetime.now(UTC)
    return (now if now.tzinfo else now.replace(tzinfo=zone)).astimezone(UTC)


def some_zone(settings: Config) -> ZoneInfo:
    """Return the zone of the first owner, for a time that is everybody's."""
    return ZoneInfo(next(iter(settings.owners.values())).zone)
