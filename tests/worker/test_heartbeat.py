"""A lease lasts as long as its holder lives: renewed while the work goes on, free half a minute after a kill."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, select

from tests.worker.stage import MONDAY, Crash, Stage, thank_you
from tests.worker.test_network_loading import SHIPPED, WORDING, exchange
from tests.worker.world import BOB, NOW, OWNER, World
from worker import decide as deciding
from worker import deliver, heartbeat
from worker.heartbeat import LASTING, beating
from worker.store import leases, outbox
from worker.store.engine import Busy
from worker.store.leases import Lease
from worker.store.mapping import micros
from worker.store.store import Store
from worker.store.tables import lease, suggestion

OFTEN = timedelta(milliseconds=5)


def until(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.005)
    return is_so()


@pytest.fixture
def store() -> Store:
    return Store.open("sqlite://")


def taken(store: Store, who: str, at: datetime) -> Lease | None:
    with store.write() as db:
        return leases.acquire(db, "pull:ada/main", who, at, LASTING)


def ends(store: Store) -> int:
    with store.read() as db:
        return int(db.execute(select(lease.c.until)).scalar_one())


def renewing(held: Lease) -> Callable[[Connection, datetime], object]:
    return lambda db, at: leases.renew(db, held, at, LASTING)


def test_a_lease_is_renewed_while_the_work_goes_on_and_runs_out_after_it(store: Store) -> None:
    held = taken(store, "one", MONDAY)
    assert held is not None
    with beating(store, renewing(held), MONDAY, OFTEN):
        assert until(lambda: ends(store) > micros(MONDAY + LASTING))
        assert taken(store, "two", MONDAY + LASTING) is None
    assert taken(store, "two", MONDAY + 2 * LASTING) is not None


def test_a_lease_that_was_given_back_is_not_renewed_by_a_late_beat(store: Store) -> None:
    held = taken(store, "one", MONDAY)
    assert held is not None
    with store.write() as db:
        leases.release(db, held)
        assert not renewing(held)(db, MONDAY)
    assert taken(store, "two", MONDAY) is not None


def test_whoever_has_lost_the_lease_does_not_get_it_back_by_beating(store: Store) -> None:
    held = taken(store, "one", MONDAY)
    assert held is not None
    other = taken(store, "two", MONDAY + LASTING)
    with beating(store, renewing(held), MONDAY, OFTEN):
        time.sleep(0.05)
    with store.write() as db:
        assert other is not None
        assert leases.renew(db, held, MONDAY + LASTING, LASTING) is None
        leases.release(db, held)
    assert taken(store, "three", MONDAY + LASTING) is None, "who came too late has not given it away either"
    with store.read() as db:
        assert leases.is_current(db, other)
        assert not leases.is_current(db, held)


def test_a_database_that_is_busy_is_asked_again(store: Store) -> None:
    asked: list[datetime] = []

    def renew(_: Connection, at: datetime) -> bool:
        asked.append(at)
        if len(asked) == 1:
            raise Busy("Another process holds the database.")
        return True

    with beating(store, renew, MONDAY, OFTEN):
        assert until(lambda: len(asked) >= 3)
    assert asked == sorted(asked)


def test_who_hangs_is_renewed_no_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "LONGEST", timedelta(milliseconds=50))
    asked: list[datetime] = []

    def renew(_: Connection, at: datetime) -> bool:
        asked.append(at)
        return True

    with beating(store, renew, MONDAY, OFTEN):
        assert until(lambda: bool(asked))
        time.sleep(0.2)
        count = len(asked)
        time.sleep(0.2)
        assert len(asked) == count
    assert all(at <= MONDAY + timedelta(milliseconds=51) for at in asked)


def test_a_claim_is_held_for_as_long_as_the_provider_takes() -> None:
    """The lease it was granted for has been made longer before the answer is taken in."""
    stage = Stage()
    stage.plan(thank_you())

    def take_long(point: deliver.Point) -> None:
        if point == "after the call":
            granted = claim_ends(stage.store)
            assert until(lambda: claim_ends(stage.store) > granted)

    stage.between = take_long
    stage.work()
    assert stage.state(thank_you().key) == ("delivered", None)


def claim_ends(store: Store) -> int:
    with store.read() as db:
        return int(db.execute(select(suggestion.c.lease_until)).scalar_one())


def test_a_claim_is_held_while_the_provider_takes_its_time_and_is_free_soon_after_a_kill() -> None:
    stage = Stage()
    stage.plan(thank_you())
    mailbox = stage.desk().connection.mailbox
    assert mailbox is not None
    with stage.store.write() as db:
        claimed = outbox.claim(db, thank_you().key, mailbox.witness(), stage.now, LASTING)
        assert claimed is not None
        assert outbox.hold_on(db, claimed, stage.now + LASTING, LASTING)
    stage.now += LASTING
    assert stage.due() == []
    stage.now += LASTING
    stage.work()
    assert stage.state(thank_you().key) == ("delivered", None)
    with stage.store.write() as db:
        assert not outbox.hold_on(db, claimed, stage.now, LASTING)
    assert len(stage.drafts) == 1


def test_an_attempt_that_was_put_off_is_not_held_on_to_by_a_late_beat() -> None:
    stage = Stage()
    stage.plan(thank_you())
    mailbox = stage.desk().connection.mailbox
    assert mailbox is not None
    with stage.store.write() as db:
        claimed = outbox.claim(db, thank_you().key, mailbox.witness(), stage.now, LASTING)
        assert claimed is not None
        outbox.postpone(db, claimed, stage.now, "Away", stage.now)
        assert not outbox.hold_on(db, claimed, stage.now, LASTING)
    assert [entry.key for entry in stage.due()] == [thank_you().key]


def test_who_is_killed_while_deciding_leaves_the_persons_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.receive(*exchange(BOB, 30))
    world.pull_all()

    def killed(*_: object) -> None:
        raise Crash

    monkeypatch.setattr(deciding, "suggest", killed)
    with pytest.raises(Crash):
        deciding.decide(world.store, OWNER, SHIPPED, NOW, holder="victim", wording=WORDING)
    monkeypatch.undo()
    assert deciding.decide(world.store, OWNER, SHIPPED, NOW, holder="other", wording=WORDING).is_held
    later = deciding.decide(world.store, OWNER, SHIPPED, NOW + LASTING, holder="other", wording=WORDING)
    assert later.reviewed == 1
    again = deciding.decide(world.store, OWNER, SHIPPED, NOW + 2 * LASTING, holder="other", wording=WORDING)
    assert again.reviewed == 0


def test_all_that_is_held_at_once_is_renewed_by_one_thread(store: Store) -> None:
    asked: list[int] = []
    threads: set[int] = set()

    def renewing_as(number: int) -> Callable[[Connection, datetime], object]:
        def renew(_: Connection, __: datetime) -> bool:
            asked.append(number)
            threads.add(threading.get_ident())
            return True

        return renew

    with beating(store, renewing_as(1), MONDAY, OFTEN), beating(store, renewing_as(2), MONDAY, OFTEN):
        assert until(lambda: {1, 2} <= set(asked))
    with beating(store, renewing_as(3), MONDAY, OFTEN):
        assert until(lambda: 3 in asked)
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_a_renewal_that_breaks_stops_none_of_the_others(store: Store) -> None:
    asked: list[datetime] = []

    def break_(_: Connection, __: datetime) -> bool:
        raise RuntimeError("a mistake of ours")

    def renew(_: Connection, at: datetime) -> bool:
        asked.append(at)
        return True

    with beating(store, break_, MONDAY, OFTEN), beating(store, renew, MONDAY, OFTEN):
        assert until(lambda: len(asked) >= 3)


def test_what_is_held_for_less_than_a_beat_before_a_pause_leaves_what_comes_later_its_beats(store: Store) -> None:
    asked: list[datetime] = []

    def renew(_: Connection, at: datetime) -> bool:
        asked.append(at)
        return True

    with beating(store, renew, MONDAY):
        pass
    assert asked == []
    with beating(store, renew, MONDAY), beating(store, renew, MONDAY, OFTEN):
        assert until(lambda: len(asked) >= 2)
