"""The store: one database, opened; a read is a snapshot, a write is all or nothing."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Final, cast

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.engine import URL

from worker.store import copies, schema
from worker.store.beats import Beats
from worker.store.engine import IS_LASTING, StoreError, begin, engines, explained, is_file, name_of, parse, prepare_file
from worker.store.mapping import instant, micros
from worker.store.tables import meta

LONG_LOG: Final = 1 << 20
"""Bytes."""
_EPOCH: Final = select(meta.c.value).where(meta.c.name == "ledger_epoch")


class Store:
    """One database. Safe to share between threads; every `read` and `write` is its own transaction.

    Functions on tables live beside this file (`accounts`, `feeds`, `messages`, `events`, `people`, `network`, `leases`)
    and take the Connection of a transaction. No provider call belongs inside one.
    """

    def __init__(self, url: URL, read: Engine, write: Engine) -> None:
        self._url = url
        self.beats = Beats()
        """What is renewed while something in it is held."""
        self._read = read
        self._write = write
        self._epoch: int | None = None
        self._hasty = write.execution_options(**{IS_LASTING: False})
        self._one_at_a_time = threading.RLock() if read is write else None
        self._one_writer = self._one_at_a_time or (threading.RLock() if is_file(url) else None)
        """Threads wait for each other here: SQLite has who finds a writer there sleep, ever longer, also past its end."""

    @classmethod
    def open(cls, url: str, *, is_any_version: bool = False) -> Store:
        """Open a database, making the schema where it is empty; one of another version only to be copied.

        `sqlite:///path`, `sqlite://` (in memory, for tests and `try`) or `postgresql://...`. Raises SchemaTooOld,
        SchemaTooNew, ReadOnly, DiskFull, Unreadable, Busy: all StoreError, with a remedy.
        """
        parsed = parse(url)
        prepare_file(parsed)
        store = cls(parsed, *engines(parsed))
        try:
            store._start(is_any_version=is_any_version)
        except BaseException:
            store.close()
            raise
        return store

    @property
    def name(self) -> str:
        """The database as the owner knows it: a path, or a URL without its password."""
        return name_of(self._url)

    @property
    def is_memory(self) -> bool:
        """Whether it lives in this process alone."""
        return self._one_at_a_time is not None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Read one consistent snapshot; writing in it is an error."""
        with explained(self._url), self._one_at_a_time or nullcontext(), self._read.begin() as connection:
            begin(connection, is_reader=not self.is_memory)
            yield connection

    @contextmanager
    def write(self, *, is_lasting: bool = True) -> Iterator[Connection]:
        """Write one transaction: committed at the end, rolled back by any exception. Short, and no provider call in it.

        One that is not `is_lasting` does not wait for the disk of a SQLite database: a power cut, but no crash of ours, may
        take it back, with all later ones and none before. It is for what is done again then, and lasts as soon as a later
        transaction does: a claim takes along what it rests on.
        """
        engine = self._write if is_lasting else self._hasty
        with explained(self._url), self._one_writer or nullcontext(), engine.begin() as connection:
            begin(connection, is_reader=False)
            yield connection

    @contextmanager
    def rehearse(self) -> Iterator[Connection]:
        """Write one transaction that is taken back at its end, to see whether it would go through."""
        with explained(self._url), self._one_writer or nullcontext(), self._write.connect() as connection:
            begin(connection, is_reader=False)
            yield connection
            connection.rollback()

    def prove_writable(self) -> None:
        """Write a row as it stands: SQLite begins to write also where it may not. Raises ReadOnly, DiskFull or Busy."""
        with self.write() as connection:
            connection.execute(update(meta).where(meta.c.name == "installation").values(value=meta.c.value))

    def installation(self) -> str:
        """Return what tells this installation from another on the same account: 26 characters, made with the store."""
        with self.read() as connection:
            return str(connection.execute(select(meta.c.value).where(meta.c.name == "installation")).scalar_one())

    def ledger_epoch(self) -> int:
        """Return how often the store was restored from a backup: open intents of an older epoch need a look first."""
        if self._epoch is None:  # counted as a store is opened, and never later
            with self.read() as connection:
                self._epoch = int(connection.execute(_EPOCH).scalar_one())
        return self._epoch

    def restored_at(self, now: datetime) -> datetime | None:
        """Return when the store was restored from a backup: `now`, once, where nobody has asked since. None = it never was."""
        asked = select(meta.c.value).where(meta.c.name == copies.RESTORED)
        with self.read() as connection:
            found = connection.execute(asked).scalar()
        if found == "":
            with self.write() as connection:
                connection.execute(
                    update(meta).where(meta.c.name == copies.RESTORED, meta.c.value == "").values(value=str(micros(now)))
                )
                found = connection.execute(asked).scalar()
        return instant(int(found)) if found else None

    def backup(self, target: Path) -> None:
        """Write a copy of the database while it runs (SQLite online backup); a half-written one never bears the name.

        Raises StoreError for PostgreSQL, whose own pg_dump does it better, for a file that is there already and for a place
        that cannot be written.
        """
        if not is_file(self._url):
            raise StoreError(
                "Only a SQLite database is backed up here.",
                remedy="Use pg_dump for PostgreSQL: what is restored from that counts as restored too.",
            )
        if os.path.lexists(target):
            raise StoreError(
                f"{target} is there already and stays as it is.", remedy="Name another file, or move that one away first."
            )
        unfinished = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
        try:
            os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            with explained(self._url):
                copies.copy(str(self._url.database), unfinished)
            unfinished.replace(target)
        except OSError as error:
            raise StoreError(
                f"The backup {target} cannot be written: {error.strerror}.", remedy="Choose another place, or free some space."
            ) from error
        finally:
            unfinished.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Carry a long log of SQLite's into the database; makes no reader and no writer wait. A service does it now and then."""
        log = Path(f"{self._url.database}-wal")
        if is_file(self._url) and log.exists() and log.stat().st_size > LONG_LOG:
            with explained(self._url), self._write.connect() as connection:
                cast("sqlite3.Connection", connection.connection.dbapi_connection).execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Let go of all connections; safe to call twice."""
        self._read.dispose()
        self._write.dispose()

    def _start(self, *, is_any_version: bool) -> None:
        with self.read() as connection:
            found = schema.version(connection)
            is_news = found is not None and copies.is_news(connection)
        if found is None:
            with self.write() as connection:
                schema.make(connection)
                copies.note(connection)
        elif is_any_version and found != schema.REVISIONS[-1]:
            return
        else:
            schema.check(found, self.name)
        if is_news:
            with self.write() as connection:
                copies.note(connection)
