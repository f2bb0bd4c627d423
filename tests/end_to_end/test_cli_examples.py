"""Every example runs as it stands, in the demo's folder: those in the help of a verb, and those of docs/cli.md in its order."""

from __future__ import annotations

import io
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
import time_machine

from tests.end_to_end.conftest import Demo
from worker.cli import VERBS, load, run
from worker.exit_codes import OK


def examples() -> dict[str, list[str]]:
    """The command lines in the help of each verb, and of each verb below it."""
    found: dict[str, list[str]] = {}
    for verbs in VERBS.values():
        for name, (place, _) in verbs.items():
            command = load(place)
            below = command.commands if isinstance(command, click.Group) else {}
            for spoken, each in {name: command, **{f"{name} {one}": other for one, other in below.items()}}.items():
                found[spoken] = re.findall(r"^ +(rekindle .+)$", each.epilog or "", re.MULTILINE)
    return found


EXAMPLES = examples()


@pytest.mark.parametrize("verb", EXAMPLES)
def test_the_examples_of_a_verb_run_as_they_stand_one_after_the_other(
    demo: Demo, verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert EXAMPLES[verb]
    monkeypatch.chdir(demo.home)
    monkeypatch.setenv("REKINDLE_CONFIG", "demo/config.toml")
    for example in EXAMPLES[verb]:
        monkeypatch.setattr("sys.stdin", io.StringIO("\n" * 100))
        assert run(shlex.split(example)[1:]) == OK, f"{example}\n{capsys.readouterr().err}"
        assert capsys.readouterr().out, example


def page(root: Path) -> list[str]:
    """The lines to be typed in docs/cli.md."""
    blocks = re.findall(r"```sh\n(.*?)```", (root / "docs" / "cli.md").read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


SHOWN = {
    "rekindle suggestions": "Draft to Priya Raman",
    "rekindle why Priya": "You met Priya Raman for the first time.",
    "rekindle why-not 'Tomasz Zielinski' --json": "You have already written to Tomasz Zielinski since then.",
    "rekindle dismiss 'Priya Raman'": "Draft to Priya Raman",
    "rekindle rollback --since 2w --dry-run": "would be taken back",
}
"""What a line of the page shows that is there on the demo's own day alone."""


@pytest.mark.timeout(600)
def test_the_page_can_be_typed_word_for_word_in_its_order_on_any_day(
    demo: Demo, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(demo.home)
    lines = page(root)
    assert set(SHOWN) <= set(lines)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=75)):
        for line in lines:
            if setting := re.fullmatch(r"export (\w+)=(\S+)", line):
                monkeypatch.setenv(setting[1], setting[2])
                continue
            monkeypatch.setattr("sys.stdin", io.StringIO("\n" * 100))
            code = run(shlex.split(line)[1:])
            printed = capsys.readouterr()
            assert code == OK, f"{line}\n{printed.err}"
            assert SHOWN.get(line, "") in printed.out, line
