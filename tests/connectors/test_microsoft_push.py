"""Graph's push: a handshake, a secret word, a renewal in time, lifecycles, strays; and never more than a hint."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from starlette.applications import Starlette

from connectors.microsoft import push
from connectors.microsoft.push import Registered, Subscriber
from connectors.optional import Told
from connectors.port import Rejected, Verb
from tests.connectors.contract import NOON
from tests.connectors.microsoft_world import MicrosoftWorld, Words
from worker import notified
from worker.config import load
from worker.letting_in import MOST
from worker.web import Server

NOTHING = timedelta(0)


class Heard:
    """Nudges that are only noted."""

    def __init__(self) -> None:
        self.nudges: list[tuple[Verb, str]] = []

    def nudge(self, verb: Verb, who: str) -> bool:
        self.nudges.append((verb, who))
        return True


class Reachable:
    """A mailbox whose Graph reaches our web over HTTP."""

    def __init__(self, folder: Path) -> None:
        self.world, self.heard = MicrosoftWorld(folder), Heard()
        self.now: datetime | None = None
        """When it is for the web; None = as the clock goes."""
        config = folder / "config.toml"
        config.write_text(
            '[owners.ada]\nname = "Ada"\naddresses = ["ada@example.org"]\nzone = "UTC"\n[owners.ada.accounts.work]\n'
            'provider = "microsoft"\nclient_id = "x"\nnotification_url = "https://rekindle.example/hooks/microsoft"\n'
        )
        route = notified.microsoft(load(config), lambda _: self.world.secrets, self.heard, lambda: self.now or datetime.now(UTC))  # type: ignore[arg-type]  # noted only
        self.server = Server(Starlette(routes=[route]), host="127.0.0.1", port=0)
        self.server.start()
        deadline = time.monotonic() + 5
        while not self._port() and time.monotonic() < deadline:
            time.sleep(0.02)
        self.world.settings["notification_url"] = f"http://127.0.0.1:{self._port()}/hooks/microsoft"

    def _port(self) -> int:
        try:
            return self.server.port
        except AttributeError:  # uvicorn has not begun
            return 0

    def watcher(self) -> Subscriber:
        found = self.world.open().watcher()
        assert isinstance(found, Subscriber)
        return found

    def untell(self) -> None:
        found = self.world.open()
        assert isinstance(found, Told)
        found.untell()

    @property
    def held(self) -> list[dict[str, object]]:
        return list(self.world.graph.subscriptions.held.values())


@pytest.fixture
def reachable(tmp_path: Path) -> Iterator[Reachable]:
    found = Reachable(tmp_path)
    yield found
    found.server.stop()
    found.world.close()
    assert found.world.graph.violations == []


def test_without_an_address_to_be_reached_at_there_is_only_the_poll(reachable: Reachable) -> None:
    del reachable.world.settings["notification_url"]
    assert reachable.world.open().watcher() is None


def test_a_subscription_is_made_once_with_a_handshake_and_a_secret_word(reachable: Reachable) -> None:
    assert reachable.watcher().wait(NOTHING), "what came before it was made may have been missed"
    assert not reachable.watcher().wait(NOTHING)
    made = reachable.held
    assert len(made) == 1
    assert made[0]["resource"] == "me/messages"
    assert len(str(made[0]["clientState"])) >= 48
    assert str(made[0]["clientState"]) not in repr(Registered.read(reachable.world.secrets))


def test_new_mail_is_a_nudge_to_pull_answered_at_once(reachable: Reachable) -> None:
    reachable.watcher().wait(NOTHING)
    began = time.monotonic()
    assert reachable.world.graph.subscriptions.tell("ada@example.org") == [202]
    assert time.monotonic() - began < 3
    assert reachable.heard.nudges == [("pull", "ada/work")]


def test_notifications_that_come_three_times_do_no_harm(reachable: Reachable) -> None:
    reachable.watcher().wait(NOTHING)
    reachable.world.graph.subscriptions.copies = 3
    assert reachable.world.graph.subscriptions.tell("ada@example.org") == [202] * 3
    assert set(reachable.heard.nudges) == {("pull", "ada/work")}


def test_who_does_not_know_the_word_is_not_believed(reachable: Reachable) -> None:
    reachable.watcher().wait(NOTHING)
    assert reachable.world.graph.subscriptions.tell("ada@example.org", state="guessed") == [202]
    assert reachable.heard.nudges == []


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b'{"value": 3}', b'{"value": [3]}', b"x" * (push.LARGEST + 1)])
def test_what_is_no_notification_is_nothing(reachable: Reachable, raw: bytes) -> None:
    reachable.watcher().wait(NOTHING)
    assert push.hints(raw, reachable.world.secrets) == {}


def test_nothing_is_believed_where_nothing_is_subscribed_to() -> None:
    assert push.hints(b'{"value": [{"clientState": ""}]}', Words()) == {}


def test_it_is_renewed_half_way_to_the_end_graph_gave(reachable: Reachable) -> None:
    graph = reachable.world.graph
    reachable.watcher().wait(NOTHING)
    given = reachable.held[0]["expirationDateTime"]
    graph.clock += timedelta(days=3)
    assert not reachable.watcher().wait(NOTHING)
    assert reachable.held[0]["expirationDateTime"] == given
    graph.clock += timedelta(days=1)
    assert not reachable.watcher().wait(NOTHING)
    assert str(reachable.held[0]["expirationDateTime"]) > str(given)
    assert len(reachable.held) == 1


def test_a_service_that_allows_less_is_asked_for_less(reachable: Reachable) -> None:
    reachable.world.graph.subscriptions.longest = timedelta(minutes=4_230)
    reachable.watcher().wait(NOTHING)
    assert reachable.held[0]["expirationDateTime"] == f"{reachable.world.graph.clock + push.LIVES[1]:%Y-%m-%dT%H:%M:%SZ}"


def test_one_that_has_vanished_is_made_again_and_says_look(reachable: Reachable) -> None:
    reachable.watcher().wait(NOTHING)
    reachable.world.graph.subscriptions.held.clear()
    reachable.world.graph.clock += timedelta(days=4)
    assert reachable.watcher().wait(NOTHING)
    assert len(reachable.held) == 1


@pytest.mark.parametrize(
    ("event", "is_new"), [("reauthorizationRequired", False), ("subscriptionRemoved", True), ("missed", False)]
)
def test_each_lifecycle_event_is_a_nudge_and_the_next_wait_mends_it(reachable: Reachable, event: str, is_new: bool) -> None:
    reachable.watcher().wait(NOTHING)
    id_ = str(reachable.held[0]["id"])
    before = str(reachable.held[0]["expirationDateTime"])
    reachable.world.graph.clock += timedelta(hours=1)
    assert reachable.world.graph.subscriptions.lifecycle(id_, event) == 202
    assert reachable.heard.nudges == [("pull", "ada/work")]
    assert reachable.watcher().wait(NOTHING) is is_new
    assert len(reachable.held) == 1
    assert (str(reachable.held[0]["expirationDateTime"]) > before) == (event != "missed")


def test_strays_of_ours_are_removed_and_no_one_elses(reachable: Reachable) -> None:
    reachable.watcher().wait(NOTHING)
    held = reachable.world.graph.subscriptions.held
    stray = {**reachable.held[0], "id": "stray"}
    held["stray"] = stray
    held["other"] = {**stray, "id": "other", "notificationUrl": "https://another.example/"}
    del reachable.world.secrets.words[push.MAIL.kept]
    assert reachable.watcher().wait(NOTHING)
    ours = [one for one in reachable.held if one["notificationUrl"] == stray["notificationUrl"]]
    assert len(ours) == 1
    assert ours[0]["id"] not in {"stray", stray["id"]}
    assert "other" in held


def test_an_address_graph_cannot_reach_is_said(reachable: Reachable) -> None:
    reachable.world.settings["notification_url"] = "http://127.0.0.1:9/hooks/microsoft"
    with pytest.raises(Rejected, match="subscribing to messages"):
        reachable.watcher().wait(NOTHING)


def test_the_handshake_gives_back_plain_text_and_other_accounts_are_not_there(reachable: Reachable) -> None:
    url = str(reachable.world.settings["notification_url"])
    answer = requests.post(url, params={"validationToken": "<b>a b+c</b>"}, timeout=5)
    assert (answer.status_code, answer.text) == (200, "<b>a b+c</b>")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert requests.post(url, params={"account": "eve/work"}, json={"value": []}, timeout=5).status_code == 404
    assert requests.post(url, params={"validationToken": "x" * 2000}, timeout=5).status_code == 400


def test_a_body_that_is_too_large_is_not_read_whatever_length_it_says(reachable: Reachable) -> None:
    reachable.watcher().wait(NOTHING)
    url = str(reachable.world.settings["notification_url"])
    in_parts = (b" " * 100_000 for _ in range(11))
    assert requests.post(url, params={"account": "ada/work"}, data=in_parts, timeout=60).status_code == 404
    assert requests.post(url, params={"account": "ada/work"}, data=b" " * 1_000_001, timeout=60).status_code == 404
    assert reachable.heard.nudges == []


def test_a_flood_is_turned_away(reachable: Reachable) -> None:
    reachable.now = NOON
    url = str(reachable.world.settings["notification_url"])
    with requests.Session() as session:
        said = [
            session.post(url, params={"account": "ada/work"}, json={"value": []}, timeout=20).status_code for _ in range(MOST + 1)
        ]
    assert said == [202] * MOST + [429], "the clock stands: all come in one second"
    assert reachable.heard.nudges == []


def test_graph_is_asked_to_tell_of_nothing_more(reachable: Reachable) -> None:
    reachable.watcher().wait(NOTHING)
    reachable.world.secrets.words.pop("subscription")
    reachable.watcher().wait(NOTHING)
    assert reachable.held
    reachable.untell()
    assert reachable.held == []
    reachable.untell()
    del reachable.world.settings["notification_url"]
    before = len(reachable.world.graph.requests)
    reachable.untell()
    assert len(reachable.world.graph.requests) == before, "nothing was asked for, nothing is ended"


def test_closing_ends_a_wait(reachable: Reachable) -> None:
    watcher = reachable.watcher()
    watcher.wait(NOTHING)
    threading.Timer(0.2, watcher.close).start()
    began = time.monotonic()
    assert not watcher.wait(timedelta(minutes=2))
    assert time.monotonic() - began < 10


def test_a_subscription_reads_no_mail(reachable: Reachable) -> None:
    reachable.world.mail("a@x.example", at=NOON)
    reachable.watcher().wait(NOTHING)
    assert {path for _, path in reachable.world.graph.requests} == {"/v1.0/me", "/v1.0/subscriptions"}
