"""Everything put together: the one place that builds store, rulebook, broker and clock, and the one reader of the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from connectors.account import Account
from connectors.port import Connection
from rules.facts import Address
from rules.network import Owner
from rules.rulebook import Rulebook
from rules.wording import Wording
from worker import rulebooks, telling
from worker.config import owner_of, rulebook_for, terms_for
from worker.config_accounts import PROVIDERS
from worker.credentials import Credentials
from worker.pipeline import SLICE, Pipeline
from worker.settings import Config
from worker.store import installations
from worker.store.gate import StoredGate
from worker.store.quota import StoredQuota
from worker.store.store import Store

if TYPE_CHECKING:
    from worker.sweep import Retained, Swept

Clock = Callable[[], datetime]
"""Says what time it is, aware UTC."""
Opener = Callable[[str], Connection]
"""Opens the account with this id; raises any of the five errors."""
Part = Literal["tick", "work", "watch", "web"]
POLL = timedelta(minutes=2)
AHEAD = timedelta(days=31)
"""So far ahead of the clock a `now` that was told is believed where history is let go of, which nothing brings back."""


@dataclass(frozen=True, kw_only=True)
class App:
    """A running Rekindle, or one verb of it; close it to let go of the database."""

    config: Config
    store: Store
    rulebook: Rulebook
    wording: Wording
    clock: Clock
    open_connection: Opener
    has_company: Callable[[], bool] = lambda: False
    """Whether other processes work too: then a slice makes way sooner."""

    @classmethod
    def open(cls, config: Config, *, clock: Clock | None = None, open_connection: Opener | None = None) -> App:
        """Build it from a config. `clock` None = as the config says, the real one if nothing; `open_connection` None = the provider packages.

        Raises StoreError, ConfigError, RulebookError, WordingError.
        """
        usual = real_clock if config.now is None else frozen_clock(config.now.astimezone(UTC))
        now = usual if clock is None else clock
        own, wording = config.rules.file, rulebooks.wording(config.rules.templates)
        rulebook = rulebooks.shipped() if own is None else rulebooks.over_shipped(own, wording)
        store = Store.open(config.store.url)
        store.restored_at(now())
        opener = provider_opener(config, store, now) if open_connection is None else open_connection
        return cls(config=config, store=store, rulebook=rulebook, wording=wording, clock=now, open_connection=opener)

    def pipeline(self, *, poll: timedelta = POLL, is_stopping: Callable[[], bool] = lambda: False) -> Pipeline:
        """Return the three verbs over this store, with owners and rulebooks as the config says."""

        @lru_cache
        def owner(name: str) -> Owner:
            return owner_of(self.config, name)

        @lru_cache
        def rulebook(name: str) -> Rulebook:
            return rulebook_for(self.config, name, self.rulebook)

        return Pipeline(
            store=self.store,
            clock=self.clock,
            open_connection=self.open_connection,
            owner=owner,
            rulebook=rulebook,
            wording=self.wording,
            poll=poll,
            enrol=self.describe_seen,
            retain=self.retain,
            kept_since=self.kept_since,
            sweep=self.sweep,
            alarm=lambda name, news: telling.alarm(self.config.owners[name].notify)(news),
            is_stopping=is_stopping,
            has_company=self.has_company,
        )

    def enrol(self) -> None:
        """Note owners, accounts and key people of the config in the store, as far as they are new or have changed."""
        from worker.enrol import enrol  # noqa: PLC0415 - reading verbs never need it

        enrol(self.store, self.config, self.clock())

    def describe_seen(self) -> None:
        """Note what the config says of persons who have been seen by now."""
        from worker.enrol import describe_seen  # noqa: PLC0415 - as above

        describe_seen(self.store, self.config)

    def retain(self, owner: str) -> Retained | None:
        """Let go of what an owner keeps no longer, once a day."""
        from worker.sweep import retain  # noqa: PLC0415 - as above

        return retain(self.store, owner_of(self.config, owner), self._at_most(), self.config.owners[owner].retention)

    def sweep(self, owner: str) -> Swept | None:
        """Do an owner's nightly work, once a day: forecasts are calibrated, the month is chosen."""
        from worker.sweep import sweep  # noqa: PLC0415 - as above

        return sweep(self.store, owner_of(self.config, owner), terms_for(self.config, owner), self.clock())

    def drop_old(self, owner: str) -> int:
        """Let go of what is older than the owner keeps, as the nightly work does; says how many messages and meetings."""
        from worker.store.retention import drop_old  # noqa: PLC0415 - as above

        return drop_old(self.store, owner, self.kept_since(owner), self._at_most())

    def kept_since(self, owner: str) -> datetime:
        """Say since when an owner keeps mail and meetings."""
        return self._at_most() - self.config.owners[owner].retention

    def _at_most(self) -> datetime:
        return min(self.clock(), real_clock() + AHEAD)

    def pull(self, account: str, budget: timedelta = SLICE) -> bool:
        """Read one slice of an account; True where there is more to read now. Provider errors are noted on the account."""
        self.enrol()
        return self.pipeline().pull(account, budget)

    def decide(self, owner: str) -> int:
        """Plan what is due for an owner; says how many suggestions are new."""
        self.enrol()
        return self.pipeline().decide(owner)

    def deliver(self, account: str) -> int:
        """Deliver and look after what is due in an account; says how many suggestions changed their state."""
        return self.pipeline().deliver(account)

    def run_until_idle(self, progress: Callable[[str], None] = lambda _: None) -> None:
        """Pull, decide and deliver for every active account, through the broker and its worker, until nothing is due."""
        from worker.run import run_until_idle  # noqa: PLC0415 - only what serves needs Dramatiq

        self.enrol()
        run_until_idle(self.pipeline(), progress)

    def run(self, only: Sequence[Part] = (), *, poll: timedelta = POLL) -> int:
        """Serve until SIGTERM or SIGINT; the exit code.

        Raises ValueError for a split with the broker memory:, BrokerError, and StoreError for a database that cannot be written.
        """
        from worker.run import serve  # noqa: PLC0415 - as above

        self.store.prove_writable()
        self.enrol()
        return serve(self, only, poll=poll)

    def close(self) -> None:
        """Let go of the database; safe to call twice."""
        self.store.close()


