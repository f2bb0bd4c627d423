"""Google's wire: nothing is written twice by a library, threads and owners never mix, and every failure has its right name."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httplib2  # type: ignore[import-untyped]  # the library's own transport, only here
import pytest
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import HttpError

from connectors.google import lanes, signin
from connectors.port import AuthorizationExpired, Cursor, PortError, RateLimited, Rejected, Saved, Unavailable
from tests.connectors.contract_world import CANARY, NOON, a_draft, a_hold, read
from tests.connectors.google_world import GoogleWorld, Sealed, google_world, sign_in
from tests.simulators.google.exchange import Fault

CREATE = "gmail.users.drafts.create"


@pytest.fixture
def world() -> Iterator[GoogleWorld]:
    with google_world() as found:
        yield found


def mailbox(world: GoogleWorld) -> Any:  # noqa: ANN401 - the port's Mailbox, there for sure
    return world.open().mailbox


def test_a_connection_that_drops_after_the_draft_was_stored_leaves_one(world: GoogleWorld) -> None:
    side = mailbox(world)
    witness = side.witness()
    world.google.fail("commit then drop", CREATE)
    with pytest.raises(Unavailable):
        side.save_draft(a_draft(), witness)
    assert world.google.calls.count(CREATE) == 1
    assert isinstance(side.save_draft(a_draft(), witness), Saved)
    assert len(world.drafts()) == 1


def test_the_transport_the_library_comes_with_would_have_made_two(world: GoogleWorld) -> None:
    document = json.loads(get_static_doc("gmail", "v1"))
    document["rootUrl"] = document["baseUrl"] = world.root + "/"
    service = build_from_document(document, http=httplib2.Http())
    request = service.users().drafts().create(userId="me", body={"message": {"raw": "RnJvbTogYUBiLmV4YW1wbGUNCg0K"}})
    token = json.loads(world.secrets.words["writer"])["token"]
    request.headers["authorization"] = f"Bearer {token}"
    world.google.fail("commit then drop", CREATE)
    request.execute(num_retries=0)
    assert len(world.drafts()) == 2, "if this fails the library has been cured, and our own transport may go"


@pytest.mark.parametrize("fault", ["drop before", "commit then drop", "truncate", "502 html", "500 html"])
@pytest.mark.parametrize("kind", ["draft", "hold"])
def test_whatever_breaks_while_saving_there_is_one_in_the_end(world: GoogleWorld, fault: str, kind: str) -> None:
    connection = world.open()
    method = CREATE if kind == "draft" else "calendar.events.insert"
    assert connection.mailbox is not None
    assert connection.calendar is not None
    witness = connection.mailbox.witness() if kind == "draft" else connection.calendar.witness()
    world.google.fail(fault, method, times=2)
    for _ in range(3):
        try:
            if kind == "draft":
                connection.mailbox.save_draft(a_draft(), witness)
            else:
                connection.calendar.save_hold(a_hold(), witness)
        except Unavailable:
            continue
    assert len(world.drafts() if kind == "draft" else world.holds()) == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("429", RateLimited),
        ("429 seconds 30", RateLimited),
        ("429 date 30", RateLimited),
        ("403 rateLimitExceeded", RateLimited),
        ("403 userRateLimitExceeded", RateLimited),
        ("403 quotaExceeded", RateLimited),
        ("403 dailyLimitExceeded", RateLimited),
        ("403 insufficientPermissions", Rejected),
        ("403 accessNotConfigured", Rejected),
        ("403 forbidden", Rejected),
        ("500 html", Unavailable),
        ("502 html", Unavailable),
        ("503", Unavailable),
        ("truncate", Unavailable),
        ("drop before", Unavailable),
    ],
)
def test_each_failure_has_its_right_name_and_is_asked_once(world: GoogleWorld, fault: str, error: type[PortError]) -> None:
    world.google.fail(fault, "gmail.users.getProfile")
    with pytest.raises(PortError) as raised:
        mailbox(world).witness()
    assert type(raised.value) is error
    assert world.google.calls == ["gmail.users.getProfile"]
    if fault.endswith("30"):
        assert isinstance(raised.value, RateLimited)
        assert timedelta(seconds=28) <= raised.value.retry_after <= timedelta(seconds=31)


def test_a_token_that_ends_between_two_pages_is_renewed_and_reading_goes_on(
    world: GoogleWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.google.reading.LIST_PAGE", 2)
    for number in range(5):
        world.letter(f"{number}@elsewhere.example", at=NOON - timedelta(days=number))
    side = mailbox(world)
    pages = side.changes(side.feeds()[0], None)
    seen = len(next(pages).upserted)
    world.google.oauth.expire_all()
    seen += sum(len(page.upserted) for page in pages)
    assert seen == 5
    assert world.google.oauth.refreshes == 1


def test_a_sign_in_that_was_taken_away_is_said_so_and_not_tried_on(world: GoogleWorld) -> None:
    world.google.oauth.access.clear()
    world.google.oauth.refresh.clear()
    with pytest.raises(AuthorizationExpired) as raised:
        mailbox(world).witness()
    assert "connect google" in raised.value.remedy
    assert world.google.oauth.refreshes == 1


class Locked(Sealed):
    """Secrets of an account that several workers use, with the row lock."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        with self.lock:
            yield


