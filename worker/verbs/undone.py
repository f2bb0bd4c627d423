"""What rollback, forget, disconnect and export do: each says first what it will do, and afterwards what it did."""

from __future__ import annotations

import sys
from collections.abc import Collection
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import click
from sqlalchemy import Connection

from connectors import private
from connectors.optional import Told
from connectors.port import PortError
from rules.addresses import match_key
from rules.suggestions import Draft, Invite
from worker.credentials import Credentials
from worker.exporting import export_owner
from worker.queries import account_called, called, remembered
from worker.secret_sources import SecretMissingError
from worker.store import accounts, audit, outbox, people
from worker.store.accounts import StoredAccount
from worker.store.entry import Entry, recipients
from worker.store.mapping import plain
from worker.store.people import StoredPerson
from worker.verbs.confirming import confirmed
from worker.verbs.opened import Here
from worker.verbs.steered import title_of
from worker.words import counted, moment

GONE: Final = "gone"


def rollback(here: Here, since: date | timedelta, *, is_dry: bool, is_sure: bool) -> None:
    """Take away what was made since a day and is untouched; what waits is dropped; Invites are only listed."""
    begin = here.before(since)
    ours = [each for each in here.read(lambda connection: outbox.read_all(connection, here.name)) if _is_since(each, begin)]
    ends = [each for each in ours if not (isinstance(each.action, Invite) and each.state == "delivered")]
    for each in ours:
        stays = "" if each in ends else "  stays: an invitation is never taken back"
        click.echo(f"{title_of(each)}  {moment(each.at, here.zone, here.now)}  {each.state}{stays}")
    if is_dry or not ends:
        click.echo(f"{counted(len(ends), 'suggestion')} would be taken back." if ends else "There is nothing to take back.")
        return
    if not is_sure:
        confirmed(f"Take {counted(len(ends), 'suggestion')} back?", "Nothing was taken back.")
    take_back(here, ends, "You rolled it back")
    audit_detail = f"since {begin:%Y-%m-%d}: {len(ends)}" if begin else ""
    here.write(lambda connection: audit.record(connection, here.now, here.name, "rollback", detail=audit_detail))
    for each in ends:
        click.echo(f"{title_of(each)}: {_became(here, each)}")
    click.echo("What is due later is still planned anew; `rekindle pause` stops that.")


def _is_since(entry: Entry, begin: datetime | None) -> bool:
    return begin is None or (entry.delivered_at or entry.created_at) >= begin


def take_back(here: Here, entries: list[Entry], note: str) -> None:
    """Drop what waits, and take away what lies there untouched."""

    def change(connection: Connection) -> None:
        for entry in entries:
            if entry.state in outbox.WAITING:
                outbox.close(connection, entry, "withdrawn", note, here.now)
            else:
                outbox.intend(connection, entry.key, "withdrawn", note, here.now)

    here.write(change)
    for account in sorted({entry.account for entry in entries if entry.state not in outbox.WAITING}):
        here.working.deliver(account)


def _became(here: Here, entry: Entry) -> str:
    after = here.read(lambda connection: outbox.read(connection, entry.key))
    if after is None or after.state == "closed":
        return GONE
    return "stays, for you have changed it" if after.close_reason is None else "is taken away as soon as its account answers"


def forget(here: Here, who: str, *, is_sure: bool) -> None:
    """Erase a person: first what lies in mailbox and calendar untouched, then every row. Raises Refusal."""
    name, keys = here.read(lambda connection: _meant(connection, here.name, who))
    if not is_sure:
        confirmed(f"Erase every trace of {name} ({', '.join(keys)}), for good?", "Nothing was erased.")
    entries = here.read(lambda connection: outbox.read_all(connection, here.name))
    ours = [each for each in entries if is_about(each, keys, name) and not isinstance(each.action, Invite)]
    take_back(here, ours, "")
    became = [(title_of(each), _became(here, each)) for each in ours]
    gone = here.write(lambda connection: people.forget(connection, here.name, keys, here.now))
    here.write(lambda connection: audit.record(connection, here.now, here.name, "forget"))
    click.echo(f"Erased: {counted(gone, 'row')}. No reading brings them back.")
    for title, what in became:
        if what != GONE:
            click.echo(f"{title}: {what}")
    if any(match_key(email) in keys for each in here.settings.people for email in each.addresses):
        click.echo(f"{here.app.config.file} still names them: take them out there too.")


def is_about(entry: Entry, keys: Collection[str], name: str = "") -> bool:
    """Tell whether a suggestion is for somebody, alone or among others, or its text speaks of them by full name."""
    spoken = entry.action.text if isinstance(entry.action, Draft) else ""
    return not {entry.address, *recipients(entry.action)}.isdisjoint(keys) or (" " in name and name in spoken)


def _meant(connection: Connection, owner: str, who: str) -> tuple[str, tuple[str, ...]]:
    """Return the name and match keys to erase; an address need not be a person's, nor ever have been seen."""
    who = plain(who)  # no database takes what is no UTF-8, so nothing of it is stored
    if "@" in who and not people.find(connection, owner, who):
        made = remembered(connection, owner, who)
        return next((each.name for each in reversed(made) if each.name), who), (match_key(who),)
    match called(connection, owner, who):
        case StoredPerson(name=name, addresses=addresses):
            return name or addresses[0], addresses
        case made:
            return made[-1].name, (made[-1].address,)


def disconnect(here: Here, name: str, *, is_sure: bool) -> None:
    """Let go of an account and erase its secrets. Raises Refusal."""
    account = here.read(lambda connection: account_called(connection, here.name, name))
    if not is_sure:
        confirmed(f"Never read or write {account.name} ({account.provider}) again?", "Nothing was let go of.")

    _untell(here, account)

    def change(connection: Connection) -> None:
        accounts.disconnect(connection, account.id)
        audit.record(connection, here.now, here.name, "disconnect", account=account.id)

    here.write(change)
    Credentials(here.app.store, here.app.config.secrets.key, here.app.clock).erase(account.id)
    click.echo(f"{account.name} is let go of; its secrets are erased.")
    click.echo(f"Take [owners.{here.name}.accounts.{account.name}] out of {here.app.config.file}, or connect it again later.")


def _untell(here: Here, account: StoredAccount) -> None:
    """Ask the provider to tell of nothing more, as well as it goes: letting go never waits for a provider's word."""
    try:
        connection = here.app.open_connection(account.id)
    except (PortError, SecretMissingError, KeyError):  # no sign-in any more, or no settings: nothing can be asked
        return
    with closing(connection):
        if isinstance(connection, Told):
            try:
                connection.untell()
            except (PortError, SecretMissingError) as error:
                click.echo(f"{account.name} could not be asked to tell of nothing more: {error} It ends by itself within a week.")


def export(here: Here, output: Path | None) -> None:
    """Write everything stored about the owner as JSON, to a file or to stdout."""
    if output is None:
        here.read(lambda connection: export_owner(connection, here.name, sys.stdout))
        click.echo()
    else:
        with open(output, "x", encoding="utf-8", opener=private.opener) as file:
            try:
                here.read(lambda connection: export_owner(connection, here.name, file))
            except BaseException:
                output.unlink()  # half a file would pass for all there is, and stand in the way of the next
                raise
        click.echo(f"Written to {output}. It holds names, addresses and subjects: keep it as you keep your mail.")
    here.write(lambda connection: audit.record(connection, here.now, here.name, "export"))
