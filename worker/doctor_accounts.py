"""Doctor's look at the accounts: each is opened once and says what it holds; nothing in it is read, nothing is written there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from importlib import import_module
from pathlib import Path
from typing import Final

from connectors.port import PortError, RateLimited
from rules.rulebook import RulebookError
from rules.wording import WordingError
from worker.app import App, account_describer
from worker.config_accounts import PROVIDERS
from worker.config_problems import ConfigError
from worker.findings import AGAIN, fine, wrong
from worker.json_views import FindingView
from worker.settings import AccountSettings, Config
from worker.store.accounts import StoredAccount
from worker.store.accounts import accounts as stored_accounts
from worker.store.engine import Busy, StoreError
from worker.visiting import Visitor

UNTRIED: Final = "Another Rekindle, the service or a verb, has it in use; it was not tried."
"""No fault of anybody's: in a minute it may be tried."""


def examine_accounts(settings: Config, waiting: Callable[[str], None], trouble: StoreError | None) -> Iterator[FindingView]:
    """Look at each account. `waiting` is told of one another process has in use; `trouble`: why the database takes no writes."""
    try:
        app = App.open(settings)
    except (StoreError, RulebookError, WordingError, ConfigError):
        return  # named by whoever asks
    with closing(app), closing(Visitor(app, waiting)) as visitor:
        with app.store.read() as connection:
            stored = {each.id: each for each in stored_accounts(connection)}
        for name, each in settings.owners.items():
            for account_name, account_settings in each.accounts.items():
                account_id = f"{name}/{account_name}"
                if missing := _missing(account_settings):
                    yield wrong(account_id, f"There is no {missing}.", f"Put it back, or change the account in {settings.file}.")
                elif (known := stored.get(account_id)) is not None and known.state == "disconnected":
                    yield fine(account_id, "let go of by you")
                elif "imap" in account_settings.settings:  # its server allows few connections
                    yield from _in_line(visitor, account_id, trouble, _reach(app, account_id, account_settings, known))
                else:
                    yield from _reach(app, account_id, account_settings, known)


def _in_line(visitor: Visitor, account_id: str, trouble: StoreError | None, tried: Iterable[FindingView]) -> Iterator[FindingView]:
    """Yield what trying an account finds, once no other process has it in use."""
    with ExitStack() as held:
        try:
            if trouble is None:
                held.enter_context(visitor.line(account_id))
            elif isinstance(trouble, Busy):  # it does not say who else is at work
                raise trouble
        except RateLimited:
            yield wrong(account_id, UNTRIED, "Run doctor again in a minute.")
        except StoreError as error:
            yield wrong(account_id, f"It was not tried: {error}", error.remedy)
        else:
            yield from tried


def _missing(settings: AccountSettings) -> str:
    """Return the first path of an account on disk that is not there: opening it reads nothing yet."""
    if settings.provider != "files":
        return ""
    said = [settings.settings.get(key, ()) for key in ("mail", "calendar")]
    paths = [path for each in said for path in (each if isinstance(each, tuple) else (str(each),))]
    return next((path for path in paths if not Path(path).exists()), "")


def _reach(app: App, account_id: str, settings: AccountSettings, stored: StoredAccount | None) -> Iterator[FindingView]:
    """Open an account, by single steps where its provider has some; one that is paused is tried too: it may be well again."""
    if stored is not None and stored.state == "paused":
        yield wrong(account_id, stored.error or "It is paused.", stored.remedy or "Connect it again.")
    package = import_module(PROVIDERS[settings.provider])
    if hasattr(package, "steps"):
        for side, step in package.steps(account_describer(app.config, app.store, app.clock)(account_id)):
            subject = f"{account_id} {side}, {step.name}"
            yield fine(subject, step.what) if step.is_ok else wrong(subject, step.what, step.remedy or AGAIN)
    elif stored is None or stored.state != "paused":
        yield _listed(app, account_id)


def _listed(app: App, account_id: str) -> FindingView:
    """Open an account and count what it holds."""
    try:
        with closing(app.open_connection(account_id)) as connection:
            sides = [side for side in (connection.mailbox, connection.calendar) if side is not None]
            count = sum(len(side.feeds()) for side in sides)
    except PortError as error:
        return wrong(account_id, str(error), error.remedy or AGAIN)
    return fine(account_id, f"reached; {count} folders and calendars")
