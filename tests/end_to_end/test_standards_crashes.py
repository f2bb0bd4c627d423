"""Crashes, faults and the owner's hand between them, on a real Dovecot and a real Radicale: one object, or none where it was removed.

The diagonal is killed with SIGKILL in a process of its own; the rest dies of a BaseException at the same named points.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from connectors import standards
from connectors.port import PortError, Saved
from rules.engine import Keep, Withdraw
from rules.suggestions import Draft, Hold, Suggestion
from tests.conftest import Server
from tests.connectors.test_standards_contract import account as account_of
from tests.end_to_end.files_world import ROOT
from tests.end_to_end.standards_world import ACCOUNT, ServerOffice
from tests.servers.proxies import Fault, HttpProxy, ImapProxy
from tests.worker.conftest import fresh_database, postgresql
from tests.worker.stage import Crash, check_in, thank_you
from worker import deliver
from worker.store import accounts, outbox
from worker.store.entry import Entry
from worker.store.store import Store

DELIVERING: tuple[deliver.Point, ...] = ("before the claim", "after the claim", "after the call", "after the confirmation")
WITHDRAWING: tuple[deliver.Point, ...] = ("after the intent", "after the removal", "after the closing")
FAULTS: tuple[Fault, ...] = ("unavailable", "lose", "cut", "error_after", "rate", "rejected")

WORKER = """
import os, signal, sys
from datetime import timedelta
from pathlib import Path
from rules.engine import Keep, Withdraw
from worker import deliver
from worker.app import App
from worker.config import load
from worker.store import outbox

point, minutes, pointless, blow = sys.argv[1], float(sys.argv[2]), sys.argv[3], signal.Signals(int(sys.argv[4]))
app = App.open(load(Path("config.toml")))
now = app.clock() + timedelta(minutes=minutes)
armed = [point]

def passing(here):
    if here in armed:
        armed.clear()
        os.kill(os.getpid(), blow)

desk = deliver.Desk(
    store=app.store,
    connection=app.open_connection("ada/home"),
    clock=lambda: now,
    wanted=lambda _: Withdraw(why=pointless) if pointless else Keep(),
    next_slot=lambda _: None,
    passing=passing,
)
with app.store.read() as db:
    due = outbox.due(db, "ada/home", now)
for entry in due:
    deliver.attend(desk, entry)
