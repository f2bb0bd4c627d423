"""Secrets: sealed for one account and one name, opened by one key alone, read where the owner keeps them, shown nowhere."""

from __future__ import annotations

import logging
import stat
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from connectors.account import Secrets
from connectors.port import AuthorizationExpired, Unavailable
from worker import credentials as module
from worker.credentials import Credentials, MasterKey, WrongKey, make_key
from worker.heartbeat import LASTING
from worker.secret_sources import SecretMissingError, Source
from worker.store.store import Store
from worker.store.tables import secret

NOW = datetime(2026, 11, 17, 10, 30, tzinfo=UTC)
CANARY = "canary-hunter2-\u00e9"


def file_source(path: Path, key: str = "secrets.key_file") -> Source:
    """Name a file as the place of a secret."""
    return Source(kind="file", where=(str(path),), key=key)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Open a new database."""
    store = Store.open(f"sqlite:///{tmp_path / 'rekindle.db'}")
    yield store
    store.close()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """Make a key."""
    make_key(tmp_path / "keys" / "master.key")
    return tmp_path / "keys" / "master.key"


@pytest.fixture
def vault(store: Store, key_file: Path) -> Credentials:
    """Open the secrets of the database with the key."""
    return Credentials(store, file_source(key_file), lambda: NOW)


def of(vault: Credentials, account: str = "ana/work", sources: Mapping[str, Source] | None = None) -> Secrets:
    """Take an account's secrets as the port has them."""
    return vault.of(account, sources or {})


