"""What a verb that reads mail and calendars lets go of at once: what is older than its owner keeps is in no preview."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy import Connection

from worker.store.accounts import accounts
from worker.store.left_out import TOO_OLD, skips
from worker.verbs.opened import Here
from worker.words import counted


@contextmanager
def letting_go(here: Here) -> Iterator[None]:
    """Drop what is too old once all is read, and say how much of what was read is not kept."""
    before = here.read(lambda connection: _left_out(connection, here.name))
    try:
        yield
    finally:
        here.app.drop_old(here.name)
        dropped = here.read(lambda connection: _left_out(connection, here.name)) - before
        if dropped > 0:
            what = counted(dropped, "message or meeting", "messages and meetings")
            click.echo(f"Left out: {what} more than {here.settings.retention.days} days old (`retention`).")


def _left_out(connection: Connection, owner: str) -> int:
    known = (each.id for each in accounts(connection, owner))
    return sum(each.count for account in known for each in skips(connection, account) if each.reason == TOO_OLD)
