"""`rekindle try --live google`: one sign-in for calendars alone, names at once, nothing asked of the mail, nothing kept."""

from __future__ import annotations

import json
import threading
import webbrowser
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from connectors.google import signin
from tests.connectors.contract_world import EVA, ME
from tests.connectors.google_world import GoogleWorld, google_world
from tests.end_to_end.test_try import contents
from tests.simulators.google.oauth import CLIENT
from worker.cli import run
from worker.exit_codes import OK, USAGE

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleWorld]:
    """A calendar of a year and a half in which Eva was met every week until the spring, and a browser that says yes."""
    with google_world() as world:
        for week in range(60):
            start = NOW - timedelta(days=100 + 7 * week)
            world.add_event(f"w{week}", title="Lunch", description="zirkonfalter", start=start, end=start + timedelta(hours=1))
        (tmp_path / "client.json").write_text(
            json.dumps({"installed": {"client_id": CLIENT[0], "client_secret": CLIENT[1], "redirect_uris": ["http://localhost"]}})
        )

        def open_page(url: str) -> bool:
            threading.Thread(target=lambda: requests.get(url, timeout=60), daemon=True).start()
            return True

        monkeypatch.setattr(webbrowser, "open", open_page)
        monkeypatch.chdir(tmp_path)
        yield world


def test_calendars_alone_tell_the_network_and_nothing_is_kept(
    world: GoogleWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(tmp_path)
    assert run(["try", "--live", f"google={world.root}", "--client", "client.json", "--zone", "Europe/Berlin", "--json"]) == OK
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["owner_addresses"] == [ME.email]
    assert [(one["name"], one["interactions"]) for one in found["people"]] == [(EVA.name, 60)]
    assert f"Found so far: {EVA.name}" in err
    assert "zirkonfalter" not in out + err
    assert contents(tmp_path) == before


def test_only_calendars_are_asked_for_and_only_read(world: GoogleWorld) -> None:
    assert run(["try", "--live", f"google={world.root}", "--client", "client.json", "--json"]) == OK
    assert set(world.google.calls) == {"calendar.calendarList.list", "calendar.events.list"}
    granted = {grant.scopes for grant in world.google.oauth.access.values() if "gmail" not in " ".join(grant.scopes)}
    assert granted & {frozenset(signin.CALENDAR_SCOPES)}
    assert len(world.google.calls) <= 5, "a few requests, and so a few seconds"


@pytest.mark.parametrize("said", [("google",), ("google", "imaps://ana@host.example")])
def test_without_a_client_or_beside_a_server_it_says_what_to_do(
    world: GoogleWorld, said: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["try", *(word for one in said for word in ("--live", one))]) == USAGE
    assert capsys.readouterr().err
    assert world.google.requests == []
