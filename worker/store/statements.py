"""The few statements SQLite and PostgreSQL write alike but SQLAlchemy keeps per dialect: INSERT ... ON CONFLICT, row locks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import ARRAY, Column, Connection, Table, Text, any_, bindparam, func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL
from sqlalchemy.sql import Insert
from sqlalchemy.sql.elements import ColumnElement

from worker.store.json_lines import encode
from worker.store.tables import owner

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

Item = TypeVar("Item")

DRIVEN: Final = {"postgresql": "postgresql+psycopg"}
_Written = tuple[str, Callable[[Mapping[str, Any]], tuple[Any, ...]] | None]
"""The text of an INSERT, and what takes its values out of a row in order, None where the driver takes them by name."""
AT_ONCE = 64
"""Rows of few columns written by one statement: each run of one takes longer than a row."""
CHUNK = 500
"""Values in one IN list; SQLite takes 32,766."""


def insert_ignoring(connection: Connection, table: Table) -> Insert:
    """Write an INSERT that leaves rows alone whose key exists, and counts those it adds. Execute it with a list of dicts."""
    return _ignoring(connection.dialect.name, table)


def upsert(connection: Connection, table: Table, key: tuple[str, ...], kept: tuple[str, ...] = ()) -> Insert:
    """Write an INSERT that overwrites the row with the same key, but for the columns `kept`. Execute it with a list of dicts."""
    return _upsert(connection.dialect.name, table, key, kept)


def upsert_rows(
    connection: Connection, table: Table, key: tuple[str, ...], rows: Sequence[Mapping[str, Any]], kept: tuple[str, ...] = ()
) -> None:
    """Execute `upsert` with rows that all name the same columns, in the plain types of the driver."""
    if rows:
        _driven(connection, _written(connection.dialect.name, table, key, kept, tuple(rows[0])), rows)


def insert_tuples(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]], columns: tuple[str, ...] = ()) -> None:
    """Insert rows that hold these columns, or every one in the table's order, in the plain types of the driver."""
    if rows:
        connection.exec_driver_sql(_positional(connection.dialect.name, table, 1, columns), list(rows))


def insert_narrow(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows as `insert_tuples` does, of a table of few columns: many by one statement."""
    many = len(rows) - len(rows) % AT_ONCE
    if many:
        joined = [tuple(chain.from_iterable(rows[at : at + AT_ONCE])) for at in range(0, many, AT_ONCE)]
        connection.exec_driver_sql(_positional(connection.dialect.name, table, AT_ONCE), joined)
    insert_tuples(connection, table, rows[many:])


def take_ids(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """Take row ids for rows about to be inserted, so that nothing has to be read back. The owner is locked already."""
    if connection.dialect.name == "postgresql":
        sequence = func.nextval(func.pg_get_serial_sequence(table.name, "id"))
        taken = connection.execute(select(sequence).select_from(func.generate_series(1, count))).scalars()
        return [int(each) for each in taken]
    last = int(connection.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one())
    return range(last + 1, last + 1 + count)


def among(dialect: str, column: Column[Any]) -> ColumnElement[bool]:
    """Test whether a column is one of many values, bound as one under the name `these`: an IN list of thousands takes long to write."""
    if dialect == "postgresql":
        return column == any_(bindparam("these", type_=ARRAY(column.type)))
    values = func.json_each(bindparam("these", type_=Text)).table_valued("value")
    return column.in_(select(values.c.value))


def listed(connection: Connection, values: Iterable[str] | Iterable[int]) -> str | list[str] | list[int]:
    """Write what `among` calls `these`."""
    found: Any = list(values)
    return found if connection.dialect.name == "postgresql" else encode(found)


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
def _positional(dialect: str, table: Table, count: int, columns: tuple[str, ...] = ()) -> str:
    """Return the text of an INSERT of so many rows whose values are given by position."""
    names = columns or tuple(each.name for each in table.c)
    places = ", ".join(["%s" if dialect == "postgresql" else "?"] * len(names))
    rows = ", ".join([f"({places})"] * count)
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES {rows}"  # noqa: S608 - names of our own


@cache
def _ignoring(dialect: str, table: Table) -> Insert:
    statement = _insert(dialect, table).on_conflict_do_nothing()
    if dialect == "postgresql":  # SQLAlchemy says -1 there unless it is asked to keep the count
        return statement.execution_options(preserve_rowcount=True)
    return statement


@cache
def _upsert(dialect: str, table: Table, key: tuple[str, ...], kept: tuple[str, ...]) -> Insert:
    statement = _insert(dialect, table)
    columns = {c.name: statement.excluded[c.name] for c in table.c if c.name not in {*key, *kept, "id"}}
    return statement.on_conflict_do_update(index_elements=list(key), set_=columns)


def _driven(connection: Connection, written: _Written, rows: Sequence[Mapping[str, Any]]) -> None:
    """Hand rows straight to the driver: SQLAlchemy's look at every single value takes longer than the database."""
    sql, pick = written
    connection.exec_driver_sql(sql, list(map(pick, rows)) if pick else list(rows))


@cache
def _written(dialect: str, table: Table, key: tuple[str, ...], kept: tuple[str, ...], columns: tuple[str, ...]) -> _Written:
    statement = _upsert(dialect, table, key, kept).inline()
    compiled = statement.compile(dialect=URL.create(DRIVEN.get(dialect, dialect)).get_dialect()(), column_keys=list(columns))
    places = compiled.positiontup or ()
    return str(compiled), itemgetter(*places) if len(places) > 1 else None


def _insert(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - 6 MB that SQLite does without

        return postgresql.insert(table)
    return sqlite.insert(table)