app.close()
"""


@pytest.fixture(params=["draft", "hold"])
def suggestion(request: pytest.FixtureRequest) -> Suggestion:
    """A draft, or a hold three weeks ahead of the real clock."""
    return thank_you() if request.param == "draft" else ahead(check_in())


def ahead(hold: Suggestion) -> Suggestion:
    """Put a hold three weeks ahead of the real clock."""
    assert isinstance(hold.action, Hold)
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=21)
    return replace(hold, action=replace(hold.action, start=start, end=start + timedelta(minutes=25)))


@dataclass
class Bench:
    """One installation on the office's servers, whose clock is set by hand, and the owner's hands."""

    office: ServerOffice
    imap: ImapProxy
    dav: HttpProxy
    url: str
    server: Server | None
    stack: ExitStack
    ahead: timedelta = field(default=timedelta(), init=False)
    pointless: str = ""
    crash_at: deliver.Point | None = None
    between: Callable[[deliver.Point], None] = lambda _: None

    def __post_init__(self) -> None:
        self.store = Store.open(self.url)

    def backed_up(self) -> Callable[[], Bench]:
        """Write the database down as it stands; returns what opens that, later, as the one that was restored."""
        copy = self.office.home / "restored.db"
        if self.server is None:
            self.store.backup(copy)
            return lambda: replace(self, url=f"sqlite:///{copy}")
        dump = postgresql("pg_dump", self.url)
        url = self.stack.enter_context(fresh_database(self.server))

        def restored() -> Bench:
            postgresql("psql", "--quiet", "--set=ON_ERROR_STOP=1", url, given=dump)
            return replace(self, url=url)

        return restored

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def later(self, **span: float) -> None:
        self.ahead += timedelta(**span)

    def plan(self, suggestion: Suggestion) -> None:
        with self.store.write() as db:
            accounts.register(db, owner="ada", name="home", provider="imap", addresses=(), now=self.now())
            outbox.plan(db, "ada", ACCOUNT, suggestion, (), self.now())

    def work(self) -> None:
        """Attend to what is due on a connection of its own, as a worker does."""
        settings = {"imap": f"imap://127.0.0.1:{self.imap.port}", "caldav": f"http://127.0.0.1:{self.dav.port}/"}
        with self.store.read() as db:
            due = outbox.due(db, ACCOUNT, self.now())
        with closing(standards.open(account_of(settings))) as connection:
            for entry in due:
                deliver.attend(self._desk(connection), entry)

    def _desk(self, connection: standards.StandardsConnection) -> deliver.Desk:
        return deliver.Desk(
            store=self.store,
            connection=connection,
            clock=self.now,
            wanted=lambda _: Withdraw(why=self.pointless) if self.pointless else Keep(),
            next_slot=lambda _: None,
            passing=self._pass_point,
        )

    def _pass_point(self, point: deliver.Point) -> None:
        self.between(point)
        if point == self.crash_at:
            self.crash_at = None
            raise Crash

    def work_until_crash(self, point: deliver.Point) -> None:
        self.crash_at = point
        with pytest.raises(Crash):
            self.work()

    def settle(self) -> None:
        """Let three more workers come, each after every wait has passed; what the provider refuses them is noted."""
        for _ in range(3):
            self.later(hours=7)
            with suppress(PortError):
                self.work()

    def states(self) -> list[tuple[str, str | None]]:
        with self.store.read() as db:
            return [(e.state, e.close_reason) for e in outbox.read_all(db, "ada", states=[*outbox.OPEN, "closed"])]

    def entry(self) -> Entry:
        with self.store.read() as db:
            [entry] = outbox.read_all(db, "ada", states=[*outbox.OPEN, "closed"])
        return entry


ON_BOTH_STORES = pytest.mark.parametrize("server", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Server | None:
    """The PostgreSQL of a test that is for both stores; None = SQLite."""
    return request.getfixturevalue("postgres") if getattr(request, "param", "sqlite") == "postgresql" else None


@pytest.fixture
def url(tmp_path: Path, server: Server | None) -> Iterator[str]:
    with fresh_database(server) if server else nullcontext(f"sqlite:///{tmp_path / 'rekindle.db'}") as url:
        yield url


@pytest.fixture
def office(tmp_path: Path, dovecot: Server, radicale: Server, url: str) -> ServerOffice:
    return ServerOffice(tmp_path, imap=dovecot, dav=radicale, extra_config=f'[store]\nurl = "{url}"')


@pytest.fixture
def bench(office: ServerOffice, url: str, server: Server | None) -> Iterator[Bench]:
    imap, dav = ImapProxy((office.imap.host, office.imap.port)), HttpProxy((office.dav.host, office.dav.port))
    with ExitStack() as stack:
        bench = Bench(office, imap, dav, url, server, stack)
        yield bench
        bench.store.close()
    imap.close()
    dav.close()


Hand = Callable[[ServerOffice, Suggestion], None]
"""What the owner does with the object."""


def objects(office: ServerOffice) -> int:
    """Count what is ours: drafts wherever they lie, and holds."""
    return len(office.saved_drafts()) + len(office.saved_holds())


# The owner's hands


def found(office: ServerOffice, suggestion: Suggestion) -> Saved:
    """Find the object by looking, as the owner's own client would."""
    if isinstance(suggestion.action, Draft):
        office.hands.hands.select("Drafts")
        name = f'"{suggestion.action.message_id}"'
        [uid] = office.hands.hands.uid("SEARCH", "UNDELETED", "HEADER", "Message-ID", name)[1][0].decode().split()
        return Saved(remote_id=f"0:{uid}", place="Drafts")
    return Saved(remote_id=f"/ana/work/{suggestion.key}.ics")


def delete(office: ServerOffice, suggestion: Suggestion) -> None:
    here = found(office, suggestion)
    (office.hands.delete_draft if isinstance(suggestion.action, Draft) else office.hands.delete_hold)(here)


def edit(office: ServerOffice, suggestion: Suggestion) -> None:
    here = found(office, suggestion)
    (office.hands.edit_draft if isinstance(suggestion.action, Draft) else office.hands.edit_hold)(here)


def move(office: ServerOffice, suggestion: Suggestion) -> None:
    here = found(office, suggestion)
    if isinstance(suggestion.action, Hold):
        by = timedelta(days=1)
        office.hands.move_hold(here, suggestion.action.start + by, suggestion.action.end + by)
    else:
        office.hands.move_draft(here)


