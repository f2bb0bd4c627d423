"""Benchmark of the broker: how long a lone nudge waits until an idle worker in another process begins with it.

    python -m benchmarks.broker [--quick]

Bounds on Redis: p50 at most 20 ms, p99 at most 60 ms; shown beside Dramatiq's default time-out of the consumer, and
beside RabbitMQ, which pushes. Needs Redis and RabbitMQ.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import time
from typing import IO

import dramatiq

from benchmarks.idle import server
from worker.actors import QUEUE, broker_for, worker_timeout

P50, P99 = 20.0, 60.0
DEFAULT = 1000
"""Dramatiq's own time-out of a consumer, in milliseconds."""


def serve(url: str, timeout: int) -> None:
    """Be the worker: write down when each nudge began; ends when nobody listens any more."""
    broker = broker_for(url)
    dramatiq.actor(broker=broker, actor_name="pull", queue_name=QUEUE)(began)
    worker = dramatiq.Worker(broker, worker_threads=4, worker_timeout=timeout)
    worker.start()
    print("ready", flush=True)
    sys.stdin.read()
    worker.stop()


def began(_: str) -> None:
    """Say when."""
    print(time.monotonic(), flush=True)


def lone_nudges(url: str, timeout: int, count: int) -> list[float]:
    """Send nudges to an idle worker, each by itself; the milliseconds each waited, sorted."""
    broker = broker_for(url)
    actor = dramatiq.actor(broker=broker, actor_name="pull", queue_name=QUEUE)(began)
    command = [sys.executable, "-m", "benchmarks.broker", "--serve", url, "--timeout", str(timeout)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ) as worker:
        said = _pipe(worker.stdout)
        said.readline()
        waits = []
        for number in range(count + 3):
            time.sleep(0.2 + random.random() * 0.3)
            sent = time.monotonic()
            actor.send("ada/home")
            waited = (float(said.readline()) - sent) * 1000
            if number > 2:
                waits.append(waited)
        _pipe(worker.stdin).close()
    broker.close()
    return sorted(waits)


def _pipe(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise AssertionError("it was asked for")
    return stream


def main() -> int:
    """Print the table; 1 if a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--serve", default="")
    parser.add_argument("--timeout", type=int, default=DEFAULT)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.timeout)
        return 0
    count = 40 if given.quick else 200
    with server("redis") as port:
        url = f"redis://127.0.0.1:{port}/0"
        ours = lone_nudges(url, worker_timeout(url), count)
        default = lone_nudges(url, DEFAULT, count // 4)
    with server("rabbitmq") as port:
        url = f"amqp://guest:guest@127.0.0.1:{port}/"
        rabbit = lone_nudges(url, worker_timeout(url), count)
    half, late = statistics.median(ours), ours[round(0.99 * (len(ours) - 1))]
    print(f"{'a lone nudge begins after':40}{'p50':>10}{'p99':>10}{'worst':>10}")
    for name, waits in (("Redis", ours), ("Redis, Dramatiq's default time-out", default), ("RabbitMQ", rabbit)):
        print(f"{name:40}{statistics.median(waits):>7.1f} ms{waits[round(0.99 * (len(waits) - 1))]:>7.1f} ms{waits[-1]:>7.1f} ms")
    print(
        f"p50 / bound {half / P50:.2f}, p99 / bound {late / P99:.2f}; p50 / default's p50 {half / statistics.median(default):.2f}"
    )
    return int(half > P50 or late > P99)


if __name__ == "__main__":
    sys.exit(main())
