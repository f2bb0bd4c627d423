"""The same store on PostgreSQL: the same facts give the same rows there as on SQLite."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from connectors.port import Changes, Cursor
from tests.conftest import Server
from tests.worker.conftest import fresh_database, postgresql
from tests.worker.world import BOB, DAY, EVE, HOUR, ME, NEWS, NOW, World, mail, meeting
from worker.store import copies, feeds, leases, people, schema
from worker.store.engine import Unreadable
from worker.store.feeds import Overtaken
from worker.store.rebuild import rebuild
from worker.store.store import Store
from worker.store.tables import meta


def busy_world(world: World) -> World:
    world.receive(mail(1, BOB, ME, at=NOW - 90 * DAY), mail(2, EVE, ME, BOB), mail(3, NEWS, ME, list_id="<news.shop.example>"))
    world.receive(mail(4, ME, BOB, at=NOW - 89 * DAY, in_reply_to=("1@mail.example",), labels=frozenset({"\\Sent"})), feed="sent")
    world.book(meeting("past", NOW - 3 * DAY, EVE), meeting("next", NOW + 3 * DAY, BOB))
    world.book(meeting("weekly", NOW - 30 * DAY, BOB, EVE, recurrence=("RRULE:FREQ=WEEKLY;COUNT=9",)))
    world.pull_all()
    return world


def test_the_same_facts_give_the_same_rows_on_postgresql(postgres: Server) -> None:
    there, here = busy_world(World(url=postgres.url)), busy_world(World())
    for world in (there, here):
        world.catch_up()
        world.provider.mail.remove("2")
        world.book(meeting("weekly", NOW - 30 * DAY + HOUR, EVE, recurrence=("RRULE:FREQ=WEEKLY;COUNT=9",)))
        world.pull_all()
        world.provider.expire_cursors()
        world.pull_all()
    ours, theirs = here.rows(), there.rows()
    assert [row[:7] for row in theirs["address"]] == [row[:7] for row in ours["address"]]
    assert {name: theirs[name] for name in ("party", "occurrence", "attendance")} == {
        name: ours[name] for name in ("party", "occurrence", "attendance")
    }
    assert there.rebuilt() == theirs
    found, known = there.network(), here.network()
    assert len(found.relations) > 1
    assert [each.contacts for each in sorted(found.relations, key=lambda one: one.person.addresses)] == [
        each.contacts for each in sorted(known.relations, key=lambda one: one.person.addresses)
    ]
    there.store.close()


def test_people_are_found_merged_split_and_forgotten_on_postgresql(postgres: Server) -> None:
    world = busy_world(World(url=postgres.url))
    with world.store.write() as db:
        bob, eve = people.find(db, "ada", "bob@elsewhere.example")[0], people.find(db, "ada", "Eve Fox")[0]
        people.merge(db, "ada", bob.id, eve.id)
        assert len(people.people(db, "ada")) == 1
        people.split(db, "ada", bob.id, "eve@further.example")
        assert len(people.people(db, "ada")) == 2
        people.forget(db, "ada", ["eve@further.example"], world.now)
        assert [each.name for each in people.people(db, "ada")] == ["Bob Stone"]
        rebuild(db, "ada", world.now, "Europe/Berlin")
        assert [each.name for each in people.people(db, "ada")] == ["Bob Stone"]
    world.store.close()


def test_one_of_many_gets_a_lease_on_postgresql(postgres: Server) -> None:
    world = World(url=postgres.url)

    def ask(number: int) -> bool:
        with world.store.write() as db:
            return leases.acquire(db, "decide:ada", f"worker {number}", world.now, timedelta(minutes=1)) is not None

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 1
    world.store.close()


def test_two_readers_of_one_feed_commit_a_page_once_on_postgresql(postgres: Server) -> None:
    world = busy_world(World(url=postgres.url))
    inbox = next(each for each in world.feeds() if each.id == "inbox")

    def commit(number: int) -> bool:
        page = Changes(upserted=(replace(mail(9, BOB, ME), remote_id="9"),), cursor=Cursor(f"after {number}"), is_last=True)
        try:
            with world.store.write() as db:
                feeds.commit_page(db, inbox, page, world.now)
        except Overtaken:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(commit, range(6))) == 1
    world.catch_up()
    assert world.rows() == world.rebuilt()
    world.store.close()


def test_an_upgrade_on_postgresql_says_what_it_did(postgres: Server) -> None:
    assert schema.upgrade(postgres.url)[1] == schema.REVISIONS[-1]


def test_a_server_that_is_stopped_amid_a_transaction_is_said_and_the_next_goes_through(postgresql_store: Store) -> None:
    with pytest.raises(Unreadable, match="does not answer"), postgresql_store.write() as db:
        db.execute(select(func.pg_terminate_backend(func.pg_backend_pid())))
    with postgresql_store.write() as db:
        assert db.execute(select(1)).scalar() == 1


def test_what_a_dump_was_restored_to_counts_as_restored_once_and_nothing_else_does(postgres: Server, database: str) -> None:
    for _ in range(2):
        store = Store.open(database)
        assert store.ledger_epoch() == 0
        store.close()
    postgresql("psql", "--command=VACUUM FULL", database)
    store = Store.open(database)
    assert (store.ledger_epoch(), store.restored_at(NOW)) == (0, None)
    dump = postgresql("pg_dump", "--clean", database)
    with fresh_database(postgres) as elsewhere:
        postgresql("psql", "--quiet", elsewhere, given=dump.replace(b"DROP ", b"-- DROP "))
        with ThreadPoolExecutor(4) as pool:
            opened = list(pool.map(Store.open, [elsewhere] * 4))
        assert [each.ledger_epoch() for each in (*opened, Store.open(elsewhere))] == [1] * 5
        assert opened[0].installation() == store.installation()
        for each in opened:
            each.close()
    store.close()
    postgresql("psql", "--quiet", database, given=dump)
    again = Store.open(database)
    assert again.ledger_epoch() == 1, "its tables were dropped and made anew in the same database"
    again.close()


def test_of_two_that_find_it_restored_at_the_same_time_one_counts_that(database: str) -> None:
    store = Store.open(database)
    with store.write() as db:
        db.execute(update(meta).where(meta.c.name == copies.PLACE).values(value="where it lay before"))

    def note() -> None:
        with store.write() as db:
            copies.note(db)

    with ThreadPoolExecutor(1) as pool:
        with store.write() as db:
            copies.note(db)
            second = pool.submit(note)
            time.sleep(0.5)  # it has seen where the store lay before, and waits for the row
        second.result(timeout=60)
    assert store.ledger_epoch() == 1
    store.close()
