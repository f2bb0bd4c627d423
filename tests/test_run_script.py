"""./run: parses on old Pythons, sets up once per lock, says in a sentence what is missing, and hands ARGS on."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = ("run", ".ci/run")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load ./run as a module."""
    loader = SourceFileLoader("run_script", str(ROOT / "run"))
    spec = spec_from_loader("run_script", loader)
    assert spec
    module = module_from_spec(spec)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader.exec_module(module)
    return module


@pytest.fixture
def ran(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Note the commands instead of running them; nothing is set up."""
    commands: list[list[str]] = []

    def run_tool(command: list[str]) -> int:
        commands.append(command)
        return 7

    monkeypatch.setattr(script, "run_tool", run_tool)
    monkeypatch.setattr(script, "setup", lambda words, for_tests=True: 0)
    return commands


@pytest.fixture
def checkout(script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Pretend that the checkout is an empty folder with lock files."""
    for name in ("uv.lock", "requirements.txt", "pyproject.toml"):
        (tmp_path / name).write_text("one")
    for name, place in (("ROOT", ""), ("VENV", ".venv"), ("BIN", ".venv/bin"), ("STAMP", ".venv/locked")):
        monkeypatch.setattr(script, name, str(tmp_path / place))
    monkeypatch.setenv("REKINDLE_NO_UV", "1")
    return tmp_path


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_can_be_run(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)


def test_it_parses_on_pythons_far_too_old_for_rekindle() -> None:
    tree = ast.parse((ROOT / "run").read_text(), feature_version=(3, 5))
    too_new = (ast.JoinedStr, ast.NamedExpr, ast.AnnAssign, ast.Match, ast.TryStar)
    assert [f"line {node.lineno}" for node in ast.walk(tree) if isinstance(node, too_new)] == []
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert [node.name for node in functions if node.returns or any(arg.annotation for arg in node.args.args)] == []


def test_it_needs_nothing_but_the_standard_library() -> None:
    tree = ast.parse((ROOT / "run").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported
    assert imported <= sys.stdlib_module_names
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]


def test_an_old_python_is_named_in_a_sentence(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "OLDEST", (4, 0))
    monkeypatch.setenv("PATH", "")
    assert script.main(["demo"]) == 1
    assert f"needs Python 4.0 or newer; this is 3.{sys.version_info[1]}" in capsys.readouterr().err


def test_a_newer_python_beside_the_old_one_is_taken(script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    newer = tmp_path / "python3.14"
    stand_in(newer, "exit 0")
    stand_in(tmp_path / "python3.15", "exit 127")  # a shim of a Python that is not there
    started: list[list[str]] = []
    monkeypatch.setattr(script, "OLDEST", (3, 14))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(script.os, "execv", lambda path, words: started.append([path, *words]))
    if sys.version_info >= (3, 14):
        pytest.skip("this Python is itself new enough")
    script.main(["test", "-x"])
    assert started == [[str(newer), str(newer), str(ROOT / "run"), "test", "-x"]]


def test_a_python_without_ensurepip_names_the_package(
    script: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert script.main(["setup"]) == 1
    complaint = capsys.readouterr().err
    assert "apt-get install python3-venv" in complaint
    assert "Traceback" not in complaint
    assert not (checkout / ".venv").exists()


def test_a_set_up_that_fails_says_where_and_is_tried_again(
    script: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script.subprocess, "call", lambda *_, **__: 1)
    assert script.main(["setup"]) == 1
    assert "The set-up stopped at" in capsys.readouterr().err
    assert not (checkout / ".venv" / "locked").exists()


def test_the_environment_is_made_once_for_each_lock(script: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[bool, bool]] = []

    def pretend(is_made: bool, for_tests: bool) -> None:
        made.append((is_made, for_tests))
        python = checkout / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True, exist_ok=True)
        python.unlink(missing_ok=True)
        python.symlink_to(sys.executable)

    monkeypatch.setattr(script, "set_up_with_pip", pretend)
    monkeypatch.setattr(script, "run_tool", lambda command: 0)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (checkout / "worker").mkdir()
    (checkout / "worker" / "one.py").write_text("ONE = 1\n")
    for verb in ("demo", "demo", "test", "test", "demo"):
        script.main([verb])
    assert list((checkout / "worker" / "__pycache__").glob("one.*.pyc")), "a start need not compile what it imports"
    assert made == [(False, False), (True, True)]
    (checkout / "pyproject.toml").write_text("changed")
    script.main(["test"])
    assert len(made) == 2
    (checkout / "uv.lock").write_text("two")
    for verb in ("test", "demo"):
        script.main([verb])
    assert made[2:] == [(False, True)]
    (checkout / "uv.lock").write_text("three")
    script.main(["demo"])
    assert made[3:] == [(False, True)], "who has the test tools keeps them"


def test_what_is_installed_is_compiled_also_where_the_checkout_has_a_strange_name(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed = tmp_path / "[old] *" / ".venv" / "lib" / "python3.99" / "site-packages"
    installed.mkdir(parents=True)
    (installed / "one.py").write_text("ONE = 1\n")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "python").symlink_to(sys.executable)
    for name, place in (("ROOT", "[old] *"), ("VENV", "[old] */.venv"), ("BIN", "tools")):
        monkeypatch.setattr(script, name, str(tmp_path / place))
    script.compile_all()
    assert list((installed / "__pycache__").glob("one.*.pyc"))


@pytest.mark.parametrize("for_tests", [True, False])
def test_pip_takes_nothing_without_a_hash(
    script: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch, for_tests: bool
) -> None:
    steps: list[list[str]] = []
    monkeypatch.setattr(script, "step", lambda command, environment=None: steps.append(command))
    script.set_up_with_pip(is_made=False, for_tests=for_tests)
    installs = [step for step in steps if "install" in step]
    assert len(installs) == 3 - for_tests
    assert all("--require-hashes" in step or "--no-index" in step for step in installs)


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_a_set_up_says_what_it_is_at_before_each_step(
    script: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], installer: str
) -> None:
    said: list[str] = []
    monkeypatch.setattr(script, "step", lambda command, environment=None: said.append(capsys.readouterr().err))
    (checkout / "requirements.txt").write_text("one==1 \\\n    --hash=sha256:00\ntwo==2\n    --hash=sha256:00\n")
    set_up = script.set_up_with_pip if installer == "pip" else lambda *how: script.set_up_with_uv("uv", *how)
    set_up(False, True)
    assert [line.split()[0] for line in said] == ["making", "installing", "installing"]
    assert f"2 locked packages with {installer}" in said[1]
    assert "from this folder" in said[2]


@pytest.mark.parametrize("for_tests", [True, False])
def test_uv_takes_nothing_that_is_not_locked(
    script: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch, for_tests: bool
) -> None:
    steps: list[list[str]] = []
    monkeypatch.setattr(script, "step", lambda command, environment=None: steps.append(command))
    script.set_up_with_uv("uv", is_made=False, for_tests=for_tests)
    fetching = [step for step in steps if step[1] in {"sync", "pip"}]
    assert len(fetching) == 2
    assert all("--frozen" in step or "--offline" in step for step in fetching)


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["test"], ["python", "-m", "pytest", "-n", "3", "--dist", "loadgroup"]),
        (["test", "tests/rules", "-k", "slots"], ["python", "-m", "pytest", "tests/rules", "-k", "slots"]),
        (["demo"], ["rekindle", "demo"]),
        (["demo", "--help"], ["rekindle", "demo", "--help"]),
    ],
)
def test_words_are_handed_on_and_the_exit_code_comes_back(
    script: ModuleType, ran: list[list[str]], words: list[str], command: list[str]
) -> None:
    assert script.main(words) == 7
    assert ran == [command]


