"""Mail packed where it is read is stored as if it had been handed over as it is, whatever changes or is poison meanwhile."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.memory import Connection
from connectors.optional import Packing as AnyPacking
from connectors.port import Changes, Cursor
from rules.facts import Address, MessageMetadata
from rules.people import OwnerKeys
from tests.worker.world import BOB, EVE, ME, NOW, World, mail
from worker.pull import pull
from worker.pulled import Pulled
from worker.store import accounts, left_out, people
from worker.store.forgetting import forget
from worker.store.forgotten import Forgotten
from worker.store.mail_page import MailPage, Packing
from worker.store.store import Store
from worker.store.tombstones import forgotten_by

CROWD = [Address(email=f"p{number}@firm.example", name=f"Pérson No{number}") for number in range(9)]
LISTED = {"list_id": "<team.firm.example>", "list_unsubscribe": "<https://firm.example/u>", "precedence": "list"}
MAILS = [
    replace(
        mail(f"m{number}", CROWD[number % 9], ME, *CROWD[number % 5 : number % 7], at=NOW - timedelta(hours=number % 40)),
        **(LISTED if number % 4 == 0 else {"in_reply_to": (f"m{number - 1}",), "references": ("a", "b")} if number % 3 else {}),
        message_id=f"m{number % 140}@firm.example",
    )
    for number in range(150)
]
PACKING = Packing(
    known_as=OwnerKeys(keys=frozenset({"ada@firm.example"})), forgotten=Forgotten(owner="ada", pepper="", digests=frozenset())
)


@pytest.fixture
def world(empty_store: Store) -> World:
    return World(given=empty_store)


class Packer:
    """The mailbox of the memory provider, with a reader beside it: every other message is packed there."""

    def __init__(self, real: Any, meanwhile: Callable[[], None]) -> None:  # noqa: ANN401 - the memory provider's
        self.real, self.meanwhile = real, meanwhile
        self.by: AnyPacking | None = None
        self.pages = list[Sequence[MessageMetadata]]()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as above
        return getattr(self.real, name)

    @contextmanager
    def packing(self, by: AnyPacking, _first_reads: object = ()) -> Iterator[None]:
        self.by = pickle.loads(pickle.dumps(by))  # noqa: S301 - as another process would have it
        yield
        self.by = None

    def changes(self, feed: Any, since: Any) -> Iterator[Any]:  # noqa: ANN401 - as above
        for page in self.real.changes(feed, since):
            if self.by is None or not page.upserted:
                yield page
                continue
            even, odd = page.upserted[::2], page.upserted[1::2]
            try:
                portions = [self.by.pack(even), list(odd)]
            except (TypeError, ValueError):
                portions = [list(even), self.by.pack(odd)]
            self.pages.append(self.by.unpack(portions))
            self.meanwhile()
            yield replace(page, upserted=self.pages[-1])


def read(world: World, meanwhile: Callable[[], None] = lambda: None) -> tuple[Pulled, Packer]:
    connection = Connection(world.provider)
    packer = Packer(connection.mailbox, meanwhile)
    connection.mailbox = packer  # type: ignore[assignment]  # all of it that a pull asks
    with world.store.read() as db:
        account = accounts.get(db, "ada/main")
    return pull(world.store, connection, account, world.now, budget=lambda: True), packer


def test_a_packed_first_read_leaves_what_a_plain_one_does(world: World) -> None:
    world.provider.page_size = 40
    world.receive(*MAILS)
    done, packer = read(world)
    assert (done.upserted, done.is_done, done.error) == (150, True, "")
    assert all(isinstance(page, MailPage) for page in packer.pages)
    assert world.stored_mail() == world.provided_mail()
    assert len(world.rows()["party"]) > 100
    assert world.rows() == world.rebuilt()


def test_a_read_that_is_no_first_one_is_not_packed(world: World) -> None:
    read(world)
    world.receive(*MAILS[:4])
    done, packer = read(world)
    assert done.upserted == 4
    assert packer.pages == []


def test_what_was_packed_before_the_owner_had_another_address_is_judged_by_both(world: World) -> None:
    def learned() -> None:
        with world.store.write() as db:
            accounts.learn(db, "ada/main", [CROWD[3]])

    world.receive(*MAILS)
    read(world, learned)
    assert "p3@firm.example" not in {row[0] for row in world.rows()["party"]}
    assert world.rows() == world.rebuilt()


def test_whoever_is_forgotten_while_their_mail_is_packed_is_not_stored(world: World) -> None:
    def forgotten() -> None:
        with world.store.write() as db:
            if not forgotten_by(db, "ada").digests:
                forget(db, "ada", ["p3@firm.example"], world.now)

    world.receive(*MAILS)
    read(world, forgotten)
    stored = world.stored_mail().values()
    assert stored
    assert not any("p3@" in repr(each) for each in stored)
    with world.store.read() as db:
        assert people.find(db, "ada", "p3@firm.example") == []


def test_one_poison_message_keeps_no_packed_neighbour_from_being_stored(world: World) -> None:
    bad = replace(mail(2, BOB, ME), size=object())  # type: ignore[arg-type]  # what no database stores
    world.receive(mail(1, BOB, ME), bad, mail(3, EVE, ME), *MAILS[:6])
    done, _ = read(world)
    assert done.is_done
    assert world.stored_mail().keys() == world.provided_mail().keys() - {("inbox", "2")}
    with world.store.read() as db:
        assert [(each.reason, each.count, each.example) for each in left_out.skips(db, "ada/main")] == [
            ("it cannot be stored", 1, "2")
        ]


def test_of_a_message_packed_twice_the_last_counts() -> None:
    early, late = replace(MAILS[0], subject="early"), replace(MAILS[0], subject="late")
    page = PACKING.unpack([PACKING.pack([early, MAILS[1]]), PACKING.pack([late])])
    assert {each.remote_id: each.subject for each in page}[late.remote_id] == "late"
    assert len(page) == 2


def test_what_is_too_old_is_left_out_of_a_packed_page_as_out_of_any_other() -> None:
    since = NOW - timedelta(hours=20)
    old = [each.remote_id for each in MAILS if each.sent_at < since]
    plain = left_out.young(Changes(upserted=tuple(MAILS), cursor=Cursor("1")), since)
    packed = left_out.young(Changes(upserted=PACKING.unpack([PACKING.pack(MAILS)]), cursor=Cursor("1")), since)
    assert old
    assert [each.remote_id for each in plain.upserted] == [each.remote_id for each in packed.upserted]
    assert all(each.sent_at >= since for each in packed.upserted)
    assert len(packed.upserted) == len(MAILS) - len(old)
    assert plain.removed == packed.removed == tuple(old)
    assert {each.reason for each in packed.skipped} == {left_out.TOO_OLD}
    assert isinstance(packed.upserted, MailPage)
    assert packed.upserted.seen.keys() == packed.upserted.rows.keys()
    assert packed.upserted.by == PACKING


def test_of_a_message_that_is_left_out_nothing_is_told() -> None:
    bounce = replace(MAILS[0], content_type="multipart/report; report-type=delivery-status")
    page = left_out.young(Changes(upserted=PACKING.unpack([PACKING.pack([bounce])]), cursor=Cursor("1")), NOW + timedelta(days=1))
    assert isinstance(page.upserted, MailPage)
    assert list(page.upserted.told()) == []


def test_of_a_message_packed_twice_nothing_is_told_that_only_the_first_did() -> None:
    first, last = replace(MAILS[0], content_type="multipart/report; report-type=delivery-status"), MAILS[0]
    for portions in ([[first, last]], [[first], [last]], [PACKING.pack([first]), PACKING.pack([last])]):
        page = PACKING.unpack(portions)
        assert isinstance(page, MailPage)
        assert list(page.told()) == []
    page = PACKING.unpack([PACKING.pack([last]), PACKING.pack([first])])
    assert isinstance(page, MailPage)
    assert [found for found, _ in page.told()] == [first]


def test_what_is_packed_says_of_each_message_what_is_worked_out_here() -> None:
    here, there = PACKING.page(MAILS), PACKING.unpack([PACKING.pack(MAILS[:70]), PACKING.pack(MAILS[70:])])
    assert isinstance(there, MailPage)
    assert (there.rows, there.seen, there.telling) == (here.rows, here.seen, here.telling)
    assert list(there) == list(here) == MAILS
    assert (there[3], there[3:5]) == (MAILS[3], MAILS[3:5])
