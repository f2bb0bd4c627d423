"""What is pushed to /hooks/google: believed only when it proves itself, and then a nudge and nothing more."""

from __future__ import annotations

import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from google.auth import crypt, jwt
from starlette.applications import Starlette

from tests.connectors.contract_world import NOON
from tests.connectors.google_world import GoogleWorld, google_world
from tests.connectors.test_google_notices import certified
from worker.config import load
from worker.letting_in import MOST
from worker.told_by_google import accounts_of, calendars, google
from worker.web import Server

SENDER, AUDIENCE = "pusher@p.iam.example", "https://rekindle.example/hooks/google"
PRIVATE, PUBLIC = certified()
OTHER, _ = certified()


class Noted:
    """Nudges that are only written down."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def nudge(self, verb: str, who: str) -> bool:
        self.asked.append((verb, who))
        return True


@pytest.fixture
def certificates() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps({"1": PUBLIC}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/certs"
    server.shutdown()
    server.server_close()


@pytest.fixture
def pushed(tmp_path: Path, certificates: str) -> Iterator[tuple[str, Noted]]:
    file = tmp_path / "config.toml"
    file.write_text(
        '[owners.ada]\nname = "Ada"\naddresses = ["ada@example.org"]\nzone = "UTC"\n[owners.ada.accounts.work]\nprovider = "google"\n'
        f'push_audience = "{AUDIENCE}"\npush_sender = "{SENDER}"\ncerts_uri = "{certificates}"\n[owners.ada.accounts.other]\nprovider = "google"\n'
    )
    noted = Noted()
    config = load(file)
    assert list(accounts_of(config)) == ["ada/work"]
    standing = datetime.now(UTC)
    route = google(config, noted, lambda: standing)  # type: ignore[arg-type]  # a Nudges for what it is asked
    server = Server(Starlette(routes=[route]), host="127.0.0.1", port=0)
    server.start()
    while not server.port:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.port}", noted
    server.stop()


def token(key: str = PRIVATE, **said: Any) -> str:  # noqa: ANN401 - claims
    now = datetime.now(UTC)
    claims = {"iss": "https://accounts.google.com", "aud": AUDIENCE, "email": SENDER, "email_verified": True}
    claims |= {"iat": int(now.timestamp()), "exp": int((now + timedelta(hours=1)).timestamp()), **said}
    return str(jwt.encode(crypt.RSASigner.from_string(key, "1"), claims).decode())  # type: ignore[no-untyped-call]  # google-auth types half of itself


DATA = urlsafe_b64encode(json.dumps({"emailAddress": "ada@example.org", "historyId": 5}).encode()).decode()
TOLD = {"message": {"data": DATA, "messageId": "1"}, "subscription": "projects/p/subscriptions/s"}


def post(client: str, bearer: str, *, account: str = "ada/work", content: bytes = json.dumps(TOLD).encode()) -> int:
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    answer = requests.post(f"{client}/hooks/google?account={account}", data=content, headers=headers, timeout=20)
    return int(answer.status_code)


def test_a_notification_that_proves_itself_is_a_nudge(pushed: tuple[str, Noted]) -> None:
    client, noted = pushed
    assert post(client, token()) == 204
    assert noted.asked == [("pull", "ada/work")]


@pytest.mark.parametrize(
    "bearer",
    [
        "",
        "junk",
        token(OTHER),
        token(aud="https://elsewhere.example/"),
        token(iss="https://evil.example"),
        token(email="mallory@p.iam.example"),
        token(email_verified=False),
        token(
            exp=int((datetime.now(UTC) - timedelta(hours=1)).timestamp()),
            iat=int((datetime.now(UTC) - timedelta(hours=2)).timestamp()),
        ),
    ],
)
def test_whatever_does_not_is_refused_and_nudges_nobody(pushed: tuple[str, Noted], bearer: str) -> None:
    client, noted = pushed
    assert post(client, bearer) == 403
    assert noted.asked == []


def test_unknown_accounts_and_large_bodies_are_not_looked_at(pushed: tuple[str, Noted]) -> None:
    client, noted = pushed
    assert post(client, token(), account="ada/other") == 404
    assert post(client, token(), content=b"x" * 70_000) == 404
    in_parts = requests.post(f"{client}/hooks/google?account=ada/work", data=(b"x" * 10_000 for _ in range(10)), timeout=20)
    assert in_parts.status_code == 404, "it says no length, and is too large all the same"
    assert post(client, token(), content=b"junk") == 204
    assert noted.asked == []


def test_a_flood_is_turned_away(pushed: tuple[str, Noted]) -> None:
    client, _ = pushed
    assert [post(client, "junk") for _ in range(MOST + 1)] == [403] * MOST + [429], "the clock stands: all come in one second"


class TestCalendars:
    """Notices really posted by the simulator to the route, as Google posts them."""

    @pytest.fixture
    def told(self, tmp_path: Path) -> Iterator[tuple[GoogleWorld, Noted]]:
        file = tmp_path / "config.toml"
        file.write_text(
            '[owners.ada]\nname = "Ada"\naddresses = ["ada@example.org"]\nzone = "UTC"\n[owners.ada.accounts.work]\nprovider = "google"\n'
            'notification_url = "https://rekindle.example/hooks/google/calendar"\n[owners.ada.accounts.other]\nprovider = "google"\n'
        )
        noted = Noted()
        with google_world() as world:
            config = load(file)
            route = calendars(config, lambda _: world.secrets, noted, lambda: NOON)  # type: ignore[arg-type]  # as above
            server = Server(Starlette(routes=[route]), host="127.0.0.1", port=0)
            server.start()
            while not server.port:
                time.sleep(0.01)
            self.url = f"http://127.0.0.1:{server.port}/hooks/google/calendar"
            watcher = world.open(notification_url=self.url).watcher()
            assert watcher is not None
            assert watcher.wait(timedelta(seconds=0.01))
            world.diary.channels.settle()
            yield world, noted
            watcher.close()
            server.stop()

    @pytest.mark.parametrize(("fate", "nudges"), [("", 1), ("twice", 2), ("lost", 0), ("late", 0)])
    def test_a_change_is_a_nudge_whatever_became_of_its_notice(
        self, told: tuple[GoogleWorld, Noted], fate: str, nudges: int
    ) -> None:
        world, noted = told
        assert [one.status for one in world.diary.channels.posted] == [204], "the first notice says only that it works"
        assert noted.asked == []
        world.diary.channels.fates.append(fate)
        world.add_event("1", title="x", description="y", start=NOON, end=NOON + timedelta(hours=1))
        world.diary.channels.settle()
        assert noted.asked == [("pull", "ada/work")] * nudges
        world.diary.channels.release()
        world.diary.channels.settle()
        assert noted.asked == [("pull", "ada/work")] * (nudges + (fate == "late"))

    def test_a_stray_channel_is_ignored_and_a_wrong_word_refused(self, told: tuple[GoogleWorld, Noted]) -> None:
        world, noted = told
        (channel,) = world.diary.channels.living(world.email)
        for id_, word, account, status in (
            ("of-another", channel.token, "ada/work", 204),
            (channel.id, "guessed", "ada/work", 403),
            (channel.id, channel.token, "ada/other", 404),
            (channel.id, channel.token, "bob/work", 404),
        ):
            headers = {"X-Goog-Channel-ID": id_, "X-Goog-Channel-Token": word, "X-Goog-Resource-State": "exists"}
            assert requests.post(f"{self.url}?account={account}", headers=headers, timeout=20).status_code == status
        assert requests.post(f"{self.url}?account=ada/work", data=b"x" * 70_000, timeout=20).status_code == 404
        in_parts = (b"x" * 10_000 for _ in range(10))
        assert requests.post(f"{self.url}?account=ada/work", data=in_parts, timeout=20).status_code == 404
        assert noted.asked == []

    def test_a_flood_is_turned_away(self, told: tuple[GoogleWorld, Noted]) -> None:
        with requests.Session() as session:
            said = [session.post(f"{self.url}?account=ada/work", timeout=20).status_code for _ in range(MOST)]
        assert said == [403] * (MOST - 1) + [429], "the clock stands: all come in one second, with the notice of the channel"