def send(office: ServerOffice, suggestion: Suggestion) -> None:
    if isinstance(suggestion.action, Draft):
        office.hands.send_draft(found(office, suggestion))
    else:
        pytest.skip("a hold cannot be sent")


def another(suggestion: Suggestion) -> Suggestion:
    """Make one of the same kind for another cause, at another time."""
    if isinstance(suggestion.action, Draft):
        return thank_you(2)
    other = check_in(2)
    assert isinstance(suggestion.action, Hold)
    assert isinstance(other.action, Hold)
    by = timedelta(days=1)
    return replace(other, action=replace(other.action, start=suggestion.action.start + by, end=suggestion.action.end + by))


def after(suggestion: Suggestion, hand: Hand | None, *, is_confirmed: bool = True) -> tuple[str, str | None]:
    """Say how a suggestion stands once it was looked at after the owner's hand: a hold that was changed is followed to its end.

    Of a draft that was deleted before anybody could confirm it, only a UID that is empty again is left: it may have been another.
    """
    if isinstance(suggestion.action, Hold) and hand in (edit, move):
        return "delivered", None
    if isinstance(suggestion.action, Draft) and hand is delete and not is_confirmed:
        return "closed", "expired"
    endings: dict[Hand | None, str | None] = {
        None: None,
        delete: "owner_deleted",
        edit: "owner_edited",
        move: "owner_edited",
        send: "done",
    }
    return ("delivered" if hand is None else "closed"), endings[hand]


def rebuild(office: ServerOffice) -> None:
    """Give Drafts a new UIDVALIDITY with all its mail, as a server that is restored or migrated does."""
    hands = office.hands.hands
    hands.rename("Drafts", "Old")
    time.sleep(1.1)  # Dovecot makes UIDVALIDITY of the second
    hands.create("Drafts")
    hands.select("Old")
    hands.uid("COPY", "1:*", "Drafts")
    hands.select("INBOX")
    hands.delete("Old")


# The diagonal: SIGKILL


def work(
    office: ServerOffice, *, at: str = "", minutes: float = 0, pointless: str = "", blow: signal.Signals = signal.SIGKILL
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, at, str(minutes), pointless, str(int(blow))],
        cwd=office.home,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(office.home)},
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(worker: subprocess.Popen[str]) -> int:
    _, said = worker.communicate(timeout=60)
    assert worker.returncode in {0, -signal.SIGKILL}, said
    return worker.returncode


@ON_BOTH_STORES
@pytest.mark.parametrize("point", DELIVERING)
def test_a_kill_while_delivering_leaves_exactly_one(bench: Bench, suggestion: Suggestion, point: deliver.Point) -> None:
    bench.plan(suggestion)
    assert ended(work(bench.office, at=point)) == -signal.SIGKILL, "the point was reached"
    assert ended(work(bench.office)) == 0
    assert ended(work(bench.office, minutes=6)) == 0
    assert objects(bench.office) == 1
    assert bench.states() == [("delivered", None)]


@ON_BOTH_STORES
def test_a_kill_while_the_answer_is_awaited_leaves_exactly_one(bench: Bench, suggestion: Suggestion) -> None:
    bench.plan(suggestion)
    config = bench.office.home / "config.toml"
    ports = {bench.office.imap.port: bench.imap.port, bench.office.dav.port: bench.dav.port}
    config.write_text(
        re.sub(r"(?<=127.0.0.1:)\d+(?=/?\"\n(?:caldav|user))", lambda port: str(ports[int(port[0])]), config.read_text())
    )
    _strike(bench, "silent")
    waiting = work(bench.office)
    side = bench.imap if isinstance(suggestion.action, Draft) else bench.dav
    assert side.is_stored.wait(60)
    assert waiting.poll() is None
    waiting.kill()
    assert ended(waiting) == -signal.SIGKILL
    assert (objects(bench.office), bench.states()) == (1, [("delivering", None)])
    assert ended(work(bench.office)) == 0
    assert ended(work(bench.office, minutes=6)) == 0
    assert (objects(bench.office), bench.states()) == (1, [("delivered", None)])


