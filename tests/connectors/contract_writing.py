"""What every connector promises about drafts and holds: once, unsent, uninvited, and the owner's from the first touch."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.port import (
    BEGINNING,
    Edited,
    Gone,
    Moved,
    Saved,
    Sent,
    Unavailable,
    Untouched,
)
from rules.facts import CalendarEvent
from rules.suggestions import Draft, Hold, Invite
from tests.connectors.contract_reading import Sides
from tests.connectors.contract_world import (
    EVA,
    NOON,
    StoredDraft,
    StoredHold,
    World,
    a_draft,
    a_hold,
    an_invite,
    needs,
    read,
)


class DraftContract(Sides):
    """Every promise about drafts, as a test."""

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


class HoldContract(Sides):
    """Every promise about holds and invites, as a test."""

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
