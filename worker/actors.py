"""The three verbs as Dramatiq actors, and the nudges that ask for them: a lost one costs a tick, a doubled one nothing."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import uuid4

import dramatiq
import structlog
from dramatiq.broker import MessageProxy
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import AgeLimit, Middleware, Retries, ShutdownNotifications, TimeLimit

from connectors.port import Verb
from worker.pipeline import Pipeline
from worker.store import accounts, leases
from worker.store.due import due
from worker.store.store import Store

QUEUE: Final = "rekindle"
TIME_LIMIT: Final = 4 * 60_000
"""Milliseconds before an actor is interrupted: four slices, and less than a lease is renewed for."""
TOO_OLD: Final = 15 * 60_000
"""Milliseconds after which a nudge is dropped: the ticker has sent another since."""
QUIET: Final = timedelta(seconds=10)
"""How long a nudge that was sent keeps others from being sent, unless it is worked on before."""

AT_ONCE: Final[frozenset[Verb]] = frozenset({"decide", "deliver"})
QUICK: Final = 10.0
"""Seconds: what news a pull so short has brought is decided and delivered by its own thread, with no wait at the broker."""

log = structlog.get_logger()


class BrokerError(Exception):
    """The broker URL cannot be used; `remedy` says what to do."""

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class MemoryBroker(StubBroker):
    """Dramatiq's StubBroker for a process that lives for months: it forgets what failed instead of keeping it for ever."""

    def __init__(self, middleware: list[Middleware]) -> None:
        super().__init__(middleware)
        self.dead_letters_by_queue = defaultdict(_Forgotten)


class _Forgotten(list[MessageProxy]):
    """A list that stays empty."""

    def append(self, message: MessageProxy) -> None:
        """Let go of the message."""


def middleware() -> list[Middleware]:
    """List what an actor is wrapped in: no Prometheus server of Dramatiq's own, and no retries, for the store plans again."""
    return [AgeLimit(max_age=TOO_OLD), TimeLimit(time_limit=TIME_LIMIT), ShutdownNotifications(), Retries(max_retries=0)]


def broker_for(url: str) -> dramatiq.Broker:
    """Make the broker a URL names: `memory:`, `redis://` or `rediss://`, `amqp://` or `amqps://`. Raises BrokerError."""
    scheme = url.partition(":")[0]
    try:
        match scheme:
            case "memory":
                return MemoryBroker(middleware())
            case "redis" | "rediss":
                from dramatiq.brokers.redis import RedisBroker  # noqa: PLC0415 - an extra

                return RedisBroker(url=url, middleware=middleware(), namespace=QUEUE)  # type: ignore[no-untyped-call]  # dramatiq's
            case "amqp" | "amqps":
                from dramatiq.brokers.rabbitmq import RabbitmqBroker  # noqa: PLC0415 - an extra

                return RabbitmqBroker(url=url, middleware=middleware(), confirm_delivery=True)
            case _:
                raise BrokerError(f"Rekindle does not know the broker {scheme}:", remedy="Write memory:, redis://... or amqp://...")
    except ImportError as missing:
        extra = "redis" if scheme.startswith("redis") else "rabbitmq"
        raise BrokerError(f"The library for {scheme}: is missing.", remedy=f"Install rekindle[{extra}].") from missing


