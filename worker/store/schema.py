"""The version of the schema: checked when a store is opened, made when it is new, brought up to date by `rekindle upgrade`."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, insert, inspect, select, text
from sqlalchemy.schema import CreateTable

from worker.store.engine import SchemaTooNew, SchemaTooOld, begin, engines, explained, name_of, parse, prepare_file
from worker.store.tables import meta, metadata

REVISIONS = ("0001", "0002")
"""Every version there was, oldest first; the last is what this Rekindle needs. A test holds it to the migrations."""
_VERSION: Final = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own table."""


def version(connection: Connection) -> str | None:
    """Return the schema version of a database; None where nothing has been made yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def check(found: str, name: str) -> None:
    """Refuse a database of another version. Raises SchemaTooOld, SchemaTooNew."""
    if found == REVISIONS[-1]:
        return
    if found in REVISIONS:
        raise SchemaTooOld(
            f"The database {name} was made by an older Rekindle (schema {found}, needed {REVISIONS[-1]}).",
            remedy="Run `rekindle upgrade`; it keeps everything. `rekindle backup` first does no harm.",
        )
    raise SchemaTooNew(
        f"The database {name} was made by a newer Rekindle (schema {found}, this one knows {REVISIONS[-1]}).",
        remedy="Install the newer Rekindle again, or restore a backup from before the upgrade.",
    )


def upgrade(url: str) -> tuple[str | None, str]:
    """Bring a database to the newest schema, making it where there is none; return the versions before and after.

    Raises SchemaTooNew for what a newer Rekindle made, StoreError for what cannot be opened or written.
    """
    parsed = parse(url)
    prepare_file(parsed)
    read, write = engines(parsed)
    try:
        with explained(parsed), write.begin() as connection:
            begin(connection, is_reader=False)
            before = version(connection)
            if before is not None and before not in REVISIONS:
                check(before, name_of(parsed))
            migrate(connection)
            return before, REVISIONS[-1]
    finally:
        read.dispose()
        write.dispose()


def make(connection: Connection) -> None:
    """Make the newest schema in an empty database, inside the transaction of `connection`; another process may have, meanwhile.

    A test holds it to the migrations, which end at the same: they take 0.3 s more and Alembic, which stays in memory, 10 MB.
    """
    _wait_for_others(connection)
    if version(connection) is None:
        metadata.create_all(connection, checkfirst=False)
        connection.execute(CreateTable(_VERSION, if_not_exists=True))
        connection.execute(insert(_VERSION), {"version_num": REVISIONS[-1]})
        _introduce(connection)


def migrate(connection: Connection, target: str = "head") -> None:
    """Run the migrations inside the transaction of `connection`: all of them or none."""
    from alembic import command  # noqa: PLC0415 - needed only for a database of another version
    from alembic.config import Config  # noqa: PLC0415 - as above

    _wait_for_others(connection)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, target)
    _introduce(connection)


def _wait_for_others(connection: Connection) -> None:
    """Have one process at a time look whether the database is empty; of SQLite a writer is alone anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(712006)"))


def _introduce(connection: Connection) -> None:
    """Give the installation its name and its secret."""
    if connection.execute(select(meta.c.name).where(meta.c.name == "installation")).first() is None:
        rows = {"installation": secrets.token_hex(13), "ledger_epoch": "0", "pepper": secrets.token_hex(32)}
        connection.execute(insert(meta), [{"name": name, "value": value} for name, value in rows.items()])