def test_many_workers_renew_a_token_once(world: GoogleWorld) -> None:
    secrets = Locked()
    sign_in(world.google, secrets, world.email)
    tokens = [signin.Token(secrets, "reader", f"{world.root}/token") for _ in range(8)]
    world.google.oauth.expire_all()
    from google.auth.transport.requests import Request  # noqa: PLC0415 - only here

    threads = [threading.Thread(target=each.refresh, args=(Request(),)) for each in tokens]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert world.google.oauth.refreshes == 1
    assert len({each.token for each in tokens}) == 1


@pytest.mark.parametrize("role", ["reader", "writer"])
def test_a_token_that_can_do_more_is_refused_unless_config_says_so(world: GoogleWorld, role: signin.Role) -> None:
    stored = json.loads(world.secrets.words[role])
    stored["scopes"].append("https://mail.google.com/")
    world.secrets.words[role] = json.dumps(stored)
    with pytest.raises(Rejected) as raised:
        world.open()
    assert "https://mail.google.com/" in str(raised.value)
    world.open(is_broad_allowed=True).close()


def taken(world: GoogleWorld, since: Cursor | None = None) -> tuple[list[Any], Cursor | None, RateLimited | None]:
    """Read until Google has us wait: the pages, where they end, and what was raised then."""
    side = mailbox(world)
    pages: list[Any] = []
    try:
        pages.extend(side.changes(side.feeds()[0], since))
    except RateLimited as error:
        return pages, pages[-1].cursor if pages else since, error
    return pages, pages[-1].cursor, None


def asked(world: GoogleWorld) -> int:
    return world.google.calls.count("gmail.users.messages.get")


@pytest.mark.parametrize(("kind", "seconds"), [("429 seconds 7", (7, 7)), ("429 date 40", (39, 41)), ("429", (10, 30))])
def test_what_is_throttled_inside_a_batch_waits_as_long_as_it_says_and_is_then_asked_for_alone(
    world: GoogleWorld, kind: str, seconds: tuple[int, int]
) -> None:
    made = {world.letter(f"{number}@elsewhere.example", at=NOON).id for number in range(6)}
    world.google.fail(kind, "gmail.users.messages.get", nth=2, times=2)
    pages, cursor, held_back = taken(world)
    assert asked(world) == 6, "it was not asked for again at once"
    assert held_back is not None
    assert timedelta(seconds=seconds[0]) <= held_back.retry_after <= timedelta(seconds=seconds[1])
    known = {fact.remote_id for page in pages for fact in page.upserted}
    assert len(known) == 4
    assert [page.is_last or page.covered_since is not None for page in pages] == [False], "not all that is newer has been reported"
    more, cursor, held_back = taken(world, cursor)
    assert held_back is None
    assert asked(world) == 8, "what was answered was not asked for again"
    assert known | {fact.remote_id for page in more for fact in page.upserted} == made
    assert more[-1].is_last
    assert [len(page.upserted) for page in taken(world, cursor)[0]] == [0], "and is owed no longer"


def test_news_that_is_throttled_inside_a_batch_is_read_once_the_wait_is_over(world: GoogleWorld) -> None:
    _, cursor, _ = taken(world)
    made = {world.letter(f"{number}@elsewhere.example", at=NOON).id for number in range(3)}
    world.google.fail("429 seconds 7", "gmail.users.messages.get", nth=1)
    pages, cursor, held_back = taken(world, cursor)
    assert held_back is not None
    assert not any(page.is_last for page in pages)
    world.google.fail("429 seconds 7", "gmail.users.messages.get")
    nothing, cursor, held_back = taken(world, cursor)
    assert held_back is not None, "still too early"
    assert [fact for page in nothing for fact in page.upserted] == []
    more, _, held_back = taken(world, cursor)
    assert held_back is None
    assert {fact.remote_id for page in (*pages, *more) for fact in page.upserted} == made
    assert more[-1].is_last


