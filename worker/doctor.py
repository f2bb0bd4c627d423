"""Doctor: everything that must be there, looked at one by one; each thing missing is named with its remedy."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.engine import make_url

import worker
from rules.rulebook import RulebookError
from rules.wording import WordingError
from worker import rulebooks
from worker.config import load, owner_of
from worker.config_problems import ConfigError
from worker.credentials import MasterKey
from worker.decide import places_of
from worker.doctor_accounts import UNTRIED, examine_accounts
from worker.exit_codes import FAILED, OK, OWNER
from worker.findings import fine, wrong
from worker.json_views import FindingView
from worker.reach import missing, reach, remedy
from worker.secret_sources import SecretMissingError
from worker.settings import Config
from worker.store import engine, schema
from worker.store.mapping import instant
from worker.store.store import Store
from worker.store.tables import account, audit, owner
from worker.words import moment, taken_for_now

PATIENCE: Final = 3.0
"""Seconds a broker gets to answer."""
DRIFT: Final = timedelta(minutes=5)
"""A stored instant farther ahead than this means that the clock was set back."""


def examine(
    config: Path | None, now: datetime | None = None, waiting: Callable[[str], None] = lambda _: None
) -> tuple[FindingView, ...]:
    """Look at everything, as far as what is missing allows to look on; `now` counts as if the settings said it.

    `waiting` is told of an account for which another process is waited for.
    """
    return tuple(_examine(config, now, waiting))


def code_of(findings: Sequence[FindingView]) -> int:
    """Say how doctor ends: the owner has to act, or an account could not be tried just now, or all is well."""
    missing = {each.what for each in findings if not each.is_ok}
    return OWNER if missing - {UNTRIED} else FAILED if missing else OK


def _examine(config: Path | None, now: datetime | None, waiting: Callable[[str], None]) -> Iterator[FindingView]:
    yield _packages()
    try:
        settings = _as_of(now, load(config))
    except ConfigError as error:
        for problem in error.problems:
            yield wrong("settings", str(problem), "Put that right in the file; where there is none, `rekindle init` writes one.")
        return
    yield fine("settings", str(settings.file))
    if now is None and settings.now is not None:
        yield _own_now(settings, settings.now)
    yield from _zones(settings)
    yield _key(settings)
    yield _rulebook(settings)
    yield _broker(settings)
    yield from _database(settings, waiting)


def _as_of(now: datetime | None, settings: Config) -> Config:
    """Take `now` for the present time; one without an offset is read in the zone of the first owner."""
    if now is None:
        return settings
    zone = next(iter(settings.owners.values())).zone
    return settings.model_copy(update={"now": now if now.tzinfo else now.replace(tzinfo=ZoneInfo(zone))})


def _own_now(settings: Config, now: datetime) -> FindingView:
    """Tell of a present time in the settings: beside accounts on disk it is for trying things out, beside others a mistake."""
    said = taken_for_now(now, settings.file)
    if all(each.provider == "files" for whose in settings.owners.values() for each in whose.accounts.values()):
        return fine("now", said)
    return wrong("now", said, f"Take `now` out of {settings.file}: mail and meetings since then count for nothing.")


def _packages() -> FindingView:
    """Check that the packages beside us are ours: others install a top-level `rules` too."""
    home = Path(worker.__file__).parent.parent
    for name in ("rules", "connectors"):
        file = import_module(name).__file__
        if file is None or Path(file).parent.parent != home:
            return wrong(
                "packages",
                f"Another package named {name} hides ours: {file}.",
                "Install Rekindle into an environment of its own: pipx.",
            )
    return fine("packages", str(home))


def _zones(settings: Config) -> Iterator[FindingView]:
    for name, each in settings.owners.items():
        try:
            yield fine("time zone", f"{name}: {moment(_now(settings), ZoneInfo(each.zone))} in {each.zone}")
        except (OSError, ValueError):
            yield wrong("time zone", f"There is no data for {each.zone}.", "Install the package tzdata.")


def _key(settings: Config) -> FindingView:
    try:
        MasterKey.read(settings.secrets.key)
    except SecretMissingError as missing:
        needs_one = any(
            each.secrets or each.provider not in {"files", "memory"}
            for who in settings.owners.values()
            for each in who.accounts.values()
        )
        if not needs_one:
            return fine("key", "none yet; accounts on disk need none")
        return wrong("key", str(missing), missing.remedy)
    return fine("key", f"{settings.secrets.key.kind} {' '.join(settings.secrets.key.where[:1])}")


def _rulebook(settings: Config) -> FindingView:
    try:
        words = rulebooks.wording(settings.rules.templates)
        book = rulebooks.over_shipped(settings.rules.file, words) if settings.rules.file else rulebooks.shipped()
    except (RulebookError, WordingError) as error:
        return wrong("rulebook", str(error), "Put that right; `rekindle rules check` lists it.")
    return fine("rulebook", ", ".join(rule.name for rule in book.rules if rule.mode != "off"))


def _broker(settings: Config) -> FindingView:
    url = urlsplit(settings.broker.url)
    if url.hostname is None:
        return fine("broker", "in this process")
    port = url.port or {"redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671}[url.scheme]
    try:
        with socket.create_connection((url.hostname, port), timeout=PATIENCE):
            return fine("broker", f"{url.hostname}:{port} answers")
    except OSError:
        return wrong(
            "broker", f"Nothing answers at {url.hostname}:{port}.", "Start it, or correct [broker] url; nothing is lost meanwhile."
        )


def _database(settings: Config, waiting: Callable[[str], None]) -> Iterator[FindingView]:
    url = make_url(settings.store.url)
    if engine.is_file(url) and not Path(str(url.database)).exists():
        yield fine("database", f"not there yet; the first run makes {url.database}")
        return
    try:
        store = Store.open(settings.store.url)
    except engine.StoreError as error:
        yield wrong("database", str(error), error.remedy)
        return
    with closing(store):
        trouble = _trouble(store)
        if trouble is None:
            yield fine("database", f"{store.name}, schema {schema.REVISIONS[-1]}")
        else:
            yield wrong("database", str(trouble), trouble.remedy)
        yield _clock(store, settings)
        yield from _owners(store, settings)
    yield from examine_accounts(settings, waiting, trouble)


def _trouble(store: Store) -> engine.StoreError | None:
    """Write what stands there already: only so a full disk, a foreign lock or a file that is only to be read shows."""
    try:
        store.prove_writable()
    except engine.StoreError as error:
        return error
    return None


def _now(settings: Config) -> datetime:
    return datetime.now(UTC) if settings.now is None else settings.now.astimezone(UTC)


def _clock(store: Store, settings: Config) -> FindingView:
    now = _now(settings)
    with store.read() as connection:
        latest = [connection.execute(select(func.max(column))).scalar() for column in (account.c.last_ok_at, audit.c.at)]
    last = max((instant(each) for each in latest if each is not None), default=now)
    if last > now + DRIFT:
        return wrong(
            "clock",
            f"It reads {now:%Y-%m-%d %H:%M} UTC, but work was done at {last:%Y-%m-%d %H:%M} UTC.",
            "Set this computer's clock; until then nothing is made twice, but much is late.",
        )
    here = moment(now, ZoneInfo(next(iter(settings.owners.values())).zone))  # as the lines above tell it: UTC may have another date
    return fine("clock", f"{here} ({now:%Y-%m-%d %H:%M} UTC){', as it is to be taken for now' if settings.now else ''}")


def _owners(store: Store, settings: Config) -> Iterator[FindingView]:
    now = _now(settings)
    with store.read() as connection:
        rows = {row.id: row for row in connection.execute(select(owner))}
    for name, each in settings.owners.items():
        if not each.accounts:
            yield wrong("accounts", f"{name} has none.", "`rekindle connect --help` says how to add one.")
        with store.read() as connection:
            places = places_of(connection, name)
        if places["mail"] and not places["calendar"]:
            yield fine("calendar", f"{name}: none has been read yet; no hold can be put in place")
        row = rows.get(name)
        if row is not None and row.paused_until is not None and instant(row.paused_until) > now:
            yield wrong("pause", f"{name} has paused: nothing is made.", "`rekindle pause --end` goes on.")
        yield from _addresses(store, settings, name)


def _addresses(store: Store, settings: Config, name: str) -> Iterator[FindingView]:
    """Tell of mail hardly any of which is from or to an address the owner named."""
    whose = owner_of(settings, name)
    with store.read() as connection:
        found = reach(connection, whose)
    if found.is_missing:
        yield wrong("addresses", missing(found, whose), remedy(whose, settings.file))
