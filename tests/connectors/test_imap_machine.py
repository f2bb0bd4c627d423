"""Whatever happens in a mailbox on a real Dovecot and however often reading is cut short, the store agrees with the server in the end."""

from __future__ import annotations

import imaplib
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from connectors import standards
from connectors.port import Gone, Saved, Witness
from connectors.standards import fetch, mail
from rules.people import OwnerKeys
from rules.suggestions import Key
from tests.conftest import Server
from tests.connectors.contract import a_draft
from tests.connectors.test_standards_contract import MailHands, account
from tests.servers.proxies import ImapProxy
from worker.pull import pull
from worker.store import accounts
from worker.store.store import Store
from worker.store.tables import feed, message, party

NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)
FOLDERS = ("INBOX", "Sent", "Archive")
OWN = ("Projects", "Clients")
"""Folders of the owner's, which come, go and change their names."""
ANY = st.integers(0, 30)


class Mailbox(RuleBasedStateMachine):
    """A mailbox under the owner's hands, and a store that follows it."""

    server: ClassVar[Server]
    without: ClassVar[tuple[str, ...]] = ()
    proxy: ClassVar[ImapProxy]
    numbers: ClassVar[Iterator[int]] = count()

    @initialize()
    def a_mailbox_of_its_own(self) -> None:
        self.hands = MailHands(self.server)
        for name in self.hands.folders():
            if name.strip('"') not in {"INBOX", "Drafts", "Sent", "Archive", "Trash", "Junk"}:
                self.hands.hands.delete(name)
        self.witnesses: dict[int, Witness] = {}
        self.touched: set[int] = set()
        self.store = Store.open("sqlite://")
        with self.store.write() as db:
            accounts.register_owner(db, "ada", OwnerKeys(keys=frozenset({"ada@example.org"})), "UTC")
            accounts.register(db, owner="ada", name="home", provider="imap", addresses=(), now=NOW)
        self.hands.hands.create(OWN[0])
        for which in range(4):
            self.mail_arrives(which, which, 2)
        self.the_store_is_read_up_and_agrees_with_the_server()

    def teardown(self) -> None:
        if hasattr(self, "hands"):
            try:
                self.the_store_is_read_up_and_agrees_with_the_server()
            finally:
                self.hands.hands.logout()
                self.store.close()

    # The owner's hands

    def present(self) -> list[str]:
        """Name the folders that are history."""
        return [name for name in self.hands.folders() if name in {*FOLDERS, *OWN}]

    def chosen(self, which: int) -> tuple[str, str] | None:
        """Open one of the folders and name one of its messages, as (folder, UID)."""
        names = self.present()
        for step in range(len(names)):
            name = names[(which + step) % len(names)]
            self.hands.hands.select(name)
            uids = self.hands.hands.uid("SEARCH", "ALL")[1][0].decode().split()
            if uids:
                return name, uids[which % len(uids)]
        return None

    @rule(which=ANY, days=st.integers(0, 400), copies=st.integers(1, 4))
    def mail_arrives(self, which: int, days: int, copies: int) -> None:
        names = self.present()
        for _ in range(copies):
            number = next(self.numbers)
            text = f"From: Eva <eva{number % 5}@elsewhere.example>\r\nTo: ada@example.org\r\nSubject: {number}\r\n"
            text += f"Message-ID: <{number}@elsewhere.example>\r\n\r\nHello\r\n"
            at = imaplib.Time2Internaldate(NOW - timedelta(days=days))
            assert self.hands.hands.append(names[which % len(names)], "", at, text.encode())[0] == "OK"

    @rule(which=ANY, to=ANY)
    def a_message_is_moved(self, which: int, to: int) -> None:
        if found := self.chosen(which):
            names = self.present()
            self.hands.hands.uid("COPY", found[1], names[to % len(names)])
            self.hands.hands.uid("STORE", found[1], "+FLAGS.SILENT", "\\Deleted")
            self.hands.hands.expunge()

    @rule(which=ANY)
    def a_message_is_deleted(self, which: int) -> None:
        if found := self.chosen(which):
            self.hands.hands.uid("STORE", found[1], "+FLAGS.SILENT", "\\Deleted")
            self.hands.hands.expunge()

    @rule(which=ANY, flag=st.sampled_from(["\\Seen", "\\Flagged", "\\Answered", "Later"]), sign=st.sampled_from("+-"))
    def a_message_is_flagged(self, which: int, flag: str, sign: str) -> None:
        if found := self.chosen(which):
            self.hands.hands.uid("STORE", found[1], f"{sign}FLAGS", flag)

    @rule(which=st.integers(0, 1))
    def a_folder_is_made(self, which: int) -> None:
        self.hands.hands.create(OWN[which])

    @rule(which=st.integers(0, 1))
    def a_folder_is_renamed(self, which: int) -> None:
        self.hands.hands.select("INBOX")
        self.hands.hands.rename(OWN[which], OWN[1 - which])

    @rule(which=st.integers(0, 1))
    def a_folder_is_deleted(self, which: int) -> None:
        self.hands.hands.select("INBOX")
        self.hands.hands.delete(OWN[which])

    @precondition(lambda self: any(name in OWN for name in self.present()))
    @rule(which=st.integers(0, 1))
    def a_folder_gets_a_new_uidvalidity(self, which: int) -> None:
        """It is rebuilt under its old name: the same mail, other UIDs."""
        names = [name for name in self.present() if name in OWN]
        name = names[which % len(names)]
        hands = self.hands.hands
        hands.select("INBOX")
        before = hands.status(name, "(UIDVALIDITY)")[1][0]
        hands.rename(name, "Before")
        hands.create(name)
        assert hands.status(name, "(UIDVALIDITY)")[1][0] != before
        hands.select("Before")
        hands.uid("COPY", "1:*", name)
        hands.select("INBOX")
        hands.delete("Before")

    # Deliveries

    @rule(number=st.integers(0, 2))
    def a_draft_is_delivered(self, number: int) -> None:
        """It is there once, however often it is tried, and not again once the owner has sent or deleted it."""
        name = f"draft{number}@example.org"
        connection = standards.open(account({"imap": f"imap://127.0.0.1:{self.proxy.port}"}))
        assert connection.mailbox is not None
        witness = self.witnesses.setdefault(number, connection.mailbox.witness())
        draft = replace(a_draft(), key=Key(f"k{number}"), message_id=name)
        for _ in range(2):
            made = connection.mailbox.save_draft(draft, witness)
            assert isinstance(made, Gone if number in self.touched else Saved)
        connection.close()
        assert len(self.drafts(name)) == (0 if number in self.touched else 1)

    @rule(number=st.integers(0, 2), is_sent=st.booleans())
    def the_owner_sends_or_deletes_a_draft(self, number: int, *, is_sent: bool) -> None:
        for uid in self.drafts(f"draft{number}@example.org"):
            if is_sent:
                self.hands.hands.uid("COPY", uid, "Sent")
            self.hands.hands.uid("STORE", uid, "+FLAGS.SILENT", "\\Deleted")
            self.hands.hands.expunge()
            self.touched.add(number)

    def drafts(self, name: str) -> list[str]:
        """Find the UIDs of a Message-ID in Drafts."""
        self.hands.hands.select("Drafts")
        return list(self.hands.hands.uid("SEARCH", "HEADER", "Message-ID", f'"{name}"')[1][0].decode().split())

    # The store

    def read(self, *, pages: int | None = None) -> bool:
        """Pull one slice, cut short after so many pages; says whether it was the last."""
        left = None if pages is None else iter(range(pages))
        with self.store.read() as db:
            stored = accounts.get(db, "ada/home")
        connection = standards.open(account({"imap": f"imap://127.0.0.1:{self.proxy.port}"}))
        pulled = pull(self.store, connection, stored, NOW, budget=lambda: left is None or next(left, None) is not None)
        connection.close()
        return pulled.is_done and not pulled.error

    @rule(pages=st.integers(0, 3))
    def a_pull_is_cut_short(self, pages: int) -> None:
        self.read(pages=pages)

    @rule()
    def the_connection_breaks_in_a_pull(self) -> None:
        self.proxy.fault = "unavailable"
        self.read()
        self.proxy.fault = None

    @rule()
    def the_store_is_read_up_and_agrees_with_the_server(self) -> None:
        for _ in range(20):
            if self.read():
                break
        else:
            raise AssertionError("it never comes to an end")
        assert self.stored() == self.provided()

    def stored(self) -> dict[str, list[tuple[str, str]]]:
        """Folder -> (UIDVALIDITY:UID, Message-ID) of all the store knows."""
        rows: dict[str, list[tuple[str, str]]] = {}
        with self.store.read() as db:
            for one in db.execute(select(message.c.feed, message.c.remote_id, message.c.message_id)):
                rows.setdefault(one.feed, []).append((one.remote_id, one.message_id))
            known = set(db.execute(select(feed.c.id)).scalars())
            assert db.execute(select(party.c.message).where(party.c.message.not_in(select(message.c.id)))).first() is None
        assert known >= set(rows)
        return {name: sorted(found) for name, found in rows.items()}

    def provided(self) -> dict[str, list[tuple[str, str]]]:
        """The same as imaplib reads it."""
        rows = {}
        for name in self.present():
            self.hands.hands.select(name, readonly=True)
            validity = int(self.hands.hands.response("UIDVALIDITY")[1][0])
            found = []
            for part in self.hands.hands.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1]:
                if isinstance(part, tuple) and (uid := re.search(rb"UID (\d+)", part[0])):
                    named = re.search(rb"<(.+)>", part[1])
                    found.append((f"{validity}:{int(uid[1])}", named[1].decode() if named else ""))
            if found:
                rows[name] = sorted(found)
        return rows


@pytest.mark.parametrize(
    "without",
    [(), ("QRESYNC", "CONDSTORE", "LIST-STATUS", "UIDPLUS", "ENABLE")],
    ids=["all Dovecot can", "a server of twenty years ago"],
)
def test_the_store_agrees_with_the_server(dovecot: Server, monkeypatch: pytest.MonkeyPatch, without: tuple[str, ...]) -> None:
    monkeypatch.setattr(mail, "PAGE", 3)
    monkeypatch.setattr(fetch, "BATCH", 2)
    Mailbox.server, Mailbox.proxy = dovecot, ImapProxy((dovecot.host, dovecot.port))
    Mailbox.proxy.without = without
    try:
        run_state_machine_as_test(
            Mailbox,
            settings=settings(
                max_examples=8,
                stateful_step_count=15,
                phases=[Phase.generate],
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
            ),
        )
    finally:
        Mailbox.proxy.close()
