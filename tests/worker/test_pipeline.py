"""The three verbs: what a provider's failures do to an account, and that a verb may be called by anybody at any time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from dramatiq.middleware import TimeLimitExceeded
from sqlalchemy import func, select

from connectors.memory import Connection, Mailbox
from connectors.port import AuthorizationExpired, Feed, Look, PortError, RateLimited, Rejected, Saved, Unavailable
from rules.facts import Address, MessageMetadata
from rules.network import Owner
from tests.connectors.test_imap_makes import Make, connected
from tests.end_to_end.files_world import wait_until
from tests.worker.stage import ACCOUNT, EVA, ME, Stage, check_in, thank_you
from worker import watch as watching
from worker.actors import Nudges
from worker.deliver import Point
from worker.pipeline import Pipeline
from worker.rulebooks import shipped, wording
from worker.store import accounts, leases
from worker.store.due import due
from worker.store.store import Store
from worker.store.tables import message
from worker.watch import Watch


@pytest.fixture
def stage(empty_store: Store) -> Stage:
    return Stage(store=empty_store)


def pipeline(stage: Stage) -> Pipeline:
    rulebook = shipped()
    return Pipeline(
        store=stage.store,
        clock=lambda: stage.now,
        open_connection=lambda _: Connection(stage.provider),
        owner=lambda name: Owner(name=name, addresses=(ME,)),
        rulebook=lambda _: rulebook,
        wording=wording(),
    )


def account(stage: Stage) -> accounts.StoredAccount:
    with stage.store.read() as db:
        return accounts.get(db, ACCOUNT)


def letter(stage: Stage, number: int, author: Address = EVA) -> None:
    fact = MessageMetadata(
        remote_id=str(number), message_id=f"{number}@x.example", sent_at=stage.now, from_=(author,), to=(ME,), recipients=1
    )
    stage.provider.mail.put("inbox", fact)


def test_an_account_read_up_is_looked_at_again_after_the_poll(stage: Stage) -> None:
    letter(stage, 1)
    assert pipeline(stage).pull(ACCOUNT) is False
    assert account(stage).next_attempt_at == stage.now + timedelta(minutes=2)
    assert account(stage).last_ok_at == stage.now


def test_news_that_comes_while_a_pull_is_under_way_is_read_right_after_it(stage: Stage) -> None:
    class Interrupted(Connection):
        """Another worker is nudged, and turned away, while this one reads."""

        def close(self) -> None:
            assert pipeline(stage).pull(ACCOUNT) is False
            super().close()

    letter(stage, 1)
    verbs = replace(pipeline(stage), open_connection=lambda _: Interrupted(stage.provider))
    assert verbs.pull(ACCOUNT) is True, "somebody asked again meanwhile"
    assert pipeline(stage).pull(ACCOUNT) is False


def test_a_slice_ends_in_time_and_the_next_goes_on(stage: Stage) -> None:
    stage.provider.page_size = 3
    for number in range(30):
        letter(stage, number)

    def passing_clock() -> datetime:
        stage.later(seconds=1)
        return stage.now

    verbs = replace(pipeline(stage), clock=passing_clock)
    slices = 1
    while verbs.pull(ACCOUNT, timedelta(seconds=6)):
        slices += 1
        assert slices < 20
    assert slices > 1
    with stage.store.read() as db:
        assert db.execute(select(func.count()).select_from(message)).scalar_one() == 30


@pytest.mark.parametrize(
    ("error", "state", "wait"),
    [
        (AuthorizationExpired("Signed out", remedy="Connect again"), "paused", None),
        (Rejected("No such mailbox", remedy="Check the name"), "paused", None),
        (RateLimited("Slow down", retry_after=timedelta(minutes=3)), "active", timedelta(minutes=3)),
        (Unavailable("Away"), "active", None),
    ],
)
def test_what_keeps_an_account_from_being_opened_is_noted_on_it(
    stage: Stage, error: PortError, state: str, wait: timedelta | None
) -> None:
    def refuse(_: str) -> Connection:
        raise error

    refusing = replace(pipeline(stage), open_connection=refuse)
    assert refusing.pull(ACCOUNT) is False
    noted = account(stage)
    assert (noted.state, noted.error, noted.remedy) == (state, str(error), error.remedy)
    if wait is not None:
        assert noted.next_attempt_at == stage.now + wait


def test_a_failing_provider_ends_the_delivery_and_is_left_alone_until_its_time(stage: Stage) -> None:
    stage.plan(thank_you(1))
    stage.plan(thank_you(2))
    verbs = pipeline(stage)
    stage.provider.fail_next(RateLimited("Slow down", retry_after=timedelta(minutes=3)))
    assert verbs.deliver(ACCOUNT) == 0
    assert account(stage).next_attempt_at == stage.now + timedelta(minutes=3)
    assert verbs.deliver(ACCOUNT) == 0
    assert stage.drafts == []
    stage.later(minutes=3)
    assert verbs.deliver(ACCOUNT) == 2
    assert len(stage.drafts) == 2


@pytest.mark.parametrize("said", [b"NO Temporary failure, please try again", b"NO Nobody knows why", b"BAD Not connected."])
def test_a_mail_server_that_is_ill_as_it_is_asked_who_else_is_there_pauses_no_account(stage: Stage, said: bytes) -> None:
    def folders(_: str) -> tuple[bytes, bytes]:
        return (b'* LIST (\\Drafts) "/" Drafts\r\n', b"OK done") if is_well else (b"", said)

    is_well = False
    server = Make("", list=folders)
    stage.plan(thank_you())
    verbs = replace(pipeline(stage), open_connection=lambda _: connected(server.port))
    assert verbs.deliver(ACCOUNT) == 0
    assert (account(stage).state, bool(account(stage).error), account(stage).attempts) == ("active", True, 1)
    asked, is_well = len(server.asked), True
    verbs.deliver(ACCOUNT)
    assert len(server.asked) == asked, "it waits"
    stage.later(minutes=2)
    verbs.deliver(ACCOUNT)
    assert len(server.asked) > asked
    server.close()


class Away(Mailbox):
    """A mailbox whose server does not answer, while that of the calendar does."""

    def feeds(self) -> list[Feed]:
        raise Unavailable("The mail server is away")

    def look(self, saved: Saved) -> Look:
        raise Unavailable("The mail server is away")


def test_a_server_that_is_away_while_the_other_is_well_is_asked_ever_less_and_keeps_no_hold_waiting(stage: Stage) -> None:
    stage.plan(thank_you())
    verbs = pipeline(stage)
    verbs.pull(ACCOUNT)
    verbs.deliver(ACCOUNT)
    stage.later(hours=1, minutes=5)
    stage.plan(check_in())
    asked = 0

    def opened(_: str) -> Connection:
        nonlocal asked
        asked += 1
        connection = Connection(stage.provider)
        connection.mailbox = Away(stage.provider, stage.provider.mail, ())
        return connection

    away = replace(verbs, open_connection=opened)
    for _ in range(6 * 60):
        with stage.store.read() as db:
            found = due(db, stage.now)
        for verb, who in found:
            (away.pull if verb == "pull" else away.deliver)(who)
        stage.later(minutes=1)
    assert asked < 100
    assert len(stage.holds) == 1


def test_a_look_for_other_installations_that_is_refused_for_good_keeps_nothing_from_being_made(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> tuple[str, ...]:
        raise Rejected("Drafts may not be searched")

    monkeypatch.setattr(Mailbox, "marks", refuse, raising=False)
    stage.plan(thank_you())
    pipeline(stage).deliver(ACCOUNT)
    assert (len(stage.drafts), account(stage).state) == (1, "active")


def test_one_suggestion_that_cannot_be_worked_on_stops_no_other(stage: Stage) -> None:
    stage.plan(thank_you(1))
    stage.plan(thank_you(2))
    poison = iter([True])

    def fail_once(point: Point) -> None:
        if point == "before the claim" and next(poison, False):
            raise RuntimeError("a mistake of ours")

    assert replace(pipeline(stage), passing=fail_once).deliver(ACCOUNT) == 1
    assert len(stage.drafts) == 1
    stage.later(minutes=5)
    pipeline(stage).deliver(ACCOUNT)
    assert len(stage.drafts) == 2


def test_an_interrupt_ends_the_delivery_as_a_crash_would(stage: Stage) -> None:
    """Dramatiq raises its time limit, and the end of the service, inside the thread: whatever was being done stays open."""
    stage.plan(thank_you(1))
    stage.plan(thank_you(2))

    def interrupt(point: Point) -> None:
        if point == "after the call":
            raise TimeLimitExceeded

    with pytest.raises(TimeLimitExceeded):
        replace(pipeline(stage), passing=interrupt).deliver(ACCOUNT)
    assert [stage.state(thank_you(which).key)[0] for which in (1, 2)].count("delivering") == 1
    assert len(stage.drafts) == 1
    stage.later(minutes=5)
    pipeline(stage).deliver(ACCOUNT)
    assert len(stage.drafts) == 2


def test_a_paused_account_is_neither_read_nor_written(stage: Stage) -> None:
    stage.plan(thank_you())
    letter(stage, 1)
    with stage.store.write() as db:
        accounts.pause(db, ACCOUNT, "Signed out", "Connect again")
    verbs = pipeline(stage)
    assert verbs.pull(ACCOUNT) is False
    assert verbs.deliver(ACCOUNT) == 0
    assert stage.drafts == []


def test_news_has_what_was_delivered_looked_at_again(stage: Stage) -> None:
    stage.plan(thank_you())
    verbs = pipeline(stage)
    verbs.deliver(ACCOUNT)
    stage.delete_all()
    assert verbs.deliver(ACCOUNT) == 0, "not yet"
    letter(stage, 1)
    verbs.pull(ACCOUNT)
    assert verbs.deliver(ACCOUNT) == 1
    assert stage.state(thank_you().key) == ("closed", "owner_deleted")


def test_news_about_others_has_a_draft_looked_at_within_minutes(stage: Stage) -> None:
    stage.plan(thank_you())
    verbs = pipeline(stage)
    verbs.deliver(ACCOUNT)
    stage.delete_all()
    letter(stage, 1, Address(email="cy@other.example"))
    verbs.pull(ACCOUNT)
    assert verbs.deliver(ACCOUNT) == 0, "it is about somebody else"
    stage.now += timedelta(minutes=5)
    assert verbs.deliver(ACCOUNT) == 1
    assert stage.state(thank_you().key) == ("closed", "owner_deleted")


def test_a_push_makes_a_pull_due_at_once(stage: Stage) -> None:
    nudged = threading.Event()
    nudges = Nudges(store=stage.store, clock=lambda: stage.now, send=lambda _, __: nudged.set())
    watch = Watch(stage.store, lambda: stage.now, lambda _: Connection(stage.provider), nudges)
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    for number in range(100):
        letter(stage, number)
        if nudged.wait(0.1):
            break
    assert nudged.is_set()
    watch.stop()
    thread.join(timeout=5)
    assert not thread.is_alive()


def test_of_two_processes_one_watches_and_the_other_takes_over_when_it_stops(stage: Stage) -> None:
    nudges = Nudges(store=stage.store, clock=lambda: stage.now, send=lambda _, __: None)
    opened: list[str] = []

    def opening(who: str) -> Callable[[str], Connection]:
        def open_(_: str) -> Connection:
            opened.append(who)
            return Connection(stage.provider)

        return open_

    one, other = (Watch(stage.store, lambda: stage.now, opening(who), nudges) for who in ("one", "other"))
    first = threading.Thread(target=one.run, daemon=True)
    first.start()
    assert wait_until(lambda: opened == ["one"])
    second = threading.Thread(target=other.run, daemon=True)
    second.start()
    assert not wait_until(lambda: "other" in opened, seconds=1)
    one.stop()
    third = Watch(stage.store, lambda: stage.now, opening("third"), nudges)
    last = threading.Thread(target=third.run, daemon=True)
    last.start()
    assert wait_until(lambda: "third" in opened)
    for watch, thread in ((other, second), (third, last), (one, first)):
        watch.stop()
        thread.join(timeout=5)


@pytest.fixture
def failing_watch(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[PortError], list[str]]]:
    """Watch an account that fails so; gives when it was tried, as that grows."""
    monkeypatch.setattr(watching, "LOOK_ROUND", timedelta(seconds=0.02))
    nudges = Nudges(store=stage.store, clock=lambda: stage.now, send=lambda _, __: None)
    running: list[tuple[Watch, threading.Thread]] = []

    def watch(error: PortError) -> list[str]:
        opened: list[str] = []

        def fails(account: str) -> Connection:
            opened.append(account)
            raise error

        watch = Watch(stage.store, lambda: stage.now, fails, nudges)
        running.append((watch, threading.Thread(target=watch.run, daemon=True)))
        running[-1][1].start()
        return opened

    yield watch
    for one, thread in running:
        one.stop()
        thread.join(timeout=5)


def test_an_account_whose_watcher_fails_is_left_alone_ever_longer(failing_watch: Callable[[PortError], list[str]]) -> None:
    opened = failing_watch(Unavailable("Away"))
    assert wait_until(lambda: len(opened) >= 4)
    assert not wait_until(lambda: len(opened) > 9, seconds=1)


def test_a_server_that_asks_for_a_pause_gets_it_unless_the_account_is_connected_again(
    stage: Stage, failing_watch: Callable[[PortError], list[str]]
) -> None:
    opened = failing_watch(RateLimited("Slow down", retry_after=timedelta(hours=1)))
    assert wait_until(lambda: bool(opened))
    assert not wait_until(lambda: len(opened) > 1, seconds=1)
    with stage.store.write() as db:
        accounts.pause(db, ACCOUNT, "Signed out", "Connect again")
    time.sleep(1)
    with stage.store.write() as db:
        accounts.resume(db, ACCOUNT, stage.now)
    assert wait_until(lambda: len(opened) > 1)


def test_a_clock_set_back_by_a_day_stops_nothing_and_counts_nothing_twice(stage: Stage) -> None:
    letter(stage, 1)
    pipeline(stage).pull(ACCOUNT)
    with stage.store.write() as db:
        crashed = leases.acquire(db, f"pull:{ACCOUNT}", "crashed", stage.now, timedelta(minutes=5))
        assert accounts.claim_nudge(db, ACCOUNT, stage.now, timedelta(seconds=30))
    stage.now -= timedelta(days=1)
    letter(stage, 2)
    with stage.store.write() as db:
        assert accounts.claim_nudge(db, ACCOUNT, stage.now, timedelta(seconds=30))
        assert not accounts.claim_nudge(db, ACCOUNT, stage.now, timedelta(seconds=30))
    with stage.store.read() as db:
        assert ("pull", ACCOUNT) in due(db, stage.now)
    pipeline(stage).pull(ACCOUNT)
    with stage.store.read() as db:
        assert db.execute(select(func.count()).select_from(message)).scalar() == 2
        assert ("pull", ACCOUNT) not in due(db, stage.now)
        assert crashed is not None
        assert not leases.is_current(db, crashed)
