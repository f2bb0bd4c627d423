"""The memory connector keeps the contract, and its owner's hands and faults do what other tests rely on."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.memory import DRAFTS, Connection
from connectors.memory_provider import Provider
from connectors.port import AuthorizationExpired, Cursor, PortError, RateLimited, Rejected, Saved, Unavailable, Unclear
from rules.facts import Address, Attendee, CalendarEvent, MessageMetadata
from tests.connectors.contract import EVA, ME, Ability, Contract, Failure, StoredDraft, StoredHold, World, a_draft, a_hold

FAILURES: Mapping[Failure, PortError] = {
    "authorization": AuthorizationExpired("The sign-in has ended", remedy="Connect again"),
    "rate": RateLimited("Too many requests", retry_after=timedelta(seconds=7)),
    "unavailable": Unavailable("No answer"),
    "rejected": Rejected("Not a valid draft"),
}


class MemoryWorld:
    """A provider in memory with the hands of its owner."""

    cannot: Mapping[Ability, str] = {}

    def __init__(self) -> None:
        self.provider = Provider(addresses=[ME], page_size=3)

    def open(self) -> Connection:
        return Connection(self.provider)

    def add_mail(self, message_id: str, *, subject: str, body: str, at: datetime) -> None:
        fact = MessageMetadata(
            remote_id=message_id, message_id=message_id, sent_at=at, from_=(EVA,), to=(ME,), recipients=1, subject=subject
        )
        self.provider.mail.put("inbox", fact, body=body)

    def remove_mail(self, message_id: str) -> None:
        self.provider.mail.remove(message_id)

    def add_event(self, uid: str, *, title: str, description: str, start: datetime, end: datetime) -> None:
        guest = Attendee(address=EVA, response="accepted")
        fact = CalendarEvent(remote_id=uid, uid=uid, start=start, end=end, summary=title, attendees=(guest,), attendee_count=1)
        self.provider.calendar.put("main", fact, body=description)

    def remove_event(self, uid: str) -> None:
        self.provider.calendar.remove(uid)

    def expire_cursor(self, cursor: Cursor) -> Cursor:
        self.provider.expire_cursors()
        return cursor

    def unread(self) -> frozenset[str]:
        return frozenset(i.fact.message_id for i in self.provider.mail.items.values() if i.feed == "inbox" and not i.is_read)

    def drafts(self) -> Sequence[StoredDraft]:
        ours = [item.fact for item in self.provider.mail.items.values() if item.made is not None]
        return [
            StoredDraft(message_id=fact.message_id, is_sent=fact.is_sent, to=tuple(to.email for to in fact.to)) for fact in ours
        ]

    def holds(self) -> Sequence[StoredHold]:
        ours = [item.fact for item in self.provider.calendar.items.values() if item.made is not None]
        return [
            StoredHold(
                key=fact.rekindle_key,
                start=fact.start if isinstance(fact.start, datetime) else datetime.min.replace(tzinfo=UTC),
                attendees=len(fact.attendees),
                has_organizer=fact.organizer is not None,
                has_reminder=False,
                is_private=fact.visibility == "private",
            )
            for fact in ours
        ]

    def edit_draft(self, saved: Saved) -> None:
        fact = self.provider.mail.items[saved.remote_id].fact
        self.provider.mail.put(DRAFTS, replace(fact, subject=f"{fact.subject}!"))

    def move_draft(self, saved: Saved) -> None:
        self.provider.mail.put("later", self.provider.mail.items[saved.remote_id].fact)

    def send_draft(self, saved: Saved) -> None:
        fact = self.provider.mail.items[saved.remote_id].fact
        self.provider.mail.put("sent", replace(fact, labels=frozenset({"\\Sent"})))

    def delete_draft(self, saved: Saved) -> None:
        self.provider.mail.remove(saved.remote_id)

    def edit_hold(self, saved: Saved) -> None:
        fact = self.provider.calendar.items[saved.remote_id].fact
        self.provider.calendar.put("main", replace(fact, summary=f"✓ {fact.summary}"))

    def move_hold(self, saved: Saved, start: datetime, end: datetime) -> None:
        fact = self.provider.calendar.items[saved.remote_id].fact
        self.provider.calendar.put("main", replace(fact, start=start, end=end))

    def delete_hold(self, saved: Saved) -> None:
        self.provider.calendar.remove(saved.remote_id)

    def fail_next(self, failure: Failure) -> None:
        self.provider.fail_next(FAILURES[failure])

    def lose_next_answer(self) -> None:
        self.provider.fail_next(Unavailable("The answer was lost"), is_stored=True)


class TestMemory(Contract):
    @pytest.fixture
    def world(self) -> World:
        return MemoryWorld()


def test_a_search_that_lags_makes_a_second_attempt_unclear_instead_of_a_second_draft() -> None:
    provider = Provider()
    mailbox = Connection(provider).mailbox
    witness = mailbox.witness()
    provider.fail_next(Unavailable("lost"), is_stored=True)
    with pytest.raises(Unavailable):
        mailbox.save_draft(a_draft(), witness)
    provider.is_lagging = True
    assert isinstance(mailbox.save_draft(a_draft(), witness), Unclear)
    provider.is_lagging = False
    assert isinstance(mailbox.save_draft(a_draft(), witness), Saved)
    assert len(provider.mail.items) == 1


def test_many_threads_saving_with_one_witness_leave_one() -> None:
    provider = Provider()
    witness = Connection(provider).calendar.witness()
    threads = [threading.Thread(target=lambda: Connection(provider).calendar.save_hold(a_hold(), witness)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(provider.calendar.items) == 1


def test_a_watcher_wakes_when_something_changes_and_when_it_is_closed() -> None:
    provider = Provider()
    watcher = Connection(provider).watcher()
    assert watcher.wait(timedelta(milliseconds=1)) is False
    fact = MessageMetadata(remote_id="1", message_id="1@x.example", sent_at=datetime(2026, 1, 1, tzinfo=UTC), from_=(EVA,))
    threading.Timer(0.05, lambda: provider.mail.put("inbox", fact)).start()
    assert watcher.wait(timedelta(seconds=5)) is True
    threading.Timer(0.05, watcher.close).start()
    assert watcher.wait(timedelta(seconds=5)) is False


def test_a_message_moved_out_of_a_feed_is_removed_there() -> None:
    provider = Provider(addresses=[Address(email="ada@example.org")])
    mailbox = Connection(provider).mailbox
    inbox = mailbox.feeds()[0]
    fact = MessageMetadata(remote_id="1", message_id="1@x.example", sent_at=datetime(2026, 1, 1, tzinfo=UTC), from_=(EVA,))
    provider.mail.put("inbox", fact)
    cursor = list(mailbox.changes(inbox, None))[-1].cursor
    provider.mail.put("archive", fact)
    assert [page.removed for page in mailbox.changes(inbox, cursor)] == [("1",)]
