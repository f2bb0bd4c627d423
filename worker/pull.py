"""Pull: one slice of one account, page by page from the provider into the store, until it is read up or the time is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from connectors.port import Connection
from worker.store.accounts import StoredAccount
from worker.store.store import Store

Budget = Callable[[], bool]
"""Tells whether there is time for another page; asked after every commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What one slice did."""

    pages: int = 0
    upserted: int = 0
    removed: int = 0
    skipped: int = 0
    is_done: bool = True
    """Everything the provider has now is in the store; False: nudge again, or wait until `next_attempt_at`."""
    error: str = ""
    """What stood in the way, in the owner's words; the account or feed row says it too."""
    next_attempt_at: datetime | None = None


def pull(store: Store, connection: Connection, account: StoredAccount, now: datetime, *, budget: Budget) -> Pulled:
    """Read what is new in one account into the store. Never raises one of the port's five errors."""
    raise NotImplementedError
