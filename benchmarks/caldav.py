"""Benchmark of reading CalDAV: 9,000 events, series with exceptions among them, from a real Radicale into the store.

    python -m benchmarks.caldav [--quick]

Bounds, of one run, medians of five: at most 1.4 x a bare client draining the same REPORTs, faster than `vdirsyncer sync`
of the same collection (which parses nothing), a quiet poll of one request for each calendar, and 20,000 events come
through although Radicale answers 400 to any REPORT that would return more than 10,000. Needs ../shared/tools/gen_calendar.py.
"""

from __future__ import annotations

import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import requests
from sqlalchemy import func, select

from connectors import standards
from connectors.http import Http
from connectors.port import Account, Connection
from rules.people import OwnerKeys
from worker.pull import pull
from worker.store import accounts
from worker.store.store import Store
from worker.store.tables import event

ROOT = Path(__file__).parent.parent
GENERATOR = ROOT.parent / "shared" / "tools" / "gen_calendar.py"
NOW = datetime.fromtimestamp(1_790_000_000, UTC)
"""Where the generator puts its now."""
BATCH = 200
HREF = re.compile(r"<(?:\w+:)?href>([^<]+\.ics)</")
SYNC = '<d:sync-collection xmlns:d="DAV:"><d:sync-token/><d:sync-level>1</d:sync-level><d:prop><d:getetag/></d:prop></d:sync-collection>'
MULTIGET = (
    '<c:calendar-multiget xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">'
    "<d:prop><d:getetag/><c:calendar-data/></d:prop>{}</c:calendar-multiget>"
)


