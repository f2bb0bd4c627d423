"""A calendar of 20,000 events, 500 of them series with exceptions, from one .ics: python -m benchmarks.calendars [--quick].

Ours, into occurrences and into event and occurrence rows of a store, against a plain pass of icalendar and
recurring-ical-events over the same file in the same run; medians of five, CPU seconds. 1 if a bound is broken.
The store is filled as `rekindle run` does it: without the collector of cycles, in transactions that do not wait for the
disk, as far back as history is kept, two years, and half a year ahead. What it takes to keep everything the file holds
(five years) is printed beside it, without a bound.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import process_time

import icalendar
import recurring_ical_events
from sqlalchemy import func, select

from connectors import ical
from connectors.files.calendar import FilesCalendar
from rules.facts import CalendarEvent
from rules.people import OwnerKeys
from worker.store import accounts, events
from worker.store.mapping import Origin
from worker.store.store import Store
from worker.store.tables import occurrence
from worker.store.uncollected import uncollected

TOOL = Path(__file__).resolve().parents[2] / "shared" / "tools" / "gen_calendar.py"
END = datetime.fromtimestamp(1_790_000_000, UTC)
"""Where the generator puts its now."""
YEAR = (END - timedelta(days=365), END)
ZONE = "Europe/Paris"
ALL = timedelta(days=10 * 365)
BOUND = 0.2


def plain(path: Path) -> int:
    """Read the whole file with icalendar, and a year of it with recurring-ical-events."""
    calendar = icalendar.Calendar.from_ical(path.read_bytes())
    return sum(1 for _ in recurring_ical_events.of(calendar).between(*YEAR))


def occurrences(path: Path) -> int:
    """Read the whole file, and expand the same year of it."""
    groups: dict[str, list[CalendarEvent]] = defaultdict(list)
    with path.open("rb") as stream:
        for event in ical.read(stream, remote_id="calendar", zone=ZONE, is_export=True):
            assert isinstance(event, CalendarEvent)
            groups[event.uid].append(event)
    return sum(len(ical.expand(group, zone=ZONE, start=YEAR[0], end=YEAR[1])) for group in groups.values())


def rows(path: Path, history: timedelta = accounts.HISTORY) -> int:
    """Read the file through the files connector into event and occurrence rows of SQLite, page by page."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(f"sqlite:///{folder}/rekindle.db")
        owner = OwnerKeys(keys=frozenset({"ana@example.test"}), domains=frozenset({"example.test"}))
        with store.write() as db:
            accounts.register_owner(db, "ana", owner, ZONE, history)
            accounts.register(db, owner="ana", name="disk", provider="files", addresses=[], now=END)
        calendar = FilesCalendar(paths=[path], out=None, zone=ZONE, since=END - history)
        (feed,) = calendar.feeds()
        origin = Origin(owner="ana", account="ana/disk", feed=feed.id, generation=1)
        pages = calendar.changes(feed, None)
        while True:
            with uncollected():
                if (page := next(pages, None)) is None:
                    break
            with uncollected(), store.write(is_lasting=False) as db:
                events.apply(db, origin, page.upserted, page.removed, owner, END, zone=ZONE, is_first_read=True)
        with store.read() as db:
            count = db.execute(select(func.count()).select_from(occurrence)).scalar_one()
        store.close()
        return int(count)


def all_rows(path: Path) -> int:
    """Do the same for an owner who keeps everything."""
    return rows(path, ALL)


def timed(work: Callable[[Path], int], path: Path) -> tuple[float, int]:
    """Say how long it took, and what it counted."""
    began = process_time()
    count = work(path)
    return process_time() - began, count


def main() -> int:
    """Print the table; 1 if a bound is broken."""
    if not TOOL.is_file():
        print(f"skipped: {TOOL} is not there")
        return 0
    is_quick = "--quick" in sys.argv
    number, series, rounds = (4000, 100, 3) if is_quick else (20_000, 500, 5)
    with tempfile.TemporaryDirectory() as folder:
        sizes = ["--n", str(number), "--recurring", str(series)]
        subprocess.run([sys.executable, TOOL, folder, "--format", "single", *sizes], check=True, capture_output=True)
        path = Path(folder) / "calendar.ics"
        works = (plain, occurrences, rows, all_rows)
        results = [[timed(work, path) for work in works] for _ in range(rounds)]
    found = [result[0][1] for result in results] + [result[1][1] for result in results]
    assert max(found) - min(found) <= 0.001 * max(found), "both find the same occurrences"
    print(f"{number:,} events, {series} series, medians of {rounds}")
    print(f"{'':44}{'CPU s':>9}{'count':>9}{'ratio':>8}{'bound':>8}")
    names = (
        "icalendar + recurring-ical-events, one year",
        "ours into occurrences, one year",
        "ours into rows of a store, two years back",
        "ours into rows of a store, all years",
    )
    is_good = True
    for place, name in enumerate(names):
        ratio = median(result[place][0] / result[0][0] for result in results)
        seconds = median(result[place][0] for result in results)
        is_bound = works[place] in {occurrences, rows}
        is_kept = not is_bound or ratio <= BOUND
        is_good = is_good and is_kept
        said = f"{BOUND:>8}  {'ok' if is_kept else 'MISSED'}" if is_bound else ""
        print(f"{name:44}{seconds:>9.2f}{results[0][place][1]:>9,}{ratio:>8.3f}{said}")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
