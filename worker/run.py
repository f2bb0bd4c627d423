"""Serving: ticker, watchers, Dramatiq's worker and the web in threads of one process; the main thread owns the signals."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, Literal

import dramatiq
import structlog
from dramatiq.brokers.stub import StubBroker
from starlette.routing import Route

from worker import logs, notified, told_by_google
from worker.actors import QUEUE, Nudges, Observed, broker_for, middleware, register, worker_timeout
from worker.app import real_clock
from worker.credentials import Credentials
from worker.kept import Kept
from worker.lines import Lines
from worker.pipeline import Pipeline
from worker.schedule import TICK, Ticker
from worker.store.due import due
from worker.store.uncollected import settle
from worker.watch import Watch
from worker.web import Metrics, Server, make

if TYPE_CHECKING:
    from worker.app import App

Part = Literal["tick", "work", "watch", "web"]
PARTS: Final[tuple[Part, ...]] = ("tick", "work", "watch", "web")
THREADS: Final = 4
STOP: Final = 7000
"""Milliseconds the work under way is given at SIGTERM; what hangs is left, for the outbox makes that safe."""

log = structlog.get_logger()


def serve(app: App, only: Sequence[Part], *, poll: timedelta) -> int:
    """Run all parts, or only some, until SIGTERM or SIGINT, and return the exit code.

    Raises ValueError where the parts are split but their broker is in memory, BrokerError where it cannot be used.
    """
    url = app.config.broker.url
    parts = tuple(only) or PARTS
    if only and url.startswith("memory"):
        raise ValueError("With the broker memory: the parts cannot be run apart: nudges do not leave the process.")
    logs.set_up(is_json=not sys.stderr.isatty())
    stopping, asked = threading.Event(), SimpleQueue[None]()
    lines = Lines(app.store, real_clock)
    kept = Kept(app.open_connection, app.clock, lines=lines)
    usual = app.pipeline(poll=poll, is_stopping=stopping.is_set)
    pipeline = replace(usual, open_connection=kept.open, has_company=lines.has_company)
    metrics = Metrics(app.store)
    with _signals(asked), ExitStack() as running:
        running.callback(kept.close)
        broker = broker_for(url)
        nudges = register(pipeline, broker, metrics.observe)
        broker.emit_after("process_boot")
        running.callback(broker.close)
        ticker = Ticker(app.store, app.clock, nudges, min(TICK, poll))
        if "web" in parts and app.config.web.enabled:
            _serve_web(app, metrics, ticker, nudges, running)
        if "work" in parts:
            running.enter_context(_working(broker, worker_timeout(url)))
        for part, what in (("watch", Watch(app.store, app.clock, app.open_connection, nudges)), ("tick", ticker)):
            if part in parts:
                running.enter_context(_thread(part, what.run, what.stop))
        settle()
        log.info("started", action="run", parts=sorted(parts), broker=url.partition(":")[0])
        asked.get()
        stopping.set()
        log.info("stopping", action="run")
    log.info("stopped", action="run")
    return 0


def run_until_idle(pipeline: Pipeline, progress: Callable[[str], None]) -> None:
    """Work everything that is due through a broker in memory and its worker, until nothing is; what fails is raised."""
    broker = StubBroker(middleware())
    words = {"pull": "Reading", "decide": "Deciding", "deliver": "Putting in place"}

    def observe(observed: Observed) -> None:
        progress(f"{words[observed.verb]}: {observed.seconds:.1f} s")

    nudges = register(pipeline, broker, observe)
    broker.emit_after("process_boot")
    with _working(broker, 50):
        while _nudged(pipeline, nudges):
            broker.join(QUEUE)
    broker.close()


def _nudged(pipeline: Pipeline, nudges: Nudges) -> bool:
    """Send what is due, pulls before decisions before deliveries; False where nothing is."""
    with pipeline.store.read() as db:
        found = due(db, pipeline.clock())
    for verb in ("pull", "decide", "deliver"):
        who = [each for kind, each in found if kind == verb]
        if who:
            return sum(nudges.nudge(verb, each) for each in who) > 0
    return False


def _serve_web(app: App, metrics: Metrics, ticker: Ticker, nudges: Nudges, running: ExitStack) -> None:
    application = make(app.store, metrics, app.clock, lambda: ticker.last_at, _hooks(app, nudges))
    server = Server(application, host=app.config.web.host, port=app.config.web.port)
    server.start()
    running.callback(server.stop)


def _hooks(app: App, nudges: Nudges) -> Sequence[Route]:
    """List the routes at which providers tell of something new, for the accounts that have one."""
    found: list[Route] = []
    credentials = Credentials(app.store, app.config.secrets.key, app.clock)
    if notified.accounts_of(app.config):
        found.append(notified.microsoft(app.config, lambda account: credentials.of(account, {}), nudges, app.clock))
    if told_by_google.accounts_of(app.config):
        found.append(told_by_google.google(app.config, nudges, app.clock))
    if told_by_google.watched(app.config):
        found.append(told_by_google.calendars(app.config, lambda account: credentials.of(account, {}), nudges, app.clock))
    return found


@contextmanager
def _working(broker: dramatiq.Broker, timeout: int) -> Iterator[None]:
    worker = dramatiq.Worker(broker, worker_threads=THREADS, worker_timeout=timeout)
    worker.start()
    try:
        yield
    finally:
        worker.stop(timeout=STOP)


@contextmanager
def _thread(name: str, run: Callable[[], None], stop: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join(timeout=0.5)


@contextmanager
def _signals(asked: SimpleQueue[None]) -> Iterator[None]:
    """Let SIGTERM and SIGINT ask for the end, where this is the main thread; a second one ends the service at once.

    A handler may break in anywhere, also where its own thread holds an Event's lock; a SimpleQueue can be put into even then.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    seen: list[int] = []

    def stop(number: int, _: object) -> None:
        if seen:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        seen.append(number)
        asked.put(None)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
