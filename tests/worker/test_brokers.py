"""Redis and RabbitMQ carry the nudges between processes on one PostgreSQL; whatever a broker forgets, the database does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pika
import pika.exceptions
import pytest
import redis
from sqlalchemy import select

from tests.conftest import SCRIPTS, Server
from tests.end_to_end.files_world import ME, ROOT, Office, wait_until
from worker.actors import QUEUE, broker_for, worker_timeout
from worker.deliver import Point
from worker.store import outbox
from worker.store.entry import Entry
from worker.store.store import Store
from worker.store.tables import lease

pytestmark = pytest.mark.timeout(300)
TOM = "tom@third.example"
FIXTURES = {"redis": "redis_server", "rabbitmq": "rabbitmq"}
SERVE = """
import sys
from datetime import timedelta
from pathlib import Path
from worker.app import App
from worker.config import load
app = App.open(load(Path("config.toml")))
code = app.run(sys.argv[1:], poll=timedelta(seconds=0.5))
app.close()
sys.exit(code)
"""
DYING = """
import os, signal
from dataclasses import replace
from worker.app import App
whole = App.pipeline

def dying(app, **more):
    def passing(point):
        if point == "{point}":
            os.kill(os.getpid(), signal.SIGKILL)
    return replace(whole(app, **more), passing=passing)

App.pipeline = dying
"""
SETTINGS = """
[store]
url = "{store}"

[broker]
url = "{broker}"
"""


@dataclass
class SharedOffice(Office):
    """An office whose service is split over processes with one database and one broker."""

    database: str = field(kw_only=True)
    broker: str = field(kw_only=True)

    def __post_init__(self) -> None:
        self.extra_config = SETTINGS.format(store=self.database, broker=self.broker)
        super().__post_init__()

    def entries(self, rule: str) -> list[Entry]:
        store = Store.open(self.database)
        try:
            with store.read() as db:
                return [e for e in outbox.read_all(db, "ada", states=[*outbox.OPEN, "closed"]) if e.rule == rule]
        finally:
            store.close()

    @contextmanager
    def watching(self) -> Iterator[Callable[[], bool]]:
        """Yield what waits until a worker holds the lease of the account's mail: asked often, for it may not take long."""
        store, asked = Store.open(self.database), select(lease.c.until).where(lease.c.name == "pull:ada/disk")

        def is_reading() -> bool:
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline:
                with store.read() as db:
                    if db.execute(asked).scalar():
                        return True
                time.sleep(0.002)
            return False

        try:
            yield is_reading
        finally:
            store.close()

    @contextmanager
    def process(self, *parts: str, dies: Point | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """Run some parts of the service in a process of their own; it may be killed where it first comes to a point."""
        script = SERVE if dies is None else DYING.format(point=dies) + SERVE
        with (self.home / "log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", script, *parts],
                cwd=self.home,
                env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(self.home)},
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(timeout=20)

    @contextmanager
    def split(self) -> Iterator[Sequence[subprocess.Popen[bytes]]]:
        """Run a ticker, a watcher, a web server and two workers, each a process; all end well."""
        with ExitStack() as running:
            processes = [running.enter_context(self.process(*parts)) for parts in (["tick"], ["work"], ["work"], ["watch", "web"])]
            yield processes
            for process in processes:
                process.terminate()
            assert [process.wait(timeout=20) for process in processes] == [0, 0, 0, 0]


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Server:
    """A broker, by whatever protocol."""
    server: Server = request.getfixturevalue(FIXTURES[request.param])
    empty(server)
    return server


@pytest.fixture
def office(tmp_path: Path, database: str, broker: Server) -> SharedOffice:
    return SharedOffice(tmp_path, database=database, broker=broker.url)


def empty(server: Server) -> None:
    """Take everything away that the broker remembers."""
    if server.url.startswith("redis"):
        with redis.Redis.from_url(server.url) as client:
            client.flushall()
        return
    with pika.BlockingConnection(pika.URLParameters(server.url)) as connection:
        for queue in (QUEUE, f"{QUEUE}.DQ", f"{QUEUE}.XQ"):
            connection.channel().queue_delete(queue)


def turn(server: Server, verb: str) -> None:
    """Start or stop the broker."""
    script = "redis.sh" if server.url.startswith("redis") else "rabbitmq.sh"
    subprocess.run([SCRIPTS / script, verb, server.folder, str(server.port)], check=True, timeout=120, capture_output=True)


