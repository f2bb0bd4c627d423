"""`rekindle connect imap` and `caldav` on real servers: what was tried is told, what is written is enough, nothing is half done."""

from __future__ import annotations

import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connectors.standards import servers
from connectors.standards.announced import announced
from tests.conftest import Server
from tests.connectors.test_standards_contract import CalendarHands, MailHands
from tests.servers.names import NameServer
from tests.servers.proxies import ImapProxy
from worker import visiting
from worker.app import App, real_clock
from worker.config import load
from worker.doctor import examine
from worker.exit_codes import FAILED, OK, OWNER, USAGE
from worker.lines import Lines
from worker.store import accounts
from worker.store.store import Store
from worker.verbs import connect_standards, setting_up

OWNER_TABLE = '[owners.ana]\nname = "Ana Lopez"\naddresses = ["ana@home.example"]\nzone = "Europe/Madrid"\n'


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("REKINDLE_PASSWORD", raising=False)
    (tmp_path / "config.toml").write_text(OWNER_TABLE)
    return tmp_path / "config.toml"


@pytest.fixture
def clean(dovecot: Server, radicale: Server) -> None:
    MailHands(dovecot)
    CalendarHands(radicale)


@pytest.fixture
def nameless(dovecot: Server) -> Iterator[ImapProxy]:
    """A server that calls the folder of sent mail by a name nobody knows."""
    proxy = ImapProxy((dovecot.host, dovecot.port))
    proxy.alias = (b"Sent", b"Raus")
    yield proxy
    proxy.close()


def connect(file: Path, *arguments: str, said: str = "", password: str = "secret") -> Result:
    environ = {"REKINDLE_PASSWORD": password} if password else {}
    return CliRunner().invoke(setting_up.connect, [*arguments, "--config", str(file)], input=said, env=environ)


def pull(file: Path, account: str) -> None:
    app = App.open(load(file))
    app.pull(account)
    app.close()


def refusal(result: Result) -> str:
    advice = getattr(result.exception, "advice", None)
    assert advice is not None, (result.exception, result.output)
    return f"{advice.code}: {advice.text()}"


@pytest.mark.usefixtures("clean")
def test_a_mailbox_and_its_calendar_are_connected_step_by_step(file: Path, dovecot: Server, radicale: Server) -> None:
    done = connect(file, "imap", "--imap", dovecot.url, "--caldav", radicale.url, "--user", "ana", "--account", "work")
    assert done.exit_code == OK, (done.output, done.exception)
    for step in (
        "mail, port",
        "mail, TLS",
        "mail, sign-in",
        "mail, sent",
        "mail, drafts",
        "calendar, calendars",
        "calendar, holds",
    ):
        assert f"✓ {step}" in done.output
    account = tomllib.loads(file.read_text())["owners"]["ana"]["accounts"]["work"]
    assert account == {"provider": "imap", "imap": dovecot.url, "caldav": radicale.url, "user": "ana"}
    app = App.open(load(file))
    try:
        assert app.pull("ana/work") is False
        with app.store.read() as db:
            assert accounts.get(db, "ana/work").error == ""
    finally:
        app.close()


@pytest.mark.usefixtures("clean")
def test_the_password_is_sealed_and_stands_nowhere(file: Path, dovecot: Server) -> None:
    connect(file, "imap", "--imap", dovecot.url, "--user", "ana", "--account", "work", "--mail-only")
    rows = sqlite3.connect(file.parent / "rekindle.db").execute("SELECT account, name FROM secret").fetchall()
    assert rows == [("ana/work", "password")]
    assert all(b"secret" not in each.read_bytes().replace(b"secrets", b"") for each in file.parent.glob("config*"))
    assert (file.parent / "master.key").stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("clean")
def test_a_calendar_alone_is_connected(file: Path, radicale: Server) -> None:
    done = connect(file, "caldav", "--caldav", radicale.url, "--user", "ana", "--account", "dates")
    assert done.exit_code == OK, (done.output, done.exception)
    assert "it holds work" in done.output


