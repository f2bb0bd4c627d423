"""The dialogue of `init`: what options did not say is asked, then a preview, and one yes."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import click

from worker import report
from worker.advice import Refusal
from worker.config_places import default_config, state_folder
from worker.credentials import make_key
from worker.exit_codes import OWNER, USAGE
from worker.setup import Answers, create
from worker.store import accounts, people
from worker.verbs import asking
from worker.verbs.also_own import completed
from worker.verbs.connecting import files_account
from worker.verbs.explaining import previewed
from worker.verbs.material import holding, only
from worker.verbs.opened import Here, instant, opened
from worker.verbs.remarked import remark
from worker.verbs.retained import letting_go
from worker.verbs.steered import FOREVER
from worker.verbs.zones import zone_called, zone_here

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the options of `init` said; None and () are still to be asked."""

    name: str | None
    addresses: tuple[str, ...]
    zone: str | None
    hours: str | None
    holds: int | None
    thank_yous: int | None
    signature: str | None
    language: str | None
    people: tuple[str, ...]
    mail: tuple[Path, ...]
    calendar: tuple[Path, ...]
    out: Path | None


def said_so(options: Mapping[str, object]) -> Said:
    """Take over what click read."""
    return Said(**options)  # type: ignore[arg-type]  # click has checked each by its type


def initiate(said: Said, *, config: Path | None, now: datetime | None, is_sure: bool) -> None:
    """Ask, write the settings and the key, read, preview, and start on the owner's yes. Raises Refusal, ConfigError."""
    file = config.expanduser().absolute() if config else default_config(os.environ)
    if file.exists():
        raise Refusal(f"{file} is there already.", "Edit it and run `rekindle doctor`, or move it away first.", code=OWNER)
    create(file, _answered(said, file, now, is_silent=is_sure))
    make_key(state_folder(file, os.environ) / "master.key")
    click.echo(f"\nWritten to {file}. You can edit it at any time; `rekindle doctor` checks it.")
    with opened(file, None, now) as here:
        here.app.enrol()
        here.write(lambda connection: accounts.pause_owner(connection, here.name, FOREVER))
        _preview(here)
        if is_sure or click.confirm(_question(here)):
            _start(here)
        else:
            click.echo("Then nothing is made. `rekindle pause --end` says yes later.")


def _start(here: Here) -> None:
    with here.app.store.write() as connection:
        accounts.pause_owner(connection, here.name, None)
        accounts.start_owner(connection, here.name, here.now)
    connect = "" if here.settings.accounts else "connect an account (`rekindle connect --help`), then "
    click.echo(f"Good. {connect.capitalize()}`rekindle run` does the work; the first 14 days go at half the pace.")


def _question(here: Here) -> str:
    """Ask for the one yes, by what the owner has seen: where drafts and holds will lie, or that nothing is connected yet."""
    if not here.settings.accounts:
        return "\nShall Rekindle begin as soon as an account is connected?"
    places = [account.settings["out"] for account in here.settings.accounts.values() if "out" in account.settings]
    where = f"into {places[0]}" if places else "into your mailbox and calendar"
    return f"\nShall Rekindle put such drafts and holds {where} from now on?"


def _preview(here: Here) -> None:
    if not here.settings.accounts:
        click.echo("No mail or calendar yet: `rekindle connect --help` says how to add them.")
        return
    with letting_go(here):
        for name in here.settings.accounts:
            click.echo(f"Reading {name} …")
            while here.working.pull(f"{here.name}/{name}"):
                pass
    click.echo("\nThis is what it would make now:\n")
    made = previewed(here)
    has_people = bool(made or here.read(lambda connection: people.people(connection, here.name)))
    usual = "Nothing today: thank-yous come after meetings from now on."
    report.suggestions(made, here.zone, empty=remark(here, has_people=has_people) or usual)


def _answered(said: Said, file: Path, now: datetime | None, *, is_silent: bool) -> Answers:
    """Complete what was said by asking, or with the usual answers where nothing may be asked."""
    ask = _assumed if is_silent else asking.asked
    full_name = said.name or ask("Your name", _name_here(), str.strip if is_silent else asking.name)
    addresses = said.addresses or ask(
        "Your mail addresses, the usual first", "", asking.addresses if is_silent else asking.own_addresses
    )
    if not addresses or not full_name:
        raise Refusal("Your name and one of your addresses are wanted.", "Say --name NAME --address ADDRESS.", code=USAGE)
    mail = only("mail", said.mail) or ask("Your mail on disk: mbox, Maildir or Takeout (Enter: none)", "", asking.mail)
    calendar = only("calendar", said.calendar) or _calendar(mail, ask, is_silent=is_silent)
    where = zone_called(said.zone or zone_here())
    addresses = completed(addresses, (*mail, *calendar), file, now=instant(now, where), zone=where.key, is_silent=is_silent)
    return Answers(
        owner=re.sub(r"[^a-z0-9]", "", full_name.split()[0].casefold()) or "me",
        full_name=full_name,
        addresses=addresses,
        zone=where.key if said.zone else ask("Your time zone", where.key, asking.zone),
        hours=said.hours or ask("Your working hours", "09:00-18:00", asking.hours),
        holds_per_week=said.holds if said.holds is not None else ask("Holds in a week, at most", "2", asking.number),
        thank_yous_per_week=said.thank_yous
        if said.thank_yous is not None
        else ask("Thank-you drafts in a week, at most", "3", asking.number),
        signature=said.signature if said.signature is not None else ask("Your drafts end with", full_name, str.strip),
        language=said.language or ask("Language of your drafts", "en", asking.language),
        people=asking.at_most_ten(
            said.people or ask("Up to ten people who matter most, by address (Enter: none)", "", asking.key_people)
        ),
        accounts=(files_account("files", mail, calendar, said.out or file.parent / "out"),) if mail or calendar else (),
    )


def _calendar(mail: Sequence[Path], ask: Callable[..., tuple[Path, ...]], *, is_silent: bool) -> tuple[Path, ...]:
    """Ask for the calendar: usually what lies with the mail, as in a Takeout; a script is only told of it."""
    beside = holding("calendar", mail)
    if is_silent:
        for path in beside:
            click.echo(f"If {path} holds your calendar too, add --calendar {path}: it is not read.", err=True)
        return ()
    none = "'none' for none" if beside else "Enter: none"
    return ask(f"Your calendar on disk: .ics ({none})", ", ".join(map(str, beside)), asking.calendar)


def _assumed(_question: str, usual: str, read: Callable[[str], Answer]) -> Answer:
    return read(usual)


def _name_here() -> str:
    """Return the full name this computer's account is registered with."""
    try:
        return pwd.getpwuid(os.getuid()).pw_gecos.partition(",")[0]
    except KeyError:
        return ""
