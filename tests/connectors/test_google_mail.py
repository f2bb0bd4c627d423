"""Gmail as it behaves: histories that end, drafts that save themselves, sent mail told as a label, and a minute's quota."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from connectors.google import lanes, mail, reading
from connectors.port import BEGINNING, Cursor, CursorExpired, Edited, Gone, RateLimited, Rejected, Saved, Sent, Unavailable, Unclear
from tests.connectors.contract_world import EVA, NOON, a_draft, gone, names, pages_of, read
from tests.connectors.google_world import GoogleWorld, google_world

GETS = "gmail.users.messages.get"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleWorld]:
    monkeypatch.setattr(reading, "LIST_PAGE", 4)
    monkeypatch.setattr(mail, "READ", 3)
    with google_world() as found:
        yield found


def mailbox(world: GoogleWorld, **more: Any) -> Any:  # noqa: ANN401 - the port's Mailbox, there for sure
    return world.open(**more).mailbox


def filled(world: GoogleWorld, count: int = 10) -> dict[str, Cursor]:
    for number in range(count):
        world.letter(f"old{number}@elsewhere.example", at=NOON - timedelta(hours=number))
    _, cursors = read(mailbox(world))
    world.google.calls.clear()
    world.google.requests.clear()
    return cursors


def later(world: GoogleWorld, cursors: dict[str, Cursor]) -> tuple[list[str], list[str]]:
    pages, _ = read(mailbox(world), cursors)
    return names(pages), gone(pages)


# History


def test_an_idle_poll_is_one_request_and_at_most_two_units(world: GoogleWorld) -> None:
    filled(world)
    before = world.google.spent(world.email)
    connection = world.open()
    connection.addresses()
    assert connection.mailbox is not None
    connection.mailbox.feeds()
    assert len(world.google.requests) == 1
    assert world.google.spent(world.email) - before <= 2


def test_a_message_that_is_gone_before_it_is_read_is_no_failure(world: GoogleWorld) -> None:
    cursors = filled(world)
    kept, lost = world.letter("kept@x.example", at=NOON), world.letter("lost@x.example", at=NOON)
    world.google.fail("404", GETS, nth=2)
    assert later(world, cursors)[0] == ["kept@x.example"]
    assert {kept.id, lost.id} <= set(world.mail.mails)


def test_a_message_added_and_deleted_since_is_not_asked_for(world: GoogleWorld) -> None:
    cursors = filled(world)
    world.mail.remove(world.letter("short@x.example", at=NOON).id)
    assert later(world, cursors)[0] == []
    assert GETS not in world.google.calls


def test_drafts_that_save_themselves_cost_nothing(world: GoogleWorld) -> None:
    cursors = filled(world)
    draft = world.mail.receive([("From", world.email)], "x", at=NOON, labels={"DRAFT"})
    world.mail.drafts["r1"] = draft.id
    for _ in range(20):
        world.mail.edit_draft("r1")
    assert later(world, cursors)[0] == []
    assert GETS not in world.google.calls


@pytest.mark.parametrize("by_label", [False, True])
def test_sent_mail_is_seen_whether_told_as_a_message_or_as_a_label(world: GoogleWorld, *, by_label: bool) -> None:
    cursors = filled(world)
    draft = world.letter("mine@example.org", at=NOON, labels={"DRAFT"})
    world.mail.drafts["r1"] = draft.id
    world.mail.send_draft("r1", by_label=by_label)
    pages, _ = read(mailbox(world), cursors)
    assert [fact.labels & {"\\Sent"} for page in pages for fact in page.upserted if hasattr(fact, "labels")] == [{"\\Sent"}]


def test_mail_thrown_away_and_taken_back_changes_its_roles(world: GoogleWorld) -> None:
    cursors = filled(world)
    one = world.letter("x@x.example", at=NOON)
    world.mail.label(one.id, add={"TRASH"}, remove={"INBOX"})
    pages, after = read(mailbox(world), cursors)
    assert ["\\Trash" in fact.labels for page in pages for fact in page.upserted if hasattr(fact, "labels")] == [True]
    world.mail.label(one.id, add={"STARRED"})
    assert later(world, after)[0] == [], "a star changes nothing we look at"


def test_a_history_of_many_pages_commits_as_it_goes_and_can_be_resumed(world: GoogleWorld) -> None:
    cursors = filled(world)
    new = [f"new{number}@x.example" for number in range(11)]
    for name in new:
        world.letter(name, at=NOON)
    feed = mailbox(world).feeds()[0]
    pages = pages_of(mailbox(world), feed, cursors[feed.id])
    assert len(pages) > 3
    for at, page in enumerate(pages):
        assert {*names(pages[: at + 1]), *names(pages_of(mailbox(world), feed, page.cursor))} == set(new)


def test_a_history_that_is_cut_short_by_the_quota_loses_nothing(world: GoogleWorld) -> None:
    cursors = filled(world)
    for number in range(11):
        world.letter(f"new{number}@x.example", at=NOON)
    world.google.fail("403 rateLimitExceeded", GETS, nth=5, times=9)
    seen, cursor = [], cursors["mail"]
    with pytest.raises(RateLimited):  # noqa: PT012 - it comes in the middle of reading
        for page in mailbox(world).changes(mailbox(world).feeds()[0], cursor):
            seen += names([page])
            cursor = page.cursor
    world.google.faults.clear()
    assert seen
    assert set(seen) | set(later(world, {"mail": cursor})[0]) == {f"new{number}@x.example" for number in range(11)}


def test_an_expired_history_is_no_account_error(world: GoogleWorld) -> None:
    cursors = filled(world)
    world.mail.forget_history()
    with pytest.raises(CursorExpired):
        read(mailbox(world), cursors)


def test_items_repeated_over_pages_are_reported_once_a_page(world: GoogleWorld) -> None:
    cursors = filled(world)
    world.letter("new@x.example", at=NOON)
    world.google.fail("repeat item", "gmail.users.history.list")
    assert later(world, cursors)[0] == ["new@x.example"]


# The first read


def test_mail_that_arrives_while_the_first_read_runs_is_not_missed(world: GoogleWorld) -> None:
    for number in range(9):
        world.letter(f"old{number}@x.example", at=NOON - timedelta(hours=number))
    side = mailbox(world)
    pages = side.changes(side.feeds()[0], None)
    first = next(pages)
    world.letter("meanwhile@x.example", at=NOON + timedelta(hours=1))
    rest = [first, *pages]
    assert "meanwhile@x.example" in {*names(rest), *later(world, {"mail": rest[-1].cursor})[0]}


def test_mail_deleted_while_the_first_read_waits_does_not_hide_other_mail(world: GoogleWorld) -> None:
    for number in range(12):
        world.letter(f"old{number}@x.example", at=NOON - timedelta(hours=number))
    side = mailbox(world)
    first = next(side.changes(side.feeds()[0], None))
    for name in names([first])[:2]:
        world.remove_mail(name)
    rest = pages_of(mailbox(world), side.feeds()[0], first.cursor)
    assert {*names([first]), *names(rest)} == {f"old{number}@x.example" for number in range(12)}


def test_the_first_read_goes_newest_first_says_how_far_and_ends_with_its_window(world: GoogleWorld) -> None:
    now = datetime.now(UTC)
    for months in range(0, 48, 2):
        world.letter(f"m{months}@x.example", at=now - timedelta(days=30 * months))
    pages, _ = read(mailbox(world))
    ages = [int(name[1:].partition("@")[0]) for name in names(pages)]
    assert ages == sorted(ages)
    assert 18 <= max(ages) <= 26
    marks = [page.covered_since for page in pages]
    assert marks[-1] == datetime.min.replace(tzinfo=UTC)
    assert all(one > other for one, other in pairwise(marks) if one and other)
    to_come = [sum(len(later.upserted) for later in pages[at + 1 :]) for at in range(len(pages))]
    said = [page.remaining for page in pages]
    assert said[0] == 21, "of all there is: nothing shows yet how dense it lies"
    assert all(abs((one or 0) - true) <= 3 for one, true in zip(said[1:], to_come[1:], strict=True)), (said, to_come)


def test_one_message_with_an_absurdly_old_date_does_not_end_the_first_read(world: GoogleWorld) -> None:
    for number in range(9):
        world.letter(f"old{number}@x.example", at=NOON - timedelta(hours=number))
    odd = world.letter("odd@x.example", at=NOON - timedelta(hours=1))
    listed = world.mail.mails[odd.id]
    world.google.latency = lambda method: _age(listed) if method == "batch" else 0.0
    pages, _ = read(mailbox(world))
    assert len(set(names(pages))) == 10


def _age(one: Any) -> float:  # noqa: ANN401 - the simulator's Mail
    """Let Google tell another date for it when it is read than when it was listed: migrated mail."""
    one.at = datetime(1999, 1, 1, tzinfo=UTC) if one.at.year != 1999 else one.at
    return 0.0


class Purse:
    """A quota of so many units that never comes back."""

    def __init__(self, units: int) -> None:
        self.units = units

    def take(self, name: str, *, price: int, count: int, limit: int) -> int:
        paid = min(count, self.units // price)
        if paid < 1:
            raise RateLimited("used up", retry_after=timedelta(seconds=1), is_paced=True)
        self.units -= paid * price
        return paid


def test_reading_stops_where_the_minute_is_used_up_and_goes_on_there(world: GoogleWorld) -> None:
    for number in range(12):
        world.letter(f"old{number}@x.example", at=NOON - timedelta(hours=number))
    seen: list[str] = []
    cursor: Cursor | None = None
    for _ in range(20):
        world.account = replace(world.account, quota=Purse(70))
        side = mailbox(world)
        feed = side.feeds()[0]
        try:
            for page in side.changes(feed, cursor):
                seen += names([page])
                cursor = page.cursor
        except RateLimited:
            continue
        break
    assert sorted(seen) == sorted({f"old{number}@x.example" for number in range(12)})
    assert world.google.calls.count(GETS) == 12, "nothing is read twice"


def test_batches_run_side_by_side_never_more_than_four_and_each_on_a_service_of_its_own(
    world: GoogleWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "READ", 25)
    monkeypatch.setattr(reading, "LIST_PAGE", 500)
    monkeypatch.setattr(lanes, "BATCH", 5)
    for number in range(50):
        world.letter(f"old{number}@x.example", at=NOON - timedelta(hours=number))
    world.google.latency = lambda method: 0.5 if method == "batch" else 0.0
    pages, _ = read(mailbox(world))
    assert names(pages) == [f"old{number}@x.example" for number in range(50)], "each once, in their order"
    assert world.google.requests.count("POST /batch") == 10
    assert 2 <= world.google.busiest <= lanes.LANES


def test_one_batch_of_a_wave_that_breaks_loses_nothing(world: GoogleWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "READ", 8)
    monkeypatch.setattr(reading, "LIST_PAGE", 500)
    monkeypatch.setattr(lanes, "BATCH", 2)
    for number in range(8):
        world.letter(f"old{number}@x.example", at=NOON - timedelta(hours=number))
    world.google.fail("502 html", "batch", nth=3)
    side = mailbox(world)
    with pytest.raises(Unavailable):
        read(side)
    assert len(names(read(side)[0])) == 8


def test_prices_and_limits_are_settings(world: GoogleWorld) -> None:
    asked: list[tuple[int, int]] = []

    class Noting(Purse):
        def take(self, name: str, *, price: int, count: int, limit: int) -> int:
            asked.append((price, limit))
            return count

    world.account = replace(world.account, quota=Noting(0))
    world.letter("1@x.example", at=NOON)
    read(mailbox(world, units=("messages.get=5",), units_per_minute=15000))
    assert (5, 15000) in asked
    with pytest.raises(Rejected):
        mailbox(world, units=("messages.gett=5",))


# Drafts


def reply(world: GoogleWorld, subject: str = "Re: About") -> Any:  # noqa: ANN401 - a Draft
    one = world.letter("question@elsewhere.example", subject="About", at=NOON)
    return replace(
        a_draft(),
        subject=subject,
        thread_id=one.thread,
        in_reply_to="question@elsewhere.example",
        references=("question@elsewhere.example",),
    )


def test_a_reply_lies_in_its_conversation(world: GoogleWorld) -> None:
    draft = reply(world)
    side = mailbox(world)
    saved = side.save_draft(draft, side.witness())
    stored = world.mail.mails[saved.version]
    assert saved.place == stored.thread == draft.thread_id
    assert (stored.header("In-Reply-To"), stored.header("References")) == ("<question@elsewhere.example>",) * 2
    assert not [name for name, _ in stored.headers if name.lower().startswith("x-")]


def test_a_reply_that_google_puts_elsewhere_is_taken_back(world: GoogleWorld) -> None:
    draft = reply(world, subject="Something else")
    side = mailbox(world)
    with pytest.raises(Rejected):
        side.save_draft(draft, side.witness())
    assert world.mail.drafts == {}


def test_a_conversation_with_a_draft_in_it_is_left_to_the_owner(world: GoogleWorld) -> None:
    draft = reply(world)
    world.mail.drafts["theirs"] = world.letter("theirs@example.org", at=NOON, labels={"DRAFT"}, thread=draft.thread_id).id
    side = mailbox(world)
    with pytest.raises(Rejected):
        side.save_draft(draft, side.witness())
    assert list(world.mail.drafts) == ["theirs"]


def lost(world: GoogleWorld) -> Any:  # noqa: ANN401 - a Witness
    """Save a draft and lose the answer; returns the witness."""
    side = mailbox(world)
    witness = side.witness()
    world.lose_next_answer()
    with pytest.raises(Exception, match="broke off"):
        side.save_draft(a_draft(), witness)
    return witness


def test_a_draft_the_owner_edited_before_the_retry_gets_no_second(world: GoogleWorld) -> None:
    witness = lost(world)
    world.mail.edit_draft(next(iter(world.mail.drafts)))
    assert mailbox(world).save_draft(a_draft(), witness) == Edited()
    assert len(world.drafts()) == 1


@pytest.mark.parametrize("keeps_id", [True, False])
def test_a_draft_the_owner_sent_before_the_retry_gets_no_second(world: GoogleWorld, *, keeps_id: bool) -> None:
    witness = lost(world)
    world.mail.send_draft(next(iter(world.mail.drafts)), keeps_id=keeps_id)
    assert mailbox(world).save_draft(a_draft(), witness) == Sent()
    assert [one.is_sent for one in world.drafts()] == [True]


@pytest.mark.parametrize("is_history_gone", [False, True])
def test_a_draft_the_owner_sent_to_one_more_before_the_retry_gets_no_second(world: GoogleWorld, *, is_history_gone: bool) -> None:
    witness = lost(world)
    draft, one = next(iter(world.mail.drafts.items()))
    mail = world.mail.mails[one]
    mail.headers = [(name, f"{value}, zoe@elsewhere.example" if name == "To" else value) for name, value in mail.headers]
    world.mail.send_draft(draft, keeps_id=False)
    if is_history_gone:
        world.mail.forget_history()
        world.google.clock.turn(timedelta(minutes=10))
    assert mailbox(world).save_draft(a_draft(), witness) == Sent()
    assert len(world.drafts()) == 1


def test_a_draft_the_owner_deleted_before_the_retry_is_not_made_again(world: GoogleWorld) -> None:
    witness = lost(world)
    world.mail.remove(next(iter(world.mail.drafts.values())))
    assert mailbox(world).save_draft(a_draft(), witness) == Gone(is_sure=False), "what has vanished may have been another's"
    assert world.drafts() == []


def test_a_draft_the_owner_threw_away_before_the_retry_is_gone_for_certain(world: GoogleWorld) -> None:
    witness = lost(world)
    world.mail.label(next(iter(world.mail.drafts.values())), add={"TRASH"})
    assert mailbox(world).save_draft(a_draft(), witness) == Gone()


@pytest.mark.parametrize("to", ["Zoe <zoe@elsewhere.example>", "Eva <eva@elsewhere.example>, Zoe <zoe@elsewhere.example>"])
@pytest.mark.parametrize("ends", ["edited", "sent", "removed"])
def test_a_draft_of_the_owners_own_that_came_and_went_before_the_retry_is_no_certain_sign(
    world: GoogleWorld, to: str, ends: str
) -> None:
    """Gmail saves what is being written again and again; nothing of ours was ever there, and nobody can tell."""
    side = mailbox(world)
    witness = side.witness()
    theirs = [("From", "ada@example.org"), ("To", to), ("Subject", "Later"), ("Message-ID", "<theirs@example.org>")]
    world.mail.drafts["theirs"] = world.mail.receive(theirs, "b", at=NOON, labels={"DRAFT"}).id
    if ends == "edited":
        world.mail.edit_draft("theirs")
    elif ends == "sent":
        world.mail.send_draft("theirs")
    else:
        world.mail.remove(world.mail.drafts["theirs"])
    assert mailbox(world).save_draft(a_draft(), witness) == Gone(is_sure=False)


def test_where_history_is_gone_and_search_lags_nothing_is_made_until_it_can_be_known(world: GoogleWorld) -> None:
    world.mail.lagging_since = world.mail.history
    witness = lost(world)
    world.mail.forget_history()
    assert isinstance(mailbox(world).save_draft(a_draft(), witness), Unclear)
    world.mail.lagging_since = None
    again = mailbox(world).save_draft(a_draft(), witness)
    assert isinstance(again, Saved)
    assert again.is_adopted
    assert len(world.drafts()) == 1


def test_where_history_is_gone_and_nothing_was_made_it_is_made_after_a_minute(world: GoogleWorld) -> None:
    witness = mailbox(world).witness()
    world.mail.forget_history()
    assert isinstance(mailbox(world).save_draft(a_draft(), witness), Unclear)
    world.google.clock.turn(timedelta(seconds=61))
    assert isinstance(mailbox(world).save_draft(a_draft(), witness), Saved)


def test_what_was_sent_before_a_restore_is_found_among_sent_mail(world: GoogleWorld) -> None:
    side = mailbox(world)
    saved = side.save_draft(a_draft(), side.witness())
    world.google.clock.turn(NOON - datetime.now(UTC))
    world.mail.send_draft(saved.remote_id, keeps_id=False)
    assert mailbox(world).save_draft(a_draft(), BEGINNING) == Sent()


def test_a_draft_id_that_changes_with_an_edit_is_an_edit(world: GoogleWorld) -> None:
    side = mailbox(world)
    saved = side.save_draft(a_draft(), side.witness())
    world.mail.edit_draft(saved.remote_id, rotates=True)
    assert mailbox(world).look(saved) == Edited()
    assert mailbox(world).withdraw(saved) == Edited()


def test_a_draft_sent_under_another_message_id_is_sent(world: GoogleWorld) -> None:
    side = mailbox(world)
    saved = side.save_draft(a_draft(), side.witness())
    world.mail.send_draft(saved.remote_id, keeps_id=False)
    assert mailbox(world).look(saved) == Sent()


def test_a_draft_of_the_owners_own_is_never_taken_for_ours(world: GoogleWorld) -> None:
    side = mailbox(world)
    witness = side.witness()
    world.mail.drafts["theirs"] = world.letter("theirs@example.org", at=NOON, labels={"DRAFT"}).id
    saved = side.save_draft(a_draft(), witness)
    assert isinstance(saved, Saved)
    assert not saved.is_adopted
    assert len(world.mail.drafts) == 2
    assert EVA.email in world.mail.mails[saved.version].header("To")


def test_without_a_writer_nothing_is_written(world: GoogleWorld) -> None:
    del world.secrets.words["writer"]
    side = mailbox(world, access="mail")
    with pytest.raises(Rejected):
        side.save_draft(a_draft(), side.witness())
