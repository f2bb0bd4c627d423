"""Copies: how a database is written down while it is in use, and how one knows that it was restored from such a copy.

A copy of SQLite's bears a mark, which goes as it is opened. PostgreSQL is copied by its own tools: there the store has
noted where it lies, and lies elsewhere once a dump of it is restored, or on another timeline after a recovery.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, delete, insert, select, text, update

from worker.store.statements import insert_ignoring
from worker.store.tables import account, meta, suggestion

COPIED: Final = "copied"
"""Mark inside a backup: whoever opens one as their store has restored it, and the ledger may have forgotten."""
PLACE: Final = "place"
"""Where in PostgreSQL the store lies."""
RESTORED: Final = "restored_at"
"""When that was, as far as somebody with a clock has said so."""
_WITHIN: Final = text("SELECT 'meta'::regclass::oid || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())")
_MAY_ASK: Final = text(
    "SELECT has_function_privilege('pg_control_system()', 'execute') AND has_function_privilege('pg_control_checkpoint()', 'execute')"
)
_OF_THE_SERVER: Final = text("SELECT system_identifier || '/' || timeline_id FROM pg_control_system(), pg_control_checkpoint()")


def copy(source: str, target: Path) -> None:
    """Write a SQLite file to another, with the mark of a copy in it."""
    with sqlite3.connect(f"{Path(source).absolute().as_uri()}?mode=ro", uri=True) as old, sqlite3.connect(target) as new:
        old.backup(new, pages=1000)
        new.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, '1')", (COPIED,))
        new.commit()
    old.close()
    new.close()


def is_news(connection: Connection) -> bool:
    """Tell whether the store was restored and has not counted that, or has not noted yet where it lies."""
    return _kept(connection, COPIED) is not None or _kept(connection, PLACE) != _place(connection)


def note(connection: Connection) -> None:
    """Note where the store lies, and count that it was restored, once, of however many that open it at the same time."""
    was, now = _kept(connection, PLACE), _place(connection)
    is_moved = False
    if was is None and now is not None:
        connection.execute(insert_ignoring(connection, meta), [{"name": PLACE, "value": now}])
    elif was != now:
        is_moved = bool(
            connection.execute(update(meta).where(meta.c.name == PLACE, meta.c.value == was).values(value=now)).rowcount
        )
    if connection.execute(delete(meta).where(meta.c.name == COPIED)).rowcount or is_moved:
        _count(connection)


def _kept(connection: Connection, name: str) -> str | None:
    return connection.execute(select(meta.c.value).where(meta.c.name == name)).scalar()


def _place(connection: Connection) -> str | None:
    """Say where the store lies: cluster and timeline, as far as that may be asked, database and table; None in SQLite."""
    if connection.dialect.name != "postgresql":
        return None
    server = connection.execute(_OF_THE_SERVER).scalar_one() if connection.execute(_MAY_ASK).scalar_one() else ""
    return f"{server}/{connection.execute(_WITHIN).scalar_one()}"


def _count(connection: Connection) -> None:
    """Have every account read before anything is put into it, and everything delivered looked at: much may have happened since."""
    epoch = int(_kept(connection, "ledger_epoch") or 0)
    connection.execute(update(meta).where(meta.c.name == "ledger_epoch").values(value=str(epoch + 1)))
    connection.execute(delete(meta).where(meta.c.name == RESTORED))
    connection.execute(insert(meta), {"name": RESTORED, "value": ""})
    connection.execute(update(account).where(account.c.last_ok_at.is_not(None)).values(last_ok_at=0, next_attempt_at=0))
    connection.execute(update(suggestion).where(suggestion.c.state == "delivered").values(next_attempt_at=0))
    if connection.dialect.name == "sqlite":  # of PostgreSQL a recovery may be a failover, and workers go on
        connection.execute(update(suggestion).values(lease_until=0))
