"""Benchmark of being told: from the mail server's EXISTS to the stored draft, in one process, over RabbitMQ and over Redis.

    python -m benchmarks.idle [--quick] [--count N]

Each round a mail reaches a real Dovecot, a rule has its answer drafted without delay, and a proxy
before the server notes when EXISTS passed to us and when the answer to our APPEND did: what lies between is added by us.
Bounds: p99 at most 50 ms in one process and over RabbitMQ, at most 120 ms over Redis. Needs Dovecot, RabbitMQ, Redis.
"""

from __future__ import annotations

import argparse
import imaplib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "tests" / "servers"
CONFIG = """
[owners.ada]
name = "Ada Owner"
addresses = ["ada@example.org"]
zone = "UTC"
hours = "00:00-24:00"
workdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

[owners.ada.accounts.home]
provider = "imap"
imap = "imap://127.0.0.1:{imap}"
user = "ana"
password_file = "password"

[broker]
url = "{broker}"

[rules]
file = "rules.toml"

[web]
enabled = false
"""
RULES = """
[limits]
drafts_per_day = 10000
drafts_per_week = 10000

[rules.nudge]
trigger = "reply_owed"
mode = "create"
when = []
timing = { delay = "0m", hours = "00-24" }
caps = { per_person = "1 days", per_day = 10000, per_week = 10000 }
"""
"""A rule of the owner's own that has an answer to every mail drafted at once."""
SYLLABLES = ("ba", "de", "fi", "go", "hu", "ka", "le", "mi", "no", "ru")
BOUNDS = {"in one process": 50.0, "over RabbitMQ": 50.0, "over Redis": 120.0}


class Proxy:
    """Passes everything on, and notes when news and the answers to APPEND came by."""

    def __init__(self, target: int) -> None:
        """Listen on a free port for connections to `target`."""
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.told: list[float] = []
        self.stored: list[float] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                for side in (client, server):
                    side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                said: list[bytes] = []
                threading.Thread(target=self._pass, args=(client, server, said), daemon=True).start()
                threading.Thread(target=self._answer, args=(server, client, said), daemon=True).start()

    @staticmethod
    def _pass(source: socket.socket, target: socket.socket, said: list[bytes]) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                said[:] = [data]
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def _answer(self, source: socket.socket, target: socket.socket, said: list[bytes]) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if b" EXISTS\r\n" in data and said and b" IDLE" in said[0]:
                    self.told.append(time.monotonic())
                target.sendall(data)
                if b"[APPENDUID " in data:
                    self.stored.append(time.monotonic())
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


@contextmanager
def server(name: str, **environ: str) -> Iterator[int]:
    """Run one of the servers the tests use; its port."""
    with tempfile.TemporaryDirectory(prefix=f"rekindle-{name}-") as folder:
        Path(folder).chmod(0o755)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port: int = probe.getsockname()[1] // 4 * 2  # below the range the system hands out by itself, with room above
        subprocess.run([SCRIPTS / f"{name}.sh", "start", folder, str(port)], check=True, env=os.environ | environ)
        try:
            yield port
        finally:
            subprocess.run([SCRIPTS / f"{name}.sh", "stop", folder], check=False)


@contextmanager
def service(home: Path, imap: int, broker: str) -> Iterator[int]:
    """Run the service until the block ends; its process id."""
    (home / "config.toml").write_text(CONFIG.format(imap=imap, broker=broker))
    (home / "rules.toml").write_text(RULES)
    (home / "password").write_text("secret")
    command = [sys.executable, "-m", "worker.cli", "run", "--config", "config.toml"]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=home, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=log, stderr=log)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)


def called(number: int) -> str:
    """Give everybody a name of their own: a hundred who bear the same one are a rare thing to compare."""
    return "Eva " + "".join(SYLLABLES[int(digit)] for digit in f"{number:04}").capitalize()


