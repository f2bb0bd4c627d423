"""What every test may ask for: the test data beside the checkout, and real servers that live as long as the session."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.register_profile("repeat", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeat" if os.environ.get("CI") else "explore")

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "tests" / "servers"
NOT_INSTALLED = 3
"""The exit code of a server script whose program is missing."""
GROUPS = {"dovecot": "mail", "radicale": "mail", "postgres": "store", "redis_server": "store", "rabbitmq": "store"}
"""Fixture -> which worker of a parallel run its tests share, so that each server starts once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A real server on 127.0.0.1; its users ana, ben and cy (mail, calendars) have the password "secret"."""

    url: str
    port: int
    folder: Path
    """Where it keeps its data, its log and its certificate."""
    host: str = "127.0.0.1"
    user: str = "ana"
    password: str = "secret"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, and keep the tests of one server on one worker."""
    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        if groups := {GROUPS[name] for name in asked & GROUPS.keys()}:
            item.add_marker(pytest.mark.server)
            item.add_marker(pytest.mark.xdist_group("servers" if len(groups) > 1 else groups.pop()))
            item.add_marker(pytest.mark.timeout(300))
        if "shared" in asked:
            item.add_marker(pytest.mark.shared)


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder `shared` beside the checkout: real mailboxes, calendars and generators, read in place."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the test data beside the checkout (../shared) is not here")
    return folder


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Server]:
    """A Dovecot, imap://; DIR/cert.pem and imaps on the next port."""
    with started("dovecot", "imap://127.0.0.1:{port}", ports=2, DOVECOT_TLS="1") as server:
        yield server


@pytest.fixture(scope="session")
def radicale() -> Iterator[Server]:
    """A Radicale; the collections of ana are under its URL."""
    with started("radicale", "http://127.0.0.1:{port}/ana/", PYTHON=sys.executable) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    """A Redis, empty at first."""
    with started("redis", "redis://127.0.0.1:{port}/0") as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[Server]:
    """A RabbitMQ; takes some seconds to start."""
    with started("rabbitmq", "amqp://guest:guest@127.0.0.1:{port}/", ports=3) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL with an empty database and the right to make more."""
    with started("postgres", "postgresql://rekindle:secret@127.0.0.1:{port}/rekindle") as server:
        yield server


@contextmanager
def started(name: str, url: str, *, ports: int = 1, **environ: str) -> Iterator[Server]:
    """Run a server in a folder of its own; skip the test where it is not installed, or fail where it must be."""
    script = SCRIPTS / f"{name}.sh"
    folder = Path(tempfile.mkdtemp(prefix=f"rekindle-{name}-"))
    folder.chmod(0o755)  # as root, the server runs as another user
    port = free_port(ports)
    try:
        done = subprocess.run(
            [script, "start", folder, str(port)],
            env=os.environ | environ,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        if done.returncode == NOT_INSTALLED and not os.environ.get("REKINDLE_REQUIRE_SERVERS"):
            pytest.skip(done.stderr.strip())
        if done.returncode:
            pytest.fail(f"{name} did not start: {done.stderr.strip()}", pytrace=False)
        yield Server(url=url.format(port=port), port=port, folder=folder)
    finally:
        subprocess.run([script, "stop", folder], timeout=60, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def free_port(count: int = 1) -> int:
    """Find a port that is free together with those after it, below the range the system hands out by itself."""
    candidates = range(20000 + os.getpid() * 37 % 12000, 32700, count)
    return next(port for port in candidates if all(_is_free(port + step) for step in range(count)))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
