"""One slice of reading: what each of the five errors leads to, and that nothing is lost, doubled or stopped by one bad thing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from connectors.memory import Connection, Mailbox
from connectors.port import (
    AuthorizationExpired,
    Changes,
    Cursor,
    CursorExpired,
    Feed,
    PortError,
    RateLimited,
    Rejected,
    Skipped,
    Unavailable,
)
from rules.facts import Address, MessageMetadata
from rules.kinds import judge
from rules.people import Verdict
from tests.worker.world import BOB, DAY, EVE, HOUR, ME, NOW, World, mail, meeting
from worker.pull import pull
from worker.pulled import Pulled, backoff
from worker.store import accounts, feeds, judging, left_out, people
from worker.store.accounts import StoredAccount
from worker.store.engine import DiskFull
from worker.store.store import Store

MANY = [mail(number, BOB, ME, at=NOW - number * DAY) for number in range(1, 11)]


@pytest.fixture
def world(empty_store: Store) -> World:
    return World(given=empty_store)


def account_of(world: World) -> StoredAccount:
    with world.store.read() as db:
        return accounts.get(db, "ada/main")


def test_a_first_read_stores_everything_and_says_so(world: World) -> None:
    world.receive(*MANY)
    pulled = world.pull()
    assert (pulled.upserted, pulled.is_done, pulled.error) == (10, True, "")
    assert world.stored_mail() == world.provided_mail()
    assert all(each.covered_since == datetime.min.replace(tzinfo=UTC) for each in world.feeds())


def test_a_slice_ends_when_its_time_is_up_and_the_next_goes_on(world: World) -> None:
    world.receive(*MANY)
    taken = iter([True, True])
    pulled = world.pull(budget=lambda: next(taken, False))
    assert not pulled.is_done
    assert pulled.next_attempt_at is None
    inbox = next(each for each in world.feeds() if each.id == "inbox")
    assert inbox.covered_since is not None
    assert len(world.stored_mail()) == pulled.upserted < 10
    world.pull_all()
    assert len(world.stored_mail()) == 10


def test_a_half_done_first_read_covers_as_far_as_it_came(world: World) -> None:
    world.receive(*MANY)
    taken = iter([True, True])  # the calendar is read first
    world.pull(budget=lambda: next(taken, False))
    inbox = next(each for each in world.feeds() if each.id == "inbox")
    assert inbox.covered_since == NOW - 3 * DAY
    assert inbox.is_rereading


def test_whom_a_first_read_has_put_off_is_judged_by_the_next_slice_after_a_crash(world: World) -> None:
    world.pull_all()
    page: Changes[MessageMetadata] = Changes(
        upserted=(mail("in", BOB, ME, at=NOW - 2 * DAY), mail("out", ME, BOB, at=NOW - DAY, in_reply_to=("in@mail.example",))),
        cursor=Cursor("x"),
    )
    with world.store.write() as db:
        inbox = next(each for each in feeds.stored_feeds(db, "ada") if each.id == "inbox")
        feeds.commit_page(db, inbox, page, NOW, is_judged_later=True)
        assert people.people(db, "ada") == []
    world.pull()
    with world.store.read() as db:
        assert [each.addresses for each in people.people(db, "ada")] == [(BOB.email,)]
        assert not judging.is_behind(db, "ada")


def test_an_address_that_cannot_be_judged_after_a_first_read_stops_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def poisoned(email: str, *rest: Any) -> Verdict:  # noqa: ANN401 - as `judge` takes them
        if email == EVE.email:
            raise ValueError(email)
        return judge(email, *rest)

    world.receive(
        mail("in", BOB, ME, at=NOW - 2 * DAY),
        mail("eve", EVE, ME),
        mail("out", ME, BOB, EVE, at=NOW - DAY, in_reply_to=("in@mail.example",)),
    )
    monkeypatch.setattr(judging, "judge", poisoned)
    world.pull_all()
    with world.store.read() as db:
        assert [each.addresses for each in people.people(db, "ada")] == [(BOB.email,)]
        assert not judging.is_behind(db, "ada")


def test_nothing_new_asks_for_no_page_but_the_feed_counts_as_read(world: World) -> None:
    world.receive(*MANY)
    world.pull_all()
    world.now += HOUR
    pulled = world.pull()
    assert pulled.pages == 0
    assert {each.last_ok_at for each in world.feeds()} == {world.now}


def test_an_expired_authorization_pauses_the_account_with_its_remedy(world: World) -> None:
    world.provider.fail_next(AuthorizationExpired("The sign-in has run out.", remedy="Run `rekindle connect` again."))
    pulled = world.pull()
    account = account_of(world)
    assert (account.state, account.error, account.remedy) == (
        "paused",
        "The sign-in has run out.",
        "Run `rekindle connect` again.",
    )
    assert (pulled.is_done, pulled.next_attempt_at) == (False, None)
    with world.store.write() as db:
        assert accounts.due(db, NOW + 365 * DAY) == []
        assert [accounts.tell(db, account.id, NOW) for _ in range(3)] == [True, False, False]
        accounts.resume(db, account.id, NOW)
        assert [each.id for each in accounts.due(db, NOW)] == [account.id]


def test_a_rate_limit_waits_as_long_as_it_says(world: World) -> None:
    world.provider.fail_next(RateLimited("Slow down.", retry_after=HOUR))
    pulled = world.pull()
    assert pulled.next_attempt_at is not None
    assert NOW + HOUR <= pulled.next_attempt_at <= NOW + HOUR + timedelta(minutes=1)
    assert account_of(world).next_attempt_at == pulled.next_attempt_at


def test_what_is_unavailable_is_tried_again_later_and_later_over_restarts(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/rekindle.db"
    waits, provider = [], World(url=url).provider
    world = World(url=url, provider=provider)
    for _ in range(14):
        provider.fail_next(Unavailable("No answer."))
        again = Store.open(url)
        with again.read() as db:
            account = accounts.get(db, "ada/main")
        pulled = pull(again, Connection(provider), account, world.now, budget=lambda: True)
        assert pulled.next_attempt_at is not None
        waits.append(pulled.next_attempt_at - world.now)
        again.close()
    for number, wait in enumerate(waits):
        longest = min(timedelta(minutes=1) * 2**number, timedelta(hours=6))
        assert longest / 2 <= wait <= longest
    assert world.pull().error == ""


def test_waits_are_spread_and_never_too_long() -> None:
    assert len({backoff(4) for _ in range(10)}) > 1
    assert max(backoff(99) for _ in range(50)) <= timedelta(hours=6)


def test_an_expired_cursor_reads_again_and_sweeps_what_is_gone(world: World) -> None:
    world.receive(*MANY)
    world.book(meeting("kept", NOW + DAY, BOB), meeting("gone", NOW + DAY, EVE))
    world.pull_all()
    for key in ("3", "7"):
        world.provider.mail.remove(key)
    world.provider.calendar.remove("gone")
    world.provider.mail.log.clear()
    world.provider.expire_cursors()
    world.pull_all()
    assert world.stored_mail() == world.provided_mail()
    assert [each[0] for each in world.occurrences()] == ["kept"]
    assert world.rows() == world.rebuilt()


def test_a_sweep_keeps_what_cannot_be_read_just_now(world: World) -> None:
    world.receive(mail(1, BOB, ME), mail(2, BOB, ME), mail(3, BOB, ME))
    world.pull_all()
    connection = Connection(world.provider)

    class Fails(Mailbox):
        def changes(self, feed: Feed, since: Cursor | None) -> Iterator[Changes[MessageMetadata]]:
            if since is not None:
                raise CursorExpired("What cursor?")
            skipped = (Skipped(remote_id="2", reason="the server fails on this message"),)
            yield Changes(upserted=(mail(1, BOB, ME),), skipped=skipped, cursor=Cursor("9"), is_last=True)

    world.receive(mail(4, BOB, ME))  # something is new
    connection.mailbox = Fails(world.provider, world.provider.mail, (Feed(id="inbox", name="Inbox"),))
    pull(world.store, connection, account_of(world), NOW, budget=lambda: True)
    assert {key for _, key in world.stored_mail()} == {"1", "2"}


def test_a_sweep_keeps_what_lies_outside_the_window_that_was_read(world: World) -> None:
    world.receive(mail("old", BOB, ME, at=NOW - 400 * DAY), mail("new", BOB, ME), mail("gone", BOB, ME, at=NOW - 20 * DAY))
    world.pull_all()
    with world.store.write() as db:
        inbox = next(each for each in feeds.stored_feeds(db, "ada") if each.id == "inbox")
        begun = feeds.begin_full_read(db, inbox)
        page = Changes(upserted=(mail("new", BOB, ME),), cursor=Cursor("x"), covered_since=NOW - 365 * DAY, is_last=True)
        feeds.commit_page(db, begun, page, NOW)
    assert {key for _, key in world.stored_mail()} == {"old", "new"}


def test_a_cursor_that_expires_at_once_again_is_no_endless_read(world: World) -> None:
    class Forgetful(Mailbox):
        def changes(self, feed: Feed, since: Cursor | None) -> Iterator[Changes[MessageMetadata]]:
            raise CursorExpired("What cursor?")
            yield

    connection = Connection(world.provider)
    connection.mailbox = Forgetful(world.provider, world.provider.mail, (Feed(id="inbox", name="Inbox"),))
    pulled = pull(world.store, connection, account_of(world), NOW, budget=lambda: True)
    assert pulled.error == "What cursor?"
    assert pulled.next_attempt_at is not None


class Poisoned(Mailbox):
    """A mailbox one folder of which fails."""

    error: Exception = RuntimeError("a bug in the connector")

    def changes(self, feed: Feed, since: Cursor | None) -> Iterator[Changes[MessageMetadata]]:
        if feed.id == "inbox":
            raise self.error
        return super().changes(feed, since)


@pytest.mark.parametrize(
    ("error", "is_tried_again"),
    [(RuntimeError("a bug"), True), (Unavailable("down"), True), (Rejected("It is a link to nowhere.", remedy="Mend it."), False)],
)
def test_one_poison_feed_never_stops_the_others(world: World, error: Exception, *, is_tried_again: bool) -> None:
    world.receive(mail(1, BOB, ME))
    world.receive(mail(2, ME, BOB), feed="sent")
    world.book(meeting("lunch", NOW + DAY, BOB))
    connection = Connection(world.provider)
    connection.mailbox = Poisoned(
        world.provider, world.provider.mail, (Feed(id="inbox", name="Inbox"), Feed(id="sent", name="Sent"))
    )
    connection.mailbox.error = error
    pulled = pull(world.store, connection, account_of(world), NOW, budget=lambda: True)
    assert {key for _, key in world.stored_mail()} == {"2"}
    assert [each[0] for each in world.occurrences()] == ["lunch"]
    inbox = next(each for each in world.feeds() if each.id == "inbox")
    assert inbox.error
    assert not isinstance(error, Rejected) or inbox.error == "It is a link to nowhere. Mend it."
    assert (pulled.next_attempt_at is not None) is is_tried_again
    world.pull_all()
    assert {key for _, key in world.stored_mail()} == {"1", "2"}
    assert not next(each for each in world.feeds() if each.id == "inbox").error


class Ill(Mailbox):
    """A mailbox some folders of which fail."""

    failing: frozenset[str] = frozenset()

    def changes(self, feed: Feed, since: Cursor | None) -> Iterator[Changes[MessageMetadata]]:
        if feed.id in self.failing:
            raise Unavailable(f"{feed.name} is ill")
        return super().changes(feed, since)


def ill(world: World, *failing: str) -> Connection:
    connection = Connection(world.provider)
    folders = tuple(Feed(id=each, name=each) for each in ("one", "two", "inbox", "three"))
    connection.mailbox = box = Ill(world.provider, world.provider.mail, folders)
    box.failing = frozenset(failing)
    return connection


def test_however_many_folders_are_ill_the_others_are_read_from_the_next_pull_on(world: World) -> None:
    world.receive(mail(1, BOB, ME))
    pull(world.store, ill(world, "one", "two"), account_of(world), NOW, budget=lambda: True)
    pulled = pull(world.store, ill(world, "one", "two"), account_of(world), NOW, budget=lambda: True)
    assert {key for _, key in world.stored_mail()} == {"1"}
    assert pulled.error == "one is ill"
    assert {each.id for each in world.feeds() if each.error} == {"one", "two"}


def test_a_folder_that_was_ill_once_is_read_again_though_others_stay_so(world: World) -> None:
    def read(*failing: str) -> None:
        connection = ill(world, *failing)
        plain = connection.mailbox.feeds()
        cast("Any", connection.mailbox).feeds = lambda: [replace(feed, hint="") for feed in plain]  # it is asked each time
        pull(world.store, connection, account_of(world), world.now, budget=lambda: True)
        world.now += HOUR

    for failing in (("one", "two"), ("one", "two"), ("one", "two", "inbox")):
        read(*failing)
    world.receive(mail(1, BOB, ME))
    for _ in range(2):
        read("one", "two")
    assert {key for _, key in world.stored_mail()} == {"1"}


def test_two_folders_that_are_ill_with_one_between_them_that_is_well_end_nothing(world: World) -> None:
    world.receive(mail(1, BOB, ME), feed="three")
    pull(world.store, ill(world, "one", "inbox"), account_of(world), NOW, budget=lambda: True)
    assert {key for _, key in world.stored_mail()} == {"1"}


@pytest.mark.parametrize(("failing", "attempts"), [(("one",), 0), (("one", "two", "inbox", "three"), 1)])
def test_what_cannot_be_read_of_an_account_keeps_only_itself_waiting(world: World, failing: tuple[str, ...], attempts: int) -> None:
    """Deliveries wait for an account that fails as a whole, whose back-off grows, and for no other."""
    connection = ill(world, *failing)
    cast("Any", connection).calendar = None
    pulled = pull(world.store, connection, account_of(world), NOW, budget=lambda: True)
    stored = account_of(world)
    assert (stored.error, stored.attempts) == ("one is ill", attempts)
    assert pulled.next_attempt_at == stored.next_attempt_at


def test_a_calendar_server_that_is_away_keeps_no_mail_from_being_read(world: World) -> None:
    world.receive(mail(1, BOB, ME))

    class Away:
        def feeds(self) -> list[Feed]:
            raise Unavailable("The calendar server is away")

    connection = Connection(world.provider)
    connection.calendar = cast("Any", Away())
    pulled = pull(world.store, connection, account_of(world), NOW, budget=lambda: True)
    assert {key for _, key in world.stored_mail()} == {"1"}
    assert (pulled.error, account_of(world).attempts) == ("The calendar server is away", 0)


def test_one_poison_fact_is_counted_and_its_neighbours_are_stored(world: World) -> None:
    bad = replace(mail(2, BOB, ME), size=object())  # type: ignore[arg-type]  # what no database stores
    world.receive(mail(1, BOB, ME), bad, mail(3, EVE, ME))
    world.pull_all()
    assert {key for _, key in world.stored_mail()} == {"1", "3"}
    with world.store.read() as db:
        assert [(each.reason, each.count, each.example) for each in left_out.skips(db, "ada/main")] == [
            ("it cannot be stored", 1, "2")
        ]


def test_a_page_of_hundreds_shows_what_they_show_one_by_one(world: World) -> None:
    crowd = [Address(email=f"p{number}@firm.example", name=f"Person No{number}") for number in range(9)]
    mails = [
        mail(f"m{number}", crowd[number % 9], ME, *crowd[number % 5 : number % 7], at=NOW - timedelta(hours=number % 40))
        for number in range(150)
    ]
    world.receive(*mails)
    world.pull_all()
    small = world.rows()
    assert len(small["party"]) > 300
    for each in mails:
        world.provider.mail.remove(each.remote_id)
    world.pull_all()
    assert world.rows()["party"] == []
    world.provider.page_size = 500
    world.receive(*mails)
    world.pull_all()
    assert world.rows() == small == world.rebuilt()


def test_text_no_database_takes_is_cleaned_and_stored(world: World) -> None:
    odd = replace(mail(1, Address(email="x@y.example", name="\0Zoë \ud800"), ME), subject="half \udcff and NUL \0")
    world.receive(odd)
    world.pull_all()
    [stored] = world.stored_mail().values()
    assert stored.subject == "half ? and NUL "
    assert stored.from_[0].name == "Zoë ?"


def test_skipped_things_are_counted_by_reason_and_a_full_read_counts_anew(world: World) -> None:
    world.pull_all()
    with world.store.write() as db:
        inbox = next(each for each in feeds.stored_feeds(db, "ada") if each.id == "inbox")
        page: Changes[MessageMetadata] = Changes(
            skipped=tuple(Skipped(remote_id=f"{n}", reason="no header") for n in (1, 2)), cursor=Cursor("x")
        )
        inbox = feeds.commit_page(db, inbox, page, NOW)
        assert [(each.reason, each.count) for each in left_out.skips(db, "ada/main")] == [("no header", 2)]
        feeds.begin_full_read(db, inbox)
        assert left_out.skips(db, "ada/main") == []


def test_what_is_older_than_is_kept_is_counted_and_not_stored(world: World) -> None:
    kept_since = NOW - 300 * DAY
    world.receive(mail(1, BOB, ME, at=kept_since - HOUR), mail(2, BOB, ME, at=kept_since))
    series = meeting("weekly", NOW - 400 * DAY, BOB, recurrence=("RRULE:FREQ=WEEKLY",))
    world.book(meeting("old", NOW - 400 * DAY, EVE), meeting("new", NOW - 20 * DAY, BOB), series)
    pull(world.store, Connection(world.provider), account_of(world), NOW, budget=lambda: True, kept_since=kept_since)
    assert {key for _, key in world.stored_mail()} == {"2"}
    assert {each[0] for each in world.occurrences()} == {"new", "weekly"}
    with world.store.read() as db:
        assert [(each.feed, each.count, each.example) for each in left_out.skips(db, "ada/main")] == [
            ("main", 1, "old"),
            ("inbox", 1, "1"),
        ]
    inbox = next(each for each in world.feeds() if each.id == "inbox")
    assert inbox.covered_since == kept_since
    world.catch_up()
    assert world.rows() == world.rebuilt()


def test_an_old_exception_of_a_series_is_kept_with_it_however_old(world: World) -> None:
    begun = NOW - 400 * DAY
    series = meeting("weekly", begun, BOB, recurrence=("RRULE:FREQ=WEEKLY",))
    world.book(series, meeting("weekly", begun + HOUR, EVE, remote_id="weekly.0", original_start=begun))
    pull(world.store, Connection(world.provider), account_of(world), NOW, budget=lambda: True, kept_since=NOW - 300 * DAY)
    assert world.stored_events().keys() == {"weekly", "weekly.0"}
    with world.store.read() as db:
        assert left_out.skips(db, "ada/main") == []


def test_a_meeting_moved_further_back_than_is_kept_is_gone_from_where_it_stood(world: World) -> None:
    world.book(meeting("lunch", NOW + DAY, BOB))
    world.pull_all()
    world.book(meeting("lunch", NOW - 400 * DAY, BOB))
    since = NOW - 300 * DAY
    pull(world.store, Connection(world.provider), account_of(world), NOW, budget=lambda: True, kept_since=since)
    assert world.occurrences() == []


def test_a_full_disk_ends_the_slice_as_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise DiskFull("There is no room left.", remedy="Free some space.")

    world.receive(*MANY)
    monkeypatch.setattr(feeds, "commit_page", full)
    with pytest.raises(DiskFull):
        world.pull()
    monkeypatch.undo()
    world.pull_all()
    assert len(world.stored_mail()) == 10


def test_a_page_of_a_reader_that_was_overtaken_is_dropped_and_no_cursor_moves_back(world: World) -> None:
    world.receive(*MANY)
    world.pull_all()
    stale = next(each for each in world.feeds() if each.id == "inbox")
    world.receive(mail(11, BOB, ME))
    world.pull_all()
    now = next(each for each in world.feeds() if each.id == "inbox")
    page = Changes(upserted=(mail(99, BOB, ME),), cursor=Cursor("older"))
    with pytest.raises(feeds.Overtaken), world.store.write() as db:
        feeds.commit_page(db, stale, page, NOW)
    assert next(each for each in world.feeds() if each.id == "inbox") == now
    assert "99" not in {key for _, key in world.stored_mail()}


@pytest.mark.parametrize(("told", "kept"), [(None, "asked before"), ("told", "told"), ("", "")])
def test_the_mark_a_page_tells_goes_before_the_one_that_was_asked_for(world: World, told: str | None, kept: str) -> None:
    with world.store.write() as db:
        [stored, *_] = feeds.sync_feeds(db, "ada/main", "ada", "calendar", [Feed(id="home", name="Home")], NOW)
        begun = feeds.begin_full_read(db, stored)
        page: Changes[MessageMetadata] = Changes(cursor=Cursor("1"), hint=told, is_last=True)
        assert feeds.commit_page(db, begun, page, NOW, hint="asked before").hint == kept


def test_two_readers_on_one_sqlite_file_do_no_harm(tmp_path: Path) -> None:
    first = World(url=f"sqlite:///{tmp_path}/rekindle.db")
    first.receive(*[mail(number, BOB if number % 2 else EVE, ME, at=NOW - number * HOUR) for number in range(40)])
    second = Store.open(first.url)
    start = threading.Barrier(2)

    def read(store: Store) -> Pulled:
        start.wait()
        pulled = Pulled(is_done=False)
        for _ in range(30):
            with store.read() as db:
                account = accounts.get(db, "ada/main")
            pulled = pull(store, Connection(first.provider), account, NOW, budget=lambda: True)
            assert not pulled.error
        return pulled

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(read, [first.store, second]))
    assert first.stored_mail() == first.provided_mail()
    assert first.rows() == first.rebuilt()
    second.close()


def test_a_late_backfill_counts_each_message_once_and_in_its_place(world: World) -> None:
    world.receive(*MANY[:3])
    world.pull_all()
    world.receive(*MANY[3:], mail(0, ME, BOB, at=NOW - 300 * DAY, labels=frozenset({"\\Sent"})))
    world.pull_all()
    with world.store.read() as db:
        [bob] = people.find(db, "ada", BOB.email)
    relation = world.network(bob.id).relations[0]
    assert len(relation.contacts) == 11
    assert relation.contacts[0].at == NOW - 300 * DAY
    assert world.rows() == world.rebuilt()


def test_a_mail_of_which_the_sent_copy_is_found_only_later_counts_once(world: World) -> None:
    world.receive(mail(1, ME, BOB))
    world.pull_all()
    world.receive(replace(mail(1, ME, BOB, labels=frozenset({"\\Sent"})), remote_id="copy"), feed="sent")
    world.pull_all()
    assert [row[2] for row in world.rows()["address"] if row[0] == BOB.email] == [{"to": 1}]
    assert world.rows() == world.rebuilt()


def test_a_folder_that_is_gone_takes_what_only_it_held(world: World) -> None:
    world.receive(mail(1, BOB, ME))
    world.receive(replace(mail(1, BOB, ME), remote_id="copy"), mail(2, EVE, ME), feed="sent")
    world.pull_all()
    connection = Connection(world.provider)
    connection.mailbox = Mailbox(world.provider, world.provider.mail, (Feed(id="inbox", name="Inbox", role="\\Inbox"),))
    pull(world.store, connection, account_of(world), NOW, budget=lambda: True)
    assert list(world.stored_mail()) == [("inbox", "1")]
    assert {row[2] for row in world.rows()["party"]} == {"1@mail.example"}
    assert world.rows() == world.rebuilt()


def test_an_alias_the_provider_knows_turns_strangers_mail_into_the_owners_own(world: World) -> None:
    alias = Address(email="a.owner@old.example", name="Ada Owner")
    world.receive(mail(1, alias, BOB), mail(2, BOB, alias))
    world.pull_all()
    assert world.network().relations == []
    world.provider.addresses = (ME, alias)
    world.pull_all()
    with world.store.read() as db:
        assert [each.name for each in people.people(db, "ada")] == ["Bob Stone"]
        assert accounts.keys_of([alias]) <= accounts.owner_keys(db, "ada").keys
    assert world.rows() == world.rebuilt()


@pytest.mark.parametrize("error", [AuthorizationExpired("a"), RateLimited("b", retry_after=HOUR), Unavailable("c"), Rejected("d")])
def test_a_failure_between_two_pages_loses_nothing_that_was_read(world: World, error: PortError) -> None:
    world.receive(*MANY)
    asked = iter([True, True])  # the calendar is read first

    def budget() -> bool:
        if next(asked, False):
            return True
        world.provider.fail_next(error)
        return True

    pulled = world.pull(budget=budget)
    world.provider.forget_failures()
    assert 0 < len(world.stored_mail()) < 10 or isinstance(error, Rejected)
    assert bool(pulled.error) or isinstance(error, Rejected)
    with world.store.write() as db:
        accounts.resume(db, "ada/main", NOW)
    world.pull_all()
    assert world.stored_mail() == world.provided_mail()


def test_calendars_are_read_before_mail(world: World) -> None:
    world.receive(*MANY)
    world.book(meeting("lunch", NOW + DAY, BOB))
    taken = iter([True])
    world.pull(budget=lambda: next(taken, False))
    assert world.stored_mail() == {}
    assert [each.id for each in world.feeds() if not each.is_rereading and each.cursor is not None] == ["main"]


def test_our_own_pacing_is_no_failure(world: World) -> None:
    world.receive(*MANY)
    world.provider.fail_next(RateLimited("paced", retry_after=HOUR, is_paced=True))
    pulled = world.pull()
    assert (pulled.is_done, pulled.error, pulled.held_back) == (False, "", HOUR)
    with world.store.read() as db:
        account = accounts.get(db, "ada/main")
    assert (account.state, account.error, account.attempts) == ("active", "", 0)


class Slow:
    """Pages of a folder, read ahead: each says whether it is there yet."""

    def __init__(self, pages: Iterator[Any], is_there: Callable[[], bool]) -> None:
        self.pages, self.is_there = pages, is_there

    def __iter__(self) -> Slow:
        return self

    def __next__(self) -> Any:  # noqa: ANN401 - a page
        return next(self.pages)

    def close(self) -> None:
        """Nothing to stop."""


class Beside:
    """A mailbox whose folders are read side by side; the inbox's pages come when all others have."""

    at_once = 3

    def __init__(self, real: Any, taken: list[str]) -> None:  # noqa: ANN401 - the memory provider's
        self.real, self.taken = real, taken

    def feeds(self) -> Any:  # noqa: ANN401 - as above
        return self.real.feeds()

    def changes(self, feed: Any, since: Any) -> Slow:  # noqa: ANN401 - as above
        def pages() -> Iterator[Any]:
            for page in self.real.changes(feed, since):
                self.taken.append(feed.id)
                yield page

        return Slow(pages(), lambda: feed.id != "inbox")


def test_of_folders_read_side_by_side_the_page_that_is_there_is_taken(world: World) -> None:
    world.receive(*MANY)
    world.receive(
        *(replace(each, message_id=f"sent.{each.message_id}", remote_id=f"sent.{each.remote_id}") for each in MANY), feed="sent"
    )
    connection, taken = Connection(world.provider), list[str]()
    connection.mailbox = Beside(connection.mailbox, taken)  # type: ignore[assignment]  # all of it that a pull asks
    with world.store.read() as db:
        account = accounts.get(db, "ada/main")
    done = pull(world.store, connection, account, world.now, budget=lambda: True)
    assert done.is_done
    assert taken == sorted(taken, reverse=True), "all of sent, and then what was waited for"
    assert {"sent", "inbox"} == set(taken)
    assert world.stored_mail() == world.provided_mail()
