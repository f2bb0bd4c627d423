"""Who else is on the newest mail with an address, as the store reads it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rules.facts import Address
from tests.worker.world import BOB, EVE, ME, NOW, World, mail
from worker.store.beside import SAMPLE, correspondents
from worker.store.store import Store

CY, DY, FAY = (Address(email=f"{name}@others.example", name=name) for name in ("cy", "dy", "fay"))


@pytest.fixture
def world(empty_store: Store) -> World:
    return World(given=empty_store)


def beside(world: World, *asked: Address) -> dict[str, frozenset[str]]:
    world.pull_all()
    with world.store.read() as db:
        return correspondents(db, "ada", [each.email for each in asked])


def test_whoever_a_message_names_openly_is_beside_those_it_is_of_or_to(world: World) -> None:
    world.receive(
        mail(1, BOB, ME, CY),
        mail(2, ME, BOB, cc=(DY,), bcc=(FAY,)),
        replace(mail(3, EVE, ME), reply_to=(FAY,)),
        mail(4, EVE, ME, list_id="<team.others.example>", cc=(CY,)),
    )
    found = beside(world, BOB, EVE, FAY)
    assert found == {
        BOB.email: {"cy@others.example", "dy@others.example"},
        EVE.email: {"fay@others.example", "cy@others.example"},
        FAY.email: {BOB.email, "dy@others.example"},
    }


def test_only_the_newest_mail_of_an_address_is_looked_at(world: World) -> None:
    old = mail(1, BOB, ME, CY, at=NOW - timedelta(days=400))
    world.receive(old, *(mail(10 + n, BOB, ME, DY, at=NOW - timedelta(days=1 + n)) for n in range(SAMPLE - 1)))
    assert beside(world, BOB) == {BOB.email: {"cy@others.example", "dy@others.example"}}
    world.receive(mail(2, BOB, ME, FAY, at=NOW - timedelta(hours=1)))
    assert beside(world, BOB) == {BOB.email: {"dy@others.example", "fay@others.example"}}


def test_an_address_no_mail_names_has_nobody_beside_it(world: World) -> None:
    world.receive(mail(1, BOB, ME))
    assert beside(world, BOB, EVE) == {BOB.email: frozenset()}