@ON_BOTH_STORES
@pytest.mark.parametrize("point", WITHDRAWING)
def test_a_kill_while_withdrawing_leaves_none(bench: Bench, suggestion: Suggestion, point: deliver.Point) -> None:
    bench.plan(suggestion)
    bench.work()
    assert ended(work(bench.office, at=point, minutes=90, pointless="You wrote to Eva")) == -signal.SIGKILL
    assert ended(work(bench.office, minutes=180)) == 0
    assert objects(bench.office) == 0
    assert bench.states() == [("closed", "withdrawn")]


@ON_BOTH_STORES
@pytest.mark.parametrize("point", ["after the claim", "after the call"])
@pytest.mark.parametrize("hand", [None, delete, edit, move, send], ids=["nobody", "deleted", "edited", "moved", "sent"])
def test_a_worker_paused_for_longer_than_its_lease_changes_nothing(
    bench: Bench, suggestion: Suggestion, point: deliver.Point, hand: Hand | None
) -> None:
    """It stands still by SIGSTOP; another delivers, the owner does something, and then it goes on."""
    bench.plan(suggestion)
    paused = work(bench.office, at=point, blow=signal.SIGSTOP)
    try:
        assert os.WIFSTOPPED(os.waitpid(paused.pid, os.WUNTRACED)[1]), paused.stderr and paused.stderr.read()
        bench.later(minutes=6)
        bench.work()
        assert bench.states() == [("delivered", None)]
        if hand is not None:
            hand(bench.office, suggestion)
        left = objects(bench.office)
    except BaseException:  # a skip too leaves nobody standing still for ever
        paused.kill()
        raise
    paused.send_signal(signal.SIGCONT)
    assert ended(paused) == 0
    bench.settle()
    assert objects(bench.office) == left == (0 if hand is delete else 1)
    assert bench.states() == [after(suggestion, hand)]


# Everything else: a raised BaseException


@ON_BOTH_STORES
@pytest.mark.parametrize("is_at_once", [True, False], ids=["another worker at once", "the same worker later"])
@pytest.mark.parametrize("point", DELIVERING)
def test_a_crash_at_any_point_leaves_one_whoever_retries(
    bench: Bench, suggestion: Suggestion, point: deliver.Point, *, is_at_once: bool
) -> None:
    bench.plan(suggestion)
    bench.work_until_crash(point)
    if is_at_once:
        bench.work()
    bench.settle()
    assert objects(bench.office) == 1
    assert bench.states() == [("delivered", None)]


@pytest.mark.parametrize("hand", [delete, edit, move, send])
@pytest.mark.parametrize("point", ["after the call", "after the confirmation"])
def test_what_the_owner_did_in_the_gap_stands(bench: Bench, suggestion: Suggestion, point: deliver.Point, hand: Hand) -> None:
    bench.plan(suggestion)
    bench.work_until_crash(point)
    hand(bench.office, suggestion)
    before = bench.office.hands.drafts(), bench.office.hands.holds()
    bench.settle()
    assert bench.states() == [after(suggestion, hand, is_confirmed=point == "after the confirmation")]
    bench.pointless = "You wrote to them"
    bench.settle()
    assert (bench.office.hands.drafts(), bench.office.hands.holds()) == before
    assert objects(bench.office) == (0 if hand is delete else 1) or hand is edit


@pytest.mark.parametrize("without", [b"", b"sync-collection"], ids=["told by the sync", "no sync"])
@pytest.mark.parametrize("point", ["after the call", "after the confirmation"])
def test_a_hold_that_was_put_into_another_calendar_in_the_gap_stays_there(
    bench: Bench, point: deliver.Point, without: bytes
) -> None:
    hold = ahead(check_in())
    bench.plan(hold)
    bench.work_until_crash(point)
    bench.dav.without = without
    bench.office.hands.make("zoo")
    target = f"http://127.0.0.1:{bench.office.dav.port}/ana/zoo/{hold.key}.ics"
    bench.office.hands.ask("MOVE", f"/ana/work/{hold.key}.ics", headers={"Destination": target})
    bench.settle()
    assert bench.states() == [("delivered", None)]
    bench.pointless = "You wrote to them"
    bench.settle()
    assert bench.states() == [("delivered", None)]
    lying = [bench.office.hands.ask("PROPFIND", path, headers={"Depth": "1"}).decode() for path in ("/ana/work/", "/ana/zoo/")]
    assert [hold.key in each for each in lying] == [False, True]


