"""The database as it is opened: no lost update, readers that never wait, and bad luck said in the owner's words."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import delete, insert, select, text, update

from tests.worker.world import NOW
from worker.app import App
from worker.config import load
from worker.store import leases, messages
from worker.store.engine import LONGEST_LOG, DiskFull, ReadOnly, StoreError, Unreadable
from worker.store.letter_rows import Written
from worker.store.store import Store
from worker.store.tables import message, meta, party


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(f"sqlite:///{tmp_path}/rekindle.db")


def count_up(store: Store, times: int) -> None:
    for _ in range(times):
        with store.write() as db:
            value = int(db.execute(select(meta.c.value).where(meta.c.name == "count")).scalar_one())
            db.execute(update(meta).where(meta.c.name == "count").values(value=str(value + 1)))


def test_two_threads_that_read_and_write_lose_no_update(store: Store) -> None:
    with store.write() as db:
        db.execute(insert(meta), {"name": "count", "value": "0"})
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: count_up(store, 50), range(2)))
    with store.read() as db:
        assert db.execute(select(meta.c.value).where(meta.c.name == "count")).scalar_one() == "100"


def test_a_reader_does_not_wait_for_a_writer_and_sees_what_was_committed(store: Store) -> None:
    is_writing, is_read = threading.Event(), threading.Event()

    def write() -> None:
        with store.write() as db:
            db.execute(insert(meta), {"name": "half", "value": "done"})
            is_writing.set()
            assert is_read.wait(10)

    writer = threading.Thread(target=write)
    writer.start()
    assert is_writing.wait(10)
    begun = time.monotonic()
    with store.read() as db:
        assert db.execute(select(meta.c.value).where(meta.c.name == "half")).first() is None
    assert time.monotonic() - begun < 5
    is_read.set()
    writer.join()
    with store.read() as db:
        assert db.execute(select(meta.c.value).where(meta.c.name == "half")).scalar() == "done"


def test_a_read_never_turns_into_a_write(store: Store) -> None:
    with pytest.raises(ReadOnly), store.read() as db:
        db.execute(delete(meta))


def test_an_exception_takes_the_whole_transaction_back(store: Store) -> None:
    def fail_halfway() -> None:
        with store.write() as db:
            db.execute(delete(meta))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert store.installation()


def test_a_rehearsal_leaves_nothing(store: Store) -> None:
    with store.rehearse() as db:
        db.execute(delete(meta))
    assert store.installation()


def test_the_file_is_the_owners_alone(tmp_path: Path) -> None:
    Store.open(f"sqlite:///{tmp_path}/a/b/rekindle.db").close()
    assert (tmp_path / "a/b/rekindle.db").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "a/b").stat().st_mode & 0o777 == 0o700


def test_a_full_disk_is_said_and_nothing_is_lost(store: Store, tmp_path: Path) -> None:
    with store.write() as db:
        pages = db.execute(text("PRAGMA page_count")).scalar_one()
        db.execute(text(f"PRAGMA max_page_count={pages + 2}"))
    with pytest.raises(DiskFull) as full, store.write() as db:
        db.execute(insert(meta), [{"name": f"n{n}", "value": "x" * 4000} for n in range(50)])
    assert "rekindle.db" in str(full.value)
    assert "space" in full.value.remedy
    store.close()
    again = Store.open(f"sqlite:///{tmp_path}/rekindle.db")
    assert again.installation()


def test_a_disk_so_full_that_nothing_can_be_opened_beside_the_database_is_called_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rekindle.db").mkdir()
    with pytest.raises(Unreadable):
        Store.open(f"sqlite:///{tmp_path}/rekindle.db")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=4096))
    with pytest.raises(DiskFull):
        Store.open(f"sqlite:///{tmp_path}/rekindle.db")


def test_a_service_does_not_start_on_a_database_it_may_only_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").write_text('[owners.ana]\naddresses = ["ana@home.example"]\nzone = "UTC"\n')
    before = App.open(load(tmp_path / "config.toml"))
    before.enrol()
    before.close()
    opened = Store.open
    monkeypatch.setattr(Store, "open", lambda _: opened(f"sqlite:///file:{tmp_path}/rekindle.db?mode=ro&uri=true"))
    app = App.open(load(tmp_path / "config.toml"))
    app.enrol()  # an unchanged config writes nothing
    with pytest.raises(ReadOnly):
        app.run()
    app.close()


def test_a_read_only_database_is_said(store: Store, tmp_path: Path) -> None:
    store.close()
    path = tmp_path / "rekindle.db"
    if os.geteuid() == 0:  # root may write any file: let SQLite itself refuse
        other = Store.open(f"sqlite:///file:{path}?mode=ro&uri=true")
    else:
        path.chmod(0o400)
        other = Store.open(f"sqlite:///{path}")
    with pytest.raises(ReadOnly) as refused, other.write() as db:
        db.execute(delete(meta))
    assert "rekindle.db" in str(refused.value)
    assert refused.value.remedy


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    path = tmp_path / "rekindle.db"
    path.write_bytes(b"not a database at all, " * 100)
    with pytest.raises(Unreadable) as refused:
        Store.open(f"sqlite:///{path}")
    assert "backup" in refused.value.remedy
    assert path.read_bytes().startswith(b"not a database")


def test_a_place_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unreadable):
        Store.open(f"sqlite:///{tmp_path}/file/rekindle.db")


@pytest.mark.parametrize("url", ["mysql://host/name", "no url", "postgresql://nobody@127.0.0.1:1/none"])
def test_a_database_that_cannot_be_used_is_said_without_its_password(url: str) -> None:
    with pytest.raises(StoreError) as refused:
        Store.open(url)
    assert refused.value.remedy


def test_no_error_holds_what_was_written(store: Store) -> None:
    with pytest.raises(Exception) as failed, store.write() as db:  # noqa: PT011 - whatever the driver raises
        db.execute(insert(meta), [{"name": "installation", "value": "canary words of another"}])
    assert "canary" not in str(failed.value)
    assert "canary" not in repr(failed.value)


def test_a_backup_while_it_runs_is_whole_and_counts_as_restored_once(store: Store, tmp_path: Path) -> None:
    with store.write() as db:
        db.execute(insert(meta), {"name": "more", "value": "kept"})
    store.backup(tmp_path / "copy.db")
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    assert store.ledger_epoch() == 0
    for _ in range(2):
        copy = Store.open(f"sqlite:///{tmp_path}/copy.db")
        assert copy.ledger_epoch() == 1
        assert copy.installation() == store.installation()
        with copy.read() as db:
            assert db.execute(select(meta.c.value).where(meta.c.name == "more")).scalar() == "kept"
        copy.close()
    assert not list(tmp_path.glob(".*unfinished*"))


def test_a_backup_that_cannot_be_written_leaves_nothing(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        store.backup(tmp_path / "nowhere" / "copy.db")
    with pytest.raises(StoreError):
        Store.open("sqlite://").backup(tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_a_backup_takes_no_other_files_place(store: Store, tmp_path: Path) -> None:
    store.backup(tmp_path / "copy.db")
    before = (tmp_path / "copy.db").read_bytes()
    with pytest.raises(StoreError, match="is there already") as refused:
        store.backup(tmp_path / "copy.db")
    assert "Name another file" in refused.value.remedy
    assert (tmp_path / "copy.db").read_bytes() == before
    assert not list(tmp_path.glob(".*unfinished*"))


def test_a_damaged_copy_is_refused(tmp_path: Path) -> None:
    Store.open(f"sqlite:///{tmp_path}/a.db").close()
    whole = (tmp_path / "a.db").read_bytes()
    (tmp_path / "b.db").write_bytes(whole[:5000] + b"\xff" * 3000)
    with pytest.raises(Unreadable):
        Store.open(f"sqlite:///{tmp_path}/b.db")


def test_a_lease_is_held_by_one_until_it_runs_out_or_is_given_back(store: Store) -> None:
    minute = timedelta(minutes=1)
    with store.write() as db:
        first = leases.acquire(db, "decide:ada", "one", NOW, minute)
        assert first is not None
        assert leases.acquire(db, "decide:ada", "two", NOW, minute) is None
        second = leases.acquire(db, "decide:ada", "two", NOW + minute, minute)
        assert second is not None
        assert second.fence > first.fence
        assert not leases.is_current(db, first)
        assert leases.renew(db, first, NOW, minute) is None
        leases.release(db, first)
        assert leases.is_current(db, second)
        leases.release(db, second)
        assert leases.acquire(db, "decide:ada", "three", NOW, minute) is not None


def test_of_many_processes_on_one_file_one_gets_the_lease(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/rekindle.db"
    stores = [Store.open(url) for _ in range(6)]

    def ask(number: int) -> bool:
        with stores[number].write() as db:
            return leases.acquire(db, "pull:ada/main", f"worker {number}", NOW, timedelta(minutes=1)) is not None

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(ask, range(6))) == 1


def test_the_connection_of_a_plain_program_sees_a_wal_database(store: Store, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "rekindle.db") as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    raw.close()


def test_a_commit_waits_for_the_disk_but_for_what_would_be_done_again(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/rekindle.db")
    seen = []
    for is_lasting in (True, False, False, True):
        with store.write(is_lasting=is_lasting) as db:
            seen.append({1: "in order", 2: "on the disk"}[db.execute(text("PRAGMA synchronous")).scalar_one()])
    assert seen == ["on the disk", "in order", "in order", "on the disk"]
    store.close()


def test_what_need_not_last_is_seen_by_others_and_taken_back_by_an_exception(store: Store) -> None:
    with store.write(is_lasting=False) as db:
        db.execute(insert(meta), {"name": "kept", "value": "yes"})
        with store.read() as other:
            assert other.execute(select(meta.c.value).where(meta.c.name == "kept")).first() is None
    with suppress(RuntimeError), store.write(is_lasting=False) as db:
        db.execute(insert(meta), {"name": "broken", "value": "yes"})
        raise RuntimeError
    with store.read() as db:
        assert set(db.execute(select(meta.c.name).where(meta.c.name.in_(("kept", "broken")))).scalars()) == {"kept"}


def fill(store: Store, letter: str) -> None:
    """Write a megabyte and a half."""
    rows = [{"name": f"row {number}", "value": letter * 3000} for number in range(500)]
    with store.write(is_lasting=False) as db:
        db.execute(delete(meta).where(meta.c.name.like("row %")))
        db.execute(insert(meta), rows)


def test_a_long_log_is_carried_over_between_the_writes_and_grows_no_more(tmp_path: Path, store: Store) -> None:
    log = tmp_path / "rekindle.db-wal"
    fill(store, "a")
    store.tidy()
    size = log.stat().st_size
    for letter in "bcdef":
        fill(store, letter)
        store.tidy()
    assert log.stat().st_size < 3 * size
    with sqlite3.connect(f"file:{tmp_path}/rekindle.db?mode=ro&immutable=1", uri=True) as alone:
        assert alone.execute("SELECT count(*) FROM meta WHERE value LIKE 'fff%'").fetchone() == (500,), "without the log"


def test_tidying_waits_for_no_writer(tmp_path: Path, store: Store) -> None:
    fill(store, "a")
    with store.write() as db:
        db.execute(insert(meta), {"name": "half", "value": "done"})
        thread = threading.Thread(target=store.tidy, daemon=True)
        thread.start()
        thread.join(60)
        assert not thread.is_alive()
    with store.read() as db:
        assert db.execute(select(meta.c.value).where(meta.c.name == "half")).scalar_one() == "done"


def test_a_sqlite_store_is_made_without_the_orm_the_migrations_or_the_other_database(tmp_path: Path) -> None:
    heavy = ("sqlalchemy.orm", "sqlalchemy.dialects.postgresql", "alembic", "psycopg")
    opening = (
        f"import sys, worker.pipeline; from worker.store.store import Store; Store.open('sqlite:///{tmp_path}/new.db').close()"
    )
    asking = f"print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", f"{opening}; {asking}"], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]", "each takes memory and time of every process"


def test_a_new_database_has_large_pages_and_an_older_one_keeps_its_own_and_both_a_log_that_ends(tmp_path: Path) -> None:
    for page, made in ((16_384, "new"), (4096, "old")):
        url = f"sqlite:///{tmp_path}/{made}.db"
        if made == "old":
            with sqlite3.connect(tmp_path / "old.db") as raw:
                raw.execute("PRAGMA page_size=4096")
                raw.execute("CREATE TABLE kept (word TEXT)")
                raw.execute("INSERT INTO kept VALUES ('here')")
            raw.close()
        store = Store.open(url)
        with store.write() as db:
            assert db.execute(text("PRAGMA page_size")).scalar() == page
            assert db.execute(text("PRAGMA wal_autocheckpoint")).scalar() == LONGEST_LOG // page > 1000
        store.close()
    with sqlite3.connect(tmp_path / "old.db") as raw:
        assert raw.execute("SELECT word FROM kept").fetchall() == [("here",)]
    raw.close()


def test_rows_told_by_position_hold_their_columns_in_order() -> None:
    assert sorted(messages._Row._fields) == sorted(message.c.keys())  # noqa: SLF001 - a column left out would be empty
    assert messages._Row._fields[5:] == Written._fields  # noqa: SLF001 - one put in between would shift all others
    assert tuple(party.c.keys()) == ("owner", "address", "sent_at", "message", "direction", "role", "recipients")
