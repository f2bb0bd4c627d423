"""Notifications by Pub/Sub: hints that may be lost, doubled, late or another's, and never more than a hint."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import CertificateBuilder, Name, NameAttribute, random_serial_number
from cryptography.x509.oid import NameOID

from connectors.google import signin
from connectors.port import AuthorizationExpired, Rejected, Watcher
from tests.connectors.contract_world import NOON
from tests.connectors.google_world import GoogleWorld, google_world
from tests.simulators.google.oauth import Delegation

TOPIC, SUBSCRIPTION = "projects/p/topics/gmail", "projects/p/subscriptions/ada"
ROBOT = "robot@p.iam.example"
SHORT = timedelta(seconds=0.3)


def certified() -> tuple[str, str]:
    """Make a service account's private key and the certificate Google knows it by."""
    key = rsa.generate_private_key(65537, 2048)
    name, now = Name([NameAttribute(NameOID.COMMON_NAME, "robot")]), datetime.now(UTC)
    made = (
        CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(random_serial_number())
    )
    certificate = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1)).sign(key, SHA256())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()


PRIVATE, PUBLIC = certified()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "robot.json"
    said = {
        "type": "service_account",
        "client_email": ROBOT,
        "private_key": PRIVATE,
        "token_uri": "https://elsewhere.example/token",
    }
    file.write_text(json.dumps(said))
    return file


@pytest.fixture
def world() -> Iterator[GoogleWorld]:
    with google_world() as found:
        found.google.pubsub.subscribe(SUBSCRIPTION, TOPIC)
        found.google.pubsub.patience = 0.1
        found.google.oauth.delegations[ROBOT] = Delegation(public_key=PUBLIC, scopes=frozenset())
        yield found


def watcher(world: GoogleWorld, key: Path) -> Watcher:
    found = world.open(pubsub_key_file=str(key), pubsub_topic=TOPIC, pubsub_subscription=SUBSCRIPTION).watcher()
    assert found is not None
    assert not found.wait(SHORT)
    return found


def test_a_change_is_told_once_and_then_it_is_quiet(world: GoogleWorld, key: Path) -> None:
    watching = watcher(world, key)
    world.letter("1@x.example", at=NOON)
    assert watching.wait(timedelta(seconds=5))
    assert not watching.wait(SHORT)
    assert world.google.calls.count("gmail.users.watch") == 1
    watching.close()


@pytest.mark.parametrize(("fate", "is_told"), [("lost", False), ("twice", True), ("late", False), ("first", True)])
def test_a_notification_may_be_lost_doubled_or_late(world: GoogleWorld, key: Path, fate: str, *, is_told: bool) -> None:
    watching = watcher(world, key)
    world.google.pubsub.fates.append(fate)
    world.letter("1@x.example", at=NOON)
    assert watching.wait(timedelta(seconds=1) if is_told else SHORT) is is_told
    watching.close()


def test_another_mailbox_on_the_same_topic_wakes_nobody(world: GoogleWorld, key: Path) -> None:
    watching = watcher(world, key)
    world.google.pubsub.publish(TOPIC, {"emailAddress": "bob@example.org", "historyId": 5})
    assert not watching.wait(SHORT)
    world.google.pubsub.publish(TOPIC, {"junk": True})
    assert watching.wait(timedelta(seconds=1)), "what cannot be read may be ours"
    watching.close()


def test_closing_ends_a_wait_in_another_thread(world: GoogleWorld, key: Path) -> None:
    watching = watcher(world, key)
    thread = threading.Thread(target=lambda: watching.wait(timedelta(seconds=60)))
    thread.start()
    watching.close()
    thread.join(timeout=5)
    assert not thread.is_alive()


def test_a_subscription_that_is_not_there_or_badly_named_is_said_so(world: GoogleWorld, key: Path) -> None:
    with pytest.raises(Rejected):
        world.open(pubsub_key_file=str(key), pubsub_topic=TOPIC, pubsub_subscription="ada").watcher()
    missing = world.open(pubsub_key_file=str(key), pubsub_topic=TOPIC, pubsub_subscription=SUBSCRIPTION + "x").watcher()
    assert missing is not None
    with pytest.raises(Rejected):
        missing.wait(SHORT)


def test_without_a_key_only_the_poll_runs(world: GoogleWorld) -> None:
    assert world.open().watcher() is None


# Service accounts


def test_a_service_account_acts_only_for_an_owner_who_has_agreed(world: GoogleWorld, key: Path) -> None:
    reader, writer = (frozenset(signin.scopes(role, "drafts")) for role in ("reader", "writer"))
    world.google.oauth.delegations[ROBOT] = Delegation(public_key=PUBLIC, scopes=reader | writer)
    with pytest.raises(Rejected):
        world.open(service_account_file=str(key), subject=world.email)
    world.secrets.words["opt_in"] = json.dumps({"subject": world.email})
    assert world.open(service_account_file=str(key), subject=world.email).addresses()[0].email == world.email
    with pytest.raises(Rejected):
        world.open(service_account_file=str(key), subject="bob@example.org")


def test_a_service_account_too_asks_no_address_but_the_configured_ones(
    world: GoogleWorld, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library looks up, in a thread of its own, from where a service account may be used: that is not ours to ask."""
    hosts: set[str] = set()
    known = socket.getaddrinfo

    def noted(host: Any, *more: Any, **named: Any) -> Any:  # noqa: ANN401 - as the socket module's
        hosts.add(str(host))
        return known(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", noted)
    watching = watcher(world, key)
    watching.close()
    scopes = frozenset(signin.scopes("reader", "drafts") + signin.scopes("writer", "drafts"))
    world.google.oauth.delegations[ROBOT] = Delegation(public_key=PUBLIC, scopes=scopes)
    world.secrets.words["opt_in"] = json.dumps({"subject": world.email})
    connection = world.open(service_account_file=str(key), subject=world.email)
    connection.addresses()
    assert connection.calendar is not None
    connection.calendar.feeds()
    for each in threading.enumerate():
        if each is not threading.current_thread():
            each.join(timeout=0.05)
    assert hosts == {"127.0.0.1"}


def test_a_scope_the_admin_did_not_allow_is_said_so(world: GoogleWorld, key: Path) -> None:
    world.secrets.words["opt_in"] = json.dumps({"subject": world.email})
    with pytest.raises(AuthorizationExpired) as raised:
        world.open(service_account_file=str(key), subject=world.email).addresses()
    assert "domain-wide delegation" in raised.value.remedy
