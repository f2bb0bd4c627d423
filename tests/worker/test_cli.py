"""The command line itself: its verbs, its help, its exit codes, and how it speaks of trouble."""

from __future__ import annotations

import errno
import io
import json
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import click
import pytest

from connectors.port import AuthorizationExpired, RateLimited, Unavailable
from worker import exit_codes
from worker.advice import Refusal, advise
from worker.cli import VERBS, load, rekindle, run
from worker.store.engine import DiskFull, SchemaTooOld

HEAVY = (
    "sqlalchemy",
    "dramatiq",
    "pydantic",
    "rich",
    "alembic",
    "starlette",
    "structlog",
    "jinja2",
    "icalendar",
    "requests",
    "msal",
)
PROMISED = {
    *("init", "connect", "run", "pull", "decide", "deliver", "preview", "people", "why", "why-not", "suggestions", "approve"),
    *("dismiss", "snooze", "log", "pause", "disconnect", "status", "doctor", "rollback", "forget", "export", "backup"),
    *("upgrade", "rules", "try", "demo", "month", "want", "promise", "attention", "backtest", "mute", "never"),
}
LINES = {name: line for verbs in VERBS.values() for name, (_, line) in verbs.items()}
PLACES = {name: place for verbs in VERBS.values() for name, (place, _) in verbs.items()}
READING = (
    *("preview", "suggestions", "people", "people quiet", "people review", "why", "why-not", "status", "try", "month", "attention"),
    *("backtest", "promise", "doctor"),
)


def every_command() -> dict[str, click.Command]:
    """Every verb and every verb below it, by what is typed."""
    found: dict[str, click.Command] = {}
    for name, place in PLACES.items():
        command = load(place)
        found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {below}": each for below, each in command.commands.items()}
    return found


COMMANDS = every_command()


def test_every_verb_promised_is_there() -> None:
    assert LINES.keys() == PROMISED
    assert {
        "connect files",
        "rules check",
        "rules facts",
        "rules schema",
        "people merge",
        "people split",
        "people review",
    } <= COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_verb_says_what_it_does_and_shows_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*name.split(), "--help"]) == exit_codes.OK
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: rekindle {name}")
    assert "Examples:\n" in shown
    assert f"rekindle {name}" in shown.split("Examples:")[1]


@pytest.mark.parametrize("name", READING)
def test_a_reading_verb_takes_json_and_another_now(name: str) -> None:
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert {"--json", "--now"} <= options
    if name not in {"try", "doctor"}:
        assert {"--owner", "--config"} <= options


def test_run_takes_another_now() -> None:
    assert "--now" in {option for parameter in COMMANDS["run"].params for option in parameter.opts}


