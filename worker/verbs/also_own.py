"""What `init` asks, or warns of, where the owner's own mail shows addresses of theirs that they did not name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from connectors.port import PortError
from rules.people import match_key
from worker import trial
from worker.report import safe

ASK = "Mail there seems to be yours under {} too. Is that your address?"
WARN = (
    "What there is to read shows more addresses that seem to be yours: {names}. What is from or to them counts as somebody else's."
    " If they are yours, add {options}, or put them under `addresses` in {file}."
)


def completed(
    named: Sequence[str], paths: Sequence[Path], file: Path, *, now: datetime, zone: str, is_silent: bool
) -> tuple[str, ...]:
    """Return the addresses named and those the owner says yes to; where nothing may be asked, only warn of the others."""
    found = unnamed(named, paths, now=now, zone=zone) if paths else ()
    if not found:
        return tuple(named)
    if is_silent:
        options = " ".join(f"--address {safe(each)}" for each in found)
        click.echo(WARN.format(names=", ".join(map(safe, found)), options=options, file=file), err=True)
        return tuple(named)
    return (*named, *(each for each in found if click.confirm(ASK.format(safe(each)), default=None)))


def unnamed(named: Sequence[str], paths: Sequence[Path], *, now: datetime, zone: str) -> tuple[str, ...]:
    """Return the addresses `try` would find for the owner in these files beside those they named, by its own look.

    A mere guess counts only where it knows one of those named.
    """
    try:
        guess = trial.owner(paths, now=now, zone=zone)
    except PortError:
        return ()  # the reading that follows says what is in the way
    known = {match_key(each) for each in named}
    if guess.confidence == "unsure" and known.isdisjoint(guess.keys.keys):
        return ()
    return tuple(each.email for each in guess.addresses if match_key(each.email) not in known)
