"""One demo for all tests that look at it: run once, photographed, and put back for each that changes it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A demo that was run once from nothing."""

    home: Path
    """The folder it was run in; the demo lies in `home/demo`, always under this very path."""
    photograph: Path
    """A copy of `home` as the first run left it."""
    told: str
    """What the first run printed."""

    @property
    def folder(self) -> Path:
        """The demo's own folder."""
        return self.home / "demo"

    @property
    def config(self) -> Path:
        """Its settings."""
        return self.folder / "config.toml"

    def restore(self) -> None:
        """Put everything back as the first run left it."""
        shutil.rmtree(self.home)
        shutil.copytree(self.photograph, self.home)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that look at the demo on one worker of a parallel run: it is made once."""
    for item in items:
        if "demo_once" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("demo"))


def rekindle(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process of its own, away from the settings of whoever runs the tests."""
    mine = {"PYTHONPATH": str(ROOT), "HOME": str(cwd), "XDG_CONFIG_HOME": str(cwd / ".config"), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "worker.cli", *arguments],
        cwd=cwd,
        env={key: value for key, value in os.environ.items() if not key.startswith("REKINDLE_")} | mine | environ,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.fixture(scope="session")
def demo_once(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo, run from nothing; not to be changed."""
    base = tmp_path_factory.mktemp("demo")
    (base / "home").mkdir()
    done = rekindle("demo", cwd=base / "home")
    assert done.returncode == 0, done.stderr
    shutil.copytree(base / "home", base / "photograph")
    return Demo(home=base / "home", photograph=base / "photograph", told=done.stdout)


@pytest.fixture
def demo(demo_once: Demo) -> Demo:
    """The demo as its first run left it."""
    demo_once.restore()
    return demo_once
