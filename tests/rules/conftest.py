"""The rulebook and the templates that ship, read once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from rules.engine import suggest
from rules.rulebook import Rulebook, parse
from rules.wording import Wording
from tests.rules.builders import NOW, Decide, network


@pytest.fixture(scope="session")
def templates(root: Path) -> Mapping[str, str]:
    """The shipped templates by name, `en/check_in.why.txt`."""
    return {f"{file.parent.name}/{file.name}": file.read_text("utf-8") for file in (root / "rules" / "templates").glob("*/*")}


@pytest.fixture(scope="session")
def wording(templates: Mapping[str, str]) -> Wording:
    return Wording(templates)


@pytest.fixture(scope="session")
def shipped(root: Path) -> str:
    """The text of the shipped rulebook."""
    return (root / "rules" / "default.toml").read_text("utf-8")


@pytest.fixture(scope="session")
def rulebook(shipped: str, wording: Wording) -> Rulebook:
    return parse([("default.toml", shipped)], templates=wording.names())


@pytest.fixture
def decide(rulebook: Rulebook, wording: Wording) -> Decide:
    """Decide for some relations."""
    return lambda *relations, now=NOW, book=rulebook, **more: suggest(network(*relations, **more), book, now, wording)
