"""Benchmark of reading IMAP: headers of a whole mailbox from a real Dovecot into the store, beside the bare wire and two peers.

    python -m benchmarks.imap [--quick] [--count N] [--rounds N] [--only into,bare,cold,imapclient,mbsync,poll]

Bounds, of one run, medians of five (of three for peers, and on a cold cache; the memory is measured once): at most 5 x a bare
socket draining the same pipelined FETCH on a warm server cache,
at least 0.8 of its rate on a cold one (whose mail lies on disk, or in the system's cache); at most 0.3 x IMAPClient's fetch of
the same fields (as one text nobody reads, or with addresses, dates and subjects read as its Envelope); at most 0.35 x mbsync
(which also writes bodies); first rows committed within 300 ms; peak memory of a first read, with that of the second process
which reads headers and of what both share, at most 130 MB; a quiet poll at most 1.5 x the server's own time for one LIST-STATUS.
Needs Dovecot, ../shared/tools/gen_mailbox.py, and mbsync for its row.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sqlalchemy import select

from benchmarks._account import opened, registered
from benchmarks._imap_peers import said, wire, with_imapclient, with_mbsync
from worker.pull import pull
from worker.store.store import Store
from worker.store.tables import message

ROOT = Path(__file__).parent.parent
ALONE = """
import os, sys
from pathlib import Path
from benchmarks.imap import into_store
from connectors.imap_beside import Beside
beside, close = [0], Beside.close
def peak(process):  # what getrusage says may be that of whoever began it
    return int(Path(f"/proc/{process}/status").read_text().partition("VmHWM:")[2].split()[0])
def closing(self):
    shared = os.fstat(self._memory).st_blocks // 2  # a process is not said to have what it has not mapped
    beside.append(peak(self._process.pid) + shared)
    close(self)
Beside.close = closing
into_store(int(sys.argv[1]), Path(sys.argv[2]))
print(peak("self"), max(beside))
"""
GENERATOR = ROOT.parent / "shared" / "tools" / "gen_mailbox.py"
NOW = datetime(2026, 11, 17, tzinfo=UTC)


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


def memory(port: int, folder: Path) -> float:
    """Read everything in a process of its own; megabytes at most of it, of its reader beside it, and of what both share, together."""
    alone = [sys.executable, "-c", ALONE, str(port), str(folder)]
    printed = subprocess.run(alone, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    return sum(map(int, printed.split())) / 1024


def quiet_poll(port: int) -> tuple[float, float]:
    """Time a no-change poll of ours, and the server alone for the same LIST-STATUS."""
    mailbox = opened(at(port)).mailbox
    assert mailbox is not None
    mailbox.feeds()
    sock = socket.create_connection(("127.0.0.1", port))
    lines = sock.makefile("rb")
    lines.readline()
    said(sock, lines, b"a LOGIN ana secret")
    command = b'b LIST "" "*" RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))'
    said(sock, lines, command)
    ours, theirs = [], []
    for _ in range(50):
        begun = time.perf_counter()
        mailbox.feeds()
        ours.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        said(sock, lines, command)
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


def cold(folder: Path, *, is_from_disk: bool) -> None:
    """Take Dovecot's caches away, so that the server has to read the mail itself: from disk, or from the system's own cache."""
    os.sync()  # what is not yet written is not let go of
    for name in (folder / "dovecot" / "mail").rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError):
            if name.name.startswith("dovecot.index"):
                name.unlink()
            elif is_from_disk and name.is_file():
                with name.open("rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def median_of(rounds: int, run: Callable[[], float]) -> float:
    """Run it so many times and return the median."""
    return statistics.median(run() for _ in range(rounds))


PARTS = ("into", "bare", "cold", "imapclient", "mbsync", "poll")
"""What can be measured by itself: ours and the bare wire on a warm cache, both on a cold one, the two peers, the quiet poll."""
Row = tuple[str, float, float, bool]
"""What a figure is, the figure, its bound, and whether that is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Medians in seconds; None for what was not asked for or is not here."""

    ours: float | None = None
    cpu: float | None = None
    cpu_beside: float | None = None
    first: float | None = None
    memory: float | None = None
    """Megabytes."""
    wire: float | None = None
    imapclient: float | None = None
    """Its fetch alone: the fields come as one text."""
    imapclient_read: float | None = None
    """With those fields read that it can read."""
    mbsync: float | None = None
    cold_rate: float | None = None
    """Of the bare wire's, where the server reads the mail from disk."""
    cached_rate: float | None = None
    """The same where only the server's own caches are cold, and the mail's files lie in memory."""
    poll: float | None = None
    """Of the server's own time."""