@pytest.mark.parametrize("point", DELIVERING)
def test_a_new_uidvalidity_in_the_gap_makes_no_second_draft(bench: Bench, point: deliver.Point) -> None:
    bench.plan(thank_you())
    bench.work_until_crash(point)
    rebuild(bench.office)
    bench.settle()
    assert objects(bench.office) == 1
    assert bench.states() == [("delivered", None)]
    bench.pointless = "You wrote to Eva"
    bench.settle()
    assert objects(bench.office) == 0
    assert bench.states() == [("closed", "withdrawn")]


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_the_server_does_to_the_write_one_remains(bench: Bench, suggestion: Suggestion, fault: Fault, times: int) -> None:
    """The fault strikes the write itself, once or twice in a row; then the server is well again."""
    bench.plan(suggestion)
    for _ in range(times):
        bench.between = lambda point: _strike(bench, fault) if point == "after the claim" else None
        with suppress(PortError):
            bench.work()
        bench.later(hours=7)
    bench.between = lambda _: None
    bench.imap.fault = bench.dav.fault = None
    bench.settle()
    if fault == "rejected":
        assert (objects(bench.office), bench.states()) == (0, [("closed", "failed")])
    else:
        assert (objects(bench.office), bench.states()) == (1, [("delivered", None)])


@pytest.mark.parametrize("hand", [None, delete, send], ids=["nobody", "deleted", "sent"])
def test_a_server_that_is_gone_after_storing_has_one_when_it_is_back(
    bench: Bench, suggestion: Suggestion, hand: Hand | None
) -> None:
    """Every attempt meanwhile fails at the first word; the owner's own client still reaches it."""
    bench.plan(suggestion)
    bench.between = lambda point: _strike(bench, "lose") if point == "after the claim" else None
    with pytest.raises(PortError):
        bench.work()
    bench.between = lambda _: None
    bench.imap.is_gone = bench.dav.is_gone = True
    for _ in range(3):
        bench.later(hours=7)
        with pytest.raises(PortError):
            bench.work()
    assert bench.states() == [("delivering", None)]
    if hand is not None:
        hand(bench.office, suggestion)
    bench.imap.is_gone = bench.dav.is_gone = False
    bench.imap.fault = bench.dav.fault = None
    bench.settle()
    assert objects(bench.office) == (0 if hand is delete else 1)
    assert bench.states() == [after(suggestion, hand, is_confirmed=False)]


@pytest.mark.parametrize("point", ["after the claim", "after the call"])
def test_where_a_search_lags_behind_one_remains(bench: Bench, point: deliver.Point) -> None:
    bench.imap.is_lagging = True
    bench.plan(thank_you())
    bench.work_until_crash(point)
    bench.settle()
    assert (objects(bench.office), bench.states()) == (1, [("delivered", None)])
    bench.pointless = "You wrote to Eva"
    bench.settle()
    assert (objects(bench.office), bench.states()) == (0, [("closed", "withdrawn")])


def _strike(bench: Bench, fault: Fault) -> None:
    bench.imap.fault = bench.dav.fault = fault


@pytest.mark.parametrize("hand", [delete, edit, send])
@pytest.mark.parametrize("fault", ["lose", "error_after"])
def test_after_a_lost_answer_the_owners_hand_stands(bench: Bench, suggestion: Suggestion, fault: Fault, hand: Hand) -> None:
    bench.plan(suggestion)
    bench.between = lambda point: _strike(bench, fault) if point == "after the claim" else None
    with suppress(PortError):
        bench.work()
    bench.between = lambda _: None
    bench.imap.fault = bench.dav.fault = None
    hand(bench.office, suggestion)
    before = bench.office.hands.drafts(), bench.office.hands.holds()
    bench.settle()
    assert (bench.office.hands.drafts(), bench.office.hands.holds()) == before


@ON_BOTH_STORES
@pytest.mark.parametrize("point", [*DELIVERING, None])
def test_a_database_restored_from_a_backup_finds_what_it_has_forgotten(
    bench: Bench, suggestion: Suggestion, point: deliver.Point | None
) -> None:
    """The backup is from before the delivery, which then came as far as the point, or to its end; what is not found is not made."""
    bench.plan(suggestion)
    restore = bench.backed_up()
    if point is None:
        bench.work()
    else:
        bench.work_until_crash(point)
    restored = restore()
    assert restored.store.ledger_epoch() == 1
    restored.work()
    restored.settle()
    is_made = point not in ("before the claim", "after the claim")
    assert objects(bench.office) == is_made
    assert restored.states() == [("delivered", None) if is_made else ("closed", "expired")]
    restored.store.close()


