"""Whatever happens in a mailbox on a real Dovecot and however often reading is cut short, the store agrees with the server in the end.

Drafts are delivered, looked after and withdrawn between, by attempts that may fail: each exists at most once, never as its owner
has not left it, and the ledger says what became of it.
"""

from __future__ import annotations

import imaplib
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import ClassVar, Literal

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from connectors import standards
from connectors.port import PortError, Saved
from connectors.standards import fetch, paging
from rules.engine import Keep, Withdraw
from rules.people import OwnerKeys
from tests.conftest import Server
from tests.connectors.test_standards_contract import MailHands, account
from tests.servers.proxies import Fault, ImapProxy
from tests.worker.stage import thank_you
from worker import deliver
from worker.pull import pull
from worker.store import accounts, outbox
from worker.store.store import Store
from worker.store.tables import feed, message, party

NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)
FOLDERS = ("INBOX", "Sent", "Archive")
OWN = ("Projects", "Clients")
"""Folders of the owner's, which come, go and change their names."""
ANY = st.integers(0, 30)
Fate = Literal["lying", "sent", "deleted", "moved", "edited"]
ENDINGS: dict[Fate, set[str | None]] = {
    "sent": {"done"},
    "deleted": {"owner_deleted", "expired"},
    "moved": {"owner_edited"},
    "edited": {"owner_edited", "owner_deleted", "expired"},
}
"""What the ledger says of it; an edited draft has another Message-ID, which a new UIDVALIDITY makes hard to tell
from a deleted one; of one that was deleted before it was confirmed nobody knows whether it was ours."""
FAULTS: tuple[Fault | None, ...] = (None, None, "lose", "cut", "error_after", "unavailable", "rate")


class Mailbox(RuleBasedStateMachine):
    """A mailbox under the owner's hands, and a store that follows it."""

    server: ClassVar[Server]
    without: ClassVar[tuple[str, ...]] = ()
    proxy: ClassVar[ImapProxy]
    numbers: ClassVar[Iterator[int]] = count()

    @initialize()
    def a_mailbox_of_its_own(self) -> None:
        self.proxy.fault = None
        self.hands = MailHands(self.server)
        for name in self.hands.folders():
            if name.strip('"') not in {"INBOX", "Drafts", "Sent", "Archive", "Trash", "Junk"}:
                self.hands.hands.delete(name)
        self.now = NOW
        self.fates: dict[str, Fate] = {}
        self.loose: set[str] = set()
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
            self.loose |= self.fates.keys() - self.closed().keys()
            self.hands.hands.uid("COPY", found[1], names[to % len(names)])
            self.hands.hands.uid("STORE", found[1], "+FLAGS.SILENT", "\\Deleted")
            self.hands.hands.expunge()

    @rule(which=ANY)
    def a_message_is_deleted(self, which: int) -> None:
        if found := self.chosen(which):
            self.loose |= self.fates.keys() - self.closed().keys()
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
        self.rebuild(names[which % len(names)])

    @precondition(lambda self: not self.under_way())
    @rule()
    def the_drafts_get_a_new_uidvalidity(self) -> None:
        self.rebuild("Drafts")

    def rebuild(self, name: str) -> None:
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

    @rule(number=st.integers(0, 3), fault=st.sampled_from(FAULTS))
    def a_draft_is_delivered(self, number: int, fault: Fault | None) -> None:
        """What else is due is attempted, or looked at, too; the fault strikes the first APPEND, or the first word."""
        with self.store.write() as db:
            planned = outbox.plan(db, "ada", "ada/home", thank_you(number), (), self.now)
        if planned:
            self.fates[thank_you(number).key] = "lying"
        self.work(fault=fault)

    @rule(is_pointless=st.booleans())
    def the_drafts_are_looked_after(self, *, is_pointless: bool) -> None:
        self.work(pointless="You wrote to Eva" if is_pointless else "")
        self.the_ledger_agrees_with_the_server(is_pointless=is_pointless)

    @rule(which=st.integers(0, 3), hand=st.sampled_from(["sent", "deleted", "moved", "edited"]))
    def the_owner_touches_a_draft(self, which: int, hand: Fate) -> None:
        lying = sorted(key for key in self.fates if self.copies("Drafts", key))
        if not lying:
            return
        key = lying[which % len(lying)]
        [uid] = self.copies("Drafts", key)
        here = Saved(remote_id=f"0:{uid}", place="Drafts")
        hands = self.hands
        {"sent": hands.send_draft, "deleted": hands.delete_draft, "moved": hands.move_draft, "edited": edited(hands, key)}[hand](
            here
        )
        self.fates[key] = hand
        self.loose |= self.under_way() - {key}

    def work(self, *, pointless: str = "", fault: Fault | None = None) -> None:
        """Attend to everything there is, as a worker does hours later."""
        self.now += timedelta(hours=7)
        before = {key: self.copies("Drafts", key) for key in self.fates}
        connection = standards.open(account({"imap": f"imap://127.0.0.1:{self.proxy.port}"}))
        desk = deliver.Desk(
            store=self.store,
            connection=connection,
            clock=lambda: self.now,
            wanted=lambda _: Withdraw(why=pointless) if pointless else Keep(),
            next_slot=lambda _: None,
        )
        with self.store.read() as db:
            due = outbox.due(db, "ada/home", self.now)
        self.proxy.fault = fault
        with suppress(PortError):
            for entry in due:
                deliver.attend(desk, entry)
        self.proxy.fault = None
        connection.close()
        if any(found and not self.copies("Drafts", key) for key, found in before.items()):
            self.loose |= self.under_way()

    @rule()
    def everything_comes_to_rest(self) -> None:
        for _ in range(2):
            self.work()
        self.the_ledger_agrees_with_the_server(is_pointless=False)

    def the_ledger_agrees_with_the_server(self, *, is_pointless: bool) -> None:
        closed = self.closed()
        for key, fate in self.fates.items():
            there = {name: len(self.copies(name, key)) for name in ("Drafts", *self.present())}
            assert sum(there.values()) <= 1
            reason = closed.get(key)
            if fate == "lying" and key not in self.loose:
                assert (there["Drafts"], reason) in ({(1, None), (0, "withdrawn")} if is_pointless or reason else {(1, None)})
            elif fate != "lying":
                assert there["Drafts"] == 0, "what the owner has taken in hand never comes back"
            if fate != "lying" and key not in self.loose:
                assert reason in ENDINGS[fate]

    def closed(self) -> dict[str, str | None]:
        """Say why what is over was closed, by key."""
        with self.store.read() as db:
            return {entry.key: entry.close_reason for entry in outbox.read_all(db, "ada", states=["closed"])}

    def under_way(self) -> set[str]:
        """Name what an attempt was begun at and not confirmed."""
        if not hasattr(self, "store"):
            return set()
        with self.store.read() as db:
            return {entry.key for entry in outbox.read_all(db, "ada", states=["delivering"])}

    def copies(self, folder: str, key: str) -> list[str]:
        """Find the UIDs of a draft of ours by its Message-ID; without UIDPLUS it is for the owner's client to expunge what is deleted."""
        self.hands.hands.select(folder)
        return list(
            self.hands.hands.uid("SEARCH", "UNDELETED", "HEADER", "Message-ID", f'"{key}@example.org"')[1][0].decode().split()
        )

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
        self.read()  # what went while a first read was cut short is told by the next look
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


