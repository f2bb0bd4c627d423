"""The server scripts: what they start answers, listens on this machine only, and is gone after stop."""

from __future__ import annotations

import imaplib
import os
import shutil
import signal
import socket
import subprocess
import urllib.request
import uuid
from base64 import b64encode
from pathlib import Path

import pika
import psycopg
import pytest
import redis

from tests.conftest import SCRIPTS, Server, free_port, started


def test_dovecot_signs_a_user_in_and_names_the_folders_by_their_roles(dovecot: Server) -> None:
    with imaplib.IMAP4(dovecot.host, dovecot.port) as session:
        session.login(dovecot.user, dovecot.password)
        _, folders = session.list()
    assert any(b"\\Drafts" in folder for folder in folders if isinstance(folder, bytes))


def test_radicale_lets_a_user_make_a_calendar(radicale: Server) -> None:
    made = f"{radicale.url}{uuid.uuid4()}/"
    assert [ask(method, made) for method in ("MKCALENDAR", "DELETE")] == [201, 200]


def ask(method: str, url: str) -> int:
    request = urllib.request.Request(url, method=method)  # noqa: S310 - our own server
    request.add_header("Authorization", "Basic " + b64encode(b"ana:secret").decode())
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
        return int(answer.status)


def test_redis_answers(redis_server: Server) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.ping()


def test_rabbitmq_takes_a_connection(rabbitmq: Server) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(rabbitmq.url))
    assert connection.is_open
    connection.close()


def test_postgres_takes_a_statement(postgres: Server) -> None:
    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_stopped_server_is_gone_and_stopping_again_does_nothing(redis_server: Server, tmp_path: Path) -> None:
    with started("redis", "redis://127.0.0.1:{port}/0") as server:
        pass
    with socket.socket() as probe:
        assert probe.connect_ex((server.host, server.port))
    again = subprocess.run([SCRIPTS / "redis.sh", "stop", server.folder], timeout=20, check=False)
    assert again.returncode == 0


def test_stop_ends_no_process_it_has_not_started(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        (tmp_path / "server.pid").write_text(f"{stranger.pid} 1\n")  # the number of a server that ended long ago
        subprocess.run([SCRIPTS / "redis.sh", "stop", tmp_path], timeout=20, check=True)
        assert stranger.poll() is None
    finally:
        stranger.send_signal(signal.SIGKILL)
        stranger.wait()


def test_a_taken_port_is_named(redis_server: Server, tmp_path: Path) -> None:
    done = subprocess.run(
        [SCRIPTS / "redis.sh", "start", tmp_path, str(redis_server.port)], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 1
    assert f"port {redis_server.port} is taken" in done.stderr


def test_a_missing_program_says_which_package_brings_it(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "dirname", "mkdir", "basename", "cat"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    script = (SCRIPTS / "redis.sh").read_text().replace("redis-server redis-server", "redis-server no-such-redis-server")
    (tmp_path / "server.sh").symlink_to(SCRIPTS / "server.sh")
    copy = tmp_path / "redis.sh"
    copy.write_text(script)
    done = subprocess.run(
        ["bash", copy, "start", tmp_path / "data", str(free_port())],
        env=os.environ | {"PATH": str(tools)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 3
    assert "apt-get install redis-server" in done.stderr


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.sh")), ids=lambda script: script.name)
def test_every_script_passes_shellcheck(script: Path) -> None:
    if not (shellcheck := shutil.which("shellcheck")):
        pytest.skip("shellcheck is not installed: apt-get install shellcheck")
    done = subprocess.run([shellcheck, "-x", script], capture_output=True, text=True, timeout=60, check=False)
    assert not done.stdout
