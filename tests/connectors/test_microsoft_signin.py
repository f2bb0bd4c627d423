"""Signing in to Microsoft 365: two least tokens, none that can send, renewed once, and an ended one says what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from connectors import microsoft
from connectors.microsoft import consent, signin
from connectors.microsoft.signin import Registration, SignIn
from connectors.port import AuthorizationExpired, Rejected, Unavailable
from tests.connectors.contract import ME
from tests.connectors.microsoft_world import REDIRECT, MicrosoftWorld, Words


@pytest.fixture
def world(tmp_path: Path) -> Iterator[MicrosoftWorld]:
    world = MicrosoftWorld(tmp_path)
    yield world
    world.close()
    assert world.graph.violations == []


def registration(world: MicrosoftWorld, role: signin.Role = "reader") -> Registration:
    return microsoft.registration_of(world.settings, role)


def expire(world: MicrosoftWorld, role: str = "reader") -> None:
    known = json.loads(world.secrets.words[role])
    cache = json.loads(known["cache"])
    for one in cache.get("AccessToken", {}).values():
        one["expires_on"] = "1"
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    world.secrets.words[role] = json.dumps({**known, "until": past, "cache": json.dumps(cache)})


def test_each_token_has_what_it_needs_and_none_can_send(world: MicrosoftWorld) -> None:
    granted = {grant.app: grant.scopes for grant in world.graph.grants.values()}
    assert granted == {
        "reader-app": {"Mail.ReadBasic", "Calendars.ReadBasic", "User.Read"},
        "writer-app": {"Mail.ReadWrite", "Calendars.ReadWrite", "User.Read"},
    }


@pytest.mark.parametrize("scope", ["Mail.Send", "Mail.Send.Shared", "SMTP.Send", "Mail.Read", "Files.Read"])
@pytest.mark.parametrize("role", ["reader", "writer"])
def test_a_token_that_can_send_or_more_than_needed_is_refused_when_given(
    world: MicrosoftWorld, role: signin.Role, scope: str
) -> None:
    world.identity.added = {scope}
    before = dict(world.secrets.words)
    with pytest.raises(Rejected, match=scope):
        world.sign_in(role)
    assert world.secrets.words == before, "it is not even kept"


def test_a_token_that_can_send_is_refused_when_opened(world: MicrosoftWorld) -> None:
    known = json.loads(world.secrets.words["writer"])
    world.secrets.words["writer"] = json.dumps({**known, "granted": [*known["granted"], "Mail.Send"]})
    with pytest.raises(Rejected, match="could send mail"):
        world.open()


def test_a_token_that_could_send_after_a_renewal_is_refused(world: MicrosoftWorld) -> None:
    expire(world)
    world.identity.added = {"Mail.Send"}
    with pytest.raises(Rejected, match="could send mail"):
        SignIn(world.secrets, registration(world)).token(False)


def test_a_token_that_was_given_too_little_says_what_is_missing(world: MicrosoftWorld) -> None:
    with pytest.raises(Rejected, match="calendars"):
        signin.check(registration(world), ["https://graph.microsoft.com/Mail.ReadBasic", "openid"])


def test_an_ended_token_is_renewed_under_the_lock_and_its_refresh_token_rotates(world: MicrosoftWorld) -> None:
    expire(world)
    before, locks = world.secrets.words["reader"], world.secrets.locks
    token = SignIn(world.secrets, registration(world)).token(False)
    assert token in world.graph.grants
    assert world.secrets.words["reader"] != before
    assert (world.identity.refreshes, world.secrets.locks) == (1, locks + 1)
    expire(world)
    assert SignIn(world.secrets, registration(world)).token(False) != token
    assert world.identity.refreshes == 2


def test_a_refused_token_another_process_has_renewed_is_not_renewed_again(world: MicrosoftWorld) -> None:
    mine, other = (SignIn(world.secrets, registration(world)) for _ in range(2))
    old = mine.token(False)
    assert other.token(False) == old
    new = other.token(True)
    assert new != old
    assert mine.token(True) == new
    assert world.identity.refreshes == 1


@pytest.mark.parametrize(
    ("error", "description", "words"),
    [
        ("invalid_grant", "AADSTS700082: expired for ada@example.org", "has ended"),
        ("interaction_required", "AADSTS50076: mfa", "see you again"),
        ("consent_required", "AADSTS65001: consent", "consent"),
        ("unauthorized_client", "AADSTS700016: app", "does not know the app registration"),
        ("access_denied", "AADSTS53003: blocked by Conditional Access", "Conditional Access"),
    ],
)
def test_a_sign_in_that_ended_says_what_to_do_and_no_names(world: MicrosoftWorld, error: str, description: str, words: str) -> None:
    expire(world)
    world.identity.error = {"error": error, "error_description": description}
    with pytest.raises(AuthorizationExpired, match=words) as raised:
        SignIn(world.secrets, registration(world)).token(False)
    assert raised.value.remedy
    assert "ada@example.org" not in str(raised.value)
    assert description.partition(":")[0] in str(raised.value)


def test_a_sign_in_that_is_busy_or_out_of_reach_is_tried_later(world: MicrosoftWorld) -> None:
    expire(world)
    world.identity.error = {"error": "temporarily_unavailable"}
    with pytest.raises(Unavailable):
        SignIn(world.secrets, registration(world)).token(False)
    world.identity.close()
    with pytest.raises(Unavailable):
        SignIn(world.secrets, registration(world)).token(False)


def test_a_device_code_signs_in_on_a_machine_without_a_browser(world: MicrosoftWorld) -> None:
    secrets = Words()
    question = consent.by_device(registration(world))
    assert question.code == "ABCD1234"
    assert question.url.endswith("/device")
    question.answered(secrets)
    assert SignIn(secrets, registration(world)).token(False) in world.graph.grants


def test_a_forbidden_device_code_says_what_to_use_instead(world: MicrosoftWorld) -> None:
    world.identity.error = {"error": "access_denied", "error_description": "AADSTS530036: device code flow is blocked"}
    with pytest.raises(AuthorizationExpired, match="Conditional Access") as raised:
        consent.by_device(registration(world))
    assert "browser" in raised.value.remedy


def test_an_answer_to_another_question_is_refused(world: MicrosoftWorld) -> None:
    question = consent.by_browser(registration(world), redirect=REDIRECT)
    with pytest.raises(Rejected, match="not the answer"):
        question.answered(Words(), f"{REDIRECT}?code=code-1&state=forged")


def test_nothing_secret_is_in_a_repr(world: MicrosoftWorld) -> None:
    question = consent.by_browser(registration(world), redirect=REDIRECT)
    shown = repr((question, registration(world), SignIn(world.secrets, registration(world))))
    assert "code_verifier" not in shown
    assert "PRIVATE KEY" not in repr(Registration(role="reader", client_id="x", certificate="-----BEGIN PRIVATE KEY-----"))


@pytest.fixture
def certified(world: MicrosoftWorld, tmp_path: Path) -> MicrosoftWorld:
    """A world whose applications sign in by themselves, for ada's mailbox alone."""
    file = tmp_path / "app.pem"
    trustme.CA().issue_cert("app.example", key_type=trustme.KeyType.RSA).private_key_and_cert_chain_pem.write_to_path(file)
    world.settings |= {"certificate_file": str(file), "user": ME.email}
    for role, app in (("reader", "reader-app"), ("writer", "writer-app")):
        world.identity.consented[app] = frozenset(signin.PERMISSIONS["reader" if role == "reader" else "writer"])
        world.identity.mailboxes[app] = frozenset({ME.email})
    world.secrets.words.clear()
    return world