def edited(hands: MailHands, key: str) -> Callable[[Saved], None]:
    """Save another version, as a mail program does: a new mail with a Message-ID of its own; the old one goes."""

    def edit(here: Saved) -> None:
        text = f"From: Ada <ada@example.org>\r\nTo: eva@elsewhere.example\r\nSubject: Mine\r\nMessage-ID: <mine.{key}@client.example>\r\n\r\nMine\r\n"
        hands.hands.append("Drafts", "(\\Draft)", imaplib.Time2Internaldate(NOW), text.encode())
        hands.delete_draft(here)

    return edit


SERVERS = pytest.mark.parametrize(
    "without",
    [(), ("QRESYNC", "CONDSTORE", "LIST-STATUS", "UIDPLUS", "ENABLE")],
    ids=["all Dovecot can", "a server of twenty years ago"],
)


@pytest.fixture
def mailbox(dovecot: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Mailbox]]:
    """The machine over small pages, on a server behind a proxy."""
    monkeypatch.setattr(paging, "PAGE", 3)
    monkeypatch.setattr(fetch, "BATCH", 2)
    Mailbox.server, Mailbox.proxy = dovecot, ImapProxy((dovecot.host, dovecot.port))
    yield Mailbox
    Mailbox.proxy.close()


@SERVERS
def test_what_goes_while_a_first_read_is_cut_short_is_gone_after_the_next_look(
    mailbox: type[Mailbox], without: tuple[str, ...]
) -> None:
    mailbox.proxy.without = without
    state = mailbox()
    state.a_mailbox_of_its_own()
    for _ in range(3):
        state.mail_arrives(which=state.present().index(OWN[0]), days=1, copies=4)
    state.a_folder_is_renamed(which=0)
    assert not state.read(pages=2), "the folder has a new name, and is read anew"
    (_, uid) = state.stored()[OWN[1]][0][0].split(":")
    state.hands.hands.select(OWN[1])
    state.hands.hands.uid("STORE", uid, "+FLAGS.SILENT", "\\Deleted")
    state.hands.hands.expunge()
    state.teardown()


@SERVERS
def test_the_store_agrees_with_the_server(mailbox: type[Mailbox], without: tuple[str, ...]) -> None:
    mailbox.proxy.without = without
    run_state_machine_as_test(
        mailbox,
        settings=settings(
            max_examples=8,
            stateful_step_count=15,
            phases=[Phase.generate],
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        ),
    )