def acquaint(hands: imaplib.IMAP4, number: int) -> None:
    """Let somebody and the owner have written to each other, the owner last."""
    eva = f"{called(number)} <eva{number}@elsewhere{number}.example>"
    for folder, from_, to, days in (("INBOX", eva, "ada@example.org", 30), ("Sent", "ada@example.org", eva, 20)):
        at = datetime.now(UTC) - timedelta(days=days)
        text = f"From: {from_}\r\nTo: {to}\r\nSubject: Hello\r\nMessage-ID: <{number}@{folder}.example>\r\n"
        text += f"Date: {at:%a, %d %b %Y %H:%M:%S} +0000\r\n\r\nHello\r\n"
        hands.append(folder, "(\\Seen)", imaplib.Time2Internaldate(at), text.encode())


def deliver(hands: imaplib.IMAP4, number: int) -> None:
    """Have somebody the owner knows write to the owner."""
    text = (
        f"From: {called(number)} <eva{number}@elsewhere{number}.example>\r\nTo: Ada Owner <ada@example.org>\r\n"
        f"Subject: A question\r\nMessage-ID: <{number}@question.example>\r\n"
        f"Date: {datetime.now(UTC):%a, %d %b %Y %H:%M:%S} +0000\r\n\r\nWhen do we meet?\r\n"
    )
    hands.append("INBOX", "", imaplib.Time2Internaldate(time.time()), text.encode())


def rounds(home: Path, imap: int, broker: str, count: int, first: int) -> tuple[list[float], float]:
    """Return the milliseconds of each round, and those of CPU the service spent on one."""
    proxy, hands, took = Proxy(imap), imaplib.IMAP4("127.0.0.1", imap), []
    hands.login("ana", "secret")
    for number in range(first, first + 1 + count):
        acquaint(hands, number)
    with service(home, proxy.port, broker) as pid:
        waited(lambda: '"decided"' in (home / "log").read_text(), 60)
        time.sleep(3)  # what it was told before it was connected it lets be
        deliver(hands, first)
        if not waited(lambda: bool(proxy.stored), 60):
            raise SystemExit((home / "log").read_text()[-2000:] + "\nno draft came")
        time.sleep(2)
        spent = cpu(pid)
        for number in range(first + 1, first + 1 + count):
            told, stored = len(proxy.told), len(proxy.stored)
            deliver(hands, number)
            if not waited(lambda told=told, stored=stored: len(proxy.told) > told and len(proxy.stored) > stored, 60):
                raise SystemExit((home / "log").read_text()[-2000:] + "\nno draft came")
            took.append((proxy.stored[stored] - proxy.told[told]) * 1000)
            time.sleep(0.4)
        spent = cpu(pid) - spent
    hands.logout()
    proxy.close()
    return took, spent / count


def cpu(pid: int) -> float:
    """Return the milliseconds of CPU a process has used."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) * 1000 / os.sysconf("SC_CLK_TCK")


def waited(is_so: object, seconds: float) -> bool:
    """Wait until it is so; False where it did not come to be."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():  # type: ignore[operator]  # a callable without arguments
            return True
        time.sleep(0.02)
    return False


def main() -> int:
    """Print the table; 1 if a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--count", type=int, default=0)
    given = parser.parse_args()
    count = given.count or (20 if given.quick else 100)
    worst = 0.0
    print(f"{'EXISTS to a stored draft':28}{'p50':>10}{'p99':>10}{'bound':>10}{'p99 / bound':>14}{'CPU each':>12}")
    for place, (name, bound) in enumerate(BOUNDS.items()):
        with tempfile.TemporaryDirectory(prefix="rekindle-idle-") as folder, server("dovecot") as imap:
            if name == "over Redis":
                with server("redis") as port:
                    took, spent = rounds(Path(folder), imap, f"redis://127.0.0.1:{port}/0", count, place * 1000)
            elif name == "over RabbitMQ":
                with server("rabbitmq") as port:
                    took, spent = rounds(Path(folder), imap, f"amqp://guest:guest@127.0.0.1:{port}/", count, place * 1000)
            else:
                took, spent = rounds(Path(folder), imap, "memory:", count, place * 1000)
        took.sort()
        late = took[min(len(took) - 1, round(0.99 * len(took)))]
        worst = max(worst, late / bound)
        print(f"{name:28}{statistics.median(took):>7.0f} ms{late:>7.0f} ms{bound:>7.0f} ms{late / bound:>14.2f}{spent:>9.0f} ms")
    return int(worst > 1)


if __name__ == "__main__":
    sys.exit(main())
