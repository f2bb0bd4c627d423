"""How the database is spoken to: two engines a store, transactions that cannot lose an update, errors the owner can act on."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

BUSY_SECONDS = 30
"""How long a writer waits for one of another process before it gives up; those of its own it waits for as long as they take."""
READ_CACHE, WRITE_CACHE = 32_000, 4_000
"""Kilobytes of a database kept by whoever reads it, and by whoever writes: a first read fills it whole."""
PAGE = 16_384
"""Bytes of a page of a database made now; a quarter of the pages to find, to change and to carry over as with those of 4 kB."""
LONGEST_LOG = 128_000_000
"""Bytes after which a commit has to carry the log into the database itself; a service does that sooner, between them."""
KEPT_LOG = 16_000_000
"""Bytes of it that keep their room on the disk once it was carried over."""
LEAST_ROOM = 64_000
"""Bytes beside a database; its index of the log alone has 32 kB."""
_AT_THE_DISK = ("SQLITE_CANTOPEN", "SQLITE_IOERR")
IS_LASTING = "is_lasting"
"""Execution option: whether a commit waits until the disk has it."""


class StoreError(Exception):
    """What is wrong with the database, for the owner; `remedy` is what to do about it."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class SchemaTooOld(StoreError):
    """The database was made by an older Rekindle: `rekindle upgrade` brings it up to date."""


class SchemaTooNew(StoreError):
    """The database was made by a newer Rekindle than this one."""


class DiskFull(StoreError):
    """There is no room left for the database; the transaction was rolled back."""


class ReadOnly(StoreError):
    """The database may not be written to."""


class Unreadable(StoreError):
    """The file is no database, is damaged, or cannot be opened."""


class Busy(StoreError):
    """Another process held the database for longer than we wait."""


