"""What is in deploy/ and in the documents: linted, loadable, hardened, and saying what is so."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from worker.config import load
from worker.run import PARTS
from worker.store.tables import metadata

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *DEPLOY.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def beside(name: str) -> str | None:
    """Find a program, that of this environment first."""
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a linter."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)


def instructions(stage: int) -> list[tuple[str, str]]:
    """List the instructions of one stage of the Dockerfile, continued lines joined."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    stages = re.split(r"^(?=FROM )", text, flags=re.MULTILINE)[1:]
    lines = [line for line in stages[stage].splitlines() if line and not line.startswith(("#", " "))]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def test_the_dockerfile_passes_hadolint() -> None:
    if not (hadolint := beside("hadolint")):
        pytest.skip("hadolint is not installed on this kind of machine")
    assert run(hadolint, DEPLOY / "Dockerfile").stdout == ""


def test_the_image_runs_as_nobody_in_particular_and_is_slim() -> None:
    last = instructions(-1)
    assert ("USER", "10001:10001") in last
    assert last.index(("USER", "10001:10001")) > max(index for index, (word, _) in enumerate(last) if word in {"RUN", "COPY"})
    assert all(
        re.fullmatch(r"python:3\.\d+-slim-\w+( AS build)?", words) for word, words in instructions(0) + last if word == "FROM"
    )
    assert "HEALTHCHECK" in dict(last)
    assert not [word for word, _ in last if word == "ADD"]


def test_the_image_takes_nothing_without_a_hash() -> None:
    installs = re.findall(r"pip [^&\n]*?(?:install|wheel) [^&\n]*", (DEPLOY / "Dockerfile").read_text().replace("\\\n", " "))
    assert len(installs) == 4
    assert all("--require-hashes" in install or "--no-index" in install for install in installs)


def test_what_the_image_copies_is_there_and_let_through() -> None:
    copied = [part for word, words in instructions(0) if word == "COPY" for part in words.split()[:-1]]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert copied
    for path in copied:
        assert (ROOT / path).exists(), path
        assert f"!{path}" in ignored or (path.startswith("deploy/requirements") and "!deploy/requirements*.txt" in ignored)


def test_descriptions_of_google_apis_in_use_are_kept_in_the_image() -> None:
    kept = set(re.findall(r"! -name ([\w.]+)\.json", (DEPLOY / "Dockerfile").read_text()))
    built = re.compile(r"build\(\s*\"(\w+)\",\s*\"(v\d\w*)\"|build_from_document.*?(\w+)\.(v\d)")
    used = {
        ".".join(filter(None, found)) for file in (ROOT / "connectors").rglob("*.py") for found in built.findall(file.read_text())
    }
    assert kept == {"gmail.v1", "calendar.v3", "pubsub.v1"}
    assert used <= kept


@pytest.mark.parametrize("name", ["compose.yaml", "compose.scale.yaml"])
def test_a_compose_file_keeps_to_the_schema(name: str) -> None:
    checker = beside("check-jsonschema")
    assert checker, "check-jsonschema is in the development dependencies"
    done = run(checker, "--builtin-schema", "vendor.compose-spec", DEPLOY / name)
    assert done.returncode == 0, done.stdout


def test_the_compose_file_is_one_process_on_volumes_with_no_rights() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    (service,) = compose["services"].values()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert {volume.split(":")[0] for volume in service["volumes"]} == set(compose["volumes"])
    assert "ports" not in service


def test_the_scaled_compose_file_runs_every_part_apart_and_gives_no_service_a_right() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.scale.yaml").read_text())
    services = compose["services"]
    assert sorted(one["command"][-1] for one in services.values() if one["image"] == "rekindle") == sorted(PARTS)
    for service in services.values():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert "ports" not in service
        assert {volume.split(":")[0] for volume in service.get("volumes", ())} <= set(compose["volumes"])
        assert set(service.get("depends_on", ())) <= set(services)
    assert compose["networks"]["inside"]["internal"] is True
    assert all(services[name]["networks"] == ["inside"] for name in ("database", "broker"))


def test_what_the_scaled_compose_file_says_in_the_environment_the_settings_understand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = yaml.safe_load((DEPLOY / "compose.scale.yaml").read_text())["services"]["work"]["environment"]
    for name, value in said.items():
        chosen = re.sub(r"\$\{\w+:\?[^}]*\}", "secret", value)
        monkeypatch.setenv(name, re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", chosen))
    (tmp_path / "config.toml").write_text('[owners.ana]\naddresses = ["ana@firm.example"]\nzone = "UTC"\n')
    config = load(tmp_path / "config.toml")
    assert config.store.url == "postgresql+psycopg://rekindle:secret@database/rekindle"
    assert config.broker.url == "redis://broker:6379/0"


def test_the_unit_is_one_systemd_understands(tmp_path: Path) -> None:
    done = run(analyzer(), "verify", unit(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "rekindle.service" not in done.stderr


def test_nobody_is_sent_to_an_index_for_a_package_of_our_name() -> None:
    said = [file for file in (ROOT / "README.md", *DEPLOY.iterdir()) if re.search(r"install [^\n]*\brekindle\b", file.read_text())]
    assert said == []


def test_the_unit_is_hardened(tmp_path: Path) -> None:
    said = run(analyzer(), "security", "--offline=true", "--no-pager", unit(tmp_path)).stdout
    exposure = re.search(r"Overall exposure level for rekindle.service: ([\d.]+)", said)
    assert exposure
    assert float(exposure[1]) <= 2.0


def analyzer() -> str:
    """Find systemd-analyze."""
    if not (found := shutil.which("systemd-analyze")):
        pytest.skip("systemd-analyze is not on this machine")
    return found


def unit(folder: Path) -> Path:
    """Copy the unit with a program that exists on every machine."""
    text = (DEPLOY / "rekindle.service").read_text()
    assert "ExecStart=/opt/rekindle/bin/rekindle run" in text
    (folder / "rekindle.service").write_text(text.replace("/opt/rekindle/bin/rekindle run", "/bin/true"))
    return folder / "rekindle.service"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_first_screen_says_what_it_does_what_it_never_does_and_two_commands() -> None:
    screen = "\n".join((ROOT / "README.md").read_text().splitlines()[:45])
    for words in (
        "never sends mail",
        "never keeps a body",
        "never does a thing twice",
        "always says why",
        "./run demo",
        "./run test",
        "rekindle try",
    ):
        assert words in screen


def test_the_privacy_page_speaks_of_every_kind_of_table() -> None:
    said = (DEPLOY / "privacy.md").read_text().lower()
    derived_or_inner = {"meta", "lease", "alembic_version"}
    spoken_of = {
        "account": "account",
        "address": "sender",
        "attendance": "attendees",
        "audit": "audit",
        "block": "one person",
        "event": "calendar",
        "feed": "folder",
        "link": "one person",
        "message": "subject",
        "note": "notes",
        "occurrence": "times",
        "owner": "settings",
        "party": "recipients",
        "person": "who is in",
        "quota": "quota",
        "rule_mode": "rules changed",
        "secret": "secrets",
        "skip": "was skipped",
        "stop": "stopped for a person",
        "suggestion": "suggested",
        "tombstone": "digest",
    }
    silent = [name for name in metadata.tables if name not in derived_or_inner and spoken_of.get(name, "?") not in said]
    assert silent == []