@pytest.mark.usefixtures("clean")
def test_mail_alone_is_said_to_take_no_holds_until_there_is_a_calendar(file: Path, dovecot: Server, radicale: Server) -> None:
    mail = ("imap", "--imap", dovecot.url, "--user", "ana", "--mail-only", "--account")
    assert "No calendar has been read yet, and holds need one" in connect(file, *mail, "work").output
    pull(file, "ana/work")
    assert [each.what for each in examine(file) if each.subject == "calendar"] == [
        "ana: none has been read yet; no hold can be put in place"
    ]
    dates = connect(file, "caldav", "--caldav", radicale.url, "--user", "ana", "--account", "dates")
    assert "holds need one" not in dates.output
    pull(file, "ana/dates")
    assert "holds need one" not in connect(file, *mail, "more").output
    assert [each for each in examine(file) if each.subject == "calendar"] == []


@pytest.mark.usefixtures("clean")
def test_a_name_that_is_taken_is_told_of_before_anything_is_tried(file: Path, dovecot: Server) -> None:
    arguments = ("imap", "ana@work.example", "--imap", dovecot.url, "--user", "ana", "--mail-only")
    assert connect(file, *arguments).exit_code == OK
    again = connect(file, *arguments)
    assert "There is an account 'work' already." in refusal(again)
    assert "`--account work` takes it up again" in refusal(again)
    assert "✓" not in again.output


@pytest.mark.usefixtures("clean")
def test_where_nobody_says_the_password_the_variable_is_named(file: Path, dovecot: Server) -> None:
    done = connect(file, "imap", "--imap", dovecot.url, "--user", "ana", "--account", "work", "--mail-only", password="")
    assert refusal(done).startswith(f"{USAGE}: There is nobody here to say the password.")
    assert "REKINDLE_PASSWORD" in refusal(done)


@pytest.mark.usefixtures("clean")
def test_a_wrong_password_leaves_nothing_behind(file: Path, dovecot: Server) -> None:
    done = connect(file, "imap", "--imap", dovecot.url, "--user", "ana", "--account", "work", "--mail-only", password="wrong")
    assert refusal(done).startswith(f"{OWNER}: The mail server refused the sign-in")
    assert "app password" in refusal(done)
    assert file.read_text() == OWNER_TABLE
    assert not (file.parent / "rekindle.db").exists()


@pytest.mark.usefixtures("clean")
def test_a_mistyped_password_is_asked_for_again(file: Path, dovecot: Server) -> None:
    arguments = ("imap", "--imap", dovecot.url, "--user", "ana", "--account", "work", "--mail-only")
    done = connect(file, *arguments, said="wrong\n\nsecret\n", password="")
    assert done.exit_code == OK, (done.output, done.exception)
    assert "An app password is" in done.output
    assert "✗ mail, sign-in" in done.output
    assert "wrong" not in done.output
    assert "secret" not in done.output


@pytest.mark.usefixtures("clean")
def test_a_folder_no_name_tells_is_asked_for_until_it_is_there(file: Path, nameless: ImapProxy) -> None:
    arguments = ("imap", "--imap", f"imap://127.0.0.1:{nameless.port}", "--user", "ana", "--mail-only")
    done = connect(file, *arguments, "--account", "work", said="n\nNowhere\nRaus\n")
    assert done.exit_code == OK, (done.output, done.exception)
    assert "✓ mail, sent: Sent is “Raus”" in done.output
    assert tomllib.loads(file.read_text())["owners"]["ana"]["accounts"]["work"]["sent"] == "Raus"
    wrong = connect(file, *arguments, "--account", "other", "--sent", "Nowhere")
    assert "Raus" in refusal(wrong)


