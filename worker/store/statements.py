"""The few statements SQLite and PostgreSQL write alike but SQLAlchemy keeps per dialect: INSERT ... ON CONFLICT, row locks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import Insert

from worker.store.tables import owner

Item = TypeVar("Item")

CHUNK = 500
"""Values in one IN list; SQLite takes 32,766."""


def insert_ignoring(connection: Connection, table: Table) -> Insert:
    """Write an INSERT that leaves rows alone whose key exists, and counts those it adds. Execute it with a list of dicts."""
    return _ignoring(connection.dialect.name, table)


def upsert(connection: Connection, table: Table, key: tuple[str, ...], kept: tuple[str, ...] = ()) -> Insert:
    """Write an INSERT that overwrites the row with the same key, but for the columns `kept`. Execute it with a list of dicts."""
    return _upsert(connection.dialect.name, table, key, kept)


def lock_owner(connection: Connection, name: str) -> None:
    """Make other writers of the owner's index rows wait until this transaction ends (SQLite has one writer anyway)."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(owner.c.id).where(owner.c.id == name).with_for_update())


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[Sequence[Item]]:
    """Cut into pieces that fit into one IN list."""
    rest = iter(items)
    while piece := list(islice(rest, size)):
        yield piece


@cache
def _ignoring(dialect: str, table: Table) -> Insert:
    if dialect == "postgresql":  # SQLAlchemy says -1 there unless it is asked to keep the count
        return postgresql.insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return sqlite.insert(table).on_conflict_do_nothing()


@cache
def _upsert(dialect: str, table: Table, key: tuple[str, ...], kept: tuple[str, ...]) -> Insert:
    statement = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    columns = {c.name: statement.excluded[c.name] for c in table.c if c.name not in {*key, *kept, "id"}}
    return statement.on_conflict_do_update(index_elements=list(key), set_=columns)
