"""The options that many verbs share, each written once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

P = ParamSpec("P")
R = TypeVar("R")


class Instant(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.4
    """An ISO 8601 instant; without an offset it is a time in the owner's zone."""

    name = "iso"

    def convert(self, value: str | date, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read the instant, naive where no offset was written."""
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time; write it like 2026-11-17T10:30 or 2026-11-17T10:30+01:00.", param, ctx)


class Day(click.ParamType):  # type: ignore[type-arg]  # as above
    """An ISO 8601 day, or a span from now: 3d, 2w, 6m."""

    name = "day"

    def convert(self, value: str | date | timedelta, param: click.Parameter | None, ctx: click.Context | None) -> date | timedelta:
        """Read the day or the span."""
        if not isinstance(value, str):
            return value
        if span := re.fullmatch(r"(\d{1,3})([dwm])", value):
            return timedelta(days=int(span[1]) * {"d": 1, "w": 7, "m": 30}[span[2]])
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no day; write it like 2026-11-17, or as a span like 3d, 2w or 6m.", param, ctx)


INSTANT = Instant()
DAY = Day()

config = click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The config.toml to use; without it $REKINDLE_CONFIG, else ~/.config/rekindle/config.toml.",
)
owner = click.option("--owner", metavar="NAME", help="Which [owners.NAME]; needed only with more than one.")
now = click.option("--now", type=INSTANT, metavar="ISO", help="Look as if it were this time; for trying things out.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON; docs/cli.md describes it.")
yes = click.option("--yes", "-y", is_flag=True, help="Do not ask first.")


def reading(verb: Callable[P, R]) -> Callable[P, R]:
    """Give a reading verb --config, --owner, --now and --json."""
    return config(owner(now(as_json(verb))))


def writing(verb: Callable[P, R]) -> Callable[P, R]:
    """Give a verb that changes something --config and --owner."""
    return config(owner(verb))


def examples(*lines: str) -> str:
    r"""Write the epilog of a verb: command lines that run as they stand (click leaves \b paragraphs alone)."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