@ON_BOTH_STORES
@pytest.mark.parametrize("hand", [delete, send])
def test_what_the_owner_removed_since_the_backup_does_not_come_back(bench: Bench, suggestion: Suggestion, hand: Hand) -> None:
    bench.plan(suggestion)
    restore = bench.backed_up()
    bench.work()
    hand(bench.office, suggestion)
    left = objects(bench.office)
    restored = restore()
    restored.work()
    restored.settle()
    assert objects(bench.office) == left == (0 if hand is delete else 1)
    assert restored.states() == [("closed", "expired")]
    restored.store.close()


@ON_BOTH_STORES
@pytest.mark.parametrize("hand", [delete, None], ids=["deleted", "never made"])
def test_what_was_due_by_a_restore_is_made_where_the_server_shows_that_nothing_has_gone(
    bench: Bench, suggestion: Suggestion, hand: Hand | None
) -> None:
    bench.plan(another(suggestion))
    bench.work()
    bench.plan(suggestion)
    restore = bench.backed_up()
    if hand is not None:
        bench.work()
        hand(bench.office, suggestion)
    before = objects(bench.office)
    restored = restore()
    restored.work()
    restored.settle()
    assert objects(bench.office) == before + (hand is None)
    ended = ("delivered", None) if hand is None else ("closed", "expired")
    assert sorted(restored.states(), key=str) == sorted([("delivered", None), ended], key=str)
    restored.store.close()


def test_what_the_owner_approves_after_a_restore_is_made(bench: Bench) -> None:
    waiting = replace(thank_you(), mode="review")
    bench.plan(waiting)
    restore = bench.backed_up()
    restored = restore()
    restored.store.restored_at(restored.now())
    restored.later(minutes=1)
    with restored.store.write() as db:
        assert outbox.approve(db, waiting.key, restored.now())
    restored.work()
    assert objects(bench.office) == 1
    assert restored.states() == [("delivered", None)]
    restored.store.close()


@ON_BOTH_STORES
@pytest.mark.parametrize("hand", [delete, None], ids=["deleted", "never made"])
def test_what_the_backup_never_knew_is_made_only_where_nothing_of_ours_has_gone_since(
    bench: Bench, suggestion: Suggestion, hand: Hand | None
) -> None:
    """Planned, delivered and removed after the backup; after the restore the rules plan it once more."""
    bench.plan(another(suggestion))
    bench.work()
    restore = bench.backed_up()
    if hand is not None:
        bench.plan(suggestion)
        bench.work()
        hand(bench.office, suggestion)
    restored = restore()
    restored.store.restored_at(restored.now())
    restored.later(minutes=1)
    restored.plan(replace(suggestion, due_at=restored.now()))
    restored.work()
    restored.settle()
    assert objects(bench.office) == (1 if hand is delete else 2)
    assert sorted(restored.states(), key=str) == sorted(
        [("delivered", None), ("closed", "expired") if hand is delete else ("delivered", None)], key=str
    )
    restored.store.close()


@ON_BOTH_STORES
def test_a_second_installation_on_the_account_makes_no_second_object(bench: Bench, suggestion: Suggestion) -> None:
    other = replace(bench, url=f"sqlite:///{bench.office.home / 'other.db'}")
    for one in (bench, other):
        one.plan(suggestion)
    bench.work_until_crash("after the claim")
    other.work()
    bench.settle()
    other.settle()
    assert objects(bench.office) == 1
    assert bench.states() == other.states() == [("delivered", None)]
    delete(bench.office, suggestion)
    bench.settle()
    other.settle()
    assert objects(bench.office) == 0
    assert bench.states() == other.states() == [("closed", "owner_deleted")]
    other.store.close()


def test_every_point_is_tried() -> None:
    assert {*DELIVERING, *WITHDRAWING} == set(get_args(deliver.Point))
    refused_alike = {"authorization", "in_use", "busy"}  # a NO before anything is taken, as "rate" is
    assert {*FAULTS, "silent"} | refused_alike == set(get_args(Fault))
