"""Nudges: of many that ask for the same work one is sent, a lost one costs little, and nothing is declared on import."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import dramatiq
import pytest
from dramatiq.middleware import TimeLimit
from sqlalchemy import event

from connectors.port import Unavailable, Verb
from tests.worker.stage import ACCOUNT, ME, MONDAY, Stage, thank_you
from tests.worker.test_pipeline import letter, pipeline
from worker.actors import QUEUE, QUIET, BrokerError, MemoryBroker, Nudges, broker_for, middleware, register, worker_timeout
from worker.heartbeat import LASTING
from worker.pipeline import SHORT
from worker.schedule import SHORTEST, TICK, Ticker
from worker.store import accounts, leases
from worker.store.due import due
from worker.store.judging import wake
from worker.store.store import Store


class Post:
    """What was sent."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self.sent: list[tuple[Verb, str]] = []
        self.nudges = Nudges(store=store, clock=clock, send=lambda verb, who: self.sent.append((verb, who)))


@pytest.fixture
def stage(empty_store: Store) -> Stage:
    return Stage(store=empty_store)


@pytest.fixture
def post(stage: Stage) -> Post:
    return Post(stage.store, lambda: stage.now)


@pytest.mark.parametrize(("verb", "who"), [("pull", ACCOUNT), ("decide", "ada"), ("deliver", ACCOUNT)])
def test_a_nudge_is_sent_once_until_it_is_taken_up(post: Post, verb: Verb, who: str) -> None:
    assert post.nudges.nudge(verb, who)
    assert not post.nudges.nudge(verb, who)
    post.nudges.taken_up(verb, who)
    assert post.nudges.nudge(verb, who)
    assert post.sent == [(verb, who), (verb, who)]


@pytest.mark.parametrize(("verb", "who"), [("pull", ACCOUNT), ("decide", "ada")])
def test_a_lost_nudge_is_sent_again_after_a_while(stage: Stage, post: Post, verb: Verb, who: str) -> None:
    post.nudges.nudge(verb, who)
    stage.now += QUIET
    assert post.nudges.nudge(verb, who)


def test_of_many_processes_that_nudge_at_once_one_does(tmp_path: Path) -> None:
    stage = Stage(store=Store.open(f"sqlite:///{tmp_path / 'x.db'}"))
    posts = [Post(stage.store, lambda: stage.now) for _ in range(8)]
    threads = [threading.Thread(target=post.nudges.nudge, args=("pull", ACCOUNT)) for post in posts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(post.sent) for post in posts) == 1


def test_the_ticker_nudges_what_is_due_and_nothing_else(stage: Stage, post: Post) -> None:
    ticker = Ticker(stage.store, lambda: stage.now, post.nudges)
    assert ticker.tick() == 1
    with stage.store.write() as db:
        accounts.succeeded(db, ACCOUNT, stage.now, stage.now + timedelta(minutes=2))
    post.nudges.taken_up("pull", ACCOUNT)
    assert ticker.tick() == 0
    stage.plan(thank_you())
    ticker.tick()
    assert post.sent == [("pull", ACCOUNT), ("deliver", ACCOUNT)]


def test_the_ticker_waits_no_longer_than_until_the_next_account_is_to_be_read(stage: Stage, post: Post) -> None:
    """Who waits for a minute's quota goes on to the second, not up to a tick later."""
    ticker = Ticker(stage.store, lambda: stage.now, post.nudges)
    for wait, paused in ((60, TICK), (3, timedelta(seconds=3)), (0.1, SHORTEST), (-1, TICK)):
        with stage.store.write() as db:
            accounts.held_back(db, ACCOUNT, stage.now + timedelta(seconds=wait))
        assert ticker.pause() == paused


def test_an_account_that_waits_for_its_provider_is_not_due(stage: Stage) -> None:
    stage.plan(thank_you())
    with stage.store.write() as db:
        accounts.failed(db, ACCOUNT, "Away", "", stage.now + timedelta(minutes=5))
    with stage.store.read() as db:
        assert due(db, stage.now) == []
        assert due(db, stage.now + timedelta(minutes=5)) == [("pull", ACCOUNT), ("deliver", ACCOUNT)]


def test_an_owner_who_is_being_decided_for_is_not_due_until_that_ends(stage: Stage) -> None:
    with stage.store.write() as db:
        wake(db, "ada", stage.now)
        held = leases.acquire(db, "decide:ada", "one", stage.now, LASTING)
        assert held is not None
        assert ("decide", "ada") not in due(db, stage.now)
        assert ("decide", "ada") in due(db, stage.now + LASTING), "whoever did it is gone"
        leases.release(db, held)
        assert ("decide", "ada") in due(db, stage.now)


