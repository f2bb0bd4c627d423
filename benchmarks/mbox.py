"""How fast and how lean `try` takes an mbox from bytes to a decided network, beside the peers on the same mail.

    python -m benchmarks.mbox [--quick] [--generator PATH]

Every figure is the median of five runs in fresh processes (three of 5,000 messages with --quick); the peers run between
ours, so that a busy machine slows all alike. notmuch and mu index the same mail as Maildir, the way they want it. Seconds are
by the clock, and `try` reads on a second core where there is one: where there is none, it takes longer beside the peers.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

GENERATOR = Path(__file__).parent.parent.parent / "shared" / "tools" / "gen_mailbox.py"
END = datetime.fromtimestamp(1_790_000_000, UTC)
"""When the generated mailboxes end, and the trial's now."""
OURS = """
import sys
from datetime import datetime
from pathlib import Path
from worker.trial import run
import gc
report = run([Path(sys.argv[1])], now=datetime.fromisoformat(sys.argv[2]), zone="Europe/Berlin")
gc.freeze()  # as the command does
import resource
beside = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(report.messages.read, len(report.people), len(report.decision.suggestions), beside)
"""
STDLIB = """
import mailbox, sys
from pathlib import Path
from connectors.mime import FIELDS
count = 0
for path in sorted(Path(sys.argv[1]).glob("*.mbox")):
    for message in mailbox.mbox(path, create=False):
        for name in FIELDS:
            message[name]
        count += 1
print(count)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One process: how long it took, how much memory it had at most, what it printed."""

    seconds: float
    megabytes: float
    """At most, of it and, added to that, of its reader beside it: whatever the two share counts twice."""
    output: str


def process(arguments: Sequence[str], **environment: str) -> Run:
    """Run a process to its end and measure it by itself (wait4)."""
    began = time.perf_counter()
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **environment}
    ) as child:
        output = child.stdout.read() if child.stdout else ""
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{arguments[0]} failed with {child.returncode}")
    return Run(seconds=time.perf_counter() - began, megabytes=usage.ru_maxrss / 1024, output=output.strip())


def ours(path: Path) -> Run:
    """Try the mail under a path, from a cold interpreter to a decided network."""
    run = process([sys.executable, "-c", OURS, str(path), END.isoformat()])
    found, _, beside = run.output.rpartition(" ")
    return replace(run, megabytes=run.megabytes + int(beside) / 1024, output=found)


def stdlib(path: Path) -> Run:
    """Read the same headers of the same mboxes with the standard library."""
    return process([sys.executable, "-c", STDLIB, str(path)])


def grep(path: Path) -> Run:
    """Count From_ lines: about as fast as the bytes can be looked at."""
    return process(["grep", "-c", "^From ", "-r", str(path)])


def notmuch(maildir: Path) -> Run:
    """Index a Maildir with notmuch, from nothing."""
    with tempfile.TemporaryDirectory() as place:
        config = Path(place) / "config"
        config.write_text(
            f"[database]\npath={place}/db\nmail_root={maildir}\n[new]\ntags=new\nignore=\n[user]\nprimary_email=ana@example.test\n"
        )
        (Path(place) / "db").mkdir()
        return process(["notmuch", "new", "--quiet"], NOTMUCH_CONFIG=str(config))


def mu(maildir: Path) -> Run:
    """Index a Maildir with mu, from nothing."""
    with tempfile.TemporaryDirectory() as place:
        process(["mu", "init", f"--muhome={place}", f"--maildir={maildir}", "--my-address=ana@example.test", "--quiet"])
        return process(["mu", "index", f"--muhome={place}", "--quiet"])


def generate(place: Path, count: int, kind: str, generator: Path) -> Path:
    """Write a mailbox; the same count gives the same mail in every format."""
    process([sys.executable, str(generator), str(place), "--n", str(count), "--format", kind])
    return place / kind


def median(runs: Sequence[Run], of: Callable[[Run], float]) -> float:
    """Return the middle value."""
    return statistics.median(of(run) for run in runs)


def rounds(count: int, measured: dict[str, Callable[[], Run]]) -> dict[str, list[Run]]:
    """Run everything in turn, so many times."""
    found: dict[str, list[Run]] = {name: [] for name in measured}
    for _ in range(count):
        for name, run in measured.items():
            found[name].append(run())
    return found