def test_what_was_throttled_and_is_gone_by_then_is_no_loss(world: GoogleWorld) -> None:
    for number in range(2):
        world.letter(f"{number}@elsewhere.example", at=NOON)
    world.google.fail("429 seconds 7", "gmail.users.messages.get", times=2)
    _, cursor, _ = taken(world)
    world.remove_mail("1@elsewhere.example")
    pages, _, held_back = taken(world, cursor)
    assert held_back is None
    assert [fact.message_id for page in pages for fact in page.upserted] == ["0@elsewhere.example"]
    assert pages[-1].is_last


@pytest.mark.parametrize("fault", ["truncate", "502 html", "drop before"])
def test_a_batch_that_breaks_loses_nothing(world: GoogleWorld, fault: str) -> None:
    for number in range(3):
        world.letter(f"{number}@elsewhere.example", at=NOON)
    world.google.fail(fault, "batch")
    with pytest.raises(Unavailable):
        read(mailbox(world))
    pages, _ = read(mailbox(world))
    assert sum(len(page.upserted) for page in pages) == 3


def test_sixteen_threads_on_two_accounts_never_see_each_others_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reads with four batches in flight: up to sixty-four requests at once."""
    monkeypatch.setattr(lanes, "BATCH", 3)
    with google_world() as ada:
        bob = GoogleWorld(ada.google, ada.root, "bob@example.org")
        for number in range(12):
            ada.letter(f"ada{number}@elsewhere.example", at=NOON - timedelta(hours=number))
            bob.letter(f"bob{number}@elsewhere.example", at=NOON - timedelta(hours=number))
            bob.add_event(f"bob{number}", title="b", description="", start=NOON, end=NOON + timedelta(hours=1))
            ada.add_event(f"ada{number}", title="a", description="", start=NOON, end=NOON + timedelta(hours=1))
        wrong: list[str] = []

        def work(world: GoogleWorld, name: str) -> None:
            try:
                connection = world.open()
                for _ in range(3):
                    for side in (connection.mailbox, connection.calendar):
                        assert side is not None
                        pages, _ = read(side)
                        found = [
                            str(getattr(one, "message_id", getattr(one, "uid", ""))) for page in pages for one in page.upserted
                        ]
                        wrong.extend(one for one in found if not one.startswith(name))
                        wrong.extend([f"{len(found)} instead of 12"] * (len(found) != 12))
            except Exception as error:  # noqa: BLE001 - a thread cannot fail a test itself
                wrong.append(repr(error))

        pairs = [(ada, "ada"), (bob, "bob")] * 8
        ada.google.limits |= {"gmail": 10**9, "calendar": 10**9}
        threads = [threading.Thread(target=work, args=pair) for pair in pairs]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert wrong == []


def mixed_up(world: GoogleWorld, services: list[Any]) -> int:
    """Let a thread for each service ask for a message of its own, until one gets another's or nothing readable; count those."""
    mails = [world.letter(f"{number}@elsewhere.example", at=NOON) for number in range(len(services))]
    wrong: list[object] = []

    def ask(service: Any, mail: Any) -> None:  # noqa: ANN401 - googleapiclient has no types
        for _ in range(10):
            if wrong:
                return
            request = service.users().messages().get(userId="me", id=mail.id, format="metadata", fields="id")
            try:
                found = request.execute(num_retries=0)["id"]
            except Exception as error:  # noqa: BLE001 - a shared connection breaks in many ways
                wrong.append(error)
            else:
                wrong.extend([found] * (found != mail.id))

    world.google.limits |= {"gmail": 10**9}
    threads = [threading.Thread(target=ask, args=pair) for pair in zip(services, mails, strict=True)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(timeout=120)
    return len(wrong)


def test_one_service_shared_by_threads_would_mix_answers_up_on_the_librarys_own_transport(world: GoogleWorld) -> None:
    """The trap is there: what follows would not notice a cure that cures nothing."""
    document = json.loads(get_static_doc("gmail", "v1"))
    document["rootUrl"] = document["baseUrl"] = world.root + "/"
    token = json.loads(world.secrets.words["reader"])["token"]
    shared = httplib2.Http(timeout=5)
    known = shared.request

    def signed(uri: str, method: str, body: Any = None, headers: Any = None) -> Any:  # noqa: ANN401 - as httplib2's
        return known(uri, method=method, body=body, headers={**headers, "authorization": f"Bearer {token}"})

    shared.request = signed
    service = build_from_document(document, http=shared)
    assert mixed_up(world, [service]) == 0, "one thread alone is served well"
    assert mixed_up(world, [service] * 16) > 0, "if this fails the library has been cured"
    world.google.complaints.clear()  # what two threads wrote over each other on one connection is no request of ours


def test_a_service_for_each_thread_mixes_nothing_up(world: GoogleWorld) -> None:
    connections: list[Any] = [world.open() for _ in range(16)]
    services = [connection._services[0][1].api for connection in connections]  # noqa: SLF001 - ours
    assert mixed_up(world, services) == 0
    assert len({id(service) for service in services}) == 16


def test_no_two_connections_share_a_service_or_a_session(world: GoogleWorld) -> None:
    one, other = world.open(), world.open()
    seen = [{id(part) for wire in each._wires for part in (wire, wire.session)} for each in (one, other)]  # type: ignore[attr-defined]  # noqa: SLF001 - ours
    assert len(seen[0]) == len(seen[1]) == 4
    assert not seen[0] & seen[1]


def test_every_address_asked_is_the_configured_one(world: GoogleWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts: set[str] = set()
    known = socket.getaddrinfo

    def noted(host: Any, *more: Any, **named: Any) -> Any:  # noqa: ANN401 - as the socket module's
        hosts.add(str(host))
        return known(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", noted)
    world.letter("1@elsewhere.example", at=NOON)
    world.google.oauth.expire_all()
    connection = world.open()
    for side in (connection.mailbox, connection.calendar):
        assert side is not None
        read(side)
    assert connection.mailbox is not None
    connection.mailbox.save_draft(a_draft(), connection.mailbox.witness())
    assert hosts == {"127.0.0.1"}
    assert {"POST /batch", "POST /token"} <= set(world.google.requests)


def test_no_call_asks_for_a_snippet_a_body_or_a_description(world: GoogleWorld) -> None:
    world.letter("1@elsewhere.example", at=NOON, body=CANARY)
    world.add_event("1", title="x", description=CANARY, start=NOON, end=NOON + timedelta(hours=1))
    connection = world.open()
    assert connection.mailbox is not None
    assert connection.calendar is not None
    for side in (connection.mailbox, connection.calendar):
        read(side)
    connection.mailbox.look(connection.mailbox.save_draft(a_draft(), connection.mailbox.witness()))  # type: ignore[arg-type]  # it is Saved
    connection.calendar.look(connection.calendar.save_hold(a_hold(), connection.calendar.witness()))  # type: ignore[arg-type]  # as above
    assert len(world.google.targets) > 8
    for target in world.google.targets:
        query = parse_qs(urlsplit(target).query)
        assert "fields" in query, target
        assert not {"snippet", "description", "body", "raw", "parts", "payload/body", "attachments"} & set(
            query["fields"][0].replace("(", ",").replace(")", ",").split(",")
        ), target
        assert query.get("format", ["metadata"])[0] in ("metadata", "minimal")


def test_the_simulator_lets_gmail_metadata_win_over_broader_scopes(world: GoogleWorld) -> None:
    broad = frozenset(
        {signin.MAIL_SCOPE, "https://www.googleapis.com/auth/gmail.readonly", "https://www.googleapis.com/auth/gmail.modify"}
    )
    token = world.google.oauth.issue(world.email, broad)["access_token"]
    document = json.loads(get_static_doc("gmail", "v1"))
    document["rootUrl"] = document["baseUrl"] = world.root + "/"
    service = build_from_document(document, http=httplib2.Http())
    for request in (
        service.users().messages().list(userId="me", q=""),
        service.users().messages().get(userId="me", id=world.letter("1@x.example", at=NOON).id, format="full"),
    ):
        request.headers["authorization"] = f"Bearer {token}"
        with pytest.raises(HttpError) as raised:
            request.execute(num_retries=0)
        assert raised.value.status_code == 403


def test_a_fault_strikes_the_request_it_is_meant_for() -> None:
    fault = Fault(kind="401", method="gmail.*", nth=2, times=2)
    assert [fault.strikes(name) for name in ("gmail.a", "calendar.a", "gmail.b", "gmail.c", "gmail.d")] == [
        False,
        False,
        True,
        True,
        False,
    ]