@pytest.mark.parametrize("arguments", [["--help"], *([*name.split(), "--help"] for name in COMMANDS)], ids=" ".join)
def test_help_loads_no_library_it_does_not_need(arguments: list[str]) -> None:
    program = (
        "import sys, contextlib, io\n"
        "from worker.cli import run\n"
        f"with contextlib.redirect_stdout(io.StringIO()): code = run({arguments!r})\n"
        f"print(code, [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "0 []"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["peopel"], "Did you mean 'people'?"),
        (["people", "--jsn"], "--json"),
        (["--config", "x.toml", "people"], "--config stands behind the verb: rekindle people --config"),
        (["--owner=ana", "why", "Priya"], "--owner stands behind the verb: rekindle why --owner"),
        (["--colour", "people"], "No such option '--colour'"),
        (["people", "--now", "yesterday"], "2026-11-17T10:30"),
        (["rollback", "--since", "lately"], "2026-11-17"),
        (["why"], "WHO"),
        (["try"], "PATH"),
        (["try", "/nowhere/at/all"], "/nowhere/at/all"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_says_what_is_right(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == exit_codes.USAGE
    assert says in capsys.readouterr().err


def test_missing_settings_are_the_owners_turn_and_name_init(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["people", "--config", str(tmp_path / "config.toml")]) == exit_codes.OWNER
    told = capsys.readouterr().err
    assert str(tmp_path / "config.toml") in told
    assert "rekindle init" in told
    assert "Traceback" not in told


def test_every_problem_of_the_settings_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[owners.ana]\naddreses = ["ana@home.example"]\nzone = "Europe/Berln"\n')
    assert run(["status", "--config", str(file)]) == exit_codes.OWNER
    told = capsys.readouterr().err
    assert "addreses" in told
    assert "'addresses'" in told
    assert "Europe/Berlin" in told


def test_a_bug_is_called_one_and_quotes_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("Dear Ana, the secret plan")

    monkeypatch.setattr(rekindle, "main", broken)
    assert run(["people"]) == exit_codes.BUG
    told = capsys.readouterr().err
    assert "RuntimeError" in told
    assert "secret plan" not in told
    assert "Traceback" not in told
    assert run(["--debug", "people"]) == exit_codes.BUG
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, click.Abort])
def test_ctrl_c_is_no_failure_of_ours(
    interruption: type[BaseException], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise interruption

    monkeypatch.setattr(rekindle, "main", interrupted)
    assert run(["pull"]) == exit_codes.INTERRUPTED
    assert "Stopped" in capsys.readouterr().err


def test_ctrl_c_where_nobody_sits_is_no_question_left_open(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    monkeypatch.setattr(COMMANDS["pull"], "callback", interrupted)
    assert run(["pull"]) == exit_codes.INTERRUPTED
    said = capsys.readouterr().err
    assert "Stopped" in said
    assert "nobody here" not in said


def test_a_question_nobody_can_answer_names_the_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run(["init", "--config", str(tmp_path / "config.toml")]) == exit_codes.INTERRUPTED
    assert "nobody here to answer" in capsys.readouterr().err


def test_a_reader_that_leaves_early_is_no_failure() -> None:
    line = f"{sys.executable} -m worker.cli rules facts | head -n 1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert done.returncode == exit_codes.OK


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (Refusal("There is no account.", "Connect one."), exit_codes.FAILED, "Connect one."),
        (OSError(errno.ENOSPC, "No space left on device", "/data/rekindle.db"), exit_codes.FAILED, "The disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "/data"), exit_codes.FAILED, "/data"),
        (OSError(errno.EROFS, "Read-only file system", "/data"), exit_codes.FAILED, "/data"),
        (FileExistsError(errno.EEXIST, "File exists", "everything.json"), exit_codes.FAILED, "everything.json is there already"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a.mbox"), exit_codes.FAILED, "a.mbox"),
        (DiskFull("There is no room left.", remedy="Free some space."), exit_codes.FAILED, "Free some space."),
        (SchemaTooOld("An older Rekindle made it.", remedy="Run `rekindle upgrade`."), exit_codes.OWNER, "rekindle upgrade"),
        (AuthorizationExpired("The password is refused.", remedy="Connect again."), exit_codes.OWNER, "Connect again."),
        (RateLimited("Too many requests.", retry_after=timedelta(minutes=1)), exit_codes.FAILED, "60 s"),
        (Unavailable("The server does not answer."), exit_codes.FAILED, "later"),
    ],
)
def test_expected_trouble_becomes_advice(error: Exception, code: int, says: str) -> None:
    advice = advise(error)
    assert advice.code == code
    assert says in advice.text()


TWO = """[owners.ana]
addresses = ["ana@home.example"]
zone = "Europe/Madrid"
[owners.ana.accounts.disk]
provider = "files"
mail = ["gone.mbox"]
[owners.ben]
addresses = ["ben@home.example"]
zone = "Europe/Madrid"
"""


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Settings with two owners; the mail of one is not where they say."""
    file = tmp_path / "config.toml"
    file.write_text(TWO)
    return file


def test_with_two_owners_one_is_to_be_named(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["people", "--config", str(two)]) == exit_codes.USAGE
    assert "--owner ana | ben" in capsys.readouterr().err
    assert run(["people", "--config", str(two), "--owner", "bne"]) == exit_codes.USAGE
    assert "ana, ben" in capsys.readouterr().err
    assert run(["people", "--config", str(two), "--owner", "ben"]) == exit_codes.OK


def test_a_pull_that_cannot_read_says_what_is_missing_and_status_remembers(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pull", "--config", str(two), "--owner", "ana"]) in {exit_codes.FAILED, exit_codes.OWNER}
    assert "gone.mbox" in capsys.readouterr().err
    assert run(["status", "--config", str(two), "--owner", "ana"]) == exit_codes.OK
    assert "gone.mbox" in capsys.readouterr().out


def test_what_cannot_be_read_is_counted_with_its_reason_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "junk.mbox").write_bytes(bytes(range(256)) * 40)
    event = "BEGIN:VEVENT\r\nUID:{0}@x.example\r\nDTSTART:{1}\r\nSUMMARY:Talk\r\nEND:VEVENT\r\n"
    events = event.format(1, "junk") + event.format(2, "20261117T090000Z")
    (tmp_path / "half.ics").write_bytes(f"BEGIN:VCALENDAR\r\n{events}BEGIN:VEVENT\r\nUID:3@x.example\r\n".encode())
    file = tmp_path / "config.toml"
    account = '[owners.ana.accounts.disk]\nprovider = "files"\nmail = ["junk.mbox"]\ncalendar = ["half.ics"]\n'
    file.write_text(f'[owners.ana]\naddresses = ["ana@home.example"]\nzone = "Europe/Madrid"\n{account}')
    assert run(["pull", "--config", str(file)]) == exit_codes.OK
    capsys.readouterr()
    assert run(["status", "--json", "--config", str(file)]) == exit_codes.OK
    skipped = {row["feed"]: row["skipped"] for row in json.loads(capsys.readouterr().out)}
    assert sum(each["count"] for each in skipped["half"]) == 2
    assert sum(each["count"] for each in skipped["junk.mbox"]) == 1
    assert all(each["reason"] for reasons in skipped.values() for each in reasons)
    assert run(["status", "--config", str(file)]) == exit_codes.OK
    told = " ".join(capsys.readouterr().out.split())
    assert all(f"1 left out: {each['reason']}" in told for reasons in skipped.values() for each in reasons)


def test_the_settings_of_the_environment_are_used(
    two: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REKINDLE_CONFIG", str(two))
    assert run(["status", "--owner", "ben"]) == exit_codes.OK
    assert "No account yet" in capsys.readouterr().out


def test_the_manual_shows_the_examples_of_the_help(root: Path) -> None:
    manual = (root / "docs" / "cli.md").read_text()
    for name, command in COMMANDS.items():
        for example in re.findall(r"^ +(rekindle .+)$", command.epilog or "", re.MULTILINE):
            assert f"\n{example}\n" in manual, name


def test_the_manual_names_every_verb_option_and_exit_code(root: Path) -> None:
    manual = (root / "docs" / "cli.md").read_text()
    for name, command in COMMANDS.items():
        assert f"`rekindle {name}" in manual, name
        section = manual.split(f"`rekindle {name}", 1)[1].split("\n### ")[0]
        for parameter in command.params:
            for option in parameter.opts if isinstance(parameter, click.Option) else ():
                assert option in section or option in manual.split("## Options many verbs share")[1], f"{name} {option}"
    codes = {value for key, value in vars(exit_codes).items() if key.isupper()}
    assert all(f"| {code} |" in manual for code in codes)
