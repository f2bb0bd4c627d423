"""Several questions at once to Graph: three folders side by side, one call for an idle look, and never one too many."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from connectors.microsoft.lanes import Lanes
from connectors.port import Connection, RateLimited
from rules.people import OwnerKeys
from tests.connectors.contract import ME, NOON
from tests.connectors.microsoft_world import MicrosoftWorld
from tests.simulators.microsoft.post import recipient
from worker.kept import Kept
from worker.pull import pull
from worker.pulled import Pulled
from worker.store import accounts, feeds
from worker.store.gate import StoredGate
from worker.store.store import Store
from worker.store.tables import message

HOUR = timedelta(hours=1)


class Office:
    """A mailbox, and a store it is read into as `rekindle run` does."""

    def __init__(self, folder: Path) -> None:
        self.world = MicrosoftWorld(folder)
        self.url = f"sqlite:///{folder}/office.db"
        self.store = Store.open(self.url)
        self.world.gate = StoredGate(self.store, lambda: NOON)
        with self.store.write() as db:
            accounts.register_owner(db, "ada", OwnerKeys(keys=frozenset({ME.email})), "UTC")
            accounts.register(db, owner="ada", name="work", provider="microsoft", addresses=[ME], now=NOON)

    def letters(self, folder: str, count: int) -> None:
        for number in range(count):
            who = recipient(f"{folder}{number % 7}@far.example")
            at = NOON - number * HOUR
            self.world.mail(f"{folder}{number}@far.example", at=at, folder=folder)["from"] = who

    def pull(self, connection: Connection | None = None, error: str = "") -> Pulled:
        with self.store.read() as db:
            account = accounts.get(db, "ada/work")
        done = pull(self.store, connection or self.world.open(), account, NOON, budget=lambda: True)
        assert done.error == error
        return done

    def read_up_to(self) -> dict[str, bool]:
        """Say of each folder that holds mail whether it has been read to its end."""
        with self.store.read() as db:
            stored = feeds.stored_feeds(db, "ada", "ada/work")
        return {each.name: each.last_ok_at is not None for each in stored if each.kind == "mail"}


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr("connectors.microsoft.mail.PAGE", 5)
    office = Office(tmp_path)
    yield office
    office.store.close()
    office.world.close()
    assert office.world.graph.violations == []


def full(office: Office) -> Office:
    for folder in ("inbox", "sentitems", "archive", office.world.box.post.add_folder("Projects")):
        office.letters(folder, 23)
    return office


def test_three_folders_are_read_side_by_side_and_nothing_is_refused(office: Office) -> None:
    full(office).world.graph.latency = 0.05
    assert office.pull().upserted == 4 * 23
    limits = office.world.box.limit("reader-app")
    assert limits.refused == 0
    assert 2 <= limits.most_in_flight <= 4, "three lanes, or the four of a batch that has the gate to itself"
    assert all(office.read_up_to().values())


def test_a_second_worker_at_the_same_gate_leaves_room_for_one_and_that_one_reads_on(office: Office) -> None:
    full(office)
    other = Store.open(office.url)
    leave = StoredGate(other, lambda: NOON).enter("microsoft ada/work", width=2, limit=3, wait=timedelta(0))
    assert leave is not None
    threading.Timer(1.0, leave).start()  # a batch needs the whole gate: it waits for the other to end
    assert office.pull().upserted == 4 * 23
    other.close()


def test_a_slice_that_ends_in_the_middle_is_gone_on_with(office: Office) -> None:
    full(office)
    with office.store.read() as db:
        account = accounts.get(db, "ada/work")
    upserted, slices = 0, 0
    while True:
        turns = iter([True] * 4)
        done = pull(office.store, office.world.open(), account, NOON, budget=lambda turns=turns: next(turns, False))  # type: ignore[misc]  # bound early
        upserted, slices = upserted + done.upserted, slices + 1
        if done.is_done:
            break
    assert slices > 3
    assert upserted == 4 * 23, "no page twice, none left out"


def test_pages_read_ahead_and_not_taken_are_read_again_with_their_header_fields(office: Office) -> None:
    with office.store.read() as db:
        account = accounts.get(db, "ada/work")
    for number in range(40):
        made = office.world.mail(f"{number}@far.example", at=NOON - number * HOUR)
        made["from"] = recipient(f"robot{number}@far.example")
        made["internetMessageHeaders"] += [{"name": "Auto-Submitted", "value": "auto-generated"}]
    kept = Kept(open_connection=lambda _: office.world.open(), clock=lambda: NOON)
    while True:
        turns = iter([True] * 4)
        with closing(kept.open("ada/work")) as connection:
            done = pull(office.store, connection, account, NOON, budget=lambda turns=turns: next(turns, False))  # type: ignore[misc]  # bound early
        if done.is_done:
            break
    with office.store.read() as db:
        told = ["auto-generated" in facts for facts in db.execute(select(message.c.facts)).scalars()]
    assert told == [True] * 40
    kept.close()


def test_an_idle_look_at_mail_and_calendar_is_one_call(office: Office) -> None:
    full(office)
    office.world.box.agenda.add_calendar("Travel")
    office.world.add_event("m@x.example", title="Lunch", description="", start=NOON, end=NOON + HOUR)
    office.pull()
    office.world.graph.requests.clear()
    done = office.pull()
    assert office.world.graph.requests == [("POST", "/v1.0/$batch")]
    assert (done.upserted, done.removed, done.is_done) == (0, 0, True)


def test_what_came_since_is_in_the_one_call_or_asked_for_after_it(office: Office) -> None:
    full(office)
    office.pull()
    office.world.add_event("m@x.example", title="Lunch", description="", start=NOON, end=NOON + HOUR)
    office.world.mail("new@far.example", at=NOON)
    office.world.graph.requests.clear()
    assert office.pull().upserted == 2
    asked = Counter(office.world.graph.requests)
    assert asked["POST", "/v1.0/$batch"] == 2, "the look round, and the new mail's header fields"
    others = {path.partition("/messages/")[2] for method, path in asked if method == "GET"}
    assert others == {"delta"}, "and the folders' changes; the calendar's were in the first"


def test_a_link_that_is_lost_in_the_one_call_is_read_anew(office: Office) -> None:
    office.world.add_event("m@x.example", title="Lunch", description="", start=NOON, end=NOON + HOUR)
    office.pull()
    office.world.box.agenda.log.epoch += 1
    assert office.pull().upserted == 1


def test_a_folder_list_that_fails_inside_the_one_call_loses_no_folder(office: Office) -> None:
    full(office)
    office.pull()
    before = office.read_up_to()
    office.world.graph.crowded_items = {"/me/mailFolders/delta", "/me/mailFolders/deleteditems"}
    office.world.graph.requests.clear()
    office.pull()
    assert office.read_up_to() == before
    assert office.world.graph.requests == [("POST", "/v1.0/$batch")] * 2, "what came too soon is asked again, and at once"


def test_what_is_to_wait_inside_the_one_call_waits_and_what_was_answered_is_not_asked_again(office: Office) -> None:
    full(office)
    office.pull()
    before, graph = office.read_up_to(), office.world.graph
    connection = office.world.open()
    graph.throttled_items = {"/me/mailFolders/delta", "/me/mailFolders/deleteditems"}
    graph.requests.clear()
    done = office.pull(connection, "Microsoft 365 asks to slow down (looking round).")
    assert graph.requests == [("POST", "/v1.0/$batch")]
    assert done.next_attempt_at is not None
    assert done.next_attempt_at >= NOON + timedelta(seconds=1), "as long as Graph has said"
    graph.parts.clear()
    office.pull(connection)
    assert sorted(one.partition("?")[0] for one in graph.parts) == ["/me/mailFolders/deleteditems", "/me/mailFolders/delta"]
    assert office.read_up_to() == before


def test_a_kept_connection_looks_round_without_asking_for_what_does_not_change(office: Office) -> None:
    full(office)
    kept = Kept(lambda _: office.world.open(), lambda: NOON)
    for _ in range(3):
        office.world.graph.parts.clear()
        office.world.graph.requests.clear()
        with closing(kept.open("ada/work")) as connection:
            office.pull(connection)
    assert office.world.graph.requests == [("POST", "/v1.0/$batch")]
    asked = sorted(one.partition("?")[0].rpartition("/")[2] for one in office.world.graph.parts)
    assert asked == ["calendars", "delta", "delta", "messages"], "one delta of the folders, one of the calendar"
    kept.close()


def test_a_folder_that_was_not_there_is_looked_for_again_at_the_next_look(office: Office) -> None:
    post, graph = office.world.box.post, office.world.graph
    junk = post.folder_id("junkemail")
    hidden = post.folders.pop(junk)
    connection = office.world.open()
    office.pull(connection)
    post.folders[junk] = hidden
    office.letters("junkemail", 3)
    assert office.pull(connection).upserted == 0, "it is known for junk, and not read"
    graph.parts.clear()
    office.pull(connection)
    assert not [one for one in graph.parts if "junkemail" in one], "and is not asked for at each look, once it is there"


def test_a_kept_connection_takes_a_series_words_from_graph_each_time(office: Office) -> None:
    agenda = office.world.box.agenda
    master, stubs = agenda.add_series(start=NOON, length=HOUR, every=7 * 24 * HOUR, count=3, subject="Weekly")
    side = office.world.open().calendar
    assert side is not None
    for name in ("Weekly", "Monthly"):
        agenda.touch(master["id"], subject=name)
        found = {event.summary for feed in side.feeds() for page in side.changes(feed, None) for event in page.upserted}
        assert found == {name}
    assert len(stubs) == 3


def test_a_batch_beside_other_requests_is_throttled_part_by_part_and_asked_again(office: Office) -> None:
    limits = office.world.box.limit("reader-app")
    office.letters("inbox", 1)
    connection = office.world.open()
    assert connection.mailbox is not None
    limits.in_flight = 1
    assert [feed.name for feed in connection.mailbox.feeds()][:1]
    assert limits.refused
    assert limits.in_flight == 1


def test_a_mailbox_over_its_minute_waits_and_loses_nothing(office: Office) -> None:
    full(office)

    class Little:
        """Enough for a few pages."""

        left = 30

        def take(self, name: str, *, price: int, count: int, limit: int) -> int:
            assert (name, limit) == ("microsoft ada/work", 900)
            self.left -= price
            if self.left < 0:
                raise RateLimited("enough", retry_after=timedelta(seconds=5), is_paced=True)
            return count

    upserted, slices = 0, 0
    done = None
    while done is None or not done.is_done:
        office.world.quota = Little()
        done = office.pull()
        upserted, slices = upserted + done.upserted, slices + 1
        assert done.is_done or done.held_back is not None
    assert slices > 2
    assert upserted == 4 * 23


def test_what_others_have_paid_for_is_taken_in_before_one_that_cannot_pay_ends_the_slice(office: Office) -> None:
    full(office)

    class NoHeaders:
        """Enough for everything but header fields, which sent mail needs none of."""

        def take(self, name: str, *, price: int, count: int, limit: int) -> int:
            if price in (1, 13, 15):
                return count
            raise RateLimited("enough", retry_after=timedelta(seconds=5), is_paced=True)

    office.world.quota = NoHeaders()
    done = office.pull()
    assert (done.is_done, done.held_back) == (False, timedelta(seconds=5))
    assert office.read_up_to()["Gesendete Elemente"]
    assert done.upserted == 23
    office.world.quota = None
    assert office.pull().upserted == 3 * 23, "and nothing is read twice"


def test_one_message_that_has_gone_keeps_no_others_header_fields_back(office: Office) -> None:
    for number in range(8):
        made = office.world.mail(f"news-{number}@list.example", at=NOON - number * HOUR)
        made["from"] = recipient(f"news{number}@list.example")
        made["internetMessageHeaders"] += [{"name": "List-Id", "value": f"<{number}.list.example>"}]
    connection = office.world.open()
    assert connection.mailbox is not None
    feed = next(feed for feed in connection.mailbox.feeds() if feed.role == "\\Inbox")
    gone = {office.world.box.post.named(f"news-{number}@list.example")["id"] for number in (1, 3)}  # type: ignore[index]  # they are there
    office.world.graph.hidden_items = gone
    facts = {fact.message_id: fact for page in connection.mailbox.changes(feed, None) for fact in page.upserted}
    assert {name for name, fact in facts.items() if fact.list_id} == {
        f"news-{number}@list.example" for number in (0, 2, 4, 5, 6, 7)
    }


def test_a_place_handed_on_to_somebody_who_was_broken_off_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    given_back: list[str] = []
    lanes = Lanes(lambda *_: lambda: given_back.append("a place"))
    first = lanes.entered(0, 1, HOUR)
    assert first.__enter__()

    def broken_off(_: object) -> bool:
        first.__exit__(None, None, None)
        assert given_back == [], "somebody waits: it is handed on"
        raise KeyboardInterrupt

    monkeypatch.setattr(lanes._moved, "wait_for", broken_off)  # noqa: SLF001 - where a thread is broken off
    with pytest.raises(KeyboardInterrupt), lanes.entered(0, 1, HOUR):
        pass
    assert given_back == ["a place"]