@pytest.mark.usefixtures("clean")
def test_the_servers_are_found_by_the_address(
    file: Path, dovecot: Server, radicale: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = "imap://127.0.0.1:1"
    no_calendar = f"http://127.0.0.1:{dovecot.port}/"
    monkeypatch.setattr(servers, "guesses", lambda _: ((nobody, dovecot.url), ("http://127.0.0.1:1/", no_calendar, radicale.url)))
    done = connect(file, "imap", "ana@firm.example", "--user", "ana")
    assert done.exit_code == OK, (done.output, done.exception)
    assert f"· {nobody}: no mail server" in done.output
    account = tomllib.loads(file.read_text())["owners"]["ana"]["accounts"]["firm"]
    assert (account["imap"], account["caldav"]) == (dovecot.url, radicale.url)


@pytest.fixture
def names(dovecot: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A DNS in which two domains name this machine as their mail server, and nothing answers under the usual names."""
    here = (f"0 1 {dovecot.port} localhost.",)
    server = NameServer({("_imap._tcp.firm.example", "SRV"): here, ("_imap._tcp.localhost", "SRV"): here})
    monkeypatch.setattr(connect_standards, "announced", partial(announced, resolver=server.resolver()))
    monkeypatch.setattr(servers, "guesses", lambda _: (("imap://127.0.0.1:1",), ()))
    yield
    server.close()


@pytest.mark.usefixtures("clean", "names")
def test_a_server_the_dns_of_the_domain_names_is_used_without_a_word_where_it_is_the_domains_own(
    file: Path, dovecot: Server
) -> None:
    done = connect(file, "imap", "ana@localhost", "--user", "ana", "--mail-only")
    assert done.exit_code == OK, (done.output, done.exception)
    account = tomllib.loads(file.read_text())["owners"]["ana"]["accounts"]["localhost"]
    assert account["imap"] == f"imap://localhost:{dovecot.port}"


@pytest.mark.usefixtures("clean", "names")
def test_a_server_elsewhere_that_the_dns_names_is_used_only_after_a_yes(file: Path, dovecot: Server) -> None:
    arguments = ("imap", "ana@firm.example", "--user", "ana", "--mail-only")
    for said in ("", "n\n"):
        assert "No mail server was found" in refusal(connect(file, *arguments, said=said))
    assert file.read_text() == OWNER_TABLE
    done = connect(file, *arguments, said="y\n")
    assert done.exit_code == OK, (done.output, done.exception)
    assert "The DNS of firm.example names localhost, which is not part of firm.example" in done.output
    account = tomllib.loads(file.read_text())["owners"]["ana"]["accounts"]["firm"]
    assert account["imap"] == f"imap://localhost:{dovecot.port}"


@pytest.mark.usefixtures("clean")
def test_where_no_calendar_is_found_mail_alone_is_connected(file: Path, dovecot: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "guesses", lambda _: ((dovecot.url,), ("http://127.0.0.1:1/",)))
    done = connect(file, "imap", "ana@firm.example", "--user", "ana")
    assert done.exit_code == OK, (done.output, done.exception)
    assert "caldav" not in tomllib.loads(file.read_text())["owners"]["ana"]["accounts"]["firm"]


@pytest.mark.usefixtures("clean")
def test_what_is_no_address_is_asked_for_again(file: Path, radicale: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "guesses", lambda _: ((), (radicale.url,)))
    done = connect(file, "caldav", "--user", "", said="n\n\nana@firm\n")
    assert "'n' is no mail address. Write it like ana@firm.example." in done.output
    done = connect(file, "caldav", "--caldav", radicale.url, "--account", "dates", said="n\nana\n")
    assert done.exit_code == OK, (done.output, done.exception)
    assert "'n' is no name." in done.output
    assert tomllib.loads(file.read_text())["owners"]["ana"]["accounts"]["dates"]["user"] == "ana"


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("side", ["imap", "caldav"])
def test_a_server_that_is_not_found_is_asked_for_by_its_address(
    file: Path, side: str, dovecot: Server, radicale: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "guesses", lambda _: ((), ()))
    url = dovecot.url if side == "imap" else radicale.url
    silent = "imap://127.0.0.1:1" if side == "imap" else "http://127.0.0.1:1/"
    arguments = (side, "ana@firm.example", "--user", "ana", *(("--mail-only",) if side == "imap" else ()))
    done = connect(file, *arguments, said=f"n\n{silent}\n{url}\n")
    assert done.exit_code == OK, (done.output, done.exception)
    assert "'n' is no address of a" in done.output
    assert f"· {silent}: no" in done.output
    assert tomllib.loads(file.read_text())["owners"]["ana"]["accounts"]["firm"][side] == url
    before = file.read_text()
    assert "server was found" in refusal(connect(file, *arguments, "--account", "other", said="\n"))
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("caldav", "--caldav", "n", "--user", "ana"), "'n' is no address of a calendar server."),
        (("imap", "--imap", "https://mail.firm.example", "--user", "ana"), "is no address of a mail server."),
        (("imap", "--imap", "imap://mail.firm.example:x", "--user", "ana"), "is no address of a mail server."),
        (("caldav", "n"), "'n' is no mail address that would tell its server."),
        (("imap", "foo bar"), "'foo bar' is no mail address that would tell its server."),
    ],
)
def test_what_is_no_server_is_refused_before_a_password_is_asked_for(file: Path, arguments: tuple[str, ...], sentence: str) -> None:
    done = connect(file, *arguments, password="")
    assert sentence in refusal(done)
    assert refusal(done).startswith(f"{USAGE}: ")
    assert "assword" not in done.output


def test_where_a_password_does_not_do_the_right_verb_is_named(file: Path) -> None:
    assert refusal(connect(file, "imap", "ana@outlook.com")) == (
        f"{USAGE}: outlook.com lets no password in there.\nConnect it with: rekindle connect microsoft"
    )
    assert "connect google" in refusal(connect(file, "caldav", "ana@gmail.com"))


@pytest.mark.usefixtures("clean")
def test_a_new_password_takes_a_paused_account_up_again(file: Path, dovecot: Server) -> None:
    connect(file, "imap", "--imap", dovecot.url, "--user", "ana", "--account", "work", "--mail-only")
    before = file.read_text()
    app = App.open(load(file))
    with app.store.write() as db:
        accounts.pause(db, "ana/work", "The mail server refused the sign-in", "Connect again")
    app.close()
    assert not next(each for each in examine(file) if each.subject == "ana/work").is_ok
    done = connect(file, "imap", "--account", "work")
    assert done.exit_code == OK, (done.output, done.exception)
    assert file.read_text() == before
    app = App.open(load(file))
    with app.store.read() as db:
        assert accounts.get(db, "ana/work").state == "active"
    app.close()


@pytest.mark.usefixtures("clean")
def test_a_new_password_is_not_tried_while_another_has_the_account(
    file: Path, dovecot: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(file, "imap", "--imap", dovecot.url, "--user", "ana", "--account", "work", "--mail-only")
    monkeypatch.setattr(visiting, "PATIENCE", timedelta(seconds=1))
    with closing(Store.open(load(file).store.url)) as store, closing(Lines(store, real_clock)) as elsewhere:
        assert elsewhere.take("ana/work")
        done = connect(file, "imap", "--account", "work", password="another")
        assert refusal(done) == (f"{FAILED}: work is in use by another Rekindle, the service or a verb.\nRun it again in a minute.")
    assert connect(file, "imap", "--account", "work").exit_code == OK


@pytest.mark.parametrize(
    ("side", "said", "what"),
    [
        ("imap", ("--imap", "imap://127.0.0.1:10199"), 'imap = "imap://127.0.0.1:10199"'),
        ("caldav", ("--caldav", "http://127.0.0.1:5232/"), 'caldav = "http://127.0.0.1:5232/"'),
        ("imap", ("--drafts", "Entwurf"), 'drafts = "Entwurf"'),
    ],
)
@pytest.mark.usefixtures("clean")
def test_what_would_change_an_account_that_is_there_is_not_dropped_in_silence(
    file: Path, dovecot: Server, side: str, said: tuple[str, ...], what: str
) -> None:
    connect(file, "imap", "--imap", dovecot.url, "--user", "ana", "--account", "work", "--mail-only")
    before = file.read_text()
    found = refusal(connect(file, side, *said, "--account", "work"))
    assert found.startswith(f"{USAGE}: work is connected in another way.\nWrite {what} into its table in {file}")
    assert file.read_text() == before
    assert connect(file, "imap", "--imap", f"{dovecot.url}/", "--account", "work").exit_code == OK


@pytest.mark.usefixtures("clean")
def test_doctor_tries_the_same_steps_and_names_the_one_that_fails(file: Path, dovecot: Server, radicale: Server) -> None:
    connect(file, "imap", "--imap", dovecot.url, "--caldav", radicale.url, "--user", "ana", "--account", "work")
    found = {each.subject: each for each in examine(file)}
    assert found["ana/work mail, sign-in"].is_ok
    assert found["ana/work calendar, holds"].is_ok
    file.write_text(file.read_text().replace(radicale.url, "http://127.0.0.1:1/"))
    found = {each.subject: each for each in examine(file)}
    assert found["ana/work mail, drafts"].is_ok
    assert not found["ana/work calendar, port"].is_ok
    assert "firewall" in (found["ana/work calendar, port"].remedy or "")
