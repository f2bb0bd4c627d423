"""Of several processes on one database one at a time has a working connection to an account: mail servers allow few."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.port import Connection, RateLimited
from rules.facts import Address
from tests.conftest import Server
from tests.end_to_end.files_world import ROOT, wait_until
from tests.end_to_end.standards_world import ServerOffice
from tests.servers.proxies import ImapProxy
from tests.worker.test_brokers import SERVE, SETTINGS, empty
from tests.worker.test_kept import Line, until
from worker import kept as kept_connections
from worker import lines as process_lines
from worker import visiting
from worker.app import real_clock
from worker.cli import run
from worker.credentials import make_key
from worker.exit_codes import FAILED, OWNER
from worker.heartbeat import LASTING
from worker.kept import AGED, Kept
from worker.lines import Lines
from worker.store import accounts
from worker.store.store import Store

HOME = "ada/home"
OFTEN = timedelta(milliseconds=20)


@dataclass
class CountedLine(Line):
    """A connection to a server that allows few; it connects where it is first used."""

    is_counted: bool = True
    connects: Callable[[], None] = lambda: None
    is_connected: bool = False

    def addresses(self) -> Sequence[Address]:
        self.is_connected = True
        self.connects()
        return ()

    def is_alive(self) -> bool:
        self.addresses()
        return self.is_up


@dataclass
class MailServer:
    """A mail server that remembers every connection, whoever has it."""

    lines: list[CountedLine] = field(default_factory=list)
    most: int = 0
    is_counted: bool = True
    now: datetime = datetime(2026, 11, 17, tzinfo=UTC)

    def open(self, _: str) -> Connection:
        self.lines.append(CountedLine(is_counted=self.is_counted, connects=self.count))
        return self.lines[-1]

    def count(self) -> None:
        self.most = max(self.most, self.connections())

    def connections(self) -> int:
        return sum(line.is_connected and not line.is_closed for line in self.lines)


def use(kept: Kept, account: str = HOME) -> None:
    with closing(kept.open(account)) as connection:
        connection.addresses()


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=[pytest.mark.server, pytest.mark.xdist_group("store"), pytest.mark.timeout(300)]),
    ]
)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/rekindle.db"
    found: str = request.getfixturevalue("database")
    return found


@pytest.fixture
def server() -> MailServer:
    return MailServer()


@dataclass
class Office:
    """Processes on one database, as far as connections go."""

    url: str
    server: MailServer
    running: ExitStack

    def process(self, rest: timedelta = timedelta(hours=1)) -> Kept:
        store = Store.open(self.url)
        self.running.callback(store.close)
        kept = Kept(self.server.open, lambda: self.server.now, rest, Lines(store, lambda: self.server.now))
        self.running.callback(kept.close)
        return kept


@pytest.fixture
def office(url: str, server: MailServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr(process_lines, "EVERY", OFTEN)
    monkeypatch.setattr(kept_connections, "LINGER", OFTEN)
    with ExitStack() as running:
        yield Office(url, server, running)


def test_a_process_that_works_alone_keeps_its_connection_and_asks_no_database_for_it(office: Office) -> None:
    kept = office.process()
    use(kept)
    assert kept.lines is not None
    assert kept.lines.is_alone()
    kept.lines.take = None  # type: ignore[assignment,method-assign]  # breaks whoever asks
    for _ in range(3):
        use(kept)
    time.sleep(0.2)
    assert [line.is_closed for line in office.server.lines] == [False]


def test_what_one_keeps_another_gets_within_moments_and_never_are_there_two(office: Office) -> None:
    one, two = office.process(), office.process()
    use(one)
    use(two)
    assert office.server.lines[0].is_closed
    assert (len(office.server.lines), office.server.most) == (2, 1)


def test_one_that_was_alone_lets_go_long_before_its_next_beat_and_who_waits_is_told(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_lines, "EVERY", timedelta(hours=1))
    monkeypatch.setattr(process_lines, "LOOK", OFTEN)
    monkeypatch.setattr(kept_connections, "PATIENCE", timedelta(0))
    monkeypatch.setattr(kept_connections, "UNTOLD", 0.0)
    one, two = office.process(), office.process()
    use(one)
    told: list[str] = []
    two.patience, two.waiting = timedelta(minutes=1), told.append
    use(two)
    assert office.server.lines[0].is_closed
    assert (office.server.most, told) == (1, [HOME])


def test_one_that_cannot_look_for_once_sees_the_next_who_comes(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_lines, "EVERY", timedelta(hours=1))
    monkeypatch.setattr(process_lines, "LOOK", OFTEN)
    one, two = office.process(), office.process()
    use(one)
    assert one.lines is not None
    looks: list[int] = []

    def fails(_: Store) -> None:
        looks.append(1)
        raise RuntimeError("the driver knows no name for it")

    with monkeypatch.context() as away:
        away.setattr(Store, "read", fails)
        assert until(lambda: len(looks) > 1)
    use(two)
    assert office.server.most == 1


def test_one_that_has_closed_is_no_company_whatever_beat_was_under_way(office: Office) -> None:
    one = office.process()
    use(one)
    assert one.lines is not None
    beat = one.lines._beat  # noqa: SLF001 - as if it had waited for another writer
    one.close()
    beat()
    two = office.process()
    use(two)
    assert two.lines is not None
    assert two.lines.is_alone()


def test_beside_others_a_connection_is_let_go_a_moment_after_its_use(office: Office) -> None:
    one, two = office.process(), office.process()
    use(one)
    use(two)
    assert until(lambda: office.server.connections() == 0)
    use(one)
    assert until(lambda: office.server.connections() == 0)


def test_nobody_waits_for_the_next_beat_of_one_that_knows_it_is_not_alone(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_lines, "EVERY", timedelta(hours=1))
    one, two = office.process(), office.process()
    use(one, "ada/else")
    use(two)
    assert until(lambda: office.server.lines[1].is_closed)
    use(one)
    assert office.server.most == 2, "one for each account"


def test_what_is_used_twice_in_a_row_signs_in_once_beside_others_too(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_connections, "LINGER", timedelta(hours=1))
    monkeypatch.setattr(process_lines, "EVERY", timedelta(hours=1))
    one, two = office.process(), office.process()
    use(one, "ada/else")
    use(two)
    use(two)
    assert len(office.server.lines) == 2


def test_who_comes_while_another_process_works_in_the_account_comes_again_later(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_connections, "PATIENCE", timedelta(milliseconds=200))
    one, two = office.process(), office.process()
    lent = one.open(HOME)
    lent.addresses()
    with pytest.raises(RateLimited) as refused:
        two.open(HOME)
    assert refused.value.is_paced, "nothing for the owner to do"
    assert office.server.connections() == 1
    lent.close()
    use(two)
    assert office.server.most == 1


def test_one_whose_company_has_ended_keeps_its_connection_again(office: Office) -> None:
    one, two = office.process(), office.process()
    use(one)
    use(two)
    two.close()
    assert one.lines is not None
    office.server.now += LASTING + timedelta(seconds=1)
    assert until(one.lines.is_alone)
    use(one)
    time.sleep(0.2)
    assert office.server.connections() == 1


def test_one_that_was_killed_keeps_nobody_out_for_long(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_connections, "PATIENCE", timedelta(milliseconds=50))
    one, two = office.process(), office.process()
    one.open(HOME)
    assert one.lines is not None
    one.lines.close = lambda: None  # type: ignore[method-assign]  # nothing is given back
    assert one.lines._end is not None  # noqa: SLF001 - it beats no more
    one.lines._end()  # noqa: SLF001
    with pytest.raises(RateLimited):
        two.open(HOME)
    office.server.now += LASTING + timedelta(seconds=1)
    use(two)


def test_one_that_stood_still_too_long_lets_its_own_go_before_it_is_used(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_lines, "EVERY", timedelta(hours=1))
    monkeypatch.setattr(kept_connections, "PATIENCE", timedelta(milliseconds=50))
    one, two = office.process(), office.process()
    use(one)
    office.server.now += LASTING + timedelta(seconds=1)
    lent = two.open(HOME)
    with pytest.raises(RateLimited):
        one.open(HOME)
    assert [line.is_closed for line in office.server.lines] == [True, False, True]
    lent.close()


def test_one_that_has_aged_is_renewed_under_the_same_line(office: Office) -> None:
    one = office.process(rest=timedelta(0))
    lent = one.open(HOME)
    office.server.now += AGED
    assert one.lines is not None
    assert until(lambda: one.lines is not None and one.lines.has(HOME)), "it is renewed by and by"
    lent.close()
    assert until(lambda: [line.is_closed for line in office.server.lines] == [True, False])
    assert office.server.most == 1
    assert one.lines.has(HOME)


def test_one_that_has_aged_is_not_renewed_where_its_line_went_to_another(office: Office) -> None:
    one, two = office.process(rest=timedelta(seconds=1)), office.process()
    lent = one.open(HOME)
    office.server.now += AGED
    assert one.lines is not None
    assert until(lambda: one.lines is not None and one.lines.has(HOME)), "it is renewed by and by"
    assert one.lines._end is not None  # noqa: SLF001 - it beats no more
    one.lines._end()  # noqa: SLF001
    lent.close()
    office.server.now += LASTING + timedelta(seconds=1)
    two.open(HOME)
    assert until(lambda: office.server.lines[0].is_closed)
    time.sleep(0.2)
    assert [line.is_closed for line in office.server.lines] == [True, False]


def test_who_works_on_and_on_lets_another_in_between(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_connections, "LINGER", timedelta(hours=1))
    monkeypatch.setattr(kept_connections, "AFTER_YOU", 2.0)
    one, two = office.process(), office.process()
    use(one, "ada/else")
    use(two, "ada/more")
    assert one.lines is not None
    assert until(lambda: one.lines is not None and not one.lines.is_alone())
    lent = one.open(HOME)
    patience = LASTING / 2
    monkeypatch.setattr(kept_connections, "PATIENCE", patience)
    turns: list[str] = []

    def wait_for_a_turn() -> None:
        with closing(two.open(HOME)):
            turns.append("two")

    waiting = threading.Thread(target=wait_for_a_turn)
    waiting.start()
    office.server.now += patience
    lent.close()
    with closing(one.open(HOME)):
        turns.append("one")
    waiting.join(60)
    assert turns == ["two", "one"]


def test_accounts_whose_servers_do_not_count_are_kept_by_each(office: Office) -> None:
    office.server.is_counted = False
    one, two = office.process(), office.process()
    use(one)
    use(two)
    time.sleep(0.2)
    assert office.server.connections() == 2


def test_many_threads_of_three_processes_never_have_two_at_once(office: Office) -> None:
    failed: list[BaseException] = []
    processes = [office.process() for _ in range(3)]

    def work(kept: Kept) -> None:
        for _ in range(8):
            try:
                use(kept)
            except RateLimited:
                time.sleep(0.01)
            except BaseException as error:  # noqa: BLE001 - told below
                failed.append(error)

    threads = [threading.Thread(target=work, args=(kept,)) for kept in processes for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failed == []
    assert office.server.most == 1


# Real processes, and a real server that counts


@contextmanager
def running(office: ServerOffice, number: int, part: str) -> Iterator[Path]:
    """Run a part of the service in a process of its own; yields its log."""
    path = office.home / f"{number}.log"
    with path.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, part],
            cwd=office.home,
            env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(office.home)},
            stdout=log,
            stderr=log,
        )
    try:
        yield path
        process.terminate()
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()


def at_the_server(dovecot: Server) -> int:
    """Count the connections ana has, as the server says."""
    command = ["doveadm", "-c", str(dovecot.folder / "dovecot.conf"), "-f", "tab", "who", "-1", "ana"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    return sum(line.startswith("ana\t") for line in listed.splitlines())


@contextmanager
def counting(dovecot: Server) -> Iterator[Callable[[], int]]:
    """Ask the server again and again; yields what tells the most connections there were at once."""
    most, over = [0], threading.Event()

    def count() -> None:
        while not over.is_set():
            most.append(at_the_server(dovecot))

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield lambda: max(most)
    finally:
        over.set()
        thread.join(60)


def test_a_verb_that_gives_up_waiting_says_so(
    tmp_path: Path, dovecot: Server, radicale: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(visiting, "PATIENCE", timedelta(seconds=1))
    office = ServerOffice(tmp_path, imap=dovecot, dav=radicale)
    monkeypatch.chdir(office.home)
    command = ["pull", "home", "--config", "config.toml"]
    assert run(command) == 0
    with closing(Store.open(f"sqlite:///{office.home}/rekindle.db")) as store:
        elsewhere = Lines(store, lambda: datetime.now(UTC))
        assert elsewhere.take("ada/home")
        capsys.readouterr()
        assert run(command) == FAILED
        said = capsys.readouterr()
        assert said.err.splitlines() == [
            "home is in use by another Rekindle, the service or a verb; waiting for it …",
            "home is in use by another Rekindle, the service or a verb.",
            "Run it again in a minute.",
        ]
        assert said.out == ""
        elsewhere.close()
    assert run(command) == 0


def test_a_draft_asked_for_is_said_to_lie_in_the_mailbox_only_where_it_does_and_a_pause_is_told(
    tmp_path: Path, dovecot: Server, radicale: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy = ImapProxy(("127.0.0.1", dovecot.port))
    office = ServerOffice(tmp_path, imap=dovecot, imap_port=proxy.port, dav=radicale)
    monkeypatch.chdir(office.home)
    config = ["--config", "config.toml"]
    assert run(["pull", *config]) == 0
    assert run(["want", "Ida Off", "ida@off.example", "--about", "the talk", *config]) == 0
    assert "lies in your mailbox" in capsys.readouterr().out
    proxy.is_gone = True
    assert run(["want", "Udo Weg", "udo@weg.example", "--about", "the talk", *config]) == FAILED
    said = capsys.readouterr()
    assert "lies in your mailbox" not in said.out
    assert said.err.startswith("The draft to Udo Weg is not in your mailbox yet: The connection to the mail server broke")
    with closing(Store.open(f"sqlite:///{office.home}/rekindle.db")) as store, store.write() as db:
        accounts.pause(db, "ada/home", "The password is wrong.", "Connect again.")
    for verb in ("pull", "deliver"):
        assert run([verb, *config]) == OWNER
        assert capsys.readouterr().err == "home has paused: The password is wrong.\nConnect again.\n"
    proxy.close()


def test_doctor_does_not_try_what_another_does_not_let_go_of_and_says_so(
    tmp_path: Path, dovecot: Server, radicale: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(visiting, "PATIENCE", timedelta(seconds=1))
    with closing(ImapProxy(("127.0.0.1", dovecot.port))) as proxy:
        office = ServerOffice(tmp_path, imap=dovecot, imap_port=proxy.port, dav=radicale)
        make_key(office.home / "master.key")
        monkeypatch.chdir(office.home)
        assert run(["pull", "home", "--config", "config.toml"]) == 0
        begun, doctor = proxy.connections, ["doctor", "--config", "config.toml"]
        with closing(Store.open(f"sqlite:///{office.home}/rekindle.db")) as store, closing(Lines(store, real_clock)) as elsewhere:
            assert elsewhere.take("ada/home")
            capsys.readouterr()
            assert run([*doctor, "--json"]) == FAILED
            said = capsys.readouterr()
            assert said.err.splitlines() == ["ada/home is in use by another Rekindle, the service or a verb; waiting for it …"]
            assert [(each["subject"], each["what"]) for each in json.loads(said.out) if not each["is_ok"]] == [
                ("ada/home", "Another Rekindle, the service or a verb, has it in use; it was not tried.")
            ]
            assert run(["connect", "imap", "--account", "home", "--config", "config.toml"]) == FAILED
            assert "home is in use by another Rekindle, the service or a verb." in capsys.readouterr().err
            assert proxy.connections == begun
        assert run([*doctor, "--json"]) == 0
        assert "ada/home mail, sign-in" in [each["subject"] for each in json.loads(capsys.readouterr().out)]


def test_verbs_beside_a_service_have_no_connection_more_than_it_may(
    tmp_path: Path, database: str, redis_server: Server, dovecot: Server, radicale: Server
) -> None:
    empty(redis_server)
    shared = SETTINGS.format(store=database, broker=redis_server.url)
    with closing(ImapProxy(("127.0.0.1", dovecot.port))) as proxy, ExitStack() as processes:
        office = ServerOffice(tmp_path, imap=dovecot, imap_port=proxy.port, dav=radicale, extra_config=shared)
        make_key(office.home / "master.key")
        logs = [processes.enter_context(running(office, number, part)) for number, part in enumerate(("work", "watch", "tick"))]

        def works_and_watches() -> bool:
            office.wake()
            return proxy.most == 2

        assert wait_until(works_and_watches, seconds=120), [log.read_text() for log in logs]
        for verb, well in (
            ("doctor", "All is well."),  # while what the service used last is kept
            ("pull home", "home: is "),
            ("pull home", "home: is "),
            ("connect imap --account home", "home is connected; it holds "),
            ("doctor", "All is well."),
        ):
            begun = proxy.connections
            said = subprocess.run(
                [sys.executable, "-m", "worker.cli", *verb.split(), "--config", "config.toml"],
                cwd=office.home,
                env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(office.home)},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert (said.returncode, well in said.stdout) == (0, True), (verb, said)
            assert proxy.connections > begun, "the verb did connect"
            assert proxy.most == 2, verb
    assert not [log for log in logs if "Traceback" in log.read_text()]


def test_three_working_processes_and_one_that_watches_have_two_connections_in_all(
    tmp_path: Path, database: str, redis_server: Server, dovecot: Server, radicale: Server
) -> None:
    empty(redis_server)
    shared = SETTINGS.format(store=database, broker=redis_server.url)
    office = ServerOffice(tmp_path, imap=dovecot, dav=radicale, extra_config=shared)
    own = at_the_server(dovecot)
    with counting(dovecot) as most, ExitStack() as processes:
        parts = ("work", "work", "work", "watch", "tick")
        logs = [processes.enter_context(running(office, number, part)) for number, part in enumerate(parts)]

        def have_all_worked() -> bool:
            office.wake()
            time.sleep(0.5)
            return all('"pulled"' in log.read_text() for log in logs[:3])

        assert wait_until(have_all_worked, seconds=120), [log.read_text() for log in logs]
        assert wait_until(lambda: most() - own >= 2, seconds=60), "one watches and one works"
        assert most() - own == 2
    assert not [log for log in logs if "Traceback" in log.read_text()]
