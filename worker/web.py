"""What is served over HTTP: /healthz for whoever restarts us, /metrics for Prometheus, what providers tell; loopback by default."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
import uvicorn
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from worker.actors import Observed
from worker.store.engine import StoreError
from worker.store.store import Store
from worker.store.tables import account, suggestion

STALE: Final = timedelta(minutes=2)
"""A ticker that has not ticked for so long is ill."""
STARTING: Final = 15.0
TAKEN: Final = (
    "Another program has the port, maybe another rekindle run, or it may not be used; all else goes on. [web] port in config.toml names another port, "
    "0 takes a free one, enabled = false does without."
)

log = structlog.get_logger()


class Metrics:
    """What Prometheus is told: verbs as they run, accounts and suggestions as they stand; no address, subject or name."""

    def __init__(self, store: Store) -> None:
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            "rekindle_verb_seconds",
            "How long a verb ran.",
            ["verb", "outcome"],
            registry=self.registry,
            buckets=(0.01, 0.1, 1, 10, 60),
        )
        self.registry.register(_Standing(store))

    def observe(self, observed: Observed) -> None:
        """Count a verb that has run."""
        self._seconds.labels(observed.verb, observed.outcome).observe(observed.seconds)

    def text(self) -> bytes:
        """Write everything in Prometheus' text format."""
        return generate_latest(self.registry)


class _Standing(Collector):
    """Counts rows at the moment they are asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def describe(self) -> list[Metric]:
        """Name nothing beforehand, so that registering does not ask the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Count accounts and suggestions by state."""
        with self._store.read() as db:
            accounts = db.execute(select(account.c.state, func.count()).group_by(account.c.state)).all()
            suggestions = db.execute(
                select(suggestion.c.rule, suggestion.c.state, func.count()).group_by(suggestion.c.rule, suggestion.c.state)
            ).all()
        by_state = GaugeMetricFamily("rekindle_accounts", "Accounts by state.", labels=["state"])
        for state, count in accounts:
            by_state.add_metric([state], count)
        by_rule = GaugeMetricFamily("rekindle_suggestions", "Suggestions by rule and state.", labels=["rule", "state"])
        for rule, state, count in suggestions:
            by_rule.add_metric([rule, state], count)
        yield by_state
        yield by_rule


def make(
    store: Store,
    metrics: Metrics,
    clock: Callable[[], datetime],
    last_tick: Callable[[], datetime | None],
    hooks: Sequence[Route] = (),
) -> Starlette:
    """Make the web application; `last_tick` is None where another process ticks, `hooks` are what providers tell."""

    def healthz(_: Request) -> Response:
        try:
            with store.read() as db:
                db.execute(select(func.count()).select_from(account)).scalar_one()
        except StoreError as error:
            return JSONResponse({"status": "ill", "reason": str(error), "remedy": error.remedy}, status_code=503)
        ticked = last_tick()
        if ticked is not None and clock() - ticked > STALE:
            return JSONResponse({"status": "ill", "reason": "The ticker stands still", "last_tick": ticked.isoformat()}, 503)
        return JSONResponse({"status": "well", "last_tick": ticked.isoformat() if ticked else None})

    def exposed(_: Request) -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/healthz", healthz), Route("/metrics", exposed), *hooks])


class Server:
    """Uvicorn in a thread of its own; the signals stay with the main thread."""

    def __init__(self, application: Starlette, *, host: str, port: int) -> None:
        config = uvicorn.Config(application, host=host, port=port, log_config=None, access_log=False, lifespan="off")
        config.timeout_graceful_shutdown = 2
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="web", daemon=True)

    def start(self) -> None:
        """Begin to serve; a port that is taken is logged, and the rest of the service goes on without."""
        self._thread.start()

    def _serve(self) -> None:
        loud = logging.getLogger("uvicorn.error")
        loud.addFilter(_is_not_the_system_s)
        try:
            self._server.run()
        except SystemExit:
            config = self._server.config
            log.error("cannot listen", action="web", host=config.host, port=config.port, remedy=TAKEN)  # noqa: TRY400 - it says no more
        finally:
            loud.removeFilter(_is_not_the_system_s)

    @property
    def port(self) -> int:
        """The port that is listened on, once it is."""
        for server in getattr(self._server, "servers", ()):  # uvicorn has none before it listens
            for socket in server.sockets:
                return int(socket.getsockname()[1])
        return 0

    def stop(self) -> None:
        """Stop serving."""
        self._server.should_exit = True
        self._thread.join(timeout=1)


def _is_not_the_system_s(record: logging.LogRecord) -> bool:
    """Keep back the system's error by its number: what it means here, and its remedy, is logged after it."""
    return not isinstance(record.msg, OSError)
