"""`rekindle connect google`: two questions, two least tokens, and no account where anything is wrong."""

from __future__ import annotations

import json
import threading
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from click.testing import CliRunner

from connectors.google import signin
from tests.connectors.contract_world import ME
from tests.connectors.google_world import settings
from tests.simulators.google.oauth import CLIENT
from tests.simulators.google.server import Google
from tests.simulators.google.serving import served
from worker.app import App
from worker.cli import run
from worker.config import load
from worker.credentials import Credentials
from worker.exit_codes import OK
from worker.verbs.connect_google import google as verb


@dataclass
class Desk:
    """A new installation beside a Google, and a browser that does what the owner would."""

    google: Google
    root: str
    config: Path
    client: Path

    def connect(self, *words: str) -> int:
        said = ["connect", "google", *words, "--config", str(self.config), "--client", str(self.client)]
        return run(said)

    def secret(self, name: str) -> dict[str, object]:
        app = App.open(load(self.config))
        raw = Credentials(app.store, app.config.secrets.key, app.clock).of("ada/google", {}).get(name)
        app.close()
        return dict(json.loads(raw or "{}"))

    def findings(self, capsys: pytest.CaptureFixture[str]) -> dict[str, bool]:
        capsys.readouterr()
        run(["doctor", "--json", "--config", str(self.config)])
        return {each["subject"]: each["is_ok"] for each in json.loads(capsys.readouterr().out)}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    google = Google()
    google.add(ME.email)
    with served(google) as root:
        config = tmp_path / "config.toml"
        lines = [f"{key} = {json.dumps(value)}" for key, value in settings(root).items()]
        head = f'[owners.ada]\nname = "Ada Owner"\naddresses = ["{ME.email}"]\nzone = "Europe/Berlin"\n'
        config.write_text(head + '[owners.ada.accounts.google]\nprovider = "google"\n' + "\n".join(lines) + "\n")
        client = tmp_path / "client.json"
        client.write_text(json.dumps({"installed": {"client_id": CLIENT[0], "client_secret": CLIENT[1]}}))

        def open_page(url: str) -> bool:
            threading.Thread(target=lambda: requests.get(url, timeout=20), daemon=True).start()
            return True

        monkeypatch.setattr(webbrowser, "open", open_page)
        yield Desk(google=google, root=root, config=config, client=client)
    assert google.complaints == []