def test_an_application_signs_in_for_a_mailbox_whose_owner_agreed(certified: MicrosoftWorld) -> None:
    for role in ("reader", "writer"):
        consent.by_certificate(registration(certified, role), certified.secrets, address=ME.email)
    mailbox = certified.open().mailbox
    assert mailbox is not None
    assert [feed.role for feed in mailbox.feeds()][:2] == ["\\Inbox", "\\Sent"]
    paths = {path for _, path in certified.graph.requests}
    assert not any(path.startswith("/v1.0/me") for path in paths)


def test_an_application_reads_nobody_who_has_not_agreed(certified: MicrosoftWorld) -> None:
    for role in ("reader", "writer"):
        consent.by_certificate(registration(certified, role), certified.secrets, address="someone@example.org")
    with pytest.raises(Rejected, match="has not agreed"):
        certified.open()


def test_a_key_of_another_kind_is_named(certified: MicrosoftWorld) -> None:
    trustme.CA().issue_cert("app.example").private_key_and_cert_chain_pem.write_to_path(str(certified.settings["certificate_file"]))
    with pytest.raises(Rejected, match="no place to sign in, or the certificate is none"):
        consent.by_certificate(registration(certified), certified.secrets, address=ME.email)


def test_an_application_that_may_send_anywhere_is_refused(certified: MicrosoftWorld) -> None:
    certified.identity.roles["reader-app"] = frozenset({"Mail.ReadBasic", "Mail.Send"})
    with pytest.raises(Rejected, match="could send mail"):
        consent.by_certificate(registration(certified), certified.secrets, address=ME.email)


def test_what_config_lacks_is_said(world: MicrosoftWorld) -> None:
    with pytest.raises(Rejected, match="access"):
        microsoft.roles({"access": "everything"})
    with pytest.raises(Rejected, match="client_id"):
        microsoft.registration_of({}, "reader")
    with pytest.raises(Rejected, match="cannot be read"):
        microsoft.registration_of({"client_id": "x", "certificate_file": "/nowhere"}, "reader")
    del world.secrets.words["writer"]
    with pytest.raises(AuthorizationExpired):
        world.open()
    world.settings["access"] = "read"
    calendar = world.open().calendar
    assert calendar is not None
    with pytest.raises(Rejected, match="read only"):
        calendar.witness()
