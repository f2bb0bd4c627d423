"""The contract of the port: what every connector keeps, whatever stands behind it. Inherit `Contract`, give it a `world`.

    class TestFiles(Contract):
        @pytest.fixture
        def world(self, tmp_path) -> World: ...

A `World` is the provider's far side: the owner's hands and the provider's faults. What a provider cannot do or cannot be
made to do stands in `cannot`, each with its reason; the tests that need it are skipped and say so.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

import pytest

from connectors.port import (
    BEGINNING,
    AuthorizationExpired,
    Calendar,
    Changes,
    Connection,
    Cursor,
    CursorExpired,
    Edited,
    Feed,
    Gone,
    Mailbox,
    Moved,
    PortError,
    RateLimited,
    Rejected,
    Saved,
    Sent,
    Unavailable,
    Untouched,
)
from rules.facts import Address, CalendarEvent, MessageMetadata
from rules.keys import key, message_id
from rules.suggestions import Draft, Hold, Invite

CANARY = "zirkonfalter"
"""Stands in every body and description a world is given, and nowhere else."""

Failure = Literal["authorization", "rate", "unavailable", "rejected"]
Ability = Literal[
    "mail",
    "calendar",
    "expire_cursor",
    "remove_mail",
    "remove_event",
    "edit_draft",
    "send_draft",
    "move_draft",
    "move_hold",
    "edit_hold",
    "lose_answer",
    "unread",
    "invite",
    "authorization",
    "rate",
    "unavailable",
    "rejected",
]

ERRORS: Mapping[Failure, type[PortError]] = {
    "authorization": AuthorizationExpired,
    "rate": RateLimited,
    "unavailable": Unavailable,
    "rejected": Rejected,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDraft:
    """A draft as it lies at the provider."""

    message_id: str
    is_sent: bool
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHold:
    """An event of ours as it lies at the provider."""

    key: str
    start: datetime
    attendees: int
    has_organizer: bool
    has_reminder: bool
    is_private: bool


class World(Protocol):
    """A provider with one account, as its owner and its operator see it."""

    cannot: Mapping[Ability, str]
    """What this world cannot do, with the reason the skipped test shows."""

    def open(self) -> Connection:
        """Open one more connection to the account."""
        ...

    def add_mail(self, message_id: str, *, subject: str, body: str, at: datetime) -> None:
        """Let an unread message from eva@elsewhere.example to the owner arrive in the inbox."""
        ...

    def remove_mail(self, message_id: str) -> None:
        """Delete it for good."""
        ...

    def add_event(self, uid: str, *, title: str, description: str, start: datetime, end: datetime) -> None:
        """Put an event with the guest eva@elsewhere.example into the main calendar, or change the one with this UID."""
        ...

    def remove_event(self, uid: str) -> None:
        """Delete it."""
        ...

    def expire_cursor(self, cursor: Cursor) -> Cursor:
        """Make the provider reject this cursor (or answer one that it rejects)."""
        ...

    def unread(self) -> frozenset[str]:
        """Message-IDs in the inbox that are not marked as read."""
        ...

    def drafts(self) -> Sequence[StoredDraft]:
        """Every message that was made by `save_draft`, also where the owner has sent it since."""
        ...

    def holds(self) -> Sequence[StoredHold]:
        """Every event that was made by `save_hold` and still exists."""
        ...

    def edit_draft(self, saved: Saved) -> None:
        """Change the text as the owner's mail program does."""
        ...

    def move_draft(self, saved: Saved) -> None:
        """Put it into another folder."""
        ...

    def send_draft(self, saved: Saved) -> None:
        """Send it as the owner's mail program does."""
        ...

    def delete_draft(self, saved: Saved) -> None:
        """Delete it for good."""
        ...

    def edit_hold(self, saved: Saved) -> None:
        """Change its title as the owner's calendar does."""
        ...

    def move_hold(self, saved: Saved, start: datetime, end: datetime) -> None:
        """Give it another time as the owner's calendar does."""
        ...

    def delete_hold(self, saved: Saved) -> None:
        """Delete it."""
        ...

    def fail_next(self, failure: Failure) -> None:
        """Let the next request fail in the provider's own way."""
        ...

    def lose_next_answer(self) -> None:
        """Let the next write be stored and its answer be lost."""
        ...


