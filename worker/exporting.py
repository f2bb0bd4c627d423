"""Everything stored about an owner as one JSON object, table by table; no secret, no cursor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TextIO

from sqlalchemy import Connection, Table, select

from worker.store.mapping import instant
from worker.store.tables import account, metadata

LEFT_OUT = frozenset({"secret", "lease", "meta", "tombstone", "quota"})
"""Tables without facts about people: secrets, locks, counters, and hashes that tell nothing."""
OPAQUE = frozenset({"cursor", "witness", "lease_until", "fence", "nudged_at"})
"""Columns that mean something to a machine only."""


def export_owner(connection: Connection, owner: str, file: TextIO) -> None:
    """Write the tables one row at a time: memory stays flat however much there is."""
    file.write("{")
    tables = [table for table in metadata.sorted_tables if table.name not in LEFT_OUT]
    for number, table in enumerate(tables):
        file.write(f"{',' if number else ''}\n{json.dumps(table.name)}: [")
        for count, row in enumerate(_rows(connection, table, owner)):
            file.write(",\n  " if count else "\n  ")
            json.dump(row, file, ensure_ascii=False)
        file.write("]")
    file.write("}")


def _rows(connection: Connection, table: Table, owner: str) -> Iterator[dict[str, object]]:
    if table.name == "owner":
        wanted = select(table).where(table.c.id == owner)
    elif "owner" in table.c:
        wanted = select(table).where(table.c.owner == owner)
    else:
        wanted = select(table).where(table.c.account.in_(select(account.c.id).where(account.c.owner == owner)))
    for row in connection.execution_options(yield_per=1000).execute(wanted).mappings():
        yield {name: _readable(name, value) for name, value in row.items() if name not in OPAQUE}


def _readable(name: str, value: object) -> object:
    """Turn stored instants into ISO 8601 and stored JSON into JSON."""
    if isinstance(value, int) and (name.endswith(("_at", "_until", "_since")) or name == "at"):
        return instant(value).isoformat() if value else None
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