def test_roles_in_processes_of_their_own_make_one_of_each(office: SharedOffice) -> None:
    office.correspondence(TOM, last=datetime.now(UTC) - timedelta(days=150))
    with office.split():
        assert wait_until(lambda: office.states("check_in") == [("delivered", None)], seconds=120), office.log()
        office.mail(from_=ME, to=TOM, at=datetime.now(UTC), subject="Long time no see")
        assert wait_until(lambda: office.states("check_in") == [("closed", "withdrawn")], seconds=120), office.log()
    assert office.holds() == []
    assert "Traceback" not in office.log()


def test_a_broker_that_loses_its_memory_loses_nothing(office: SharedOffice, broker: Server) -> None:
    """Nudges wait in the queue while no worker runs; then the broker forgets them all."""
    office.correspondence(TOM, last=datetime.now(UTC) - timedelta(days=150))
    with office.process("tick"):
        assert wait_until(lambda: waiting(broker) > 0), office.log()
        empty(broker)
        with office.process("work"), office.process("work"):
            assert wait_until(lambda: office.states("check_in") == [("delivered", None)], seconds=120), office.log()
            assert len(office.holds()) == 1


def test_a_broker_that_is_away_for_a_minute_loses_nothing(office: SharedOffice, broker: Server) -> None:
    office.correspondence(TOM, last=datetime.now(UTC) - timedelta(days=150))
    with office.process("tick") as ticker, office.process("work") as one, office.process("work") as two:
        assert wait_until(lambda: office.states("check_in") == [("delivered", None)], seconds=120), office.log()
        turn(broker, "stop")
        try:
            office.mail(from_=ME, to=TOM, at=datetime.now(UTC), subject="Long time no see")
            time.sleep(60)
        finally:
            turn(broker, "start")
        assert wait_until(lambda: office.states("check_in") == [("closed", "withdrawn")], seconds=120), office.log()
        assert [process.poll() for process in (ticker, one, two)] == [None, None, None]
    assert office.holds() == []


def test_a_worker_that_is_killed_leaves_its_work_to_the_others(office: SharedOffice) -> None:
    """It is killed while it reads: what it held is free again within seconds, and not after the time reading may take."""
    office.correspondence(TOM, last=datetime.now(UTC) - timedelta(days=150), times=200)
    with office.watching() as is_reading, office.process("tick"), office.process("work") as victim:
        assert is_reading(), office.log()
        victim.kill()
        with office.process("work"):
            assert wait_until(lambda: office.states("check_in") == [("delivered", None)], seconds=120), office.log()
    assert len(office.holds()) == 1


@pytest.mark.parametrize(
    ("kind", "point"),
    [("memory", "after the call"), *((kind, point) for kind in FIXTURES for point in ("after the call", "after the confirmation"))],
)
def test_a_worker_that_is_killed_while_it_delivers_leaves_one(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, kind: str, point: Point
) -> None:
    """Its message was not acknowledged, so that a broker may send it once more; in memory it is lost with the process."""
    server: Server | None = request.getfixturevalue(FIXTURES[kind]) if kind in FIXTURES else None
    if server is not None:
        empty(server)
    office = SharedOffice(tmp_path, database=database, broker="memory:" if server is None else server.url)
    office.correspondence(TOM, last=datetime.now(UTC) - timedelta(days=150))
    works = () if server is None else ("work",)
    with office.process("tick") if server else nullcontext():
        with office.process(*works, dies=point) as victim:
            assert victim.wait(timeout=120) == -signal.SIGKILL, office.log()
        with office.process(*works), office.process(*works):
            assert wait_until(lambda: office.states("check_in") == [("delivered", None)], seconds=120), office.log()
    assert len(office.holds()) == 1
    assert [entry.attempts for entry in office.entries("check_in")] == [1 if point == "after the confirmation" else 2]


def waiting(server: Server) -> int:
    """Count the nudges that wait in the broker."""
    if server.url.startswith("redis"):
        with redis.Redis.from_url(server.url) as client:
            return int(client.llen(f"{QUEUE}:{QUEUE}"))
    with pika.BlockingConnection(pika.URLParameters(server.url)) as connection:
        try:
            return int(connection.channel().queue_declare(QUEUE, passive=True).method.message_count)
        except pika.exceptions.ChannelClosedByBroker:  # nobody has declared the queue yet
            return 0


def test_no_message_says_more_than_look_again(broker: Server) -> None:
    """What a broker stores is the verb and an account's or owner's name."""
    import dramatiq  # noqa: PLC0415 - next to its use

    found = broker_for(broker.url)
    actor = dramatiq.actor(broker=found, actor_name="pull", queue_name=QUEUE)(lambda who: None)
    message = actor.message("ada/home")
    assert (message.args, message.kwargs, message.options) == (("ada/home",), {}, {})
    assert worker_timeout(broker.url) == (30 if broker.url.startswith("redis") else 200)
    found.close()