def test_a_paused_owner_gets_nothing_new_but_is_still_looked_after(stage: Stage) -> None:
    stage.plan(thank_you())
    with stage.store.write() as db:
        accounts.succeeded(db, ACCOUNT, stage.now, stage.now + timedelta(days=2))
        accounts.pause_owner(db, "ada", stage.now + timedelta(days=1))
    with stage.store.read() as db:
        assert due(db, stage.now) == []
    with stage.store.write() as db:
        accounts.pause_owner(db, "ada", None)
    stage.work()
    with stage.store.write() as db:
        accounts.pause_owner(db, "ada", stage.now + timedelta(days=1))
    with stage.store.read() as db:
        assert due(db, stage.now + timedelta(hours=1)) == [("deliver", ACCOUNT)]


@pytest.mark.parametrize(("verb", "who"), [("pull", ACCOUNT), ("decide", "ada"), ("deliver", ACCOUNT)])
def test_what_comes_while_a_nudge_is_worked_on_is_asked_for_anew(stage: Stage, verb: Verb, who: str) -> None:
    broker = MemoryBroker(middleware())
    nudges = register(pipeline(stage), broker)
    assert nudges.nudge(verb, who)
    assert not nudges.nudge(verb, who)
    broker.get_actor(verb).fn(who)
    assert nudges.nudge(verb, who)


def test_what_a_pull_has_brought_is_decided_and_delivered_by_its_own_thread(stage: Stage) -> None:
    letter(stage, 1)
    stage.plan(thank_you())
    with stage.store.write() as db:
        wake(db, "ada", stage.now)
    done: list[Verb] = []
    broker = MemoryBroker(middleware())
    register(pipeline(stage), broker, lambda observed: done.append(observed.verb))
    broker.get_actor("pull").fn(ACCOUNT)
    assert done == ["decide", "deliver", "pull"]
    assert stage.state(thank_you().key) == ("delivered", None)
    assert broker.queues[QUEUE].qsize() == 0


def test_a_pull_that_was_cut_short_asks_for_the_next_slice(stage: Stage) -> None:
    letter(stage, 1)
    broker = MemoryBroker(middleware())
    register(replace(pipeline(stage), is_stopping=lambda: True), broker)
    broker.get_actor("pull").fn(ACCOUNT)
    [sent] = [dramatiq.Message.decode(each) for each in broker.queues[QUEUE].queue]
    assert (sent.actor_name, sent.args) == ("pull", (ACCOUNT,))


@pytest.mark.parametrize("has_company", [True, False])
def test_a_slice_is_shorter_where_others_may_wait_for_the_connection(stage: Stage, has_company: bool) -> None:
    letter(stage, 1)
    passed = itertools.count()
    broker = MemoryBroker(middleware())
    slow = replace(pipeline(stage), clock=lambda: stage.now + next(passed) * SHORT / 3, has_company=lambda: has_company)
    register(slow, broker)
    broker.get_actor("pull").fn(ACCOUNT)
    asked_for = {dramatiq.Message.decode(each).actor_name for each in broker.queues[QUEUE].queue}
    assert ("pull" in asked_for) == has_company


def test_a_tick_over_a_thousand_idle_accounts_is_one_query(stage: Stage, post: Post, tmp_path: Path) -> None:
    with stage.store.write() as db:
        for number in range(1000):
            accounts.register(db, owner="ada", name=f"a{number}", provider="memory", addresses=[ME], now=MONDAY)
        for stored in accounts.accounts(db):
            accounts.succeeded(db, stored.id, MONDAY, MONDAY + timedelta(minutes=2))
    asked: list[str] = []
    engine = stage.store._read  # noqa: SLF001 - to count what is asked
    event.listen(engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
    assert Ticker(stage.store, lambda: stage.now, post.nudges).tick() == 0
    assert [each for each in asked if each.startswith("SELECT")] == asked[-1:]


def test_a_broker_in_memory_forgets_what_failed() -> None:
    broker = broker_for("memory:")
    assert isinstance(broker, MemoryBroker)
    failed = threading.Event()

    def fail() -> None:
        failed.set()
        raise Unavailable("Away")

    actor = dramatiq.actor(broker=broker, queue_name="x")(fail)
    worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=50)
    worker.start()
    actor.send()
    assert failed.wait(5)
    broker.join("x", fail_fast=False)
    worker.stop()
    assert broker.dead_letters == []


def test_no_middleware_opens_a_port_and_time_limits_are_kept() -> None:
    kinds = [type(each).__name__ for each in middleware()]
    assert "Prometheus" not in kinds
    broker = broker_for("memory:")
    broker.emit_after("process_boot")
    [limit] = [each for each in broker.middleware if isinstance(each, TimeLimit)]
    assert limit.manager.is_alive()  # type: ignore[union-attr]  # no gevent here


def test_an_unknown_broker_is_named_with_what_to_write() -> None:
    with pytest.raises(BrokerError) as raised:
        broker_for("kafka://x")
    assert "memory:" in raised.value.remedy


def test_redis_is_polled_often() -> None:
    assert worker_timeout("redis://x") == 30


def test_importing_declares_nothing() -> None:
    code = "import worker.actors, worker.run, dramatiq.broker; print(dramatiq.broker.global_broker)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "None"
