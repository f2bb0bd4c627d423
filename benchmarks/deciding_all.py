"""Benchmark of a full decision: everybody due at once, over 100,000 facts and 200 series.

    python -m benchmarks.deciding_all [--quick]

Measured is loading the whole network from the database and one look of all shipped rules at everybody in it. The peer is
plain sqlite3 reading the same rows from the same file into tuples. Bound: 3 times that. `--quick` takes a tenth.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.world import ME, NOW, installed, letters, read, series, timed
from rules.engine import suggest
from rules.network import Owner
from worker.rulebooks import shipped, wording
from worker.store import network, people
from worker.store.store import Store

BOUND = 3.0
ROUNDS = 5
SERIES = 200
OWNER = Owner(name="ada", full_name="Ada Owner", addresses=(ME,), domains=frozenset({"corp.example"}), zone="Europe/Berlin")


def main() -> int:
    """Print the table; 1 where the bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    facts = 10_000 if parser.parse_args().quick else 100_000
    crowd, rulebook, words = facts // 100, shipped(), wording()
    with tempfile.TemporaryDirectory(prefix="rekindle-bench-") as folder:
        installed(Path(folder), list(letters(facts, crowd)), list(series(SERIES, crowd)))
        path, looked = Path(folder) / "rekindle.db", 0
        store = Store.open(f"sqlite:///{path}")

        def whole() -> None:
            nonlocal looked
            with store.read() as db:
                ids = [each.id for each in people.people(db, OWNER.name)]
                seen = network.load(db, OWNER, NOW, person_ids=ids)
            decision = suggest(seen, rulebook, NOW, words)
            assert decision.suggestions, "the rules had nothing to say: this measures nothing"
            looked = len(seen.relations)

        rows = read(path)
        pairs = [(timed(lambda: read(path)), timed(whole)) for _ in range(ROUNDS)]
        store.close()
    ratio = statistics.median(ours / theirs for theirs, ours in pairs)
    plain, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{'facts':>9} {'series':>7} {'rows':>9} {'people':>7} {'sqlite3 s':>10} {'decision s':>11} {'ratio':>7} {'bound':>6}")
    print(f"{facts:>9,} {SERIES:>7} {rows:>9,} {looked:>7,} {plain:>10.4f} {ours:>11.3f} {ratio:>7.1f} {BOUND:>6.1f}")
    return 0 if ratio <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
