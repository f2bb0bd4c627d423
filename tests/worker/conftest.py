"""One empty store for tests of what a store must do the same way whatever is behind it: SQLite and PostgreSQL in turn."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, delete, text

from tests.conftest import Server
from worker.store.store import Store
from worker.store.tables import metadata

POSTGRESQL = pytest.param(
    "postgresql_store", marks=[pytest.mark.server, pytest.mark.xdist_group("store"), pytest.mark.timeout(300)]
)


@pytest.fixture(scope="session")
def sqlite_store() -> Iterator[Store]:
    """A SQLite in memory."""
    store = Store.open("sqlite://")
    yield store
    store.close()


@pytest.fixture(scope="session")
def postgresql_store(postgres: Server) -> Iterator[Store]:
    """A PostgreSQL database that no other test sees."""
    with fresh_database(postgres) as url:
        store = Store.open(url)
        yield store
        store.close()


@pytest.fixture
def database(postgres: Server) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of the test's own."""
    with fresh_database(postgres) as url:
        yield url


@contextmanager
def fresh_database(postgres: Server) -> Iterator[str]:
    """Make a database while the block runs."""
    name = f"w{uuid4().hex[:12]}"
    admin = create_engine(postgres.url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield postgres.url.rpartition("/")[0] + f"/{name}"
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def postgresql(program: str, *arguments: str, given: bytes = b"") -> bytes:
    """Run a client of PostgreSQL's; returns what it says."""
    beside = [str(folder) for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    found = shutil.which(program, path=os.pathsep.join([*beside, os.environ["PATH"]]))
    assert found is not None, "it comes with the server"
    return subprocess.run([found, *arguments], input=given, check=True, capture_output=True, timeout=60).stdout


@pytest.fixture(params=["sqlite_store", POSTGRESQL], ids=["sqlite", "postgresql"])
def empty_store(request: pytest.FixtureRequest) -> Store:
    """A store with nothing in it; opening one takes longer than most tests, so it is the same one each time."""
    store: Store = request.getfixturevalue(request.param)
    with store.write() as db:
        for table in metadata.tables.values():
            if table.name != "meta":
                db.execute(delete(table))
    return store
