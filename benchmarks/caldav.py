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

from benchmarks._account import opened, registered
from connectors.http import Http
from connectors.standards.objects import cut
from worker.pull import pull
from worker.store.tables import event

ROOT = Path(__file__).parent.parent
GENERATOR = ROOT.parent / "shared" / "tools" / "gen_calendar.py"
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
NOW = datetime.fromtimestamp(1_790_000_000, UTC)
"""Where the generator puts its now."""
HREF = re.compile(r"<(?:\w+:)?href>([^<]+\.ics)</")
SYNC = '<d:sync-collection xmlns:d="DAV:"><d:sync-token/><d:sync-level>1</d:sync-level><d:prop><d:getetag/></d:prop></d:sync-collection>'
MULTIGET = (
    '<c:calendar-multiget xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">'
    "<d:prop><d:getetag/><c:calendar-data/></d:prop>{}</c:calendar-multiget>"
)


def into_store(port: int, folder: Path) -> tuple[float, int, int, float]:
    """Read everything into a new store, then poll once more; seconds, events stored, requests of the quiet poll, our CPU seconds."""
    store, account = registered(folder, "caldav", NOW)
    connection = opened({"caldav": f"http://127.0.0.1:{port}/"})
    begun, at_work = time.perf_counter(), time.process_time()
    pulled = pull(store, connection, account, NOW, budget=lambda: True)
    took, busy = time.perf_counter() - begun, time.process_time() - at_work
    if pulled.error:
        raise SystemExit(f"the calendar was not read: {pulled.error}")
    with patch.object(Http, "send", autospec=True, side_effect=Http.send) as sent:
        pull(store, connection, account, NOW, budget=lambda: True)
    with store.read() as db:
        count = db.execute(select(func.count()).select_from(event)).scalar_one()
    store.close()
    return took, int(count), sent.call_count, busy


def bare(port: int) -> float:
    """Drain the same REPORTs, one after the other, and look at nothing but the hrefs."""
    begun = time.perf_counter()
    session = requests.Session()
    session.auth = ("ana", "secret")
    headers = {"Content-Type": "application/xml; charset=utf-8", "Depth": "1"}
    place = f"http://127.0.0.1:{port}/ana/agenda/"
    answer = session.request("REPORT", place, data=SYNC, headers=headers)
    hrefs = sorted(HREF.findall(answer.text))
    for batch in cut(hrefs):
        wanted = "".join(f"<d:href>{href}</d:href>" for href in batch)
        session.request("REPORT", place, data=MULTIGET.format(wanted), headers=headers).raise_for_status()
    return time.perf_counter() - begun


def warm(port: int) -> None:
    """Have the server read every event once, which takes it minutes: it parses and remembers them one by one."""
    body = '<d:propfind xmlns:d="DAV:"><d:prop><d:getetag/></d:prop></d:propfind>'
    place = f"http://127.0.0.1:{port}/ana/agenda/"
    answer = requests.request("PROPFIND", place, auth=("ana", "secret"), headers={"Depth": "1"}, data=body, timeout=3600)
    answer.raise_for_status()


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
    """Start a Radicale whose user ana has a generated calendar; in memory where it can be, as it waits for the disk after every event."""
    place = MEMORY / f"{folder.name}-{count}" if MEMORY.is_dir() else folder / f"radicale{count}"
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
        shutil.rmtree(place, ignore_errors=True)


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
            warm(port)
            found = [(into_store(port, folder), bare(port), with_vdirsyncer(port, folder)) for _ in range(rounds)]
        with served(many, many // 40, folder) as port:
            warm(port)
            large = into_store(port, folder)
    ours, busy = (statistics.median(run[0][place] for run in found) for place in (0, 3))
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
    print(
        f"{count:,} events ({stored:,} rows): ours {ours:.2f} s ({busy:.2f} s of CPU), bare client {wire:.2f} s, vdirsyncer {peer:.2f} s;",
        end=" ",
    )
    print(f"{many:,} events in {large[0]:.1f} s")
    for text, value, bound, is_kept in rows:
        print(f"{text:46}{value:>10,.3f}{bound:>9,}  {'ok' if is_kept else 'MISSED'}")
    return 0 if all(row[3] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
