"""Where rulebooks and templates lie: the ones that ship, and the owner's own laid over them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from rules.rulebook import Problem, Rulebook, RulebookError, parse
from rules.wording import Wording

SHIPPED = "default.toml"


def shipped() -> Rulebook:
    """Read the rulebook that ships."""
    return parse([_default()])


def over_shipped(file: Path) -> Rulebook:
    """Read the owner's rulebook over the one that ships. Raises RulebookError."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise RulebookError([Problem(file=str(file), key="", message=f"It cannot be read: {reason}.")]) from None
    return parse([_default(), (str(file), text)])


def configured(file: Path | None) -> Rulebook:
    """Read the rulebook the settings name, the one that ships where they name none. Raises ConfigError, RulebookError."""
    from worker.config import load  # noqa: PLC0415 - `try` needs no settings, and `rules check FILE` neither

    own = load(file).rules.file
    return shipped() if own is None else over_shipped(own)


def wording() -> Wording:
    """Compile the templates that ship."""
    folder = files("rules") / "templates"
    languages = [each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("_")]
    return Wording(
        {f"{lang.name}/{each.name}": each.read_text("utf-8") for lang in languages for each in lang.iterdir() if each.is_file()}
    )


def _default() -> tuple[str, str]:
    return SHIPPED, (files("rules") / SHIPPED).read_text("utf-8")
