"""`rekindle connect microsoft`: two sign-ins, neither of which can send, and no account where anything is wrong."""

from __future__ import annotations

import json
import threading
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import requests

from tests.connectors.contract_world import ME
from tests.connectors.microsoft_world import MicrosoftWorld
from worker.app import App
from worker.cli import run
from worker.config import load
from worker.credentials import Credentials
from worker.exit_codes import OK
from worker.store import accounts


@dataclass
class Desk:
    """A new installation beside a Graph, and a browser that does what the owner would."""

    world: MicrosoftWorld
    config: Path

    def connect(self, *words: str) -> int:
        return run(["connect", "microsoft", *words, "--config", str(self.config)])

    def secret(self, name: str) -> dict[str, object]:
        app = App.open(load(self.config))
        raw = Credentials(app.store, app.config.secrets.key, app.clock).of("ada/microsoft", {}).get(name)
        app.close()
        return dict(json.loads(raw or "{}"))

    def state(self) -> str:
        app = App.open(load(self.config))
        with app.store.read() as db:
            found = accounts.get(db, "ada/microsoft").state
        app.close()
        return found


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    world = MicrosoftWorld(tmp_path)
    config = tmp_path / "config.toml"
    lines = [f"{key} = {json.dumps(value)}" for key, value in world.settings.items()]
    head = f'[owners.ada]\nname = "Ada Owner"\naddresses = ["{ME.email}"]\nzone = "Europe/Berlin"\n'
    config.write_text(head + '[owners.ada.accounts.microsoft]\nprovider = "microsoft"\n' + "\n".join(lines) + "\n")

    def open_page(url: str) -> bool:
        trusted = str(world.identity.ca_file)
        threading.Thread(target=lambda: requests.get(url, verify=trusted, timeout=20), daemon=True).start()
        return True

    monkeypatch.setattr(webbrowser, "open", open_page)
    yield Desk(world=world, config=config)
    world.close()
    assert world.graph.violations == []


def test_connecting_leaves_two_sign_ins_that_cannot_send_and_an_account_that_is_read(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert desk.connect(ME.email) == OK
    assert "holds Posteingang" in capsys.readouterr().out
    granted = {role: {one.rpartition("/")[2] for one in desk.secret(role)["granted"]} for role in ("reader", "writer")}  # type: ignore[attr-defined]  # a list
    assert granted == {
        "reader": {"Mail.ReadBasic", "Calendars.ReadBasic", "User.Read"},
        "writer": {"Mail.ReadWrite", "Calendars.ReadWrite", "User.Read"},
    }
    assert desk.state() == "active"
    assert run(["doctor", "--json", "--config", str(desk.config)]) == OK
    found = {each["subject"]: each["is_ok"] for each in json.loads(capsys.readouterr().out)}
    steps = ("sign-in, reader sign-in", "account, mail", "account, calendars", "sign-in, writer sign-in", "account, drafts")
    assert all(found[f"ada/microsoft {step}"] for step in (*steps, "account, holds"))


def test_nothing_sealed_is_readable_in_the_database(desk: Desk) -> None:
    assert desk.connect(ME.email) == OK
    kept = b"".join(file.read_bytes() for file in desk.config.parent.rglob("*") if file.is_file() and "rekindle" in file.name)
    assert kept
    assert not [token for token in desk.world.graph.grants if token.encode() in kept]


def test_a_device_code_is_shown_and_waited_for(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.connect(ME.email, "--device") == OK
    assert capsys.readouterr().out.count("ABCD1234") == 2


def test_without_a_browser_here_the_last_address_is_pasted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    echo = click.echo

    def noted(said: object, *, err: bool = False) -> None:
        shown.append(str(said))
        echo(said, err=err)

    monkeypatch.setattr(click, "echo", noted)

    def prompt(_: str, *, err: bool, value_proc: Callable[[str], str], **_how: object) -> str:
        assert err, "what is printed may be read by a program"
        for wrong in ("n", "http://localhost:1/", "https://login.microsoftonline.com/?state=x"):
            with pytest.raises(click.BadParameter, match="not the address of the last page"):
                value_proc(wrong)
        url = next(word for line in reversed(shown) for word in line.split() if "authorize" in word)
        went = requests.get(url, verify=str(desk.world.identity.ca_file), allow_redirects=False, timeout=10)
        return value_proc(went.headers["Location"])

    monkeypatch.setattr(click, "prompt", prompt)
    assert desk.connect(ME.email, "--headless") == OK


def test_a_sign_in_that_could_send_is_refused_and_nothing_is_kept(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.world.identity.added = {"Mail.Send"}
    assert desk.connect(ME.email) != OK
    assert "could send mail" in capsys.readouterr().err
    assert desk.secret("reader") == {}


def test_a_blocked_device_code_says_what_to_use_instead(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.world.identity.error = {"error": "access_denied", "error_description": "AADSTS530036: blocked"}
    assert desk.connect(ME.email, "--device") != OK
    assert "browser" in capsys.readouterr().err


def test_without_registrations_nothing_is_connected(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.connect(ME.email, "--account", "other") != OK
    assert "deploy/microsoft.md" in capsys.readouterr().err


def test_an_ended_sign_in_pauses_the_account_and_connecting_takes_it_up_again(desk: Desk) -> None:
    assert desk.connect(ME.email) == OK
    for grant in desk.world.graph.grants.values():
        grant.is_alive = False
    desk.world.identity.error = {"error": "invalid_grant", "error_description": "AADSTS700082: expired"}
    run(["pull", "--config", str(desk.config)])
    assert desk.state() == "paused"
    desk.world.identity.error = None
    assert desk.connect(ME.email) == OK
    assert desk.state() == "active"
