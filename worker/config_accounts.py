"""The account tables of config.toml: which keys a provider knows, which lead to a secret, and what a path is relative to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from connectors.account import Setting, SettingKind
from worker.config_problems import Problem, nearest
from worker.secret_sources import KINDS, Kind, Source

PROVIDERS: Mapping[str, str] = {
    "files": "connectors.files",
    "imap": "connectors.standards",
    "caldav": "connectors.standards",
    "google": "connectors.google",
    "microsoft": "connectors.microsoft",
    "memory": "connectors.memory",
}
"""What `provider` may be, and the package that speaks to it."""
SECRETS = {"password": "The password to sign in with."}
"""The secrets of a provider that does not name its own in SECRETS."""


_WANTED: Mapping[SettingKind, str] = {
    "text": 'This is to be one text: {key} = "...".',
    "texts": 'This is to be a text or a list of texts: {key} = ["...", "..."].',
    "number": "This is to be a whole number above 0, without quotes: {key} = 100.",
    "switch": "This is to be true or false, without quotes: {key} = true.",
}
"""What to say of a setting of another kind than its provider takes."""


@dataclass(slots=True)
class Reader:
    """Reads tables of one file and gathers what is wrong with them."""

    file: str
    base: Path
    """The folder relative paths start from: that of config.toml."""
    problems: list[Problem] = field(default_factory=list)
    from_environment: dict[str, str] = field(default_factory=dict)
    """Keys the environment has set, and by which variable."""

    def complain(self, key: str, message: str, near: str = "") -> None:
        """Note a problem, at the variable where the environment is to blame."""
        variable = self.from_environment.get(key)
        file = "the environment" if variable else self.file
        self.problems.append(Problem(file=file, key=variable or key, message=message, nearest=near))

    def account(self, table: Mapping[str, object], where: str) -> dict[str, object]:
        """Sort the keys of one account into provider, settings and secrets."""
        provider = table.get("provider")
        if not isinstance(provider, str) or provider not in PROVIDERS:
            said = "is wanted and not there" if provider is None else f"{provider!r} is none of {', '.join(PROVIDERS)}"
            self.complain(f"{where}.provider", f"The provider {said}.", nearest(str(provider or ""), PROVIDERS))
            return {"provider": ""}
        known, kinds, secret_names = self._known(provider, where)
        settings: dict[str, Setting] = {}
        secrets: dict[str, Source] = {}
        for key, value in table.items():
            if key == "provider" or known is None:
                continue
            if key in known:
                kind, is_path = kinds.get(key, "text"), _is_path(provider, key)
                if (setting := self._setting(value, f"{where}.{key}", kind, is_path=is_path)) is not None:
                    settings[key] = setting
            elif named := _secret_in(key, secret_names):
                if source := self.source(named[1], value, f"{where}.{key}"):
                    secrets[named[0]] = source
            else:
                self._unknown(key, where, known, secret_names)
        return {"provider": provider, "settings": settings, "secrets": secrets}

    def source(self, kind: Kind, value: object, key: str) -> Source | None:
        """Read where a secret comes from."""
        if kind == "command":
            if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
                return Source(kind=kind, where=tuple(value), key=key)
            self.complain(key, 'A command is a list of texts: ["pass", "show", "mail"].')
        elif not isinstance(value, str) or not value:
            self.complain(key, "This is to be a text.")
        elif kind == "credential" and "/" in value:
            self.complain(key, "This is to be the name of a systemd credential, no path.")
        else:
            where = str(self.path(value)) if kind == "file" else value
            return Source(kind=kind, where=(where,), key=key)
        return None

    def sourced(self, table: Mapping[str, object], name: str, where: str) -> Source | None:
        """Read NAME_file, NAME_env, NAME_command or NAME_credential of a table; more than one is a problem."""
        found = [kind for kind in KINDS if f"{name}_{kind}" in table]
        ways = [name] * (name in table) + [f"{name}_{kind}" for kind in found]
        if len(ways) > 1:
            self.complain(f"{where}.{name}", f"Say only one of {', '.join(ways)}.")
            return None
        if not found:
            return None
        return self.source(found[0], table[f"{name}_{found[0]}"], f"{where}.{name}_{found[0]}")

    def path(self, text: str) -> Path:
        """Make a path absolute: ~ is the home folder, all else is relative to the file's own folder."""
        try:
            return (self.base / Path(text).expanduser()).absolute()
        except RuntimeError:  # ~ without a home folder
            return (self.base / text).absolute()

    def _known(self, provider: str, where: str) -> tuple[Mapping[str, str] | None, Mapping[str, SettingKind], Mapping[str, str]]:
        """Ask the provider for its settings, those that are no plain texts, and its secrets."""
        try:
            package = import_module(PROVIDERS[provider])
        except ModuleNotFoundError as missing:
            if missing.name is None or not PROVIDERS[provider].startswith(missing.name):
                raise
        else:
            if hasattr(package, "SETTINGS"):
                return package.SETTINGS, getattr(package, "KINDS", {}), getattr(package, "SECRETS", SECRETS)
        self.complain(f"{where}.provider", f"This version cannot connect to {provider} yet.")
        return None, {}, {}

    def _setting(self, value: object, key: str, kind: SettingKind, *, is_path: bool) -> Setting | None:
        match kind, value:
            case "text" | "texts", str():
                return str(self.path(value)) if is_path or value.startswith(("~/", "./", "../")) else value
            case "texts", list() if all(isinstance(part, str) for part in value):
                return tuple(str(self.path(part)) if is_path else part for part in value)
            case "switch", bool():
                return value
            case "number", int() if not isinstance(value, bool) and value > 0:
                return value
        self.complain(key, _WANTED[kind].format(key=key.rpartition(".")[2]))
        return None

    def _unknown(self, key: str, where: str, known: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        ways = [f"{name}_{kind}" for name in secrets for kind in KINDS]
        if key in secrets:
            self.complain(f"{where}.{key}", f"A secret is never written here: say {', '.join(f'{key}_{kind}' for kind in KINDS)}.")
        else:
            self.complain(f"{where}.{key}", "This key is not known.", nearest(key, ["provider", *known, *ways]))


def _is_path(provider: str, key: str) -> bool:
    """Tell whether a setting is a path: all of the files provider are, of others those whose key says so."""
    return provider == "files" or key.rpartition("_")[2] in {"file", "path", "paths"}


def _secret_in(key: str, names: Mapping[str, str]) -> tuple[str, Kind] | None:
    return next(((name, kind) for name in names for kind in KINDS if key == f"{name}_{kind}"), None)


def tables_in(value: object) -> Iterator[tuple[str, dict[str, object]]]:
    """List the sub-tables of what should be a table of tables; anything else is left to pydantic to name."""
    if isinstance(value, dict):
        yield from ((name, table) for name, table in value.items() if isinstance(table, dict))
