"""`rekindle try --live microsoft`: one sign-in that opens no body, names at once, nothing written, nothing kept."""

from __future__ import annotations

import json
import threading
import webbrowser
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from tests.connectors.contract_world import EVA, ME
from tests.connectors.microsoft_world import MicrosoftWorld
from tests.end_to_end.test_try import contents
from tests.simulators.microsoft.post import recipient
from worker.cli import run
from worker.exit_codes import OK, USAGE

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MicrosoftWorld]:
    """A mailbox of a year in which Eva and the owner wrote to each other until the spring, and a browser that says yes."""
    world = MicrosoftWorld(tmp_path)
    world.graph.clock = NOW
    for number in range(20):
        at = NOW - timedelta(days=120 + 14 * number)
        world.mail(f"in{number}@elsewhere.example", at=at, body="zirkonfalter")
        said = {"from": recipient(ME.email, ME.name), "toRecipients": [recipient(EVA.email, EVA.name)]}
        world.mail(f"out{number}@home.example", at=at + timedelta(hours=3), folder="sentitems", **said)  # type: ignore[arg-type]  # JSON has no shape
    world.add_event(
        "m1", title="Lunch", description="zirkonfalter", start=NOW - timedelta(days=130), end=NOW - timedelta(days=129.9)
    )
    world.secrets.words.clear()

    def open_page(url: str) -> bool:
        trusted = str(world.identity.ca_file)
        threading.Thread(target=lambda: requests.get(url, verify=trusted, timeout=60), daemon=True).start()
        return True

    monkeypatch.setattr(webbrowser, "open", open_page)
    monkeypatch.chdir(tmp_path)
    yield world
    world.close()
    assert world.graph.violations == []


def where(world: MicrosoftWorld) -> str:
    return "microsoft=" + ",".join(f"{key}={world.settings[key]}" for key in ("authority", "graph_root", "ca_file"))


def test_mail_and_calendars_tell_the_network_and_nothing_is_kept(
    world: MicrosoftWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(tmp_path)
    unread = world.unread()
    world.graph.requests.clear()
    assert run(["try", "--live", where(world), "--client", "reader-app", "--zone", "Europe/Berlin", "--json"]) == OK
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["owner_addresses"] == [ME.email]
    assert [one["name"] for one in found["people"]] == [EVA.name]
    assert (found["messages"]["read"], found["events"]["read"]) == (40, 1)
    assert f"Found so far: {EVA.name}" in err
    assert "zirkonfalter" not in out + err
    assert contents(tmp_path) == before
    assert world.unread() == unread
    assert {(method, path) for method, path in world.graph.requests if method != "GET"} == {("POST", "/v1.0/$batch")}


def test_it_asks_for_reading_without_content_and_for_nothing_else(world: MicrosoftWorld) -> None:
    world.graph.grants.clear()
    assert run(["try", "--live", where(world), "--client", "reader-app", "--json"]) == OK
    assert {grant.scopes for grant in world.graph.grants.values()} == {
        frozenset({"Mail.ReadBasic", "Calendars.ReadBasic", "User.Read"})
    }


@pytest.mark.parametrize(
    "said",
    [
        ("--live", "microsoft"),
        ("--live", "microsoft=nonsense", "--client", "reader-app"),
        ("--live", "microsoft", "--live", "imaps://ana@host.example", "--client", "reader-app"),
    ],
)
def test_without_a_registration_or_beside_a_server_it_says_what_to_do(
    world: MicrosoftWorld, said: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    world.graph.requests.clear()
    assert run(["try", *said]) == USAGE
    assert capsys.readouterr().err
    assert world.graph.requests == []