@pytest.mark.parametrize("place", ["the checkout", "elsewhere", "an environment that is active"])
def test_what_the_demo_ends_with_can_be_copied_into_the_shell_it_was_started_from(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str], place: str
) -> None:
    ours = str(Path(sys.executable).parent)
    monkeypatch.setattr(script, "setup", lambda words, for_tests=True: 0)
    monkeypatch.setattr(script, "BIN", ours)
    monkeypatch.setenv("REKINDLE_PROGRAM", "")  # restored afterwards
    monkeypatch.setenv("PATH", ours + ":/usr/bin:/bin" if "active" in place else "/usr/bin:/bin")
    monkeypatch.chdir(tmp_path if place == "elsewhere" else ROOT)
    assert script.main(["demo", str(tmp_path / "demo")]) == 0
    copied = capfd.readouterr().out.splitlines()[-2:]
    assert ("  rekindle people" in copied) == ("active" in place)
    done = subprocess.run(["/bin/sh", "-e"], input="\n".join(copied), capture_output=True, text=True, timeout=120, check=False)
    assert "Priya Raman" in done.stdout, done.stderr


def test_lint_runs_every_linter_also_after_a_complaint(
    script: ModuleType, ran: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["lint"]) == 1
    assert {"ruff", "mypy", "lint-imports"} <= {command[0] for command in ran}
    assert "Complaints from: ruff, ruff format, mypy" in capsys.readouterr().out


