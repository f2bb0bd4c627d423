"""What `doctor` says of a Microsoft 365 account: each missing consent, permission, certificate and subscription by its name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from connectors import microsoft
from connectors.microsoft import push
from connectors.microsoft.push import Registered
from connectors.microsoft.signin import refusal
from connectors.port import AuthorizationExpired
from tests.connectors.microsoft_world import MicrosoftWorld


@pytest.fixture
def world(tmp_path: Path) -> Iterator[MicrosoftWorld]:
    world = MicrosoftWorld(tmp_path)
    yield world
    world.close()
    assert world.graph.violations == []


def found(world: MicrosoftWorld) -> dict[str, str]:
    return {step.name: "well" if step.is_ok else f"{step.what} {step.remedy}" for _, step in microsoft.steps(world.account())}


def wrong(world: MicrosoftWorld) -> dict[str, str]:
    return {name: said for name, said in found(world).items() if said != "well"}


def test_an_account_that_is_well_says_what_each_sign_in_is_for(world: MicrosoftWorld) -> None:
    assert found(world) == dict.fromkeys(("reader sign-in", "mail", "calendars", "writer sign-in", "drafts", "holds"), "well")
    assert {method for method, _ in world.graph.requests} == {"GET"}, "nothing is written"


def test_a_consent_nobody_gave_is_named_and_the_other_sign_in_is_tried(world: MicrosoftWorld) -> None:
    del world.secrets.words["writer"]
    said = wrong(world)
    assert set(said) == {"writer sign-in"}
    assert "There is no writer sign-in" in said["writer sign-in"]


def test_a_permission_too_few_or_too_many_is_named_with_where_to_put_that_right(world: MicrosoftWorld) -> None:
    kept = world.secrets.words["reader"]
    world.secrets.words["reader"] = kept.replace("/Calendars.ReadBasic", "/openid")
    assert "lacks calendars.readbasic" in wrong(world)["reader sign-in"]
    world.secrets.words["reader"] = kept.replace("/Calendars.ReadBasic", "/Calendars.Read")
    assert "can do more than it needs: Calendars.Read" in wrong(world)["reader sign-in"]
    assert "entra.microsoft.com" in wrong(world)["reader sign-in"]
    assert "reader-app" in wrong(world)["reader sign-in"]


def test_what_the_tenant_refuses_is_named_with_the_permission(world: MicrosoftWorld) -> None:
    world.graph.fault("403", "GET", "/calendars$")
    said = wrong(world)
    assert set(said) == {"calendars"}
    assert "Calendars.ReadBasic" in said["calendars"]


def test_a_mailbox_that_is_not_there_is_said(world: MicrosoftWorld) -> None:
    del world.box.post.folders["AQMkAD-inbox"]
    assert "may have no licence" in wrong(world)["mail"]


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("AADSTS65001", "consent"),
        ("AADSTS50105", "only chosen people"),
        ("AADSTS700016", "does not know the app registration"),
        ("AADSTS7000112", "switched the app registration off"),
        ("AADSTS700027", "certificate has expired"),
        ("AADSTS53003", "Conditional Access"),
    ],
)
def test_each_way_a_tenant_says_no_has_its_own_sentence(world: MicrosoftWorld, code: str, word: str) -> None:
    answer = {"error": "invalid_grant", "error_description": f"{code}: secret words of the tenant"}
    error = refusal(answer)
    assert isinstance(error, AuthorizationExpired)
    assert word in str(error)
    assert code in str(error)
    assert "secret" not in str(error)
    for grant in world.graph.grants.values():
        grant.is_alive = False
    world.identity.error = answer
    assert all(word in said for said in wrong(world).values())
    assert set(wrong(world)) == {"mail", "calendars", "drafts", "holds"}


def pem(days: int) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rekindle")]), datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    made = made.not_valid_before(now - timedelta(days=400)).not_valid_after(now + timedelta(days=days, hours=1))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    signed = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return (private + signed).decode()


@pytest.mark.parametrize(("days", "word"), [(-1, "has expired on"), (10, "It ends on"), (300, "well")])
def test_the_end_of_a_certificate_is_said_in_time(world: MicrosoftWorld, tmp_path: Path, days: int, word: str) -> None:
    (tmp_path / "app.pem").write_text(pem(days))
    world.settings |= {"certificate_file": str(tmp_path / "app.pem"), "user": "ada@example.org"}
    assert word in found(world)["reader certificate"]
    assert "has not agreed" in found(world)["reader agreement"]


def test_a_subscription_is_there_or_was_dropped_or_not_made_yet(world: MicrosoftWorld) -> None:
    world.settings["notification_url"] = "https://rekindle.example/hooks/microsoft"
    assert found(world)["told of messages"] == "well"
    ends = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}"
    Registered(id="s-1", state="x", renew_at=datetime.now(UTC)).keep(world.secrets, push.MAIL)
    assert "has dropped the subscription" in wrong(world)["told of messages"]
    held = {"id": "s-1", "user": "ada@example.org", "applicationId": "reader-app", "expirationDateTime": ends}
    world.graph.subscriptions.held["s-1"] = held
    assert found(world)["told of messages"] == "well"
    held["expirationDateTime"] = "2026-01-01T00:00:00Z"
    assert "has run out" in wrong(world)["told of messages"]