def parse(url: str) -> URL:
    """Read a database URL: `sqlite:///path`, `sqlite://` (in memory) or `postgresql://...`. Raises StoreError."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError(
            "The database URL cannot be read.", remedy="Write sqlite:///path or postgresql://user@host/name."
        ) from None
    if parsed.drivername in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise StoreError(f"Rekindle does not know the database {parsed.drivername}.", remedy="Use SQLite or PostgreSQL.")
    return parsed


def name_of(url: URL) -> str:
    """Name the database as the owner knows it, without a password."""
    return str(Path(url.database).absolute()) if is_file(url) and url.database else url.render_as_string(hide_password=True)


def is_file(url: URL) -> bool:
    """Tell whether the database is a SQLite file."""
    return url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}


def prepare_file(url: URL) -> None:
    """Make the folder and an empty database file that only this user may read, where there is none."""
    if not is_file(url) or not url.database or url.database.startswith("file:"):
        return  # in memory, a server, or a SQLite URI that says itself how it is opened
    path = Path(url.database)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise Unreadable(
            f"The database {path} cannot be made: {error.strerror}.",
            remedy="Choose another place, or allow this user to write there.",
        ) from error


def engines(url: URL) -> tuple[Engine, Engine]:
    """Make the engine that reads and the one that writes; the same one for a database in memory."""
    try:
        if url.get_backend_name() == "postgresql":
            return _postgresql(url)
        return _sqlite(url)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise StoreError("The PostgreSQL driver is missing.", remedy="Install rekindle[postgres].") from error


def _postgresql(url: URL) -> tuple[Engine, Engine]:
    write = create_engine(url, hide_parameters=True, pool_pre_ping=True)
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    return create_engine(url, hide_parameters=True, pool_pre_ping=True, execution_options=options), write


def _sqlite(url: URL) -> tuple[Engine, Engine]:
    if not is_file(url):
        memory = create_engine("sqlite://", hide_parameters=True, poolclass=StaticPool, connect_args={"check_same_thread": False})
        _on_connect(memory, is_reader=False)
        return memory, memory
    read, write = (create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS}) for _ in range(2))
    _on_connect(read, is_reader=True)
    _on_connect(write, is_reader=False)
    return read, write


def _on_connect(engine: Engine, *, is_reader: bool) -> None:
    """Take BEGIN away from the driver, whose late one loses updates: `begin` writes our own."""

    @event.listens_for(engine, "connect")
    def _connect(raw: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        raw.isolation_level = None  # sqlite3 alone has it
        cursor = raw.cursor()
        if is_reader:
            cursor.execute("PRAGMA query_only=ON")
        else:
            cursor.execute(f"PRAGMA page_size={PAGE}")
            _keep_log(cursor)
            page = int(cursor.execute("PRAGMA page_size").fetchone()[0])
            cursor.execute(f"PRAGMA wal_autocheckpoint={LONGEST_LOG // page}")
            cursor.execute(f"PRAGMA journal_size_limit={KEPT_LOG}")
        for pragma in (
            "synchronous=FULL",
            "secure_delete=FAST",
            "temp_store=MEMORY",
            f"cache_size=-{READ_CACHE if is_reader else WRITE_CACHE}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


def _keep_log(cursor: DBAPICursor) -> None:
    """Have writes go to a log beside the file; on an empty file SQLite itself does not wait for another that does so just now."""
    end = monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > end:
                raise
            sleep(0.01)
        else:
            return


def begin(connection: Connection, *, is_reader: bool) -> None:
    """Begin a transaction of SQLite, past SQLAlchemy, where two words take longer than the whole of it; others begin by themselves.

    No listener of an engine does it: one that has any asks about listeners at each statement, a tenth of its time.
    """
    if connection.dialect.name != "sqlite":
        return
    raw = cast("sqlite3.Connection", connection.connection.dbapi_connection)
    if not is_reader:
        _set_synchronous(connection, raw)
    raw.execute("BEGIN" if is_reader else "BEGIN IMMEDIATE")


def _set_synchronous(connection: Connection, raw: sqlite3.Connection) -> None:
    """Have the commit wait for the disk or not: a WAL keeps the order, so what waits takes all before it along."""
    wanted = "FULL" if connection.get_execution_options().get(IS_LASTING, True) else "NORMAL"
    if connection.info.get("synchronous", "FULL") != wanted:
        raw.execute(f"PRAGMA synchronous={wanted}")
        connection.info["synchronous"] = wanted


@contextmanager
def explained(url: URL) -> Iterator[None]:
    """Turn what a driver raises into an error that names the database and the remedy."""
    try:
        yield
    except DBAPIError as error:
        found = _explain(error.orig, name_of(url))
        if found is None:
            raise
        raise found from error
    except sqlite3.Error as error:
        found = _explain(error, name_of(url))
        if found is None:
            raise
        raise found from error


def _explain(error: BaseException | None, name: str) -> StoreError | None:
    code = getattr(error, "sqlite_errorname", "") or ""
    state = getattr(error, "sqlstate", "") or ""
    if code == "SQLITE_FULL" or state == "53100" or (code.startswith(_AT_THE_DISK) and _has_no_room(name)):
        return DiskFull(
            f"There is no room left for the database {name}; nothing was lost.", remedy="Free some space and run it again."
        )
    if code.startswith("SQLITE_READONLY") or state == "25006":
        return ReadOnly(
            f"The database {name} may not be written to.", remedy="Allow this user to write the file and its folder, or move it."
        )
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or state in {"55P03", "40P01", "40001"}:
        return Busy(f"Another process holds the database {name}.", remedy="Wait for it to end, then run it again.")
    if code.startswith((*_AT_THE_DISK, "SQLITE_PERM")):
        return Unreadable(
            f"The database {name} cannot be opened.", remedy="Check that the disk is there and this user may read it."
        )
    if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return Unreadable(
            f"The file {name} is no database, or it is damaged.", remedy="Restore a backup made by `rekindle backup`."
        )
    if state.startswith(("08", "28", "57")) or (state == "" and type(error).__name__ == "OperationalError" and not code):
        return Unreadable(f"The database {name} does not answer.", remedy="Check that the server runs and the URL is right.")
    return None


def _has_no_room(name: str) -> bool:
    """Tell whether not even the files SQLite keeps beside a database have room: it says only that it cannot open them."""
    try:
        return shutil.disk_usage(Path(name).parent).free < LEAST_ROOM
    except OSError:
        return False