def measured(port: int, folder: Path, parts: Collection[str], count: int, rounds: int) -> Measured:
    """Measure the parts asked for."""
    found = Measured()
    wire(port)
    wires: list[float] = []

    def bare() -> None:
        if "bare" in parts:
            wires.append(wire(port))

    if "into" in parts:
        found = ours(port, folder, count, rounds, bare)
    if "bare" in parts:
        while len(wires) < rounds:
            bare()
        found = replace(found, wire=statistics.median(wires))
    if "imapclient" in parts:
        few = min(rounds, 3)
        fetched, read = (median_of(few, partial(with_imapclient, port, is_read=is_read)) for is_read in (False, True))
        found = replace(found, imapclient=fetched, imapclient_read=read)
    if "mbsync" in parts and shutil.which("mbsync"):
        found = replace(found, mbsync=median_of(min(rounds, 3), lambda: with_mbsync(port, folder)))
    if "poll" in parts:
        poll, server = quiet_poll(port)
        found = replace(found, poll=poll / server)
    if "cold" in parts:
        rates = [cold_rate(port, folder, min(rounds, 3), is_from_disk=is_from_disk) for is_from_disk in (True, False)]
        found = replace(found, cold_rate=rates[0], cached_rate=rates[1])
    return found


def ours(port: int, folder: Path, count: int, rounds: int, peer: Callable[[], None]) -> Measured:
    """Read everything into a new store, so many times; before each it is the turn of a peer, so that both meet the same machine."""
    runs, here, beside = [], 0.0, 0.0
    for _ in range(rounds):
        peer()
        begun = spent()
        runs.append(into_store(port, folder))
        now = spent()
        here, beside = here + (now[0] - begun[0]) / rounds, beside + (now[1] - begun[1]) / rounds
    assert runs[0][2] >= count, f"{runs[0][2]} of {count} messages came through"
    took, first = (statistics.median(run[at] for run in runs) for at in (0, 1))
    return Measured(ours=took, cpu=here, cpu_beside=beside, first=first, memory=memory(port, folder))


def spent() -> tuple[float, float]:
    """Return the CPU seconds of this process so far, and those of the processes beside it that have ended."""
    so_far = os.times()
    return so_far.user + so_far.system, so_far.children_user + so_far.children_system


def cold_rate(port: int, folder: Path, rounds: int, *, is_from_disk: bool) -> float:
    """Compare our rate on a cold server with the bare wire's."""
    cold_ours, cold_bare = [], []
    for _ in range(rounds):
        cold(folder, is_from_disk=is_from_disk)
        cold_bare.append(wire(port))
        cold(folder, is_from_disk=is_from_disk)
        cold_ours.append(into_store(port, folder)[0])
    return statistics.median(cold_bare) / statistics.median(cold_ours)


def rows_of(found: Measured) -> Iterator[Row]:
    """Hold what was measured against its bound."""
    for text, peer, bound in (
        ("into the store / bare wire, warm", found.wire, 5.0),
        ("into the store / IMAPClient fetch, unread text", found.imapclient, 0.3),
        ("into the store / IMAPClient fetch, read", found.imapclient_read, 0.3),
        ("into the store / mbsync (writes bodies too)", found.mbsync, 0.35),
    ):
        if found.ours is not None and peer is not None:
            yield text, found.ours / peer, bound, found.ours / peer <= bound
    for text, rate in (
        ("rate / bare wire, cold, mail read from disk", found.cold_rate),
        ("rate / bare wire, cold, mail in memory", found.cached_rate),
    ):
        if rate is not None:
            yield text, rate, 0.8, rate >= 0.8
    for text, value, bound in (
        ("first rows committed, seconds", found.first, 0.3),
        ("peak memory, MB", found.memory, 130),
        ("quiet poll / server's own time", found.poll, 1.5),
    ):
        if value is not None:
            yield text, value, bound, value <= bound


def chosen(text: str) -> frozenset[str]:
    """Read the parts asked for."""
    parts = frozenset(text.split(","))
    if not parts <= set(PARTS):
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(sorted(parts - set(PARTS)))}; there are {', '.join(PARTS)}")
    return parts


def main() -> int:
    """Print the table; 1 if a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--only", type=chosen, default=frozenset(PARTS), metavar="PART,...", help=", ".join(PARTS))
    given = parser.parse_args()
    count = given.count or (5_000 if given.quick else 50_000)
    if not GENERATOR.exists() or not shutil.which("dovecot", path=os.environ["PATH"] + ":/usr/sbin"):
        print("skipped: Dovecot or ../shared/tools/gen_mailbox.py is not here")
        return 0
    with tempfile.TemporaryDirectory(prefix="rekindle-imap-") as name, served(count, Path(name)) as port:
        found = measured(port, Path(name), given.only, count, given.rounds or (3 if given.quick else 5))
    took = (
        ("ours", found.ours),
        ("of CPU in the first process", found.cpu),
        ("in the second", found.cpu_beside),
        ("wire", found.wire),
        ("IMAPClient", found.imapclient),
        ("reading, too,", found.imapclient_read),
        ("mbsync", found.mbsync),
    )
    print(f"{count:,} messages in four folders: " + ", ".join(f"{who} {each:.2f} s" for who, each in took if each is not None))
    rows = list(rows_of(found))
    for text, value, bound, is_kept in rows:
        print(f"{text:46}{value:>9.3f}{bound:>9}  {'ok' if is_kept else 'MISSED'}")
    return 0 if all(row[3] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
