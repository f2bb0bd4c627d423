"""What every connector promises about reading: nothing lost, nothing twice, nothing marked, every failure named."""

from __future__ import annotations

import logging
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from connectors.port import (
    Calendar,
    CursorExpired,
    Mailbox,
    PortError,
    RateLimited,
)
from tests.connectors.contract_world import (
    CANARY,
    ERRORS,
    NOON,
    Failure,
    World,
    a_draft,
    a_hold,
    gone,
    name_of,
    names,
    needs,
    pages_of,
    read,
)


class Sides:
    """Opens both sides of a world and fills them."""

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


class ReadingContract(Sides):
    """Every promise about reading, as a test."""

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
