"""Benchmark of reading IMAP: headers of a whole mailbox from a real Dovecot into the store, beside the bare wire and two peers.

    python -m benchmarks.imap [--quick] [--count N]

Bounds, of one run, medians of five: at most 5 x a bare socket draining the same pipelined FETCH on a warm server cache,
at least 0.8 of its rate on a cold one; at most 0.3 x IMAPClient's fetch of the same fields; at most 0.35 x mbsync (which
also writes bodies); first rows committed within 300 ms; peak memory at most 130 MB; a quiet poll at most 1.5 x the
server's own time for one LIST-STATUS. Needs Dovecot, ../shared/tools/gen_mailbox.py, and mbsync for its row.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import imapclient
from sqlalchemy import select

from benchmarks._account import opened, registered
from connectors.standards.mail import FIELDS
from worker.pull import pull
from worker.store.store import Store
from worker.store.tables import message

ROOT = Path(__file__).parent.parent
GENERATOR = ROOT.parent / "shared" / "tools" / "gen_mailbox.py"
FOLDERS = ("INBOX", "Sent", "Archive", "Lists")
NOW = datetime(2026, 11, 17, tzinfo=UTC)
BATCH = 250


def at(port: int) -> dict[str, str]:
    """Say where the server is."""
    return {"imap": f"imap://127.0.0.1:{port}"}


def into_store(port: int, folder: Path) -> tuple[float, float, int]:
    """Read everything into a new store; seconds, seconds until the first rows were committed, rows."""
    store, account = registered(folder, "imap", NOW)
    begun = time.perf_counter()
    first: list[float] = []

    def budget() -> bool:
        if not first and has_mail(store):
            first.append(time.perf_counter() - begun)
        return True

    pulled = pull(store, opened(at(port)), account, NOW, budget=budget)
    took = time.perf_counter() - begun
    store.close()
    return took, first[0], pulled.upserted


def has_mail(store: Store) -> bool:
    """Tell whether a message was committed."""
    with store.read() as db:
        return db.execute(select(message.c.id).limit(1)).first() is not None


def wire(port: int) -> float:
    """Drain the same pipelined FETCH with a bare socket."""
    sock = socket.create_connection(("127.0.0.1", port))
    lines = sock.makefile("rb", 1 << 20)
    lines.readline()
    begun = time.perf_counter()
    _said(sock, lines, b"a LOGIN ana secret")
    for folder in FOLDERS:
        text = b"".join(_said(sock, lines, b"b EXAMINE %s" % folder.encode()))
        exists = int((re.search(rb"\* (\d+) EXISTS", text) or [b"", b"0"])[1])
        what = b"(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (%s)])" % FIELDS
        commands = [
            b"x%d UID FETCH %d:%d %s\r\n" % (at, at, min(at + BATCH - 1, exists), what) for at in range(1, exists + 1, BATCH)
        ]
        if commands:
            sock.sendall(b"".join(commands))
            _drained(sock, commands[-1].split(b" ")[0] + b" OK")
    took = time.perf_counter() - begun
    sock.close()
    return took


def _said(sock: socket.socket, lines: object, command: bytes) -> list[bytes]:
    sock.sendall(command + b"\r\n")
    out: list[bytes] = []
    while True:
        out.append(lines.readline())  # type: ignore[attr-defined]  # a BufferedReader
        if out[-1].startswith(command[:2]):
            return out


def _drained(sock: socket.socket, last: bytes) -> None:
    tail = b""
    while b"\r\n" + last not in tail:
        tail = (tail + sock.recv(1 << 18))[-400:]


def with_imapclient(port: int) -> float:
    """Fetch the same fields with IMAPClient, batch by batch; nothing is parsed beyond what it parses itself."""
    begun = time.perf_counter()
    client = imapclient.IMAPClient("127.0.0.1", port, ssl=False)
    client.login("ana", "secret")
    for folder in FOLDERS:
        client.select_folder(folder, readonly=True)
        uids = client.search()
        for at in range(0, len(uids), BATCH):
            client.fetch(
                uids[at : at + BATCH], ["FLAGS", "INTERNALDATE", "RFC822.SIZE", f"BODY.PEEK[HEADER.FIELDS ({FIELDS.decode()})]"]
            )
    client.logout()
    return time.perf_counter() - begun


def with_mbsync(port: int, folder: Path) -> float:
    """Mirror the mailbox with mbsync, bodies and all."""
    target = folder / f"mbsync{time.monotonic_ns()}"
    (target / "box").mkdir(parents=True)
    config = target / "mbsyncrc"
    config.write_text(
        f"IMAPStore far\nHost 127.0.0.1\nPort {port}\nUser ana\nPass secret\nSSLType None\nAuthMechs LOGIN\n\nMaildirStore near\nPath {target}/box/\n"
        f"Inbox {target}/box/INBOX\nSubFolders Verbatim\n\nChannel all\nFar :far:\nNear :near:\nPatterns *\nCreate Near\nSync Pull\nSyncState *\n"
    )
    begun = time.perf_counter()
    subprocess.run(["mbsync", "-q", "-c", config, "all"], check=True, capture_output=True)
    took = time.perf_counter() - begun
    shutil.rmtree(target)
    return took


def quiet_poll(port: int) -> tuple[float, float]:
    """Time a no-change poll of ours, and the server alone for the same LIST-STATUS."""
    mailbox = opened(at(port)).mailbox
    assert mailbox is not None
    mailbox.feeds()
    sock = socket.create_connection(("127.0.0.1", port))
    lines = sock.makefile("rb")
    lines.readline()
    _said(sock, lines, b"a LOGIN ana secret")
    command = b'b LIST "" "*" RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))'
    _said(sock, lines, command)
    ours, theirs = [], []
    for _ in range(50):
        begun = time.perf_counter()
        mailbox.feeds()
        ours.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        _said(sock, lines, command)
        theirs.append(time.perf_counter() - begun)
    return statistics.median(ours), statistics.median(theirs)


@contextmanager
def served(count: int, folder: Path) -> Iterator[int]:
    """Start a Dovecot whose user ana has a generated mailbox."""
    subprocess.run([sys.executable, GENERATOR, folder / "gen", "--n", str(count)], check=True, capture_output=True)
    server = folder / "dovecot"
    mail = server / "mail" / "ana"
    mail.mkdir(parents=True)
    shutil.move(folder / "gen" / "maildir", mail / "Maildir")
    if os.getuid() == 0:
        subprocess.run(["chown", "-R", "nobody:nogroup", server / "mail"], check=True)
        folder.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    script = ROOT / "tests" / "servers" / "dovecot.sh"
    subprocess.run([script, "start", server, str(port)], check=True, capture_output=True)
    try:
        yield port
    finally:
        subprocess.run([script, "stop", server], check=False, capture_output=True)


def cold(folder: Path) -> None:
    """Take Dovecot's caches away, so that the server has to read the mail itself."""
    for name in (folder / "dovecot" / "mail").rglob("dovecot.index*"):
        with suppress(FileNotFoundError):
            name.unlink()


