"""An account that can no longer sign in pauses alone, and its owner is told once, by what still works."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from connectors import standards
from connectors.memory import Connection
from connectors.memory_provider import Provider
from connectors.port import AuthorizationExpired, Rejected, Unavailable
from connectors.port import Connection as Opened
from rules.network import Owner
from tests.conftest import Server
from tests.connectors.test_standards_contract import CalendarHands, account
from tests.worker.stage import ACCOUNT, ME, Stage, thank_you
from tests.worker.test_pipeline import letter
from worker import telling
from worker.pipeline import Pipeline
from worker.rulebooks import shipped, wording
from worker.settings import Notify
from worker.store import accounts

OTHER = "ada/home"
DENIED = AuthorizationExpired("The mail server refused the sign-in", remedy="Make an app password")


@dataclass
class House:
    """An owner with an account whose password has died, and maybe another that works."""

    stage: Stage = field(default_factory=Stage)
    other: Provider | None = field(default_factory=lambda: Provider(addresses=[ME]))
    alarms: list[telling.News] = field(default_factory=list)
    is_alarm_there: bool | None = None
    is_denied: bool = True
    is_mail_only: bool = False

    def __post_init__(self) -> None:
        if self.other is not None:
            self.register()

    def register(self) -> None:
        with self.stage.store.write() as db:
            accounts.register(db, owner="ada", name="home", provider="memory", addresses=[ME], now=self.stage.now)

    def open(self, account_id: str) -> Opened:
        if account_id == ACCOUNT:
            if self.is_denied:
                raise DENIED
            return Connection(self.stage.provider)
        assert self.other is not None
        opened = Connection(self.other)
        if self.is_mail_only:
            opened.calendar = None  # type: ignore[assignment]  # as of an account over IMAP alone
        return opened

    def alarm(self, owner: str, news: telling.News) -> bool | None:
        assert owner == "ada"
        if self.is_alarm_there:
            self.alarms.append(news)
        return self.is_alarm_there

    def pipeline(self) -> Pipeline:
        return Pipeline(
            store=self.stage.store,
            clock=lambda: self.stage.now,
            open_connection=self.open,
            owner=lambda name: Owner(name=name, addresses=(ME,), zone="Europe/Berlin"),
            rulebook=lambda _: shipped(),
            wording=wording(),
            alarm=self.alarm,
        )

    @property
    def told(self) -> bool:
        with self.stage.store.read() as db:
            return accounts.get(db, ACCOUNT).told_at is not None

    @property
    def days(self) -> list[str]:
        assert self.other is not None
        return [item.fact.summary for item in self.other.calendar.items.values()]

    def run(self, times: int = 3) -> None:
        for _ in range(times):
            self.pipeline().pull(ACCOUNT)
            if self.other is not None:
                self.pipeline().pull(OTHER)
            self.stage.later(minutes=10)


def test_the_owner_is_told_within_one_run_by_a_day_in_another_calendar() -> None:
    house = House()
    house.pipeline().pull(ACCOUNT)
    assert house.days == ["Rekindle: the account main has paused"]
    assert house.told
    assert [row["detail"] for row in house.stage.rows("audit") if row["verb"] == "tell"] == ["calendar of home"]


def test_the_owner_is_told_in_their_language() -> None:
    house = House()
    german = Owner(name="ada", addresses=(ME,), language="de")
    replace(house.pipeline(), owner=lambda _: german).pull(ACCOUNT)
    assert house.days == ["Rekindle: Das Konto main pausiert"]


def test_of_one_pause_the_owner_hears_once_and_of_the_next_again() -> None:
    house = House()
    house.run()
    assert len(house.days) == 1
    with house.stage.store.write() as db:
        accounts.resume(db, ACCOUNT, house.stage.now)
    house.run()
    assert len(house.days) == 2


def test_what_the_owner_deleted_does_not_come_back_in_the_same_pause() -> None:
    house = House()
    house.run(1)
    assert house.other is not None
    for name in list(house.other.calendar.items):
        house.other.calendar.remove(name)
    house.run()
    assert house.days == []


def test_others_go_on_while_one_has_paused() -> None:
    house = House()
    house.run()
    with house.stage.store.read() as db:
        states = {each.name: (each.state, each.error) for each in accounts.accounts(db, "ada")}
    assert states == {"main": ("paused", "The mail server refused the sign-in"), "home": ("active", "")}


def test_without_a_calendar_it_is_a_draft_to_oneself() -> None:
    house = House(is_mail_only=True)
    house.run()
    assert house.other is not None
    [draft] = [item.made for item in house.other.mail.items.values() if item.made is not None]
    assert draft.to == (ME,)
    assert draft.subject == "Rekindle: the account main has paused"


def test_a_lost_answer_is_followed_by_no_second_day() -> None:
    house = House()
    assert house.other is not None
    house.other.fail_next(Unavailable("lost"), is_stored=True)
    house.run()
    assert house.told
    assert len(house.days) == 1


def test_where_all_others_are_away_it_waits_for_them() -> None:
    house = House()
    assert house.other is not None
    for _ in range(2):
        house.other.fail_next(Unavailable("away"))
    house.pipeline().pull(ACCOUNT)
    assert not house.told
    house.run()
    assert house.told
    assert len(house.days) == 1


def test_two_at_once_tell_once() -> None:
    house = House()
    with house.stage.store.write() as db:
        accounts.pause(db, ACCOUNT, "x", "y")
    together = [threading.Thread(target=house.pipeline().tell, args=("ada",)) for _ in range(4)]
    for each in together:
        each.start()
    for each in together:
        each.join()
    assert len(house.days) == 1
    assert len([row for row in house.stage.rows("audit") if row["verb"] == "tell"]) == 1


def test_two_at_once_sound_one_alarm() -> None:
    """An alarm has no key by which a second one would find the first."""
    house = House(other=None, is_alarm_there=True)
    with house.stage.store.write() as db:
        accounts.pause(db, ACCOUNT, "x", "y")

    def tell_meanwhile(owner: str, news: telling.News) -> bool | None:
        house.pipeline().tell(owner)
        return house.alarm(owner, news)

    replace(house.pipeline(), alarm=tell_meanwhile).tell("ada")
    assert len(house.alarms) == 1


def test_where_a_calendar_takes_nothing_the_mailbox_beside_it_does() -> None:
    house = House()
    assert house.other is not None
    house.other.fail_next(Rejected("There is no calendar that holds can be written to"))
    house.pipeline().pull(ACCOUNT)
    assert house.told
    assert house.days == []
    (made,) = house.other.mail.items.values()
    assert made.fact.subject == "Rekindle: the account main has paused"


def test_while_it_is_not_clear_whether_a_day_is_there_the_owner_has_not_been_told() -> None:
    house = House()
    assert house.other is not None
    house.other.fail_next(Unavailable("lost"), is_stored=True)
    house.other.is_lagging = True
    house.pipeline().pull(ACCOUNT)
    assert not house.told
    house.other.is_lagging = False
    house.pipeline().tell("ada")
    assert house.told
    assert len(house.days) == 1


def test_with_no_other_account_the_desktop_or_webhook_tells() -> None:
    house = House(other=None, is_alarm_there=True)
    house.run()
    assert [news.title for news in house.alarms] == ["Rekindle: the account main has paused"]
    assert house.told


def test_an_alarm_that_fails_is_tried_again() -> None:
    house = House(other=None, is_alarm_there=False)
    house.run()
    assert not house.told
    house.is_alarm_there = True
    house.pipeline().decide("ada")
    assert len(house.alarms) == 1


def test_with_nothing_at_all_status_is_what_tells() -> None:
    house = House(other=None)
    house.run()
    assert house.told
    assert [row["detail"] for row in house.stage.rows("audit") if row["verb"] == "tell"] == ["status alone"]


def test_an_account_that_dies_while_delivering_is_told_of_too() -> None:
    house = House()
    house.stage.plan(thank_you())
    house.pipeline().deliver(ACCOUNT)
    assert house.told
    assert len(house.days) == 1


def test_an_owner_without_trouble_hears_nothing() -> None:
    house = House(is_denied=False, is_alarm_there=True)
    letter(house.stage, 1)
    house.run()
    assert (house.days, house.alarms, house.told) == ([], [], False)


class TestRealCalendar:
    def test_it_is_a_private_free_day_without_guests(self, radicale: Server) -> None:
        hands = CalendarHands(radicale)
        house = House(stage=Stage(now=datetime(2026, 11, 16, 23, 30, tzinfo=UTC)))
        verbs = replace(house.pipeline(), open_connection=lambda name: self.open(house, name, radicale))
        verbs.pull(ACCOUNT)
        assert house.told
        with house.stage.store.read() as db:
            news = telling.news_of(accounts.get(db, ACCOUNT), Owner(name="ada"), wording())
        text = hands.ask("GET", f"/ana/work/{news.key}.ics").decode()
        assert "DTSTART;VALUE=DATE:20261117\r\nDTEND;VALUE=DATE:20261118" in text
        assert "CLASS:PRIVATE" in text
        assert "TRANSP:TRANSPARENT" in text
        assert "ATTENDEE" not in text
        assert "Make an app password" in text

    @staticmethod
    def open(house: House, name: str, radicale: Server) -> Opened:
        return house.open(name) if name == ACCOUNT else standards.open(account({"caldav": radicale.url}))


class TestAlarm:
    NEWS = telling.news_of(
        accounts.StoredAccount(
            id="ada/work", owner="ada", name="work", provider="imap", state="paused",
            connected_at=datetime(2026, 1, 1, tzinfo=UTC), error="Refused", next_attempt_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(1),
        ),
        Owner(name="ada"),
        wording(),
    )  # fmt: skip

    @pytest.fixture
    def heard(self) -> Iterator[tuple[str, list[dict[str, str]]]]:
        heard: list[dict[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", heard
        server.shutdown()
        server.server_close()

    def test_a_webhook_is_sent_the_words(self, heard: tuple[str, list[dict[str, str]]]) -> None:
        assert telling.alarm(Notify(webhook=heard[0]))(self.NEWS) is True
        assert "the account work has paused" in heard[1][0]["text"]

    def test_a_webhook_that_is_away_has_not_told(self) -> None:
        assert telling.alarm(Notify(webhook="http://127.0.0.1:1/"))(self.NEWS) is False

    def test_where_neither_is_configured_nothing_is_done(self) -> None:
        assert telling.alarm(Notify())(self.NEWS) is None

    def test_the_desktop_is_told_by_its_own_program(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program = tmp_path / "notify-send"
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/said\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        assert telling.alarm(Notify(desktop=True))(self.NEWS) is True
        assert "Rekindle: the account work has paused" in (tmp_path / "said").read_text()
        monkeypatch.setenv("PATH", "/nowhere")
        assert telling.alarm(Notify(desktop=True))(self.NEWS) is False
