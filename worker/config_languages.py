"""Languages the settings name: each needs templates to write in, else drafts would silently be in English."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from worker.config_problems import Problem, nearest
from worker.settings import Config, OwnerSettings

PHRASES = "words.toml"
"""Without it a folder of templates is no language."""


def without_templates(config: Config) -> Iterator[Problem]:
    """Find every language nothing can be written in."""
    known = written_in(config.rules.templates)
    for name, owner in config.owners.items():
        for key, language in _said(owner).items():
            if message := missing(language, known):
                yield Problem(
                    file=str(config.file), key=f"owners.{name}.{key}", message=message, nearest=nearest(language.lower(), known)
                )


def missing(language: str, known: tuple[str, ...]) -> str:
    """Say that nothing can be written in a language; "" where it can. `de-AT` is written in `de`."""
    if not language or language.replace("_", "-").split("-")[0].lower() in known:
        return ""
    return f"There are no templates in {language!r}, only in {', '.join(known)}; a folder of your own adds one ([rules] templates)."


def written_in(own: Path | None = None) -> tuple[str, ...]:
    """List the languages there are templates in: those that ship, and those of the owner's folder."""
    folders: list[Traversable] = [files("rules") / "templates", *([] if own is None else [own])]
    return tuple(sorted({each.name for folder in folders if folder.is_dir() for each in folder.iterdir() if _is_language(each)}))


def _is_language(folder: Traversable) -> bool:
    return not folder.name.startswith(("_", ".")) and (folder / PHRASES).is_file()


def _said(owner: OwnerSettings) -> Mapping[str, str]:
    """Return every language an owner names, by its key."""
    circles = {f"circles.{name}.language": circle.language for name, circle in owner.circles.items()}
    people = {f"people[{index}].language": person.language for index, person in enumerate(owner.people)}
    domains = {f"languages.{domain}": language for domain, language in owner.languages.items()}
    return {"language": owner.language, **circles, **domains, **people}