def test_connecting_leaves_two_least_tokens_and_an_account_that_is_read(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.connect(ME.email) == OK
    assert "holds Gmail" in capsys.readouterr().out
    assert set(desk.secret("reader")["scopes"]) == set(signin.scopes("reader", "drafts"))  # type: ignore[call-overload]  # a list of texts
    assert set(desk.secret("writer")["scopes"]) == {signin.DRAFT_SCOPE, signin.HOLD_SCOPE}  # type: ignore[call-overload]  # as above
    found = desk.findings(capsys)
    assert {name: ok for name, ok in found.items() if "ada/google" in name and not ok} == {}
    assert sum("ada/google" in name for name in found) == 6


def test_a_first_step_of_the_ladder_asks_once_and_for_calendars_only(desk: Desk) -> None:
    text = desk.config.read_text()
    desk.config.write_text(text + 'access = "calendar"\n')
    assert desk.connect(ME.email) == OK
    assert set(desk.secret("reader")["scopes"]) == set(signin.CALENDAR_SCOPES)  # type: ignore[call-overload]  # as above
    assert desk.secret("writer") == {}


def test_the_ladder_is_climbed_step_by_step_and_each_step_asks_for_no_more_than_it_says(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = desk.config.read_text()
    for access in ("calendar", "mail", "drafts"):
        desk.config.write_text(f'{bare}access = "{access}"\n')
        assert desk.connect(ME.email) == OK
        assert set(desk.secret("reader")["scopes"]) == set(signin.scopes("reader", access))  # type: ignore[call-overload]  # as above
        assert bool(desk.secret("writer")) == (access == "drafts")
        found = desk.findings(capsys)
        assert {name for name, ok in found.items() if "ada/google" in name and not ok} == set()
        app = App.open(load(desk.config))
        connection = app.open_connection("ada/google")
        assert (connection.mailbox is None) == (access == "calendar")
        assert connection.calendar is not None
        connection.close()
        app.close()


def test_an_unticked_box_is_named_and_nothing_is_connected(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.google.oauth.unticked = frozenset({signin.MAIL_SCOPE})
    assert desk.connect(ME.email) != OK
    assert "gmail.metadata" in capsys.readouterr().err
    assert desk.secret("reader") == {}


def test_a_no_at_the_consent_page_ends_it(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.google.oauth.is_denied = True
    assert desk.connect(ME.email) != OK
    assert "access_denied" in capsys.readouterr().err


def test_without_a_browser_here_the_last_address_is_pasted(desk: Desk) -> None:
    class Elsewhere:
        """The owner's other computer: opens the page that was printed, copies where it ended."""

        def answer(self, url: str) -> str:
            return requests.get(url, timeout=20, allow_redirects=False).headers["Location"]

    runner = CliRunner()
    answers: list[str] = []

    def prompt(text: str, **_: object) -> str:
        return Elsewhere().answer(answers.pop())

    import click  # noqa: PLC0415 - only this test looks over its shoulder

    said = click.echo

    def echo(message: object = "", **more: object) -> None:
        if str(message).startswith("http"):
            answers.append(str(message).strip())
        said(message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(click, "prompt", prompt)
        patch.setattr(click, "echo", echo)
        done = runner.invoke(verb, [ME.email, "--headless", "--config", str(desk.config), "--client", str(desk.client)])
    assert done.exit_code == OK, done.output
    assert desk.secret("writer")["refresh_token"]


def test_another_answer_than_to_this_question_is_refused(desk: Desk) -> None:
    from connectors.google import consent, roots_of  # noqa: PLC0415 - only here
    from connectors.port import Rejected  # noqa: PLC0415 - as above

    client, roots = (
        consent.Client(id=CLIENT[0], secret=CLIENT[1]),
        roots_of(load(desk.config).owners["ada"].accounts["google"].settings),
    )
    asked = consent.ask(client, roots, signin.CALENDAR_SCOPES, redirect="http://127.0.0.1:1/")
    other = consent.ask(client, roots, signin.CALENDAR_SCOPES, redirect="http://127.0.0.1:1/")
    answer = requests.get(asked.url, timeout=20, allow_redirects=False).headers["Location"]
    with pytest.raises(Rejected):
        consent.redeem(other, client, roots, answer)
    stolen = consent.Question(url=asked.url, state=asked.state, verifier=other.verifier, redirect=asked.redirect)
    with pytest.raises(Rejected):
        consent.redeem(stolen, client, roots, answer)
    assert parse_qs(urlsplit(asked.url).query)["include_granted_scopes"] == ["false"]


def test_doctor_says_when_a_testing_sign_in_will_die(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.google.oauth.is_testing = True
    assert desk.connect(ME.email) == OK
    assert desk.findings(capsys)["ada/google sign-in, reader consent"] is False


@pytest.mark.parametrize(
    ("said", "is_ok"),
    [
        ('notification_url = "https://rekindle.example/hooks/google/calendar"', True),
        ('notification_url = "http://rekindle.example/hooks/google/calendar"', False),
        ('push_audience = "https://rekindle.example/hooks/google"', False),
    ],
)
def test_doctor_says_whether_google_can_tell_of_changes(
    desk: Desk, capsys: pytest.CaptureFixture[str], said: str, *, is_ok: bool
) -> None:
    assert desk.connect(ME.email) == OK
    desk.config.write_text(f"{desk.config.read_text()}{said}\n")
    assert desk.findings(capsys)["ada/google account, notifications"] is is_ok


def test_doctor_names_the_api_that_is_switched_off(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.connect(ME.email) == OK
    desk.google.fail("403 accessNotConfigured", "gmail.users.getProfile", times=9)
    capsys.readouterr()
    run(["doctor", "--json", "--config", str(desk.config)])
    assert "apis/library/gmail.googleapis.com" in capsys.readouterr().out


def test_a_sign_in_that_was_revoked_pauses_the_account_within_one_run(desk: Desk) -> None:
    assert desk.connect(ME.email) == OK
    desk.google.oauth.access.clear()
    desk.google.oauth.refresh.clear()
    app = App.open(load(desk.config))
    app.pull("ada/google", timedelta(seconds=5))
    with app.store.read() as db:
        from worker.store import accounts  # noqa: PLC0415 - only here

        account = accounts.get(db, "ada/google")
    asked = desk.google.oauth.refreshes
    app.run_until_idle()
    app.close()
    assert (account.state, "connect google" in account.remedy) == ("paused", True)
    assert desk.google.oauth.refreshes == asked, "a paused account is not asked for again"


def test_holds_get_a_calendar_of_their_own_where_wanted(desk: Desk) -> None:
    desk.config.write_text(desk.config.read_text() + 'holds = "own"\n')
    assert desk.connect(ME.email) == OK
    assert desk.connect(ME.email) == OK, "connecting again"
    names = [one.summary for one in desk.google.calendars[ME.email].calendars.values()]
    assert names == [ME.email, "Rekindle"]
    assert set(desk.secret("writer")["scopes"]) == {signin.DRAFT_SCOPE, signin.OWN_CALENDAR_SCOPE}  # type: ignore[call-overload]  # as above