def real_clock() -> datetime:
    """Say what time it is."""
    return datetime.now(UTC)


def frozen_clock(at: datetime) -> Clock:
    """Make a clock that stands."""
    return lambda: at


def shifted_clock(at: datetime) -> Clock:
    """Make a clock that reads `at` now and goes on from there."""
    began = time.monotonic()
    return lambda: at + timedelta(seconds=time.monotonic() - began)


def account_describer(config: Config, store: Store, clock: Clock) -> Callable[[str], Account]:
    """Return what describes an account of the config to its provider's package."""
    credentials = Credentials(store, config.secrets.key, clock)
    quota, gate = StoredQuota(store, clock), StoredGate(store, clock)

    def describe(account_id: str) -> Account:
        owner_name, _, name = account_id.partition("/")
        owner = config.owners[owner_name]
        settings = owner.accounts[name]
        return Account(
            id=account_id,
            settings=settings.settings,
            secrets=credentials.of(account_id, settings.secrets),
            zone=owner.zone,
            addresses=tuple(Address(email=email, name=owner.name) for email in owner.addresses),
            installation=_marker(store, account_id),
            quota=quota,
            gate=gate,
            since=clock() - owner.retention,
        )

    return describe


def _marker(store: Store, account_id: str) -> str:
    """Name this installation on an account so that one connected later sorts higher; "" before it is connected."""
    with store.read() as db:
        return installations.marker(db, account_id)


def provider_opener(config: Config, store: Store, clock: Clock) -> Opener:
    """Return what opens an account of the config through its provider's package."""
    describe = account_describer(config, store, clock)

    def open_connection(account_id: str) -> Connection:
        account = describe(account_id)
        provider = account_id.partition("/")
        package = import_module(PROVIDERS[config.owners[provider[0]].accounts[provider[2]].provider])
        connection: Connection = package.open(account)
        return connection

    return open_connection
