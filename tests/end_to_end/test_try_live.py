"""`rekindle try --live` on a real Dovecot and Radicale: names at once, the whole report, nothing changed and nothing kept."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from connectors import imap_beside, standards
from connectors.cores import cores
from connectors.imap_beside import Beside
from connectors.optional import Packing
from connectors.port import AuthorizationExpired
from rules.rulebook import Rulebook
from tests.conftest import Server
from tests.connectors.test_standards_contract import CalendarHands, MailHands, account
from tests.end_to_end.conftest import rekindle
from tests.end_to_end.test_try import contents
from tests.servers.proxies import HttpProxy, ImapProxy
from worker import trial, trial_live
from worker.exit_codes import OK, OWNER, USAGE
from worker.json_schemas import schema_of
from worker.rulebooks import shipped
from worker.trial_live import Live
from worker.verbs.live_accounts import account_at

NOW = datetime(2026, 11, 17, 9, tzinfo=UTC)
LETTER = "From: {from_}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: {date:%a, %d %b %Y %H:%M:%S} +0000\r\nMessage-ID: <{id}>\r\n\r\nzirkonfalter\r\n"
ME, EVA = "Ana Lopez <ana@home.example>", "Eva Beispiel <eva@elsewhere.example>"


@pytest.fixture
def mail(dovecot: Server) -> MailHands:
    """A mailbox in which Ana and Eva have written to each other for a year."""
    hands = MailHands(dovecot)
    for number in range(12):
        at = NOW - timedelta(days=30 * number + 20)
        for folder, from_, to in (("INBOX", EVA, ME), ("Sent", ME, EVA)):
            text = LETTER.format(from_=from_, to=to, subject=f"Plan {number}", date=at, id=f"{folder}{number}@home.example")
            assert hands.hands.append(folder, "", f'"{at:%d-%b-%Y %H:%M:%S} +0000"', text.encode())[0] == "OK"
    return hands


@pytest.fixture
def dates(radicale: Server) -> CalendarHands:
    hands = CalendarHands(radicale)
    start = NOW + timedelta(days=3)
    hands.add_event("m1", title="Coffee", description="zirkonfalter", start=start, end=start + timedelta(hours=1))
    return hands


def at(server: Server, port: int = 0) -> str:
    scheme = server.url.partition(":")[0]
    return f"{scheme}://ana@127.0.0.1:{port or server.port}" + ("/" if scheme == "http" else "")


@pytest.mark.usefixtures("mail", "dates")
def test_mailbox_and_calendar_are_told_as_files_would_be(dovecot: Server, radicale: Server, tmp_path: Path) -> None:
    servers = ("--live", at(dovecot), "--live", at(radicale))
    done = rekindle(
        "try", *servers, "--zone", "Europe/Madrid", "--now", NOW.isoformat(), "--json", cwd=tmp_path, REKINDLE_PASSWORD="secret"
    )
    assert done.returncode == OK, done.stderr
    found = json.loads(done.stdout)
    jsonschema.validate(found, schema_of("try"), jsonschema.Draft202012Validator)
    assert found["owner_addresses"] == ["ana@home.example"]
    assert (found["messages"]["read"], found["messages"]["stored"], found["events"]["read"]) == (24, 24, 1)
    assert [person["name"] for person in found["people"]] == ["Eva Beispiel"]
    assert found["people"][0]["interactions"] >= 20
    assert "zirkonfalter" not in done.stdout


@pytest.mark.usefixtures("dates")
def test_nothing_is_changed_and_nothing_is_kept(mail: MailHands, dovecot: Server, radicale: Server, tmp_path: Path) -> None:
    imap, http = ImapProxy((dovecot.host, dovecot.port)), HttpProxy((radicale.host, radicale.port))
    unread = mail.unread()
    before = contents(tmp_path)
    done = rekindle(
        "try",
        "--live",
        at(dovecot, imap.port),
        "--live",
        at(radicale, http.port),
        cwd=tmp_path,
        TMPDIR=str(tmp_path),
        REKINDLE_PASSWORD="secret",
    )
    imap.close()
    http.close()
    assert done.returncode == OK, done.stderr
    assert "Found so far: Eva Beispiel" in done.stderr
    verbs = {command.split()[0] for command in imap.commands}
    assert not verbs & {"SELECT", "STORE", "APPEND", "EXPUNGE", "COPY", "MOVE", "CREATE", "DELETE"}, verbs
    assert "EXAMINE" in verbs
    assert {request.split()[0] for request in http.requests} <= {"PROPFIND", "REPORT", "OPTIONS", "GET"}
    assert mail.unread() == unread
    assert contents(tmp_path) == before


def test_a_wrong_password_says_so(mail: MailHands, dovecot: Server, tmp_path: Path) -> None:
    done = rekindle("try", "--live", at(dovecot), cwd=tmp_path, REKINDLE_PASSWORD="wrong")
    assert done.returncode == OWNER
    assert "refused the sign-in" in done.stderr
    assert "wrong" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [(), ("--live", "imap://host.example"), ("--live", "imap://a@x.example", "--live", "imap://b@x.example")]
)
def test_what_cannot_be_tried_is_refused(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = rekindle("try", *arguments, cwd=tmp_path, REKINDLE_PASSWORD="secret")
    assert done.returncode == USAGE
    assert done.stderr


class TestFirstNames:
    @pytest.fixture
    def book(self) -> Rulebook:
        return shipped()

    def test_names_come_long_before_all_is_read(
        self, mail: MailHands, dovecot: Server, book: Rulebook, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A large Sent folder is not read to its end before the first name: Inbox is tasted too."""
        letters = [
            LETTER.format(from_=ME, to=f"p{n}@many.example", subject="x", date=NOW - timedelta(hours=n), id=f"b{n}@home.example")
            for n in range(900)
        ]
        mail.hands.select("Sent")
        for letter in letters:
            mail.hands.append("Sent", "", '"16-Nov-2024 09:00:00 +0000"', letter.encode())
        monkeypatch.setenv("REKINDLE_PASSWORD", "secret")
        monkeypatch.setattr(trial_live, "TASTE", 100)
        connection = standards.open(account_at([at(dovecot)], "UTC"))
        seen: list[trial.Progress] = []
        try:
            found = trial.run_on(Live(connection), now=NOW, zone="UTC", rulebook=book, on_progress=seen.append)
        finally:
            connection.close()
        first = next(each for each in seen if each.names)
        assert first.names[0] == "Eva Beispiel"
        assert first.done <= 400
        assert len(seen) < 300
        assert found.messages.stored == found.messages.read == 924

    @pytest.mark.skipif(cores() < 2, reason="a second process wants a core of its own")
    def test_one_second_process_reads_for_all_long_folders(
        self, mail: MailHands, dovecot: Server, book: Rulebook, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun: list[Packing] = []
        begin = imap_beside.beside

        def counted(packing: Packing) -> AbstractContextManager[Beside | None]:
            begun.append(packing)
            return begin(packing)

        monkeypatch.setattr(imap_beside, "beside", counted)
        monkeypatch.setattr(imap_beside, "MANY", 1)
        monkeypatch.setenv("REKINDLE_PASSWORD", "secret")
        connection = standards.open(account_at([at(dovecot)], "UTC"))
        try:
            found = trial.run_on(Live(connection), now=NOW, zone="UTC", rulebook=book)
        finally:
            connection.close()
        assert found.messages.stored >= 20
        assert len(begun) == 1

    def test_one_folder_that_fails_hides_no_other(
        self, mail: MailHands, dovecot: Server, book: Rulebook, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REKINDLE_PASSWORD", "secret")
        proxy = ImapProxy((dovecot.host, dovecot.port))
        proxy.poison = b"3"
        connection = standards.open(account_at([at(dovecot, proxy.port)], "UTC"))
        try:
            found = trial.run_on(Live(connection), now=NOW, zone="UTC", rulebook=book)
        finally:
            connection.close()
            proxy.close()
        tally = found.messages
        assert tally.read == tally.stored + tally.duplicates + sum(each.count for each in tally.skipped)
        assert tally.stored >= 20

    def test_a_password_that_dies_on_the_way_ends_it(self, mail: MailHands, dovecot: Server, book: Rulebook) -> None:
        connection = standards.open(account({"imap": dovecot.url}, "wrong"))
        with pytest.raises(AuthorizationExpired):
            trial.run_on(Live(connection), now=NOW, zone="UTC", rulebook=book)
