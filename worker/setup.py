"""Set-up: what the owner answered, written as a config.toml a person can read and edit; an account added to one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile

from connectors.account import Setting
from worker.advice import Refusal
from worker.config import load
from worker.config_problems import ConfigError, Problem
from worker.exit_codes import OWNER


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """An account to be written into the settings."""

    name: str
    provider: str
    settings: tuple[tuple[str, Setting], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What set-up asks, as text where the settings check it."""

    owner: str
    """NAME of [owners.NAME]."""
    full_name: str
    addresses: tuple[str, ...]
    zone: str
    hours: str = "09:00-18:00"
    language: str = "en"
    signature: str = ""
    holds_per_week: int | None = None
    thank_yous_per_week: int | None = None
    people: tuple[str, ...] = ()
    """Addresses of key people, at most ten."""
    accounts: tuple[NewAccount, ...] = field(default=())


def written(answers: Answers) -> str:
    """Write the answers as TOML; what was not answered stays out, so that a better default later is used."""
    lines = ["# Rekindle's settings. `rekindle doctor` checks them; docs/config.md names every key.", ""]
    lines += [f"[owners.{_key(answers.owner)}]", *_owner_lines(answers)]
    caps = {"holds_per_week": answers.holds_per_week, "thank_yous_per_week": answers.thank_yous_per_week}
    if any(most is not None for most in caps.values()):
        lines += ["", f"[owners.{_key(answers.owner)}.caps]"]
        lines += [f"{name} = {most}" for name, most in caps.items() if most is not None]
    for email in answers.people:
        lines += ["", f"[[owners.{_key(answers.owner)}.people]]", f"addresses = [{_text(email)}]"]
    for account in answers.accounts:
        lines += ["", *account_lines(answers.owner, account)]
    return "\n".join(lines) + "\n"


def _owner_lines(answers: Answers) -> Iterator[str]:
    yield f"name = {_text(answers.full_name)}"
    yield f"addresses = {_value(answers.addresses)}"
    yield f"zone = {_text(answers.zone)}"
    yield f"hours = {_text(answers.hours)}"
    yield f"language = {_text(answers.language)}"
    if answers.signature:
        yield f"signature = {_text(answers.signature)}"


def account_lines(owner: str, account: NewAccount) -> Iterator[str]:
    """Write the table of one account."""
    yield f"[owners.{_key(owner)}.accounts.{_key(account.name)}]"
    yield f"provider = {_text(account.provider)}"
    for name, setting in account.settings:
        yield f"{name} = {_value(setting)}"


def create(file: Path, answers: Answers) -> None:
    """Write a new config.toml. Raises Refusal where there is one, ConfigError where an answer cannot be used."""
    if file.exists():
        raise Refusal(f"{file} is there already.", "Edit it, or move it away; `rekindle doctor` checks it.", code=OWNER)
    _put(file, written(answers))


def add_account(file: Path, owner: str, account: NewAccount) -> None:
    """Add an account to a config.toml and leave every other line of it as it is. Raises Refusal, ConfigError."""
    text = file.read_text(encoding="utf-8-sig")
    if account.name in load(file).owners[owner].accounts:
        raise Refusal(f"There is an account {account.name!r} already.", "Give the new one another name: --account NAME.")
    _put(file, text.rstrip() + "\n\n" + "\n".join(account_lines(owner, account)) + "\n")


def _put(file: Path, text: str) -> None:
    """Write the text beside the file, read it as settings, and only then give it the file's name."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    written = text.encode()
    with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as unfinished:
        unfinished.write(written)
        unfinished.flush()
        os.fsync(unfinished.fileno())
    try:
        load(Path(unfinished.name))
        Path(unfinished.name).replace(file)
    except ConfigError as error:
        raise _renamed(error, unfinished.name, file) from None
    finally:
        Path(unfinished.name).unlink(missing_ok=True)


def _renamed(error: ConfigError, unfinished: str, file: Path) -> ConfigError:
    return ConfigError(
        Problem(file=str(file) if each.file == unfinished else each.file, key=each.key, message=each.message, nearest=each.nearest)
        for each in error.problems
    )


def _value(setting: Setting | Sequence[str]) -> str:
    match setting:
        case bool():
            return "true" if setting else "false"
        case int():
            return str(setting)
        case str():
            return _text(setting)
        case _:
            return f"[{', '.join(_text(str(each)) for each in setting)}]"


def _text(text: str) -> str:
    """Write a TOML basic string: a JSON string is one, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _key(name: str) -> str:
    """Write a key bare where TOML allows it, quoted else."""
    is_bare = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if is_bare else _text(name)
