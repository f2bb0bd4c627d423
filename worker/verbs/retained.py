"""What a verb that reads mail and calendars lets go of at once: what is older than its owner keeps is in no preview."""

from __future__ import annotations

import click

from worker.verbs.opened import Here
from worker.words import counted


def let_go(here: Here) -> None:
    """Drop what is too old, and say how much that was."""
    if dropped := here.app.drop_old(here.name):
        what = counted(dropped, "message or meeting", "messages and meetings")
        click.echo(f"Left out: {what} more than {here.settings.retention.days} days old (`retention`).")
