"""What a domain's DNS says of its servers: in its order, with TLS, and never taken for the owner's word where it names another's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

import pytest

from connectors.standards.announced import PATIENCE, Announced, announced
from tests.servers.names import NameServer

Asked = Callable[..., tuple[Announced, ...]]


@pytest.fixture
def ask() -> Iterator[Asked]:
    """Ask a real name server about firm.example."""
    servers: list[NameServer] = []

    def asked(records: Mapping[tuple[str, str], tuple[str, ...]], *, is_mute: bool = False) -> tuple[Announced, ...]:
        servers.append(NameServer(records, is_mute=is_mute))
        return announced("firm.example", servers[-1].resolver())

    yield asked
    for server in servers:
        server.close()


def srv(service: str, *records: str) -> dict[tuple[str, str], tuple[str, ...]]:
    return {(f"{service}._tcp.firm.example", "SRV"): records}


def urls(found: tuple[Announced, ...]) -> list[str]:
    return [one.url for one in found]


def test_mail_and_calendar_are_found_where_the_domain_says(ask: Asked) -> None:
    path = {("_caldavs._tcp.firm.example", "TXT"): ('"path=/dav/"',)}
    found = ask(srv("_imaps", "0 1 993 post.firm.example.") | srv("_caldavs", "0 1 8443 cal.firm.example.") | path)
    assert urls(found) == ["imaps://post.firm.example:993", "https://cal.firm.example:8443/dav/"]
    assert not any(one.is_elsewhere for one in found)


def test_without_a_path_the_well_known_address_is_asked(ask: Asked) -> None:
    assert urls(ask(srv("_caldavs", "0 1 443 cal.firm.example."))) == ["https://cal.firm.example:443/.well-known/caldav"]


@pytest.mark.parametrize(
    "text", ['"path=dav"', '"path=//evil.example/"', '"path=/a b"', '"path=/\\\\\\\\evil.example"', '"version=1"', '"path=/\\010"']
)
def test_a_path_that_is_none_is_left_aside(ask: Asked, text: str) -> None:
    found = ask(srv("_caldavs", "0 1 443 cal.firm.example.") | {("_caldavs._tcp.firm.example", "TXT"): (text,)})
    assert urls(found) == ["https://cal.firm.example:443/.well-known/caldav"]


def test_lower_priority_comes_first_and_of_equals_the_heavier(ask: Asked) -> None:
    found = ask(srv("_imaps", "20 0 993 c.firm.example.", "10 1 993 b.firm.example.", "10 9 993 a.firm.example."))
    assert [one.host for one in found] == ["a.firm.example", "b.firm.example", "c.firm.example"]


def test_tls_from_the_first_byte_comes_before_starttls_and_a_calendar_without_tls_is_tried_with_it(ask: Asked) -> None:
    found = ask(
        srv("_imap", "0 1 143 post.firm.example.")
        | srv("_imaps", "5 1 993 post.firm.example.")
        | srv("_caldav", "0 1 80 cal.firm.example.")
    )
    assert urls(found) == [
        "imaps://post.firm.example:993",
        "imap://post.firm.example:143",
        "https://cal.firm.example/.well-known/caldav",
    ]


@pytest.mark.parametrize("host", ["imap.provider.example", "firm.example.evil.example", "notfirm.example"])
def test_a_server_of_another_domain_is_told_apart(ask: Asked, host: str) -> None:
    [found] = ask(srv("_imaps", f"0 1 993 {host}."))
    assert (found.host, found.is_elsewhere) == (host, True)


def test_a_service_that_is_decidedly_not_there_is_none(ask: Asked) -> None:
    assert ask(srv("_imaps", "0 0 0 .")) == ()


def test_a_target_that_is_no_host_name_is_left_out(ask: Asked) -> None:
    assert urls(ask(srv("_imaps", "0 1 993 a\\@evil.example.", "1 1 993 b.firm.example."))) == ["imaps://b.firm.example:993"]


def test_a_domain_that_announces_nothing_gives_no_hint(ask: Asked) -> None:
    assert ask({}) == ()


def test_a_name_server_that_does_not_answer_is_asked_once_and_not_for_long() -> None:
    server, began = NameServer({}, is_mute=True), time.monotonic()
    try:
        assert announced("firm.example", server.resolver()) == ()
    finally:
        server.close()
    assert {name for name, _ in server.asked} == {"_imaps._tcp.firm.example"}
    assert time.monotonic() - began < PATIENCE + 60


@pytest.mark.parametrize("domain", ["", "a..b", "x" * 300])
def test_what_is_no_domain_gives_no_hint(domain: str) -> None:
    server = NameServer({})
    try:
        assert announced(domain, server.resolver()) == ()
    finally:
        server.close()