def test_a_new_key_is_readable_by_its_user_alone_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "master.key"
    assert make_key(path)
    before = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not make_key(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["master.key"]


def test_what_is_put_is_got_and_put_again_replaces_it(vault: Credentials) -> None:
    secrets = of(vault)
    assert secrets.get("password") is None
    secrets.put("password", "first")
    secrets.put("password", CANARY)
    assert secrets.get("password") == CANARY
    assert of(vault, "ana/home").get("password") is None


def test_nothing_of_a_secret_is_in_the_database_file(vault: Credentials, tmp_path: Path) -> None:
    of(vault).put("password", CANARY)
    written = b"".join(file.read_bytes() for file in tmp_path.glob("rekindle.db*"))
    assert CANARY.encode() not in written
    assert b"canary" not in written


def test_the_same_secret_is_sealed_differently_each_time(vault: Credentials, store: Store) -> None:
    of(vault).put("password", CANARY)
    of(vault).put("reader", CANARY)
    with store.read() as connection:
        sealed = list(connection.execute(select(secret.c.sealed)).scalars())
    assert len(set(sealed)) == 2


def test_a_sealed_secret_moved_to_another_account_or_name_does_not_open(vault: Credentials, store: Store) -> None:
    of(vault).put("password", CANARY)
    with store.write() as connection:
        connection.execute(update(secret).values(account="ben/work"))
    with pytest.raises(WrongKey, match="damaged or belongs to another"):
        of(vault, "ben/work").get("password")


def test_another_key_is_named_with_the_remedy(vault: Credentials, store: Store, tmp_path: Path) -> None:
    of(vault).put("password", CANARY)
    make_key(tmp_path / "other.key")
    other = Credentials(store, file_source(tmp_path / "other.key"), lambda: NOW)
    with pytest.raises(WrongKey, match="sealed with another key") as caught:
        of(other).get("password")
    assert "old key back" in caught.value.remedy
    assert "rekindle connect" in caught.value.remedy


@given(position=st.integers(0, 200), flip=st.integers(1, 255))
def test_a_flipped_bit_anywhere_is_noticed(position: int, flip: int) -> None:
    key = MasterKey(bytes(range(32)))
    sealed = bytearray(key.seal(CANARY, account="ana/work", name="password"))
    sealed[position % len(sealed)] ^= flip
    with pytest.raises(WrongKey):
        key.unseal(bytes(sealed), account="ana/work", name="password")


@given(st.text(), st.text(), st.text())
def test_every_text_comes_back(text: str, account: str, name: str) -> None:
    key = MasterKey(bytes(32))
    assert key.unseal(key.seal(text, account=account, name=name), account=account, name=name) == text


def test_account_and_name_cannot_be_shifted_into_each_other() -> None:
    key = MasterKey(bytes(32))
    sealed = key.seal(CANARY, account="ana/work", name="password")
    with pytest.raises(WrongKey):
        key.unseal(sealed, account="ana/workpass", name="word")


def test_a_missing_key_pauses_the_account_and_says_what_to_do(store: Store, tmp_path: Path) -> None:
    vault = Credentials(store, file_source(tmp_path / "none.key"), lambda: NOW)
    assert of(vault).get("password") is None  # nothing is sealed yet, so no key is needed
    with pytest.raises(AuthorizationExpired, match=r"none\.key") as caught:
        of(vault).put("password", CANARY)
    assert "rekindle init" in caught.value.remedy


@pytest.mark.parametrize("text", ["", "short", "####", "A" * 44, "AAAA" * 20])
def test_a_key_that_is_none_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(SecretMissingError) as caught:
        MasterKey.read(file_source(tmp_path / "key"))
    assert not text or text not in str(caught.value)


def test_a_secret_kept_elsewhere_is_read_there_each_time(vault: Credentials, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("one\n")
    secrets = of(vault, sources={"password": file_source(tmp_path / "password", "owners.ana.accounts.work.password_file")})
    assert secrets.get("password") == "one"
    (tmp_path / "password").write_text("two\r\n")
    assert secrets.get("password") == "two"
    with pytest.raises(ValueError, match="password_file"):
        secrets.put("password", "three")


def test_each_kind_of_source_is_read(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("from systemd\n")
    environ = {"PW": "from the environment", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert Source(kind="env", where=("PW",), key="k").read(environ) == "from the environment"
    assert Source(kind="credential", where=("mail",), key="k").read(environ) == "from systemd"
    assert Source(kind="command", where=("printf", "%s\n", "a b; $(c)"), key="k").read(environ) == "a b; $(c)"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (Source(kind="env", where=("NOT_SET",), key="k"), "NOT_SET is not set"),
        (Source(kind="command", where=("no-such-program",), key="k"), "cannot be run"),
        (Source(kind="command", where=("sh", "-c", f"echo {CANARY}; echo {CANARY} >&2; exit 3"), key="k"), "ended with 3"),
        (Source(kind="command", where=("true",), key="k"), "empty"),
        (Source(kind="command", where=("printf", "\\377"), key="k"), "no text"),
        (Source(kind="command", where=("a\0b",), key="k"), "cannot be run"),
        (Source(kind="credential", where=("mail",), key="k"), "no systemd credentials"),
        (Source(kind="file", where=("/dev/zero",), key="k"), "too large"),
        (Source(kind="file", where=("/",), key="k"), "cannot be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_source_that_fails_says_which_and_why_but_not_what_it_printed(source: Source, says: str) -> None:
    with pytest.raises(SecretMissingError, match=says) as caught:
        source.read({})
    assert caught.value.remedy
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_a_command_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.secret_sources._PATIENCE", 0.2)
    with pytest.raises(SecretMissingError, match="took over"):
        Source(kind="command", where=("sleep", "30"), key="k").read({})


def test_no_repr_log_or_error_shows_a_secret_or_the_key(
    vault: Credentials, key_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = of(vault)
    with caplog.at_level(logging.DEBUG):
        secrets.put("password", CANARY)
        secrets.get("password")
    shown = f"{secrets!r} {secrets} {vault!r} {vault.key!r} {caplog.text}"
    assert "canary" not in shown
    assert key_file.read_text().strip() not in shown
    assert repr(vault.key.raw) not in shown


def test_erasing_an_account_leaves_the_others(vault: Credentials) -> None:
    of(vault).put("password", CANARY)
    of(vault).put("cache", CANARY)
    of(vault, "ben/work").put("password", CANARY)
    assert vault.erase("ana/work") == 2
    assert of(vault).get("password") is None
    assert of(vault, "ben/work").get("password") == CANARY


def test_one_at_a_time_refreshes_a_token_over_separate_connections(store: Store, key_file: Path, tmp_path: Path) -> None:
    vaults = [
        Credentials(Store.open(f"sqlite:///{tmp_path / 'rekindle.db'}"), file_source(key_file), lambda: NOW) for _ in range(2)
    ]
    of(vaults[0]).put("reader", "0")

    def refresh(vault: Credentials) -> None:
        secrets = of(vault)
        for _ in range(5):
            with secrets.exclusive():
                count = int(secrets.get("reader") or 0)
                time.sleep(0.005)
                secrets.put("reader", str(count + 1))

    threads = [threading.Thread(target=refresh, args=(vault,)) for vault in vaults]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert of(vaults[1]).get("reader") == "10"


def test_the_lock_is_given_back_after_an_error(vault: Credentials) -> None:
    with pytest.raises(OSError, match="no network"), of(vault).exclusive():
        raise OSError("no network")
    with of(vault).exclusive():
        pass


def test_whoever_waits_too_long_is_told_to_come_back(vault: Credentials, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.1)
    with of(vault).exclusive(), pytest.raises(Unavailable), of(vault).exclusive():
        raise AssertionError
    with of(vault, "ben/work").exclusive(), of(vault).exclusive():
        pass


def test_the_lock_of_a_crashed_process_runs_out(store: Store, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = [NOW]
    vault = Credentials(store, file_source(key_file), lambda: times[-1])
    of(vault).exclusive().__enter__()  # and never leaves
    times.append(NOW + LASTING)
    monkeypatch.setattr(module, "_PATIENCE", 0.1)
    with of(vault).exclusive():
        pass