def test_bench_runs_the_named_ones_and_names_those_there_are(
    script: ModuleType, ran: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    names = sorted(file.stem for file in (ROOT / "benchmarks").glob("[!_]*.py"))
    assert script.main(["bench", "--quick", names[0]]) == 7
    assert ran == [["python", "-m", f"benchmarks.{names[0]}", "--quick"]]
    assert script.main(["bench", "no-such"]) == 1
    assert names[0] in capsys.readouterr().err


@pytest.mark.parametrize(("words", "code"), [([], 0), (["help"], 0), (["dance"], 2), (["servers", "dance"], 1)])
def test_help_is_given_and_an_unknown_word_is_an_error(
    script: ModuleType, words: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(words) == code
    said = capsys.readouterr()
    assert "./run" in said.out + said.err


def test_every_verb_is_in_help_and_in_the_makefile(script: ModuleType) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for verb in ("demo", "test", "lint", "bench"):
        assert f"./run {verb}" in script.HELP
        assert re.search(rf"\b{verb}\b.*:", makefile)
    assert "./run servers start" in makefile


def locked() -> dict[str, dict[str, object]]:
    """Read uv.lock: name -> package."""
    return {package["name"]: package for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}


@pytest.mark.parametrize("name", ["requirements.txt", "deploy/requirements.txt", "deploy/requirements-build.txt"])
def test_the_hashed_requirements_say_what_the_lock_says(name: str) -> None:
    blocks = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())
    packages = locked()
    for block in blocks:
        requirement = re.match(r"([\w.-]+)(?:\[[\w,-]+\])?==([^\s;]+)", block)
        assert requirement, block.splitlines()[0]
        package = packages[requirement[1]]
        assert package["version"] == requirement[2]
        hashes = set(re.findall(r"--hash=(sha256:[0-9a-f]{64})", block))
        wheels = package.get("wheels", [])
        assert isinstance(wheels, list)
        assert hashes
        assert {wheel["hash"] for wheel in wheels} & hashes


def test_the_lock_was_written_for_these_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(text for extra in project["optional-dependencies"].values() for text in extra)]
    metadata = locked()["rekindle"]["metadata"]
    assert isinstance(metadata, dict)
    said = {entry["name"] + entry.get("specifier", "") for entry in metadata["requires-dist"]}
    assert said == {re.sub(r"\[[\w,-]+\]", "", text).lower() for text in wanted}, "run ./run lock"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as pipx and uv do."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=100)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_all_the_program_needs_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    data = [file for layer in ("rules", "connectors", "worker") for file in (ROOT / layer).rglob("*") if file.is_file()]
    kept = [file for file in data if "__pycache__" not in file.parts and "_cache" not in str(file) and file.name != "ruff.toml"]
    assert names == {file.relative_to(ROOT).as_posix() for file in kept}
    assert any(name.startswith("worker/store/migrations/versions/") for name in names)
    assert any(name.startswith("rules/templates/") for name in names)


def test_the_installed_wheel_answers(wheel: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(tmp_path), str(wheel)]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [tmp_path / "bin" / "rekindle", "--help"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert "Never sends mail" in done.stdout


def test_a_ci_run_without_a_single_test_fails(tmp_path: Path) -> None:
    """Run the real .ci/run on a checkout whose tests are gone."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    stand_in(tmp_path / "run", "[ $1 = lint ] && exit 0; echo 'no tests ran in 0.01s'; exit 5")
    assert ci(tmp_path).returncode != 0


@pytest.mark.parametrize(("tests", "lint", "code"), [(0, 0, 0), (1, 0, 1), (0, 1, 1)])
def test_ci_fails_with_the_tests_or_the_linters_and_ends_with_the_closing_line(
    tmp_path: Path, tests: int, lint: int, code: int
) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    stand_in(
        tmp_path / "run",
        f"[ $1 = lint ] && exit {lint}; [ $REKINDLE_REQUIRE_SERVERS = 1 ] && echo '== 3 passed in 1s =='; exit {tests}",
    )
    done = ci(tmp_path)
    assert done.returncode == code
    assert done.stdout.splitlines()[-1] == "== 3 passed in 1s =="


def stand_in(file: Path, shell: str) -> None:
    """Write a script that stands for ./run."""
    file.write_text(f"#!/bin/sh\n{shell}\n")
    file.chmod(0o755)


def ci(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run .ci/run where every package is there already: no installation is asked for."""
    tools = folder / "bin"
    tools.mkdir()
    for name in (
        "apt-get",
        "git",
        "curl",
        "shellcheck",
        "redis-server",
        "rabbitmq-server",
        "psql",
        "dovecot",
        "doveconf",
        "openssl",
    ):
        stand_in(tools / name, "exit 0")
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [folder / ".ci" / "run"], env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=60, check=False
    )
