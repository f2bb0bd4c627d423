"""The schema: made by migrations, equal to the tables the code knows, and refused when it is another's."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from tests.conftest import Server
from worker import exit_codes
from worker.cli import run
from worker.store import schema
from worker.store.engine import SchemaTooNew, SchemaTooOld, parse
from worker.store.store import Store
from worker.store.tables import metadata


def set_version(path: Path, version: str) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = ?", (version,))
    raw.close()


def written(path: Path) -> dict[str, str]:
    """Return how everything in a database is defined, and of which version it is."""
    with sqlite3.connect(path) as raw:
        found = {
            name: " ".join(sql.split()) for name, sql in raw.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        }
        found["of version"] = str(raw.execute("SELECT version_num FROM alembic_version").fetchall())
    raw.close()
    return found


def differences(url: str) -> list[object]:
    engine = create_engine(parse(url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
        found = compare_metadata(context, metadata)
    engine.dispose()
    return list(found)


def test_an_upgrade_from_empty_makes_exactly_the_tables_the_code_knows(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    assert schema.upgrade(url) == (None, schema.REVISIONS[-1])
    assert differences(url) == []
    engine = create_engine(url)
    assert set(inspect(engine).get_table_names()) == {*metadata.tables, "alembic_version"}
    engine.dispose()


def test_an_upgrade_from_empty_makes_the_same_on_postgresql(postgres: Server) -> None:
    schema.upgrade(postgres.url)
    assert differences(postgres.url) == []


def test_a_new_database_is_made_just_as_the_migrations_make_it(tmp_path: Path) -> None:
    schema.upgrade(f"sqlite:///{tmp_path}/upgraded.db")
    Store.open(f"sqlite:///{tmp_path}/made.db").close()
    upgraded, made = (written(tmp_path / name) for name in ("upgraded.db", "made.db"))
    assert made == upgraded
    assert len(made) > len(metadata.tables)


def test_a_new_database_is_the_same_on_postgresql_and_of_this_version(postgres: Server) -> None:
    store = Store.open(postgres.url)
    assert differences(postgres.url) == []
    assert schema.upgrade(postgres.url) == (schema.REVISIONS[-1], schema.REVISIONS[-1])
    again = Store.open(postgres.url)
    assert again.installation() == store.installation()
    for each in (store, again):
        each.close()


def test_of_two_that_start_on_an_empty_database_one_makes_it(postgres: Server, tmp_path: Path) -> None:
    for url in (postgres.url, *(f"sqlite:///{tmp_path}/new{number}.db" for number in range(20))):
        with ThreadPoolExecutor(4) as pool:
            stores = list(pool.map(lambda _, to=url: Store.open(to), range(4)))
        assert len({each.installation() for each in stores}) == 1
        for each in stores:
            each.close()


def test_an_upgrade_twice_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    schema.upgrade(url)
    store = Store.open(url)
    installation = store.installation()
    store.close()
    assert schema.upgrade(url) == (schema.REVISIONS[-1], schema.REVISIONS[-1])
    store = Store.open(url)
    assert store.installation() == installation
    store.close()


def test_the_versions_the_code_checks_are_those_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
    scripts = ScriptDirectory.from_config(config)
    assert tuple(each.revision for each in reversed(list(scripts.walk_revisions()))) == schema.REVISIONS


def test_an_older_schema_is_refused_and_names_the_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "old.db"
    Store.open(f"sqlite:///{path}").close()
    monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, "9999"))
    with pytest.raises(SchemaTooOld) as refused:
        Store.open(f"sqlite:///{path}")
    assert "rekindle upgrade" in refused.value.remedy
    assert str(path) in str(refused.value)


def test_an_older_database_can_be_copied_before_it_is_upgraded_as_the_refusal_says(tmp_path: Path) -> None:
    path, config, copy = tmp_path / "C# 100%" / "old.db", tmp_path / "config.toml", tmp_path / "copy.db"
    path.parent.mkdir()
    config.write_text(f'[owners.ana]\naddresses = ["ana@home.example"]\nzone = "UTC"\n[store]\nurl = "sqlite:///{path}"\n')
    engine = create_engine(parse(f"sqlite:///{path}"))
    with engine.begin() as connection:
        schema.migrate(connection, schema.REVISIONS[0])
        connection.exec_driver_sql("INSERT INTO meta (name, value) VALUES ('more', 'kept')")
    engine.dispose()
    assert run(["status", "--config", str(config)]) == exit_codes.OWNER
    assert run(["backup", str(copy), "--config", str(config)]) == exit_codes.OK
    assert f"('{schema.REVISIONS[0]}',)" in written(copy)["of version"]
    for each in (path, copy):
        assert schema.upgrade(f"sqlite:///{each}") == (schema.REVISIONS[0], schema.REVISIONS[-1])
        assert differences(f"sqlite:///{each}") == []
        store = Store.open(f"sqlite:///{each}")
        assert store.ledger_epoch() == (each == copy)
        with store.read() as db:
            assert db.exec_driver_sql("SELECT value FROM meta WHERE name = 'more'").scalar() == "kept"
        store.close()


def test_a_newer_schema_is_refused_by_run_and_by_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "newer.db"
    Store.open(f"sqlite:///{path}").close()
    set_version(path, "9999")
    for attempt in (Store.open, schema.upgrade):
        with pytest.raises(SchemaTooNew) as refused:
            attempt(f"sqlite:///{path}")
        assert "newer" in str(refused.value)
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    raw.close()