NOON = datetime(2026, 11, 17, 12, tzinfo=UTC)
ME = Address(email="ada@example.org", name="Ada Owner")
EVA = Address(email="eva@elsewhere.example", name="Eva Beispiel")


def a_draft(cause: str = "meeting:1") -> Draft:
    name = key("ada", "thank_you", cause, EVA.email)
    return Draft(
        key=name,
        message_id=message_id(name, "example.org"),
        from_=ME,
        to=(EVA,),
        subject="Thank you, Eva",
        text=f"Dear Eva,\n\nthank you for your time.\n\n{CANARY}\nAda",
        date=NOON,
    )


def a_hold(cause: str = "lapse:0", *, start: datetime = NOON) -> Hold:
    name = key("ada", "check_in", cause, EVA.email)
    return Hold(key=name, title="Eva Beispiel", description=f"Why: {CANARY}", start=start, end=start + timedelta(minutes=25))


def an_invite() -> Invite:
    name = key("ada", "invite", "lapse:0", EVA.email)
    return Invite(
        key=name, title="Coffee", description=CANARY, start=NOON, end=NOON + timedelta(hours=1), organizer=ME, attendees=(EVA,)
    )


def needs(world: World, *abilities: Ability) -> None:
    for ability in abilities:
        if ability in world.cannot:
            pytest.skip(f"{ability}: {world.cannot[ability]}")


Page = Changes[MessageMetadata] | Changes[CalendarEvent]


def read(side: Mailbox | Calendar, since: Mapping[str, Cursor] | None = None) -> tuple[list[Page], dict[str, Cursor]]:
    """Read every feed to its end; all pages, and the cursor after the last page of each feed."""
    pages: list[Page] = []
    cursors: dict[str, Cursor] = {}
    for feed in side.feeds():
        for page in side.changes(feed, (since or {}).get(feed.id)):
            pages.append(page)
            cursors[feed.id] = page.cursor
        assert pages[-1].is_last, "the last page of a round says so"
    return pages, cursors


def pages_of(side: Mailbox | Calendar, feed: Feed, since: Cursor | None = None) -> list[Page]:
    pages: list[Page] = []
    pages.extend(side.changes(feed, since))
    return pages


def name_of(fact: MessageMetadata | CalendarEvent) -> str:
    return fact.message_id if isinstance(fact, MessageMetadata) else fact.uid


def names(pages: Sequence[Page]) -> list[str]:
    return [name_of(fact) for page in pages for fact in page.upserted]


def gone(pages: Sequence[Page]) -> list[str]:
    return [remote_id for page in pages for remote_id in page.removed]