class Secret:
    """The one password of the test server."""

    def get(self, name: str) -> str | None:
        """Return it."""
        return "secret" if name == "password" else None

    def put(self, name: str, value: str) -> None:
        """Keep nothing."""
        raise NotImplementedError

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Lock nothing."""
        yield


def opened(port: int) -> Connection:
    """Open the account as the worker does."""
    settings = {"caldav": f"http://127.0.0.1:{port}/", "user": "ana"}
    return standards.open(Account(id="ana/home", settings=settings, secrets=Secret(), zone="UTC"))


def into_store(port: int, folder: Path) -> tuple[float, int, int]:
    """Read everything into a new store, then poll once more; seconds, events stored, requests of the quiet poll."""
    store = Store.open(f"sqlite:///{folder}/{time.monotonic_ns()}.db")
    with store.write() as db:
        accounts.register_owner(db, "ana", OwnerKeys(keys=frozenset({"ana@example.test"}), domains=frozenset()), "UTC")
        accounts.register(db, owner="ana", name="home", provider="caldav", addresses=[], now=NOW)
    with store.read() as db:
        account = accounts.get(db, "ana/home")
    connection = opened(port)
    begun = time.perf_counter()
    pulled = pull(store, connection, account, NOW, budget=lambda: True)
    took = time.perf_counter() - begun
    if pulled.error:
        raise SystemExit(f"the calendar was not read: {pulled.error}")
    with patch.object(Http, "send", autospec=True, side_effect=Http.send) as sent:
        pull(store, connection, account, NOW, budget=lambda: True)
    with store.read() as db:
        count = db.execute(select(func.count()).select_from(event)).scalar_one()
    store.close()
    return took, int(count), sent.call_count


def bare(port: int) -> float:
    """Drain the same REPORTs, one after the other, and look at nothing but the hrefs."""
    begun = time.perf_counter()
    session = requests.Session()
    session.auth = ("ana", "secret")
    headers = {"Content-Type": "application/xml; charset=utf-8", "Depth": "1"}
    place = f"http://127.0.0.1:{port}/ana/agenda/"
    answer = session.request("REPORT", place, data=SYNC, headers=headers)
    hrefs = sorted(HREF.findall(answer.text))
    for at in range(0, len(hrefs), BATCH):
        wanted = "".join(f"<d:href>{href}</d:href>" for href in hrefs[at : at + BATCH])
        session.request("REPORT", place, data=MULTIGET.format(wanted), headers=headers).raise_for_status()
    return time.perf_counter() - begun


def with_vdirsyncer(port: int, folder: Path) -> float:
    """Mirror the collection with vdirsyncer, from nothing."""
    place = folder / f"vdirsyncer{time.monotonic_ns()}"
    place.mkdir()
    config = place / "config"
    config.write_text(
        f'[general]\nstatus_path = "{place}/status/"\n\n[pair all]\na = "far"\nb = "near"\ncollections = ["agenda"]\n\n'
        f'[storage far]\ntype = "caldav"\nurl = "http://127.0.0.1:{port}/"\nusername = "ana"\npassword = "secret"\n\n'
        f'[storage near]\ntype = "filesystem"\npath = "{place}/near/"\nfileext = ".ics"\n'
    )
    program = [sys.executable, "-m", "vdirsyncer", "-c", str(config)]
    subprocess.run([*program, "discover"], input=b"y\n" * 9, check=True, capture_output=True)
    begun = time.perf_counter()
    subprocess.run([*program, "sync"], check=True, capture_output=True)
    took = time.perf_counter() - begun
    shutil.rmtree(place)
    return took


@contextmanager
def served(count: int, series: int, folder: Path) -> Iterator[int]:
    """Start a Radicale whose user ana has a generated calendar."""
    place = folder / f"radicale{count}"
    sizes = ["--n", str(count), "--recurring", str(series)]
    subprocess.run([sys.executable, GENERATOR, place / "gen", "--format", "radicale", *sizes], check=True, capture_output=True)
    server = place / "server"
    server.mkdir()
    shutil.move(place / "gen" / "radicale", server / "collections")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    script = ROOT / "tests" / "servers" / "radicale.sh"
    subprocess.run([script, "start", server, str(port)], check=True, capture_output=True)
    try:
        yield port
    finally:
        subprocess.run([script, "stop", server], check=False, capture_output=True)


def main() -> int:
    """Print the table; 1 if a bound is broken."""
    if not GENERATOR.exists():
        print(f"skipped: {GENERATOR} is not here")
        return 0
    is_quick = "--quick" in sys.argv
    count, series, rounds = (600, 15, 3) if is_quick else (9_000, 225, 5)
    many = 1_000 if is_quick else 20_000
    with tempfile.TemporaryDirectory(prefix="rekindle-caldav-") as name:
        folder = Path(name)
        with served(count, series, folder) as port:
            bare(port)
            found = [(into_store(port, folder), bare(port), with_vdirsyncer(port, folder)) for _ in range(rounds)]
        with served(many, many // 40, folder) as port:
            large = into_store(port, folder)
    ours = statistics.median(run[0][0] for run in found)
    wire = statistics.median(run[1] for run in found)
    peer = statistics.median(run[2] for run in found)
    stored, requested = found[0][0][1], max(run[0][2] for run in found)
    ratio = statistics.median(run[0][0] / run[1] for run in found)
    against = statistics.median(run[0][0] / run[2] for run in found)
    rows = [
        ("into the store / bare client", ratio, 1.4, ratio <= 1.4),
        ("into the store / vdirsyncer sync", against, 1.0, against < 1.0),
        ("requests of a quiet poll of one calendar", requested, 1, requested <= 1),
        (f"event rows of {many:,} events", large[1], many, large[1] >= many),
    ]
    print(f"{count:,} events ({stored:,} rows): ours {ours:.2f} s, bare client {wire:.2f} s, vdirsyncer {peer:.2f} s;", end=" ")
    print(f"{many:,} events in {large[0]:.1f} s")
    for text, value, bound, is_kept in rows:
        print(f"{text:46}{value:>10,.3f}{bound:>9,}  {'ok' if is_kept else 'MISSED'}")
    return 0 if all(row[3] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
