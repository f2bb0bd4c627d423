"""The account of a benchmark at a real server: ana, whose password is secret, and a new store that knows her."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from connectors import standards
from connectors.account import Account
from connectors.port import Connection
from rules.people import OwnerKeys
from worker.store import accounts
from worker.store.accounts import StoredAccount
from worker.store.store import Store


class Secret:
    """The one password of the test server."""

    def get(self, name: str) -> str | None:
        """Return it."""
        return "secret" if name == "password" else None

    def put(self, name: str, value: str) -> None:
        """Refuse: a password is read, never renewed."""
        raise NotImplementedError("the test server's one password is never renewed")

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Lock nothing."""
        yield


def opened(settings: Mapping[str, str]) -> Connection:
    """Open the account as the worker does."""
    return standards.open(Account(id="ana/home", settings={"user": "ana", **settings}, secrets=Secret(), zone="UTC"))


def registered(folder: Path, provider: str, now: datetime) -> tuple[Store, StoredAccount]:
    """Make a new store in the folder, with the account in it."""
    store = Store.open(f"sqlite:///{folder}/{time.monotonic_ns()}.db")
    with store.write() as db:
        accounts.register_owner(db, "ana", OwnerKeys(keys=frozenset({"ana@example.test"}), domains=frozenset()), "UTC")
        accounts.register(db, owner="ana", name="home", provider=provider, addresses=[], now=now)
    with store.read() as db:
        return store, accounts.get(db, "ana/home")
