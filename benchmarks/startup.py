"""How long `rekindle --help` takes over a bare Python: python -m benchmarks.startup [--quick]."""

from __future__ import annotations

import subprocess
import sys
from statistics import median
from time import perf_counter

BOUND = 0.15
"""Seconds over bare Python."""

COMMANDS = {
    "bare python": ["-c", "pass"],
    "rekindle --help": ["-m", "worker.cli", "--help"],
    "rekindle why --help": ["-m", "worker.cli", "why", "--help"],
    "rekindle try --help": ["-m", "worker.cli", "try", "--help"],
}


def seconds(arguments: list[str]) -> float:
    """Time one run of Python with these arguments, from start to exit."""
    began = perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return perf_counter() - began


def main() -> int:
    """Print the table; 1 if the bound is broken."""
    rounds = 5 if "--quick" in sys.argv else 15
    for arguments in COMMANDS.values():
        seconds(arguments)
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, arguments in COMMANDS.items():
            times[name].append(seconds(arguments))
    bare = median(times["bare python"])
    print(f"{'':24}{'median':>10}{'over bare':>12}{'bound':>10}")
    worst = 0.0
    for name, runs in times.items():
        over = median(runs) - bare
        worst = max(worst, over)
        print(f"{name:24}{median(runs):>8.3f} s{over:>10.3f} s{BOUND:>8.2f} s")
    return int(worst > BOUND)


if __name__ == "__main__":
    sys.exit(main())
