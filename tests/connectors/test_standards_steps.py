"""The steps to an account on real servers: each says what it did, and the one that fails says what to do about it."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from connectors import standards
from connectors.port import Calendar, Feed, RateLimited, Rejected
from connectors.standards import calendar_side, servers
from connectors.standards.reach import Step, failed
from tests.conftest import Server
from tests.connectors.test_standards_contract import CalendarHands, MailHands, account
from tests.servers.proxies import HttpProxy, ImapProxy


def steps(settings: Mapping[str, str], password: str = "secret") -> dict[str, Step]:
    """The steps by side and name; of several of one name the last."""
    return {f"{side} {step.name}": step for side, step in standards.steps(account(settings, password))}


def read_for_ever(side: Calendar, feed: Feed) -> None:
    for _ in range(99):
        list(side.changes(feed, None))


@pytest.fixture
def mail(dovecot: Server) -> MailHands:
    return MailHands(dovecot)


@pytest.fixture
def dates(radicale: Server) -> CalendarHands:
    return CalendarHands(radicale)


def test_every_step_says_what_it_did(mail: MailHands, dates: CalendarHands, dovecot: Server, radicale: Server) -> None:
    found = steps({"imap": dovecot.url, "caldav": radicale.url})
    assert all(step.is_ok for step in found.values()), [step for step in found.values() if not step.is_ok]
    assert {"mail name", "mail port", "mail TLS", "mail sign-in", "mail folders", "mail sent", "mail drafts"} <= found.keys()
    assert {"calendar name", "calendar port", "calendar sign-in", "calendar calendars", "calendar holds"} <= found.keys()
    assert "Sent" in found["mail sent"].what
    assert "can be written to" in found["mail drafts"].what
    assert "work" in found["calendar holds"].what
    assert "draft for you to send" in found["calendar invitations"].what


def test_tls_with_the_servers_own_authority_is_shaken(mail: MailHands, dovecot: Server) -> None:
    found = steps({"imap": f"imaps://localhost:{dovecot.port + 1}", "ca_file": str(dovecot.folder / "cert.pem")})
    assert found["mail TLS"].is_ok, found["mail TLS"]
    assert found["mail TLS"].what.startswith("TLSv1")


def test_a_certificate_nobody_vouches_for_ends_it_before_the_password(dovecot: Server) -> None:
    found = steps({"imap": f"imaps://localhost:{dovecot.port + 1}"})
    assert not found["mail TLS"].is_ok
    assert "ca_file" in found["mail TLS"].remedy
    assert "mail sign-in" not in found


@pytest.mark.parametrize("scheme", ["imaps", "https"])
def test_tls_on_a_port_without_it_is_named(dovecot: Server, radicale: Server, scheme: str) -> None:
    if scheme == "imaps":
        found = steps({"imap": f"imaps://localhost:{dovecot.port}"})
        assert found["mail TLS"] == failed(
            "TLS", "No TLS with the mail server: WRONG_VERSION_NUMBER.", "imaps:// is for port 993; STARTTLS on 143 is imap://."
        )
    else:
        found = steps({"caldav": f"https://localhost:{radicale.port}/"})
        step = found["calendar TLS"]
        assert (step.is_ok, "calendar server" in step.what, "imap" in step.what + step.remedy) == (False, True, False)
        assert "https://" in step.remedy


@pytest.mark.parametrize(
    ("serves", "said", "remedy"),
    [
        ("http", r"No TLS with the calendar server: \w+", "https://"),
        ("its own certificate", r"The certificate of the calendar server is not trusted: self-signed certificate\.", "ca_file"),
    ],
)
def test_where_a_calendar_is_read_the_same_is_told_apart(
    dovecot: Server, radicale: Server, serves: str, said: str, remedy: str
) -> None:
    port = radicale.port if serves == "http" else dovecot.port + 1  # whatever it speaks, its certificate comes first
    calendar = standards.open(account({"caldav": f"https://localhost:{port}/"})).calendar
    assert calendar is not None
    with pytest.raises(Rejected, match=said) as refused:
        calendar.feeds()
    assert remedy in refused.value.remedy


@pytest.mark.parametrize("side", ["mail", "calendar"])
def test_a_wrong_password_ends_with_the_sign_in_and_its_remedy(
    mail: MailHands, dates: CalendarHands, dovecot: Server, radicale: Server, side: str
) -> None:
    found = steps({"imap": dovecot.url} if side == "mail" else {"caldav": radicale.url}, "wrong")
    failed = [step for step in found.values() if not step.is_ok]
    assert [step.name for step in failed] == ["sign-in"]
    assert "password" in failed[0].remedy
    assert f"{side} folders" not in found


def test_nobody_at_the_port_is_told_from_no_such_name() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found = steps({"imap": f"imap://127.0.0.1:{free.getsockname()[1]}"})
    assert [step.is_ok for step in found.values()] == [True, False]
    assert "firewall" in found["mail port"].remedy
    nowhere = steps({"caldav": "https://no-such-host.invalid/"})
    assert [step.name for step in nowhere.values()] == ["name"]
    assert "typing error" in nowhere["calendar name"].remedy


def test_a_folder_the_server_does_not_name_is_asked_for(mail: MailHands, dovecot: Server) -> None:
    proxy = ImapProxy((dovecot.host, dovecot.port))
    proxy.without = ("SPECIAL-USE", "LIST-STATUS")
    try:
        found = steps({"imap": f"imap://127.0.0.1:{proxy.port}", "sent": "Archive"})
    finally:
        proxy.close()
    assert found["mail sent"].what == "Sent is “Archive”"


def every(settings: Mapping[str, str]) -> list[Step]:
    """The steps one after the other, also where several bear one name."""
    return [step for _, step in standards.steps(account(settings))]


def test_a_folder_for_drafts_the_owner_has_named_and_delivery_will_make_is_nothing_wrong(mail: MailHands, dovecot: Server) -> None:
    settings = {"imap": dovecot.url, "drafts": "Thank yous"}
    assert [step.what for step in every(settings) if step.name == "drafts"] == [
        "drafts go into “Thank yous”, which is made with the first; there is no such folder yet, “Drafts” is another"
    ]
    assert all(step.is_ok for step in every(settings)), [step for step in every(settings) if not step.is_ok]
    assert "Thank yous" not in mail.folders(), "it was only looked at"


def test_where_no_folder_is_for_drafts_what_happens_then_is_told_and_nothing_against_it(mail: MailHands, dovecot: Server) -> None:
    proxy = ImapProxy((dovecot.host, dovecot.port))
    proxy.alias = (b"Drafts", b"Skizze")
    try:
        [told] = [step for step in every({"imap": f"imap://127.0.0.1:{proxy.port}"}) if step.name == "drafts"]
    finally:
        proxy.close()
    assert not told.is_ok
    assert "“Drafts” is made" in told.what
    assert 'drafts = "NAME"' in told.remedy


def test_a_folder_of_sent_mail_the_owner_has_named_wrongly_is_said_not_to_be_there(mail: MailHands, dovecot: Server) -> None:
    found = steps({"imap": dovecot.url, "sent": "Gesendet"})
    assert not found["mail sent"].is_ok
    assert "There is no folder “Gesendet”" in found["mail sent"].what
    assert "Sent" in found["mail sent"].remedy


def test_a_calendar_to_hold_in_that_is_not_there_is_named(dates: CalendarHands, radicale: Server) -> None:
    found = steps({"caldav": radicale.url, "holds": "elsewhere"})
    assert not found["calendar holds"].is_ok
    assert "“elsewhere”" in found["calendar holds"].what
    assert "`holds` in config: work" in found["calendar holds"].remedy


def test_what_is_known_of_servers_stands_in_one_short_file(root: Path) -> None:
    lines = (root / "connectors" / "standards" / "servers.toml").read_text().splitlines()
    assert len(lines) <= 50
    for one in servers.providers():
        assert one.domains
        assert one.imap or one.instead.get("imap"), one.name
        assert one.caldav or one.instead.get("caldav"), one.name
        assert servers.of_domain(one.domains[0]) == one


def test_a_providers_other_hosts_are_known_too() -> None:
    assert servers.of_calendar("https://p42-caldav.icloud.com/1/").name == "icloud"
    assert servers.of_calendar("https://caldav.gmx.net/").per_minute == 30
    assert servers.of_calendar("https://notgmx.net/") == servers.UNKNOWN


def test_a_domain_nobody_knows_is_tried_by_the_usual_names() -> None:
    imap, caldav = servers.guesses("firm.example")
    assert imap[:2] == ("imaps://imap.firm.example", "imaps://mail.firm.example")
    assert "https://firm.example/.well-known/caldav" in caldav
    assert servers.guesses("gmx.de") == (("imaps://imap.gmx.net",), ("https://caldav.gmx.net/",))


class TestQuirks:
    @pytest.fixture
    def proxy(self, radicale: Server, dates: CalendarHands, monkeypatch: pytest.MonkeyPatch) -> HttpProxy:
        slow = servers.Known(name="slow", caldav="http://127.0.0.1/", has_sync=False, per_minute=5)
        monkeypatch.setattr(calendar_side, "of_calendar", lambda _: slow)
        return HttpProxy((radicale.host, radicale.port))

    def test_a_server_that_takes_few_requests_is_given_a_rest(self, proxy: HttpProxy) -> None:
        side = standards.open(account({"caldav": f"http://127.0.0.1:{proxy.port}/"})).calendar
        assert side is not None
        [feed] = side.feeds()
        with pytest.raises(RateLimited) as rest:
            read_for_ever(side, feed)
        assert rest.value.retry_after == timedelta(minutes=1)
        assert rest.value.is_paced
        assert len(proxy.requests) == 5

    def test_a_server_without_sync_is_never_asked_for_it(self, proxy: HttpProxy) -> None:
        side = standards.open(account({"caldav": f"http://127.0.0.1:{proxy.port}/ana/work/"})).calendar
        assert side is not None
        [feed] = side.feeds()
        with pytest.raises(RateLimited):
            read_for_ever(side, feed)
        assert proxy.requests
        assert not any(request.startswith("REPORT") for request in proxy.requests)