class Contract:
    """Every promise of the port, as a test."""

    many: int = 7
    """How many items make a read of several pages; a subclass sets its world's page size below it."""

    @pytest.fixture
    def world(self) -> World:
        raise NotImplementedError("a subclass gives the world")

    # Reading

    def mailbox(self, world: World) -> Mailbox:
        needs(world, "mail")
        mailbox = world.open().mailbox
        assert mailbox is not None
        return mailbox

    def calendar(self, world: World) -> Calendar:
        needs(world, "calendar")
        calendar = world.open().calendar
        assert calendar is not None
        return calendar

    def fill(self, world: World, side: Literal["mail", "calendar"]) -> list[str]:
        needs(world, side)
        made = [f"item-{number}@elsewhere.example" for number in range(self.many)]
        for number, name in enumerate(made):
            at = NOON - timedelta(days=number)
            if side == "mail":
                world.add_mail(name, subject=f"Letter {number}", body=f"{CANARY} {number}", at=at)
            else:
                world.add_event(name, title=f"Meeting {number}", description=CANARY, start=at, end=at + timedelta(hours=1))
        return made

    def side(self, world: World, kind: Literal["mail", "calendar"]) -> Mailbox | Calendar:
        return self.mailbox(world) if kind == "mail" else self.calendar(world)

    def add_one(self, world: World, kind: Literal["mail", "calendar"], name: str) -> None:
        if kind == "mail":
            world.add_mail(name, subject="One more", body=CANARY, at=NOON)
        else:
            world.add_event(name, title="One more", description=CANARY, start=NOON, end=NOON + timedelta(hours=1))

    @pytest.mark.parametrize("kind", ["mail", "calendar"])
    def test_a_first_read_reports_everything_and_says_how_far_back(self, world: World, kind: Literal["mail", "calendar"]) -> None:
        side = self.side(world, kind)
        made = self.fill(world, kind)
        pages, _ = read(side)
        assert sorted(set(names(pages))) == sorted(made)
        assert any(page.covered_since == datetime.min.replace(tzinfo=UTC) for page in pages), "a finished read covers all time"

    @pytest.mark.parametrize("kind", ["mail", "calendar"])
    def test_nothing_is_new_after_the_last_cursor(self, world: World, kind: Literal["mail", "calendar"]) -> None:
        side = self.side(world, kind)
        self.fill(world, kind)
        _, cursors = read(side)
        pages, _ = read(self.side(world, kind), cursors)
        assert (names(pages), gone(pages)) == ([], [])

    @pytest.mark.parametrize("kind", ["mail", "calendar"])
    def test_only_what_is_new_is_reported_after_a_cursor(self, world: World, kind: Literal["mail", "calendar"]) -> None:
        side = self.side(world, kind)
        self.fill(world, kind)
        _, cursors = read(side)
        self.add_one(world, kind, "later@elsewhere.example")
        pages, _ = read(self.side(world, kind), cursors)
        assert names(pages) == ["later@elsewhere.example"]

    @pytest.mark.parametrize("kind", ["mail", "calendar"])
    def test_a_read_can_be_resumed_after_every_page(self, world: World, kind: Literal["mail", "calendar"]) -> None:
        made = self.fill(world, kind)
        for feed in self.side(world, kind).feeds():
            pages = pages_of(self.side(world, kind), feed)
            for number, page in enumerate(pages[:-1]):
                rest = pages_of(self.side(world, kind), feed, page.cursor)
                seen = {*names(pages[: number + 1]), *names(rest)}
                assert seen == set(names(pages)), f"resuming after page {number + 1} of {len(pages)} loses something"
                assert seen <= set(made)

    @pytest.mark.parametrize("kind", ["mail", "calendar"])
    def test_what_the_owner_removed_is_reported_as_removed(self, world: World, kind: Literal["mail", "calendar"]) -> None:
        needs(world, "remove_mail" if kind == "mail" else "remove_event")
        side = self.side(world, kind)
        made = self.fill(world, kind)
        pages, cursors = read(side)
        ids = {name_of(fact): fact.remote_id for page in pages for fact in page.upserted}
        (world.remove_mail if kind == "mail" else world.remove_event)(made[1])
        later, _ = read(self.side(world, kind), cursors)
        is_reread = any(made[0] in names([page]) for page in later)
        assert ids[made[1]] in gone(later) or (is_reread and made[1] not in names(later))

    @pytest.mark.parametrize("kind", ["mail", "calendar"])
    def test_a_cursor_the_provider_rejects_is_expired(self, world: World, kind: Literal["mail", "calendar"]) -> None:
        needs(world, "expire_cursor")
        side = self.side(world, kind)
        self.fill(world, kind)
        feed = side.feeds()[0]
        cursor = world.expire_cursor(pages_of(side, feed)[-1].cursor)
        with pytest.raises(CursorExpired):
            pages_of(self.side(world, kind), feed, cursor)

    def test_reading_marks_nothing_as_read(self, world: World) -> None:
        needs(world, "unread")
        mailbox = self.mailbox(world)
        self.fill(world, "mail")
        before = world.unread()
        assert len(before) == self.many
        read(mailbox)
        assert world.unread() == before

    def test_opening_tells_the_owners_addresses_and_closing_twice_does_no_harm(self, world: World) -> None:
        connection = world.open()
        assert all("@" in address.email for address in connection.addresses())
        connection.close()
        connection.close()

    # Drafts

    def saved_draft(self, world: World, draft: Draft) -> Saved:
        mailbox = self.mailbox(world)
        saved = mailbox.save_draft(draft, mailbox.witness())
        assert isinstance(saved, Saved)
        return saved

    def test_a_saved_draft_is_unsent_and_untouched(self, world: World) -> None:
        saved = self.saved_draft(world, a_draft())
        assert world.drafts() == [StoredDraft(message_id=a_draft().message_id, is_sent=False, to=(EVA.email,))]
        assert not saved.is_adopted
        assert self.mailbox(world).look(saved) == Untouched()

    def test_saving_a_draft_again_with_the_same_witness_leaves_one(self, world: World) -> None:
        mailbox = self.mailbox(world)
        witness = mailbox.witness()
        first = mailbox.save_draft(a_draft(), witness)
        again = self.mailbox(world).save_draft(a_draft(), witness)
        assert isinstance(first, Saved)
        assert isinstance(again, Saved)
        assert (again.remote_id, again.version, again.is_adopted) == (first.remote_id, first.version, True)
        assert len(world.drafts()) == 1
        assert self.mailbox(world).look(again) == Untouched()

    def test_saving_a_draft_again_after_a_lost_answer_finds_the_first(self, world: World) -> None:
        needs(world, "lose_answer")
        mailbox = self.mailbox(world)
        witness = mailbox.witness()
        world.lose_next_answer()
        with pytest.raises(Unavailable):
            mailbox.save_draft(a_draft(), witness)
        again = self.mailbox(world).save_draft(a_draft(), witness)
        assert isinstance(again, Saved)
        assert len(world.drafts()) == 1

    def test_a_draft_made_before_a_restore_is_found_from_the_beginning(self, world: World) -> None:
        self.saved_draft(world, a_draft())
        again = self.mailbox(world).save_draft(a_draft(), BEGINNING)
        assert isinstance(again, Saved)
        assert again.is_adopted
        assert len(world.drafts()) == 1

    def test_two_drafts_are_two(self, world: World) -> None:
        self.saved_draft(world, a_draft("meeting:1"))
        self.saved_draft(world, a_draft("meeting:2"))
        assert len(world.drafts()) == 2

    def test_an_edited_draft_is_left_alone(self, world: World) -> None:
        needs(world, "edit_draft")
        saved = self.saved_draft(world, a_draft())
        world.edit_draft(saved)
        assert self.mailbox(world).look(saved) == Edited()
        assert self.mailbox(world).withdraw(saved) == Edited()
        assert len(world.drafts()) == 1

    def test_a_moved_draft_is_left_alone(self, world: World) -> None:
        needs(world, "move_draft")
        saved = self.saved_draft(world, a_draft())
        world.move_draft(saved)
        assert isinstance(self.mailbox(world).look(saved), Moved | Edited)
        assert isinstance(self.mailbox(world).withdraw(saved), Moved | Edited)
        assert len(world.drafts()) == 1

    def test_a_sent_draft_is_seen_as_sent_and_left_alone(self, world: World) -> None:
        needs(world, "send_draft")
        saved = self.saved_draft(world, a_draft())
        world.send_draft(saved)
        assert self.mailbox(world).look(saved) == Sent()
        assert self.mailbox(world).withdraw(saved) == Sent()
        assert [draft.is_sent for draft in world.drafts()] == [True]

    def test_a_deleted_draft_is_gone(self, world: World) -> None:
        saved = self.saved_draft(world, a_draft())
        world.delete_draft(saved)
        assert self.mailbox(world).look(saved) == Gone()
        assert self.mailbox(world).withdraw(saved) == Gone()

    def test_withdrawing_an_untouched_draft_removes_it(self, world: World) -> None:
        kept = self.saved_draft(world, a_draft("meeting:1"))
        saved = self.saved_draft(world, a_draft("meeting:2"))
        assert self.mailbox(world).withdraw(saved) == Untouched()
        assert [draft.message_id for draft in world.drafts()] == [a_draft("meeting:1").message_id]
        assert self.mailbox(world).look(saved) == Gone()
        assert self.mailbox(world).look(kept) == Untouched()

    # Holds

    def saved_hold(self, world: World, hold: Hold | Invite) -> Saved:
        calendar = self.calendar(world)
        saved = calendar.save_hold(hold, calendar.witness())
        assert isinstance(saved, Saved)
        return saved

    def test_a_hold_has_no_attendees_and_no_organizer(self, world: World) -> None:
        self.saved_hold(world, a_hold())
        assert world.holds() == [
            StoredHold(key=a_hold().key, start=NOON, attendees=0, has_organizer=False, has_reminder=False, is_private=True)
        ]

    def test_a_hold_comes_back_with_our_mark_under_the_id_it_was_saved_with(self, world: World) -> None:
        saved = self.saved_hold(world, a_hold())
        pages, _ = read(self.calendar(world))
        marks = [(fact.remote_id, fact.rekindle_key) for page in pages for fact in page.upserted if isinstance(fact, CalendarEvent)]
        assert marks in ([(saved.remote_id, a_hold().key)], []), "a feed of our own calendar may be left unread, but never unmarked"

    def test_saving_a_hold_again_with_the_same_witness_leaves_one(self, world: World) -> None:
        calendar = self.calendar(world)
        witness = calendar.witness()
        first = calendar.save_hold(a_hold(), witness)
        again = self.calendar(world).save_hold(a_hold(), witness)
        assert isinstance(first, Saved)
        assert isinstance(again, Saved)
        assert (again.remote_id, again.version, again.is_adopted) == (first.remote_id, first.version, True)
        assert len(world.holds()) == 1
        assert self.calendar(world).look(again) == Untouched()

    def test_saving_a_hold_again_after_a_lost_answer_finds_the_first(self, world: World) -> None:
        needs(world, "lose_answer")
        calendar = self.calendar(world)
        witness = calendar.witness()
        world.lose_next_answer()
        with pytest.raises(Unavailable):
            calendar.save_hold(a_hold(), witness)
        assert isinstance(self.calendar(world).save_hold(a_hold(), witness), Saved)
        assert len(world.holds()) == 1

    def test_a_hold_made_before_a_restore_is_found_from_the_beginning(self, world: World) -> None:
        self.saved_hold(world, a_hold())
        again = self.calendar(world).save_hold(a_hold(), BEGINNING)
        assert isinstance(again, Saved)
        assert again.is_adopted
        assert len(world.holds()) == 1

    def test_a_moved_hold_says_its_new_time_and_is_left_alone(self, world: World) -> None:
        needs(world, "move_hold")
        saved = self.saved_hold(world, a_hold())
        start, end = NOON + timedelta(days=1), NOON + timedelta(days=1, minutes=25)
        world.move_hold(saved, start, end)
        assert self.calendar(world).look(saved) == Moved(start=start, end=end)
        assert self.calendar(world).withdraw(saved) == Moved(start=start, end=end)
        assert [hold.start for hold in world.holds()] == [start]

    def test_a_hold_moved_before_its_retry_is_adopted_where_the_owner_put_it(self, world: World) -> None:
        needs(world, "move_hold")
        calendar = self.calendar(world)
        witness = calendar.witness()
        saved = calendar.save_hold(a_hold(), witness)
        assert isinstance(saved, Saved)
        start, end = NOON + timedelta(days=1), NOON + timedelta(days=1, minutes=25)
        world.move_hold(saved, start, end)
        again = self.calendar(world).save_hold(a_hold(), witness)
        assert isinstance(again, Saved)
        assert not isinstance(self.calendar(world).withdraw(again), Untouched)
        assert [hold.start for hold in world.holds()] == [start]

    def test_an_edited_hold_is_left_alone(self, world: World) -> None:
        needs(world, "edit_hold")
        saved = self.saved_hold(world, a_hold())
        world.edit_hold(saved)
        assert self.calendar(world).look(saved) == Edited()
        assert self.calendar(world).withdraw(saved) == Edited()
        assert len(world.holds()) == 1

    def test_a_deleted_hold_is_gone(self, world: World) -> None:
        saved = self.saved_hold(world, a_hold())
        world.delete_hold(saved)
        assert self.calendar(world).look(saved) == Gone()
        assert self.calendar(world).withdraw(saved) == Gone()
        assert world.holds() == []

    def test_withdrawing_an_untouched_hold_removes_it_and_nothing_else(self, world: World) -> None:
        self.saved_hold(world, a_hold("lapse:0"))
        saved = self.saved_hold(world, a_hold("lapse:1", start=NOON + timedelta(days=1)))
        assert self.calendar(world).withdraw(saved) == Untouched()
        assert [hold.key for hold in world.holds()] == [a_hold("lapse:0").key]

    def test_an_invite_is_never_withdrawn(self, world: World) -> None:
        needs(world, "invite")
        saved = self.saved_hold(world, an_invite())
        self.calendar(world).withdraw(saved)
        assert [hold.attendees for hold in world.holds()] == [1]

    # Failures

    @pytest.mark.parametrize("failure", ["authorization", "rate", "unavailable", "rejected"])
    @pytest.mark.parametrize("kind", ["mail", "calendar"])
    def test_a_failure_while_saving_comes_out_as_the_right_one_of_five(
        self, world: World, kind: Literal["mail", "calendar"], failure: Failure
    ) -> None:
        needs(world, failure)
        side = self.side(world, kind)
        witness = side.witness()
        world.fail_next(failure)
        with pytest.raises(PortError) as raised:
            side.save_draft(a_draft(), witness) if kind == "mail" else side.save_hold(a_hold(), witness)  # type: ignore[union-attr]  # kind says which
        assert type(raised.value) is ERRORS[failure]
        assert CANARY not in repr(raised.value) + str(raised.value) + raised.value.remedy
        assert not isinstance(raised.value, RateLimited) or raised.value.retry_after >= timedelta(0)

    @pytest.mark.parametrize("failure", ["authorization", "rate", "unavailable"])
    @pytest.mark.parametrize("kind", ["mail", "calendar"])
    def test_a_failure_while_reading_comes_out_as_the_right_one_and_loses_nothing(
        self, world: World, kind: Literal["mail", "calendar"], failure: Failure
    ) -> None:
        needs(world, failure)
        side = self.side(world, kind)
        made = self.fill(world, kind)
        world.fail_next(failure)
        with pytest.raises(ERRORS[failure]):
            read(side)
        pages, _ = read(self.side(world, kind))
        assert sorted(set(names(pages))) == sorted(made)

    # Privacy

    def test_no_word_of_a_body_or_description_comes_through(self, world: World, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG), closing(world.open()) as connection:
            seen: list[object] = [connection]
            for side, kind in ((connection.mailbox, "mail"), (connection.calendar, "calendar")):
                if side is not None and kind not in world.cannot:
                    self.fill(world, "mail" if kind == "mail" else "calendar")
                    pages, cursors = read(side)
                    seen += [side, pages, cursors, side.feeds()]
        assert CANARY not in repr(seen)
        assert CANARY not in caplog.text