def speed(place: Path, generator: Path, messages: int, times: int) -> bool:
    """Print the table of times; tell whether every bound holds."""
    mbox, maildir = (generate(place / kind, messages, kind, generator) for kind in ("mbox", "maildir"))
    size = sum(path.stat().st_size for path in mbox.glob("*")) / 1e6
    measured: dict[str, Callable[[], Run]] = {
        "rekindle try (mbox)": lambda: ours(mbox),
        "mailbox.mbox": lambda: stdlib(mbox),
        "grep -c '^From '": lambda: grep(mbox),
    }
    peers = {"notmuch new": ("notmuch", lambda: notmuch(maildir)), "mu index": ("mu", lambda: mu(maildir))}
    measured |= {name: run for name, (program, run) in peers.items() if shutil.which(program)}
    measured["rekindle try (Maildir)"] = lambda: ours(maildir)
    found = rounds(times, measured)
    base = median(found["rekindle try (mbox)"], lambda run: run.seconds)
    counted = {run.output.split()[0] for run in found["rekindle try (mbox)"] + found["mailbox.mbox"]}
    assert counted == {str(messages)}, f"not every message was read: {counted}"
    print(f"{messages:,} messages, {size:,.0f} MB; {found['rekindle try (mbox)'][0].output} = messages, people, suggestions")
    print(f"{'':26}{'seconds':>9}{'try / it':>10}  bound")
    bounds = {"mailbox.mbox": 0.2, "notmuch new": 1.0, "mu index": 1.0}
    is_good = True
    for name, runs in found.items():
        seconds = median(runs, lambda run: run.seconds)
        bound = bounds.get(name)
        is_kept = bound is None or base / seconds <= bound
        is_good &= is_kept
        said = "" if bound is None else f"<= {bound}  {'ok' if is_kept else 'MISSED'}"
        print(f"{name:26}{seconds:9.2f}{base / seconds:10.2f}  {said}")
    for program in ("notmuch", "mu"):
        if not shutil.which(program):
            print(f"{program} is not installed: not compared")
    return is_good


def memory(place: Path, generator: Path, messages: int, factor: int, times: int) -> bool:
    """Print the peak memory for a mailbox and one `factor` times its size; tell whether it is flat."""
    small = generate(place / "small", messages, "mbox", generator)
    large = generate(place / "large", messages * factor, "mbox", generator)
    found = rounds(times, {"small": lambda: ours(small), "large": lambda: ours(large)})
    peaks = {name: median(runs, lambda run: run.megabytes) for name, runs in found.items()}
    for name, path in (("small", small), ("large", large)):
        size = sum(file.stat().st_size for file in path.glob("*")) / 1e6
        print(f"{size:8,.0f} MB of mbox  {peaks[name]:6.0f} MB at most  {median(found[name], lambda run: run.seconds):7.1f} s")
    ratio = peaks["large"] / peaks["small"]
    print(f"memory, large / small: {ratio:.2f}  <= 1.2  {'ok' if ratio <= 1.2 else 'MISSED'}")
    return ratio <= 1.2


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="5,000 messages, three rounds, memory from 10 to 40 MB")
    parser.add_argument("--generator", type=Path, default=GENERATOR, help="writes the mailboxes")
    parser.add_argument("--only", choices=("speed", "memory"), help="one half")
    options = parser.parse_args()
    if not options.generator.exists():
        raise SystemExit(f"{options.generator} is not here: it writes the mailboxes that are measured")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory(prefix="rekindle-mbox-") as folder:
        place = Path(folder)
        is_good = True
        if options.only != "memory":
            is_good &= speed(place, options.generator, 5_000 if options.quick else 50_000, 3 if options.quick else 5)
        if options.only != "speed":
            sizes = (2_500, 4, 3) if options.quick else (24_300, 20, 5)
            is_good &= memory(place, options.generator, *sizes)
    if options.quick:
        print("the bounds are for the full run: starting the interpreter weighs most here")
    print("every bound holds" if is_good else "A BOUND IS MISSED")
    raise SystemExit(0 if is_good else 1)


if __name__ == "__main__":
    main()
