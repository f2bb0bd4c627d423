"""Everything put together: the one place that builds the store, the rulebook, the broker and the clock, and passes them on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from connectors.port import Account, Connection
from rules.rulebook import Rulebook
from rules.wording import Wording
from worker.config import Config
from worker.store.store import Store

Clock = Callable[[], datetime]
"""Says what time it is, aware UTC."""
Opener = Callable[[str], Connection]
"""Opens the account with this id; raises any of the five errors."""
Part = Literal["tick", "work", "watch", "web"]


@dataclass(frozen=True, kw_only=True)
class App:
    """A running Rekindle, or one verb of it; close it to let go of the database."""

    config: Config
    store: Store
    rulebook: Rulebook
    wording: Wording
    clock: Clock
    open_connection: Opener

    @classmethod
    def open(cls, config: Config, *, clock: Clock | None = None, open_connection: Opener | None = None) -> App:
        """Build it from a config. `clock` None = the real one; `open_connection` None = the provider packages. Raises StoreError."""
        raise NotImplementedError

    def pull(self, account: str, budget: timedelta = timedelta(seconds=60)) -> bool:
        """Read one slice of an account; True where there is more to read now. Provider errors are noted on the account."""
        raise NotImplementedError

    def decide(self, owner: str) -> int:
        """Plan what is due for an owner; says how many suggestions are new."""
        raise NotImplementedError

    def deliver(self, account: str) -> int:
        """Deliver and look after what is due in an account; says how many suggestions changed their state."""
        raise NotImplementedError

    def run_until_idle(self, progress: Callable[[str], None] = lambda _: None) -> None:
        """Pull, decide and deliver for every active account, through the broker and its worker, until nothing is due."""
        raise NotImplementedError

    def run(self, only: Sequence[Part] = (), *, poll: timedelta = timedelta(minutes=2)) -> int:
        """Serve until SIGTERM or SIGINT; the exit code. Raises ValueError for a split with the memory: broker."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the database; safe to call twice."""
        self.store.close()


def frozen_clock(at: datetime) -> Clock:
    """Make a clock that stands."""
    return lambda: at


def shifted_clock(at: datetime) -> Clock:
    """Make a clock that reads `at` now and goes on from there."""
    raise NotImplementedError