def median_of(rounds: int, run: Callable[[], float]) -> float:
    """Run it so many times and return the median."""
    return statistics.median(run() for _ in range(rounds))


def main() -> int:
    """Print the table; 1 if a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--count", type=int, default=0)
    given = parser.parse_args()
    count = given.count or (5_000 if given.quick else 50_000)
    rounds = 3 if given.quick else 5
    if not GENERATOR.exists() or not shutil.which("dovecot", path=os.environ["PATH"] + ":/usr/sbin"):
        print("skipped: Dovecot or ../shared/tools/gen_mailbox.py is not here")
        return 0
    with tempfile.TemporaryDirectory(prefix="rekindle-imap-") as name, served(count, Path(name)) as port:
        folder = Path(name)
        wire(port)
        spent = time.process_time()
        runs = [into_store(port, folder) for _ in range(rounds)]
        spent = (time.process_time() - spent) / rounds
        ours, first = (statistics.median(run[at] for run in runs) for at in (0, 1))
        assert runs[0][2] >= count, f"{runs[0][2]} of {count} messages came through"
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        bare = median_of(rounds, lambda: wire(port))
        peer = median_of(3, lambda: with_imapclient(port))
        mirror = median_of(3, lambda: with_mbsync(port, folder)) if shutil.which("mbsync") else None
        poll, server = quiet_poll(port)
        cold_ours, cold_bare = [], []
        for _ in range(3):
            cold(folder)
            cold_bare.append(wire(port))
            cold(folder)
            cold_ours.append(into_store(port, folder)[0])
    rate = statistics.median(cold_bare) / statistics.median(cold_ours)
    rows = [
        ("into the store / bare wire, warm", ours / bare, 5.0, ours / bare <= 5.0),
        ("rate into the store / bare wire, cold", rate, 0.8, rate >= 0.8),
        ("into the store / IMAPClient fetch", ours / peer, 0.3, ours / peer <= 0.3),
        ("first rows committed, seconds", first, 0.3, first <= 0.3),
        ("peak memory, MB", memory, 130, memory <= 130),
        ("quiet poll / server's own time", poll / server, 1.5, poll / server <= 1.5),
    ]
    if mirror is not None:
        rows.insert(3, ("into the store / mbsync (writes bodies too)", ours / mirror, 0.35, ours / mirror <= 0.35))
    print(
        f"{count:,} messages in four folders: ours {ours:.2f} s ({spent:.2f} of CPU), wire {bare:.2f} s, IMAPClient {peer:.2f} s, mbsync {mirror or 0:.2f} s"
    )
    for text, value, bound, is_kept in rows:
        print(f"{text:46}{value:>9.3f}{bound:>9}  {'ok' if is_kept else 'MISSED'}")
    return 0 if all(row[3] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
