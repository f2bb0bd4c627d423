"""Where a secret is read from when it is not in the database: a file, the environment, a command, a systemd credential."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["file", "env", "command", "credential"]
KINDS: tuple[Kind, ...] = ("file", "env", "command", "credential")
_PATIENCE = 30.0
_LARGEST = 65536


class SecretMissingError(Exception):
    """A secret could not be had; says which and what to do, never what is in it."""

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy
        """What the owner can do about it, in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One place a secret can be read from. It holds the way there, never the secret."""

    kind: Kind
    where: tuple[str, ...]
    """The path, the variable, the command with its arguments, or the credential's name."""
    key: str
    """The key of config.toml that says so, for messages."""

    def read(self, environ: Mapping[str, str] = os.environ) -> str:
        """Read the secret: one line end is cut off. Raises SecretMissingError."""
        secret = self._text(environ).removesuffix("\n").removesuffix("\r")
        if not secret:
            raise SecretMissingError(f"{self.key} leads to an empty secret.", remedy="Put the secret where it leads to.")
        return secret

    def _text(self, environ: Mapping[str, str]) -> str:
        match self.kind:
            case "file":
                return _from_file(Path(self.where[0]), self)
            case "env":
                return _from_environment(self.where[0], self, environ)
            case "command":
                return _from_command(self.where, self)
            case "credential":
                return _from_credential(self.where[0], self, environ)


def _from_file(path: Path, source: Source) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LARGEST + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SecretMissingError(
            f"{source.key}: {path} cannot be read: {reason}.", remedy="Write the secret into that file, readable by this user only."
        ) from None
    if len(text) > _LARGEST:
        raise SecretMissingError(f"{source.key}: {path} is too large for a secret.", remedy="Check the path.")
    return text


def _from_environment(name: str, source: Source, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise SecretMissingError(f"{source.key}: the variable {name} is not set.", remedy=f"Set {name} where Rekindle is started.")
    return environ[name]


def _from_command(command: tuple[str, ...], source: Source) -> str:
    """Run the command without a shell; what it prints on stderr may hold secrets and is not repeated."""
    remedy = "Run the command by hand as this user: it has to print the secret and end with 0."
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False)  # noqa: S603 - the owner's own command, no shell
    except subprocess.TimeoutExpired:
        raise SecretMissingError(f"{source.key}: {command[0]} took over {_PATIENCE:.0f} s.", remedy=remedy) from None
    except (OSError, ValueError):
        raise SecretMissingError(f"{source.key}: {command[0]} cannot be run.", remedy=remedy) from None
    if done.returncode:
        raise SecretMissingError(f"{source.key}: {command[0]} ended with {done.returncode}.", remedy=remedy)
    try:
        return done.stdout.decode()
    except UnicodeDecodeError:
        raise SecretMissingError(f"{source.key}: {command[0]} printed no text.", remedy=remedy) from None


def _from_credential(name: str, source: Source, environ: Mapping[str, str]) -> str:
    """Read a systemd credential (systemd.exec(5), LoadCredential=): a file under $CREDENTIALS_DIRECTORY."""
    if not (folder := environ.get("CREDENTIALS_DIRECTORY")):
        raise SecretMissingError(
            f"{source.key}: there are no systemd credentials here.", remedy=f"Start it by systemd with LoadCredential={name}:FILE."
        )
    return _from_file(Path(folder) / name, source)
