"""pyproject.toml names whatever is imported: nothing is there only because something else asks for it."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def imported(*folders: str) -> set[str]:
    """List the top-level modules the files of some folders import, those of the project left out."""
    own = {"rules", "connectors", "worker", "tests", "benchmarks", "_typeshed"}  # the last is known to type checkers alone
    nodes = [node for folder in folders for file in (ROOT / folder).rglob("*.py") for node in ast.walk(ast.parse(file.read_text()))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names} - own - sys.stdlib_module_names


@pytest.mark.parametrize(("folders", "is_dev"), [(("rules", "connectors", "worker"), False), (("tests", "benchmarks"), True)])
def test_whatever_is_imported_is_a_dependency_by_its_own_name(folders: tuple[str, ...], *, is_dev: bool) -> None:
    text = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [*text["project"]["optional-dependencies"].values(), *(text["dependency-groups"].values() if is_dev else ())]
    wanted = [*text["project"]["dependencies"], *(one for group in groups for one in group)]
    said = {re.split(r"[\[<>=; ]", one)[0].lower() for one in wanted}
    providers = packages_distributions()
    missing = {
        name for name in imported(*folders) if not {each.lower().replace("_", "-") for each in providers.get(name, ())} & said
    }
    assert missing == set()
