"""Every example in the help of every verb runs as it stands, in the demo's folder."""

from __future__ import annotations

import io
import re
import shlex

import click
import pytest

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