def worker_timeout(url: str) -> int:
    """Return how many milliseconds an idle worker waits: Redis is polled, and the default makes a lone message wait long.

    A consumer sleeps half of it to all of it: at 30 a nudge waits 11 ms on average, where 50 makes it 19.
    """
    return 30 if url.startswith("redis") else 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Nudges:
    """Sends nudges. Of many that ask for the same work, one is sent; the database decides by compare-and-set."""

    store: Store
    clock: Callable[[], datetime]
    send: Callable[[Verb, str], None]

    def nudge(self, verb: Verb, who: str) -> bool:
        """Ask for work on an account (pull, deliver) or owner (decide); False where that was asked for already."""
        now = self.clock()
        with self.store.write(is_lasting=False) as db:
            if verb == "pull":
                is_first = accounts.claim_nudge(db, who, now, QUIET)
            else:
                is_first = leases.acquire(db, f"nudge:{verb}:{who}", uuid4().hex, now, QUIET) is not None
        if is_first:
            self.send(verb, who)
        return is_first

    def taken_up(self, verb: Verb, who: str) -> None:
        """Let the next nudge through: this one is being worked on."""
        with self.store.write(is_lasting=False) as db:
            if verb == "pull":
                accounts.clear_nudge(db, who)
            else:
                leases.expire(db, f"nudge:{verb}:{who}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One verb that has run, for the metrics."""

    verb: Verb
    outcome: Literal["ok", "failed"]
    seconds: float


def register(pipeline: Pipeline, broker: dramatiq.Broker, observe: Callable[[Observed], None] = lambda _: None) -> Nudges:
    """Declare the actors on a broker and return what sends to them. Nothing is declared on import."""
    declared: dict[Verb, dramatiq.Actor[[str], None]] = {}
    nudges = Nudges(store=pipeline.store, clock=pipeline.clock, send=lambda verb, who: _send(declared[verb], who))
    work = _Work(pipeline=pipeline, nudges=nudges, observe=observe)
    actors: dict[Verb, Callable[[str], None]] = {"pull": work.pull, "decide": work.decide, "deliver": work.deliver}
    for verb, function in actors.items():
        declare = dramatiq.actor(broker=broker, actor_name=verb, queue_name=QUEUE)
        declared[verb] = declare(_worked(verb, _observed(verb, function, observe), nudges))
    return nudges


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What the actors do: a verb, and what has become due by it."""

    pipeline: Pipeline
    nudges: Nudges
    observe: Callable[[Observed], None]

    def pull(self, account: str) -> None:
        begun = time.monotonic()
        if self.pipeline.pull(account):
            self.nudges.nudge("pull", account)
        is_quick = time.monotonic() - begun < QUICK
        self._follow(account.partition("/")[0], AT_ONCE if is_quick else frozenset(), account)

    def decide(self, owner: str) -> None:
        self.pipeline.decide(owner)
        self._follow(owner)

    def deliver(self, account: str) -> None:
        self.pipeline.deliver(account)

    def _follow(self, owner: str, here: frozenset[Verb] = frozenset(), account: str = "") -> None:
        """Nudge what the work just done has made due; decisions, and what goes into `account`, are done `here` at once."""
        with self.pipeline.store.read() as db:
            found = due(db, self.pipeline.clock(), of=owner)
        if "decide" in here and ("decide", owner) in found:
            _observed("decide", self.pipeline.decide, self.observe)(owner)
            self._follow(owner, here - {"decide"}, account)
            return
        mine = {("deliver", account)} & set(found) if "deliver" in here else set()
        for verb, who in sorted(set(found) - mine):
            self.nudges.nudge(verb, who)
        if mine:
            _observed("deliver", self.pipeline.deliver, self.observe)(account)


def _send(actor: dramatiq.Actor[[str], None], who: str) -> None:
    actor.send(who)


def _worked(verb: Verb, function: Callable[[str], object], nudges: Nudges) -> Callable[[str], None]:
    """Let the next nudge through, and do the work; a pull does that as it takes its lease."""

    def work(who: str) -> None:
        if verb != "pull":
            nudges.taken_up(verb, who)
        function(who)

    return work


def _observed(verb: Verb, function: Callable[[str], object], observe: Callable[[Observed], None]) -> Callable[[str], None]:
    """Do the work and say how it went."""

    def work(who: str) -> None:
        started = time.monotonic()
        outcome: Literal["ok", "failed"] = "failed"
        try:
            function(who)
            outcome = "ok"
        finally:
            observe(Observed(verb=verb, outcome=outcome, seconds=time.monotonic() - started))

    return work
