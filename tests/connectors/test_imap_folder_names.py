"""Folders the owner names in the settings, however the server spells them: by the rules (modified UTF-7), or in plain UTF-8."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Literal

import pytest

from connectors import standards
from connectors.port import Mailbox, Saved
from tests.conftest import Server
from tests.connectors.contract import NOON, a_draft
from tests.connectors.test_standards_contract import MailHands, account
from tests.servers.proxies import ImapProxy

WRITTEN = "Entwürfe"
BY_THE_RULES, AS_IT_IS = "Entw&APw-rfe", WRITTEN.encode()


@pytest.fixture
def hands(dovecot: Server) -> Iterator[MailHands]:
    """The owner's hands; what a test makes beside the usual folders goes."""
    found = MailHands(dovecot)
    usual = set(found.folders())
    yield found
    found.hands.select("INBOX")
    for folder in set(found.folders()) - usual:
        found.hands.delete(folder)


@pytest.fixture
def plain(dovecot: Server) -> Iterator[ImapProxy]:
    """A server that breaks the rules: it spells one folder in UTF-8, and knows it by no other name."""
    proxy = ImapProxy((dovecot.host, dovecot.port))
    proxy.alias = (b"EntwUErfe", AS_IT_IS)
    yield proxy
    proxy.close()


def box(port: int, **settings: object) -> Mailbox:
    found = standards.open(account({"imap": f"imap://127.0.0.1:{port}", **settings})).mailbox  # type: ignore[dict-item]  # as config has them
    assert found is not None
    return found


def count(hands: MailHands, folder: str) -> int:
    return int(hands.hands.select(folder, readonly=True)[1][0] or 0)


def saved(mailbox: Mailbox) -> Saved:
    made = mailbox.save_draft(a_draft(), mailbox.witness())
    assert isinstance(made, Saved)
    return made


def test_drafts_go_into_the_folder_named_with_letters_of_the_owners_language(hands: MailHands, dovecot: Server) -> None:
    hands.hands.create(BY_THE_RULES)
    saved(box(dovecot.port, drafts=WRITTEN))
    assert count(hands, BY_THE_RULES) == 1
    assert count(hands, "Drafts") == 0


def test_such_a_folder_is_made_by_the_rules_where_there_is_none(hands: MailHands, dovecot: Server) -> None:
    saved(box(dovecot.port, drafts=WRITTEN))
    assert count(hands, BY_THE_RULES) == 1


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_drafts_go_into_the_folder_named_though_the_server_spells_it_in_plain_utf_8(
    hands: MailHands, plain: ImapProxy, form: Literal["NFC", "NFD"]
) -> None:
    hands.hands.create("EntwUErfe")
    saved(box(plain.port, drafts=unicodedata.normalize(form, WRITTEN)))
    assert count(hands, "EntwUErfe") == 1
    assert BY_THE_RULES not in hands.folders(), "no second one was made"


def test_folders_chosen_to_be_read_are_found_though_the_server_spells_them_in_plain_utf_8(
    hands: MailHands, plain: ImapProxy
) -> None:
    hands.hands.create("EntwUErfe")
    found = box(plain.port, folders=(WRITTEN, "INBOX"))
    assert {feed.name for feed in found.feeds()} == {WRITTEN, "INBOX"}
    hands.add_mail("one@elsewhere.example", subject="s", body="b", at=NOON)
    hands.hands.select("INBOX")
    hands.hands.copy("1", "EntwUErfe")
    [feed] = [feed for feed in found.feeds() if feed.name == WRITTEN]
    assert sum(len(page.upserted) for page in found.changes(feed, None)) == 1


def test_a_folder_of_sent_mail_is_known_though_the_server_spells_it_in_plain_utf_8(hands: MailHands, plain: ImapProxy) -> None:
    hands.hands.create("EntwUErfe")
    roles = {feed.name: feed.role for feed in box(plain.port, sent=WRITTEN).feeds()}
    assert roles[WRITTEN] == "\\Sent"
