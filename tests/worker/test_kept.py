"""Connections that cost a sign-in are kept for the next use, by one thread at a time, and never used when they are dead."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from connectors.port import AuthorizationExpired, Calendar, Connection, Mailbox, RateLimited, Watcher
from rules.facts import Address
from worker import kept as kept_connections
from worker.kept import AGED, FRESH, LONGEST, Kept
from worker.secret_sources import SecretMissingError


def until(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.005)
    return is_so()


@dataclass
class Line:
    """A connection that remembers what became of it."""

    is_up: bool = True
    is_closed: bool = False
    mailbox: Mailbox | None = None
    calendar: Calendar | None = None

    def addresses(self) -> Sequence[Address]:
        return ()

    def watcher(self) -> Watcher | None:
        return None

    def is_alive(self) -> bool:
        return self.is_up

    def close(self) -> None:
        self.is_closed = True


@dataclass
class Exchange:
    """Opens lines, and says what time it is."""

    lines: list[Line] = field(default_factory=list)
    now: datetime = datetime(2026, 11, 17, tzinfo=UTC)
    refusal: Exception | None = None

    def open(self, _: str) -> Connection:
        if self.refusal is not None:
            raise self.refusal
        self.lines.append(Line())
        return self.lines[-1]

    def kept(self, rest: timedelta = timedelta(hours=1)) -> Kept:
        return Kept(self.open, lambda: self.now, rest)


def test_the_next_use_takes_the_connection_of_the_last() -> None:
    exchange = Exchange()
    kept = exchange.kept()
    for _ in range(3):
        kept.open("ada/home").close()
    assert [line.is_closed for line in exchange.lines] == [False]


def test_two_at_once_have_it_one_after_the_other() -> None:
    exchange = Exchange()
    kept = exchange.kept()
    first = kept.open("ada/home")
    taken: list[Connection] = []
    other = threading.Thread(target=lambda: taken.append(kept.open("ada/home")), daemon=True)
    other.start()
    time.sleep(0.1)
    assert (taken, len(exchange.lines)) == ([], 1), "servers allow few: one is enough"
    first.close()
    assert until(lambda: len(taken) == 1)
    assert [line.is_closed for line in exchange.lines] == [False]


def test_who_waits_too_long_comes_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_connections, "PATIENCE", timedelta(milliseconds=10))
    kept = Exchange().kept()
    raised: list[RateLimited] = []
    lent = kept.open("ada/home")

    def use() -> None:
        try:
            kept.open("ada/home")
        except RateLimited as error:
            raised.append(error)

    other = threading.Thread(target=use)
    other.start()
    other.join()
    assert [error.is_paced for error in raised] == [True], "nothing for the owner to do"
    lent.close()
    kept.open("ada/home").close()


def test_who_has_it_does_not_wait_for_itself() -> None:
    exchange = Exchange()
    kept = exchange.kept()
    first = kept.open("ada/home")
    kept.open("ada/home").close()
    first.close()
    assert [line.is_closed for line in exchange.lines] == [False, True], "only its own is kept"


def test_one_that_is_never_given_back_is_given_up() -> None:
    exchange = Exchange()
    kept = exchange.kept()
    threading.Thread(target=lambda: kept.open("ada/home")).start()
    assert until(lambda: len(exchange.lines) == 1)
    exchange.now += kept_connections.LOST
    kept.open("ada/home").close()
    assert len(exchange.lines) == 2


def test_a_sign_in_that_fails_keeps_nobody_waiting() -> None:
    exchange = Exchange(refusal=AuthorizationExpired("no"))
    kept = exchange.kept()
    with pytest.raises(AuthorizationExpired):
        kept.open("ada/home")
    exchange.refusal = None
    taken: list[Connection] = []
    threading.Thread(target=lambda: taken.append(kept.open("ada/home")), daemon=True).start()
    assert until(lambda: len(taken) == 1)


def test_accounts_never_share_one() -> None:
    exchange = Exchange()
    kept = exchange.kept()
    kept.open("ada/home").close()
    kept.open("ada/work").close()
    assert len(exchange.lines) == 2


def test_a_dead_connection_is_closed_and_another_opened() -> None:
    exchange = Exchange()
    kept = exchange.kept()
    kept.open("ada/home").close()
    exchange.lines[0].is_up = False
    exchange.now += FRESH
    kept.open("ada/home")
    assert [line.is_closed for line in exchange.lines] == [True, False]


def test_one_signed_in_long_ago_is_let_go_however_often_it_is_used() -> None:
    exchange = Exchange()
    kept = exchange.kept()
    for _ in range(5):
        kept.open("ada/home").close()
        exchange.now += LONGEST / 4
    assert [line.is_closed for line in exchange.lines] == [True, False]


def test_one_that_has_aged_gives_its_place_to_another_while_nobody_waits() -> None:
    exchange = Exchange()
    kept = exchange.kept(rest=timedelta(0))
    lent = kept.open("ada/home")
    exchange.now += AGED
    lent.close()
    assert until(lambda: [line.is_closed for line in exchange.lines] == [True, False])
    kept.open("ada/home")
    assert len(exchange.lines) == 2, "the next use signs in no more"


def test_one_that_is_in_use_again_is_not_renewed_under_its_user() -> None:
    exchange = Exchange()
    kept = exchange.kept(rest=timedelta(milliseconds=50))
    lent = kept.open("ada/home")
    exchange.now += AGED
    lent.close()
    again = kept.open("ada/home")
    time.sleep(0.2)
    assert [line.is_closed for line in exchange.lines] == [False]
    again.close()
    assert until(lambda: [line.is_closed for line in exchange.lines] == [True, False])


def test_a_renewal_that_is_over_takes_nothing_from_whoever_waited_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    exchange, waiting, taken = Exchange(), list[threading.Thread](), list[Connection]()

    def clock() -> datetime:
        if isinstance(threading.current_thread(), threading.Timer):
            if not waiting:
                waiting.append(threading.Thread(target=lambda: taken.append(kept.open("ada/home")), daemon=True))
                waiting[0].start()
            time.sleep(0.1)  # who waits comes first wherever it may
        return exchange.now

    kept = Kept(exchange.open, clock, timedelta(0))
    lent = kept.open("ada/home")
    exchange.now += AGED
    lent.close()
    assert until(lambda: len(taken) == 1)
    assert until(lambda: not [each for each in threading.enumerate() if is_renewal_of(kept, each)])
    monkeypatch.setattr(kept_connections, "PATIENCE", timedelta(milliseconds=10))
    with pytest.raises(RateLimited):
        kept.open("ada/home")


def is_renewal_of(kept: Kept, thread: threading.Thread) -> bool:
    return isinstance(thread, threading.Timer) and getattr(thread.function, "__self__", None) is kept


@pytest.mark.parametrize(
    "refusal",
    [
        AuthorizationExpired("The password is wrong.", remedy="Connect again."),
        SecretMissingError("The password is gone.", remedy="Say it again."),
    ],
)
def test_where_the_new_sign_in_fails_the_next_use_alone_hears_of_it(refusal: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    unheard: list[object] = []
    monkeypatch.setattr(threading, "excepthook", unheard.append)
    exchange = Exchange()
    kept = exchange.kept(rest=timedelta(0))
    lent = kept.open("ada/home")
    exchange.now += AGED
    exchange.refusal = refusal
    lent.close()
    assert until(lambda: exchange.lines[0].is_closed)
    assert until(lambda: not [each for each in threading.enumerate() if is_renewal_of(kept, each)])
    assert unheard == []
    with pytest.raises(type(refusal)):
        kept.open("ada/home")


def test_closing_twice_gives_back_once_and_the_end_closes_all() -> None:
    exchange = Exchange()
    kept = exchange.kept()
    late = kept.open("ada/work")
    lent = kept.open("ada/home")
    lent.close()
    lent.close()
    kept.close()
    late.close()
    assert [line.is_closed for line in exchange.lines] == [True, True]
