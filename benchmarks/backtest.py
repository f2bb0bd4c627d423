"""Benchmark of the back-test: a year of 30,000 messages and 400 meetings, replayed day by day with the shipped rules.

    python -m benchmarks.backtest [--quick]

Measured is the verb from the database to its report. The peer is plain sqlite3 reading the same rows from the same file
into tuples. Bound: 10 times that. `--quick` takes a tenth.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.world import NOW, SINCE, installed, letters, read, talks, timed
from worker.json_views import to_json
from worker.verbs.opened import opened
from worker.verbs.weighed import replayed

BOUND = 10.0
ROUNDS = 5


def main() -> int:
    """Print the table; 1 where the bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    messages = 3_000 if parser.parse_args().quick else 30_000
    people = messages // 100
    with tempfile.TemporaryDirectory(prefix="rekindle-bench-") as folder:
        config = installed(Path(folder), list(letters(messages, people)), list(talks(messages // 75, people)))
        path, made = Path(folder) / "rekindle.db", 0

        def replay() -> None:
            nonlocal made
            with opened(config, None, NOW) as here:
                view = replayed(here, SINCE, NOW)
                made = len(view.suggestions)
                assert to_json(view)

        rows = read(path)
        pairs = [(timed(lambda: read(path)), timed(replay)) for _ in range(ROUNDS)]
    assert made, "the rules had nothing to say: this measures nothing"
    ratio = statistics.median(ours / theirs for theirs, ours in pairs)
    plain, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{'messages':>10} {'rows':>9} {'suggestions':>12} {'sqlite3 s':>10} {'back-test s':>12} {'ratio':>7} {'bound':>6}")
    print(f"{messages:>10,} {rows:>9,} {made:>12} {plain:>10.4f} {ours:>12.3f} {ratio:>7.1f} {BOUND:>6.1f}")
    return 0 if ratio <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
