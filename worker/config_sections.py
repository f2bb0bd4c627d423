"""The sections of config.toml and the environment made ready for the models: URLs complete, paths absolute, secrets found."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from worker import never
from worker.config_accounts import Reader, tables_in
from worker.config_places import broker_url, state_folder, store_url
from worker.config_problems import nearest
from worker.secret_sources import KINDS, SecretMissingError, Source

Toml = dict[str, object]


class Environment(BaseSettings):
    """What the environment may say over config.toml, for containers: REKINDLE_STORE_URL and its like."""

    model_config = SettingsConfigDict(env_prefix="REKINDLE_", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True)

    store_url: str | None = None
    broker_url: str | None = None
    web_host: str | None = None
    web_port: int | None = None
    web_enabled: bool | None = None


def prepare(table: Toml, reader: Reader) -> Toml:
    """Turn what needs the file's own folder, a provider or a secret into what the models take."""
    state = state_folder(Path(reader.file), os.environ)
    ready = {**table, **_environment(table, reader)}
    for name, owner in tables_in(ready.get("owners")):
        _accounts(owner, f"owners.{name}.accounts", reader)
        _never(owner, never.file_of(Path(reader.file), name))
    _url(ready, "broker", broker_url, reader)
    _url(ready, "store", lambda text: store_url(text, reader.base), reader, default=f"sqlite:///{state / 'rekindle.db'}")
    _key(ready, state / "master.key", reader)
    _rulebook(ready, reader)
    return ready | {"file": Path(reader.file)}


def _environment(table: Toml, reader: Reader) -> Toml:
    """Lay the environment over the sections; what it says wins."""
    try:
        said = Environment().model_dump(exclude_none=True)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            variable = f"REKINDLE_{str(details['loc'][0]).upper().removeprefix('REKINDLE_')}"
            reader.from_environment[variable] = variable
            reader.complain(variable, f"{details['msg']}.")
        return {}
    sections: dict[str, Toml] = {}
    for name, value in said.items():
        section, _, key = name.partition("_")
        old = table.get(section)
        kept = {word: was for word, was in old.items() if not word.startswith(f"{key}_")} if isinstance(old, dict) else {}
        sections[section] = {**kept, **sections.get(section, {}), key: value}
        reader.from_environment[f"{section}.{key}"] = f"REKINDLE_{name.upper()}"
    return dict(sections)


def _never(owner: Toml, file: Path) -> None:
    """Add what the file of the never-list says to what the settings say themselves."""
    said = owner.get("never", {})
    if not file.is_file() or not isinstance(said, dict):
        return
    read = never.read(file.read_text("utf-8-sig", errors="replace").splitlines())
    listed = {"people": read.people, "domains": read.domains, "titles": read.titles}
    owner["never"] = said | {key: [*_as_list(said.get(key)), *entries] for key, entries in listed.items()}


def _as_list(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def _accounts(owner: Toml, where: str, reader: Reader) -> None:
    if isinstance(accounts := owner.get("accounts"), dict):
        owner["accounts"] = accounts | {name: reader.account(account, f"{where}.{name}") for name, account in tables_in(accounts)}


def _url(table: Toml, section: str, check: Callable[[str], str], reader: Reader, default: str = "") -> None:
    """Complete the URL of a section, wherever it is read from."""
    if not isinstance(settings := table.setdefault(section, {}), dict):
        return
    source = reader.sourced(settings, "url", section)
    for kind in KINDS:
        settings.pop(f"url_{kind}", None)
    try:
        text = source.read() if source else settings.get("url", default)
        if isinstance(text, str) and text:
            settings["url"] = check(text)
    except SecretMissingError as missing:
        reader.complain(f"{section}.url", f"{missing} {missing.remedy}")
    except ValueError as error:
        reader.complain(f"{section}.url", str(error))


def _key(table: Toml, default: Path, reader: Reader) -> None:
    """Find out where the key that seals the secrets comes from."""
    settings = table.get("secrets", {})
    if not isinstance(settings, dict):
        return
    ways = [f"key_{kind}" for kind in KINDS]
    for key in settings:
        if key not in ways:
            message = f"The key is never written here: say {', '.join(ways)}." if key == "key" else "This key is not known."
            reader.complain(f"secrets.{key}", message, "" if key == "key" else nearest(str(key), ways))
    source = reader.sourced(settings, "key", "secrets")
    table["secrets"] = {"key": source or Source(kind="file", where=(str(default),), key="secrets.key_file")}


def _rulebook(table: Toml, reader: Reader) -> None:
    if not isinstance(rules := table.get("rules"), dict):
        return
    for key in ("file", "templates"):
        if isinstance(said := rules.get(key), str):
            rules[key] = path = reader.path(said)
            if not (path.is_file() if key == "file" else path.is_dir()):
                reader.complain(f"rules.{key}", f"There is no {'file' if key == 'file' else 'folder'} {path}.")
