"""Where rulebooks and templates lie: the ones that ship, and the owner's own laid over them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

from rules.rulebook import Problem, Rulebook, RulebookError, parse
from rules.wording import Wording, WordingError

if TYPE_CHECKING:
    from worker.settings import RulesSettings

SHIPPED = "default.toml"


def shipped() -> Rulebook:
    """Read the rulebook that ships."""
    return parse([_default()])


def over_shipped(file: Path, words: Wording | None = None) -> Rulebook:
    """Read the owner's rulebook over the one that ships, for these templates; None = the ones that ship. Raises RulebookError."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise RulebookError([Problem(file=str(file), key="", message=f"It cannot be read: {reason}.")]) from None
    return parse([_default(), (str(file), text)], templates=(words or wording()).names())


def configured(file: Path | None) -> Rulebook:
    """Read the rulebook the settings name, the one that ships where they name none. Raises ConfigError, RulebookError."""
    own = _settings(file)
    return shipped() if own.file is None else over_shipped(own.file, wording(own.templates))


def beside(file: Path, config: Path | None) -> Rulebook:
    """Read a rulebook over the one that ships, for the templates the settings name where there are settings.

    Raises ConfigError, RulebookError, WordingError.
    """
    from worker.config_places import default_config  # noqa: PLC0415 - as below

    is_bare = config is None and not default_config(os.environ).exists()
    return over_shipped(file, wording(None if is_bare else _settings(config).templates))


def _settings(config: Path | None) -> RulesSettings:
    from worker.config import load  # noqa: PLC0415 - `try` needs no settings, and `rules check FILE` can do without

    return load(config).rules


def wording(own: Path | None = None) -> Wording:
    """Read the templates that ship, and those of a folder of the owner's laid over them. Raises WordingError."""
    shipped = _texts(files("rules") / "templates")
    said = {} if own is None else _texts(own)
    return Wording({**shipped, **said}, proven=shipped.keys() - said.keys())


def _texts(folder: Traversable) -> Mapping[str, str]:
    """Read every template under a folder of languages, by its name: `de/check_in.hold.txt`."""
    languages = [each for each in folder.iterdir() if each.is_dir() and not each.name.startswith(("_", "."))]
    try:
        return {
            f"{lang.name}/{each.name}": each.read_text("utf-8")
            for lang in languages
            for each in lang.iterdir()
            if each.is_file() and not each.name.startswith(".")
        }
    except (OSError, UnicodeDecodeError) as error:
        raise WordingError(f"A template in {folder} cannot be read: {error}") from None


def _default() -> tuple[str, str]:
    return SHIPPED, (files("rules") / SHIPPED).read_text("utf-8")
